"""The platform itself: what ./shop promises, what the doors refuse, and who may talk to whom behind them."""

import itertools
import json
import os
import socket
import subprocess
import time

import pytest
import requests
from stack import ROOT, unique, wait_until

SERVICES = ("product", "cart", "order", "payment")


def shop(platform, *arguments: str) -> subprocess.CompletedProcess:
    workspace = platform.stack.workspace
    environment = {**os.environ, "SHOP_BUILD_DIR": str(workspace.build)}
    return subprocess.run([ROOT / "shop", *arguments, "--state-dir", workspace.state], env=environment,
                          capture_output=True, text=True, timeout=120)


def raw(address: str, request: bytes) -> bytes:
    """What a door answers to bytes no HTTP library would send."""
    host, port = address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(request)
        answer = b""
        while chunk := connection.recv(65536):
            answer += chunk
        return answer


def is_problem(answer: requests.Response, status: int) -> bool:
    body = answer.json()
    return (answer.status_code == status and answer.headers["Content-Type"].startswith("application/problem+json")
            and body["status"] == status and {"type", "title", "status", "detail", "instance"} <= body.keys())


# --- the command


def test_status_lists_every_part_with_its_process_port_and_log(platform, broker):
    status = json.loads(shop(platform, "status", "--json").stdout)
    assert status["ready"] is True and status["broker"] == broker
    kinds = {part["kind"] for part in status["parts"]}
    assert kinds == {"service", "sidecar", "door", "runtime", "store", "broker"}
    names = {part["name"] for part in status["parts"]}
    assert {f"{s}-service" for s in SERVICES} | {f"{s}-service-sidecar" for s in SERVICES} <= names
    for part in status["parts"]:
        assert part.keys() == {"name", "kind", "replica", "pid", "state", "port", "log"}
        assert part["state"] == "running" and part["replica"] == 0
        os.kill(part["pid"], 0)
        assert os.path.exists(part["log"])
    assert ("aws" in status["endpoints"]) == (broker == "aws")
    assert {*SERVICES, "gateway", "dynamodb"} <= status["endpoints"].keys()


def test_up_twice_is_harmless(platform):
    before = {part["name"]: part["pid"] for part in platform.status()["parts"]}
    again = shop(platform, "up", "--no-build", "--trace")
    assert again.returncode == 0, again.stderr
    assert {part["name"]: part["pid"] for part in platform.status()["parts"]} == before


def test_a_token_is_printed_alone(platform):
    answer = shop(platform, "token", "--role", "admin", "--sub", "someone")
    assert answer.returncode == 0
    assert len(answer.stdout.split()) == 1 and answer.stdout.count(".") == 2 and answer.stderr == ""


def test_a_wrong_command_fails_with_a_reason_on_standard_error(platform):
    answer = shop(platform, "logs", "no-such-part")
    assert answer.returncode != 0 and "no-such-part" in answer.stderr and answer.stdout == ""


def test_secrets_are_private_and_in_no_log(platform):
    workspace = platform.stack.workspace
    assert (workspace.state / "credentials.json").stat().st_mode & 0o077 == 0
    secrets = platform.secrets
    for log in workspace.logs.iterdir():
        text = log.read_text(errors="replace")
        assert secrets.jwt_key not in text and secrets.app_api_token not in text and secrets.dapr_api_token not in text, log


# --- the doors


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("path", [
    "/actors", "/actors/Cart/1/method/x", "/dapr/config", "/dapr", "/events/order.created", "/internal/products/1", "/internal",
    "/%61ctors/Cart/1", "//events/order.created", "/products/../internal/x", "/EVENTS/x", "/./dapr/config"])
def test_a_door_does_not_lead_to_the_app_channel(platform, service, path):
    host = platform.endpoints[service]
    answer = raw(host, f"GET {path} HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 404 ") and b"application/problem+json" in answer


@pytest.mark.parametrize("service", SERVICES)
def test_a_body_over_one_mebibyte_is_refused_by_the_door(platform, service):
    answer = requests.post(platform.endpoints[service] + "/anything", data=b"x" * (1024 * 1024 + 1), timeout=20)
    assert is_problem(answer, 413)


@pytest.mark.parametrize("service", [*SERVICES, "gateway"])
def test_a_request_line_over_8_kb_is_refused_by_the_door(platform, service):
    assert is_problem(requests.get(platform.endpoints[service] + "/" + "a" * 9000, timeout=20), 414)


def test_a_header_over_8_kb_is_refused_by_the_door(platform):
    answer = requests.get(platform.endpoints["cart"] + "/carts/1", headers={"X-Long": "a" * 9000}, timeout=20)
    assert is_problem(answer, 431)


@pytest.mark.parametrize("request_line", [b"GET / HTTP/1.1\r\n\r\n", b"BLAH\r\n\r\n", b"G\x00T / HTTP/1.1\r\nHost: a\r\n\r\n"])
def test_a_malformed_head_is_a_400_problem(platform, request_line):
    answer = raw(platform.endpoints["cart"], request_line)
    assert b"400" in answer.split(b"\r\n")[0] and b'"status":400' in answer


def test_the_gateway_leads_to_every_service_and_nowhere_else(platform):
    gateway = platform.endpoints["gateway"]
    assert is_problem(requests.post(gateway + "/nothing-here", timeout=20), 404)
    assert requests.get(gateway + f"/carts/{unique('cart')}", timeout=20).status_code == 200
    assert requests.get(gateway + "/products", timeout=20).status_code == 200


