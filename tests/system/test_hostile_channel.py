"""What listens behind the doors, each service's channel for its sidecar and each sidecar's API, serves nobody without the
token, and takes whatever bytes come. Both are on loopback, so whoever gets here is on the machine, or in the pod, already.
"""

import itertools
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest
import requests
from stack import unique
from test_hostile import BODIES, GET, HOST, MALFORMED, gone
from wire import Vitals, Wire, ask

SERVICES = ("product", "cart", "order", "payment")
VERBS = ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "BREW", "get")
CHANNEL_PATHS = (
    "/", "/dapr", "/dapr/config", "/dapr/subscribe", "/actors", "/actors/Cart", "/actors/Cart/c", "/actors/Cart/c/method/View", "/actors/Order/o/method/View",
    "/actors/Payment/p/method/Charged", "/actors/Cart/c/method/remind/tend", "/actors/Cart/c/method/timer/t", "/events", "/events/order.created",
    "/internal/products/tea", "/nothing", "//healthz", "/healthz/", "/./healthz", "/%68ealthz", "/healthz/../dapr/config", "/healthz;x", "*", "healthz",
    "http://127.0.0.1/healthz")
SIDECAR_PATHS = (
    "/v1.0/metadata", "/v1.0/metadata/key", "/v1.0/state/statestore", "/v1.0/state/statestore/k", "/v1.0/state/statestore/bulk",
    "/v1.0/state/statestore/transaction", "/v1.0-alpha1/state/statestore/query", "/v1.0/secrets/secretstore/jwt", "/v1.0/secrets/secretstore/bulk",
    "/v1.0/publish/pubsub/order-events", "/v1.0-alpha1/publish/bulk/pubsub/order-events", "/v1.0/invoke/product-service/method/internal/products/tea",
    "/v1.0/actors/Cart/c/method/View", "/v1.0/actors/Cart/c/state", "/v1.0/actors/Cart/c/state/state", "/v1.0/actors/Cart/c/reminders/tend",
    "/v1.0/actors/Cart/c/timers/t", "/v1.0/shutdown", "/v1.0/nothing", "/")


@pytest.fixture(scope="module")
def vitals(platform):
    before = Vitals(platform)
    yield before
    before.require_unharmed()
    before.require_quiet()


@pytest.fixture(autouse=True)
def unharmed(vitals):
    yield
    vitals.require_unharmed()


def nearly(token: str) -> dict[str, list[str]]:
    """Header lines of somebody who does not know the token."""
    return {
        "none": [], "empty": ["dapr-api-token:"], "another": ["dapr-api-token: guessed"], "its beginning": [f"dapr-api-token: {token[:-1]}"],
        "its first letter": [f"dapr-api-token: {token[0]}"], "more than it": [f"dapr-api-token: {token}0"], "twice itself": [f"dapr-api-token: {token}{token}"],
        "other letters": [f"dapr-api-token: {token.swapcase()}"], "as a bearer token": [f"Authorization: Bearer {token}"],
        "in a cookie": [f"Cookie: dapr-api-token={token}"], "under another name": [f"x-dapr-api-token: {token}"],
        "before another": [f"dapr-api-token: {token}", "dapr-api-token: guessed"], "quoted": [f'dapr-api-token: "{token}"']}


def channel_statuses(address: str, lines: list[str], verbs, paths, query: str = "") -> dict[tuple[str, str], int]:
    """The status of each verb and path."""
    found = {}
    for verb, path in itertools.product(verbs, paths):
        head = "".join(f"{line}\r\n" for line in [f"{verb} {path}{query} HTTP/1.1", "Host: shop", *lines, "Content-Length: 4"])
        with Wire(address) as wire:
            found[verb, path] = wire.send(head.encode() + b"\r\nnull").answer(bodiless=verb == "HEAD").status
    return found


@pytest.mark.parametrize("service", SERVICES)
def test_without_the_token_a_channel_answers_nothing_but_the_health_probe(platform, service):
    address, token = platform.channel(service), platform.secrets.app_api_token
    for who, lines in nearly(token).items():
        some = who == "none"
        answers = channel_statuses(address, lines, VERBS if some else ("GET", "PUT", "POST"), CHANNEL_PATHS if some else CHANNEL_PATHS[:15])
        assert {each: status for each, status in answers.items() if status != 401} == {}, who
        probe = channel_statuses(address, lines, VERBS, ["/healthz"])
        assert {verb: status for (verb, _), status in probe.items()} == {verb: 200 if verb == "GET" else 401 for verb in VERBS}, who
    in_query = channel_statuses(address, [], ("GET",), ["/dapr/config"], f"?dapr-api-token={token}")
    assert set(in_query.values()) == {401}
    assert channel_statuses(address, [f"dapr-api-token: {token}"], ("GET",), ["/dapr/subscribe"]) == {("GET", "/dapr/subscribe"): 200}


