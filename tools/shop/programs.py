"""What the platform consists of: every process with its command, its environment and its place in the order of things."""

import shutil
from dataclasses import dataclass, field
from pathlib import Path

from . import facts
from .credentials import Credentials
from .render import gateway_file
from .toolbox import Tools
from .workspace import ROOT, TOOLS, ShopError, Workspace

REGION = facts.load()["region"]
# What deploy/aws/data-and-messaging.yaml makes, and what a sidecar asks who it is.
EMULATED = "cloudformation,sns,sqs,secretsmanager,sts,iam,kms,dynamodb,logs,monitoring"


@dataclass(frozen=True)
class Program:
    name: str
    kind: str
    port: int
    command: list[str]
    environment: dict[str, str] = field(default_factory=dict)
    directory: Path | None = None
    stop_seconds: int = 10
    stop_signal: str = "TERM"
    replica: int = 0
    # The supervised process where one process is several parts, as nginx is all the doors.
    of: str = ""

    @property
    def process(self) -> str:
        return self.of or self.name


def all_programs(workspace: Workspace, tools: Tools, broker: str, replicas: int, secrets: Credentials,
                 binaries: dict[str, Path], via: dict[str, int] | None = None) -> list[Program]:
    programs = [sentry(workspace, tools), _placement(workspace, tools), _scheduler(workspace, tools), _dynamodb(workspace, tools)]
    programs += [_ministack(workspace, tools) if broker == "aws" else _redis(workspace), _development(workspace, tools)]
    for app in facts.apps(workspace.port_offset, replicas):
        programs += [_sidecar(workspace, tools, app, secrets), _service(workspace, app, secrets, binaries[app.id], via or {})]
    programs.append(_gateway(workspace))
    return programs


def outline(workspace: Workspace, broker: str, replicas: int) -> list[Program]:
    """The same parts by name, kind and port, for those who look at a platform without being able to start one; and each
    door as a part of its own."""
    ports = facts.Ports(workspace.port_offset)
    parts = [Program(name, "runtime", ports[name], []) for name in ("sentry", "placement", "scheduler", "development")]
    parts += [Program("dynamodb", "store", ports["dynamodb"], []), Program(broker, "broker", ports[broker], [])]
    for app in facts.apps(workspace.port_offset, replicas):
        parts += [Program(app.sidecar, "sidecar", app.ports["sidecarHttp"], [], replica=app.replica),
                  Program(app.part, "service", app.ports["door"], [], replica=app.replica)]
    parts.append(Program("gateway", "door", ports["gateway"], []))
    return parts + [Program(f"{app.short}-door", "door", app.ports["door"], [], of="gateway")
                    for app in facts.apps(workspace.port_offset)]


def certificates(workspace: Workspace) -> Path:
    return workspace.data / "certificates"


def _tls(workspace: Workspace) -> list[str]:
    ports = facts.Ports(workspace.port_offset)
    return ["--tls-enabled", "--trust-anchors-file", str(certificates(workspace) / "ca.crt"),
            "--trust-domain", facts.load()["trustDomain"], "--sentry-address", f"{facts.host()}:{ports['sentry']}"]


def _control_plane(name: str, workspace: Workspace, tools: Tools, arguments: list[str]) -> Program:
    ports, host = facts.Ports(workspace.port_offset), facts.host()
    command = [str(tools.control_plane[name]), "--log-as-json", "--enable-metrics=false", "--listen-address", host,
               "--port", str(ports[name]), "--healthz-listen-address", host, "--healthz-port", str(ports[f"{name}Health"])]
    return Program(name, "runtime", ports[name], command + arguments, {"NAMESPACE": facts.load()["controlPlaneNamespace"]})


def sentry(workspace: Workspace, tools: Tools) -> Program:
    return _control_plane("sentry", workspace, tools, [
        "--mode", "standalone", "--trust-domain", facts.load()["trustDomain"],
        "--config", str(workspace.generated / "control-plane.yaml"), "--issuer-credentials", str(certificates(workspace))])


def _placement(workspace: Workspace, tools: Tools) -> Program:
    raft = facts.Ports(workspace.port_offset)["placementRaft"]
    return _control_plane("placement", workspace, tools, [
        *_tls(workspace), "--id", "placement-0", "--initial-cluster", f"placement-0={facts.host()}:{raft}",
        # A sidecar that was killed is noticed by its closed connection; one that hangs by these.
        "--keepalive-time", "1s", "--keepalive-timeout", "2s"])


