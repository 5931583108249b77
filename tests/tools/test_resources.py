"""dapr-config/ against its fact file: the components, scopes and routes are what the event table says, with either broker."""

import sqlite3
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
from shop import facts, render
from shop.workspace import CONFIG, Workspace

BROKERS = ("aws", "redis")
FACTS = facts.load()


@pytest.fixture(params=BROKERS)
def change(request):
    return render.overlay(Workspace(Path("/state"), Path("/build")), request.param)


def metadata(component: dict) -> dict:
    return {item["name"]: item["value"] for item in component["spec"]["metadata"]}


def by_name(resources: list[dict]) -> dict[str, dict]:
    return {resource["metadata"]["name"]: resource for resource in resources}


def listeners(topic: str) -> set[str]:
    return {app for event in FACTS["events"].values() if event["topic"] == topic for app in event["to"]}


def test_there_is_one_queue_component_per_topic_scoped_to_its_subscribers(change):
    components = by_name(render.components(change))
    for topic in FACTS["topics"]:
        queue = components[f"{topic}-queue"]
        assert set(queue["scopes"]) == listeners(topic)
        assert metadata(queue)["consumerID"] == f"{topic}-queue-{{appID}}"


def test_an_app_publishes_on_the_topics_of_its_own_events(change):
    allowed = {}
    for entry in metadata(by_name(render.components(change))["pubsub"])["publishingScopes"].split(";"):
        app, topics = entry.split("=")
        allowed[app] = set(topics.split(","))
    wanted = {}
    for event in FACTS["events"].values():
        wanted.setdefault(event["from"], set()).add(event["topic"])
    assert allowed == wanted


def test_every_row_of_the_event_table_has_its_route_and_nothing_else_has_one(change):
    routes = set()
    for subscription in render.subscriptions(change):
        spec, (app,) = subscription["spec"], subscription["scopes"]
        assert spec["pubsubname"] == f"{spec['topic']}-queue"
        assert spec["routes"]["default"] == "/events/unknown"
        for rule in spec["routes"]["rules"]:
            kind = rule["path"].removeprefix("/events/")
            assert rule["match"] == f'event.type == "{kind}"'
            assert FACTS["events"][kind]["topic"] == spec["topic"]
            routes.add((kind, app))
    assert routes == {(kind, app) for kind, event in FACTS["events"].items() for app in event["to"]}


def test_a_good_message_outlasts_a_restart_and_a_poison_one_does_not_stay_for_long():
    delivery = FACTS["delivery"]
    for topic in FACTS["topics"]:
        queue = metadata(by_name(render.components({"components": {}}))[f"{topic}-queue"])
        assert int(queue["messageVisibilityTimeout"]) == delivery["visibilitySeconds"]
        assert int(queue["messageReceiveLimit"]) == delivery["receives"]
        # Otherwise the sidecar deletes the message before the queue can set it aside.
        assert int(queue["messageRetryLimit"]) > delivery["receives"]
        assert queue["sqsDeadLettersQueueName"] == FACTS["names"]["deadLetterQueue"]
    assert 20 <= delivery["visibilitySeconds"] * delivery["receives"] <= 60


def test_the_overlay_for_aws_changes_endpoints_and_credentials_alone():
    change = render.overlay(Workspace(Path("/state"), Path("/build")), "aws")
    assert change.keys() == {"components", "configuration"}
    for component in change["components"].values():
        assert component.keys() == {"metadata"}
        assert component["metadata"].keys() <= {"endpoint", "accessKey", "secretKey", "accountID"}
    assert change["configuration"].keys() == {"nameResolution"}


def test_the_deployed_components_carry_no_endpoint_and_no_credentials():
    for component in render.components({"components": {}}):
        assert not {"endpoint", "accessKey", "secretKey"} & metadata(component).keys()


def test_redis_sets_failed_messages_aside_itself_and_in_time():
    change = render.overlay(Workspace(Path("/state"), Path("/build")), "redis")
    assert all(s["spec"]["deadLetterTopic"] == FACTS["names"]["deadLetterQueue"] for s in render.subscriptions(change))
    retry = change["resiliency"]["policies"]["retries"]["redeliver"]
    total = retry["maxRetries"] * float(retry["duration"].removesuffix("ms")) / 1000
    queue = metadata(by_name(render.components(change))["order-events-queue"])
    held = float(queue["processingTimeout"].removesuffix("s"))
    # 4.5 s: three failed health probes and the last one's timeout, after which the subscription is paused.
    assert 4.5 < total < held
    # A hundred at a time, so that what an outage left is taken up faster than shoppers make more. The component reads a number of
    # milliseconds; anything else it passes over in silence.
    assert int(queue["redeliverInterval"]) <= 1000


