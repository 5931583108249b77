"""The manifests meet a real API server, scheduler and Dapr injector: all of them are admitted, the pods stand where they should, and
each has the sidecar that a laptop's service has. What is wrong is refused, or is seen in what comes out."""

import copy
import json

import pytest
from cluster import ZONES as ZONE_OF
from cluster import Cluster
from emulator import until
from manifests import ZONES, findings
from rollout import ACCOUNT, CHART, DAPR, NAMESPACE, Rollout, container, pods

from shop import facts, programs, toolbox
from shop.console import Progress
from shop.credentials import Credentials
from shop.workspace import Workspace

APPS = list(facts.load()["apps"])


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    started = Cluster(tmp_path_factory.mktemp("cluster"))
    yield started
    started.stop()


@pytest.fixture(scope="module")
def installed(cluster, rollout) -> dict[str, list[dict]]:
    """The pods that each way of running it came to, one way after the other."""
    came = {}
    for way in ("plain", "spread", "zones"):
        if came:
            cluster.clear()
        cluster.apply(rollout.ways[way])
        came[way] = cluster.pods(sum(number for _, _, number in pods(rollout.ways[way])))
    return came


def of_app(pods: list[dict], app: str) -> list[dict]:
    return [pod for pod in pods if pod["metadata"]["labels"].get("app.kubernetes.io/name") == app]


def zones(pods: list[dict]) -> list[str]:
    return sorted(ZONE_OF[pod["spec"]["nodeName"]] for pod in pods)


# --- everything is admitted, and stands where it should


@pytest.mark.parametrize("app", APPS)
def test_as_drawn_both_replicas_stand_in_the_services_zone_on_two_nodes(installed, app):
    pods = of_app(installed["zones"], app)
    assert zones(pods) == [ZONES[app]] * 2
    assert len({pod["spec"]["nodeName"] for pod in pods}) == 2


@pytest.mark.parametrize("app", APPS)
def test_spread_the_replicas_stand_in_two_zones(installed, app):
    assert len(set(zones(of_app(installed["spread"], app)))) == 2


@pytest.mark.parametrize("app", APPS)
def test_a_plain_cluster_takes_them_as_well(installed, app):
    assert len(of_app(installed["plain"], app)) == 2
    assert {pod["metadata"]["labels"]["app.kubernetes.io/component"] for pod in installed["plain"]} == {"service", "page", "emulator", "provision"}


def test_daprs_control_plane_fits_beside_them(cluster, installed, rollout):
    """Its pods were admitted under PodSecurity restricted, too."""
    wanted = {name: number for name, _, number in pods(rollout.dapr)}

    running = [pod for pod in cluster.get("-n", DAPR, "pods")["items"] if "app" in pod["metadata"].get("labels", {})]
    names = [pod["metadata"]["labels"]["app"] for pod in running]
    assert {name: names.count(name) for name in wanted} == wanted
    assert [pod["metadata"]["name"] for pod in running if not cluster.node(pod)] == []


def test_everything_of_the_chart_is_there(cluster, installed, rollout):
    applied = rollout.ways["zones"]
    stored = json.loads(cluster.kubectl("-n", NAMESPACE, "get", "-f", "-", "-o", "json", give=applied))["items"]
    for document, has in zip(applied, stored, strict=True):
        assert lost(document, has) == [], f"{document['kind']} {document['metadata']['name']}"


def lost(wanted, has, path: str = "") -> list[str]:
    """What was applied and is not in what is stored."""
    if isinstance(wanted, dict):
        return [gone for key, value in wanted.items() if value not in (None, {}, [])
                for gone in ([f"{path}.{key}"] if not isinstance(has, dict) or key not in has else lost(value, has[key], f"{path}.{key}"))]
    if isinstance(wanted, list):
        if not isinstance(has, list) or len(has) < len(wanted):
            return [path]
        return [gone for index, value in enumerate(wanted) for gone in lost(value, has[index], f"{path}[{index}]")]
    same = wanted == has or str(wanted) == str(has)
    return [] if same or path.endswith((".cpu", ".memory")) else [f"{path}: {has}, not {wanted}"]


