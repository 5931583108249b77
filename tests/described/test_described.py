"""Schemathesis makes requests out of each service's openapi.json, right ones and wrong ones, and finds nothing in the answers.

Not its phase `examples`: the media types that extensions.py makes take no examples but its own, which are the documents'.

    ./shop python -m pytest tests/described -q -p no:cacheprovider
    ./shop python -m pytest tests/described -q -p no:cacheprovider --seed 1 --seed 2 --examples 100 --phases fuzzing,stateful -k "order and guest"
"""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
from conftest import CUSTOMER, ROLES

from shop import toolbox
from shop.console import Progress

HERE = Path(__file__).resolve().parent
SERVICES = HERE.parents[1] / "services"


@pytest.fixture(scope="session")
def schemathesis() -> Path:
    return toolbox.ensure_venv(Progress(quiet=True), toolbox.SCHEMATHESIS) / "bin" / "schemathesis"


def dictionaries(service: str, known) -> dict[str, list]:
    """Values for parameters and members that are tried now and then, since what is drawn at random is never there."""
    ids = {"product": known.products, "cart": known.carts, "order": known.orders, "payment": known.payments}[service]
    return {
        "path.id": ids, "path.productId": known.products, "body.productId": known.products, "query.orderId": known.orders,
        "query.customerId": [CUSTOMER], "query.q": ["tea", "té cup", "%_*\""], "query.category": ["Tea"],
        "query.cursor": known.cursors.get(service, ["none"]), "header.Idempotency-Key": ["k-1", "k-2"],
        "body.paymentMethod.token": ["tok_approve", "tok_decline", "tok_insufficient_funds", "tok_flaky"], "body.into": known.carts,
    }


def configuration(service: str, role: str, platform, known) -> str:
    """As TOML, whose strings and lists are JSON's."""
    found = dictionaries(service, known)
    text = f"hooks = {json.dumps(str(HERE / 'extensions.py'))}\nbase-url = {json.dumps(platform.endpoints[service])}\nrequest-timeout = 30\n"
    text += "suppress-health-check = [\"all\"]\ncontinue-on-failure = true\n[cache]\nenabled = false\n[generation]\ndatabase = \"none\"\n"
    # Requests are printed so that they can be repeated; the token is good for this platform alone.
    text += "[output.sanitization]\nenabled = false\n"
    if role != "guest":
        token = platform.token(role, CUSTOMER if role == "customer" else "root")
        text += f"[headers]\nAuthorization = {json.dumps(f'Bearer {token}')}\n"
    for name, values in found.items():
        text += f"[dictionaries.{json.dumps(name)}]\nvalues = {json.dumps(values, ensure_ascii=False)}\n"
    text += "[parameters]\n" + "".join(f"{json.dumps(name)} = {{ dictionary = {json.dumps(name)}, probability = 0.4 }}\n" for name in found)
    if service == "order":
        # A stream of an order that is not finished has no end of its own: the first event, or none for so many seconds.
        text += "[[operations]]\ninclude-path = \"/orders/{id}/events\"\nmax-stream-events = 1\nrequest-timeout = 2\n"
    return text


@dataclass(frozen=True)
class Run:
    report: dict
    said: str


@pytest.fixture
def look(platform, known, schemathesis, tmp_path, request):
    """Has Schemathesis look at a service as one role, by the service's document or another one."""

    def run(service: str, role: str, seed: int, document: Path | None = None, *more: str) -> Run:
        (tmp_path / "schemathesis.toml").write_text(configuration(service, role, platform, known))
        command = [schemathesis, "--config-file", "schemathesis.toml", "run", document or SERVICES / service / "openapi.json", "--checks", "all",
                   "--mode", "all", "--seed", str(seed), "--max-examples", str(request.config.getoption("examples")), "--phases",
                   request.config.getoption("phases"), "--no-color",
                   "--report", "json", "--report-json-path", "report.json", *more]
        answer = subprocess.run(command, cwd=tmp_path, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                errors="replace")
        assert (tmp_path / "report.json").exists(), answer.stdout
        return Run(json.loads((tmp_path / "report.json").read_text()), answer.stdout)

    return run


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("service", ["product", "cart", "order", "payment"])
def test_answers_are_as_described(service, role, seed, look):
    run = look(service, role, seed)
    print(f"{service}, {role}, seed {seed}: {run.report['test_cases']['generated']} requests in {run.report['running_time']:.1f} s, "
          f"{run.report['filtered']} refusals that no schema foresees")
    assert run.report["exit_code"] == 0, run.said
    operations = run.report["operations"]
    assert run.report["complete"] and operations["tested"] == operations["total"] > 0, run.said


def test_a_document_that_is_not_true_is_found_out(look, tmp_path):
    document = json.loads((SERVICES / "product" / "openapi.json").read_text())
    products, categories = (document["paths"][path]["get"] for path in ("/products", "/categories"))
    document["components"]["schemas"]["CategoryList"]["required"].append("colour")
    categories["responses"]["200"]["headers"] = {"X-Colour": {"required": True, "schema": {"type": "string"}}}
    categories["parameters"] = [{"name": "size", "in": "query", "required": True, "schema": {"type": "integer"}}]
    del products["responses"]["400"]
    next(each for each in products["parameters"] if each["name"] == "limit")["schema"]["maximum"] = 1000
    (tmp_path / "untrue.json").write_text(json.dumps(document))
    run = look("product", "guest", 1, tmp_path / "untrue.json", "--include-path-regex", "^/(categories|products)$", "--include-method", "GET")
    found = {each["type"] for each in run.report["failures"]}
    assert found >= {"JsonSchemaError", "MissingHeaders", "AcceptedNegativeData", "UndefinedStatusCode", "RejectedPositiveData"}, run.said
