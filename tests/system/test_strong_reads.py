"""Our sidecar asks DynamoDB for consistent reads. DynamoDB Local always reads what was written and would hide the
difference, so a recorder stands in for it and shows what went over the wire; and a proxy in front of it answers as
eventually consistent reads may, which only the sidecar with Dapr's own store component falls for."""

import json
import os
import subprocess
import threading
from contextlib import contextmanager, suppress
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import requests
from shopping import create_product, pieces_in
from stack import unique, wait_until


class Recorder(BaseHTTPRequestHandler):
    """A table with nothing in it."""

    protocol_version = "HTTP/1.1"
    reads: list[dict] = []  # each GetItem, and each table's part of a BatchGetItem
    asked: list[str] = []

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])) or b"{}")
        operation = self.headers["X-Amz-Target"].rsplit(".", 1)[1]
        self.asked.append(operation)
        if operation == "GetItem":
            self.reads.append(body | {"Keys": [body["Key"]]})
        if operation == "BatchGetItem":
            self.reads += [{"TableName": table, **asked} for table, asked in body["RequestItems"].items()]
        self.send_response(200)
        self.send_header("Content-Type", "application/x-amz-json-1.0")
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_):
        pass


@pytest.fixture
def recorder():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Recorder)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


@pytest.fixture
def sidecar(recorder, tmp_path):
    """A sidecar alone, with nothing but the store."""
    from shop import facts, ports, toolbox
    from shop.console import Progress

    (tmp_path / "store.yaml").write_text(f"""
apiVersion: dapr.io/v1alpha1
kind: Component
metadata: {{name: statestore}}
spec:
  type: state.aws.dynamodb
  version: v1
  metadata:
    - {{name: table, value: recorded}}
    - {{name: region, value: us-west-2}}
    - {{name: endpoint, value: "{recorder}"}}
    - {{name: accessKey, value: local}}
    - {{name: secretKey, value: local}}
""")
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "alone.yaml").write_text(f"""
apiVersion: dapr.io/v1alpha1
kind: Configuration
metadata: {{name: alone}}
spec: {{nameResolution: {{component: sqlite, version: v1, configuration: {{connectionString: "{tmp_path}/names.db"}}}}}}
""")
    daprd = toolbox.ensure_dapr(Progress(quiet=True))[0]
    at = facts.apps(ports.free_offset())[0].ports
    with open(tmp_path / "daprd.log", "w") as log:
        process = subprocess.Popen(
            [daprd, "--app-id", "reader", "--dapr-http-port", str(at["sidecarHttp"]), "--dapr-grpc-port", str(at["sidecarGrpc"]),
             "--dapr-internal-grpc-port", str(at["sidecarInternal"]), "--dapr-listen-addresses", "127.0.0.1",
             "--dapr-internal-grpc-listen-address", "127.0.0.1", "--enable-metrics=false", "--resources-path", tmp_path,
             "--config", tmp_path / "config" / "alone.yaml"],
            env={**os.environ, "DAPR_HOST_IP": "127.0.0.1"},
            stdout=log, stderr=subprocess.STDOUT)
        address = f"http://127.0.0.1:{at['sidecarHttp']}"

        def up() -> bool:
            assert process.poll() is None, (tmp_path / "daprd.log").read_text()[-2000:]
            try:
                return requests.get(address + "/v1.0/healthz/outbound", timeout=2).status_code == 204
            except requests.ConnectionError:
                return False

        wait_until(up, 20, "the sidecar")
        yield address
        process.terminate()
        process.wait(20)


def read_keys() -> set[str]:
    """The keys that were read, each time consistently. The AWS client may repeat a read that was slow."""
    assert all(read["ConsistentRead"] is True and read["TableName"] == "recorded" for read in Recorder.reads), Recorder.reads
    return {key["key"]["S"] for read in Recorder.reads for key in read["Keys"]}


def test_a_read_that_asks_for_no_consistency_is_consistent_on_the_wire(sidecar):
    Recorder.reads.clear()
    assert requests.get(sidecar + "/v1.0/state/statestore/some-key", timeout=10).status_code == 204
    assert read_keys() == {"reader||some-key"}


def test_a_bulk_read_is_consistent_too(sidecar):
    Recorder.reads.clear()
    Recorder.asked.clear()
    keys = [str(number) for number in range(201)]
    answer = requests.post(sidecar + "/v1.0/state/statestore/bulk", json={"keys": keys, "parallelism": 1}, timeout=10)
    assert answer.json() == [{"key": key} for key in keys]
    assert read_keys() == {f"reader||{key}" for key in keys}
    assert Recorder.asked == ["BatchGetItem"] * 3 and [len(read["Keys"]) for read in Recorder.reads] == [100, 100, 1]


@pytest.mark.parametrize("condition", [{}, {"etag": "1", "options": {"concurrency": "first-write"}}, {"options": {"concurrency": "first-write"}}])
def test_a_transaction_of_one_write_is_a_single_write_on_the_wire(sidecar, condition):
    Recorder.asked.clear()
    change = {"operations": [{"operation": "upsert", "request": {"key": "a", "value": 1, **condition}}]}
    assert requests.post(sidecar + "/v1.0/state/statestore/transaction", json=change, timeout=10).status_code == 204
    assert Recorder.asked == ["PutItem"]