# --- the sidecar


def flags(arguments: list[str]) -> dict[str, str]:
    """Flag → value; a flag that stands alone is true."""
    found: dict[str, str] = {}
    for index, each in enumerate(arguments):
        if each.startswith("--"):
            name, _, value = each[2:].partition("=")
            following = arguments[index + 1] if index + 1 < len(arguments) else "--"
            found[name] = value or ("true" if following.startswith("--") else following)
    return found


@pytest.fixture(scope="module")
def laptop(tmp_path_factory) -> dict[str, dict[str, str]]:
    """What a laptop's sidecars are told."""
    workspace = Workspace(tmp_path_factory.mktemp("laptop"), tmp_path_factory.mktemp("build"))
    workspace.make()
    programs.certificates(workspace).mkdir(parents=True)
    for name in ("ca.crt", "issuer.crt", "issuer.key"):
        (programs.certificates(workspace) / name).write_text("")
    tools = toolbox.Tools(toolbox.venv_folder(), workspace.run / "daprd", {}, workspace.run)
    return {app.id: flags(programs._sidecar(workspace, tools, app, Credentials("", "", "")).command[1:]) for app in facts.apps()}


# What is the cluster's own: addresses, certificates and files that come by other ways there.
ELSEWHERE = {"placement-host-address", "scheduler-host-address", "sentry-address", "control-plane-trust-domain", "resources-path", "config",
             "dapr-http-port", "dapr-grpc-port", "dapr-internal-grpc-port", "dapr-block-shutdown-duration"}
# What the injector has no annotation for: in a pod these listen for other pods, and the NetworkPolicies say for whom.
NOT_TO_BE_HAD = {"dapr-internal-grpc-listen-address", "metrics-listen-address"}


def misled(sidecar: dict, app: str, laptop: dict[str, str], rollout: Rollout) -> list[str]:
    """In which ways an injected sidecar is not what its app needs."""
    has, ports = flags(sidecar["args"]), rollout.facts["pod"]
    control = f"{DAPR}.svc.cluster.local"
    wanted = {name: value for name, value in laptop.items() if name not in ELSEWHERE | NOT_TO_BE_HAD} | {
        "mode": "kubernetes", "config": app, "dapr-http-port": str(ports["sidecarHttp"]), "dapr-grpc-port": str(ports["sidecarGrpc"]),
        "dapr-internal-grpc-port": str(ports["sidecarInternal"]), "dapr-public-port": "3501", "dapr-block-shutdown-duration": "12500ms",
        "control-plane-address": f"dapr-api.{control}:443", "placement-host-address": f"dapr-placement-server.{control}:50005",
        "scheduler-host-address": f"dapr-scheduler-server-a.{control}:443", "disable-builtin-k8s-secret-store": "true",
        "enable-metrics": "true", "sentry-address": has.get("sentry-address")}
    return [f"--{name} is {has.get(name)}, not {wanted.get(name)}" for name in sorted(wanted.keys() | has.keys()) if wanted.get(name) != has.get(name)]


@pytest.mark.parametrize("way", ["plain", "spread", "zones"])
@pytest.mark.parametrize("app", APPS)
def test_the_sidecar_is_told_what_a_laptops_is_told(installed, rollout, laptop, way, app):
    for pod in of_app(installed[way], app):
        assert [each["name"] for each in pod["spec"]["containers"]] == [app, "door", "daprd"]
        assert misled(container(pod, "daprd"), app, laptop[app], rollout) == []


