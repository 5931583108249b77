"""What must hold of the stacks before they meet AWS: every box and number of the design, the agreement with dapr-config, and what
no emulator would notice. A check yields what is wrong in words; test_checks.py sees that none is wrong and that each can be."""

import ipaddress
import json
import re
from collections.abc import Iterator

from deployment import CLUSTER, FOLDER, NAMESPACE, STACKS, Deployment
from findings import Checks, Findings, differs

from shop.template import Template

CHECKS = check = Checks()
findings = CHECKS.findings

ZONES = ("us-west-2a", "us-west-2b", "us-west-2c")
PUBLIC = dict(zip(ZONES, ("10.0.1.0/24", "10.0.2.0/24", "10.0.3.0/24")))
PRIVATE = dict(zip(ZONES, ("10.0.10.0/24", "10.0.11.0/24", "10.0.12.0/24")))
ANYWHERE = "0.0.0.0/0"
FOURTEEN_DAYS = 14 * 24 * 3600
# Container Insights writes to these.
INSIGHTS = {f"/aws/containerinsights/{CLUSTER}/{part}" for part in ("application", "dataplane", "host", "performance")}


def statements(policy) -> list[dict]:
    document = json.loads(policy) if isinstance(policy, str) else policy
    found = document["Statement"]
    return found if isinstance(found, list) else [found]


def listed(value) -> list:
    return value if isinstance(value, list) else [value]


def by_name(resources: dict[str, dict], key: str) -> dict[str, dict]:
    return {properties[key]: properties for properties in resources.values()}


def policies(template: Template) -> Iterator[tuple[str, str, dict]]:
    """Resource, kind and document of every policy of a stack."""
    for logical, properties in template.resources().items():
        for key in ("AssumeRolePolicyDocument", "PolicyDocument", "KeyPolicy", "RepositoryPolicyText", "ResourcePolicy"):
            if key in properties:
                yield logical, key, json.loads(properties[key]) if isinstance(properties[key], str) else properties[key]
        for inline in properties.get("Policies", []):
            yield logical, "Policies", inline["PolicyDocument"]


# --- the network


@check
def vpc(deployment: Deployment) -> Findings:
    vpcs = deployment.network.resources("AWS::EC2::VPC")
    yield from differs("the number of VPCs", 1, len(vpcs))
    (properties,) = vpcs.values()
    yield from differs("the VPC's addresses", "10.0.0.0/16", properties["CidrBlock"])
    for switch in ("EnableDnsSupport", "EnableDnsHostnames"):
        yield from differs(f"the VPC's {switch}", True, properties.get(switch))
    asked = deployment.asked(InterfaceEndpoints="true").network
    for kind in ("Subnet", "RouteTable", "VPCGatewayAttachment", "VPCEndpoint", "SecurityGroup"):
        for logical, each in asked.resources(f"AWS::EC2::{kind}").items():
            yield from differs(f"the VPC of {logical}", f"<{next(iter(vpcs))}>", each.get("VpcId"))


@check
def subnets(deployment: Deployment) -> Findings:
    """Addresses, zones, and what makes a subnet public or private: where its default route goes."""
    network = deployment.network
    zones = {"gateway": {}, "nat": {}}
    for logical, properties in network.resources("AWS::EC2::Subnet").items():
        way, _ = _way_out(network, logical)
        if properties["AvailabilityZone"] in zones[way]:
            yield f"{properties['AvailabilityZone']} has two subnets whose way out is {way}"
        zones[way][properties["AvailabilityZone"]] = properties["CidrBlock"]
        if not ipaddress.ip_network(properties["CidrBlock"]).subnet_of(ipaddress.ip_network("10.0.0.0/16")):
            yield f"{logical} lies outside the VPC"
        yield from differs(f"{logical} gives out public addresses", False, properties.get("MapPublicIpOnLaunch"))
        tag = "kubernetes.io/role/elb" if way == "gateway" else "kubernetes.io/role/internal-elb"
        roles = {each["Key"]: each["Value"] for each in properties["Tags"] if each["Key"].startswith("kubernetes.io")}
        yield from differs(f"the tags of {logical}", {tag: "1"}, roles)
    yield from differs("public subnets", PUBLIC, zones["gateway"])
    yield from differs("private subnets", PRIVATE, zones["nat"])


def _way_out(network: Template, subnet: str) -> tuple[str, str]:
    """Of a subnet by logical id: the kind and the logical id of what its default route leads to."""
    table = next(each["RouteTableId"] for each in network.resources("AWS::EC2::SubnetRouteTableAssociation").values()
                 if each["SubnetId"] == f"<{subnet}>")
    route = next(each for each in network.resources("AWS::EC2::Route").values()
                 if each["RouteTableId"] == table and each["DestinationCidrBlock"] == ANYWHERE)
    return ("nat", route["NatGatewayId"]) if "NatGatewayId" in route else ("gateway", route["GatewayId"])


@check
def ways_out(deployment: Deployment) -> Findings:
    """An internet gateway on the VPC, and in each zone a NAT gateway with an address of its own that serves this zone."""
    network = deployment.network
    (gateway,) = network.resources("AWS::EC2::InternetGateway")
    (attachment,) = network.resources("AWS::EC2::VPCGatewayAttachment").values()
    yield from differs("the attached gateway", f"<{gateway}>", attachment.get("InternetGatewayId"))
    zone = {logical: properties["AvailabilityZone"] for logical, properties in network.resources("AWS::EC2::Subnet").items()}
    gateways = network.resources("AWS::EC2::NatGateway")
    yield from differs("zones with a NAT gateway", set(ZONES), {zone[each["SubnetId"].strip("<>")] for each in gateways.values()})
    addresses = [each["AllocationId"] for each in gateways.values()]
    yield from differs("addresses of NAT gateways", {f"<{logical}.AllocationId>" for logical in network.resources("AWS::EC2::EIP")},
                       set(addresses))
    yield from differs("the number of those addresses", len(gateways), len(set(addresses)))
    for logical in zone:
        way, target = _way_out(network, logical)
        if way == "gateway":
            yield from differs(f"the way out of {logical}", f"<{gateway}>", target)
            continue
        public = gateways[target.strip("<>")]["SubnetId"].strip("<>")
        yield from differs(f"the zone of the NAT gateway of {logical}", zone[logical], zone[public])
        yield from differs(f"the way out of the NAT gateway of {logical}", "gateway", _way_out(network, public)[0])
    for logical, properties in network.resources("AWS::EC2::EIP").items():
        yield from differs(f"the domain of {logical}", "vpc", properties.get("Domain"))
    for logical, resource in network.document["Resources"].items():
        needs = resource["Type"] == "AWS::EC2::EIP" or resource.get("Properties", {}).get("GatewayId")
        if needs and "InternetGatewayAttachment" not in listed(resource.get("DependsOn", [])):
            yield f"{logical} does not wait for the internet gateway's attachment"


