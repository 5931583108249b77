"""A laptop's topics, queues and tables come from the same template, and whatever is missing or otherwise is put right."""

import json

import pytest
from deployment import ROOT
from emulator import Emulator

from shop import cloud
from shop.credentials import Credentials

QUEUE = "order-events-queue-order-service"
CREDENTIALS = Credentials("sidecar", "app", "this-platforms-own-signing-key")


@pytest.fixture
def local(empty, monkeypatch) -> Emulator:
    monkeypatch.setattr(cloud, "client", lambda service, offset: empty.client(service))
    return empty


def seen(local: Emulator) -> dict:
    """Every queue, topic and subscription as its own API tells it."""
    sqs, sns = local.client("sqs"), local.client("sns")
    queues = {}
    for url in sqs.list_queues().get("QueueUrls", []):
        attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        queues[url.rsplit("/", 1)[-1]] = {name: json.loads(attributes[name]) if name in attributes else None for name in (
            "VisibilityTimeout", "MessageRetentionPeriod", "RedrivePolicy", "RedriveAllowPolicy", "Policy", "SqsManagedSseEnabled")}
    subscriptions = {}
    for each in sns.list_subscriptions()["Subscriptions"]:
        attributes = sns.get_subscription_attributes(SubscriptionArn=each["SubscriptionArn"])["Attributes"]
        subscriptions[each["TopicArn"], each["Endpoint"]] = (attributes["FilterPolicyScope"], json.loads(attributes["FilterPolicy"]))
    return {"queues": queues, "subscriptions": subscriptions, "topics": sorted(each["TopicArn"] for each in sns.list_topics()["Topics"])}


def wanted(deployment) -> dict:
    """The same out of the template."""
    made = deployment.data
    policies = {url.rsplit("/", 1)[-1]: each["PolicyDocument"] for each in made.resources("AWS::SQS::QueuePolicy").values() for url in each["Queues"]}
    queues = {each["QueueName"]: {
        "VisibilityTimeout": each.get("VisibilityTimeout", 30), "MessageRetentionPeriod": each["MessageRetentionPeriod"],
        "RedrivePolicy": each.get("RedrivePolicy"), "RedriveAllowPolicy": each.get("RedriveAllowPolicy"),
        "Policy": policies[each["QueueName"]], "SqsManagedSseEnabled": True} for each in made.resources("AWS::SQS::Queue").values()}
    subscriptions = {(each["TopicArn"], each["Endpoint"]): (each["FilterPolicyScope"], each["FilterPolicy"])
                     for each in made.resources("AWS::SNS::Subscription").values()}
    return {"queues": queues, "subscriptions": subscriptions, "topics": sorted(deployment.arn("sns", topic) for topic in deployment.topics)}


def test_up_makes_what_the_template_says_and_a_second_time_changes_nothing(local, deployment):
    cloud.make_messaging(0, CREDENTIALS)
    assert seen(local) == wanted(deployment)
    sqs = local.client("sqs")
    url = sqs.get_queue_url(QueueName=QUEUE)["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="kept")
    stack = local.client("cloudformation").describe_stacks(StackName=cloud.STACK)["Stacks"][0]
    cloud.make_messaging(0, CREDENTIALS)
    assert seen(local) == wanted(deployment)
    assert [each["Body"] for each in sqs.receive_message(QueueUrl=url)["Messages"]] == ["kept"]
    again = local.client("cloudformation").describe_stacks(StackName=cloud.STACK)["Stacks"][0]
    assert (again["StackId"], again["StackStatus"]) == (stack["StackId"], "CREATE_COMPLETE")


def test_up_signs_with_this_platforms_key(local):
    for _ in range(2):
        cloud.make_messaging(0, CREDENTIALS)
        secret = local.client("secretsmanager").get_secret_value(SecretId="jwt")["SecretString"]
        assert json.loads(secret) == {"hs256": CREDENTIALS.jwt_key}


def test_what_went_missing_or_was_dropped_is_put_right(local, deployment):
    cloud.make_messaging(0, CREDENTIALS)
    sqs, sns = local.client("sqs"), local.client("sns")
    url = sqs.get_queue_url(QueueName=QUEUE)["QueueUrl"]
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"RedrivePolicy": "", "VisibilityTimeout": "30", "Policy": ""})
    sqs.delete_queue(QueueUrl=sqs.get_queue_url(QueueName="cart-events-queue-order-service")["QueueUrl"])
    first, second, *_ = sns.list_subscriptions()["Subscriptions"]
    sns.unsubscribe(SubscriptionArn=first["SubscriptionArn"])
    sns.set_subscription_attributes(SubscriptionArn=second["SubscriptionArn"], AttributeName="FilterPolicy", AttributeValue='{"type": ["other"]}')
    assert seen(local) != wanted(deployment)
    cloud.make_messaging(0, CREDENTIALS)
    assert seen(local) == wanted(deployment)


def test_a_changed_template_reaches_a_platform_that_was_made_before(local, deployment, monkeypatch, tmp_path):
    older = tmp_path / "older.yaml"
    text = cloud.FILE.read_text()
    older.write_text(text.replace("VisibilityTimeout: 8", "VisibilityTimeout: 20").replace("[order.confirmed, order.cancelled]", "[order.confirmed]"))
    monkeypatch.setattr(cloud, "FILE", older)
    cloud.deploy_stack(local.client("cloudformation"), cloud.STACK, older.read_text())
    assert seen(local)["queues"][QUEUE]["VisibilityTimeout"] == 20
    monkeypatch.setattr(cloud, "FILE", ROOT / "deploy" / "aws" / "data-and-messaging.yaml")
    cloud.make_messaging(0, CREDENTIALS)
    assert seen(local) == wanted(deployment)
    assert local.client("cloudformation").describe_stacks(StackName=cloud.STACK)["Stacks"][0]["StackStatus"] == "UPDATE_COMPLETE"


def test_a_stack_that_failed_is_made_anew(local, deployment):
    """As after a template with a mistake in it."""
    broken = json.dumps({"Resources": {"Queue": {"Type": "AWS::SQS::Queue", "Properties": {"RedrivePolicy": {"maxReceiveCount": 5}}}}})
    with pytest.raises(cloud.ShopError, match="Queue: "):
        cloud.deploy_stack(local.client("cloudformation"), cloud.STACK, broken)
    cloud.make_messaging(0, CREDENTIALS)
    assert seen(local) == wanted(deployment)


def test_tables_are_the_templates_with_their_expiry(local, deployment):
    for _ in range(2):
        cloud.make_tables(0)
    dynamodb = local.client("dynamodb")
    assert sorted(dynamodb.list_tables()["TableNames"]) == sorted(deployment.table(app) for app in deployment.apps)
    for app in deployment.apps:
        table = dynamodb.describe_table(TableName=deployment.table(app))["Table"]
        assert table["KeySchema"] == [{"AttributeName": "key", "KeyType": "HASH"}]
        assert table["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
        expiry = dynamodb.describe_time_to_live(TableName=deployment.table(app))["TimeToLiveDescription"]
        assert (expiry["TimeToLiveStatus"], expiry["AttributeName"]) == ("ENABLED", deployment.facts["names"]["ttlAttribute"])
