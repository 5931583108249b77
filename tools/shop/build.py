"""Builds the C++ with Meson and Ninja, quietly unless it fails."""

import os
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

from . import facts
from .console import Progress
from .toolbox import run
from .workspace import ROOT, ShopError, Workspace


def environment() -> dict[str, str]:
    """ccache, told that checkouts at different paths are the same, and that the precompiled header's times do not matter."""
    return {"CCACHE_BASEDIR": str(ROOT), "CCACHE_NOHASHDIR": "1",
            "CCACHE_SLOPPINESS": "pch_defines,time_macros,include_file_mtime,include_file_ctime"}


def service_binaries(workspace: Workspace) -> dict[str, Path]:
    return {app.id: workspace.build / app.binary for app in facts.apps()}


def configure(workspace: Workspace, progress: Progress, options: Sequence[str] = (), compiler: str | None = None) -> None:
    if (workspace.build / "build.ninja").exists():
        return
    with progress.step("meson setup") as step:
        workspace.build.parent.mkdir(parents=True, exist_ok=True)
        chosen = {"CXX": compiler} if compiler else {}
        run(["meson", "setup", str(workspace.build), str(ROOT), *options], step, workspace.logs / "build.log", env=environment() | chosen)


def build(workspace: Workspace, progress: Progress, everything: bool = False, *, targets: Sequence[str] = (),
          options: Sequence[str] = (), compiler: str | None = None) -> None:
    """The four services, or with `everything` the tests as well, or just `targets`. Nothing to do costs a fraction of a
    second. `options` (Meson's) and `compiler` are for a build folder that is made now."""
    configure(workspace, progress, options, compiler)
    wanted = [] if everything else list(targets) or [app.binary for app in facts.apps()]
    if _up_to_date(workspace, wanted):
        return
    with progress.step("C++ " + ("services and tests" if everything else "fuzz targets" if targets else "services")) as step:
        run(["ninja", "-C", str(workspace.build), *wanted], step, workspace.logs / "build.log", env=environment(),
            pattern=r"^\[\d+/\d+\]")


def _up_to_date(workspace: Workspace, targets: list[str]) -> bool:
    dry = subprocess.run(["ninja", "-C", str(workspace.build), "-n", *targets], capture_output=True, text=True)
    return dry.returncode == 0 and re.search(r"no work to do", dry.stdout) is not None


def require_binaries(workspace: Workspace) -> None:
    absent = [str(path) for path in service_binaries(workspace).values() if not os.access(path, os.X_OK)]
    if absent:
        raise ShopError("not built yet: " + ", ".join(absent))