@check
def endpoints(deployment: Deployment) -> Findings:
    network = deployment.network
    private = {f"<{logical}>" for logical in network.resources("AWS::EC2::Subnet") if _way_out(network, logical)[0] == "nat"}
    tables = {each["RouteTableId"] for each in network.resources("AWS::EC2::SubnetRouteTableAssociation").values()
              if each["SubnetId"] in private}
    yield from differs("private route tables", 3, len(tables))
    gateways = {each["ServiceName"]: each for each in network.resources("AWS::EC2::VPCEndpoint").values()}
    prefix = f"com.amazonaws.{deployment.facts['region']}."
    yield from differs("endpoints that cost nothing", {prefix + "dynamodb", prefix + "s3"}, set(gateways))
    for name, properties in gateways.items():
        yield from differs(f"the kind of {name}", "Gateway", properties.get("VpcEndpointType"))
        yield from differs(f"route tables of {name}", tables, set(properties["RouteTableIds"]))
    asked = deployment.asked(InterfaceEndpoints="true").network
    interfaces = {each["ServiceName"]: each for each in asked.resources("AWS::EC2::VPCEndpoint").values()
                  if each["VpcEndpointType"] == "Interface"}
    yield from differs("endpoints that pay under load", {prefix + name for name in ("sqs", "sns", "logs")}, set(interfaces))
    for name, properties in interfaces.items():
        yield from differs(f"subnets of {name}", private, set(properties["SubnetIds"]))
        yield from differs(f"private DNS of {name}", True, properties.get("PrivateDnsEnabled"))
        (group,) = properties["SecurityGroupIds"]
        for direction, wanted in (("Ingress", ("tcp", 443, 443, "<Vpc.CidrBlock>")), ("Egress", ("icmp", 252, 86, "127.0.0.1/32"))):
            (rule,) = asked.properties(group.strip("<>"))[f"SecurityGroup{direction}"]
            yield from differs(f"{direction} of {name}", wanted, (rule["IpProtocol"], rule["FromPort"], rule["ToPort"], rule["CidrIp"]))


@check
def flow_logs(deployment: Deployment) -> Findings:
    (log,) = deployment.network.resources("AWS::EC2::FlowLog").values()
    yield from differs("what flow logs are of", ("VPC", "<Vpc>", "ALL"), (log["ResourceType"], log["ResourceId"], log["TrafficType"]))
    yield from differs("where they go", "cloud-watch-logs", log["LogDestinationType"])
    groups = by_name(deployment.network.resources("AWS::Logs::LogGroup"), "LogGroupName")
    if log["LogGroupName"] not in groups:
        yield f"flow logs go to {log['LogGroupName']}, which nothing makes"
    role = next(name for name, each in deployment.network.resources("AWS::IAM::Role").items()
                if log["DeliverLogsPermissionArn"].endswith("/" + each["RoleName"]))
    properties = deployment.network.properties(role)
    (trust,) = statements(properties["AssumeRolePolicyDocument"])
    yield from differs("who writes flow logs", ("Allow", {"Service": "vpc-flow-logs.amazonaws.com"}, "sts:AssumeRole"),
                       (trust["Effect"], trust["Principal"], trust["Action"]))
    yield from differs("for whom flow logs are written", {"StringEquals": {"aws:SourceAccount": deployment.network.account}},
                       trust.get("Condition"))
    (may,) = statements(properties["Policies"][0]["PolicyDocument"])
    yield from differs("what the flow logs' role may", {"logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"},
                       set(may["Action"]))
    yield from differs("where it may", deployment.arn("logs", f"log-group:{log['LogGroupName']}:*"), may["Resource"])


# --- the cluster


