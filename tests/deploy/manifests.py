"""What must hold of the manifests before they meet a cluster: what the API server lets through, and no kubelet here would notice.
A check yields what is wrong in words; test_manifests.py sees that none is wrong and that each can be."""

import functools
import re

import yaml
from checks import PRIVATE, PUBLIC, service_role
from deployment import ROOT
from findings import Checks, Findings, differs
from rollout import ACCOUNT, CHART, DAPR, NAMESPACE, WAYS, Rollout, annotations, container, of, pods, quantity

from shop import facts, render, toolbox

CHECKS = check = Checks()
findings = CHECKS.findings

UNCHANGED = {"components": {}}
# As drawn.
ZONES = {"product-service": "us-west-2a", "payment-service": "us-west-2a", "cart-service": "us-west-2b", "order-service": "us-west-2c"}
ON_AWS = ("zones", "spread")
USER = 10001
# How long a service may take to end, and its sidecar after it: tools/shop/programs.py.
SERVICE_STOPS, SIDECAR_STOPS, SIDECAR_BLOCKS = 25, 5, 1.5


# --- what sidecars load


@functools.cache
def files(way: str) -> dict[str, dict[str, dict]]:
    """What sidecars are to load, by kind and name."""
    ports = facts.load()["ports"]
    text = (render.CONFIG / "local" / "aws.yaml").read_text()
    text = text.replace("${aws}", f"http://aws:{ports['aws']}").replace("${dynamodb}", f"http://dynamodb:{ports['dynamodb']}")
    overlay = {"components": yaml.safe_load(text)["components"]}
    documents = [*render.components(UNCHANGED if way in ON_AWS else overlay), *render.subscriptions(UNCHANGED),
                 *render.documents(render.CONFIG / "resiliency.yaml"), *render.documents(render.CONFIG / "configuration.yaml")]
    return {kind: of(documents, kind) for kind in ("Component", "Subscription", "Resiliency", "Configuration")}


@check
def sidecars_load_the_files(rollout: Rollout) -> Findings:
    """The very files of dapr-config; without AWS, with what dapr-config/local/aws.yaml lays over the components."""
    for way in WAYS:
        for kind, wanted in files(way).items():
            yield from differs(f"{kind} ({way})", sorted_metadata(wanted), sorted_metadata(rollout.all(kind, way)))


def sorted_metadata(resources: dict[str, dict]) -> dict[str, dict]:
    """A component's metadata has no order."""
    return {name: {**each, "spec": {**each["spec"], "metadata": sorted(each["spec"].get("metadata", []), key=lambda item: item["name"])}}
            for name, each in resources.items()}


@check
def one_namespace(rollout: Rollout) -> Findings:
    yield from differs("the namespace in the facts", NAMESPACE, rollout.facts["namespace"])
    made = of(rollout.before, "Namespace")
    yield from differs("namespaces", {NAMESPACE, DAPR}, set(made))
    for name, namespace in made.items():
        for mode in ("enforce", "audit", "warn"):
            yield from differs(f"PodSecurity of {name}: {mode}", "restricted",
                               namespace["metadata"]["labels"].get(f"pod-security.kubernetes.io/{mode}"))
    for way, documents in rollout.ways.items():
        for each in documents:
            if each["metadata"].get("namespace", NAMESPACE) != NAMESPACE:
                yield f"{each['kind']} {each['metadata']['name']} ({way}) is in {each['metadata']['namespace']}"
    for name, configuration in rollout.all("Configuration").items():
        control = configuration["spec"]["accessControl"]
        for policy in [control, *control.get("policies", [])]:
            yield from differs(f"access control of {name}: trust domain", rollout.facts["trustDomain"], policy["trustDomain"])
            yield from differs(f"access control of {name}: namespace", NAMESPACE, policy.get("namespace", NAMESPACE))
        callers = {policy["appId"]: policy["operations"] for policy in control.get("policies", [])}
        may = {app: [{"name": "/internal/**", "httpVerb": verbs, "action": "allow"}]
               for app, verbs in rollout.facts["internalCalls"].get(name, {}).items()}
        yield from differs(f"who calls {name}", may, callers)
        yield from differs(f"what {name} does with everybody else", "deny", control["defaultAction"])


# --- the pods