def test_everything_listens_on_loopback_only(platform):
    """But for the control plane's health listeners: Dapr 1.18 takes their address option and ignores it."""
    from shop import facts

    ports = facts.Ports(platform.stack.workspace.port_offset)
    health = {ports["sentryHealth"], ports["placementHealth"], ports["schedulerHealth"]}
    mine = set(ports.all()) - health
    exposed = []
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in open(table).readlines()[1:]:
            address, state = line.split()[1], line.split()[3]
            host, port = address.split(":")
            if state == "0A" and int(port, 16) in mine and host not in ("0100007F", "0000000000000000FFFF00000100007F",
                                                                       "00000000000000000000000001000000"):
                exposed.append(int(port, 16))
    assert exposed == []


# --- behind the doors


# covers: sidecar-token
@pytest.mark.parametrize("service", SERVICES)
def test_a_sidecar_refuses_whoever_has_no_token(platform, service):
    assert requests.get(platform.sidecar(service) + "/v1.0/metadata", timeout=10).status_code == 401


# covers: app-token
@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("path", ["/dapr/config", "/actors/Cart/1/method/x", "/events/order.created", "/internal/products/1"])
def test_the_app_channel_refuses_whoever_has_no_token(platform, service, path):
    address = platform.channel(service) + path
    assert requests.get(address, timeout=10).status_code == 401
    assert requests.get(address, headers={"dapr-api-token": "guessed"}, timeout=10).status_code == 401
    assert requests.get(platform.channel(service) + "/healthz", timeout=10).status_code == 200


# covers: invocation-refused
@pytest.mark.parametrize("caller,target", list(itertools.permutations(SERVICES, 2)))
def test_service_invocation_of_an_actor_is_denied(platform, caller, target):
    """It would reach the actor past its placement and its lock."""
    headers = {"dapr-api-token": platform.secrets.dapr_api_token}
    address = f"{platform.sidecar(caller)}/v1.0/invoke/{target}-service/method/actors/Cart/1/method/AddItem"
    assert requests.put(address, headers=headers, timeout=20).status_code == 403


@pytest.mark.parametrize("caller,verbs", [("cart", {"GET", "POST"}), ("order", {"PUT"}), ("payment", set())])
def test_only_cart_and_order_may_ask_the_product_service_inside_and_each_only_its_own(platform, caller, verbs):
    headers = {"dapr-api-token": platform.secrets.dapr_api_token}
    address = f"{platform.sidecar(caller)}/v1.0/invoke/product-service/method/internal/products/{unique('none')}"
    for verb in ("GET", "POST", "PUT", "DELETE"):
        status = requests.request(verb, address, headers=headers, timeout=20).status_code
        assert (status != 403) == (verb in verbs), verb


def test_a_sidecar_publishes_only_where_its_app_may(platform):
    headers = {"dapr-api-token": platform.secrets.dapr_api_token}
    address = f"{platform.sidecar('cart')}/v1.0/publish/pubsub/payment-events"
    assert requests.post(address, headers=headers, json={}, timeout=20).status_code == 403


def test_a_poison_message_becomes_a_dead_letter(platform):
    event = {"specversion": "1.0", "id": unique("poison"), "source": "payment-service", "type": "payment.completed",
             "subject": "p", "datacontenttype": "application/json", "data": {"poison": True, "orderId": 17}}
    platform.publish(event)
    wait_until(lambda: any(event["id"] in letter for letter in platform.dead_letters()), 75, "the dead letter")


def test_sidecars_load_every_component_without_complaint(platform):
    for service in SERVICES:
        for record in platform.log(f"{service}-service-sidecar"):
            if record.get("level") in ("error", "fatal"):
                assert "INIT_COMPONENT_FAILURE" not in record.text and "error loading" not in record.text.lower(), record.raw


def test_logs_of_an_order_nobody_knows_say_so(platform):
    answer = shop(platform, "logs", "--order", unique("order"))
    assert answer.returncode != 0 and "no line" in answer.stderr


@pytest.mark.parametrize("part", ["cart-service", "cart-service-sidecar"])
def test_what_was_killed_comes_back(platform, part):
    platform.kill(part)
    wait_until(platform.ready, 30, "the platform to be ready again")


def test_data_and_queued_messages_survive_down_and_up(platform, broker):
    """Last, since it restarts everything: nothing of what the stores and the broker had is gone."""
    key = unique("kept")
    dynamodb, table = platform.aws("dynamodb"), "ecommerce-cart-service"
    dynamodb.put_item(TableName=table, Item={"key": {"S": key}, "value": {"S": "here"}})
    if broker == "aws":
        sqs = platform.aws("sqs")
        sqs.send_message(QueueUrl=sqs.get_queue_url(QueueName="ecommerce-dlq")["QueueUrl"], MessageBody=key)
    else:
        platform.redis().xadd("ecommerce-dlq", {"data": key})
    assert shop(platform, "down").returncode == 0
    assert not platform.ready()
    started = time.monotonic()
    again = shop(platform, "up", "--no-build", "--trace")
    assert again.returncode == 0, again.stderr
    assert time.monotonic() - started < 20
    assert platform.ready()
    assert dynamodb.get_item(TableName=table, Key={"key": {"S": key}})["Item"]["value"]["S"] == "here"
    wait_until(lambda: key in platform.dead_letters(), 5, "the message that was kept")
