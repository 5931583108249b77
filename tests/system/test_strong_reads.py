"""Our sidecar asks DynamoDB for consistent reads. DynamoDB Local always reads what was written and would hide the
difference, so a recorder stands in for it and shows what went over the wire."""

import json
import os
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import requests
from stack import wait_until


class Recorder(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    reads: list[dict] = []

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])) or b"{}")
        if self.headers["X-Amz-Target"].endswith(".GetItem"):
            self.reads.append(body)
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
    from shop import ports, toolbox
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
    port = 3500 + ports.free_offset()
    with open(tmp_path / "daprd.log", "w") as log:
        process = subprocess.Popen(
            [daprd, "--app-id", "reader", "--dapr-http-port", str(port), "--dapr-grpc-port", str(port + 1),
             "--dapr-internal-grpc-port", str(port + 2), "--dapr-listen-addresses", "127.0.0.1",
             "--dapr-internal-grpc-listen-address", "127.0.0.1", "--enable-metrics=false", "--resources-path", tmp_path,
             "--config", tmp_path / "config" / "alone.yaml"],
            env={**os.environ, "DAPR_HOST_IP": "127.0.0.1"},
            stdout=log, stderr=subprocess.STDOUT)
        address = f"http://127.0.0.1:{port}"

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
    return {read["Key"]["key"]["S"] for read in Recorder.reads}


def test_a_read_that_asks_for_no_consistency_is_consistent_on_the_wire(sidecar):
    Recorder.reads.clear()
    assert requests.get(sidecar + "/v1.0/state/statestore/some-key", timeout=10).status_code == 204
    assert read_keys() == {"reader||some-key"}


def test_a_bulk_read_is_consistent_too(sidecar):
    Recorder.reads.clear()
    body = {"keys": ["a", "b"], "parallelism": 1}
    assert requests.post(sidecar + "/v1.0/state/statestore/bulk", json=body, timeout=10).status_code == 200
    assert read_keys() == {"reader||a", "reader||b"}