@check
def cluster(deployment: Deployment) -> Findings:
    stack = deployment.cluster
    yield from differs("the version's default", "1.29", stack.document["Parameters"]["KubernetesVersion"].get("Default"))
    (properties,) = stack.resources("AWS::EKS::Cluster").values()
    yield from differs("the cluster's name", CLUSTER, properties.get("Name"))
    yield from differs("the cluster's version", "1.29", properties.get("Version"))
    yield from differs("the cluster's role", f"arn:aws:iam::{stack.account}:role/{CLUSTER}", properties.get("RoleArn"))
    network = properties["ResourcesVpcConfig"]
    yield from differs("the cluster's subnets", _private_subnets(deployment), set(network["SubnetIds"]))
    yield from differs("access from the VPC", True, network.get("EndpointPrivateAccess"))
    yield from differs("access over the internet", False, network.get("EndpointPublicAccess"))
    (asked,) = deployment.asked(AdminCidr="203.0.113.7/32").cluster.resources("AWS::EKS::Cluster").values()
    yield from differs("access over the internet, where asked for", (True, ["203.0.113.7/32"]),
                       (asked["ResourcesVpcConfig"].get("EndpointPublicAccess"), asked["ResourcesVpcConfig"].get("PublicAccessCidrs")))
    yield from differs("how one is let in", ("API", True), (properties["AccessConfig"].get("AuthenticationMode"),
                                                           properties["AccessConfig"].get("BootstrapClusterCreatorAdminPermissions")))
    yield from differs("what is encrypted", [{"Provider": {"KeyArn": "<ClusterKey.Arn>"}, "Resources": ["secrets"]}],
                       properties.get("EncryptionConfig"))
    types = {each["Type"] for each in properties["Logging"]["ClusterLogging"]["EnabledTypes"]}
    yield from differs("the control plane's logs", {"api", "audit", "authenticator", "controllerManager", "scheduler"}, types)
    logs = next(name for name, each in stack.resources("AWS::Logs::LogGroup").items()
                if each["LogGroupName"] == f"/aws/eks/{CLUSTER}/cluster")
    if logs not in listed(stack.document["Resources"]["Cluster"].get("DependsOn", [])):
        yield "the cluster does not wait for its log group, and would make one without an end"
    role = stack.properties("ClusterRole")
    (trust,) = statements(role["AssumeRolePolicyDocument"])
    yield from differs("who takes the cluster's role", {"Service": "eks.amazonaws.com"}, trust["Principal"])
    yield from differs("the cluster's policies", ["arn:aws:iam::aws:policy/AmazonEKSClusterPolicy"], role.get("ManagedPolicyArns"))


def _private_subnets(deployment: Deployment) -> set[str]:
    return {f"<{logical}>" for logical, properties in deployment.network.resources("AWS::EC2::Subnet").items()
            if properties["CidrBlock"] in PRIVATE.values()}


@check
def nodes(deployment: Deployment) -> Findings:
    stack = deployment.cluster
    zone = {f"<{logical}>": properties["AvailabilityZone"]
            for logical, properties in deployment.network.resources("AWS::EC2::Subnet").items()}
    groups = stack.resources("AWS::EKS::Nodegroup")
    private = _private_subnets(deployment)
    zones = []
    for logical, properties in groups.items():
        (subnet,) = properties["Subnets"]
        zones.append(zone[subnet])
        if subnet not in private:
            yield f"{logical} is not in a private subnet"
        yield from differs(f"the name of {logical}", f"ecommerce-{zone[subnet]}", properties.get("NodegroupName"))
        yield from differs(f"the cluster of {logical}", CLUSTER, properties.get("ClusterName"))
        yield from differs(f"the instances of {logical}", ["t3.medium"], properties.get("InstanceTypes"))
        yield from differs(f"the image of {logical}", "AL2023_x86_64_STANDARD", properties.get("AmiType"))
        yield from differs(f"the version of {logical}", "1.29", properties.get("Version"))
        yield from differs(f"how {logical} is paid for", "ON_DEMAND", properties.get("CapacityType"))
        yield from differs(f"the role of {logical}", f"arn:aws:iam::{stack.account}:role/ecommerce-eks-node", properties.get("NodeRole"))
        scaling = properties["ScalingConfig"]
        if not 1 <= scaling["MinSize"] <= scaling["DesiredSize"] <= scaling["MaxSize"] or scaling["MaxSize"] < 2:
            yield f"the size of {logical} is {scaling}"
        yield from differs(f"how many nodes of {logical} an update takes away", 1, properties["UpdateConfig"]["MaxUnavailable"])
        yield from differs(f"the template of {logical}", {"Id": "<NodeTemplate>", "Version": "<NodeTemplate.LatestVersionNumber>"},
                           properties.get("LaunchTemplate"))
        if "NetworkAddon" not in listed(stack.document["Resources"][logical].get("DependsOn", [])):
            yield f"{logical} does not wait for the network plugin's role"
    yield from differs("zones of node groups", list(ZONES), sorted(zones))
    template = stack.properties("NodeTemplate")["LaunchTemplateData"]
    yield from differs("the nodes' metadata service", {"HttpTokens": "required", "HttpPutResponseHopLimit": 1, "HttpEndpoint": "enabled"},
                       template.get("MetadataOptions"))
    (device,) = template["BlockDeviceMappings"]
    disk = device["Ebs"]
    yield from differs("the nodes' disk", ("/dev/xvda", True, "gp3", True), (
        device.get("DeviceName"), disk.get("Encrypted"), disk.get("VolumeType"), disk.get("DeleteOnTermination")))
    if disk["VolumeSize"] < 20:
        yield f"the nodes' disk has {disk['VolumeSize']} GB, less than their image asks for"
    role = stack.properties("NodeRole")
    (trust,) = statements(role["AssumeRolePolicyDocument"])
    yield from differs("who takes the nodes' role", {"Service": "ec2.amazonaws.com"}, trust["Principal"])
    yield from differs("the nodes' policies", {f"arn:aws:iam::aws:policy/{name}" for name in (
        "AmazonEKSWorkerNodePolicy", "AmazonEC2ContainerRegistryPullOnly")}, set(role["ManagedPolicyArns"]))


ADDONS = {  # name → service account and AWS's policy of its role
    "vpc-cni": ("kube-system:aws-node", "AmazonEKS_CNI_Policy"),
    "kube-proxy": None,
    "coredns": None,
    "aws-ebs-csi-driver": ("kube-system:ebs-csi-controller-sa", "service-role/AmazonEBSCSIDriverPolicy"),
    "metrics-server": None,
    "amazon-cloudwatch-observability": ("amazon-cloudwatch:cloudwatch-agent", "CloudWatchAgentServerPolicy"),
}


