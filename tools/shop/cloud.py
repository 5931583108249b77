"""Makes what the infrastructure makes in the cloud, from the infrastructure's own template: deploy/aws/data-and-messaging.yaml.

The emulator of SNS, SQS and Secrets Manager is given the template as a stack, as AWS is. What it may have dropped, or what a
lost state left out, is then made again out of the same template, call by call. Everything here is safe to repeat.
"""

import functools
import json
import time
from concurrent.futures import ThreadPoolExecutor

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from . import facts
from .credentials import Credentials
from .template import Template
from .workspace import ROOT, ShopError

QUICK = Config(connect_timeout=2, read_timeout=15, retries={"max_attempts": 2})
FILE = ROOT / "deploy" / "aws" / "data-and-messaging.yaml"
STACK = "ecommerce-data-and-messaging"
STACK_SECONDS = 60
# The account that the emulators put into every name.
ACCOUNT = "000000000000"


@functools.cache
def template() -> Template:
    return Template.read(FILE, region=facts.load()["region"], account=ACCOUNT)


def client(service: str, at: int | dict[str, str]):
    """Of this machine's platform, by its ports' offset; or of emulators anywhere, by the URLs of `aws` and `dynamodb`."""
    emulator = "dynamodb" if service == "dynamodb" else "aws"
    endpoint = at[emulator] if isinstance(at, dict) else f"http://{facts.host()}:{facts.Ports(at)[emulator]}"
    return boto3.client(service, endpoint_url=endpoint, region_name=facts.load()["region"], aws_access_key_id="local",
                        aws_secret_access_key="local", config=QUICK)


def make_tables(at: int | dict[str, str]) -> None:
    """The template's tables in DynamoDB Local, which knows no stacks, backups or keys."""
    dynamodb = client("dynamodb", at)
    existing = set(dynamodb.list_tables()["TableNames"])
    for table in template().resources("AWS::DynamoDB::Table").values():
        name, expiry = table["TableName"], table["TimeToLiveSpecification"]
        if name not in existing:
            dynamodb.create_table(**{key: table[key] for key in ("TableName", "BillingMode", "AttributeDefinitions", "KeySchema")})
        if dynamodb.describe_time_to_live(TableName=name)["TimeToLiveDescription"]["TimeToLiveStatus"] == "DISABLED":
            dynamodb.update_time_to_live(TableName=name, TimeToLiveSpecification=expiry)


def make_messaging(at: int | dict[str, str], credentials: Credentials) -> None:
    """Topics, queues, policies and subscriptions, and the signing key's secret."""
    deploy_stack(client("cloudformation", at), STACK, FILE.read_text())
    sns, sqs = client("sns", at), client("sqs", at)
    wanted = template()
    queues = wanted.resources("AWS::SQS::Queue").values()
    # A queue refers to its dead-letter queue, which therefore comes first.
    for queue in sorted(queues, key=lambda queue: "RedrivePolicy" in queue):
        _ensure_queue(sqs, queue["QueueName"], _queue_attributes(queue))
    for topic in wanted.resources("AWS::SNS::Topic").values():
        sns.create_topic(Name=topic["TopicName"])
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda subscription: _ensure_subscription(sns, subscription),
                      wanted.resources("AWS::SNS::Subscription").values()))
    _give_secret(client("secretsmanager", at), credentials)


