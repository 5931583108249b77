"""A platform whose services can be told to die at a point: the same parts, with the services' test executables in their place."""

import os
import sys
import time
from dataclasses import replace
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tools"), str(ROOT / "tests" / "system")]

from shop import facts, stack  # noqa: E402
from shop.workspace import Workspace, build_folder  # noqa: E402

import stack as system  # noqa: E402

# The actors' time passes this many times as fast: a look at unfinished business after 30 s comes after 1.5 s.
SPEED = 20


class CrashStack(stack.Stack):
    def parts(self, tools):
        return [self._with_points(part) if part.kind == "service" else part for part in super().parts(tools)]

    def _with_points(self, part):
        app = next(app for app in facts.apps() if app.id == part.name)
        folder = self.workspace.state / "points" / app.id
        folder.mkdir(parents=True, exist_ok=True)
        environment = part.environment | {"CRASH_FOLDER": str(folder), "CRASH_SPEED": str(SPEED), "CRASH_EPOCH": str(self.epoch)}
        return replace(part, command=[str(self.workspace.build / "tests" / "crash" / f"crash-{app.short}")], environment=environment)

    epoch = int(time.time() * 1000)


class CrashPlatform(system.Platform):
    """`arm` a point, drive the scenario, see that it `fired`."""

    def __init__(self, broker: str):
        super().__init__(broker)
        self.stack = CrashStack(Workspace(build_folder() / "crash" / broker, build_folder()))

    def start(self) -> None:
        for file in (self.stack.workspace.state / "points").glob("*/*"):
            file.unlink()
        super().start()
        self.folders = {app.id: self.stack.workspace.state / "points" / app.id for app in self.apps.values()}

    def effects(self, app: str, since: int = 0) -> list[tuple[str, str]]:
        """(effect, whom it concerns), in the order they took place, from a position on that `position` gave."""
        file = self.folders[app] / "effects"
        if not file.exists():
            return []
        with open(file, "rb") as lines:
            lines.seek(since)
            return [tuple(line.split("\t", 1)) for line in lines.read().decode().splitlines()]

    def position(self, app: str) -> int:
        file = self.folders[app] / "effects"
        return file.stat().st_size if file.exists() else 0

    def arm(self, app: str, moment: str, number: int, effect: str) -> None:
        new = self.folders[app] / "new"
        (self.folders[app] / "fired").unlink(missing_ok=True)
        new.write_text(f"{moment}\t{number}\t{effect}")
        os.replace(new, self.folders[app] / "armed")

    def disarm(self) -> None:
        for folder in self.folders.values():
            (folder / "armed").unlink(missing_ok=True)

    def fired(self, app: str) -> bool:
        return (self.folders[app] / "fired").exists()