@pytest.mark.parametrize("service", SERVICES)
def test_without_the_token_a_sidecar_answers_nothing(platform, service):
    address, token, session = platform.sidecar(service), platform.secrets.dapr_api_token, requests.Session()
    for who, lines in nearly(token).items():
        if who == "before another":
            continue  # Go's server reads the first of two
        headers = dict(line.split(":", 1) for line in lines)
        headers = {name: value.strip() for name, value in headers.items()}
        for verb, path in itertools.product(("GET", "POST", "PUT", "DELETE", "PATCH"), SIDECAR_PATHS):
            if who != "none" and verb not in ("GET", "POST"):
                continue
            status = session.request(verb, address + path, headers=headers, data=b"[]", timeout=20).status_code
            assert status == 401, (who, verb, path, status)


@pytest.mark.parametrize("case", MALFORMED)
def test_a_malformed_request_to_a_channel_gets_no_further_than_its_parser(platform, case):
    """Refused, or read as what any reader of HTTP reads; never as two requests, and never past the token."""
    with Wire(platform.channel("cart")) as wire:
        wire.send(MALFORMED[case] + b"PUT /actors/Cart/smuggled/method/Clear HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n")
        statuses = [wire.answer().status]
        while wire.got or wire.more():
            statuses.append(wire.answer().status)
        assert set(statuses) <= {200, 400, 401, 431}, statuses
        assert statuses[0] != 200 or b"/healthz" in MALFORMED[case].split(b"\r\n")[0], statuses
        if "Content-Length" in case or "Transfer-Encoding" in case or "chunk" in case:
            assert statuses[0] in (400, 401) and 200 not in statuses


def test_a_channel_bounds_heads_bodies_and_pipelines(platform):
    address, token = platform.channel("cart"), b"dapr-api-token: " + platform.secrets.app_api_token.encode() + b"\r\n"
    assert ask(address, b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\n" + HOST + b"\r\n").status == 431
    assert ask(address, b"GET " + b"/" * 15_000 + b" HTTP/1.1\r\n" + HOST + b"\r\n").status == 431
    assert ask(address, b"GET " + b"/" * 8000 + b" HTTP/1.1\r\n" + HOST + token + b"\r\n").status == 404
    assert ask(address, GET + b"X-Many: b\r\n" * 2000 + b"\r\n").status == 431
    assert ask(address, b"PUT /actors/Cart/c/method/View HTTP/1.1\r\n" + HOST + token + b"Content-Length: 4194305\r\n\r\n").status == 413
    with Wire(address) as wire:
        wire.send((GET + b"\r\n") * 2000)
        assert all(wire.answer().status == 200 for _ in range(2000))


@pytest.mark.parametrize("case", BODIES)
def test_a_body_that_nobody_sends_harms_no_actor(platform, case):
    """With the token, as a sidecar would pass it on: to a method, a reminder, a timer, as an event, and to a sidecar itself."""
    headers = {"dapr-api-token": platform.secrets.app_api_token, "Content-Type": "application/json"}
    channel, cart = platform.channel("cart"), unique("bodies")
    for verb, path in (("PUT", f"/actors/Cart/{cart}/method/AddItem"), ("PUT", f"/actors/Cart/{cart}/method/remind/tend"),
                       ("PUT", f"/actors/Cart/{cart}/method/timer/none"), ("POST", "/events/product.updated")):
        answer = requests.request(verb, channel + path, headers=headers, data=BODIES[case], timeout=30)
        assert answer.status_code in (200, 400, 404, 413, 500), (path, answer.status_code)
        assert len(answer.content) < 65_536, (path, len(answer.content))
    through = requests.put(f"{platform.sidecar('cart')}/v1.0/actors/Cart/{cart}/method/AddItem", data=BODIES[case], timeout=30,
                           headers={"dapr-api-token": platform.secrets.dapr_api_token})
    assert through.status_code in (200, 400, 404, 413, 500), through.status_code


def test_a_channel_cuts_off_who_is_slow_and_stays_open_for_its_sidecar(platform, vitals):
    address = platform.channel("order")
    with ExitStack() as open_wires, vitals.memory_within(48):
        slow = [open_wires.enter_context(Wire(address)) for _ in range(500)]
        for number, wire in enumerate(slow):
            wire.send((b"GET /heal", GET + b"X-Slow: ", b"PUT /x HTTP/1.1\r\n" + HOST + b"Content-Length: 100\r\n\r\n{")[number % 3])
        for _ in range(10):
            began = time.monotonic()
            assert requests.get(address + "/healthz", timeout=20).status_code == 200
            assert time.monotonic() - began < 5
        gone(slow, 40)
    assert platform.ready()


def test_a_channel_stays_up_when_its_peers_do_not_read(platform, vitals):
    token = b"dapr-api-token: " + platform.secrets.app_api_token.encode() + b"\r\n"
    address = platform.channel("cart")
    with ExitStack() as open_wires, vitals.memory_within(48):
        for _ in range(40):
            wire = open_wires.enter_context(Wire(address, receive_buffer=2048))
            wire.socket.setblocking(False)
            try:
                for _ in range(2000):
                    wire.socket.send((b"GET /dapr/subscribe HTTP/1.1\r\n" + HOST + token + b"\r\n") * 10)
            except BlockingIOError:
                pass
        vitals.require_quiet()
        with ThreadPoolExecutor(8) as pool:
            assert set(pool.map(lambda _: requests.get(address + "/healthz", timeout=20).status_code, range(50))) == {200}
