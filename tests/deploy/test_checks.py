"""The stacks hold what checks.py asks of them, and a mistake in any of them is found: planted in a copy, one at a time."""

import json
import re

import pytest
from checks import CHECKS, findings
from deployment import CLUSTER, NAMESPACE, ROOT, STACKS, Deployment

CHECKOUT = "OrderEventsForOrderService"


@pytest.mark.parametrize("one", CHECKS, ids=lambda one: one.__name__)
def test_nothing_is_wrong(deployment, one):
    assert list(one(deployment)) == []


# --- the doors' access log, in which failures are counted


def access_line(door: int, status: int) -> dict:
    """A line of it, out of the format that the doors are configured with, as Fluent Bit ships it."""
    config = (ROOT / "services" / "gateway" / "nginx.conf").read_text()
    form = "".join(re.findall(r"'(.*)'", re.search(r"log_format lines escape=json(.*?);", config, re.DOTALL).group(1)))
    values = {"server_port": str(door), "status": str(status), "bytes_sent": "17", "request_time": "0.004"}
    line = re.sub(r"\$(\w+)", lambda name: values.get(name.group(1), "x"), form)
    return {"log": line, "log_processed": json.loads(line), "kubernetes": {"namespace_name": NAMESPACE}}


def matches(pattern: str, record: dict) -> bool:
    """As CloudWatch reads { $.a.b = "text" && $.c >= 500 }: text is compared with text, a number with a number."""
    for clause in pattern.strip("{ }").split(" && "):
        selector, operator, wanted = clause.split(" ")
        has = record
        for name in selector.removeprefix("$.").split("."):
            has = has.get(name, {})
        wanted = json.loads(wanted)
        if type(has) is not type(wanted) or not (has == wanted if operator == "=" else has >= wanted):
            return False
    return True


def test_failures_are_counted_at_the_door_that_had_them(deployment):
    doors = {app: known["ports"]["door"] for app, known in deployment.facts["apps"].items()}
    records = [access_line(door, status) for door in doors.values() for status in (200, 404, 499, 500, 503)]
    counted = {}
    for filter in deployment.data.resources("AWS::Logs::MetricFilter").values():
        (metric,) = filter["MetricTransformations"]
        found = [each["log_processed"] for each in records if matches(filter["FilterPattern"], each)]
        counted[metric["MetricName"]] = [(each["door"], each["status"]) for each in found]
    assert counted == {f"{app}-5xx": [(str(door), 500), (str(door), 503)] for app, door in doors.items()}


# --- planted mistakes: stack, and what is done to its resources

MISTAKES = {}


def mistake(stack: str, finding: str):
    """`finding` is what has to be among the words that are said about it."""
    def add(function):
        MISTAKES[function.__name__] = (stack, finding, function)
        return function
    return add


def properties(resources: dict, logical: str) -> dict:
    return resources[logical]["Properties"]


@mistake("data-and-messaging", "queues: order-events-queue-order-service: RedrivePolicy is missing")
def a_queue_without_redrive(r):
    del properties(r, f"{CHECKOUT}Queue")["RedrivePolicy"]


@mistake("data-and-messaging", "RedrivePolicy is {'deadLetterTargetArn'")
def a_queue_with_another_number_of_receives(r):
    properties(r, f"{CHECKOUT}Queue")["RedrivePolicy"]["maxReceiveCount"] = 50


@mistake("data-and-messaging", "delivery by order-events-queue")
def a_queue_that_shows_a_message_again_while_it_is_handled(r):
    properties(r, f"{CHECKOUT}Queue")["VisibilityTimeout"] = 2


@mistake("data-and-messaging", "SqsManagedSseEnabled is missing")
def a_queue_in_the_clear(r):
    del properties(r, f"{CHECKOUT}Queue")["SqsManagedSseEnabled"]


@mistake("data-and-messaging", "queues that may leave dead letters: arn:aws:sqs:us-west-2:000000000000:cart-events-queue-order-service is missing")
def a_queue_that_may_not_leave_dead_letters(r):
    sources = properties(r, "DeadLetterQueue")["RedriveAllowPolicy"]["sourceQueueArns"]
    sources[:] = [each for each in sources if "cart-events-queue" not in str(each)]