def _scheduler(workspace: Workspace, tools: Tools) -> Program:
    ports, host = facts.Ports(workspace.port_offset), facts.host()
    return _control_plane("scheduler", workspace, tools, [
        *_tls(workspace), "--id", "dapr-scheduler-server-0", "--override-broadcast-host-port", f"{host}:{ports['scheduler']}",
        # The id is one of those the certificate names. Reminders live in this etcd, so its folder is what makes them survive a restart of the platform.
        "--etcd-data-dir", str(workspace.data / "scheduler"),
        "--etcd-initial-cluster", f"dapr-scheduler-server-0=http://{host}:{ports['schedulerEtcdPeer']}",
        "--etcd-client-port", str(ports["schedulerEtcdClient"]), "--etcd-client-listen-address", host,
        "--identity-directory-write", str(workspace.run / "scheduler-identity")])


def _dynamodb(workspace: Workspace, tools: Tools) -> Program:
    port = facts.Ports(workspace.port_offset)["dynamodb"]
    data = workspace.data / "dynamodb"
    data.mkdir(exist_ok=True)
    java = shutil.which("java")
    if not java:
        raise ShopError("java is missing, and DynamoDB Local needs it: apt-get install default-jre-headless")
    return Program("dynamodb", "store", port, dynamodb_command(java, tools.dynamodb, "LoopbackServer", data, port))


def dynamodb_command(java: str, folder: Path, server: str, data: Path, port: int) -> list[str]:
    """DynamoDB Local out of a folder made by toolbox, or in the same way for an image."""
    # A small heap and only the quick compiler: it starts in half the time, and nobody measures it.
    return [java, "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", f"-Djava.library.path={folder / 'lib'}",
            "-cp", f"{folder}:{folder / 'lib'}/*", server, "-dbPath", str(data), "-sharedDb", "-port", str(port), "-disableTelemetry"]


def _ministack(workspace: Workspace, tools: Tools) -> Program:
    port = facts.Ports(workspace.port_offset)["aws"]
    data = workspace.data / "aws"
    data.mkdir(exist_ok=True)
    environment = ministack_environment(facts.host(), port, data)
    return Program("aws", "broker", port, [str(tools.venv / "bin" / "ministack")], environment, directory=data)


def ministack_environment(address: str, port: int, data: Path) -> dict[str, str]:
    return {"GATEWAY_PORT": str(port), "BIND_HOST": address, "PERSIST_STATE": "1", "STATE_DIR": str(data),
            "MINISTACK_REGION": REGION, "LOG_LEVEL": "WARNING", "SERVICES": EMULATED}


def _redis(workspace: Workspace) -> Program:
    port = facts.Ports(workspace.port_offset)["redis"]
    data = workspace.data / "redis"
    data.mkdir(exist_ok=True)
    # The system's own configuration file is not read: every setting is here. appendonly, because an event that was
    # published must survive kill -9 as it would in SNS and SQS. appendfsync no: what is acknowledged has been handed to the
    # kernel; everysec puts even that off while the disk is busy (docs/decisions/0011).
    command = ["redis-server", "--bind", facts.host(), "--port", str(port), "--dir", str(data), "--daemonize", "no",
               "--appendonly", "yes", "--appendfsync", "no", "--save", ""]
    return Program("redis", "broker", port, command)


def _development(workspace: Workspace, tools: Tools) -> Program:
    """What the page may do on a laptop alone; no image has it (tools/development)."""
    port = facts.Ports(workspace.port_offset)["development"]
    command = [str(tools.venv / "bin" / "python"), str(TOOLS / "development" / "server.py"), str(port), str(workspace.state)]
    return Program("development", "runtime", port, command, {"SHOP_ROOT": str(ROOT), "PYTHONPATH": str(TOOLS)})


