"""What is about to run in the cluster: our chart as it is rendered for each way of running it, Dapr's with our values, and the facts."""

import copy
import functools
import re
import subprocess
from pathlib import Path

import yaml
from deployment import ROOT, Deployment

from shop import facts, toolbox
from shop.console import Progress

FOLDER = ROOT / "deploy" / "kubernetes"
CHART = FOLDER / "ecommerce"
NAMESPACE = facts.load()["namespace"]
DAPR = facts.load()["controlPlaneNamespace"]
VERSION = re.search(r"k8s\.io/kubernetes v(\S+)", (toolbox.KUBERNETES / "go.mod").read_text())[1]
ACCOUNT = "000000000000"
# The ways of running it: values files, and what is set besides.
WAYS = {"zones": ((), ()), "spread": ((), ("placement.mode=spread",)), "plain": (("values-plain.yaml",), ())}
# Those of the way that is drawn in the seed.
DRAWN = "zones"


def helm(*arguments: str | Path) -> subprocess.CompletedProcess:
    return subprocess.run([toolbox.ensure_helm(Progress(quiet=True)), *arguments], capture_output=True, text=True, timeout=120)


def rendered(chart: Path, release: str, namespace: str, files: list[Path] = (), settings: list[str] = ()) -> list[dict]:
    values = [argument for file in files for argument in ("-f", str(file))] + [argument for each in settings for argument in ("--set", each)]
    answer = helm("template", release, chart, "-n", namespace, "--kube-version", VERSION, *values)
    assert answer.returncode == 0, answer.stderr
    return [document for document in yaml.safe_load_all(answer.stdout) if document]


def ours(way: str, *settings: str) -> list[dict]:
    files, sets = WAYS[way]
    return rendered(CHART, "ecommerce", NAMESPACE, [CHART / name for name in files], [*sets, *settings])


def daprs(*settings: str, files: tuple[str, ...] = ("dapr-values.yaml",)) -> list[dict]:
    return rendered(toolbox.dapr_chart(), "dapr", DAPR, [FOLDER / name for name in files], settings)


def written(name: str) -> list[dict]:
    """The documents of a file that is applied as it is."""
    return list(yaml.safe_load_all((FOLDER / name).read_text()))


class Rollout:
    def __init__(self, ways: dict[str, list[dict]], dapr: list[dict], before: list[dict], deployment: Deployment):
        self.ways, self.dapr, self.before, self.deployment = ways, dapr, before, deployment

    @classmethod
    def read(cls, deployment: Deployment) -> "Rollout":
        return cls({way: ours(way) for way in WAYS}, daprs(), written("namespaces.yaml") + written("storage.yaml"), deployment)

    def copy(self) -> "Rollout":
        # YAML's anchors are one object in several places; a mistake is planted in one.
        return Rollout(*(copy.deepcopy(part) for part in (self.ways, self.dapr, self.before)), self.deployment)

    @property
    def facts(self) -> dict:
        return self.deployment.facts

    @property
    def apps(self) -> dict[str, dict]:
        return self.facts["apps"]

    def all(self, kind: str, way: str = DRAWN) -> dict[str, dict]:
        """By name."""
        return of(self.ways[way], kind)

    def one(self, kind: str, name: str, way: str = DRAWN) -> dict:
        return self.all(kind, way)[name]

    def pod(self, app: str, way: str = DRAWN) -> dict:
        return self.one("Deployment", app, way)["spec"]["template"]


def of(documents: list[dict], kind: str) -> dict[str, dict]:
    found = [document for document in documents if document["kind"] == kind]
    names = [document["metadata"]["name"] for document in found]
    assert len(names) == len(set(names)), f"{kind}: a name is there twice: {names}"
    return dict(zip(names, found))


def container(pod: dict, name: str) -> dict:
    return next(each for each in pod["spec"]["containers"] if each["name"] == name)


def pods(documents: list[dict]) -> list[tuple[str, dict, int]]:
    """Name, template and number of everything that makes pods."""
    return [(each["metadata"]["name"], each["spec"]["template"], each["spec"].get("replicas", 1)) for each in documents
            if each["kind"] in ("Deployment", "StatefulSet", "Job")]


UNITS = {"": 1, "m": 0.001, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "k": 10**3, "M": 10**6, "G": 10**9}


def quantity(text) -> float:
    number, unit = re.fullmatch(r"([0-9.]+)([A-Za-z]*)", str(text)).groups()
    return float(number) * UNITS[unit]


@functools.cache
def annotations() -> set[str]:
    """Every annotation that Dapr's injector knows; of any other it takes no notice."""
    source = (toolbox.dapr_chart().parents[1] / "pkg" / "injector" / "annotations" / "annotations.go").read_text()
    return set(re.findall(r'"(dapr\.io/[a-z0-9-]+)"', source))
