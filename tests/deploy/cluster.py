"""A Kubernetes of the tests' own, without containers: a real etcd, API server, controllers and scheduler, with six nodes that only
exist on paper, and Dapr's real sentry, injector and operator. In a network of its own, so that nothing of it is reached from
outside and no port is taken twice."""

import json
import os
import secrets
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from emulator import until
from manifests import EVERYWHERE, NODE
from rollout import DAPR, NAMESPACE, daprs, quantity, written

from shop import toolbox
from shop.console import Progress

# An address that webhooks may have: the API server takes none on loopback for an endpoint.
HOST = "192.0.2.77"
API, ETCD, SENTRY = 16443, 12379, 15443
CONTROLLERS = ("serviceaccount-controller,root-ca-certificate-publisher-controller,deployment-controller,replicaset-controller,"
               "statefulset-controller,job-controller,disruption-controller,horizontal-pod-autoscaler-controller")
ZONES = {f"node-{zone}{number}": f"us-west-2{zone}" for zone in "abc" for number in (1, 2)}


def isolation() -> list[str]:
    """How to start a program in a network of its own, and with mounts of its own. Skips where the machine does not let us."""
    command = ["unshare", "-n", "-m"] if os.geteuid() == 0 else ["unshare", "-U", "-r", "-n", "-m"]
    if not shutil.which("unshare") or not shutil.which("nsenter") or not shutil.which("ip"):
        pytest.skip("no cluster: unshare, nsenter (util-linux) or ip (iproute2) is missing")
    tried = subprocess.run([*command, "sh", "-c", "ip link set lo up && mount -t tmpfs none /run"], capture_output=True, text=True)
    if tried.returncode:
        pytest.skip(f"no cluster: this machine lets nobody have namespaces of his own ({tried.stderr.strip()})")
    return command


