"""What is about to be deployed: the three stacks with their imports worked out, the Dapr resources, and the facts they share."""

import copy
import functools
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))

from shop import facts, render  # noqa: E402
from shop.template import Template  # noqa: E402

FOLDER = ROOT / "deploy" / "aws"
# In the order of deployment: each may import what those before it export.
STACKS = ("network", "data-and-messaging", "cluster")
CLUSTER = "ecommerce-eks-cluster"
NAMESPACE = facts.load()["namespace"]


class Deployment:
    """A stack is worked out when it is first asked for: a test changes the documents of a copy, and then asks."""

    def __init__(self, documents: dict[str, dict], dapr: dict[str, list[dict]], known: dict, **given: str):
        self.documents, self.dapr, self.facts, self.given = documents, dapr, known, given

    @classmethod
    def read(cls) -> "Deployment":
        documents = {name: Template.read(FOLDER / f"{name}.yaml").document for name in STACKS}
        unchanged = {"components": {}}
        return cls(documents, {"components": render.components(unchanged), "subscriptions": render.subscriptions(unchanged)},
                   facts.load())

    def copy(self) -> "Deployment":
        return Deployment(copy.deepcopy(self.documents), copy.deepcopy(self.dapr), copy.deepcopy(self.facts))

    def asked(self, **given: str) -> "Deployment":
        """The same with other parameters."""
        return Deployment(self.documents, self.dapr, self.facts, **given)

    def stack(self, name: str) -> Template:
        return getattr(self, name.split("-")[0])

    @functools.cached_property
    def network(self) -> Template:
        return Template(self.documents["network"], given=self.given)

    @functools.cached_property
    def data(self) -> Template:
        return Template(self.documents["data-and-messaging"], imports=self.network.exports(), given=self.given)

    @functools.cached_property
    def cluster(self) -> Template:
        return Template(self.documents["cluster"], imports=self.network.exports() | self.data.exports(), given=self.given)

    # --- what the facts ask for

    @property
    def apps(self) -> list[str]:
        return list(self.facts["apps"])

    @property
    def topics(self) -> list[str]:
        return self.facts["topics"]

    def handled(self, app: str, topic: str) -> set[str]:
        return {kind for kind, event in self.facts["events"].items() if event["topic"] == topic and app in event["to"]}

    def subscribed(self, app: str) -> set[str]:
        return {event["topic"] for event in self.facts["events"].values() if app in event["to"]}

    def publishes(self, app: str) -> set[str]:
        return {event["topic"] for event in self.facts["events"].values() if event["from"] == app}

    def queues(self) -> dict[str, tuple[str, str]]:
        """Name → topic and subscriber."""
        return {self.facts["names"]["queue"].format(topic=topic, app=app): (topic, app)
                for app in self.apps for topic in self.subscribed(app)}

    @property
    def dead_letters(self) -> str:
        return self.facts["names"]["deadLetterQueue"]

    def table(self, app: str) -> str:
        return self.facts["names"]["table"].format(app=app)

    def arn(self, service: str, name: str) -> str:
        return f"arn:aws:{service}:{self.facts['region']}:{self.data.account}:{name}"