@check
def addons(deployment: Deployment) -> Findings:
    stack = deployment.cluster
    has = by_name(stack.resources("AWS::EKS::Addon"), "AddonName")
    yield from differs("add-ons", set(ADDONS), set(has))
    nodes = set(stack.resources("AWS::EKS::Nodegroup"))
    for logical, properties in stack.resources("AWS::EKS::Addon").items():
        waits = set(listed(stack.document["Resources"][logical].get("DependsOn", [])))
        # These run on nodes and are only there once they run; the other two are for the nodes themselves.
        if properties["AddonName"] not in ("vpc-cni", "kube-proxy"):
            yield from differs(f"what {logical} waits for", nodes, waits)
    for name, bound in ADDONS.items():
        yield from differs(f"the cluster of {name}", CLUSTER, has[name].get("ClusterName"))
        yield from differs(f"who decides about {name}", "OVERWRITE", has[name].get("ResolveConflicts"))
        if bound:
            account, policy = bound
            role = next(each for each in stack.resources("AWS::IAM::Role").values()
                        if has[name]["ServiceAccountRoleArn"].endswith("/" + each["RoleName"]))
            yield from differs(f"the policies of {name}", [f"arn:aws:iam::aws:policy/{policy}"], role.get("ManagedPolicyArns"))
            yield from _trust(stack, name, role, account)
    yield from differs("NetworkPolicies are enforced", "true", json.loads(has["vpc-cni"]["ConfigurationValues"]).get("enableNetworkPolicy"))
    yield from differs("logs are shipped", {"enabled": True},
                       json.loads(has["amazon-cloudwatch-observability"]["ConfigurationValues"]).get("containerLogs"))


def _trust(stack: Template, what: str, role: dict, account: str) -> Findings:
    """The role is taken by one service account of this cluster, and by nobody else."""
    provider = next(iter(stack.resources("AWS::IAM::OIDCProvider")))
    issuer = stack.resolved({"Fn::GetAtt": ["Cluster", "OpenIdConnectIssuerUrl"]}).removeprefix("https://")
    yield from differs(f"who takes the role of {what}", [{
        "Effect": "Allow", "Action": "sts:AssumeRoleWithWebIdentity",
        "Principal": {"Federated": stack.resolved({"Ref": provider})},
        "Condition": {"StringEquals": {f"{issuer}:aud": "sts.amazonaws.com", f"{issuer}:sub": f"system:serviceaccount:{account}"}},
    }], statements(role["AssumeRolePolicyDocument"]))


@check
def identity_provider(deployment: Deployment) -> Findings:
    (properties,) = deployment.cluster.resources("AWS::IAM::OIDCProvider").values()
    issuer = deployment.cluster.resolved({"Fn::GetAtt": ["Cluster", "OpenIdConnectIssuerUrl"]})
    yield from differs("the identity provider", (issuer, ["sts.amazonaws.com"]), (properties.get("Url"), properties.get("ClientIdList")))


KEY_CARE = {f"kms:{action}" for action in (
    "CancelKeyDeletion CreateGrant DescribeKey DisableKey EnableKey EnableKeyRotation GetKeyPolicy GetKeyRotationStatus ListGrants "
    "ListKeyPolicies ListResourceTags PutKeyPolicy RevokeGrant ScheduleKeyDeletion TagResource UntagResource UpdateKeyDescription").split()}
KEY_USE = {"kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey", "kms:GenerateDataKeyWithoutPlaintext",
           "kms:ReEncryptFrom", "kms:ReEncryptTo"}


def allowed(deployment: Deployment, app: str) -> set[tuple[str, str]]:
    """What a service's sidecar asks of AWS: action and resource."""
    topic = {name: deployment.arn("sns", name) for name in deployment.topics}
    queue = {name: deployment.arn("sqs", name) for name, (_, owner) in deployment.queues().items() if owner == app}
    dead_letters = deployment.arn("sqs", deployment.dead_letters)
    table = deployment.arn("dynamodb", f"table/{deployment.table(app)}")
    return {
        *((action, table) for action in ("dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:DeleteItem")),
        *(("sns:Publish", topic[name]) for name in deployment.publishes(app)),
        *(("sns:GetTopicAttributes", topic[name]) for name in deployment.publishes(app) | deployment.subscribed(app)),
        *(("sns:ListSubscriptionsByTopic", topic[name]) for name in deployment.subscribed(app)),
        *((action, arn) for arn in queue.values()
          for action in ("sqs:GetQueueUrl", "sqs:GetQueueAttributes", "sqs:ReceiveMessage", "sqs:DeleteMessage")),
        *((action, dead_letters) for action in ("sqs:GetQueueUrl", "sqs:GetQueueAttributes")),
        ("secretsmanager:GetSecretValue", deployment.arn("secretsmanager", f"secret:{deployment.facts['names']['secret']}-??????")),
        *((action, "<DataKey.Arn>") for action in KEY_USE),
    }


def service_role(deployment: Deployment, app: str) -> dict:
    return by_name(deployment.cluster.resources("AWS::IAM::Role"), "RoleName")[f"ecommerce-{app}"]


@check
def service_roles(deployment: Deployment) -> Findings:
    stack = deployment.cluster
    for app in deployment.apps:
        role = service_role(deployment, app)
        yield from _trust(stack, app, role, f"{NAMESPACE}:{app}")
        if "ManagedPolicyArns" in role:
            yield f"{app} has policies besides its own: {role['ManagedPolicyArns']}"
        has = set()
        for policy in role["Policies"]:
            for statement in statements(policy["PolicyDocument"]):
                yield from differs(f"the effect of {statement.get('Sid')} of {app}", "Allow", statement.get("Effect"))
                pairs = {(action, resource) for action in listed(statement["Action"]) for resource in listed(statement["Resource"])}
                has |= pairs
                through = {"StringEquals": {"kms:ViaService": [f"{service}.{deployment.facts['region']}.amazonaws.com"
                                                               for service in ("dynamodb", "secretsmanager")]}}
                if any(action.startswith("kms:") for action, _ in pairs):
                    yield from differs(f"how {app} may use the key", through, statement.get("Condition"))
        yield from differs(f"what {app} may", allowed(deployment, app), has)
    expected = {f"ecommerce-{app}" for app in deployment.apps} | {
        "ecommerce-vpc-flow-logs", CLUSTER, "ecommerce-eks-node", "ecommerce-eks-network", "ecommerce-eks-volumes",
        "ecommerce-eks-observability"}
    roles = {each["RoleName"] for name in STACKS for each in deployment.stack(name).resources("AWS::IAM::Role").values()}
    yield from differs("roles", expected, roles)