@mistake("data-and-messaging", "subscriptions: payment-events-queue-order-service is missing")
def a_missing_subscription(r):
    del r["PaymentEventsForOrderServiceSubscription"]


@mistake("data-and-messaging", "the subscription of order-events-queue-order-service: TopicArn is")
def a_queue_on_the_wrong_topic(r):
    properties(r, f"{CHECKOUT}Subscription")["TopicArn"] = {"Ref": "CartEventsTopic"}


@mistake("data-and-messaging", "what order-events-queue-payment-service lets in: order.cancelled is missing")
def a_filter_that_keeps_an_event_out(r):
    properties(r, "OrderEventsForPaymentServiceSubscription")["FilterPolicy"]["type"] = ["order.created"]


@mistake("data-and-messaging", "what order-events-queue-product-service lets in: cart.checkout_completed does not belong")
def a_filter_that_lets_addresses_in(r):
    properties(r, "OrderEventsForProductServiceSubscription")["FilterPolicy"]["type"].append("cart.checkout_completed")


@mistake("data-and-messaging", "RawMessageDelivery does not belong")
def messages_in_a_form_the_sidecar_cannot_read(r):
    properties(r, f"{CHECKOUT}Subscription")["RawMessageDelivery"] = True


@mistake("data-and-messaging", "FilterPolicyScope is missing")
def a_filter_on_attributes_that_nobody_sends(r):
    del properties(r, f"{CHECKOUT}Subscription")["FilterPolicyScope"]


@mistake("data-and-messaging", "topics: order-events is missing")
def a_misnamed_topic(r):
    properties(r, "OrderEventsTopic")["TopicName"] = "orders-events"


@mistake("data-and-messaging", "queues: order-events-queue-order-service is missing")
def a_misnamed_queue(r):
    properties(r, f"{CHECKOUT}Queue")["QueueName"] = "order-events-queue"


@mistake("data-and-messaging", "publishers: payment-events is")
def a_topic_that_anybody_publishes_on(r):
    statement, = properties(r, "PaymentEventsTopicPolicy")["PolicyDocument"]["Statement"]
    statement["Condition"]["ArnEquals"]["aws:PrincipalArn"].append(
        {"Fn::Sub": "arn:${AWS::Partition}:iam::${AWS::AccountId}:role/ecommerce-cart-service"})


@mistake("data-and-messaging", "what queues take from: order-events-queue-order-service is")
def a_queue_that_takes_from_another_topic(r):
    statement, = properties(r, f"{CHECKOUT}QueuePolicy")["PolicyDocument"]["Statement"]
    statement["Condition"]["ArnEquals"]["aws:SourceArn"] = {"Ref": "CartEventsTopic"}


@mistake("data-and-messaging", "queue_policies: KeyError")
def a_queue_that_takes_from_everybodys_topics(r):
    statement, = properties(r, f"{CHECKOUT}QueuePolicy")["PolicyDocument"]["Statement"]
    del statement["Condition"]


@mistake("data-and-messaging", "OrderEventsForOrderServiceQueuePolicy lets in *")
def a_queue_that_anybody_sends_to(r):
    statement, = properties(r, f"{CHECKOUT}QueuePolicy")["PolicyDocument"]["Statement"]
    statement["Principal"] = "*"


@mistake("data-and-messaging", "ecommerce-cart-service: PointInTimeRecoverySpecification is missing")
def a_table_without_point_in_time_recovery(r):
    del properties(r, "CartServiceTable")["PointInTimeRecoverySpecification"]


@mistake("data-and-messaging", "ecommerce-cart-service: TimeToLiveSpecification is")
def a_table_that_lets_another_attribute_expire(r):
    properties(r, "CartServiceTable")["TimeToLiveSpecification"]["AttributeName"] = "ttl"


@mistake("data-and-messaging", "ecommerce-order-service: SSESpecification is")
def a_table_without_our_key(r):
    properties(r, "OrderServiceTable")["SSESpecification"] = {"SSEEnabled": False}