@pytest.mark.parametrize("app", APPS)
def test_the_sidecar_is_ours_with_its_tokens_its_share_and_its_probes(installed, rollout, app):
    pod = of_app(installed["zones"], app)[0]
    sidecar, notes = container(pod, "daprd"), rollout.pod(app)["metadata"]["annotations"]
    assert sidecar["image"].startswith("ecommerce/daprd:")
    environment = {each["name"]: each.get("value", each.get("valueFrom")) for each in sidecar["env"]}
    tokens = {"DAPR_API_TOKEN": "ecommerce-sidecar-token-1", "APP_API_TOKEN": "ecommerce-app-token-1"}
    for name, secret in tokens.items():
        assert environment[name] == {"secretKeyRef": {"name": secret, "key": "token"}}
    assert environment["NAMESPACE"] == NAMESPACE and "BEGIN CERTIFICATE" in environment["DAPR_TRUST_ANCHORS"]
    assert sidecar["resources"] == {
        "requests": {"cpu": notes["dapr.io/sidecar-cpu-request"], "memory": notes["dapr.io/sidecar-memory-request"]},
        "limits": {"cpu": notes["dapr.io/sidecar-cpu-limit"], "memory": notes["dapr.io/sidecar-memory-limit"]}}
    assert (sidecar["livenessProbe"]["tcpSocket"]["port"], sidecar["livenessProbe"]["initialDelaySeconds"]) == (3501, 30)
    assert sidecar["readinessProbe"]["httpGet"]["path"] == "/v1.0/healthz"
    security = sidecar["securityContext"]
    assert security["readOnlyRootFilesystem"] and security["runAsNonRoot"] and security["capabilities"] == {"drop": ["ALL"]}
    assert pod["spec"]["serviceAccountName"] == app
    # An identity for sentry, and none for Kubernetes' own API.
    sources = [source for volume in pod["spec"]["volumes"] for source in volume.get("projected", {}).get("sources", [])]
    assert [source["serviceAccountToken"]["audience"] for source in sources] == [f"spiffe://cluster.local/ns/{DAPR}/dapr-sentry"]


def test_the_service_finds_its_sidecar_where_the_injector_puts_it(installed, rollout):
    """The injector leaves a variable alone that is there already: what the chart says must be what it would say."""
    for pod in (pod for app in APPS for pod in of_app(installed["zones"], app)):
        for each in pod["spec"]["containers"][:2]:
            told = {variable["name"]: variable.get("value") for variable in each.get("env", [])}
            assert told["DAPR_HTTP_PORT"] == str(rollout.facts["pod"]["sidecarHttp"])


def test_the_page_has_no_sidecar(installed, rollout):
    for way in installed:
        containers = [[each["name"] for each in pod["spec"]["containers"]] for pod in of_app(installed[way], rollout.facts["page"]["name"])]
        assert containers == [["door"], ["door"]], way


def test_service_accounts_name_their_roles(cluster, installed):
    for app in APPS:
        account = cluster.get("-n", NAMESPACE, "serviceaccount", app)
        assert account["metadata"]["annotations"]["eks.amazonaws.com/role-arn"] == f"arn:aws:iam::{ACCOUNT}:role/ecommerce-{app}"


# --- mistakes that the cluster itself refuses, or that come out otherwise


@pytest.fixture
def pod(rollout) -> dict:
    """A pod as a Deployment of ours would make it."""
    template = copy.deepcopy(rollout.pod("cart-service"))
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {**template["metadata"], "name": "planted"}, "spec": template["spec"]}


def test_a_pod_as_it_is_meant_is_admitted(cluster, installed, rollout, laptop, pod):
    assert misled(container(cluster.admitted(pod), "daprd"), "cart-service", laptop["cart-service"], rollout) == []


@pytest.mark.parametrize("plant, says", [
    (lambda pod: pod["spec"]["securityContext"].update(runAsUser=0), "runAsUser=0"),
    (lambda pod: pod["spec"]["securityContext"].pop("seccompProfile"), "seccompProfile"),
    (lambda pod: pod["spec"]["containers"][0]["securityContext"].pop("capabilities"), "unrestricted capabilities"),
    (lambda pod: pod["spec"]["containers"][1]["securityContext"].update(allowPrivilegeEscalation=True), "allowPrivilegeEscalation"),
    (lambda pod: pod["spec"].update(hostNetwork=True), "host namespaces"),
    (lambda pod: pod["spec"]["volumes"].append({"name": "disk", "hostPath": {"path": "/"}}), "hostPath"),
], ids=["root", "no seccomp", "capabilities", "more privileges", "the node's network", "the node's disk"])
def test_a_pod_that_wants_more_than_it_needs_is_refused(cluster, installed, pod, plant, says):
    plant(pod)
    complaint = cluster.refused(pod)
    assert "violates PodSecurity" in complaint and says in complaint