class Cluster:
    def __init__(self, folder: Path):
        self.folder, self.processes = folder, []
        alone = isolation()
        kubernetes = toolbox.kubernetes_folder()
        if not (kubernetes / ".complete").exists():
            pytest.skip("no cluster: Kubernetes is not built; ./shop test --suite deploy builds it")
        self.programs = {name: kubernetes / name for name in toolbox.KUBERNETES_PROGRAMS}
        dapr = toolbox.ensure_dapr_in_cluster(Progress(quiet=True))
        self.programs |= {name: dapr / name for name in toolbox.IN_CLUSTER}
        # Holds the namespaces. A file system of its own on /run, because the injector reads its token from a fixed place there.
        self.holder = subprocess.Popen([*alone, "sh", "-c", f"ip link set lo up && ip addr add {HOST}/32 dev lo && mount -t tmpfs none /run && echo && exec sleep infinity"],
                                       stdout=subprocess.PIPE, text=True)
        try:
            assert self.holder.stdout.readline() == "\n", "the namespaces could not be made"
            self.inside = ["nsenter", "-t", str(self.holder.pid), "-n", "-m", *([] if os.geteuid() == 0 else ["-U", "--preserve-credentials"]),
                           # Entering a mount namespace leads to its root.
                           "sh", "-c", 'cd "$0" && exec "$@"', str(folder)]
            self._api()
            self._nodes()
            self._dapr()
        except BaseException:
            self.stop()
            raise

    # --- for the tests

    def kubectl(self, *arguments: str | Path, give: list[dict] | dict | None = None, fails: bool = False) -> str:
        """What it said; with `fails` it must not succeed, and that is what it complained of."""
        text = None if give is None else "\n".join(map(json.dumps, give if isinstance(give, list) else [give]))
        answer = subprocess.run([*self.inside, self.programs["kubectl"], "--kubeconfig", self.folder / "admin", *arguments], input=text,
                                capture_output=True, text=True, timeout=120)
        assert (answer.returncode != 0) == fails, f"kubectl {' '.join(map(str, arguments))}: {answer.stdout}{answer.stderr}"
        return answer.stdout + answer.stderr if fails else answer.stdout

    def helm(self, *arguments: str | Path) -> str:
        answer = subprocess.run([*self.inside, toolbox.ensure_helm(Progress(quiet=True)), "--kubeconfig", self.folder / "admin", "-n", NAMESPACE, *arguments],
                                capture_output=True, text=True, timeout=120)
        assert answer.returncode == 0, answer.stderr
        return answer.stdout

    def get(self, *what: str) -> dict:
        return json.loads(self.kubectl("get", *what, "-o", "json"))

    def apply(self, documents: list[dict] | dict, *options: str, fails: bool = False) -> str:
        """As an installation does it: every field must be known, and every webhook agrees."""
        return self.kubectl("-n", NAMESPACE, "apply", "--server-side", "--force-conflicts", *options, "-f", "-", give=documents, fails=fails)

    def admitted(self, document: dict) -> dict:
        """The object as the API server would store it, after every webhook and PodSecurity; nothing is stored."""
        return json.loads(self.kubectl("-n", NAMESPACE, "create", "--dry-run=server", "-o", "json", "-f", "-", give=document))

    def refused(self, document: dict) -> str:
        return self.kubectl("-n", NAMESPACE, "create", "--dry-run=server", "-f", "-", give=document, fails=True)

    def pods(self, number: int) -> list[dict]:
        """As soon as there are so many and each has a node."""
        def placed() -> list[dict] | None:
            pods = self.get("-n", NAMESPACE, "pods")["items"]
            return pods if len(pods) >= number and all(self.node(pod) for pod in pods) else None
        return until(placed, 60, f"{number} pods on nodes")

    def node(self, pod: dict) -> str | None:
        """A pod with a volume is given a place and then waits for the volume, which no driver makes here."""
        for volume in pod["spec"].get("volumes", []):
            if claim := volume.get("persistentVolumeClaim", {}).get("claimName"):
                stored = self.get("-n", pod["metadata"]["namespace"], "persistentvolumeclaim", claim)
                return stored["metadata"].get("annotations", {}).get("volume.kubernetes.io/selected-node")
        return pod["spec"].get("nodeName")

    def clear(self) -> None:
        """Of everything that makes pods, and of those: there is no kubelet that would end them."""
        self.kubectl("-n", NAMESPACE, "delete", "deployments,replicasets,statefulsets,jobs", "--all", "--wait=false")
        until(lambda: not self.get("-n", NAMESPACE, "replicasets,statefulsets,jobs")["items"], 20, "what makes pods to be gone")
        self.kubectl("-n", NAMESPACE, "delete", "pods", "--all", "--force", "--grace-period=0")

    def stop(self) -> None:
        for process in reversed(self.processes):
            process.kill()
        for process in self.processes:
            process.wait()
        self.holder.kill()
        self.holder.wait()

    # --- how it is started

    def _start(self, name: str, *arguments: str | Path, **environment: str) -> None:
        self.run(name, [self.programs[name], *arguments], environment)

    def run(self, name: str, command: list[str | Path], environment: dict[str, str]) -> Path:
        """Something more in the cluster's network, until the end; answers where it logs."""
        file = self.folder / f"{name}.log"
        with open(file, "w") as log:
            self.processes.append(subprocess.Popen([*self.inside, *command], env={**os.environ, **environment}, stdout=log,
                                                   stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL))
        return file

    def mount(self, file: Path, place: str) -> None:
        """A file in another's place, for whatever runs in here."""
        subprocess.run([*self.inside, "mount", "--bind", file, place], check=True)

    def python(self, text: str) -> str:
        """What a program in the cluster's network prints."""
        answer = subprocess.run([*self.inside, toolbox.venv_folder() / "bin" / "python", "-c", text], capture_output=True, text=True, timeout=60,
                                env={**os.environ, "PYTHONPATH": str(toolbox.TOOLS)})
        assert answer.returncode == 0, answer.stderr
        return answer.stdout

    def _all_run(self) -> bool:
        for process in self.processes:
            assert process.poll() is None, f"{process.args[len(self.inside)]} ended with {process.returncode}; its log is in {self.folder}"
        return True

    def _healthy(self, port: int) -> bool:
        # Not from here: the cluster's network is its own.
        probe = f"import urllib.request; urllib.request.urlopen('http://127.0.0.1:{port}/healthz', timeout=2)"
        return subprocess.run([*self.inside, toolbox.venv_folder() / "bin" / "python", "-c", probe], capture_output=True).returncode == 0

    def _kubeconfig(self, name: str, token: str) -> Path:
        file = self.folder / name
        file.write_text(yaml.safe_dump({
            "apiVersion": "v1", "kind": "Config", "current-context": "test",
            "clusters": [{"name": "test", "cluster": {"server": f"https://127.0.0.1:{API}", "certificate-authority": str(self.folder / "ca.crt")}}],
            "users": [{"name": "test", "user": {"token": token}}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}]}))
        return file

    def _api(self) -> None:
        def openssl(*arguments: str, give: str | None = None) -> None:
            subprocess.run(["openssl", *arguments], cwd=self.folder, input=give, capture_output=True, text=True, check=True)

        key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
        openssl("req", "-x509", *key, "-days", "2", "-subj", "/CN=test-ca", "-keyout", "ca.key", "-out", "ca.crt")
        openssl("req", *key, "-subj", "/CN=kube-apiserver", "-keyout", "api.key", "-out", "api.csr")
        (self.folder / "names").write_text("subjectAltName=IP:127.0.0.1,IP:10.96.0.1,DNS:localhost,DNS:kubernetes.default.svc")
        openssl("x509", "-req", "-in", "api.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-out", "api.crt", "-extfile", "names")
        openssl("genrsa", "-out", "accounts.key", "2048")
        openssl("rsa", "-in", "accounts.key", "-pubout", "-out", "accounts.pub")
        token = secrets.token_hex(16)
        (self.folder / "tokens.csv").write_text(f"{token},admin,admin,system:masters\n")
        self._kubeconfig("admin", token)
        client, peer = (f"http://127.0.0.1:{port}" for port in (ETCD, ETCD + 1))
        self._start("etcd", "--name", "test", "--data-dir", "etcd", "--unsafe-no-fsync", "--log-level", "warn",
                    "--listen-client-urls", client, "--advertise-client-urls", client, "--listen-peer-urls", peer,
                    "--initial-advertise-peer-urls", peer, "--initial-cluster", f"test={peer}")
        self._start("kube-apiserver", f"--etcd-servers={client}", "--bind-address=127.0.0.1", "--advertise-address=127.0.0.1", f"--secure-port={API}",
                    # Services have no proxy here: the API server itself goes to the endpoints of a webhook.
                    "--endpoint-reconciler-type=none", "--enable-aggregator-routing=true", "--tls-cert-file=api.crt", "--tls-private-key-file=api.key",
                    "--cert-dir=.", "--token-auth-file=tokens.csv", "--authorization-mode=RBAC", "--anonymous-auth=false",
                    "--service-account-issuer=https://kubernetes.default.svc.cluster.local", "--service-account-key-file=accounts.pub",
                    "--service-account-signing-key-file=accounts.key", "--service-cluster-ip-range=10.96.0.0/16",
                    "--enable-admission-plugins=MutatingAdmissionWebhook,ValidatingAdmissionWebhook,ServiceAccount,PodSecurity,ResourceQuota,LimitRanger")
        ready = [*self.inside, self.programs["kubectl"], "--kubeconfig", self.folder / "admin", "get", "--raw", "/readyz"]
        until(lambda: self._all_run() and subprocess.run(ready, capture_output=True).returncode == 0, 90, f"the API server; its log is in {self.folder}")

    def _nodes(self) -> None:
        self._start("kube-controller-manager", "--kubeconfig=admin", "--bind-address=127.0.0.1", "--secure-port=16457", "--cert-dir=.",
                    "--leader-elect=false", "--use-service-account-credentials=true", "--service-account-private-key-file=accounts.key",
                    "--root-ca-file=ca.crt", f"--controllers={CONTROLLERS}")
        self._start("kube-scheduler", "--kubeconfig=admin", "--bind-address=127.0.0.1", "--secure-port=16459", "--cert-dir=.", "--leader-elect=false")
        # What the cluster's own pods on every node take is off.
        free = {"cpu": f"{1000 * (NODE['cpu'] - sum(cpu for cpu, _ in EVERYWHERE.values())):.0f}m",
                "memory": f"{(NODE['memory'] - sum(quantity(memory) for _, memory in EVERYWHERE.values())) / 2**20:.0f}Mi",
                "pods": str(NODE["pods"] - len(EVERYWHERE))}
        labels = {"topology.kubernetes.io/region": "us-west-2", "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64",
                  "node.kubernetes.io/instance-type": "t3.medium"}
        self.kubectl("create", "-f", "-", give=[{
            "apiVersion": "v1", "kind": "Node",
            "metadata": {"name": name, "labels": {**labels, "topology.kubernetes.io/zone": zone, "kubernetes.io/hostname": name}},
            "status": {"capacity": free, "allocatable": free, "conditions": [{"type": "Ready", "status": "True", "reason": "test", "message": "test"}]},
        } for name, zone in ZONES.items()])
        self.kubectl("taint", "nodes", "--all", "node.kubernetes.io/not-ready-")

    def _dapr(self) -> None:
        # The class of volumes that a plain cluster has.
        standard = {"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "provisioner": "example.org/local", "volumeBindingMode": "WaitForFirstConsumer",
                    "metadata": {"name": "standard", "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}}}
        self.kubectl("apply", "--server-side", "-f", "-", give=[*written("namespaces.yaml"), *written("storage.yaml"), standard])
        self.kubectl("apply", "--server-side", "-f", toolbox.dapr_chart() / "crds")
        self.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=30s")
        sentry = f"127.0.0.1:{SENTRY}"
        documents = daprs(f"global.mtls.sentryAddress={sentry}")
        self.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", give=documents)
        for service, port in (("dapr-sidecar-injector", 4000), ("dapr-webhook", 19443)):
            named = self.get("-n", DAPR, "service", service)["spec"]["ports"][0]
            self.kubectl("apply", "-f", "-", give={
                "apiVersion": "v1", "kind": "Endpoints", "metadata": {"name": service, "namespace": DAPR},
                "subsets": [{"addresses": [{"ip": HOST}], "ports": [{"port": port, **({"name": named["name"]} if "name" in named else {})}]}]})
        # Sentry knows a part of the control plane by the pod its token is bound to.
        audience = f"spiffe://cluster.local/ns/{DAPR}/dapr-sentry"
        for part in ("injector", "operator"):
            quantities = {"cpu": "1m", "memory": "1Mi"}
            self.kubectl("create", "-f", "-", give={
                "apiVersion": "v1", "kind": "Pod",
                "metadata": {"name": f"{part}-process", "namespace": DAPR, "annotations": {"dapr.io/control-plane": part}},
                "spec": {"serviceAccountName": f"dapr-{part}", "nodeName": "elsewhere", "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
                         "containers": [{"name": "process", "image": "none", "resources": {"requests": quantities, "limits": quantities},
                                         "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}}]}})
            bound = self.kubectl("-n", DAPR, "create", "token", f"dapr-{part}", "--bound-object-kind", "Pod", "--bound-object-name", f"{part}-process", "--audience", audience)
            (self.folder / f"{part}.token").write_text(bound.strip())
        for part in toolbox.IN_CLUSTER:
            self._kubeconfig(part, self.kubectl("-n", DAPR, "create", "token", f"dapr-{part}").strip())
        (self.folder / "issuer").mkdir()
        as_anybody = {"NAMESPACE": DAPR, "DAPR_UNSAFE_SKIP_CONTAINER_UID_GID_CHECK": "true"}
        self._start("sentry", "--mode", "kubernetes", "--kubeconfig", "sentry", "--listen-address", "127.0.0.1", "--port", str(SENTRY),
                    "--healthz-port", "18001", "--healthz-listen-address", "127.0.0.1", "--enable-metrics=false", "--trust-domain", "cluster.local",
                    "--issuer-credentials", self.folder / "issuer", **as_anybody)
        anchors = until(lambda: self.get("-n", DAPR, "configmap", "dapr-trust-bundle").get("data", {}).get("ca.crt"), 60, "sentry")
        (self.folder / "anchors.crt").write_text(anchors)
        (deployed,) = [each for each in documents if each["kind"] == "Deployment" and each["metadata"]["name"] == "dapr-sidecar-injector"]
        told = {each["name"]: str(each["value"]) for each in deployed["spec"]["template"]["spec"]["containers"][0]["env"] if "value" in each}
        place = "/run/secrets/dapr.io/sentrytoken"
        subprocess.run([*self.inside, "sh", "-c", f"mkdir -p {place} && cp {self.folder}/injector.token {place}/token"], check=True)
        self._start("injector", "--kubeconfig", "injector", "--port", "4000", "--listen-address", HOST, "--healthz-port", "18002", "--enable-metrics=false",
                    **{**told, **as_anybody, "DAPR_TRUST_ANCHORS_FILE": str(self.folder / "anchors.crt"), "DAPR_SENTRY_ADDRESS": sentry})
        self._start("operator", "--disable-leader-election", "--port", "16500", "--listen-address", "127.0.0.1", "--webhook-server-port", "19443",
                    "--webhook-server-listen-address", HOST, "--healthz-port", "18003", "--enable-metrics=false", "--trust-anchors-file", "anchors.crt",
                    "--watch-interval", "0", **as_anybody, DAPR_SENTRY_TOKEN_FILE=str(self.folder / "operator.token"), KUBECONFIG=str(self.folder / "operator"))
        for name, port in (("sentry", 18001), ("injector", 18002), ("operator", 18003)):
            until(lambda: self._all_run() and self._healthy(port), 60, f"{name}; its log is in {self.folder}")
