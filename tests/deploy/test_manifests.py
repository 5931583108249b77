"""The manifests hold what manifests.py asks of them, and a mistake in any of them is found: planted in a copy, one at a time."""

import re
import shutil
import signal
import socket
import subprocess
import tarfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import requests
from emulator import free_port, until
from manifests import CHECKS, findings
from rollout import CHART, NAMESPACE, WAYS, Rollout, container, daprs, helm, of, ours, pods, rendered

from shop import render
from shop.workspace import CONFIG


@pytest.mark.parametrize("one", CHECKS, ids=lambda one: one.__name__)
def test_nothing_is_wrong(rollout, one):
    assert list(one(rollout)) == []


# --- planted mistakes: what has to be among the words that are said about it, and what is done to a copy

MISTAKES = {}


def mistake(finding: str):
    def remember(plant):
        MISTAKES[plant.__name__] = (finding, plant)
        return plant
    return remember


def notes(rollout: Rollout, app: str) -> dict:
    return rollout.pod(app)["metadata"]["annotations"]


def policy(rollout: Rollout, name: str) -> dict:
    return rollout.one("NetworkPolicy", name)["spec"]


def remove(rollout: Rollout, kind: str, name: str) -> None:
    rollout.ways["zones"].remove(rollout.one(kind, name))


@mistake("Component (zones): order-events-queue is")
def a_component_scoped_to_the_wrong_app(r):
    r.one("Component", "order-events-queue")["scopes"] = ["cart-service"]


@mistake("Subscription (zones): payment-service-payment-events is missing")
def a_missing_subscription(r):
    remove(r, "Subscription", "payment-service-payment-events")


@mistake("Component (plain): statestore is")
def an_emulator_that_is_not_there(r):
    r.one("Component", "statestore", "plain")["spec"]["metadata"][-1]["value"] = "http://localhost:8000"


@mistake("Resiliency (zones): ecommerce is")
def other_timeouts_than_on_a_laptop(r):
    r.one("Resiliency", "ecommerce")["spec"]["policies"]["timeouts"]["deliver"] = "30s"


@mistake("access control of product-service: namespace is default")
def access_control_for_another_namespace(r):
    r.one("Configuration", "product-service")["spec"]["accessControl"]["policies"][0]["namespace"] = "default"


@mistake("who calls product-service: payment-service does not belong")
def a_caller_more(r):
    policies = r.one("Configuration", "product-service")["spec"]["accessControl"]["policies"]
    policies.append({**policies[0], "appId": "payment-service"})


@mistake("who calls product-service: order-service is ")
def a_verb_more(r):
    policies = r.one("Configuration", "product-service")["spec"]["accessControl"]["policies"]
    (policy,) = [policy for policy in policies if policy["appId"] == "order-service"]
    policy["operations"][0]["httpVerb"] = ["PUT", "DELETE"]


@mistake("what cart-service does with everybody else is allow")
def access_for_everybody(r):
    r.one("Configuration", "cart-service")["spec"]["accessControl"]["defaultAction"] = "allow"


