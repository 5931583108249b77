"""Replicas: their names, their ports, and what the doors do with them."""

import re
from pathlib import Path

import pytest
from shop import cli, facts, programs, render
from shop.workspace import Workspace


@pytest.fixture
def workspace(tmp_path):
    made = Workspace(tmp_path, Path("/build"))
    made.make()
    return made


def doors(workspace, replicas: int) -> str:
    render.write_gateway(workspace, replicas)
    return render.gateway_file(workspace).read_text()


def test_the_first_replica_has_the_names_and_ports_of_a_service_that_has_no_other():
    assert [(app.part, app.sidecar, app.ports) for app in facts.apps(0, 3) if app.replica == 0] == [
        (app.id, f"{app.id}-sidecar", facts.load()["apps"][app.id]["ports"]) for app in facts.apps()]


def test_further_replicas_have_names_and_ports_of_their_own_behind_the_same_door():
    carts = [app for app in facts.apps(100, 3) if app.id == "cart-service"]
    assert [app.part for app in carts] == ["cart-service", "cart-service-2", "cart-service-3"]
    assert [app.sidecar for app in carts] == ["cart-service-sidecar", "cart-service-2-sidecar", "cart-service-3-sidecar"]
    assert len({app.ports["door"] for app in carts}) == 1
    own = [port for app in carts for name, port in app.ports.items() if name != "door"]
    assert len(own) == len(set(own))


def test_status_names_every_replica(workspace):
    parts = {part.name: part for part in programs.outline(workspace, "redis", 2)}
    assert parts["order-service"].replica == parts["order-service-sidecar"].replica == parts["order-door"].replica == 0
    assert parts["order-service-2"].replica == parts["order-service-2-sidecar"].replica == 1
    assert "order-service-3" not in parts


def test_a_door_has_every_replica_behind_it(workspace):
    text = doors(workspace, 3)
    for app in facts.apps(0, 3):
        (upstream,) = re.findall(rf"upstream {app.short} {{(.*)}}", text)
        assert upstream.count("server ") == 3 and f":{app.ports['facade']} " in upstream


def test_a_door_hands_out_streams_of_every_replica_as_they_come(workspace):
    text = doors(workspace, 3)
    for app in facts.apps(0, 3):
        upstreams = re.findall(rf"upstream {app.short}-streams {{(.*)}}", text)
        assert len(upstreams) == ("stream" in app.ports), app.short
        assert all(f":{app.ports['stream']} " in each for each in upstreams)
    events = re.findall(r'location ~ "\^/orders/\[\^/\]\+/events\$" {(.*?)}', text, re.DOTALL)
    assert len(events) == 2, "its own door and the gateway"
    for each in events:
        assert "proxy_buffering off;" in each and "gzip off;" in each and "proxy_pass http://order-streams;" in each
        # Not those of all other requests, which a thousand open pages would use up.
        assert "limit_conn events " in each and "limit_conn doors" not in each


def test_a_door_passes_a_post_on_only_where_it_is_carried_out_once(workspace):
    text = doors(workspace, 2)
    for app in facts.apps():
        passes = re.findall(rf"{{([^{{]*)proxy_pass http://{app.short};", text)
        assert len(passes) == 2, "its own door and the gateway"
        assert all(("non_idempotent" in each) == bool(app.actors) for each in passes)
    common = re.search(r"^  proxy_next_upstream (.*);", text, re.MULTILINE).group(1)
    assert "non_idempotent" not in common


def test_the_doors_are_told_only_when_something_changed(workspace):
    assert render.write_gateway(workspace, 1) is True
    assert render.write_gateway(workspace, 1) is False
    assert render.write_gateway(workspace, 2) is True


@pytest.mark.parametrize("number", ["0", "4", "many"])
def test_there_are_one_to_three_replicas(number, capsys):
    with pytest.raises(SystemExit):
        cli.parser().parse_args(["up", "--replicas", number])
    assert "--replicas" in capsys.readouterr().err


def test_no_sidecar_is_forgotten_by_the_name_resolution_every_hour():
    """Its clean-up removes the hosts that are alive (components-contrib 1.18), and their sidecars then end themselves."""
    for broker in ("aws", "redis"):
        resolution = render.overlay(Workspace(Path("/state"), Path("/build")), broker)["configuration"]["nameResolution"]
        assert resolution["configuration"]["cleanupInterval"] == "0"