def test_access_control_denies_everything_but_internal_calls_by_those_who_make_them(change):
    configurations = render.configurations(change, None)
    assert configurations.keys() == FACTS["apps"].keys()
    for app, configuration in configurations.items():
        control = configuration["spec"]["accessControl"]
        assert control["defaultAction"] == "deny" and control["trustDomain"] == FACTS["trustDomain"]
        policies = control.get("policies", [])
        callers = FACTS["internalCalls"].get(app, {})
        assert {p["appId"] for p in policies} == callers.keys()
        for policy in policies:
            assert policy["defaultAction"] == "deny"
            (operation,) = policy["operations"]
            assert operation == {"name": "/internal/**", "httpVerb": callers[policy["appId"]], "action": "allow"}


def test_actors_may_keep_keys_that_expire(change):
    for configuration in render.configurations(change, None).values():
        assert {"name": "ActorStateTTL", "enabled": True} in configuration["spec"]["features"]


def test_resiliency_targets_are_known_and_none_is_an_actor():
    (resiliency,) = render.documents(CONFIG / "resiliency.yaml")
    targets, policies = resiliency["spec"]["targets"], resiliency["spec"]["policies"]
    # It would take the place of the runtime's own policy for actors, and repeat their refusals.
    assert "actors" not in targets
    known = set(by_name(render.components({"components": {}})))
    assert set(targets["components"]) <= known and set(targets["apps"]) <= FACTS["apps"].keys()
    # A dangling policy name is one log line to Dapr, and no policy.
    plural = {"timeout": "timeouts", "retry": "retries", "circuitBreaker": "circuitBreakers"}
    used = [*targets["apps"].values(), *(way for component in targets["components"].values() for way in component.values())]
    for target in used:
        for kind, name in target.items():
            assert name in policies[plural[kind]], (kind, name)


def test_each_limit_leaves_room_for_those_inside_it():
    (resiliency,) = render.documents(CONFIG / "resiliency.yaml")
    policies = resiliency["spec"]["policies"]
    seconds = {name: float(limit.removesuffix("s")) for name, limit in policies["timeouts"].items()}
    repeat = policies["retries"]["publish"]
    publishing = seconds["publish"] * (1 + repeat["maxRetries"]) + repeat["maxRetries"] * float(repeat["duration"].removesuffix("ms")) / 1000
    assert publishing < seconds["deliver"] and seconds["state"] < seconds["deliver"]
    assert seconds["deliver"] < FACTS["delivery"]["visibilitySeconds"]


def test_spans_leave_the_machine_only_where_somebody_asked(change):
    assert "stdout" not in render.configurations(change, None)["cart-service"]["spec"]["tracing"]
    assert render.configurations(change, "log")["cart-service"]["spec"]["tracing"]["stdout"] is True
    zipkin = render.configurations(change, "http://127.0.0.1:9411/api/v2/spans")["cart-service"]["spec"]["tracing"]["zipkin"]
    assert zipkin["endpointAddress"] == "http://127.0.0.1:9411/api/v2/spans"


def test_two_platforms_side_by_side_share_no_port():
    ports = facts.Ports().all()  # with those of all the replicas there can be
    assert len(ports) == len(set(ports))
    assert not set(ports) & set(facts.Ports(10_000).all())
    moved = {port for app in facts.apps(10_000, facts.most_replicas()) for port in app.ports.values()}
    assert moved <= set(facts.Ports(10_000).all())


def test_sidecars_that_begin_together_can_all_open_the_register_of_names(tmp_path):
    workspace = Workspace(tmp_path, tmp_path / "build")
    workspace.make()
    for _ in range(2):  # the second time it is there
        render.write_names(workspace)
    with ExitStack() as stack:
        first, *others = (stack.enter_context(closing(sqlite3.connect(workspace.run / "names.db", timeout=0))) for _ in range(4))
        first.execute("BEGIN")
        first.execute("SELECT * FROM sqlite_master").fetchall()
        for other in others:
            assert other.execute("PRAGMA journal_mode = WAL").fetchone() == ("wal",)


def test_a_name_is_built_from_its_parts():
    assert facts.name("queue", topic="order-events", app="order-service") == "order-events-queue-order-service"
    assert facts.name("table", app="cart-service") == "ecommerce-cart-service"
