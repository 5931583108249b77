"""What a service's role may, asked of an AWS that enforces it; and the sidecars themselves, each with its role and nothing else."""

import json
import os
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import requests
import yaml
from botocore.exceptions import ClientError
from deployment import Deployment
from emulator import ACCOUNT, Emulator, free_port, until
from rollout import Rollout

from shop import facts, render, toolbox
from shop.console import Progress

APPS = list(facts.load()["apps"])


def refused(call, **arguments) -> bool:
    try:
        call(**arguments)
    except ClientError as error:
        assert error.response["Error"]["Code"] in ("AccessDenied", "AccessDeniedException", "AuthorizationError"), error
        return True
    return False


# --- who gets a role


@pytest.mark.parametrize("app", APPS)
def test_a_role_is_for_its_own_service_account_of_this_cluster(aws, app):
    assert aws.role(app)["aws_session_token"]
    other = next(each for each in APPS if each != app)
    for account, audience, issuer in (
            (f"ecommerce:{other}", "sts.amazonaws.com", None), (f"default:{app}", "sts.amazonaws.com", None),
            (None, "kubernetes", None), (None, "sts.amazonaws.com", "https://oidc.example.org/id/ELSEWHERE")):
        assert refused(lambda: aws.role(app, account, audience, issuer)), (account, audience, issuer)


# --- what it may


def requests_of(aws: Emulator, deployment: Deployment, app: str, target: str):
    """The calls about what belongs to `target`, by the role of `app`: name → call and arguments."""
    key = aws.role(app)
    dynamodb, sns, sqs, secrets = (aws.client(service, key) for service in ("dynamodb", "sns", "sqs", "secretsmanager"))
    table, item = deployment.table(target), {"key": {"S": "test"}}
    calls = {
        "read": (dynamodb.get_item, {"TableName": table, "Key": item}),
        "write": (dynamodb.put_item, {"TableName": table, "Item": item}),
        "transaction": (dynamodb.transact_write_items, {"TransactItems": [{"Put": {"TableName": table, "Item": item}}]}),
        "erase": (dynamodb.delete_item, {"TableName": table, "Key": item}),
    }
    for queue, (_, owner) in deployment.queues().items():
        if owner == target:
            url = f"{aws.endpoint}/{ACCOUNT}/{queue}"
            calls[f"find {queue}"] = (sqs.get_queue_url, {"QueueName": queue})
            calls[f"look at {queue}"] = (sqs.get_queue_attributes, {"QueueUrl": url, "AttributeNames": ["QueueArn"]})
            calls[f"receive from {queue}"] = (sqs.receive_message, {"QueueUrl": url})
    return calls, (dynamodb, sns, sqs, secrets)


@pytest.mark.parametrize("app", APPS)
def test_a_service_may_use_what_is_its_own_and_nothing_of_the_others(aws, deployment, app):
    for target in APPS:
        calls, _ = requests_of(aws, deployment, app, target)
        for name, (call, arguments) in calls.items():
            assert refused(call, **arguments) == (target != app), f"{app}: {name} of {target}"


@pytest.mark.parametrize("app", APPS)
def test_a_service_publishes_where_it_may_and_makes_nothing(aws, deployment, app):
    _, (dynamodb, sns, sqs, secrets) = requests_of(aws, deployment, app, app)
    for topic in deployment.topics:
        arn = deployment.arn("sns", topic)
        may = topic in deployment.publishes(app)
        assert refused(sns.publish, TopicArn=arn, Message='{"type": "nobody.hears"}') == (not may), topic
        known = may or topic in deployment.subscribed(app)
        assert refused(sns.get_topic_attributes, TopicArn=arn) == (not known), topic
        assert refused(sns.subscribe, TopicArn=arn, Protocol="sqs", Endpoint=deployment.arn("sqs", deployment.dead_letters))
    own = next(f"{aws.endpoint}/{ACCOUNT}/{queue}" for queue, (_, owner) in deployment.queues().items() if owner == app)
    dead = f"{aws.endpoint}/{ACCOUNT}/{deployment.dead_letters}"
    assert not refused(sqs.get_queue_attributes, QueueUrl=dead, AttributeNames=["QueueArn"])
    assert not refused(secrets.get_secret_value, SecretId="jwt")
    for call, arguments in (
            (sqs.receive_message, {"QueueUrl": dead}), (sqs.purge_queue, {"QueueUrl": own}), (sqs.delete_queue, {"QueueUrl": own}),
            (sqs.send_message, {"QueueUrl": own, "MessageBody": "x"}), (sqs.create_queue, {"QueueName": "mine"}),
            (sqs.set_queue_attributes, {"QueueUrl": own, "Attributes": {"VisibilityTimeout": "1"}}),
            (sns.create_topic, {"Name": "mine"}), (sns.delete_topic, {"TopicArn": deployment.arn("sns", "order-events")}),
            (dynamodb.scan, {"TableName": deployment.table(app)}), (dynamodb.delete_table, {"TableName": deployment.table(app)}),
            (secrets.put_secret_value, {"SecretId": "jwt", "SecretString": "{}"}), (secrets.list_secrets, {})):
        assert refused(call, **arguments), call