@mistake("data-and-messaging", "ecommerce-order-service: BillingMode is PROVISIONED")
def a_table_with_a_ceiling(r):
    properties(r, "OrderServiceTable")["BillingMode"] = "PROVISIONED"


@mistake("data-and-messaging", "tables: ecommerce-payment-service is missing")
def a_misnamed_table(r):
    properties(r, "PaymentServiceTable")["TableName"] = "ecommerce-payments"


@mistake("data-and-messaging", "DeletionPolicy of CartServiceTable is Delete")
def a_table_that_goes_with_its_stack(r):
    r["CartServiceTable"]["DeletionPolicy"] = "Delete"


@mistake("data-and-messaging", "the secret's value stands in the template")
def a_secret_in_the_template(r):
    properties(r, "JwtSecret")["SecretString"] = '{"hs256": "hunter2"}'


@mistake("data-and-messaging", "alarms: ecommerce-dead-letters is missing")
def no_alarm_for_dead_letters(r):
    del r["DeadLettersAlarm"]


@mistake("data-and-messaging", "alarms: ecommerce-5xx-order-service is")
def an_alarm_on_a_metric_that_is_not_there(r):
    properties(r, "OrderServiceFailuresAlarm")["MetricName"] = "order-service-500"


@mistake("data-and-messaging", "whom ecommerce-dead-letters tells")
def an_alarm_that_tells_nobody(r):
    del properties(r, "DeadLettersAlarm")["AlarmActions"]


@mistake("data-and-messaging", "filters: order-service-5xx is")
def failures_counted_at_the_wrong_door(r):
    door = properties(r, "OrderServiceFailuresFilter")
    door["FilterPattern"] = door["FilterPattern"].replace("5003", "5002")


@mistake("data-and-messaging", "application is kept for ever")
def a_log_group_without_an_end(r):
    del properties(r, "ApplicationLogs")["RetentionInDays"]


@mistake("data-and-messaging", "is not shown")
def a_dashboard_without_a_queue(r):
    board = properties(r, "Dashboard")
    board["DashboardBody"] = {"Fn::Sub": board["DashboardBody"]["Fn::Sub"].replace("payment-events-queue-order-service", "elsewhere")}


@mistake("cluster", "what cart-service may: ('dynamodb:GetItem', '*') does not belong")
def a_policy_for_every_table(r):
    properties(r, "CartServiceRole")["Policies"][0]["PolicyDocument"]["Statement"][0]["Resource"] = "*"


@mistake("cluster", "no_wildcards: CartServiceRole allows dynamodb:*")
def a_policy_for_every_action(r):
    properties(r, "CartServiceRole")["Policies"][0]["PolicyDocument"]["Statement"][0]["Action"] = "dynamodb:*"


@mistake("cluster", "what payment-service may: ('dynamodb:PutItem', 'arn:aws:dynamodb:us-west-2:000000000000:table/ecommerce-order-service')")
def a_role_with_another_services_table(r):
    statement = properties(r, "PaymentServiceRole")["Policies"][0]["PolicyDocument"]["Statement"][0]
    statement["Resource"] = [statement["Resource"], {"Fn::ImportValue": "ecommerce-table-order-service-arn"}]


@mistake("cluster", "payment-service has policies besides its own")
def a_role_with_a_policy_of_awss(r):
    properties(r, "PaymentServiceRole")["ManagedPolicyArns"] = ["arn:aws:iam::aws:policy/AmazonSQSFullAccess"]


@mistake("cluster", "who takes the role of payment-service")
def a_role_for_every_service_account(r):
    trust = properties(r, "PaymentServiceRole")["AssumeRolePolicyDocument"]["Fn::Sub"]
    trust[0] = trust[0].replace("ecommerce:payment-service", "ecommerce:cart-service")


@mistake("cluster", "imports ecommerce-table-carts-arn, which no stack before it exports")
def an_import_that_nobody_exports(r):
    properties(r, "CartServiceRole")["Policies"][0]["PolicyDocument"]["Statement"][0]["Resource"] = {"Fn::ImportValue": "ecommerce-table-carts-arn"}


@mistake("cluster", f"the cluster's name is ecommerce, not {CLUSTER}")
def a_misnamed_cluster(r):
    properties(r, "Cluster")["Name"] = "ecommerce"