def test_a_transaction_of_two_writes_is_one_on_the_wire(sidecar):
    Recorder.asked.clear()
    change = {"operations": [{"operation": "upsert", "request": {"key": key, "value": 1}} for key in "ab"]}
    assert requests.post(sidecar + "/v1.0/state/statestore/transaction", json=change, timeout=10).status_code == 204
    assert Recorder.asked == ["TransactWriteItems"]


class Stale(BaseHTTPRequestHandler):
    """DynamoDB behind a replica that has not heard of the last write to an item: a read that does not ask for consistency
    gets the item as it was before. Everything else goes to DynamoDB Local and comes back as it is."""

    protocol_version = "HTTP/1.1"
    port = 0
    lock = threading.Lock()
    newest: dict[tuple[str, str], dict | None] = {}
    before: dict[tuple[str, str], dict | None] = {}
    given: list[str] = []  # keys that were answered with what they no longer hold

    def do_POST(self):
        text = self.rfile.read(int(self.headers["Content-Length"]))
        body, operation = json.loads(text), self.headers["X-Amz-Target"].rsplit(".", 1)[1]
        if operation == "GetItem" and not body.get("ConsistentRead"):
            at = (body["TableName"], body["Key"]["key"]["S"])
            with self.lock:
                if at in self.before:
                    self.given.append(at[1])
                    item = self.before[at]
                    return self.answer(200, json.dumps({"Item": item} if item else {}).encode())
        if operation == "BatchGetItem":  # only ours sends it
            assert all(asked["ConsistentRead"] for asked in body["RequestItems"].values()), body
        status, answer = self.forward(text)
        if status == 200:
            with self.lock:
                for at, item in self.written(operation, body):
                    self.before[at], self.newest[at] = self.newest.get(at), item
        self.answer(status, answer)

    def forward(self, text: bytes) -> tuple[int, bytes]:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            headers = {name: value for name, value in self.headers.items() if name.lower() not in ("connection", "accept-encoding")}
            connection.request("POST", "/", text, headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    @staticmethod
    def written(operation: str, body: dict):
        writes = [body] if operation in ("PutItem", "DeleteItem") else []
        if operation == "TransactWriteItems":
            writes = [next(iter(item.values())) for item in body["TransactItems"]]
        for write in writes:
            if "Item" in write or "Key" in write:
                yield (write["TableName"], (write.get("Item") or write["Key"])["key"]["S"]), write.get("Item")

    def answer(self, status: int, text: bytes) -> None:
        with suppress(BrokenPipeError, ConnectionResetError):  # who asked has gone
            self.send_response(status)
            self.send_header("Content-Type", "application/x-amz-json-1.0")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

    def log_message(self, *_):
        pass


@pytest.fixture
def behind(proxied):
    """A platform whose store lags behind for whoever lets it."""
    platform, toxiproxy = proxied
    Stale.port = toxiproxy.upstreams["dynamodb"]
    for kept in (Stale.newest, Stale.before, Stale.given):
        kept.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Stale)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with toxiproxy.another("dynamodb", server.server_port):
        yield platform
    server.shutdown()


@contextmanager
def stock_sidecar(platform, part: str, log):
    """The same sidecar, started with the same arguments, but with the store component as Dapr ships it."""
    from shop import toolbox
    from shop.console import Progress

    ours, stock = toolbox.ensure_dapr(Progress(quiet=True))[0], toolbox.ensure_stock_daprd(Progress(quiet=True))
    script = (platform.stack.workspace.generated / "run" / part).read_text()
    assert str(ours) in script
    platform.stack.supervisor.stop([part])
    with open(log, "w") as out:
        process = subprocess.Popen(["/bin/sh", "-c", script.replace(str(ours), str(stock))], stdout=out, stderr=out)
    try:
        yield
    finally:
        process.terminate()
        process.wait(30)
        platform.stack.supervisor.start([part])


def add(client, cart: str, product: str) -> int:
    """One more piece; how many the cart then says it holds."""
    body, key = {"productId": product, "quantity": 1}, unique("key")

    def once():
        answer = client.call("POST", "cart", f"/carts/{cart}/items", body, headers={"Idempotency-Key": key})
        assert answer.status_code == 200, answer.text
        return pieces_in(answer.json())

    return wait_until(once, 60, "the add")


def three_adds(platform) -> list[int]:
    """The third by an actor that has to read its state: its process is a new one."""
    client, cart = platform.client(), unique("cart")
    product = create_product(platform.client("admin"))["id"]
    counts = [add(client, cart, product), add(client, cart, product)]
    platform.kill("cart-service")
    return [*counts, add(client, cart, product)]


def test_an_actor_that_moves_sees_its_last_write_although_the_store_lags_behind(behind):
    assert three_adds(behind) == [1, 2, 3]
    assert Stale.before and not Stale.given


def test_with_the_stock_component_the_same_actor_loses_an_update(behind, tmp_path):
    with stock_sidecar(behind, "cart-service-sidecar", tmp_path / "daprd.log"):
        assert three_adds(behind) == [1, 2, 2]
    assert any("||Cart||" in key for key in Stale.given)
    wait_until(behind.ready, 60, "the platform to be ready again")
