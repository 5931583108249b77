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
    """One service: its names and every port of it and of its sidecar, on this platform."""

    id: str
    short: str
    binary: str
    paths: tuple[str, ...]
    actors: tuple[str, ...]
    ports: dict[str, int]

    @property
    def sidecar(self) -> str:
        return f"{self.id}-sidecar"

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

    def all(self) -> list[int]:
        mine = list(load()["ports"].values()) + [p for a in load()["apps"].values() for p in a["ports"].values()]
        return [port + self.offset for port in mine]


def apps(offset: int = 0) -> list[App]:
    return [
        App(name, a["short"], a["binary"], tuple(a["paths"]), tuple(a["actors"]),
            {port: number + offset for port, number in a["ports"].items()})
        for name, a in load()["apps"].items()
    ]


def host() -> str:
    return load()["host"]


def name(kind: str, **parts: str) -> str:
    """A name built as the file says: name("queue", topic="order-events", app="order-service")."""
    return load()["names"][kind].format(**parts)