@pytest.mark.parametrize("kind, name, plant, says", [
    ("Deployment", "cart-service", lambda each: each["spec"]["template"]["spec"]["containers"][0].update(imagee="x"), "field not declared in schema"),
    ("Deployment", "cart-service", lambda each: each["spec"].update(replicas="two"), "expected numeric"),
    ("Deployment", "cart-service", lambda each: each["spec"]["template"]["metadata"]["labels"].update({"app.kubernetes.io/name": "cart"}), "does not match template"),
    ("Service", "cart-service", lambda each: each["spec"]["ports"][0].update(port=80000), "between 1 and 65535"),
    ("PodDisruptionBudget", "cart-service", lambda each: each["spec"].update(minAvailable=1), "cannot be both set"),
    ("HorizontalPodAutoscaler", "cart-service", lambda each: each["spec"].update(maxReplicas=1), "must be greater than or equal to `minReplicas`"),
    ("NetworkPolicy", "aws", lambda each: each["spec"]["egress"][0]["to"][0]["ipBlock"].update(cidr="everything"), "not a valid CIDR"),
    ("Ingress", "ecommerce", lambda each: each["spec"]["rules"][0]["http"]["paths"][0].update(pathType="Exactly"), "pathType"),
    ("Component", "statestore", lambda each: each["spec"].update(tpye="state.redis"), "field not declared in schema"),
    ("Subscription", "cart-service-product-events", lambda each: each["spec"].pop("topic"), "spec.topic: Required value"),
    ("Configuration", "cart-service", lambda each: each["spec"].update(accessControl=[]), "accessControl"),
], ids=lambda value: value if isinstance(value, str) and " " not in value else "")
def test_a_mistake_in_an_object_is_refused(cluster, installed, rollout, kind, name, plant, says):
    document = copy.deepcopy(rollout.one(kind, name))
    cluster.apply(document, "--dry-run=server")
    plant(document)
    complaint = cluster.apply(document, "--dry-run=server", fails=True)
    assert says in complaint, complaint


def test_an_app_id_that_is_no_name_is_refused(cluster, installed, pod):
    pod["metadata"]["annotations"]["dapr.io/app-id"] = "Cart Service"
    complaint = cluster.refused(pod)
    assert "sidecar-injector.dapr.io" in complaint and "must consist of lower case alphanumeric characters" in complaint


@pytest.mark.parametrize("annotation, value, says", [
    ("dapr.io/app-id", "order-service", "--app-id is order-service, not cart-service"),
    ("dapr.io/app-port", "7003", "--app-port is 7003, not 7002"),
    ("dapr.io/config", "order-service", "--config is order-service, not cart-service"),
    ("dapr.io/app-port", None, "--app-port is None, not 7002"),
    ("dapr.io/enable-app-health-check", "false", "--enable-app-health-check is None, not true"),
    ("dapr.io/max-body-size", "64Mi", "--max-body-size is 64Mi, not 2Mi"),
])
def test_a_mistake_in_an_annotation_is_seen_in_the_sidecar(cluster, installed, rollout, laptop, pod, annotation, value, says):
    """The injector lets all of them through; a misspelt one, like one that is not there."""
    notes = pod["metadata"]["annotations"]
    notes[annotation] = value
    if value is None:
        notes["dapr.io/app-prot"] = rollout.pod("cart-service")["metadata"]["annotations"][annotation]
        del notes[annotation]
    assert says in misled(container(cluster.admitted(pod), "daprd"), "cart-service", laptop["cart-service"], rollout)
    planted = rollout.copy()
    planted.pod("cart-service")["metadata"]["annotations"] = notes
    assert [each for each in findings(planted) if "annotation" in each]