@mistake("cluster", "access over the internet is True")
def an_api_open_to_the_internet(r):
    properties(r, "Cluster")["ResourcesVpcConfig"]["EndpointPublicAccess"] = True


@mistake("cluster", "what is encrypted is None")
def kubernetes_secrets_in_the_clear(r):
    del properties(r, "Cluster")["EncryptionConfig"]


@mistake("cluster", "zones of node groups is ['us-west-2a', 'us-west-2a', 'us-west-2c']")
def nodes_in_the_wrong_zone(r):
    properties(r, "NodesB")["Subnets"] = [{"Fn::ImportValue": "ecommerce-private-subnet-a"}]


@mistake("cluster", "NodesB is not in a private subnet")
def nodes_in_a_public_subnet(r):
    properties(r, "NodesB")["Subnets"] = [{"Fn::ImportValue": "ecommerce-public-subnet-b"}]


@mistake("cluster", "the instances of NodesB is ['t3.large']")
def larger_nodes(r):
    properties(r, "NodesB")["InstanceTypes"] = ["t3.large"]


@mistake("cluster", "the nodes' metadata service: HttpPutResponseHopLimit is 2")
def nodes_that_lend_their_role_to_pods(r):
    properties(r, "NodeTemplate")["LaunchTemplateData"]["MetadataOptions"]["HttpPutResponseHopLimit"] = 2


@mistake("cluster", "scanning of ecommerce/order-service is None")
def images_that_nobody_scans(r):
    del properties(r, "OrderServiceRepository")["ImageScanningConfiguration"]


@mistake("cluster", "add-ons: amazon-cloudwatch-observability is missing")
def no_log_shipping(r):
    del r["ObservabilityAddon"]


@mistake("network", "public subnets: us-west-2b is missing")
def a_subnet_in_the_wrong_zone(r):
    properties(r, "PublicSubnetB")["AvailabilityZone"] = "us-west-2d"


@mistake("network", "private subnets: us-west-2a is 10.0.4.0/24")
def a_subnet_with_other_addresses(r):
    properties(r, "PrivateSubnetA")["CidrBlock"] = "10.0.4.0/24"


@mistake("network", "the zone of the NAT gateway of PrivateSubnetB is us-west-2a")
def a_way_out_through_another_zone(r):
    properties(r, "PrivateDefaultRouteB")["NatGatewayId"] = {"Ref": "NatGatewayA"}


@mistake("network", "private subnets: us-west-2c is missing")
def a_private_subnet_on_the_internet(r):
    properties(r, "PrivateSubnetCRoutes")["RouteTableId"] = {"Ref": "PublicRoutes"}


@mistake("network", "PublicSubnetA gives out public addresses")
def public_addresses_for_everything(r):
    properties(r, "PublicSubnetA")["MapPublicIpOnLaunch"] = True


@mistake("network", "endpoints that cost nothing: com.amazonaws.us-west-2.dynamodb is missing")
def state_by_way_of_the_nat_gateway(r):
    del r["DynamoDbEndpoint"]


@mistake("network", "flow_logs: ValueError")
def no_flow_logs(r):
    del r["FlowLog"]


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_in_a_stack_is_found(deployment, name):
    stack, finding, plant = MISTAKES[name]
    copy = deployment.copy()
    plant(copy.documents[stack]["Resources"])
    found = list(findings(copy))
    assert any(finding in each for each in found), found


def component(deployment: Deployment, name: str) -> dict:
    return next(each for each in deployment.dapr["components"] if each["metadata"]["name"] == name)


def set_metadata(deployment: Deployment, name: str, key: str, value: str | None) -> None:
    metadata = component(deployment, name)["spec"]["metadata"]
    metadata[:] = [item for item in metadata if item["name"] != key] + ([{"name": key, "value": value}] if value else [])


