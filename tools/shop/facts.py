"""The platform's facts: dapr-config/platform.json, read once, with the ports of this platform worked out."""

import functools
import json
import os
from dataclasses import dataclass
from pathlib import Path

FILE = Path(os.environ.get("SHOP_ROOT") or Path(__file__).resolve().parents[2]) / "dapr-config" / "platform.json"


@functools.cache
def load() -> dict:
    return json.loads(FILE.read_text())


@dataclass(frozen=True)
class App:
    """One replica of a service: its names and every port of it and of its sidecar, on this platform."""

    id: str
    short: str
    binary: str
    paths: tuple[str, ...]
    actors: tuple[str, ...]
    ports: dict[str, int]
    replica: int = 0

    @property
    def part(self) -> str:
        """The process: cart-service, cart-service-2, …"""
        return f"{self.id}-{self.replica + 1}" if self.replica else self.id

    @property
    def sidecar(self) -> str:
        return f"{self.part}-sidecar"

    def subscriptions(self) -> dict[str, list[str]]:
        """Topic → the event types of it that this app handles."""
        topics: dict[str, list[str]] = {}
        for kind, event in load()["events"].items():
            if self.id in event["to"]:
                topics.setdefault(event["topic"], []).append(kind)
        return topics


@dataclass(frozen=True)
class Ports:
    """All ports of one platform: the file's, moved by one offset, so that two platforms can run side by side."""

    offset: int = 0

    def __getitem__(self, name: str) -> int:
        return load()["ports"][name] + self.offset

    def all(self, replicas: int | None = None) -> list[int]:
        """Those of as many replicas; unless told otherwise, of as many as there can be."""
        found = apps(self.offset, replicas or most_replicas())
        own = [port for app in found for name, port in app.ports.items() if name != "door" or app.replica == 0]
        return [port + self.offset for port in load()["ports"].values()] + own


def most_replicas() -> int:
    return load()["replicas"]["most"]


def apps(offset: int = 0, replicas: int = 1) -> list[App]:
    """Every replica of every service. The door is one for all of them; every other port of a further replica lies a
    fixed step above the first one's."""
    step = load()["replicas"]["portStep"]
    return [
        App(name, a["short"], a["binary"], tuple(a["paths"]), tuple(a["actors"]),
            {port: number + offset + (0 if port == "door" else replica * step) for port, number in a["ports"].items()}, replica)
        for name, a in load()["apps"].items() for replica in range(replicas)
    ]


def host() -> str:
    return load()["host"]


def name(kind: str, **parts: str) -> str:
    """A name built as the file says: name("queue", topic="order-events", app="order-service")."""
    return load()["names"][kind].format(**parts)