@pytest.mark.parametrize("plant, says", [
    (lambda pod: pod["spec"]["nodeSelector"].update({"topology.kubernetes.io/zone": "us-west-2d"}), "didn't match Pod's node affinity/selector"),
    (lambda pod: pod["spec"]["containers"][0].update(resources={"requests": {"cpu": "1800m"}, "limits": {"cpu": "2"}}), "Insufficient cpu"),
    (lambda pod: pod["spec"]["containers"][0].update(resources={"requests": {"memory": "3Gi"}, "limits": {"memory": "3Gi"}}), "Insufficient memory"),
], ids=["a zone without nodes", "too much work", "too much memory"])
def test_a_pod_that_has_no_place_stays_without_one(cluster, installed, pod, plant, says):
    plant(pod)
    cluster.apply(pod)
    try:
        def told() -> str | None:
            stored = cluster.get("-n", NAMESPACE, "pod", "planted")
            assert not stored["spec"].get("nodeName"), f"it stands on {stored['spec']['nodeName']}"
            return next((each["message"] for each in stored["status"].get("conditions", []) if each["type"] == "PodScheduled"), None)

        assert says in until(told, 20, "the scheduler")
    finally:
        cluster.kubectl("-n", NAMESPACE, "delete", "pod", "planted", "--force", "--grace-period=0")


def test_a_third_replica_of_an_upgrade_has_a_place(cluster, installed, rollout):
    """Every service at once replaces a pod; the new one must find room beside the two, or the upgrade would not end."""
    documents = [copy.deepcopy(each) for each in rollout.ways["zones"] if each["kind"] == "Deployment"]
    for document in documents:
        document["spec"]["template"]["metadata"]["annotations"]["checksum/dapr"] = "another"
    cluster.apply(documents)
    surge = until(lambda: (pods := cluster.pods(15)) and len(pods) == 15 and pods, 30, "a third pod of each")
    for app in APPS:
        assert zones(of_app(surge, app)) == [ZONES[app]] * 3


# --- a sidecar, run as it was injected

# Stands in for the service: it is well, has no actors, and takes what comes.
APP = """
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
class App(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        body = {"/dapr/config": b'{"entities": []}', "/dapr/subscribe": b"[]"}.get(self.path, b"{}")
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
ThreadingHTTPServer(("127.0.0.1", %d), App).serve_forever()
"""


@pytest.fixture(scope="module")
def emulated(cluster, tmp_path_factory) -> None:
    """The emulators, under the names and ports that the chart gives them in a plain cluster, with what `./shop up` makes on them."""
    workspace = Workspace(tmp_path_factory.mktemp("emulated"), tmp_path_factory.mktemp("build"))
    workspace.make()
    progress = Progress(quiet=True)
    tools = toolbox.Tools(toolbox.venv_folder(), workspace.run / "daprd", {}, toolbox.ensure_dynamodb(progress))
    for program in (programs._dynamodb(workspace, tools), programs._ministack(workspace, tools)):
        cluster.run(program.name, program.command, program.environment)
    names = cluster.folder / "hosts"
    names.write_text("127.0.0.1 localhost dynamodb aws\n")
    cluster.mount(names, "/etc/hosts")
    make = "from shop import cloud; from shop.credentials import Credentials; cloud.make_tables(0); cloud.make_messaging(0, Credentials('', '', 'key'))"

    def made() -> bool:
        try:
            cluster.python(make)
        except AssertionError as error:
            assert "EndpointConnectionError" in str(error) or "ConnectTimeout" in str(error) or "ConnectionClosed" in str(error), error
            return False
        return True

    until(made, 60, "the emulators")


