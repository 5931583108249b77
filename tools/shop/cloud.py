"""Makes what the infrastructure makes in the cloud: tables, topics, queues with their filters, and the signing key's secret.

Every call here is the one that stands for the same resource on AWS, and safe to repeat.
"""

import json
from concurrent.futures import ThreadPoolExecutor

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from . import facts
from .credentials import Credentials

QUICK = Config(connect_timeout=2, read_timeout=15, retries={"max_attempts": 2})


def client(service: str, offset: int):
    ports = facts.Ports(offset)
    endpoint = f"http://{facts.host()}:{ports['dynamodb' if service == 'dynamodb' else 'aws']}"
    return boto3.client(service, endpoint_url=endpoint, region_name=facts.load()["region"], aws_access_key_id="local",
                        aws_secret_access_key="local", config=QUICK)


def make_tables(offset: int) -> None:
    dynamodb = client("dynamodb", offset)
    existing = set(dynamodb.list_tables()["TableNames"])
    for app in facts.apps():
        table = facts.name("table", app=app.id)
        if table in existing:
            continue
        dynamodb.create_table(TableName=table, BillingMode="PAY_PER_REQUEST",
                              AttributeDefinitions=[{"AttributeName": "key", "AttributeType": "S"}],
                              KeySchema=[{"AttributeName": "key", "KeyType": "HASH"}])
        dynamodb.update_time_to_live(TableName=table, TimeToLiveSpecification={
            "Enabled": True, "AttributeName": facts.name("ttlAttribute")})


def make_messaging(offset: int) -> None:
    """One topic per name, one queue per subscriber and topic, each fed with the types its subscriber handles."""
    sns, sqs = client("sns", offset), client("sqs", offset)
    dead_letters = _queue(sqs, facts.name("deadLetterQueue"), {"MessageRetentionPeriod": "1209600"})
    topics = {topic: sns.create_topic(Name=topic)["TopicArn"] for topic in facts.load()["topics"]}
    wanted = [(app, topic, types) for app in facts.apps() for topic, types in app.subscriptions().items()]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda one: _subscribe(sns, sqs, one[0], one[1], topics[one[1]], one[2], dead_letters), wanted))


def _subscribe(sns, sqs, app: facts.App, topic: str, topic_arn: str, types: list[str], dead_letters: str) -> None:
    delivery = facts.load()["delivery"]
    queue = facts.name("queue", topic=topic, app=app.id)
    arn = _queue(sqs, queue, {
        "VisibilityTimeout": str(delivery["visibilitySeconds"]),
        "MessageRetentionPeriod": "1209600",
        "RedrivePolicy": json.dumps({"deadLetterTargetArn": dead_letters, "maxReceiveCount": delivery["receives"]}),
        "Policy": json.dumps({"Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage",
            "Resource": _arn("sqs", queue), "Condition": {"ArnEquals": {"aws:SourceArn": topic_arn}}}]}),
    })
    # The event's type is read from the message, which is the CloudEvents envelope as the sidecar published it: a queue
    # holds only what its subscriber handles.
    sns.subscribe(TopicArn=topic_arn, Protocol="sqs", Endpoint=arn, Attributes={
        "FilterPolicyScope": "MessageBody", "FilterPolicy": json.dumps({"type": types})})


def _arn(service: str, name: str) -> str:
    return f"arn:aws:{service}:{facts.load()['region']}:000000000000:{name}"


def _queue(sqs, name: str, attributes: dict[str, str]) -> str:
    """Creating a queue that has other attributes is refused, so an older one is brought up to date instead."""
    try:
        url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
        sqs.set_queue_attributes(QueueUrl=url, Attributes=attributes)
    except ClientError as error:
        if "NonExistentQueue" not in error.response["Error"]["Code"]:
            raise
        sqs.create_queue(QueueName=name, Attributes=attributes)
    return _arn("sqs", name)


def make_secret(offset: int, credentials: Credentials) -> None:
    manager = client("secretsmanager", offset)
    name = facts.name("secret")
    text = json.dumps({facts.name("secretKey"): credentials.jwt_key})
    try:
        manager.create_secret(Name=name, SecretString=text)
    except manager.exceptions.ResourceExistsException:
        manager.put_secret_value(SecretId=name, SecretString=text)