DAPR_MISTAKES = {
    "a component scoped to the wrong app": (
        "order-events-queue of cart-service receives from order-events-queue-cart-service, which nothing makes",
        lambda d: component(d, "order-events-queue")["scopes"].append("cart-service")),
    "a component without one of its apps": (
        "payment-service subscribes through order-events-queue, which it may not use",
        lambda d: component(d, "order-events-queue")["scopes"].remove("payment-service")),
    "a state store that a service may not use": (
        "scopes of statestore: payment-service is missing", lambda d: component(d, "statestore")["scopes"].remove("payment-service")),
    "a component that makes its own queues": (
        "disableEntityManagement of pubsub is None", lambda d: set_metadata(d, "pubsub", "disableEntityManagement", None)),
    "a component that sees another visibility": (
        "delivery by cart-events-queue", lambda d: set_metadata(d, "cart-events-queue", "messageVisibilityTimeout", "30")),
    "a component with other receives": (
        "delivery by cart-events-queue", lambda d: set_metadata(d, "cart-events-queue", "messageReceiveLimit", "3")),
    "a component that knows another dead-letter queue": (
        "delivery by cart-events-queue", lambda d: set_metadata(d, "cart-events-queue", "sqsDeadLettersQueueName", "dlq")),
    "a component in another region": (
        "the region of statestore is us-east-1", lambda d: set_metadata(d, "statestore", "region", "us-east-1")),
    "one table for all": (
        "tables that a sidecar uses: ecommerce-cart-service is missing", lambda d: set_metadata(d, "statestore", "table", "ecommerce")),
    "an app that publishes where it may not": (
        "who publishes where: cart-service is",
        lambda d: set_metadata(d, "pubsub", "publishingScopes", "product-service=product-events;cart-service=cart-events;"
                               "order-service=order-events;payment-service=payment-events")),
    "a route for an event that the queue keeps out": (
        "routes: ('order-events', 'order-events-queue-order-service') is",
        lambda d: next(s for s in d.dapr["subscriptions"] if s["metadata"]["name"] == "order-service-order-events")["spec"]["routes"][
            "rules"].append({"match": 'event.type == "order.shipped"', "path": "/events/order.shipped"})),
    "a subscription that was forgotten": (
        "routes: ('payment-events', 'payment-events-queue-payment-service') is missing", lambda d: d.dapr["subscriptions"].remove(
            next(s for s in d.dapr["subscriptions"] if s["metadata"]["name"] == "payment-service-payment-events"))),
    "a new subscriber that no stack knows of": (
        "queues: order-events-queue-cart-service is missing", lambda d: d.facts["events"]["order.confirmed"]["to"].append("cart-service")),
    "a new topic that no stack knows of": ("topics: refund-events is missing", lambda d: d.facts["topics"].append("refund-events")),
    "other receives in the facts": (
        "queues: order-events-queue-order-service: RedrivePolicy is", lambda d: d.facts["delivery"].update(receives=3)),
}


@pytest.mark.parametrize("name", DAPR_MISTAKES)
def test_a_mistake_in_what_the_sidecars_or_the_facts_say_is_found(deployment, name):
    finding, plant = DAPR_MISTAKES[name]
    copy = deployment.copy()
    plant(copy)
    found = list(findings(copy))
    assert any(finding in each for each in found), found


# --- and whatever is left out

# Names and words for people, which nothing depends on; and what AWS does anyway where nothing is said.
FOR_PEOPLE = {"Tags", "Description", "GroupDescription", "LaunchTemplateName", "MaxAggregationInterval"}


@pytest.mark.parametrize("stack", STACKS)
def test_no_resource_and_no_property_can_be_left_out(deployment, stack):
    unnoticed = []
    resources = deployment.documents[stack]["Resources"]
    for logical, resource in resources.items():
        without = [(logical, {name: each for name, each in resources.items() if name != logical})]
        for name in resource.get("Properties", {}).keys() - FOR_PEOPLE:
            rest = {key: value for key, value in resource["Properties"].items() if key != name}
            without.append((f"{logical}.{name}", resources | {logical: resource | {"Properties": rest}}))
        for what, left in without:
            documents = deployment.documents | {stack: deployment.documents[stack] | {"Resources": left}}
            if next(findings(Deployment(documents, deployment.dapr, deployment.facts)), None) is None:
                unnoticed.append(what)
    assert unnoticed == []
