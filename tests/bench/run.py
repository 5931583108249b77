"""What a turn of the library costs, against a constant answer behind the same sidecar, alternating in one run.

    ./shop python tests/bench/run.py [--rounds 3] [--seconds 5] [--connections 32] [--actors 500] [--json]

The sidecar, placement and scheduler are real; state and broker are the sidecar's in-memory ones, because a database on the same two
cores would be what is measured. Only the ratios of one run mean anything: they compare what the same machine did in the same minute.
"""
import argparse
import json
import os
import secrets
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))

from shop import toolbox  # noqa: E402
from shop.console import Progress  # noqa: E402
from shop.workspace import build_folder  # noqa: E402

RESOURCE = """\
apiVersion: dapr.io/v1alpha1
kind: Component
metadata: {{name: {name}}}
spec:
  type: {type}
  version: v1
  metadata: [{metadata}]
"""
CASES = [
    ("static answer", "Static", "View", ""),
    ("cached read", "Basket", "View", ""),
    ("add", "Basket", "Add", '{"product":"p-1","quantity":1}'),
]


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Stage:
    """The processes of one benchmark; they end with it."""

    def __init__(self, folder: Path, tools, host: Path):
        self.token = secrets.token_hex(16)
        self.processes: list[subprocess.Popen] = []
        self.folder = folder
        port = {name: free_port() for name in ("placement", "placement_health", "scheduler", "scheduler_health", "etcd", "peer",
                                               "http", "grpc", "internal", "metrics", "channel", "raft")}
        self.http = port["http"]
        resources = folder / "resources"
        resources.mkdir()
        (resources / "state.yaml").write_text(RESOURCE.format(name="statestore", type="state.in-memory",
                                                              metadata='{name: actorStateStore, value: "true"}'))
        (resources / "pubsub.yaml").write_text(RESOURCE.format(name="pubsub", type="pubsub.in-memory", metadata=""))
        (folder / "config.yaml").write_text(
            "apiVersion: dapr.io/v1alpha1\nkind: Configuration\nmetadata: {name: bench}\nspec:\n  tracing: {samplingRate: \"0\"}\n"
            "  nameResolution:\n    component: sqlite\n    version: v1\n    configuration: {connectionString: \"" + str(folder / "names.db") + "\"}\n")
        local = ["--listen-address", "127.0.0.1", "--healthz-listen-address", "127.0.0.1", "--enable-metrics=false"]
        self.start("placement", [tools.control_plane["placement"], *local, "--port", port["placement"], "--healthz-port",
                                 port["placement_health"], "--id", "p0", "--initial-cluster", f"p0=127.0.0.1:{port['raft']}"])
        self.start("scheduler", [tools.control_plane["scheduler"], *local, "--port", port["scheduler"], "--healthz-port",
                                 port["scheduler_health"], "--id", "s0", "--override-broadcast-host-port",
                                 f"127.0.0.1:{port['scheduler']}", "--etcd-data-dir", folder / "etcd", "--etcd-initial-cluster",
                                 f"s0=http://127.0.0.1:{port['peer']}", "--etcd-client-port", port["etcd"],
                                 "--etcd-client-listen-address", "127.0.0.1"])
        self.host = self.start("host", [host, port["channel"], port["http"]])
        self.daprd = self.start("daprd", [
            tools.daprd, "--app-id", "bench", "--app-port", port["channel"], "--dapr-http-port", port["http"], "--dapr-grpc-port",
            port["grpc"], "--dapr-internal-grpc-port", port["internal"], "--dapr-internal-grpc-listen-address", "127.0.0.1",
            "--dapr-listen-addresses", "127.0.0.1", "--metrics-port", port["metrics"], "--metrics-listen-address", "127.0.0.1",
            "--resources-path", resources, "--config", folder / "config.yaml", "--placement-host-address",
            f"127.0.0.1:{port['placement']}", "--scheduler-host-address", f"127.0.0.1:{port['scheduler']}", "--log-level", "warn"])

    def start(self, name: str, command: list) -> subprocess.Popen:
        log = open(self.folder / f"{name}.log", "wb")
        process = subprocess.Popen([str(part) for part in command], stdout=log, stderr=subprocess.STDOUT, cwd=self.folder,
                                   env={**os.environ, "APP_API_TOKEN": self.token, "DAPR_HOST_IP": "127.0.0.1"})
        self.processes.append(process)
        return process

    def stop(self) -> None:
        for process in reversed(self.processes):
            process.terminate()
        for process in self.processes:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()

    def wait_ready(self, limit: float = 60) -> None:
        deadline = time.monotonic() + limit
        while True:
            try:
                for kind in ("Static", "Basket"):
                    request = urllib.request.Request(f"http://127.0.0.1:{self.http}/v1.0/actors/{kind}/b1/method/View", method="PUT",
                                                     headers={"dapr-api-token": self.token})
                    urllib.request.urlopen(request, timeout=2).read()
                return
            except OSError as error:
                if time.monotonic() > deadline:
                    sys.exit(f"the sidecar does not reach its actors: {error}; logs were in {self.folder}")
                time.sleep(0.2)


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_mb(pid: int) -> float:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def measure(stage: Stage, options, kind: str, method: str, body: str) -> dict:
    before, before_daprd = cpu_seconds(stage.host.pid), cpu_seconds(stage.daprd.pid)
    environment = {**os.environ, "BENCH_TYPE": kind, "BENCH_METHOD": method, "BENCH_BODY": body, "BENCH_TOKEN": stage.token,
                   "BENCH_ACTORS": str(options.actors)}
    answer = subprocess.run(["wrk", "-t1", f"-c{options.connections}", f"-d{options.seconds}s", "-s", str(ROOT / "tests/bench/call.lua"),
                             f"http://127.0.0.1:{stage.http}"], env=environment, capture_output=True, text=True, check=True)
    result = json.loads(answer.stdout.rsplit("RESULT ", 1)[1])
    if result["errors"]:
        sys.exit(f"{result['errors']} calls of {kind}.{method} failed; logs are in {stage.folder}\n{answer.stdout}")
    calls = result["calls"]
    return {"calls_per_s": calls / result["seconds"], "p50_ms": result["p50_us"] / 1000, "p99_ms": result["p99_us"] / 1000,
            "app_cpu_us": (cpu_seconds(stage.host.pid) - before) / calls * 1e6,
            "daprd_cpu_us": (cpu_seconds(stage.daprd.pid) - before_daprd) / calls * 1e6, "rss_mb": resident_mb(stage.host.pid)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=5, help="of each case in each round")
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--actors", type=int, default=500)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if not shutil.which("wrk"):
        sys.exit("wrk is missing: apt-get install wrk")
    host = build_folder() / "tests" / "bench" / "bench_host"
    if not host.exists():
        sys.exit(f"{host} is not built: ./shop test --suite unit builds everything")
    with Progress(options.json) as progress:
        tools = toolbox.tools(progress)
    rounds: dict[str, list[dict]] = {name: [] for name, *_ in CASES}
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        stage = Stage(Path(folder), tools, host)
        try:
            stage.wait_ready()
            for number in range(options.rounds):
                for name, *case in CASES:
                    print(f"round {number + 1} of {options.rounds}: {name}", file=sys.stderr)
                    rounds[name].append(measure(stage, options, *case))
        finally:
            stage.stop()
    medians = {name: {key: statistics.median(one[key] for one in results) for key in results[0]} for name, results in rounds.items()}
    for values in medians.values():
        values["of_static"] = values["calls_per_s"] / medians["static answer"]["calls_per_s"]
    if options.json:
        print(json.dumps({"medians": medians, "rounds": rounds}, indent=2))
        return
    print(f"\n{'':14}{'calls/s':>10}{'of static':>11}{'p50 ms':>9}{'p99 ms':>9}{'app CPU/call':>14}{'daprd CPU/call':>16}{'app RSS':>10}")
    for name, m in medians.items():
        print(f"{name:14}{m['calls_per_s']:10.0f}{m['of_static']:11.2f}{m['p50_ms']:9.2f}{m['p99_ms']:9.2f}{m['app_cpu_us']:11.0f} µs"
              f"{m['daprd_cpu_us']:13.0f} µs{m['rss_mb']:7.1f} MB")
    print(f"medians of {options.rounds} rounds of {options.seconds} s, {options.connections} connections, {options.actors} actors; "
          "state and broker in the sidecar's memory")


if __name__ == "__main__":
    main()
