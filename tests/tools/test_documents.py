"""What the shop says of itself agrees with the facts, with the code and with itself: event schemas, AsyncAPI, OpenAPI."""

import json
import re
import sys
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))

from described import EVENTS, Exchange, Watch, documents, event_schemas, event_violations  # noqa: E402
from shop import facts  # noqa: E402

TYPES = sorted(facts.load()["events"])
ASYNC = json.loads((ROOT / "docs" / "asyncapi.json").read_text())


def envelope(kind: str, golden: dict) -> dict:
    """Of a golden file that has the data alone."""
    if "specversion" in golden:
        return golden
    aggregate = {"cart.checkout_completed": "Cart"}[kind]
    return {"specversion": "1.0", "id": f"{aggregate}/a/1/0", "source": facts.load()["events"][kind]["from"], "type": kind, "subject": "a",
            "time": "2026-01-01T00:00:00.000Z", "datacontenttype": "application/json", "data": golden}


# --- events


def test_every_event_has_a_schema_and_every_schema_an_event():
    assert sorted(event_schemas()) == TYPES
    for path in EVENTS.glob("*.json"):
        schema = json.loads(path.read_text())
        Draft202012Validator.check_schema(schema)
        assert schema["$id"] == path.name


@pytest.mark.parametrize("kind", TYPES)
def test_a_schema_says_type_and_publisher_as_the_facts_do(kind):
    properties = event_schemas()[kind].schema["properties"]
    assert properties["type"] == {"const": kind} and properties["source"] == {"const": facts.load()["events"][kind]["from"]}


@pytest.mark.parametrize("kind", TYPES)
def test_what_the_code_writes_is_as_the_schema_says(kind):
    golden = envelope(kind, json.loads((ROOT / "tests" / "golden" / kind.partition(".")[0] / f"{kind}.json").read_text()))
    assert not event_violations(golden)
    # Each required member is really asked for, and nothing else is let in.
    for name in event_schemas()[kind].schema["properties"]["data"]["required"]:
        assert event_violations(golden | {"data": {key: value for key, value in golden["data"].items() if key != name}}), name
    assert event_violations(golden | {"data": golden["data"] | {"colour": "red"}})


def test_the_code_has_the_events_of_the_facts():
    written = {}
    for header in (ROOT / "actors").glob("*/contract.hpp"):
        written |= dict(re.findall(r'EventType event_type\{"([^"]+)", "([^"]+)"\}', header.read_text()))
    assert written == {kind: event["topic"] for kind, event in facts.load()["events"].items()}


# --- AsyncAPI


def sent(topic: str, to: str | None = None) -> list[str]:
    return [kind for kind, event in facts.load()["events"].items() if event["topic"] == topic and (to is None or to in event["to"])]


def names(references: list[dict]) -> list[str]:
    return [each["$ref"].rpartition("/")[2] for each in references]


def test_the_channels_are_the_topics_the_queues_and_the_dead_letters():
    wanted = {topic: sent(topic) for topic in facts.load()["topics"]}
    wanted |= {facts.name("queue", topic=topic, app=app.id): sent(topic, app.id) for app in facts.apps() for topic in app.subscriptions()}
    wanted[facts.name("deadLetterQueue")] = [kind for kind, event in facts.load()["events"].items() if event["to"]]
    assert {channel["address"]: list(channel["messages"]) for channel in ASYNC["channels"].values()} == wanted
    assert all(name == channel["address"] for name, channel in ASYNC["channels"].items())


def test_the_operations_are_who_sends_and_who_receives_what():
    found = {(one["action"], names([one["channel"]])[0]): names(one["messages"]) for one in ASYNC["operations"].values()}
    wanted = {}
    for kind, event in facts.load()["events"].items():
        wanted.setdefault(("send", event["topic"], event["from"]), []).append(kind)
    senders = {(one["action"], names([one["channel"]])[0], name.partition(".")[0]): names(one["messages"])
               for name, one in ASYNC["operations"].items() if one["action"] == "send"}
    assert senders == wanted
    assert {queue: kinds for (action, queue), kinds in found.items() if action == "receive"} == {
        facts.name("queue", topic=topic, app=app.id): kinds for app in facts.apps() for topic, kinds in app.subscriptions().items()}


def test_every_message_is_a_schema_of_the_folder():
    assert ASYNC["asyncapi"].startswith("3.0")
    messages = ASYNC["components"]["messages"]
    assert sorted(messages) == TYPES
    for kind, message in messages.items():
        assert message["payload"]["schema"] == {"$ref": f"./events/{kind}.json"} and message["title"] == event_schemas()[kind].schema["title"]


@pytest.mark.parametrize("file", ["docs/asyncapi.json", *(f"services/{app.short}/openapi.json" for app in facts.apps())])
def test_every_reference_leads_somewhere(file):
    document = json.loads((ROOT / file).read_text())

    def follow(part):
        if isinstance(part, dict):
            reference = part.get("$ref", "")
            if reference.startswith("#/"):
                target = document
                for step in reference[2:].split("/"):
                    target = target[step.replace("~1", "/").replace("~0", "~")]
            elif reference:
                assert (ROOT / file).parent.joinpath(reference).is_file(), reference
            part = list(part.values())
        if isinstance(part, list):
            for each in part:
                follow(each)

    follow(document)