@check
def policies_are_whole(deployment: Deployment) -> Findings:
    """Without its version a document is read by the rules of 2008; without an effect a statement is refused."""
    takes = {"eks.amazonaws.com", "ec2.amazonaws.com", "vpc-flow-logs.amazonaws.com"}
    for name in STACKS:
        for logical, kind, document in policies(deployment.stack(name)):
            yield from differs(f"the version of {logical}'s {kind}", "2012-10-17", document.get("Version"))
            for statement in statements(document):
                yield from differs(f"the effect in {logical}'s {kind}", "Allow", statement.get("Effect"))
                if kind == "AssumeRolePolicyDocument" and statement["Principal"].get("Service") in takes:
                    yield from differs(f"how the role {logical} is taken", "sts:AssumeRole", statement.get("Action"))


@check
def no_wildcards(deployment: Deployment) -> Findings:
    """No statement lets anybody, anything or everything. What AWS leaves no other word for is excepted here, with the reason."""
    for name in STACKS:
        for logical, kind, document in policies(deployment.stack(name)):
            for statement in statements(document):
                yield from _wildcards(logical, kind, statement)


def _wildcards(logical: str, kind: str, statement: dict) -> Findings:
    if statement.keys() & {"NotAction", "NotResource", "NotPrincipal"}:
        yield f"{logical} allows all but something"
    for action in listed(statement.get("Action", [])):
        if "*" in action:
            yield f"{logical} allows {action}"
    for resource in listed(statement.get("Resource", [])):
        own_key = kind == "KeyPolicy" and resource == "*"  # in a key's policy it means the key itself
        own_streams = re.fullmatch(r"arn:aws:logs:[^*]+:log-group:[^*]+:\*", resource)  # the streams of one group
        if "*" in resource and not own_key and not own_streams:
            yield f"{logical} allows something on {resource}"
    if "*" in json.dumps(statement.get("Principal", {})):
        yield f"{logical} lets in {statement['Principal']}"


@check
def repositories(deployment: Deployment) -> Findings:
    has = by_name(deployment.cluster.resources("AWS::ECR::Repository"), "RepositoryName")
    yield from differs("repositories", {f"ecommerce/{name}" for name in (*deployment.apps, "gateway", "daprd")}, set(has))
    for name, properties in has.items():
        yield from differs(f"scanning of {name}", {"ScanOnPush": True}, properties.get("ImageScanningConfiguration"))
        yield from differs(f"tags of {name}", "IMMUTABLE", properties.get("ImageTagMutability"))
        yield from differs(f"encryption of {name}", {"EncryptionType": "KMS"}, properties.get("EncryptionConfiguration"))
        rules = json.loads(properties["LifecyclePolicy"]["LifecyclePolicyText"])["rules"]
        kinds = {rule["selection"]["tagStatus"]: rule for rule in rules if rule["action"] == {"type": "expire"}}
        yield from differs(f"what {name} clears away", {"untagged", "any"}, set(kinds))
        if kinds["any"]["selection"]["countNumber"] < 10:
            yield f"{name} keeps too few images to go back to"


# --- state and messages


@check
def tables(deployment: Deployment) -> Findings:
    has = by_name(deployment.data.resources("AWS::DynamoDB::Table"), "TableName")
    yield from differs("tables", {deployment.table(app) for app in deployment.apps}, set(has))
    for name, properties in has.items():
        wanted = {
            "BillingMode": "PAY_PER_REQUEST",
            "KeySchema": [{"AttributeName": "key", "KeyType": "HASH"}],
            "AttributeDefinitions": [{"AttributeName": "key", "AttributeType": "S"}],
            "TimeToLiveSpecification": {"AttributeName": deployment.facts["names"]["ttlAttribute"], "Enabled": True},
            "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True},
            "SSESpecification": {"SSEEnabled": True, "SSEType": "KMS", "KMSMasterKeyId": "<DataKey.Arn>"},
            "DeletionProtectionEnabled": True,
        }
        yield from differs(name, wanted, {key: value for key, value in properties.items() if key != "TableName"})


@check
def topics(deployment: Deployment) -> Findings:
    has = by_name(deployment.data.resources("AWS::SNS::Topic"), "TopicName")
    yield from differs("topics", set(deployment.topics), set(has))
    publishers: dict[str, set[str]] = {}
    for name, properties in has.items():
        yield from differs(f"encryption of {name}", "alias/aws/sns", properties.get("KmsMasterKeyId"))
    for properties in deployment.data.resources("AWS::SNS::TopicPolicy").values():
        (arn,), (statement,) = properties["Topics"], statements(properties["PolicyDocument"])
        yield from differs(f"the policy of {arn}", ("Allow", "sns:Publish", arn, {"AWS": deployment.data.account}),
                           (statement["Effect"], statement["Action"], statement["Resource"], statement["Principal"]))
        yield from differs(f"the conditions of {arn}", {"ArnEquals"}, set(statement["Condition"]))
        roles = listed(statement["Condition"]["ArnEquals"]["aws:PrincipalArn"])
        publishers[arn.rsplit(":", 1)[-1]] = {role.rsplit("/ecommerce-", 1)[-1] for role in roles}
    wanted = {topic: {app for app in deployment.apps if topic in deployment.publishes(app)} for topic in deployment.topics}
    yield from differs("publishers", wanted, publishers)