@mistake("PodSecurity of ecommerce: enforce is baseline")
def a_laxer_namespace(r):
    of(r.before, "Namespace")[NAMESPACE]["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] = "baseline"


@mistake("replicas of order-service is 1")
def a_single_replica(r):
    r.one("Deployment", "order-service")["spec"]["replicas"] = 1


@mistake("how cart-service is replaced")
def replicas_replaced_before_others_are_ready(r):
    r.one("Deployment", "cart-service")["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] = 1


@mistake("deployments (zones): payment-service is missing")
def a_service_that_was_forgotten(r):
    remove(r, "Deployment", "payment-service")


@mistake("containers of product-service is ['product-service']")
def a_service_without_its_door(r):
    r.pod("product-service")["spec"]["containers"].pop()


@mistake("what order-service is told: APP_CHANNEL_PORT is 7002")
def another_services_channel(r):
    env = container(r.pod("order-service"), "order-service")["env"]
    next(each for each in env if each["name"] == "APP_CHANNEL_PORT")["value"] = "7002"


@mistake("what order-service is told: STREAM_PORT is 6101, not 6103")
def another_services_streams(r):
    env = container(r.pod("order-service"), "order-service")["env"]
    next(each for each in env if each["name"] == "STREAM_PORT")["value"] = "6101"


@mistake("what cart-service is told: DAPR_API_TOKEN is")
def a_token_of_another_secret(r):
    env = container(r.pod("cart-service"), "cart-service")["env"]
    next(each for each in env if each["name"] == "DAPR_API_TOKEN")["valueFrom"]["secretKeyRef"]["name"] = "token"


@mistake("what cart-service is told: BIND_ADDRESS is 0.0.0.0")
def an_app_channel_open_to_the_cluster(r):
    env = container(r.pod("cart-service"), "cart-service")["env"]
    next(each for each in env if each["name"] == "BIND_ADDRESS")["value"] = "0.0.0.0"


@mistake("cart-service: no injector knows dapr.io/app-prot")
def a_misspelt_annotation(r):
    notes(r, "cart-service")["dapr.io/app-prot"] = notes(r, "cart-service").pop("dapr.io/app-port")


@mistake("app-id of cart-service (zones) is carts")
def a_bad_app_id(r):
    notes(r, "cart-service")["dapr.io/app-id"] = "carts"


@mistake("app-port of cart-service (zones) is 5002")
def a_sidecar_that_calls_the_door(r):
    notes(r, "cart-service")["dapr.io/app-port"] = "5002"


@mistake("reads the configuration cart, which is not there")
def a_configuration_that_is_not_there(r):
    notes(r, "cart-service")["dapr.io/config"] = "cart"


@mistake("both want the port 9090")
def a_port_that_service_and_sidecar_want(r):
    notes(r, "order-service")["dapr.io/metrics-port"] = "9090"


@mistake("sidecar_annotations: AttributeError")
def a_memory_limit_that_nobody_can_read(r):
    notes(r, "order-service")["dapr.io/sidecar-memory-limit"] = "much"


@mistake("the user of payment-service (zones): runAsUser is 0")
def a_pod_of_root(r):
    r.pod("payment-service")["spec"]["securityContext"]["runAsUser"] = 0


@mistake("what door of payment-service (zones) may: readOnlyRootFilesystem is False")
def a_root_that_can_be_written(r):
    container(r.pod("payment-service"), "door")["securityContext"]["readOnlyRootFilesystem"] = False


@mistake("what cart-service of cart-service (zones) may: capabilities is missing")
def a_container_with_capabilities(r):
    del container(r.pod("cart-service"), "cart-service")["securityContext"]["capabilities"]


@mistake("Kubernetes' token in cart-service is True")
def a_pod_that_may_speak_to_kubernetes(r):
    r.pod("cart-service")["spec"]["automountServiceAccountToken"] = True


@mistake("run of cart-service may fill the node's disk")
def a_volume_without_an_end(r):
    r.pod("cart-service")["spec"]["volumes"][1]["emptyDir"] = {}


@mistake("security: KeyError 'memory'")
def a_container_without_a_limit(r):
    del container(r.pod("cart-service"), "door")["resources"]["limits"]["memory"]


@mistake("the chart (zones) contains the Secret tokens")
def a_secret_in_the_chart(r):
    r.ways["zones"].append({"kind": "Secret", "metadata": {"name": "tokens"}, "stringData": {"token": "hunter2"}})


@mistake("the door of order-service is")
def another_doors_configuration(r):
    r.one("ConfigMap", "order-service-door")["data"] = r.one("ConfigMap", "cart-service-door")["data"]


@mistake("readiness of cart-service: path is /healthz")
def a_pod_ready_before_its_actors(r):
    container(r.pod("cart-service"), "cart-service")["readinessProbe"]["httpGet"]["path"] = "/healthz"


@mistake("livenessProbe of cart-service: path is /readyz")
def a_restart_for_what_it_cannot_mend(r):
    container(r.pod("cart-service"), "cart-service")["livenessProbe"]["httpGet"]["path"] = "/readyz"


@mistake("cart-service is killed after 30 s")
def a_pod_killed_before_it_has_drained(r):
    r.pod("cart-service")["spec"]["terminationGracePeriodSeconds"] = 30


@mistake("the sidecar of cart-service serves it for 1.5 s")
def a_sidecar_that_goes_first(r):
    notes(r, "cart-service")["dapr.io/block-shutdown-duration"] = "1500ms"


@mistake("endings: KeyError 'lifecycle'")
def a_door_that_does_not_linger(r):
    del container(r.pod("cart-service"), "door")["lifecycle"]


@mistake("the zone of order-service (zones) is us-west-2b")
def a_wrong_zone(r):
    r.pod("order-service")["spec"]["nodeSelector"]["topology.kubernetes.io/zone"] = "us-west-2b"


@mistake("how order-service is spread (spread): topology.kubernetes.io/zone is ScheduleAnyway")
def replicas_that_may_share_a_zone(r):
    spread = r.pod("order-service", "spread")["spec"]["topologySpreadConstraints"]
    spread[0]["whenUnsatisfiable"] = "ScheduleAnyway"


@mistake("whom the budget of cart-service protects")
def a_budget_for_others(r):
    r.one("PodDisruptionBudget", "cart-service")["spec"]["selector"]["matchLabels"] = {"app": "cart"}


@mistake("what is scaled for cart-service: name is order-service")
def a_scaler_of_another_service(r):
    r.one("HorizontalPodAutoscaler", "cart-service")["spec"]["scaleTargetRef"]["name"] = "order-service"


@mistake("us-west-2b: memory asked for is")
def more_than_a_node_has(r):
    notes(r, "cart-service")["dapr.io/sidecar-memory-request"] = notes(r, "cart-service")["dapr.io/sidecar-memory-limit"] = "1500Mi"


@mistake("us-west-2a: pods asked for is")
def more_pods_than_a_node_takes(r):
    r.one("Deployment", "product-service")["spec"]["replicas"] = 12


@mistake("ports of the Service order-service: 80 is 6003")
def a_way_around_the_door(r):
    r.one("Service", "order-service")["spec"]["ports"][0]["targetPort"] = 6003


@mistake("the Service order-service finds no pods")
def a_service_that_selects_nothing(r):
    r.one("Service", "order-service")["spec"]["selector"] = {"app": "order"}


@mistake("the role of cart-service (zones) is arn:aws:iam::000000000000:role/ecommerce-order-service")
def another_services_role(r):
    r.one("ServiceAccount", "cart-service")["metadata"]["annotations"]["eks.amazonaws.com/role-arn"] = (
        "arn:aws:iam::000000000000:role/ecommerce-order-service")


@mistake("the account of cart-service is default")
def a_pod_without_a_role(r):
    r.pod("cart-service")["spec"]["serviceAccountName"] = "default"


@mistake("images (zones): ecommerce/daprd is missing")
def a_stock_sidecar(r):
    for app in r.apps:
        notes(r, app)["dapr.io/sidecar-image"] = "daprio/daprd:1.18.3"


@mistake("the origin's paths (zones): / is missing")
def an_origin_without_the_page(r):
    (ingress,) = r.all("Ingress").values()
    paths = ingress["spec"]["rules"][0]["http"]["paths"]
    paths[:] = [each for each in paths if each["path"] != "/"]


@mistake("the door of storefront is")
def a_page_that_takes_sign_ins(r):
    data = r.one("ConfigMap", "storefront")["data"]
    data["nginx.conf"] = data["nginx.conf"].replace("location = /readyz", "location /development { proxy_pass http://127.0.0.1:8081; }\nlocation = /readyz")


@mistake("annotations of storefront (zones): dapr.io/enabled does not belong")
def a_page_with_a_sidecar(r):
    notes(r, "storefront")["dapr.io/enabled"] = "true"


@mistake("the role of storefront (zones) is")
def a_page_with_a_role(r):
    r.one("ServiceAccount", "storefront")["metadata"]["annotations"] = {"eks.amazonaws.com/role-arn": "arn:aws:iam::000000000000:role/ecommerce-order-service"}


@mistake("what is let through (zones): storefront <- anybody TCP 8080 does not belong")
def a_page_for_everybody_in_the_cluster(r):
    del policy(r, "storefront")["ingress"][0]["from"]


@mistake("the origin's paths (zones): /demand is missing")
def a_path_that_was_forgotten(r):
    (ingress,) = r.all("Ingress").values()
    paths = ingress["spec"]["rules"][0]["http"]["paths"]
    paths[:] = [each for each in paths if each["path"] != "/demand"]


@mistake("what is let through (zones): cart-service <- anybody TCP 5002 does not belong")
def a_policy_that_lets_everybody_in(r):
    del policy(r, "cart-service-door")["ingress"][0]["from"]


@mistake("what is let through (zones): services <- services every port does not belong")
def a_policy_for_every_port(r):
    del policy(r, "sidecars")["ingress"][0]["ports"]


@mistake("what is let through (zones): services -> 0.0.0.0/0 TCP 443 does not belong")
def a_policy_that_lets_out_to_everything(r):
    policy(r, "aws")["egress"][0]["to"] = [{"ipBlock": {"cidr": "0.0.0.0/0"}}]


@mistake("what is closed at first (zones) is []")
def a_namespace_that_is_open_at_first(r):
    remove(r, "NetworkPolicy", "nothing")


@mistake("what is let through (zones): services -> dapr-system/dapr-scheduler-server TCP 50006 is missing")
def sidecars_cut_off_from_the_scheduler(r):
    rules = policy(r, "control-plane")["egress"]
    rules[:] = [each for each in rules if each["ports"][0]["port"] != 50006]


@mistake("what is let through (zones): all <- anywhere/* TCP 9090 does not belong")
def a_policy_more(r):
    r.ways["zones"].append({"kind": "NetworkPolicy", "metadata": {"name": "convenient"}, "spec": {
        "podSelector": {}, "policyTypes": ["Ingress"], "ingress": [{"from": [{"namespaceSelector": {}}], "ports": [{"port": 9090}]}]}})


@mistake("dapr-sentry of Dapr's chart does not listen on 50001")
def another_port_of_the_control_plane(r):
    of(r.dapr, "Deployment")["dapr-sentry"]["spec"]["template"]["spec"]["containers"][0]["ports"][0]["containerPort"] = 50002


@mistake("Dapr's parts: dapr-scheduler-server is 1")
def a_single_scheduler(r):
    of(r.dapr, "StatefulSet")["dapr-scheduler-server"]["spec"]["replicas"] = 1


@mistake("the injector's SIDECAR_DROP_ALL_CAPABILITIES is false")
def sidecars_with_capabilities(r):
    (one,) = of(r.dapr, "Deployment")["dapr-sidecar-injector"]["spec"]["template"]["spec"]["containers"]
    next(each for each in one["env"] if each["name"] == "SIDECAR_DROP_ALL_CAPABILITIES")["value"] = "false"


@mistake("a pod while no injector answers is Ignore")
def pods_without_a_sidecar(r):
    of(r.dapr, "MutatingWebhookConfiguration")["dapr-sidecar-injector"]["webhooks"][0]["failurePolicy"] = "Ignore"


@mistake("mTLS: enabled is False")
def sidecars_without_mtls(r):
    of(r.dapr, "Configuration")["daprsystem"]["spec"]["mtls"]["enabled"] = False


@mistake("the reminders' volumes are of the class gp2, which is not there")
def a_volume_of_another_class(r):
    of(r.dapr, "StatefulSet")["dapr-scheduler-server"]["spec"]["volumeClaimTemplates"][0]["spec"]["storageClassName"] = "gp2"


@mistake("what dynamodb runs is ('ecommerce/emulators', ['aws'])")
def one_emulator_twice(r):
    container(r.one("StatefulSet", "dynamodb", "plain")["spec"]["template"], "dynamodb")["args"] = ["aws"]


@mistake("what provision is told: JWT_KEY is")
def a_signing_key_that_everybody_knows(r):
    (job,) = r.all("Job", "plain").values()
    container(job["spec"]["template"], "provision")["env"][2] = {"name": "JWT_KEY", "value": "secret"}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_in_a_manifest_is_found(rollout, name):
    finding, plant = MISTAKES[name]
    copy = rollout.copy()
    plant(copy)
    found = list(findings(copy))
    assert any(finding in each for each in found), found


# --- the charts themselves


def test_a_plain_cluster_has_one_of_each_part_of_dapr_that_does_not_vote():
    numbers = {name: number for name, _, number in pods(daprs(files=("dapr-values.yaml", "dapr-values-plain.yaml")))}
    assert numbers == {"dapr-operator": 1, "dapr-sentry": 1, "dapr-sidecar-injector": 1, "dapr-placement-server": 1, "dapr-scheduler-server": 3}


@pytest.mark.parametrize("way", WAYS)
def test_helm_finds_nothing_in_the_chart(way):
    files, sets = WAYS[way]
    values = [argument for name in files for argument in ("-f", CHART / name)] + [argument for each in sets for argument in ("--set", each)]
    answer = helm("lint", "--strict", CHART, "-n", NAMESPACE, *values)
    assert answer.returncode == 0 and "[WARNING]" not in answer.stdout, answer.stdout


@pytest.mark.parametrize("setting, says", [
    ("images.tga=1", "tga"), ("placement.mode=zone", "placement.mode|mode"), ("replicas=0", "replicas"), ("aws.account=12", "account"),
    ("placement.zones.cart-service=null", "placement.zones has no zone for cart-service"), ("stopping.lingerSeconds=600", "lingerSeconds"), ("allowedOrigins={*}", "allowedOrigins"),
    ('allowedOrigins={https://a";}', "allowedOrigins")])
def test_a_value_that_cannot_be_meant_is_refused(setting, says):
    answer = helm("template", "ecommerce", CHART, "-n", NAMESPACE, "--set-string" if "account" in setting else "--set", setting)
    assert answer.returncode != 0 and re.search(says, answer.stderr), answer.stderr


def test_another_namespace_is_refused():
    answer = helm("template", "ecommerce", CHART, "-n", "shop")
    assert answer.returncode != 0 and f"install into the namespace {NAMESPACE}" in answer.stderr


def test_a_packaged_chart_brings_the_files_along(tmp_path):
    answer = helm("package", CHART, "-d", tmp_path)
    assert answer.returncode == 0, answer.stderr
    (package,) = tmp_path.glob("*.tgz")
    with tarfile.open(package) as packed:
        held = {each.name: packed.extractfile(each).read() for each in packed if each.isfile()}
    for name in ("platform.json", "configuration.yaml", "components/statestore.yaml", "local/aws.yaml"):
        assert held[f"ecommerce/files/dapr-config/{name}"] == (CONFIG / name).read_bytes()
    packed_one, from_folder = (helm("template", "ecommerce", chart, "-n", NAMESPACE).stdout for chart in (package, CHART))
    assert packed_one == from_folder != ""


def test_an_upgrade_with_another_configuration_replaces_the_pods(rollout, tmp_path):
    """A chart with one line changed in a component, and one in a door."""
    before = {app: dict(rollout.pod(app)["metadata"]["annotations"]) for app in rollout.apps}
    copy = tmp_path / "ecommerce"
    shutil.copytree(CHART, copy)
    for file, old, new in (("dapr-config/components/statestore.yaml", "expiresAt", "expires"), ("gateway/nginx.conf", "keepalive_timeout 60s", "keepalive_timeout 61s")):
        path = copy / "files" / file
        path.write_text(path.read_text().replace(old, new))
    after = {name: each["spec"]["template"]["metadata"]["annotations"] for name, each in of(rendered(copy, "ecommerce", NAMESPACE), "Deployment").items()}
    for app in rollout.apps:
        assert {name for name in before[app] if before[app][name] != after[app][name]} == {"checksum/door", "checksum/dapr"}


def test_origins_that_are_named_reach_the_doors():
    named = ["https://shop.example", "http://127.0.0.1:3000"]
    conf = of(ours("zones", f"allowedOrigins={{{','.join(named)}}}"), "ConfigMap")["cart-service-door"]["data"]["nginx.conf"]
    told = render.cross_origin(named)
    assert f'map $http_origin $allowed_origin {{ default ""; {told["origins"]} }}' in conf
    assert f'add_header Vary "{told["vary"]}" always;' in conf and told["vary"] == "Origin"


# --- the door, run


LINGER = 3


@pytest.fixture
def closed_port():
    """A port that refuses connections for as long as the test runs: it is bound, so that nobody else can listen on it."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


def swapped(conf: str, old: str, new: str) -> str:
    assert conf.count(old) == 1, f"{old!r} is in the door's configuration {conf.count(old)} times"
    return conf.replace(old, new)


class Door:
    """A service's door as the chart configures it, but for where it writes, a shorter linger, and all its ports: a platform may be
    running on this machine. `behind` says where each of the service's listeners is to be found instead."""

    def __init__(self, rollout: Rollout, app: str, folder: Path, behind: dict[str, int]):
        conf = of(ours("zones", f"stopping.lingerSeconds={LINGER}"), "ConfigMap")[f"{app}-door"]["data"]["nginx.conf"]
        self.port, self.linger = free_port(), free_port()
        known = rollout.apps[app]["ports"]
        conf = conf.replace("/run/gateway", str(folder))
        conf = swapped(conf, f"listen {known['door']} ", f"listen 127.0.0.1:{self.port} ")
        conf = swapped(conf, f"listen {rollout.facts['pod']['linger']};", f"listen 127.0.0.1:{self.linger};")
        for name, port in behind.items():
            conf = swapped(conf, f"server {rollout.facts['host']}:{known[name]} ", f"server 127.0.0.1:{port} ")
        file = folder / "nginx.conf"
        file.write_text(conf)
        self.process = subprocess.Popen([shutil.which("nginx") or "/usr/sbin/nginx", "-e", "stderr", "-c", file], stdout=subprocess.DEVNULL,
                                        stderr=subprocess.PIPE, text=True)

    def __enter__(self) -> "Door":
        until(self._answers, 20, "nginx")
        return self

    def __exit__(self, *_) -> None:
        self.process.kill()
        self.process.wait()

    def _answers(self) -> bool:
        assert self.process.poll() is None, self.process.stderr.read()
        try:
            return requests.get(f"http://127.0.0.1:{self.port}/nothing", timeout=2).status_code in (404, 502)
        except requests.ConnectionError:
            return False


def test_a_door_lingers_and_then_ends_what_is_in_hand(rollout, tmp_path, closed_port):
    with Door(rollout, "cart-service", tmp_path, {"facade": closed_port}) as door:
        assert requests.get(f"http://127.0.0.1:{door.port}/carts/x", timeout=20).status_code == 502
        started = time.monotonic()
        page = requests.get(f"http://127.0.0.1:{door.linger}/linger", timeout=60, stream=True)
        # Told to end in the middle of it, as the door is while the service's container still lingers.
        door.process.send_signal(signal.SIGQUIT)
        assert len(page.content) == LINGER * 100
        # The kubelet waits for the page, which is the whole of the linger. nginx reckons in whole seconds.
        assert time.monotonic() - started > LINGER - 1.5
        assert door.process.wait(20) == 0


def test_a_door_hands_an_orders_events_on_as_they_come(rollout, tmp_path, closed_port):
    """Behind the page's origin this door is all there is between a browser and a service's listener for streams."""
    seen = threading.Event()

    class Streams(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.end_headers()
            self.wfile.write(b"id: 1\ndata: {}\n\n")
            # The second one comes only once the first has arrived.
            if seen.wait(20):
                self.wfile.write(b"id: 2\ndata: {}\n\n")

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Streams) as service:
        threading.Thread(target=service.serve_forever, daemon=True).start()
        with Door(rollout, "order-service", tmp_path, {"facade": closed_port, "stream": service.server_port}) as door:
            with requests.get(f"http://127.0.0.1:{door.port}/orders/o-1/events", headers={"Accept-Encoding": "gzip"}, timeout=10, stream=True) as answer:
                assert answer.status_code == 200 and "Content-Encoding" not in answer.headers
                lines = answer.iter_lines(chunk_size=1)
                assert next(lines) == b"id: 1"
                seen.set()
                assert [line for line in lines if line.startswith(b"id")] == [b"id: 2"]
            assert requests.get(f"http://127.0.0.1:{door.port}/orders/o-1", timeout=20).status_code == 502
        service.shutdown()