# --- the sidecars


class App(BaseHTTPRequestHandler):
    """Stands in for a service: says it is well, has no actors, and takes every event."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self._answer({"/dapr/config": b'{"entities": []}', "/dapr/subscribe": b"[]"}.get(self.path, b"{}"))

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])) or b"{}")
        self.server.events.append((self.path, body.get("id")))
        self._answer(b"{}")

    def _answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Sidecar:
    """A real daprd with the resources as the chart renders them; to them come the emulator's address and the role's key, which in
    a cluster the environment gives."""

    def __init__(self, aws: Emulator, rollout: Rollout, app: str, key: dict, folder: Path):
        self.app = app
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), App)
        self.server.events = []
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        added = {"endpoint": aws.endpoint, "accessKey": key["aws_access_key_id"], "secretKey": key["aws_secret_access_key"],
                 "sessionToken": key["aws_session_token"]}
        self.resources = [*rollout.all("Subscription").values(), *rollout.all("Resiliency").values()]
        self.components = [render.component(each, {"metadata": added}) for each in rollout.all("Component").values()]
        (folder / "resources").mkdir(parents=True)
        (folder / "resources" / "all.yaml").write_text(yaml.safe_dump_all(self.components + self.resources))
        names = {"spec": {"nameResolution": {"component": "sqlite", "version": "v1",
                                             "configuration": {"connectionString": str(folder / "names.db")}}}}
        (folder / "configuration.yaml").write_text(yaml.safe_dump(render.merged(rollout.one("Configuration", app), names)))
        ports = [str(free_port()) for _ in range(3)]
        self.address = f"http://127.0.0.1:{ports[0]}"
        self.log = folder / "daprd.log"
        with open(self.log, "w") as log:
            self.process = subprocess.Popen(
                [toolbox.ensure_dapr(Progress(quiet=True))[0], "--app-id", app, "--app-port", str(self.server.server_port),
                 "--dapr-http-port", ports[0], "--dapr-grpc-port", ports[1], "--dapr-internal-grpc-port", ports[2],
                 "--dapr-listen-addresses", "127.0.0.1", "--dapr-internal-grpc-listen-address", "127.0.0.1", "--enable-metrics=false",
                 "--resources-path", folder / "resources", "--config", folder / "configuration.yaml", "--log-as-json"],
                env={**os.environ, "DAPR_HOST_IP": "127.0.0.1"}, stdout=log, stderr=subprocess.STDOUT)

    def ready(self) -> bool:
        assert self.process.poll() is None, self.log.read_text()[-3000:]
        try:
            return requests.get(self.address + "/v1.0/healthz", timeout=2).status_code == 204
        except requests.ConnectionError:
            return False

    def complaints(self) -> list[str]:
        lines = [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]
        return [line["msg"] for line in lines if line["level"] in ("error", "fatal")]

    def ask(self, method: str, path: str, body=None, headers=None) -> requests.Response:
        return requests.request(method, self.address + path, json=body, headers=headers, timeout=20)

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(20)
        self.server.shutdown()


@pytest.fixture(scope="module")
def sidecars(aws, rollout, tmp_path_factory):
    started: dict[str, Sidecar] = {}
    try:
        for app in APPS:
            started[app] = Sidecar(aws, rollout, app, aws.role(app), tmp_path_factory.mktemp(app))
        for each in started.values():
            until(each.ready, 60, f"the sidecar of {each.app}")
        yield started
    finally:
        for each in started.values():
            each.stop()


@pytest.mark.parametrize("app", APPS)
def test_a_sidecar_loads_everything_that_is_meant_for_it(sidecars, app):
    sidecar = sidecars[app]
    loaded = sidecar.ask("GET", "/v1.0/metadata").json()
    assert {each["name"] for each in loaded["components"]} == {
        each["metadata"]["name"] for each in sidecar.components if app in each["scopes"]}
    wanted = {(each["spec"]["pubsubname"], each["spec"]["topic"]) for each in sidecar.resources
              if each["kind"] == "Subscription" and app in each["scopes"]}
    assert {(each["pubsubname"], each["topic"]) for each in loaded["subscriptions"]} == wanted


@pytest.mark.parametrize("app", APPS)
def test_a_sidecar_does_its_work_with_its_role_and_does_not_complain(aws, deployment, sidecars, app):
    sidecar = sidecars[app]
    item = {"key": f"test-{app}", "value": {"here": True}}
    assert sidecar.ask("POST", "/v1.0/state/statestore", [item]).status_code == 204
    assert sidecar.ask("GET", f"/v1.0/state/statestore/{item['key']}").json() == item["value"]
    many = sidecar.ask("POST", "/v1.0/state/statestore/bulk", {"keys": [item["key"], "none"]}).json()
    assert many[0]["data"] == item["value"] and many[0]["etag"] and many[1] == {"key": "none"}
    alone = {"operations": [{"operation": "upsert", "request": {**item, "etag": many[0]["etag"]}}]}
    assert sidecar.ask("POST", "/v1.0/state/statestore/transaction", alone).status_code == 204
    change = {"operations": [{"operation": "upsert", "request": {"key": "other", "value": 1}}, {"operation": "delete", "request": {"key": item["key"]}}]}
    assert sidecar.ask("POST", "/v1.0/state/statestore/transaction", change).status_code == 204
    assert sidecar.ask("GET", f"/v1.0/state/statestore/{item['key']}").status_code == 204
    assert sidecar.ask("GET", "/v1.0/secrets/secretstore/jwt").json().keys() == {"hs256"}

    heard = {f"Test/{app}/{kind}": kind for kind, known in deployment.facts["events"].items() if app in known["to"]}
    sns = aws.client("sns")
    for identity, kind in heard.items():
        known = deployment.facts["events"][kind]
        event = {"specversion": "1.0", "id": identity, "source": known["from"], "type": kind, "datacontenttype": "application/json", "data": {}}
        sns.publish(TopicArn=deployment.arn("sns", known["topic"]), Message=json.dumps(event))
    for kind, known in deployment.facts["events"].items():
        if known["from"] == app:
            event = {"specversion": "1.0", "id": f"Test/{app}/sent/{kind}", "source": app, "type": kind, "datacontenttype": "application/json", "data": {}}
            answer = sidecar.ask("POST", f"/v1.0/publish/pubsub/{known['topic']}", event, {"Content-Type": "application/cloudevents+json"})
            assert answer.status_code == 204, answer.text
    until(lambda: heard.keys() <= {identity for _, identity in sidecar.server.events}, 30, f"{app} to hear {set(heard)}")
    for path, identity in sidecar.server.events:
        assert path == f"/events/{identity.rsplit('/', 1)[-1]}"
    sqs = aws.client("sqs")
    for queue, (_, owner) in deployment.queues().items():
        if owner == app:
            url = sqs.get_queue_url(QueueName=queue)["QueueUrl"]
            counts = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
            until(lambda: set(sqs.get_queue_attributes(QueueUrl=url, AttributeNames=counts)["Attributes"].values()) == {"0"}, 20, f"{queue} to be empty")
    assert sidecar.complaints() == []


def test_a_sidecar_with_another_services_role_complains(aws, rollout, tmp_path):
    sidecar = Sidecar(aws, rollout, "cart-service", aws.role("payment-service"), tmp_path)
    try:
        complaint = until(lambda: [each for each in sidecar.complaints() if "not authorized" in each or "AccessDenied" in each], 60, "a complaint")
        assert complaint
    finally:
        sidecar.stop()
