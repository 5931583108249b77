"""cfn-lint and checkov find nothing in the templates, nor checkov in the manifests; what they are told to overlook is written where it is, with the reason."""

import copy
import json
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import yaml
from deployment import FOLDER, STACKS

from shop import toolbox


def linter(name: str) -> Path:
    folder = toolbox.venv_folder(toolbox.LINTERS)
    if not (folder / ".complete").exists():
        pytest.skip("the linters are not installed; ./shop test --suite deploy installs them")
    return folder / "bin" / name


def run(name: str, *arguments: str | Path) -> subprocess.CompletedProcess:
    # Nothing is fetched: both carry their rules with them.
    environment = {**os.environ, "AWS_DEFAULT_REGION": "us-west-2", "LOG_LEVEL": "ERROR"}
    return subprocess.run([linter(name), *arguments], capture_output=True, text=True, timeout=600, env=environment)


def cfn_lint(folders: tuple[Path, ...]) -> list[tuple[Path, str]]:
    """File and finding."""
    templates = [file for folder in folders for name in STACKS for file in folder.glob(f"{name}.*")]
    answer = run("cfn-lint", "--format", "json", "--regions", "us-west-2", "--", *templates)
    return [(Path(each["Filename"]).parent, f"{each['Rule']['Id']} {each['Message']}") for each in json.loads(answer.stdout)]


def checkov(folder: Path, framework: str = "cloudformation") -> tuple[set[tuple[str, str]], dict]:
    """What failed, as check and resource; and the summary. One folder at a time: of several it reads only some."""
    answer = run("checkov", "--framework", framework, "--skip-download", "--quiet", "-o", "json", "-d", folder)
    report = json.loads(answer.stdout)
    return {(each["check_id"], each["resource"].split(".")[-1]) for each in report["results"]["failed_checks"]}, report["summary"]


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
def manifests(tmp_path_factory, rollout) -> Path:
    """The chart as it is rendered; and a service beside it that shares its node's processes."""
    folder = tmp_path_factory.mktemp("manifests")
    other = copy.deepcopy(rollout.one("Deployment", "cart-service"))
    other["metadata"]["name"] = "planted"
    other["spec"]["template"]["spec"]["hostPID"] = True
    (folder / "manifests.yaml").write_text(yaml.safe_dump_all([*rollout.ways["zones"], other]))
    return folder


@pytest.fixture(scope="module")
def answers(planted, manifests):
    """All at once: most of what they take is to start."""
    with ThreadPoolExecutor(4) as pool:
        jobs = [pool.submit(cfn_lint, (FOLDER, planted)), pool.submit(checkov, FOLDER), pool.submit(checkov, planted),
                pool.submit(checkov, manifests, "kubernetes")]
        return [job.result() for job in jobs]


def test_the_linters_find_nothing(answers):
    read, (failed, summary), *_ = answers
    assert [finding for folder, finding in read if folder == FOLDER] == []
    assert failed == set() and summary["parsing_errors"] == 0 and summary["passed"] > 100


def test_cfn_lint_finds_what_was_planted(answers, planted):
    said = "\n".join(finding for folder, finding in answers[0] if folder == planted)
    for mistake in ("TopicNaem", "'getitems' is not one of", "10.1.1.0/24"):
        assert mistake in said, said


def test_checkov_finds_what_was_planted(answers):
    assert answers[2][0] == {("CKV_AWS_28", "CartServiceTable")}


def test_checkov_finds_in_the_manifests_what_was_planted_and_nothing_else(answers):
    failed, summary = answers[3]
    assert failed == {("CKV_K8S_17", "planted")} and summary["parsing_errors"] == 0 and summary["passed"] > 300
