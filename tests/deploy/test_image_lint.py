"""hadolint, checkov, shellcheck and actionlint find nothing in what makes the images and in the workflows."""

import json
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from deployment import ROOT
from images import CONTAINER, FILE
from test_lint import linter, run

from shop import toolbox
from shop.console import Progress

SCRIPTS = (FILE.with_name("build"), FILE.with_name("unpack"), CONTAINER, ROOT / ".ci" / "run", ROOT / "shop", ROOT / "tools" / "dapr" / "build")
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yaml"))


def hadolint(file: Path) -> set[str]:
    return {each["code"] for each in json.loads(run("hadolint", "--format", "json", "--failure-threshold", "style", file).stdout)}


def checkov(folder: Path) -> dict[str, set[str]]:
    """What failed by kind of file, of those that had anything to be looked at."""
    answer = run("checkov", "--framework", "dockerfile", "github_actions", "--skip-download", "--quiet", "-o", "json", "-d", folder)
    reports = json.loads(answer.stdout)
    return {each["check_type"]: {check["check_id"] for check in each["results"]["failed_checks"]}
            for each in (reports if isinstance(reports, list) else [reports]) if each["summary"]["passed"]}


def shellcheck(*files: Path) -> list[str]:
    return [f"{Path(each['file']).name}:{each['line']} {each['message']}" for each in json.loads(run("shellcheck", "--format", "json", *files).stdout)]


def actionlint(*files: Path) -> list[str]:
    command = [toolbox.ensure_actionlint(Progress(quiet=True)), "-shellcheck", linter("shellcheck"), "-pyflakes", "", "-format", "{{json .}}", *files]
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    return [f"{each['filepath']}:{each['line']} {each['message']}" for each in json.loads(answer.stdout)]


@pytest.fixture(scope="module")
def ours(tmp_path_factory) -> Path:
    """The files alone: checkov reads a folder with all that lies in it."""
    folder = tmp_path_factory.mktemp("ours")
    (folder / "Dockerfile").write_text(FILE.read_text())
    (folder / ".github" / "workflows").mkdir(parents=True)
    for file in WORKFLOWS:
        (folder / ".github" / "workflows" / file.name).write_text(file.read_text())
    return folder


@pytest.fixture(scope="module")
def planted(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("planted")
    (folder / "Dockerfile").write_text(FILE.read_text().replace(" && rm -rf /var/lib/apt/lists/*", "", 1).replace("USER 10001:10001", "USER root")
                                       .replace("--no-install-recommends patch", "patch").replace("RUN mkdir /out", "RUN sudo mkdir /out"))
    (folder / ".github" / "workflows").mkdir(parents=True)
    for file in WORKFLOWS:
        text = file.read_text().replace("runs-on: ubuntu-24.04", "runs-on: ubuntu-2404").replace('"${GITHUB_SHA::12}"', "$GITHUB_HEAD_REF")
        (folder / ".github" / "workflows" / file.name).write_text(text.replace("\npermissions:\n  contents: read", "\npermissions: write-all"))
    (folder / "script").write_text("#!/bin/sh\nrm -rf $1/*\n")
    return folder


@pytest.fixture(scope="module")
def looked(ours, planted):
    """Both at once: most of what checkov takes is to start."""
    with ThreadPoolExecutor(2) as pool:
        return dict(zip((ours, planted), pool.map(checkov, (ours, planted))))


def test_the_linters_find_nothing(ours, looked):
    assert hadolint(FILE) == set()
    assert looked[ours] == {"dockerfile": set(), "github_actions": set()}
    assert shellcheck(*SCRIPTS) == []
    assert actionlint(*WORKFLOWS) == []


def test_they_find_what_was_planted(planted, looked):
    # Root, packages nobody asked for, lists that stay, sudo.
    assert {"DL3002", "DL3015", "DL3009", "DL3004"} <= hadolint(planted / "Dockerfile")
    assert {"CKV_DOCKER_8"} <= looked[planted]["dockerfile"] and {"CKV2_GHA_1"} <= looked[planted]["github_actions"]
    assert any("Double quote" in each for each in shellcheck(planted / "script"))
    said = "\n".join(actionlint(*sorted((planted / ".github" / "workflows").glob("*.yaml"))))
    assert 'label "ubuntu-2404" is unknown' in said and "SC2086" in said, said