def test_a_sidecar_run_as_it_was_injected_loads_everything_from_the_cluster(cluster, rollout, emulated):
    """Real daprd, with an identity from sentry for its pod and its resources by the operator from the API server: those of the chart
    for a cluster without AWS. Placement and scheduler are left out: nothing here has actors."""
    app = "order-service"
    cluster.clear()
    cluster.apply(rollout.ways["plain"])
    pod = of_app(cluster.pods(13), app)[0]
    sidecar = container(pod, "daprd")
    cluster.run("app", [toolbox.venv_folder() / "bin" / "python", "-c", APP % rollout.apps[app]["ports"]["channel"]], {})
    token = cluster.kubectl("-n", NAMESPACE, "create", "token", app, "--bound-object-kind", "Pod", "--bound-object-name", pod["metadata"]["name"],
                            "--audience", f"spiffe://cluster.local/ns/{DAPR}/dapr-sentry").strip()
    elsewhere = {"--control-plane-address": "127.0.0.1:16500", "--sentry-address": "127.0.0.1:15443", "--placement-host-address": "", "--scheduler-host-address": ""}
    arguments = [elsewhere.get(before, argument) for before, argument in zip(["", *sidecar["args"]], sidecar["args"])][1:]
    environment = {each["name"]: each["value"] for each in sidecar["env"] if "value" in each}
    environment |= {"POD_NAME": pod["metadata"]["name"], "DAPR_HOST_IP": "127.0.0.1", "DAPR_API_TOKEN": "one", "APP_API_TOKEN": "other",
                    "DAPR_UNSAFE_SKIP_CONTAINER_UID_GID_CHECK": "true"}
    place = "/run/secrets/dapr.io/sentrytoken"
    (cluster.folder / "sidecar.token").write_text(token)
    own = ["unshare", "-m", "sh", "-c", f'mount -t tmpfs none {place} && cp sidecar.token {place}/token && exec "$@"', "_"]
    log = cluster.run("daprd", [*own, toolbox.ensure_dapr(Progress(quiet=True))[0], *arguments], environment)
    ask = (f"import urllib.request as u; print(u.urlopen(u.Request('http://127.0.0.1:{rollout.facts['pod']['sidecarHttp']}/v1.0/metadata', "
           "headers={'dapr-api-token': 'one'}), timeout=5).read().decode())")

    def loaded() -> dict | None:
        try:
            found = json.loads(cluster.python(ask))
        except AssertionError:
            return None
        return found if found.get("subscriptions") else None

    found = until(loaded, 60, f"the sidecar; its log is {log}")
    mine = {kind: [each for each in rollout.all(kind, "plain").values() if app in each["scopes"]] for kind in ("Component", "Subscription")}
    assert {each["name"] for each in found["components"]} == {each["metadata"]["name"] for each in mine["Component"]}
    assert {(each["pubsubname"], each["topic"]) for each in found["subscriptions"]} == {
        (each["spec"]["pubsubname"], each["spec"]["topic"]) for each in mine["Subscription"]}
    lines = [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]
    assert [line["msg"] for line in lines if line["level"] in ("error", "fatal")] == []


def test_helm_installs_upgrades_and_goes_back(cluster, installed, rollout):
    """With the tokens changed by the upgrade, and more replicas than were asked for, as the autoscaler makes them."""
    def seen() -> tuple[int, str]:
        deployment = cluster.get("-n", NAMESPACE, "deployment", "cart-service")
        return deployment["spec"]["replicas"], deployment["spec"]["template"]["metadata"]["annotations"]["dapr.io/app-token-secret"]

    cluster.kubectl("-n", NAMESPACE, "delete", "--wait=false", "--ignore-not-found", "-f", "-", give=[*rollout.ways["zones"], *rollout.ways["plain"]])
    cluster.clear()
    said = cluster.helm("install", "ecommerce", CHART)
    for hint in ("port-forward svc/cart-service 5002:80", "aws.account is not set", "--set placement.mode=spread"):
        assert hint in said
    assert seen() == (2, "ecommerce-app-token-1")
    cluster.kubectl("-n", NAMESPACE, "scale", "deployment", "cart-service", "--replicas=3")
    cluster.helm("upgrade", "ecommerce", CHART, "--set", "tokens.app=ecommerce-app-token-2")
    assert seen() == (3, "ecommerce-app-token-2")
    cluster.helm("rollback", "ecommerce", "1")
    assert seen()[1] == "ecommerce-app-token-1"