# --- OpenAPI


@pytest.mark.parametrize("service", sorted(documents()))
def test_every_operation_says_what_it_is_and_who_may(service):
    content = documents()[service].content
    operations = [one for item in content["paths"].values() for method, one in item.items() if method != "parameters"]
    assert len({one["operationId"] for one in operations}) == len(operations)
    assert all(one["summary"] and one["security"] and one["tags"] for one in operations)


def looked_at(*exchange, **more) -> list[str]:
    watch = Watch()
    watch.add(facts.apps(), "127.0.0.1:8080")
    for address in ("127.0.0.1:8080", "127.0.0.1:5003"):
        watch.look(address, Exchange(*exchange, **more))
    return watch.take()


def test_an_exchange_as_described_passes_and_any_other_is_named():
    demand = {"productId": "tea", "timesAdded": 1, "unitsAdded": 2, "ordersConfirmed": 0, "unitsSold": 0}
    problem = {"type": "about:blank", "title": "Not Found", "status": 404, "detail": "none", "instance": "/x"}
    good = json.dumps(demand).encode()
    assert not looked_at("GET", "/demand/tea", 200, "application/json", good)
    assert not looked_at("GET", "/demand/tea", 404, "application/problem+json", json.dumps(problem).encode())
    assert not looked_at("GET", "/orders?limit=3", 200, "application/json; charset=utf-8", b'{"items":[]}')
    for named, exchange in {
        "status 418": ("GET", "/demand/tea", 418, "application/json", good),
        "not described": ("GET", "/orders/tea/secrets", 200, "application/json", good),
        "with this method": ("DELETE", "/demand/tea", 200, "application/json", good),
        "text/html": ("GET", "/demand/tea", 200, "text/html", good),
        "at /timesAdded": ("GET", "/demand/tea", 200, "application/json", json.dumps(demand | {"timesAdded": "one"}).encode()),
        "no JSON": ("GET", "/demand/tea", 200, "application/json", b"{"),
        "application/json; described": ("GET", "/demand/tea", 404, "application/json", json.dumps(problem).encode()),
        "query parameter limit": ("GET", "/orders?limit=1000", 200, "application/json", b'{"items":[]}'),
    }.items():
        (found,) = set(looked_at(*exchange))
        assert named in found and exchange[0] in found and "Mend services/order/openapi.json" in found


ORDER = {"id": "o-1", "cartId": "c-1", "status": "created", "lines": [{"productId": "tea", "name": "Tea", "quantity": 1, "unitPrice": {"amount": 899, "currency": "EUR"}}],
         "total": {"amount": 899, "currency": "EUR"}, "history": [{"status": "created", "at": "2026-01-01T00:00:00.000Z"}], "version": 1}


def test_the_events_of_a_stream_are_held_to_what_they_show():
    look = lambda *blocks: looked_at("GET", "/orders/o-1/events", 200, "text/event-stream", "".join(blocks).encode())  # noqa: E731
    event = lambda order, kind="order": f"id: 1\nevent: {kind}\ndata: {json.dumps(order)}\n\n"  # noqa: E731
    assert not look("retry: 1000\n", event(ORDER), ":\n\n", event(ORDER))
    assert not look("retry: 1000\n:\n\n", event(ORDER).replace("\n", "\r\n"), "data: {")
    for named, blocks in {
        "event order 1 at /status": [event(ORDER), event(ORDER | {"status": "lost"})],
        "'total' is a required property": [event({name: value for name, value in ORDER.items() if name != "total"})],
        "an event refund; described: order": [event(ORDER, "refund")],
        "event order 1 is no JSON": ["id: 1\nevent: order\ndata: {\n\n"],
        "an event message": [f"data: {json.dumps(ORDER)}\r\n\r\n"],
    }.items():
        (found,) = set(look(*blocks))
        assert named in found


def test_a_query_that_no_document_names_is_told_of_where_it_was_answered():
    (found,) = set(looked_at("GET", "/orders?limit=3&colour=red", 200, "application/json", b'{"items":[]}'))
    assert "query parameter colour" in found
    problem = {"type": "about:blank", "title": "Not Found", "status": 404, "detail": "none", "instance": "/x"}
    assert not looked_at("GET", "/demand/tea?colour=red", 404, "application/problem+json", json.dumps(problem).encode())


def test_the_currencies_are_those_of_the_code():
    code = re.findall(r'"([A-Z]{3})"', (ROOT / "actors" / "shared" / "currency.cpp").read_text())
    described = documents()["product"].content["components"]["schemas"]["Money"]["properties"]["currency"]["pattern"]
    assert described == f"^(?:{'|'.join(code)})$"
