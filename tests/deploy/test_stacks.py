"""The stacks as an account gets them: made in order, changed under load, taken away; and messages through what they made."""

import json
import re

import pytest
from botocore.exceptions import ClientError
from checks import PRIVATE, PUBLIC, ZONES
from deployment import CLUSTER, FOLDER, STACKS
from emulator import ACCOUNT, UNKNOWN, stack_name, understood, until


def text(name: str) -> str:
    return (FOLDER / f"{name}.yaml").read_text()


# --- made


def test_the_emulator_makes_all_but_a_few_things_that_it_does_not_know(aws):
    refused = set()
    for name in STACKS:
        try:
            aws.client("cloudformation").validate_template(TemplateBody=text(name))
        except ClientError as error:
            refused |= set(re.findall(r"AWS::\w+::\w+", error.response["Error"]["Message"]))
    assert refused == UNKNOWN


def test_the_network_is_the_designs(aws):
    ec2 = aws.client("ec2")
    (vpc,) = [each for each in ec2.describe_vpcs()["Vpcs"] if each["CidrBlock"] == "10.0.0.0/16"]
    subnets = ec2.describe_subnets(Filters=[{"Name": "vpc-id", "Values": [vpc["VpcId"]]}])["Subnets"]
    assert sorted((each["AvailabilityZone"], each["CidrBlock"]) for each in subnets) == sorted([*PUBLIC.items(), *PRIVATE.items()])
    services = {each["ServiceName"] for each in ec2.describe_vpc_endpoints()["VpcEndpoints"]}
    assert services == {"com.amazonaws.us-west-2.dynamodb", "com.amazonaws.us-west-2.s3"}


def test_the_cluster_has_a_node_group_in_each_zone(aws):
    eks, ec2 = aws.client("eks"), aws.client("ec2")
    cluster = eks.describe_cluster(name=CLUSTER)["cluster"]
    assert (cluster["name"], cluster["version"], cluster["status"]) == (CLUSTER, "1.29", "ACTIVE")
    zones = []
    for name in eks.list_nodegroups(clusterName=CLUSTER)["nodegroups"]:
        group = eks.describe_nodegroup(clusterName=CLUSTER, nodegroupName=name)["nodegroup"]
        assert group["instanceTypes"] == ["t3.medium"]
        (subnet,) = ec2.describe_subnets(SubnetIds=group["subnets"])["Subnets"]
        assert PRIVATE[subnet["AvailabilityZone"]] == subnet["CidrBlock"]
        zones.append(subnet["AvailabilityZone"])
    assert sorted(zones) == list(ZONES)


def test_roles_repositories_alarms_and_the_dashboard_are_there(aws, deployment):
    roles = {each["RoleName"] for each in aws.client("iam").list_roles()["Roles"]}
    assert {f"ecommerce-{app}" for app in deployment.apps} <= roles
    repositories = {each["repositoryName"] for each in aws.client("ecr").describe_repositories()["repositories"]}
    assert {f"ecommerce/{app}" for app in deployment.apps} <= repositories
    alarms = {each["AlarmName"] for each in aws.client("cloudwatch").describe_alarms()["MetricAlarms"]}
    assert {"ecommerce-dead-letters", *(f"ecommerce-age-{queue}" for queue in deployment.queues())} <= alarms
    board = aws.client("cloudwatch").get_dashboard(DashboardName="ecommerce")["DashboardBody"]
    assert len(json.loads(board)["widgets"]) == 8
    groups = {each["logGroupName"]: each.get("retentionInDays") for each in aws.client("logs").describe_log_groups()["logGroups"]}
    assert groups[f"/aws/containerinsights/{CLUSTER}/application"] == 30


# --- messages


def envelope(kind: str, known: dict) -> str:
    return json.dumps({"specversion": "1.0", "id": f"test/{kind}", "source": known["from"], "type": kind, "data": {}})


def waiting(sqs, queue: str, seconds: int = 0) -> list[dict]:
    url = sqs.get_queue_url(QueueName=queue)["QueueUrl"]
    return sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=seconds).get("Messages", [])