@check
def queues(deployment: Deployment) -> Findings:
    has = by_name(deployment.data.resources("AWS::SQS::Queue"), "QueueName")
    yield from differs("queues", {*deployment.queues(), deployment.dead_letters}, set(has))
    dead_letters, delivery = deployment.arn("sqs", deployment.dead_letters), deployment.facts["delivery"]
    for name, properties in has.items():
        common = {"QueueName": name, "MessageRetentionPeriod": FOURTEEN_DAYS, "SqsManagedSseEnabled": True}
        if name == deployment.dead_letters:
            sources = properties["RedriveAllowPolicy"].get("sourceQueueArns", [])
            yield from differs("queues that may leave dead letters", {deployment.arn("sqs", each) for each in deployment.queues()}, set(sources))
            wanted = common | {"RedriveAllowPolicy": {"redrivePermission": "byQueue", "sourceQueueArns": sources}}
        else:
            wanted = common | {"VisibilityTimeout": delivery["visibilitySeconds"],
                               "RedrivePolicy": {"deadLetterTargetArn": dead_letters, "maxReceiveCount": delivery["receives"]}}
        yield from differs(name, wanted, properties)


@check
def queue_policies(deployment: Deployment) -> Findings:
    """A queue takes messages from its topic; the dead-letter queue from each topic; and none from anybody else."""
    has = {}
    for properties in deployment.data.resources("AWS::SQS::QueuePolicy").values():
        (url,), (statement,) = properties["Queues"], statements(properties["PolicyDocument"])
        name = url.rsplit("/", 1)[-1]
        yield from differs(f"the policy of {name}", ("Allow", "sqs:SendMessage", {"Service": "sns.amazonaws.com"}, deployment.arn("sqs", name)),
                           (statement["Effect"], statement["Action"], statement["Principal"], statement["Resource"]))
        yield from differs(f"the conditions of {name}", {"ArnEquals"}, set(statement["Condition"]))
        has[name] = set(listed(statement["Condition"]["ArnEquals"]["aws:SourceArn"]))
    wanted = {name: {deployment.arn("sns", topic)} for name, (topic, _) in deployment.queues().items()}
    wanted[deployment.dead_letters] = {deployment.arn("sns", topic) for topic in deployment.topics}
    yield from differs("what queues take from", wanted, has)


@check
def subscriptions(deployment: Deployment) -> Findings:
    stack = deployment.data
    has = {}
    for logical, properties in stack.resources("AWS::SNS::Subscription").items():
        name = properties["Endpoint"].rsplit(":", 1)[-1]
        if name in has:
            yield f"{name} is subscribed twice"
        has[name] = properties
        waits = [stack.properties(each) for each in listed(stack.document["Resources"][logical].get("DependsOn", []))]
        if not any(url.endswith("/" + name) for each in waits for url in each.get("Queues", [])):
            yield f"{logical} does not wait until {name} takes from its topic"
    yield from differs("subscriptions", set(deployment.queues()), set(has))
    for name, (topic, app) in deployment.queues().items():
        properties = dict(has[name])
        kinds = properties.pop("FilterPolicy", {})
        yield from differs(f"what {name} is filtered by", {"type"}, set(kinds))
        yield from differs(f"what {name} lets in", deployment.handled(app, topic), set(kinds["type"]))
        yield from differs(f"the subscription of {name}", {
            "TopicArn": deployment.arn("sns", topic), "Endpoint": deployment.arn("sqs", name), "Protocol": "sqs",
            "FilterPolicyScope": "MessageBody", "RedrivePolicy": {"deadLetterTargetArn": deployment.arn("sqs", deployment.dead_letters)},
        }, properties)


@check
def secrets(deployment: Deployment) -> Findings:
    names = deployment.facts["names"]
    has = by_name(deployment.data.resources("AWS::SecretsManager::Secret"), "Name")
    yield from differs("secrets", {names["secret"]}, set(has))
    secret = has[names["secret"]]
    yield from differs("the secret's key", "<DataKey.Arn>", secret.get("KmsKeyId"))
    if "SecretString" in secret:
        yield "the secret's value stands in the template"
    made = secret["GenerateSecretString"]
    yield from differs("how the secret is made", ("{}", names["secretKey"], True),
                       (made.get("SecretStringTemplate"), made.get("GenerateStringKey"), made.get("ExcludePunctuation")))
    if made.get("PasswordLength", 0) < 43:
        yield "the signing key has fewer than 256 bits"


@check
def keys(deployment: Deployment) -> Findings:
    alias = {"kms:CreateAlias", "kms:DeleteAlias", "kms:UpdateAlias"}
    # EKS encrypts and decrypts under a grant; everything else goes through the roles of this account.
    use = {"DataKey": KEY_USE | alias, "ClusterKey": {"kms:Encrypt", "kms:Decrypt"}}
    for name in ("data-and-messaging", "cluster"):
        for logical, properties in deployment.stack(name).resources("AWS::KMS::Key").items():
            yield from differs(f"rotation of {logical}", True, properties.get("EnableKeyRotation"))
            yield from differs(f"the wait before {logical} is gone", 30, properties.get("PendingWindowInDays"))
            own = [statement for statement in statements(properties["KeyPolicy"])
                   if statement["Principal"] == {"AWS": f"arn:aws:iam::{deployment.data.account}:root"}]
            yield from differs(f"what this account may do with {logical}", KEY_CARE | use[logical], set(own[0]["Action"]))
            for statement in statements(properties["KeyPolicy"]):
                yield from differs(f"the resource in the policy of {logical}", "*", statement.get("Resource"))
                if statement not in own and not statement.get("Condition"):
                    yield f"{logical} is lent to {statement['Principal']} without a condition"
    (lent,) = [statement for statement in statements(deployment.data.properties("DataKey")["KeyPolicy"]) if "Condition" in statement]
    yield from differs("whom the data key is lent to", {"Service": f"logs.{deployment.facts['region']}.amazonaws.com"}, lent["Principal"])
    groups = {deployment.arn("logs", f"log-group:{group}") for group in (*INSIGHTS, f"/aws/eks/{CLUSTER}/cluster")}
    yield from differs("log groups under the data key", groups, set(lent["Condition"]["ArnEquals"]["kms:EncryptionContext:aws:logs:arn"]))
    yield from differs("what logs may do with the data key", KEY_USE, set(lent["Action"]))
    (alias,) = deployment.data.resources("AWS::KMS::Alias").values()
    yield from differs("the data key's name", {"AliasName": "alias/ecommerce-data", "TargetKeyId": "<DataKey>"}, alias)