def _sidecar(workspace: Workspace, tools: Tools, app: facts.App, secrets: Credentials) -> Program:
    ports, host, domain = facts.Ports(workspace.port_offset), facts.host(), facts.load()["trustDomain"]
    folder = certificates(workspace)
    command = [
        str(tools.daprd), "--app-id", app.id, "--app-port", str(app.ports["channel"]), "--app-protocol", "http",
        "--app-channel-address", host, "--dapr-listen-addresses", host, "--dapr-http-port", str(app.ports["sidecarHttp"]),
        "--dapr-grpc-port", str(app.ports["sidecarGrpc"]), "--dapr-internal-grpc-port", str(app.ports["sidecarInternal"]),
        "--dapr-internal-grpc-listen-address", host, "--metrics-port", str(app.ports["sidecarMetrics"]),
        "--metrics-listen-address", host, "--resources-path", str(workspace.generated / "resources"),
        "--config", str(workspace.generated / f"{app.id}.yaml"), "--placement-host-address", f"{host}:{ports['placement']}",
        "--scheduler-host-address", f"{host}:{ports['scheduler']}", "--enable-mtls", "--sentry-address",
        f"{host}:{ports['sentry']}", "--control-plane-trust-domain", domain, "--max-body-size", "2Mi",
        # Three failed probes, a second apart, pause the subscriptions and take the actors off this host.
        "--enable-app-health-check", "--app-health-check-path", "/healthz", "--app-health-probe-interval", "1",
        "--app-health-probe-timeout", "500", "--app-health-threshold", "3",
        # Told to end together with its service, as in a pod, it takes no more events but serves the service until that reports
        # that it ends, at most for a moment: then its actors go to another replica.
        "--dapr-block-shutdown-duration", "1500ms",
        "--dapr-graceful-shutdown-seconds", "5", "--log-as-json", "--log-level", "info",
    ]
    # Contents, not paths: a sidecar takes its trust anchors from the environment, as the injector gives them in a cluster.
    environment = {
        "DAPR_TRUST_ANCHORS": (folder / "ca.crt").read_text(), "DAPR_CERT_CHAIN": (folder / "issuer.crt").read_text(),
        "DAPR_CERT_KEY": (folder / "issuer.key").read_text(), "DAPR_CONTROLPLANE_TRUST_DOMAIN": domain,
        "DAPR_CONTROLPLANE_NAMESPACE": facts.load()["controlPlaneNamespace"],
        "NAMESPACE": facts.load()["namespace"], "DAPR_HOST_IP": host,
        "DAPR_API_TOKEN": secrets.dapr_api_token, "APP_API_TOKEN": secrets.app_api_token,
        # Nothing reads it. A sidecar asks its service once which actors it has: a service that comes with another one must have a
        # sidecar that asks again, and this makes it one whose settings changed.
        "SHOP_ACTOR_TYPES": " ".join(app.actors),
    }
    return Program(app.sidecar, "sidecar", app.ports["sidecarHttp"], command, environment, replica=app.replica)


def _service(workspace: Workspace, app: facts.App, secrets: Credentials, binary: Path, via: dict[str, int]) -> Program:
    environment = {
        "FACADE_PORT": str(app.ports["facade"]), "APP_CHANNEL_PORT": str(app.ports["channel"]),
        "METRICS_PORT": str(app.ports["metrics"]), "BIND_ADDRESS": facts.host(), "METRICS_ADDRESS": facts.host(),
        "DAPR_HTTP_PORT": str(app.ports["sidecarHttp"]), "DAPR_API_TOKEN": secrets.dapr_api_token,
        "APP_API_TOKEN": secrets.app_api_token,
    }
    if "stream" in app.ports:
        environment["STREAM_PORT"] = str(app.ports["stream"])
    if app.short == "order":
        environment["ORDER_REPLICA"] = app.part  # they share a host
    if app.short == "payment" and "gateway" in via:
        environment["SIMULATED_GATEWAY_PORT"] = str(via["gateway"])
    if app.short == "product":
        # Beside the store's data, since it belongs to them; each replica has its own.
        environment["READ_MODEL_FILE"] = str(workspace.data / f"{app.part}.sqlite")
    # The door's port: behind it is the one way in for the outside.
    return Program(app.part, "service", app.ports["door"], [str(binary)], environment, stop_seconds=25, replica=app.replica)


def _gateway(workspace: Workspace) -> Program:
    nginx = shutil.which("nginx") or "/usr/sbin/nginx"
    command = [nginx, "-p", str(workspace.gateway), "-e", "stderr", "-c", str(gateway_file(workspace))]
    return Program("gateway", "door", facts.Ports(workspace.port_offset)["gateway"], command, stop_signal="QUIT", stop_seconds=5)