def kinds(messages: list[dict]) -> set[str]:
    return {json.loads(json.loads(each["Body"])["Message"])["type"] for each in messages}


def test_a_queue_gets_what_its_subscriber_handles_and_after_its_receives_it_is_a_dead_letter(empty, deployment):
    empty.deploy(deployment)
    sns, sqs, receives = empty.client("sns"), empty.client("sqs"), deployment.facts["delivery"]["receives"]
    for kind, known in deployment.facts["events"].items():
        sns.publish(TopicArn=deployment.arn("sns", known["topic"]), Message=envelope(kind, known))
    for queue, (topic, app) in deployment.queues().items():
        for _ in range(receives):
            assert kinds(waiting(sqs, queue)) == deployment.handled(app, topic), queue
        assert waiting(sqs, queue) == [], queue
    wanted = sum(len(deployment.handled(app, topic)) for topic, app in deployment.queues().values())
    letters = []

    def all_there() -> bool:
        letters.extend(waiting(sqs, deployment.dead_letters, 60))
        return len(letters) >= wanted

    until(all_there, 20, "the dead letters")
    assert len(letters) == wanted
    topics = {json.loads(each["Body"])["TopicArn"].rsplit(":", 1)[-1] for each in letters}
    assert topics == set(deployment.topics)


# --- changed, taken away


def test_a_stack_that_imports_comes_after_the_one_that_exports(empty, deployment):
    status = empty.create("cluster", understood(deployment.documents["cluster"]))
    assert status == "ROLLBACK_COMPLETE"
    assert any("ecommerce-" in reason for reason in empty.reasons("cluster"))


def test_stacks_are_changed_without_losing_a_message_and_deleted_without_losing_data(empty, deployment):
    empty.deploy(deployment)
    sqs = empty.client("sqs")
    url = sqs.get_queue_url(QueueName="order-events-queue-order-service")["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="kept")

    changed = json.loads(understood(deployment.documents["data-and-messaging"]))
    changed["Resources"]["OrderEventsForOrderServiceQueue"]["Properties"]["VisibilityTimeout"] = 9
    told = f"arn:aws:sns:us-west-2:{ACCOUNT}:operators"
    assert empty.update("data-and-messaging", json.dumps(changed), LogRetentionDays="7", AlarmTopicArn=told) == "UPDATE_COMPLETE"
    assert sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["VisibilityTimeout"])["Attributes"]["VisibilityTimeout"] == "9"
    assert [each["Body"] for each in sqs.receive_message(QueueUrl=url, VisibilityTimeout=0)["Messages"]] == ["kept"]
    groups = {each["logGroupName"]: each["retentionInDays"] for each in empty.client("logs").describe_log_groups()["logGroups"]}
    assert groups[f"/aws/containerinsights/{CLUSTER}/host"] == 7
    assert all(each["AlarmActions"] == [told] for each in empty.client("cloudwatch").describe_alarms()["MetricAlarms"])

    # The other way round, the one that others import from would have to stay.
    for name in reversed(STACKS):
        assert empty.delete(name) == "DELETE_COMPLETE", (name, empty.reasons(name))
    assert sorted(empty.client("dynamodb").list_tables()["TableNames"]) == sorted(deployment.table(app) for app in deployment.apps)
    assert empty.client("secretsmanager").get_secret_value(SecretId="jwt")["SecretString"]
    assert empty.client("sns").list_topics()["Topics"] == []
    assert not sqs.list_queues().get("QueueUrls")
    assert empty.client("eks").list_clusters()["clusters"] == []
    assert [each for each in empty.client("ec2").describe_vpcs()["Vpcs"] if each["CidrBlock"] == "10.0.0.0/16"] == []


def test_what_others_import_cannot_be_taken_away(aws):
    for name in STACKS[:-1]:
        with pytest.raises(ClientError, match="is (imported|in use) by"):
            aws.client("cloudformation").delete_stack(StackName=stack_name(name))