@check
def log_groups(deployment: Deployment) -> Findings:
    has = {}
    for name in STACKS:
        for properties in deployment.stack(name).resources("AWS::Logs::LogGroup").values():
            has[properties["LogGroupName"]] = properties
            if not 1 <= int(properties.get("RetentionInDays", 0)) <= 731:
                yield f"{properties['LogGroupName']} is kept for ever"
    flows, control = "/ecommerce/vpc-flow-logs", f"/aws/eks/{CLUSTER}/cluster"
    yield from differs("log groups", {*INSIGHTS, flows, control}, set(has))
    for group in (*INSIGHTS, control):
        yield from differs(f"the key of {group}", "<DataKey.Arn>", has[group].get("KmsKeyId"))


@check
def kept_or_cleared_away(deployment: Deployment) -> Findings:
    """Deleting a stack, or replacing a resource, takes no customer's data along; and leaves nothing else behind."""
    kept = {"AWS::DynamoDB::Table", "AWS::KMS::Key", "AWS::SecretsManager::Secret", "AWS::ECR::Repository"}
    for name in STACKS:
        for logical, resource in deployment.documents[name]["Resources"].items():
            for policy in ("DeletionPolicy", "UpdateReplacePolicy"):
                yield from differs(f"{policy} of {logical}", "Retain" if resource["Type"] in kept else "Delete",
                                   resource.get(policy, "Delete"))


@check
def failures_are_counted(deployment: Deployment) -> Findings:
    """The doors' access log says `door` and `status`; Fluent Bit puts a container's JSON below log_processed."""
    has = {}
    for properties in deployment.data.resources("AWS::Logs::MetricFilter").values():
        (metric,) = properties["MetricTransformations"]
        yield from differs(f"the log of {metric['MetricName']}", f"/aws/containerinsights/{CLUSTER}/application", properties["LogGroupName"])
        yield from differs(f"the value of {metric['MetricName']}", {"MetricNamespace": "ecommerce", "MetricValue": "1", "DefaultValue": 0, "Unit": "Count"},
                           {key: value for key, value in metric.items() if key != "MetricName"})
        has[metric["MetricName"]] = properties["FilterPattern"]
    wanted = {f"{app}-5xx": f'{{ $.log_processed.msg = "request" && $.log_processed.door = "{known["ports"]["door"]}" && $.log_processed.status >= 500 }}'
              for app, known in deployment.facts["apps"].items()}
    yield from differs("filters", wanted, has)


@check
def alarms(deployment: Deployment) -> Findings:
    told = "arn:aws:sns:us-west-2:123456789012:operators"
    has = by_name(deployment.asked(AlarmTopicArn=told).data.resources("AWS::CloudWatch::Alarm"), "AlarmName")
    delivery = deployment.facts["delivery"]
    # name → namespace, metric, dimension, statistic, threshold
    wanted = {"ecommerce-dead-letters": ("AWS/SQS", "ApproximateNumberOfMessagesVisible", ("QueueName", deployment.dead_letters), "Maximum", 0)}
    for queue in deployment.queues():
        wanted[f"ecommerce-age-{queue}"] = ("AWS/SQS", "ApproximateAgeOfOldestMessage", ("QueueName", queue), "Maximum", 120)
    for topic in deployment.topics:
        wanted[f"ecommerce-undelivered-{topic}"] = ("AWS/SNS", "NumberOfNotificationsFailed", ("TopicName", topic), "Sum", 0)
    for app in deployment.apps:
        for way in ("Read", "Write"):
            wanted[f"ecommerce-throttled-{way.lower()}s-{app}"] = (
                "AWS/DynamoDB", f"{way}ThrottleEvents", ("TableName", deployment.table(app)), "Sum", 0)
        wanted[f"ecommerce-5xx-{app}"] = ("ecommerce", f"{app}-5xx", None, "Sum", 5)
    yield from differs("alarms", wanted, {
        name: (each["Namespace"], each["MetricName"], next(((d["Name"], d["Value"]) for d in each.get("Dimensions", [])), None),
               each.get("Statistic"), each.get("Threshold")) for name, each in has.items()})
    if 120 <= delivery["visibilitySeconds"] * delivery["receives"]:
        yield "a poison message alone would set off the alarm on the oldest message"
    for name, each in has.items():
        yield from differs(f"how {name} compares", "GreaterThanThreshold", each.get("ComparisonOperator"))
        yield from differs(f"what {name} makes of no data", "notBreaching", each.get("TreatMissingData"))
        yield from differs(f"whom {name} tells", [told], each.get("AlarmActions"))
        if each.get("Period") != 60 or not 1 <= each.get("EvaluationPeriods", 0) <= 5:
            yield f"{name} looks at {each.get('EvaluationPeriods')} periods of {each.get('Period')} s"
        if not each.get("AlarmDescription"):
            yield f"{name} does not say what it means"
    for name, each in by_name(deployment.data.resources("AWS::CloudWatch::Alarm"), "AlarmName").items():
        yield from differs(f"whom {name} tells, without a topic", [], each.get("AlarmActions"))