def deploy_stack(cloudformation, name: str, text: str, capabilities: tuple[str, ...] = ()) -> None:
    """Creates the stack or brings it up to date, and waits. One that cannot be brought up to date is made anew: this is for
    the emulator, whose stacks of another day may be of another release of it."""
    status = _status(cloudformation, name)
    if status.endswith("COMPLETE") and "ROLLBACK" not in status:
        if cloudformation.get_template(StackName=name)["TemplateBody"] == text:
            return
        try:
            cloudformation.update_stack(StackName=name, TemplateBody=text, Capabilities=list(capabilities))
        except ClientError as error:
            if "No updates are to be performed" in error.response["Error"]["Message"]:
                return
            raise
        if _settled(cloudformation, name) == "UPDATE_COMPLETE":
            return
    if status:
        cloudformation.delete_stack(StackName=name)
        _settled(cloudformation, name)
    cloudformation.create_stack(StackName=name, TemplateBody=text, Capabilities=list(capabilities))
    if _settled(cloudformation, name) != "CREATE_COMPLETE":
        events = cloudformation.describe_stack_events(StackName=name)["StackEvents"]
        reasons = [f"  {event['LogicalResourceId']}: {event.get('ResourceStatusReason', '')}" for event in events
                   if "FAILED" in event["ResourceStatus"]]
        raise ShopError(f"the emulator could not make the stack {name}:\n" + "\n".join(reasons))


def _status(cloudformation, name: str) -> str:
    """Empty where there is no such stack."""
    try:
        return cloudformation.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"]
    except ClientError as error:
        if "does not exist" not in error.response["Error"]["Message"]:
            raise
        return ""


def _settled(cloudformation, name: str) -> str:
    deadline = time.monotonic() + STACK_SECONDS
    while (status := _status(cloudformation, name)).endswith("IN_PROGRESS"):
        if time.monotonic() > deadline:
            raise ShopError(f"the emulator is still at {status} with the stack {name} after {STACK_SECONDS} s")
        time.sleep(0.02)
    return status


def _queue_attributes(queue: dict) -> dict[str, str]:
    """As the queue's own API wants them: strings, with documents in JSON, and the queue's policy beside the rest."""
    attributes = {name: value for name, value in queue.items() if name != "QueueName"}
    for policy in template().resources("AWS::SQS::QueuePolicy").values():
        if any(url.endswith("/" + queue["QueueName"]) for url in policy["Queues"]):
            attributes["Policy"] = policy["PolicyDocument"]
    return {name: json.dumps(value) if isinstance(value, (dict, bool)) else str(value) for name, value in attributes.items()}


def _ensure_queue(sqs, name: str, attributes: dict[str, str]) -> None:
    try:
        url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
    except ClientError as error:
        if "NonExistentQueue" not in error.response["Error"]["Code"]:
            raise
        sqs.create_queue(QueueName=name, Attributes=attributes)
        return
    has = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    missing = {name: value for name, value in attributes.items() if not _same(has.get(name), value)}
    if missing:
        sqs.set_queue_attributes(QueueUrl=url, Attributes=missing)


def _ensure_subscription(sns, subscription: dict) -> None:
    attributes = {name: value for name, value in subscription.items() if name not in ("TopicArn", "Protocol", "Endpoint")}
    text = {name: json.dumps(value) if isinstance(value, dict) else str(value) for name, value in attributes.items()}
    arn = sns.subscribe(TopicArn=subscription["TopicArn"], Protocol=subscription["Protocol"], Endpoint=subscription["Endpoint"],
                        Attributes=text, ReturnSubscriptionArn=True)["SubscriptionArn"]
    has = sns.get_subscription_attributes(SubscriptionArn=arn)["Attributes"]
    for name, value in text.items():
        if not _same(has.get(name), value):
            sns.set_subscription_attributes(SubscriptionArn=arn, AttributeName=name, AttributeValue=value)


def _same(has: str | None, wanted: str) -> bool:
    """Documents are compared as such, whatever their spacing."""
    try:
        return has is not None and json.loads(has) == json.loads(wanted)
    except ValueError:
        return has == wanted


def _give_secret(manager, credentials: Credentials) -> None:
    """The template has Secrets Manager make up the signing key; here it is this platform's own."""
    name = facts.name("secret")
    text = json.dumps({facts.name("secretKey"): credentials.jwt_key})
    try:
        manager.put_secret_value(SecretId=name, SecretString=text)
    except manager.exceptions.ResourceNotFoundException:
        manager.create_secret(Name=name, SecretString=text)