@check
def deployments(rollout: Rollout) -> Findings:
    for way in WAYS:
        has = rollout.all("Deployment", way)
        page = rollout.facts["page"]["name"]
        yield from differs(f"deployments ({way})", {*rollout.apps, page}, set(has))
        for app, deployment in has.items():
            spec = deployment["spec"]
            yield from differs(f"replicas of {app}", 2, spec["replicas"])
            yield from differs(f"how {app} is replaced", {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
                               spec["strategy"])
            labels = spec["template"]["metadata"]["labels"]
            if not spec["selector"]["matchLabels"].items() <= labels.items():
                yield f"{app} does not select its own pods"
            names = [each["name"] for each in spec["template"]["spec"]["containers"]]
            yield from differs(f"containers of {app}", ["door"] if app == page else [app, "door"], names)


@check
def environment(rollout: Rollout) -> Findings:
    """What a service is told, as services/common/settings.hpp names it; the tokens come from the Secrets its sidecar takes them from."""
    pod = rollout.facts["pod"]
    for app, known in rollout.apps.items():
        template = rollout.pod(app)
        told = {each["name"]: each.get("value", each.get("valueFrom")) for each in container(template, app)["env"]}
        notes = template["metadata"]["annotations"]
        yield from differs(f"what {app} is told", {
            "FACADE_PORT": str(known["ports"]["facade"]), "APP_CHANNEL_PORT": str(known["ports"]["channel"]), "BIND_ADDRESS": "127.0.0.1",
            "METRICS_PORT": str(pod["metrics"]), "METRICS_ADDRESS": "0.0.0.0", "DAPR_HTTP_PORT": str(pod["sidecarHttp"]),
            "DAPR_API_TOKEN": {"secretKeyRef": {"name": notes["dapr.io/api-token-secret"], "key": "token"}},
            "APP_API_TOKEN": {"secretKeyRef": {"name": notes["dapr.io/app-token-secret"], "key": "token"}}}
            | ({"STREAM_PORT": str(known["ports"]["stream"])} if "stream" in known["ports"] else {})
            | ({"READ_MODEL_FILE": "/var/lib/read-model/products.sqlite"} if known["short"] == "product" else {}), told)
        settings = (ROOT / "services" / "common" / "settings.hpp").read_text()
        for name in told:
            if f"| {name} |" not in settings:
                yield f"{app} is told {name}, which no service reads"
        ports = {each["name"]: each["containerPort"] for each in container(template, app)["ports"] + container(template, "door")["ports"]}
        yield from differs(f"ports of {app}", {"door": known["ports"]["door"], "metrics": pod["metrics"]}, ports)


@check
def sidecar_annotations(rollout: Rollout) -> Findings:
    known = annotations()
    for way in WAYS:
        for app, facts_of_app in rollout.apps.items():
            notes = {name: value for name, value in rollout.pod(app, way)["metadata"]["annotations"].items() if name.startswith("dapr.io/")}
            for name in sorted(set(notes) - known):
                yield f"{app}: no injector knows {name}"
            ports = facts_of_app["ports"]
            must = {"enabled": "true", "app-id": app, "app-port": str(ports["channel"]), "app-protocol": "http", "config": app,
                    "app-channel-address": "127.0.0.1", "sidecar-listen-addresses": "127.0.0.1", "log-as-json": "true",
                    "metrics-port": str(ports["sidecarMetrics"]), "disable-builtin-k8s-secret-store": "true", "max-body-size": "2Mi",
                    "enable-app-health-check": "true", "app-health-check-path": "/healthz", "app-health-probe-interval": "1",
                    "app-health-probe-timeout": "500", "app-health-threshold": "3"}
            for name, value in must.items():
                yield from differs(f"{name} of {app} ({way})", value, notes.get(f"dapr.io/{name}"))
            if notes["dapr.io/app-id"] not in rollout.facts["apps"]:
                yield f"{notes['dapr.io/app-id']} is no app"
            if notes["dapr.io/config"] not in rollout.all("Configuration", way):
                yield f"{app}'s sidecar reads the configuration {notes['dapr.io/config']}, which is not there"
            if notes["dapr.io/metrics-port"] == str(rollout.facts["pod"]["metrics"]):
                yield f"{app} and its sidecar both want the port {notes['dapr.io/metrics-port']}"
            if notes["dapr.io/api-token-secret"] == notes["dapr.io/app-token-secret"]:
                yield f"{app} and its sidecar show one another the same token"
            for resource in ("cpu", "memory"):
                asked, most = (quantity(notes[f"dapr.io/sidecar-{resource}-{kind}"]) for kind in ("request", "limit"))
                if asked > most:
                    yield f"the sidecar of {app} asks for more {resource} than it may have"


@check
def security(rollout: Rollout) -> Findings:
    for way, documents in rollout.ways.items():
        for name, template, _ in pods(documents):
            spec = template["spec"]
            yield from differs(f"the user of {name} ({way})", {
                "runAsNonRoot": True, "runAsUser": USER, "runAsGroup": USER, "fsGroup": USER, "seccompProfile": {"type": "RuntimeDefault"}},
                spec["securityContext"])
            yield from differs(f"Kubernetes' token in {name}", False, spec["automountServiceAccountToken"])
            yield from differs(f"other services' addresses in {name}", False, spec["enableServiceLinks"])
            for each in spec["containers"]:
                yield from differs(f"what {each['name']} of {name} ({way}) may", {
                    "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "runAsNonRoot": True, "capabilities": {"drop": ["ALL"]}},
                    each["securityContext"])
                for kind in ("requests", "limits"):
                    yield from differs(f"{kind} of {each['name']} of {name}", {"cpu", "memory"}, set(each["resources"].get(kind, {})))
                    for resource in ("cpu", "memory"):
                        if quantity(each["resources"]["requests"][resource]) > quantity(each["resources"]["limits"][resource]):
                            yield f"{each['name']} of {name} asks for more {resource} than it may have"
            for volume in spec.get("volumes", []):
                if "emptyDir" in volume and not volume["emptyDir"].get("sizeLimit"):
                    yield f"{volume['name']} of {name} may fill the node's disk"
                if set(volume) - {"name", "emptyDir", "configMap"}:
                    yield f"{volume['name']} of {name} is neither empty nor configuration"
        for secret in of(documents, "Secret"):
            yield f"the chart ({way}) contains the Secret {secret}"


@check
def door_files(rollout: Rollout) -> Findings:
    """nginx's configuration is that of services/gateway, filled in for one pod."""
    source = ROOT / "services" / "gateway"
    others = render.cross_origin([])
    doors = [(app.id, app.ports["door"], render.routes_of(app), "\n  ".join(render.upstreams([app]))) for app in facts.apps()]
    page = rollout.facts["page"]
    answers = "location = /readyz { access_log off; return 204; }"
    doors.append((page["name"], rollout.facts["ports"]["gateway"], f"{answers}\n{render.page(page['files'])}", ""))
    for name, port, routes, behind in doors:
        template = rollout.pod(name)
        (mount,) = [each for each in container(template, "door")["volumeMounts"] if each["mountPath"] == "/etc/gateway"]
        (volume,) = [each for each in template["spec"]["volumes"] if each["name"] == mount["name"]]
        has = rollout.one("ConfigMap", volume["configMap"]["name"])["data"]["nginx.conf"]
        if "@{" in has:
            yield f"the door of {name} has a placeholder left"
        door = render.filled((source / "door.conf").read_text(), listen=str(port), vary=others["vary"], routes=routes)
        linger = re.search(rf"  server {{\n    listen {rollout.facts['pod']['linger']};.*?\n  }}", has, re.DOTALL)[0]
        wanted = render.filled((source / "nginx.conf").read_text(), user="", run="/run/gateway", doors=f"{door}\n{linger}", origins=others["origins"],
                               upstreams=behind)
        yield from differs(f"the door of {name}", wanted.strip(), has.strip())
        (run,) = [each for each in container(template, "door")["volumeMounts"] if each["mountPath"] == "/run/gateway"]
        (empty,) = [each for each in template["spec"]["volumes"] if each["name"] == run["name"]]
        yield from differs(f"where the door of {name} writes", {"sizeLimit": "1Gi" if name == page["name"] else "3Gi"}, empty["emptyDir"])


@check
def probes(rollout: Rollout) -> Findings:
    """The kubelet reaches the door and nothing else. A pod is taken for ready by its service's own word; it is restarted for what a
    restart can mend, which a store or a control plane that is away is not."""
    for app, known in rollout.apps.items():
        door = known["ports"]["door"]
        service, nginx = (container(rollout.pod(app), name) for name in (app, "door"))
        for kind in ("startupProbe", "livenessProbe"):
            yield from differs(f"{kind} of {app}", {"path": "/healthz", "port": door}, service[kind].get("httpGet"))
        yield from differs(f"readiness of {app}", {"path": "/readyz", "port": door}, service["readinessProbe"].get("httpGet"))
        for kind in ("readinessProbe", "livenessProbe"):
            yield from differs(f"{kind} of nginx of {app}", {"port": "door"}, nginx[kind].get("tcpSocket"))
        if service["startupProbe"]["periodSeconds"] * service["startupProbe"]["failureThreshold"] < 60:
            yield f"{app} has less than a minute to start"


@check
def page(rollout: Rollout) -> Findings:
    """What hands out the page: no sidecar, no account on AWS, ready when it answers, and as careful as a door when it ends."""
    name, port, linger = rollout.facts["page"]["name"], rollout.facts["ports"]["gateway"], rollout.facts["pod"]["linger"]
    for way in WAYS:
        template = rollout.pod(name, way)
        door = container(template, "door")
        yield from differs(f"annotations of {name} ({way})", {"checksum/door"}, set(template["metadata"]["annotations"]))
        yield from differs(f"the image of {name} ({way})", "ecommerce/gateway", door["image"].rsplit(":", 1)[0])
        yield from differs(f"ports of {name} ({way})", [{"name": "door", "containerPort": port}], door["ports"])
        yield from differs(f"readiness of {name} ({way})", {"path": "/readyz", "port": "door"}, door["readinessProbe"].get("httpGet"))
        yield from differs(f"what {name} does before it is stopped ({way})", {"httpGet": {"path": "/linger", "port": linger}}, door["lifecycle"]["preStop"])
        if template["spec"]["terminationGracePeriodSeconds"] < lingers(rollout, name) + 2 + 5:
            yield f"{name} is killed after {template['spec']['terminationGracePeriodSeconds']} s"
        yield from differs(f"the zone of {name} ({way})", None, template["spec"].get("nodeSelector"))
        budget = rollout.one("PodDisruptionBudget", name, way)["spec"]
        yield from differs(f"whom the budget of {name} protects ({way})", rollout.one("Deployment", name, way)["spec"]["selector"]["matchLabels"],
                           budget["selector"]["matchLabels"])
        yield from differs(f"how many of {name} may be away ({way})", 1, budget.get("maxUnavailable"))


def lingers(rollout: Rollout, app: str) -> float:
    """Seconds for which the page is handed out."""
    (volume,) = [each for each in rollout.pod(app)["spec"]["volumes"] if each["name"] == "door"]
    conf = rollout.one("ConfigMap", volume["configMap"]["name"])["data"]["nginx.conf"]
    rate, page = re.search(r"location = /linger \{ limit_rate (\d+); return 200 (\.+); \}", conf).groups()
    return len(page) / int(rate)


@check
def endings(rollout: Rollout) -> Findings:
    """A pod that is told to end is still sent requests for a moment; then door and service end what is in hand, and the sidecar serves
    them until they have."""
    for app in rollout.apps:
        template = rollout.pod(app)
        notes, linger = template["metadata"]["annotations"], lingers(rollout, app)
        for name in (app, "door"):
            yield from differs(f"what {name} of {app} does before it is stopped", {"httpGet": {"path": "/linger", "port": rollout.facts["pod"]["linger"]}},
                               container(template, name)["lifecycle"]["preStop"])
        if linger < 10:
            yield f"{app} lingers for {linger} s, and a load balancer may take ten to hear of it"
        block = float(re.fullmatch(r"(\d+)ms", notes["dapr.io/block-shutdown-duration"])[1]) / 1000
        if not linger + SIDECAR_BLOCKS <= block <= linger + SIDECAR_BLOCKS + 2:
            yield f"the sidecar of {app} serves it for {block} s after the pod was told to end, in which it lingers {linger} s"
        yield from differs(f"how long the sidecar of {app} may take", str(SIDECAR_STOPS), notes["dapr.io/graceful-shutdown-seconds"])
        # The page's head is handed out at the same rate, so that it takes up to two seconds more.
        least = linger + 2 + SERVICE_STOPS + SIDECAR_STOPS
        if template["spec"]["terminationGracePeriodSeconds"] < least:
            yield f"{app} is killed after {template['spec']['terminationGracePeriodSeconds']} s and may need {least}"


# --- where they stand, and how many


@check
def places(rollout: Rollout) -> Findings:
    for way in WAYS:
        for app in rollout.apps:
            spec = rollout.pod(app, way)["spec"]
            zone = spec.get("nodeSelector", {}).get("topology.kubernetes.io/zone")
            yield from differs(f"the zone of {app} ({way})", ZONES[app] if way == "zones" else None, zone)
            spread = {each["topologyKey"]: each["whenUnsatisfiable"] for each in spec["topologySpreadConstraints"]}
            over_zones = {"topology.kubernetes.io/zone": "DoNotSchedule"} if way == "spread" else {}
            yield from differs(f"how {app} is spread ({way})", {**over_zones, "kubernetes.io/hostname": "ScheduleAnyway"}, spread)
            for each in spec["topologySpreadConstraints"]:
                yield from differs(f"what {app} is spread among ({way})", rollout.one("Deployment", app)["spec"]["selector"]["matchLabels"],
                                   each["labelSelector"]["matchLabels"])
                yield from differs(f"the skew of {app} ({way})", 1, each["maxSkew"])
    yield from differs("zones of the node groups", set(ZONES.values()), set(PRIVATE))


@check
def disruptions_and_scaling(rollout: Rollout) -> Findings:
    for app in rollout.apps:
        selector = rollout.one("Deployment", app)["spec"]["selector"]["matchLabels"]
        budget = rollout.one("PodDisruptionBudget", app)["spec"]
        yield from differs(f"how many of {app} may be away", 1, budget.get("maxUnavailable"))
        yield from differs(f"whom the budget of {app} protects", selector, budget["selector"]["matchLabels"])
        scaler = rollout.one("HorizontalPodAutoscaler", app)["spec"]
        yield from differs(f"what is scaled for {app}", {"apiVersion": "apps/v1", "kind": "Deployment", "name": app}, scaler["scaleTargetRef"])
        yield from differs(f"least of {app}", rollout.one("Deployment", app)["spec"]["replicas"], scaler["minReplicas"])
        if scaler["maxReplicas"] <= scaler["minReplicas"]:
            yield f"{app} cannot grow"


# A t3.medium as a node: what the kubelet keeps for itself and for the moment of eviction is off already.
NODE = {"cpu": 1.93, "memory": quantity("3310Mi"), "pods": 17}
# What runs on every node besides, and what the add-ons run once or twice: of each what it asks for, as its add-on sets it.
EVERYWHERE = {"aws-node": (0.05, "64Mi"), "kube-proxy": (0.1, "0Mi"), "ebs-csi-node": (0.03, "120Mi"), "cloudwatch-agent": (0.25, "128Mi"),
              "fluent-bit": (0.05, "25Mi")}
SOMEWHERE = {"coredns": (2, 0.1, "70Mi"), "ebs-csi-controller": (2, 0.06, "240Mi"), "metrics-server": (2, 0.1, "200Mi"),
             "cloudwatch-operator": (1, 0.1, "64Mi"), "load-balancer-controller": (2, 0.1, "200Mi")}


def asks(template: dict) -> tuple[float, float]:
    """Processors and memory of one pod, with the sidecar it will have."""
    notes = template["metadata"].get("annotations", {})
    asked = [each["resources"]["requests"] for each in template["spec"]["containers"]]
    if notes.get("dapr.io/enabled") == "true":
        asked.append({resource: notes[f"dapr.io/sidecar-{resource}-request"] for resource in ("cpu", "memory")})
    return tuple(sum(quantity(each[resource]) for each in asked) for resource in ("cpu", "memory"))


@check
def room(rollout: Rollout) -> Findings:
    """Two replicas of everything and a third of each service, which an upgrade needs, Dapr's control plane and the add-ons, on the nodes
    that the cluster stack makes in each zone."""
    everything = [(name, 1 if name.startswith("provision") else number, *asks(template)) for name, template, number in
                  pods(rollout.dapr) if name.startswith("dapr-")]
    groups = {each["NodegroupName"]: each for each in rollout.deployment.cluster.resources("AWS::EKS::Nodegroup").values()}
    for zone in set(ZONES.values()):
        group = groups[f"ecommerce-{zone}"]
        yield from differs(f"nodes of {zone}", ["t3.medium"], group["InstanceTypes"])
        nodes = group["ScalingConfig"]["DesiredSize"]
        used = {"cpu": 0.0, "memory": 0.0, "pods": 0.0}

        def add(number: float, cpu: float, memory: float) -> None:
            used["cpu"] += number * cpu
            used["memory"] += number * memory
            used["pods"] += number

        for cpu, memory in EVERYWHERE.values():
            add(nodes, cpu, quantity(memory))
        # Spread over three zones; the one that gets one more is the one that counts.
        for number, cpu, memory in SOMEWHERE.values():
            add(-(-number // 3), cpu, quantity(memory))
        for _, number, cpu, memory in everything:
            add(-(-number // 3), cpu, memory)
        page = rollout.facts["page"]["name"]
        add(-(-(rollout.one("Deployment", page)["spec"]["replicas"] + 1) // 3), *asks(rollout.pod(page)))
        for app, its in ZONES.items():
            if its == zone:
                add(rollout.one("Deployment", app)["spec"]["replicas"] + 1, *asks(rollout.pod(app)))
        for resource, has in NODE.items():
            if used[resource] > nodes * has:
                yield f"{zone}: {resource} asked for is {used[resource]:.4g}, and {nodes} t3.medium have {nodes * has:.4g}"


# --- who reaches whom


@check
def services(rollout: Rollout) -> Findings:
    pod = rollout.facts["pod"]
    for way in WAYS:
        emulators = set() if way in ON_AWS else {"aws", "dynamodb"}
        page = rollout.facts["page"]["name"]
        yield from differs(f"services ({way})", {*rollout.apps, page} | emulators, set(rollout.all("Service", way)))
        ports = {app: {pod["service"]: known["ports"]["door"], pod["metrics"]: pod["metrics"]} for app, known in rollout.apps.items()}
        ports[page] = {pod["service"]: rollout.facts["ports"]["gateway"]}
        for app, wanted in ports.items():
            spec = rollout.one("Service", app, way)["spec"]
            yield from differs(f"ports of the Service {app}", wanted,
                               {each["port"]: each["targetPort"] for each in spec["ports"]})
            if not spec["selector"] or not spec["selector"].items() <= rollout.pod(app, way)["metadata"]["labels"].items():
                yield f"the Service {app} finds no pods"
            yield from differs(f"the kind of the Service {app}", "ClusterIP", spec["type"])


@check
def roles(rollout: Rollout) -> Findings:
    for way in WAYS:
        page = rollout.facts["page"]["name"]
        yield from differs(f"service accounts ({way})", {*rollout.apps, page}, set(rollout.all("ServiceAccount", way)))
        yield from differs(f"the account of {page}", page, rollout.pod(page, way)["spec"]["serviceAccountName"])
        yield from differs(f"the role of {page} ({way})", None, rollout.one("ServiceAccount", page, way)["metadata"].get("annotations"))
        for app in rollout.apps:
            yield from differs(f"the account of {app}", app, rollout.pod(app, way)["spec"]["serviceAccountName"])
            role = service_role(rollout.deployment, app)["RoleName"]
            arn = f"arn:aws:iam::{ACCOUNT}:role/{role}" if way in ON_AWS else None
            notes = rollout.one("ServiceAccount", app, way)["metadata"].get("annotations", {})
            yield from differs(f"the role of {app} ({way})", arn, notes.get("eks.amazonaws.com/role-arn"))


@check
def images(rollout: Rollout) -> Findings:
    """On AWS every image comes from a repository that the cluster stack makes, and each repository has its use."""
    repositories = {each["RepositoryName"] for each in rollout.deployment.cluster.resources("AWS::ECR::Repository").values()}
    for way in ON_AWS:
        used = set()
        for app in rollout.apps:
            template = rollout.pod(app, way)
            for name, wanted in ((app, app), ("door", "gateway")):
                yield from differs(f"the image of {name} of {app}", f"ecommerce/{wanted}", container(template, name)["image"].rsplit(":", 1)[0])
            sidecar = template["metadata"]["annotations"]["dapr.io/sidecar-image"]
            used |= {each["image"].rsplit(":", 1)[0] for each in template["spec"]["containers"]} | {sidecar.rsplit(":", 1)[0]}
        yield from differs(f"images ({way})", repositories, used)


@check
def origin(rollout: Rollout) -> Findings:
    for way in WAYS:
        (ingress,) = rollout.all("Ingress", way).values()
        has = {}
        for rule in ingress["spec"]["rules"]:
            for path in rule["http"]["paths"]:
                yield from differs(f"how {path['path']} is matched", "Prefix", path["pathType"])
                yield from differs(f"the port behind {path['path']}", {"number": rollout.facts["pod"]["service"]},
                                   path["backend"]["service"]["port"])
                has[path["path"]] = path["backend"]["service"]["name"]
        yield from differs(f"the origin's paths ({way})", {path: app for app, known in rollout.apps.items() for path in known["paths"]} | {"/": rollout.facts["page"]["name"]}, has)


def peer(rollout: Rollout, way: str, each: dict) -> str:
    """Whom a policy's rule means, in words."""
    if "ipBlock" in each:
        return each["ipBlock"]["cidr"] + "".join(f" -{cidr}" for cidr in each["ipBlock"].get("except", []))
    place = each.get("namespaceSelector")
    labels = each.get("podSelector", {}).get("matchLabels", {})
    if place is not None:
        (namespace,) = place["matchLabels"].values() if place else ("anywhere",)
        return f"{namespace}/{','.join(sorted(labels.values())) or '*'}"
    return chosen(rollout, way, each["podSelector"])


def chosen(rollout: Rollout, way: str, selector: dict) -> str:
    """The pods of our namespace that a selector means."""
    labels = selector.get("matchLabels", {})
    assert set(selector) <= {"matchLabels"}, f"a selector says more than labels: {selector}"
    if not labels:
        return "all"
    names = [name for name, template, _ in pods(rollout.ways[way]) if labels.items() <= template["metadata"].get("labels", {}).items()]
    return "services" if set(names) == set(rollout.apps) else ",".join(sorted(names))


def flows(rollout: Rollout, way: str) -> set[str]:
    """Everything that the policies let through, a line each: `in|out pods ← → peer protocol port`."""
    found = set()
    for name, policy in rollout.all("NetworkPolicy", way).items():
        spec = policy["spec"]
        whose = chosen(rollout, way, spec["podSelector"])
        if not whose:
            found.add(f"{name} is about nobody")
        for direction, sides, arrow in (("ingress", "from", "<-"), ("egress", "to", "->")):
            if (direction in spec) and direction.capitalize() not in spec["policyTypes"]:
                found.add(f"{name} has a rule of a kind it does not decide about")
            for rule in spec.get(direction, []):
                peers = [peer(rollout, way, each) for each in rule[sides]] if rule.get(sides) else ["anybody"]
                ports = [f"{each.get('protocol', 'TCP')} {each['port']}" for each in rule["ports"]] if rule.get("ports") else ["every port"]
                found |= {f"{whose} {arrow} {one} {port}" for one in peers for port in ports}
    return found


@check
def policies_let_through(rollout: Rollout) -> Findings:
    pod, ports = rollout.facts["pod"], rollout.facts["ports"]
    control = {"dapr-sentry": 50001, "dapr-operator": 6500, "dapr-placement-server": 50005, "dapr-scheduler-server": 50006}
    for way in WAYS:
        closed = [each["spec"] for each in rollout.all("NetworkPolicy", way).values()
                  if each["spec"]["podSelector"] == {} and set(each["spec"]) == {"podSelector", "policyTypes"}]
        yield from differs(f"what is closed at first ({way})", [["Ingress", "Egress"]], [each["policyTypes"] for each in closed])
        wanted = {"all -> kube-system/kube-dns UDP 53", "all -> kube-system/kube-dns TCP 53",
                  f"services <- services TCP {pod['sidecarInternal']}", f"services -> services TCP {pod['sidecarInternal']}",
                  *(f"services -> {DAPR}/{name} TCP {port}" for name, port in control.items())}
        doors = PUBLIC.values() if way in ON_AWS else ["ingress-nginx/*"]
        wanted |= {f"{app} <- {source} TCP {known['ports']['door']}" for app, known in rollout.apps.items() for source in doors}
        wanted |= {f"{rollout.facts['page']['name']} <- {source} TCP {ports['gateway']}" for source in doors}
        if way in ON_AWS:
            private = "10.0.0.0/8 172.16.0.0/12 192.168.0.0/16 100.64.0.0/10 169.254.0.0/16".split()
            wanted.add(f"services -> 0.0.0.0/0{''.join(f' -{cidr}' for cidr in private)} TCP 443")
            metrics = [pod["metrics"], *(known["ports"]["sidecarMetrics"] for known in rollout.apps.values())]
            wanted |= {f"services <- amazon-cloudwatch/* TCP {port}" for port in metrics}
        else:
            for port in (ports["aws"], ports["dynamodb"]):
                wanted |= {f"all -> aws,dynamodb TCP {port}", f"aws,dynamodb <- all TCP {port}"}
        yield from differs(f"what is let through ({way})", wanted, flows(rollout, way))
    for name, template, _ in pods(rollout.dapr):
        if name in control:
            open_ports = {port["containerPort"] for each in template["spec"]["containers"] for port in each["ports"]}
            if control[name] not in open_ports or template["metadata"]["labels"]["app"] != name:
                yield f"{name} of Dapr's chart does not listen on {control[name]}"


# --- Dapr's chart


@check
def control_plane(rollout: Rollout) -> Findings:
    everything = {name: (template, number) for name, template, number in pods(rollout.dapr)}
    yield from differs("Dapr's parts", {"dapr-operator": 2, "dapr-sentry": 2, "dapr-sidecar-injector": 2, "dapr-placement-server": 3,
                                        "dapr-scheduler-server": 3}, {name: number for name, (_, number) in everything.items()})
    version = re.search(r"github\.com/dapr/dapr v(\S+)", (toolbox.DAPR_OWN / "go.mod").read_text())[1]
    for name, (template, _) in everything.items():
        (one,) = template["spec"]["containers"]
        yield from differs(f"the version of {name}", version, one["image"].rsplit(":", 1)[1])
        for kind in ("requests", "limits"):
            yield from differs(f"{kind} of {name}", {"cpu", "memory"}, set(one["resources"].get(kind, {})))
    budgets = {each["spec"]["selector"]["matchLabels"]["app"] for each in of(rollout.dapr, "PodDisruptionBudget").values()}
    yield from differs("parts of Dapr with a budget", set(everything), budgets)
    local = yaml.safe_load((render.CONFIG / "control-plane.yaml").read_text())
    mtls = of(rollout.dapr, "Configuration")["daprsystem"]["spec"]["mtls"]
    for name, value in local["spec"]["mtls"].items():
        yield from differs(f"mTLS: {name}", value, mtls.get(name))
    env = {each["name"]: each.get("value") for each in everything["dapr-sidecar-injector"][0]["spec"]["containers"][0]["env"]}
    for name in ("SIDECAR_DROP_ALL_CAPABILITIES", "SIDECAR_READ_ONLY_ROOT_FILESYSTEM", "SIDECAR_RUN_AS_NON_ROOT"):
        yield from differs(f"the injector's {name}", "true", env[name])
    (webhook,) = of(rollout.dapr, "MutatingWebhookConfiguration")["dapr-sidecar-injector"]["webhooks"]
    yield from differs("a pod while no injector answers", "Fail", webhook["failurePolicy"])
    yield from differs("whose pods are injected", {"matchLabels": {"kubernetes.io/metadata.name": NAMESPACE}}, webhook["namespaceSelector"])
    scheduler = of(rollout.dapr, "StatefulSet")["dapr-scheduler-server"]["spec"]
    (claim,) = scheduler["volumeClaimTemplates"]
    if claim["spec"].get("storageClassName") not in of(rollout.before, "StorageClass"):
        yield f"the reminders' volumes are of the class {claim['spec'].get('storageClassName')}, which is not there"
    for name, storage in of(rollout.before, "StorageClass").items():
        yield from differs(f"how {name} is kept", ("true", "Retain", "WaitForFirstConsumer"), (
            storage["parameters"]["encrypted"], storage["reclaimPolicy"], storage["volumeBindingMode"]))
    arguments = everything["dapr-placement-server"][0]["spec"]["containers"][0]["args"]
    local_ones = (ROOT / "tools" / "shop" / "programs.py").read_text()
    for flag in ("keepalive-time", "keepalive-timeout"):
        value = re.search(rf'"--{flag}", "(\w+)"', local_ones)[1]
        if f"--{flag}={value}" not in arguments:
            yield f"placement: --{flag} is not {value} as on a laptop"


# --- the plain cluster


@check
def emulators(rollout: Rollout) -> Findings:
    ports = rollout.facts["ports"]
    for name in ("dynamodb", "aws"):
        template = rollout.one("StatefulSet", name, "plain")["spec"]["template"]
        (one,) = template["spec"]["containers"]
        yield from differs(f"what {name} runs", ("ecommerce/emulators", [name]), (one["image"].rsplit(":", 1)[0], one["args"]))
        service = rollout.one("Service", name, "plain")["spec"]
        yield from differs(f"the port of {name}", [{"port": ports[name]}], service["ports"])
        if not service["selector"].items() <= template["metadata"]["labels"].items():
            yield f"the Service {name} finds no pods"
    (job,) = rollout.all("Job", "plain").values()
    (one,) = job["spec"]["template"]["spec"]["containers"]
    told = {each["name"]: each.get("value", each.get("valueFrom")) for each in one["env"]}
    yield from differs("what provision is told", {
        "DYNAMODB_ENDPOINT": f"http://dynamodb:{ports['dynamodb']}", "AWS_ENDPOINT": f"http://aws:{ports['aws']}",
        "JWT_KEY": {"secretKeyRef": {"name": "ecommerce-signing-key", "key": "token"}}}, told)
    yield from differs("what provision runs", ("ecommerce/tools", ["provision"]), (one["image"].rsplit(":", 1)[0], one["args"]))


@check
def versions(rollout: Rollout) -> Findings:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    project = re.search(r"version: '([^']+)'", (ROOT / "meson.build").read_text())[1]
    yield from differs("the chart's versions", (project, project), (chart["version"], str(chart["appVersion"])))
    for way in WAYS:
        for name, template, _ in pods(rollout.ways[way]):
            for each in template["spec"]["containers"]:
                yield from differs(f"the version of {each['name']} of {name}", project, each["image"].rsplit(":", 1)[1])