@check
def dashboard(deployment: Deployment) -> Findings:
    """One page shows every queue, topic, table and door."""
    (properties,) = deployment.data.resources("AWS::CloudWatch::Dashboard").values()
    yield from differs("the dashboard's name", "ecommerce", properties.get("DashboardName"))
    shown = set()
    for widget in json.loads(properties["DashboardBody"])["widgets"]:
        yield from differs(f"the region of {widget['properties']['title']}", deployment.facts["region"], widget["properties"]["region"])
        before: list[str] = []
        for metric in widget["properties"]["metrics"]:
            # A dot stands for what the line before has there.
            before = [previous if word == "." else word for word, previous in zip(metric, before or metric)]
            shown.add((before[1], before[3] if len(before) > 3 else ""))
    wanted = {("ApproximateNumberOfMessagesVisible", deployment.dead_letters), ("node_cpu_utilization", CLUSTER)}
    wanted |= {(metric, queue) for queue in deployment.queues() for metric in ("ApproximateAgeOfOldestMessage", "ApproximateNumberOfMessagesVisible")}
    wanted |= {("NumberOfMessagesPublished", topic) for topic in deployment.topics}
    wanted |= {(metric, deployment.table(app)) for app in deployment.apps
               for metric in ("ReadThrottleEvents", "WriteThrottleEvents", "ConsumedWriteCapacityUnits")}
    wanted |= {(f"{app}-5xx", "") for app in deployment.apps}
    for metric, name in sorted(wanted - shown):
        yield f"{metric} {name} is not shown"


# --- together


@check
def what_is_imported_is_exported(deployment: Deployment) -> Findings:
    exported: set[str] = set()
    for name in STACKS:
        used = set(re.findall(r"'Fn::ImportValue': '([^']+)'", str(deployment.documents[name])))
        for missing in sorted(used - exported):
            yield f"{name} imports {missing}, which no stack before it exports"
        mine = set(deployment.stack(name).exports())
        for twice in sorted(mine & exported):
            yield f"{twice} is exported twice"
        exported |= mine
    wanted = {f"ecommerce-role-{app}-arn" for app in deployment.apps} | {f"ecommerce-repository-{app}-uri" for app in deployment.apps}
    yield from differs("what the manifests need", set(), wanted - exported)


@check
def templates_can_be_sent(deployment: Deployment) -> Findings:
    """CloudFormation takes a template of up to 51,200 bytes as it is; a larger one needs a bucket, which an empty account has not."""
    for name in STACKS:
        size = (FOLDER / f"{name}.yaml").stat().st_size
        if size > 51_200:
            yield f"{name} has {size} bytes"


@check
def dapr_components(deployment: Deployment) -> Findings:
    """What the sidecars are told agrees with what the stacks make, as AWS would expand it."""
    stack = deployment.data
    has = {each["metadata"]["name"]: each for each in deployment.dapr["components"]}
    names = deployment.facts["names"]
    yield from differs("components", {names["pubsub"], names["statestore"], names["secretstore"],
                                      *(names["queueComponent"].format(topic=topic) for topic in deployment.topics)}, set(has))
    made = by_name(stack.resources("AWS::SQS::Queue"), "QueueName")
    reached = set()
    for name, component in has.items():
        metadata = {item["name"]: item["value"] for item in component["spec"]["metadata"]}
        yield from differs(f"the region of {name}", deployment.facts["region"], metadata.get("region"))
        if component["spec"]["type"] != "pubsub.aws.snssqs":
            continue
        yield from differs(f"disableEntityManagement of {name}", "true", metadata.get("disableEntityManagement"))
        if name == names["pubsub"]:
            allowed_topics = {entry.split("=")[0]: set(entry.split("=")[1].split(",")) for entry in metadata["publishingScopes"].split(";")}
            yield from differs("who publishes where", {app: deployment.publishes(app) for app in deployment.apps}, allowed_topics)
            continue
        for app in component["scopes"]:
            queue = metadata["consumerID"].replace("{appID}", app)
            if queue not in made:
                yield f"{name} of {app} receives from {queue}, which nothing makes"
                continue
            reached.add(queue)
            redrive = made[queue]["RedrivePolicy"]
            yield from differs(f"delivery by {name}", (made[queue]["VisibilityTimeout"], redrive["maxReceiveCount"],
                                                       redrive["deadLetterTargetArn"].rsplit(":", 1)[-1]),
                               (int(metadata["messageVisibilityTimeout"]), int(metadata["messageReceiveLimit"]),
                                metadata["sqsDeadLettersQueueName"]))
    yield from differs("queues that a sidecar receives from", set(made) - {deployment.dead_letters}, reached)
    state = {item["name"]: item["value"] for item in has[names["statestore"]]["spec"]["metadata"]}
    made_tables = by_name(stack.resources("AWS::DynamoDB::Table"), "TableName")
    yield from differs("tables that a sidecar uses", set(made_tables),
                       {state["table"].replace("{appID}", app) for app in has[names["statestore"]]["scopes"]})
    yield from differs("what expires", {table["TimeToLiveSpecification"]["AttributeName"] for table in made_tables.values()},
                       {state["ttlAttributeName"]})
    for name in (names["pubsub"], names["statestore"], names["secretstore"]):
        yield from differs(f"scopes of {name}", set(deployment.apps), set(has[name]["scopes"]))


@check
def dapr_subscriptions(deployment: Deployment) -> Findings:
    """What a queue lets in is what its subscriber has routes for."""
    routes = {}
    for each in deployment.dapr["subscriptions"]:
        (app,), spec = each["scopes"], each["spec"]
        component = next(c for c in deployment.dapr["components"] if c["metadata"]["name"] == spec["pubsubname"])
        if app not in component["scopes"]:
            yield f"{app} subscribes through {spec['pubsubname']}, which it may not use"
        consumer = next(item["value"] for item in component["spec"]["metadata"] if item["name"] == "consumerID")
        routes[spec["topic"], consumer.replace("{appID}", app)] = {rule["path"].rsplit("/", 1)[-1] for rule in spec["routes"]["rules"]}
    filters = {(each["TopicArn"].rsplit(":", 1)[-1], each["Endpoint"].rsplit(":", 1)[-1]): set(each["FilterPolicy"]["type"])
               for each in deployment.data.resources("AWS::SNS::Subscription").values()}
    yield from differs("routes", filters, routes)
