"""`./shop fuzz`: builds the fuzz targets, gives each its seeds, lets each look for a while, and tells what was found."""

import os
import re
import subprocess
import sys
import textwrap
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from . import build, sanitizers
from .console import Progress, fail, paint
from .workspace import ROOT, ShopError, Workspace

SOURCES = ROOT / "tests" / "fuzz"
# Nearly all of the build's time goes into the instrumented code of templates, which each source makes anew: each library is
# compiled as one, not optimised, and with line numbers alone. A quarter of the time, and inputs run half as fast.
OPTIONS = ("-Dfuzz=true", "-Db_sanitize=address,undefined", "-Db_lundef=false", "-Doptimization=0", "-Ddebug=false",
           "-Dcpp_args=-gline-tables-only", "-Dunity=on", "-Dunity_size=100", "-Dwerror=false")
COMPILER = "ccache clang++-14"
# One input: a target that takes longer, or more, has found something too.
INPUT_SECONDS, INPUT_MEGABYTES, INPUT_BYTES = 20, 2048, 16_384


@dataclass(frozen=True)
class Outcome:
    target: str
    runs: int
    seconds: float
    edges: int
    log: Path
    finding: Path | None
    failed: bool


def targets() -> list[str]:
    return sorted(file.stem for file in SOURCES.glob("*.cpp") if "void fuzz::run(" in file.read_text())


def described() -> str:
    """Each target with the first sentence of its file, which says what bytes it is for."""
    lines = []
    for target in targets():
        comment = re.match(r"(?://.*\n)+", (SOURCES / f"{target}.cpp").read_text())
        sentence = re.split(r"[.:](?: |$)", " ".join(re.findall(r"// ?(.*)", comment.group())))[0]
        lines.append(textwrap.fill(sentence, 110, initial_indent=f"  {target:<11}", subsequent_indent=" " * 13))
    return "\n".join(lines)


def make(workspace: Workspace, progress: Progress, chosen: list[str]) -> Workspace:
    """Builds the targets; answers the workspace with the build folder in which they are."""
    workspace = replace(workspace, build=workspace.build.with_name(workspace.build.name + "-fuzz"))
    build.build(workspace, progress, targets=[f"tests/fuzz/fuzz-{target}" for target in chosen], options=OPTIONS, compiler=COMPILER)
    return workspace


def run(workspace: Workspace, wanted: list[str], seconds: int, seed: int | None, input: str | None) -> int:
    chosen = wanted or targets()
    if unknown := set(chosen) - set(targets()):
        raise ShopError(f"no such target: {', '.join(sorted(unknown))}. There are {', '.join(targets())}")
    if input and len(wanted) != 1:
        raise ShopError("--input is for one target: ./shop fuzz TARGET --input FILE")
    workspace.make()
    with Progress() as progress:
        workspace = make(workspace, progress, chosen)
    if input:
        return subprocess.run([_program(workspace, chosen[0]), input], env=_environment()).returncode
    dictionary = _seeds(workspace.build / "corpus", chosen)
    (workspace.build / "findings").mkdir(exist_ok=True)
    with Progress() as progress, progress.step(f"{', '.join(chosen)}: {seconds} s each"), ThreadPoolExecutor(os.cpu_count()) as pool:
        outcomes = list(pool.map(lambda target: _look(workspace, target, seconds, seed, dictionary), chosen))
    return _tell(outcomes)


def _program(workspace: Workspace, target: str) -> Path:
    return workspace.build / "tests" / "fuzz" / f"fuzz-{target}"


def _environment() -> dict[str, str]:
    return {**os.environ, "ASAN_OPTIONS": sanitizers.ADDRESS, "UBSAN_OPTIONS": sanitizers.UNDEFINED}


def _seeds(folder: Path, chosen: list[str]) -> Path:
    sys.path.insert(0, str(SOURCES))
    import seeds

    return seeds.write(folder, chosen)


def _look(workspace: Workspace, target: str, seconds: int, seed: int | None, dictionary: Path) -> Outcome:
    """What it learns goes into its corpus below the build folder, and is where the next run begins."""
    prefix, log = workspace.build / "findings" / f"{target}-", workspace.logs / f"fuzz-{target}.log"
    command = [_program(workspace, target), workspace.build / "corpus" / target]
    if (kept := SOURCES / "corpus" / target).is_dir():
        command.append(kept)
    command += [f"-max_total_time={seconds}", f"-timeout={INPUT_SECONDS}", f"-rss_limit_mb={INPUT_MEGABYTES}", f"-max_len={INPUT_BYTES}",
                f"-dict={dictionary}", f"-artifact_prefix={prefix}", "-print_final_stats=1"]
    if seed is not None:
        command.append(f"-seed={seed}")
    before, began = set(prefix.parent.iterdir()), time.monotonic()
    with open(log, "wb") as file:
        code = subprocess.run(command, stdout=file, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, env=_environment()).returncode
    text = log.read_text(errors="replace")
    found = [path for path in prefix.parent.iterdir() if path not in before and path.name.startswith(prefix.name)]
    runs = re.findall(r"(?:number_of_executed_units: |^#)(\d+)", text, re.MULTILINE)
    edges = re.findall(r"cov: (\d+)", text)
    return Outcome(target, int(runs[-1]) if runs else 0, time.monotonic() - began, int(edges[-1]) if edges else 0, log, found[0] if found else None, code != 0)


def _tell(outcomes: list[Outcome]) -> int:
    for one in outcomes:
        rate = f"{one.runs / one.seconds:,.0f}/s" if one.seconds else ""
        print(f"  {one.target:<10} {one.runs:>11,} runs {rate:>10} {one.edges:>7,} edges   {paint('FAILED', 'red') if one.failed else 'nothing found'}")
    bad = [one for one in outcomes if one.failed]
    for one in bad:
        fail(f"fuzz target {one.target}: see {one.log}")
        lines = one.log.read_text(errors="replace").splitlines()
        start = next((i for i, line in enumerate(lines) if re.search(r"property does not hold|ERROR: |runtime error:", line)), max(0, len(lines) - 20))
        print("\n".join("    " + line[:300] for line in lines[start:start + 25]), file=sys.stderr)
        if one.finding:
            print(f"  again:   ./shop fuzz {one.target} --input {one.finding}\n"
                  f"  keep it: cp {one.finding} tests/fuzz/corpus/{one.target}/what-it-was", file=sys.stderr)
    print(f"{len(outcomes)} fuzz targets, {sum(one.runs for one in outcomes):,} runs, {len(bad)} with findings")
    return 1 if bad else 0
