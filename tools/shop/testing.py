"""`./shop test`: builds everything, runs Meson's suites, and counts test cases, not executables."""

import os
import re
import subprocess
import xml.etree.ElementTree as xml
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from . import build, fuzz, packages, page, sanitizers, toolbox
from .console import Progress, fail
from .workspace import Workspace


@dataclass
class Count:
    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def __add__(self, other: "Count") -> "Count":
        return Count(self.passed + other.passed, self.failed + other.failed, self.skipped + other.skipped)

    def __str__(self) -> str:
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"


def run_suites(workspace: Workspace, suites: list[str] | None, sanitizer: str | None = None) -> int:
    if sanitizer:
        workspace = replace(workspace, build=sanitizers.build_folder(workspace.build, sanitizer))
    workspace.make()
    with Progress() as progress, ThreadPoolExecutor() as pool:
        # What only the deployment's tests need comes over the network, and is built, while the compiler has the processor.
        deploys = not sanitizer and (not suites or "deploy" in suites)
        beside = []
        if deploys:
            beside += [pool.submit(toolbox.ensure_venv, progress, toolbox.LINTERS, "linters"), pool.submit(toolbox.ensure_kubernetes, progress),
                       pool.submit(toolbox.ensure_helm, progress)]
        if not suites or "described" in suites:
            beside.append(pool.submit(toolbox.ensure_venv, progress, toolbox.SCHEMATHESIS, "Schemathesis"))
        if not sanitizer and (not suites or "browser" in suites):
            packages.install_system_packages(progress, packages.BROWSER)
        real = not suites or "system" in suites
        if real:
            packages.install_system_packages(progress, packages.STORES if sanitizer else packages.STORES + packages.PACKAGING)
        if not sanitizer and (not suites or "unit" in suites):
            packages.install_system_packages(progress, packages.CLANG + packages.DOCS)
        if not sanitizer:
            beside.append(pool.submit(page.build, workspace, progress))
        tools = toolbox.tools(progress)
        if deploys:
            # After the sidecar, with which it shares most packages.
            beside.append(pool.submit(toolbox.ensure_dapr_in_cluster, progress))
        stock = toolbox.ensure_stock_daprd(progress) if real else None
        build.build(workspace, progress, everything=True, options=sanitizers.OPTIONS.get(sanitizer, ()))
        if not sanitizer and (not suites or "fuzz" in suites):
            fuzz.make(workspace, progress, fuzz.targets())
        for each in beside:
            each.result()
    reports = workspace.build / "meson-logs"
    for old in [*_inner(reports), reports / "testlog.junit.xml"]:
        old.unlink(missing_ok=True)
    command = ["meson", "test", "-C", str(workspace.build), "--no-rebuild", "--print-errorlogs"]
    for suite in suites or []:
        command += ["--suite", suite]
    # The system suite builds nothing itself; it takes what was built here.
    environment = {**os.environ, **build.environment(), "SHOP_BUILD_DIR": str(workspace.build),
                   "DAPR_BIN": str(_dapr_programs(tools, workspace.build / "dapr-bin")), "DYNAMODB_LOCAL": str(tools.dynamodb)}
    if real:
        environment["DAPR_STOCK_BIN"] = str(_dapr_programs(replace(tools, daprd=stock), workspace.build / "dapr-stock-bin"))
    if sanitizer:
        environment |= sanitizers.environment(workspace.build, sanitizer)
        # They run several times slower. Fuzzing has sanitizers of its own, and the page is none of them.
        command += ["--timeout-multiplier", "5", "--no-suite", "fuzz", "--no-suite", "browser"]
    code = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL).returncode
    report = reports / "testlog.junit.xml"
    if not report.exists():
        fail("meson test left no report" + (f" for {', '.join(suites)}" if suites else ""))
        print(Count(failed=1))
        return code or 1
    total = count(_text(report), {path.stem.split("-", 1)[1]: _text(path) for path in _inner(reports)})
    if sanitizer and (found := sanitizers.reports(workspace.build)):
        sanitizers.show(found)
        total += Count(failed=len(found))
    print(f"\nReports: {reports}/testlog.txt, {report.name}")
    print(total)
    return code or (1 if total.failed else 0)


def _dapr_programs(tools: toolbox.Tools, folder: Path) -> Path:
    """All of Dapr's programs in one folder, wherever each was found."""
    folder.mkdir(exist_ok=True)
    for name, program in {"daprd": tools.daprd, **tools.control_plane}.items():
        (folder / name).unlink(missing_ok=True)
        (folder / name).symlink_to(program)
    return folder


def _inner(reports: Path) -> list[Path]:
    """The reports of runs that are one test to Meson, pytest-<test>.xml and node-<test>.xml."""
    return [*reports.glob("pytest-*.xml"), *reports.glob("node-*.xml")]


def _text(report: Path) -> str:
    return report.read_text(encoding="utf-8", errors="replace")


def count(report: str, of_runs: dict[str, str]) -> Count:
    """Meson's report has GoogleTest's cases one by one, but a run of pytest or Node as a single one: its own report takes that place."""
    total = Count()
    for case in _cases(report):
        name = case.get("name", "").rsplit(" / ", 1)[-1]
        one = _outcome(case)
        if name not in of_runs:
            total += one
            continue
        inside = sum((_outcome(each) for each in _cases(of_runs[name])), Count())
        # A run that failed as a whole, at its end perhaps, must not disappear behind cases that passed.
        total += inside + (one if one.failed and not inside.failed else Count())
    return total


def _cases(report: str) -> Iterator[xml.Element]:
    # Meson copies what a test printed into its report as it is, and no control character, of a terminal's colour say, may stand in XML.
    return xml.fromstring(re.sub(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "", report)).iter("testcase")


def _outcome(case: xml.Element) -> Count:
    if case.find("failure") is not None or case.find("error") is not None:
        return Count(failed=1)
    return Count(skipped=1) if case.find("skipped") is not None else Count(passed=1)
