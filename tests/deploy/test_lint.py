"""cfn-lint and checkov find nothing in the templates; what they are told to overlook is written where it is, with the reason."""

import copy
import json
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from deployment import FOLDER, STACKS

from shop import toolbox

TEMPLATES = [FOLDER / f"{name}.yaml" for name in STACKS]


def linter(name: str) -> Path:
    folder = toolbox.venv_folder(toolbox.LINTERS)
    if not (folder / ".complete").exists():
        pytest.skip("the linters are not installed; ./shop test --suite deploy installs them")
    return folder / "bin" / name


def run(name: str, *arguments: str | Path) -> subprocess.CompletedProcess:
    # Nothing is fetched: both carry their rules with them.
    environment = {**os.environ, "AWS_DEFAULT_REGION": "us-west-2", "LOG_LEVEL": "ERROR"}
    return subprocess.run([linter(name), *arguments], capture_output=True, text=True, timeout=300, env=environment)


def cfn_lint(*templates: Path) -> subprocess.CompletedProcess:
    return run("cfn-lint", "--regions", "us-west-2", "--", *templates)


def checkov(folder: Path) -> tuple[set[tuple[str, str]], dict]:
    """What failed, as check and resource; and the summary."""
    answer = run("checkov", "--framework", "cloudformation", "--skip-download", "--quiet", "-d", folder, "-o", "json")
    report = json.loads(answer.stdout)
    failed = {(each["check_id"], each["resource"].split(".")[-1]) for each in report["results"]["failed_checks"]}
    return failed, report["summary"]


@pytest.fixture(scope="module")
def planted(tmp_path_factory, deployment) -> Path:
    """A copy with mistakes that only those who know every resource type can see."""
    folder = tmp_path_factory.mktemp("planted")
    documents = copy.deepcopy(deployment.documents)
    data = documents["data-and-messaging"]["Resources"]
    del data["CartServiceTable"]["Properties"]["PointInTimeRecoverySpecification"]
    data["OrderEventsTopic"]["Properties"]["TopicNaem"] = data["OrderEventsTopic"]["Properties"].pop("TopicName")
    statement = documents["cluster"]["Resources"]["CartServiceRole"]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"][0]
    statement["Action"] = ["dynamodb:GetItems"]
    documents["network"]["Resources"]["PublicSubnetA"]["Properties"]["CidrBlock"] = "10.1.1.0/24"
    for name, document in documents.items():
        (folder / f"{name}.json").write_text(json.dumps(document))
    return folder


@pytest.fixture(scope="module")
def answers(planted):
    """Both linters on both folders; they take seconds each, most of it to start."""
    with ThreadPoolExecutor(2) as pool:
        jobs = {"cfn-lint": pool.submit(cfn_lint, *TEMPLATES), "checkov": pool.submit(checkov, FOLDER),
                "cfn-lint planted": pool.submit(cfn_lint, *sorted(planted.glob("*.json"))), "checkov planted": pool.submit(checkov, planted)}
        return {name: job.result() for name, job in jobs.items()}


def test_cfn_lint_finds_nothing(answers):
    assert (answers["cfn-lint"].returncode, answers["cfn-lint"].stdout) == (0, "")


def test_checkov_finds_nothing(answers):
    failed, summary = answers["checkov"]
    assert failed == set() and summary["parsing_errors"] == 0 and summary["passed"] > 100


def test_cfn_lint_finds_what_was_planted(answers):
    said = answers["cfn-lint planted"].stdout
    assert answers["cfn-lint planted"].returncode != 0
    for mistake in ("TopicNaem", "'getitems' is not one of", "10.1.1.0/24"):
        assert mistake in said, said


def test_checkov_finds_what_was_planted(answers):
    failed, _ = answers["checkov planted"]
    assert ("CKV_AWS_28", "CartServiceTable") in failed
