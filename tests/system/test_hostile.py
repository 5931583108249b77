"""What the public doors make of clients that are broken, malicious or merely slow: every request is refused or served, with a
proper answer; no process ends, hangs, spins or grows; and everybody else is served meanwhile.

The services stand behind nginx because of what was found of Pistache: a chunked body whose packet ends inside a line break
hangs a worker, a path of 15,000 slashes overflows its stack, a client that does not read makes a worker spin, a head that
comes in pieces is read from its beginning with every piece, and several malformed heads are taken. Each has its test here.
"""

import gzip
import resource
import select
import signal
import socket
import struct
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from os import kill

import pytest
import requests
from shopping import create_product
from stack import unique, wait_until
from wire import Vitals, Wire, ask, cpu_seconds

DOORS = ("product", "cart", "order", "payment", "gateway")
HOST = b"Host: shop\r\n"
GET = b"GET /healthz HTTP/1.1\r\n" + HOST
POST = b"POST /carts/hostile/items HTTP/1.1\r\n" + HOST + b"Content-Type: application/json\r\n"
ITEM = b'{"productId":"none","quantity":1}'
SECONDS_FOR_OTHERS = 5


@pytest.fixture(scope="module")
def vitals(platform):
    """Nothing in this file harms a process, and at its end all are at rest."""
    before = Vitals(platform)
    yield before
    before.require_unharmed()
    before.require_quiet()


@pytest.fixture(autouse=True)
def unharmed(vitals):
    yield
    vitals.require_unharmed()


def served(platform, door: str = "cart") -> bool:
    """Whether somebody else is served, and soon."""
    began = time.monotonic()
    answer = requests.get(platform.endpoints[door] + "/healthz" if door != "gateway" else platform.endpoints[door] + "/products?limit=1", timeout=20)
    return answer.status_code == 200 and time.monotonic() - began < SECONDS_FOR_OTHERS


def is_page(door: str, answer) -> bool:
    """Where the page is built, the gateway shows it for what no service has: `/`, which many slashes are too, or its own not-found."""
    return door == "gateway" and answer.status in (200, 404) and answer.headers["content-type"].startswith("text/html")


def gone(wires: list[Wire], limit: float) -> None:
    """Waits until the door has closed every one of them."""
    waiting = {wire.socket: wire for wire in wires}

    def all_gone():
        ready = select.select(list(waiting), [], [], 0.2)[0]
        for one in ready:
            try:
                if not one.recv(65536):
                    del waiting[one]
            except OSError:
                del waiting[one]
        return not waiting

    wait_until(all_gone, limit, "the door to close what is too slow")


# --- malformed requests, at every door

MALFORMED = {
    "both Content-Length and Transfer-Encoding": POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "Transfer-Encoding before Content-Length": POST + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
    "the same Content-Length twice": POST + b"Content-Length: 33\r\nContent-Length: 33\r\n\r\n" + ITEM,
    "two Content-Lengths": POST + b"Content-Length: 33\r\nContent-Length: 0\r\n\r\n" + ITEM,
    "a list of Content-Lengths": POST + b"Content-Length: 33, 33\r\n\r\n" + ITEM,
    "a Content-Length with a sign": POST + b"Content-Length: +33\r\n\r\n" + ITEM,
    "a hexadecimal Content-Length": POST + b"Content-Length: 0x21\r\n\r\n" + ITEM,
    "a negative Content-Length": POST + b"Content-Length: -1\r\n\r\n" + ITEM,
    "a Content-Length beyond 64 bits": POST + b"Content-Length: 99999999999999999999999\r\n\r\n" + ITEM,
    "an empty Content-Length": POST + b"Content-Length:\r\n\r\n" + ITEM,
    "a space before the colon": POST + b"Content-Length : 33\r\n\r\n" + ITEM,
    "Transfer-Encoding twice": POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "Transfer-Encoding identity": POST + b"Transfer-Encoding: identity\r\n\r\n",
    "an unknown Transfer-Encoding": POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "chunked that is not the last coding": POST + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "a coding beside chunked": POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "Transfer-Encoding with a tab": POST + b"Transfer-Encoding:\tchunked\r\n\r\n0\r\n\r\n",
    "Transfer-Encoding with a vertical tab": POST + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
    "Transfer-Encoding on a line of its own": POST + b"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
    "chunks in HTTP/1.0": POST.replace(b"/1.1", b"/1.0") + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a chunk's size beyond 64 bits": POST + b"Transfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFFF\r\nabc\r\n0\r\n\r\n",
    "a negative chunk": POST + b"Transfer-Encoding: chunked\r\n\r\n-1\r\nabc\r\n0\r\n\r\n",
    "a chunk without a size": POST + b"Transfer-Encoding: chunked\r\n\r\n\r\nabc\r\n0\r\n\r\n",
    "a chunk's size with 0x": POST + b"Transfer-Encoding: chunked\r\n\r\n0x21\r\n" + ITEM + b"\r\n0\r\n\r\n",
    "a chunk longer than its size": POST + b"Transfer-Encoding: chunked\r\n\r\n5\r\nabcdefgh\r\n0\r\n\r\n",
    "no Host": b"GET /healthz HTTP/1.1\r\n\r\n",
    "two Hosts": b"GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    "a Host that is none": b"GET /healthz HTTP/1.1\r\nHost: a/b\\c\r\n\r\n",
    "NUL in a header's value": GET + b"X-Odd: a\x00b\r\n\r\n",
    "NUL in a header's name": GET + b"X\x00Odd: a\r\n\r\n",
    "NUL in the path": b"GET /healthz\x00 HTTP/1.1\r\n" + HOST + b"\r\n",
    "an encoded NUL in the path": b"GET /carts/a%00b HTTP/1.1\r\n" + HOST + b"\r\n",
    "control characters in the path": b"GET /carts/\x01\x7f HTTP/1.1\r\n" + HOST + b"\r\n",
    "a space in the path": b"GET /carts/a b HTTP/1.1\r\n" + HOST + b"\r\n",
    "percent without digits": b"GET /carts/%zz HTTP/1.1\r\n" + HOST + b"\r\n",
    "percent at the end": b"GET /carts/% HTTP/1.1\r\n" + HOST + b"\r\n",
    "a way out of the root": b"GET /../../etc/passwd HTTP/1.1\r\n" + HOST + b"\r\n",
    "an encoded way out of the root": b"GET /%2e%2e/%2e%2e/etc/passwd HTTP/1.1\r\n" + HOST + b"\r\n",
    "HTTP/2 in its own frames": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes.fromhex("000000040000000000"),
    "HTTP/2.0 on the request line": b"GET /healthz HTTP/2.0\r\n" + HOST + b"\r\n",
    "a version with too many digits": b"GET /healthz HTTP/1.10000\r\n" + HOST + b"\r\n",
    "a TLS handshake": bytes.fromhex("16030100a5010000a1") + bytes(160),
    "the asterisk": b"OPTIONS * HTTP/1.1\r\n" + HOST + b"\r\n",
    "an authority": b"CONNECT shop:443 HTTP/1.1\r\n" + HOST + b"\r\n",
    "a verb in small letters": b"get /healthz HTTP/1.1\r\n" + HOST + b"\r\n",
    "lines ended by CR alone": b"GET /healthz HTTP/1.1\rHost: shop\r\r" + b"\r\n\r\n",
    "a folded header": GET + b"X-Odd: a\r\n b\r\n\r\n",
    "a header that begins with a space": b"GET /healthz HTTP/1.1\r\n Host: shop\r\n\r\n",
    "a header without a name": GET + b": a\r\n\r\n",
    "every byte there is": bytes(range(256)) * 40,
    "nothing but NUL": bytes(10_000),
}


@pytest.mark.parametrize("case", MALFORMED)
def test_a_malformed_request_is_a_400_and_the_end_of_its_connection(platform, case):
    """The end, since nobody can say where the next request would begin: what is smuggled behind it is never read."""
    for door in DOORS:
        with Wire(platform.endpoints[door]) as wire:
            wire.send(MALFORMED[case] + b"GET /healthz HTTP/1.1\r\nHost: smuggled\r\n\r\n")
            answer = wire.answer()
            assert (answer.status, answer.is_problem) == (400, True), (door, answer)
            assert wire.rest() == b"", door


@pytest.mark.parametrize("status,request_bytes", [
    (405, b"TRACE /healthz HTTP/1.1\r\n" + HOST + b"\r\n"),
    (405, b"CONNECT /healthz HTTP/1.1\r\n" + HOST + b"\r\n"),
    (413, b"POST /carts/x/items HTTP/1.1\r\n" + HOST + b"Content-Length: 1048577\r\n\r\n"),
    (413, b"POST /carts/x/items HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n100001\r\n" + b"x" * 0x100001 + b"\r\n0\r\n\r\n"),
    (414, b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\n" + HOST + b"\r\n"),
    (414, b"GET /?" + b"a=b&" * 2500 + b" HTTP/1.1\r\n" + HOST + b"\r\n"),
    (431, GET + b"X-Long: " + b"a" * 9000 + b"\r\n\r\n"),
    (431, GET + b"".join(b"X-Many-%d: b\r\n" % i for i in range(5000)) + b"\r\n"),
    (431, GET + (b"X-Large: " + b"a" * 7000 + b"\r\n") * 6 + b"\r\n"),
])
def test_what_is_too_much_is_refused_by_the_door(platform, status, request_bytes):
    for door in DOORS:
        with Wire(platform.endpoints[door]) as wire:
            answer = wire.send(request_bytes).answer()
            assert (answer.status, answer.is_problem) == (status, True), (door, answer)
            assert ("allow" in answer.headers) == (status == 405)


def test_http_0_9_gets_nothing(platform):
    """It has no status to be refused with."""
    for door in DOORS:
        with Wire(platform.endpoints[door]) as wire:
            assert wire.send(b"GET /healthz\r\n").rest() == b""


# --- odd but proper requests, which must mean to the service what they mean to the door


@pytest.mark.parametrize("status,target", [
    (200, b"/carts/odd"),
    (200, b"http://elsewhere.example/carts/odd"),  # absolute form: the door's own, wherever it claims to lead
    (404, b"http://elsewhere.example/dapr/config"),
    (404, b"http://127.0.0.1:22/"),
    (400, b"/carts/%c0%af"),  # overlong UTF-8 of a slash
    (400, b"/carts/\xc0\xaf"),
    (400, b"/carts/%ed%a0%80"),  # half a surrogate pair
    (400, b"/carts/%ff"),
    (400, b"/carts/odd?a=%"),
    (400, b"/carts/odd?a=%c0%af"),
    (400, b"/carts/odd?%00=b"),
    (404, b"/carts/a%0d%0aX-Injected:%20yes"),
    (404, b"/carts/%2e%2e%2fdapr"),
    (404, b"/%c0%ae%c0%ae/%c0%afdapr/config"),
    (404, b"/carts/" + b"a" * 65),
    (404, b"/" * 7900),
    (404, b"/a" * 3950),
    (404, b"/carts" + b"/%2f" * 1900),
    (200, b"/carts/odd?" + b"a=b&" * 1900),
    (200, b"/carts/odd?" + b"&" * 7000),
    (200, b"/carts/odd?" + b"=" * 7000),
    (200, b"/carts/odd?a;b"),
])
def test_an_odd_target_is_answered_by_what_it_means(platform, status, target):
    for door in ("cart", "gateway"):
        with Wire(platform.endpoints[door]) as wire:
            wire.send(b"GET " + target + b" HTTP/1.1\r\n" + HOST + b"\r\n")
            answer = wire.answer()
            expected = answer.status == status and (status == 200 or answer.is_problem)
            assert expected or (status == 404 and is_page(door, answer)), (door, answer)
            assert "x-injected" not in answer.headers
            assert len(answer.body) < 16_384


def test_a_path_of_15_000_slashes_is_refused_before_the_service_sees_it(platform, vitals):
    """Pistache's router recurses over them. What the door lets through, up to 8 KB, meets another router."""
    for door in DOORS:
        assert ask(platform.endpoints[door], b"GET " + b"/" * 15_000 + b" HTTP/1.1\r\n" + HOST + b"\r\n").status == 414
        for length in range(7000, 8161, 170):
            answer = ask(platform.endpoints[door], b"GET " + b"/" * length + b" HTTP/1.1\r\n" + HOST + b"\r\n")
            assert answer.status == 404 or is_page(door, answer)


@pytest.fixture(scope="module")
def product(platform) -> str:
    return create_product(platform.client("admin"))["id"]


def add(product: str, cart: str) -> bytes:
    return b"POST /carts/%s/items HTTP/1.1\r\n" % cart.encode() + HOST + b"Content-Type: application/json\r\n"


def chunked(body: bytes, size: int, extension: bytes = b"", end: bytes = b"0\r\n\r\n") -> bytes:
    parts = [body[i:i + size] for i in range(0, len(body), size)]
    return b"".join(b"%x%s\r\n%s\r\n" % (len(part), extension, part) for part in parts) + end


def test_a_chunked_body_cut_at_any_byte_is_served(platform, product):
    """A packet that ended inside a chunk's line break would hang a worker of Pistache for good; behind the door there are
    no chunks."""
    body = b'{"productId":"%s","quantity":1}' % product.encode()
    framed = chunked(body, 16)

    def cut(at: int) -> int:
        with Wire(platform.endpoints["cart"]) as wire:
            wire.send(add(product, unique("cut")) + b"Transfer-Encoding: chunked\r\n\r\n" + framed[:at])
            time.sleep(0.02)  # a packet of its own, mostly; what is asserted does not depend on it
            return wire.send(framed[at:]).answer().status

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(cut, range(len(framed)))) == {200}


@pytest.mark.parametrize("framing", [
    {"size": 1}, {"size": 7, "extension": b';name="value; more"'}, {"size": 40, "extension": b";" + b"x" * 15_000},
    {"size": 9, "end": b"0;last\r\n\r\n"}, {"size": 9, "end": b"000000000000\r\n\r\n"},
    {"size": 9, "end": b"0\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\nX-Trailer: a\r\n\r\n"},
])
def test_odd_chunks_mean_their_body_and_nothing_else(platform, product, framing):
    cart = unique("chunks")
    body = b'{"productId":"%s","quantity":3}' % product.encode()
    with Wire(platform.endpoints["cart"]) as wire:
        wire.send(add(product, cart) + b"Transfer-Encoding: chunked\r\n\r\n" + chunked(body, **framing) + b"GET /carts/" + cart.encode()
                  + b" HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n")
        assert wire.answer().status == 200
        assert b'"quantity":3' in wire.answer().body
        assert wire.rest() == b""


def test_a_body_that_looks_like_a_request_stays_a_body(platform):
    hidden = b"GET /carts/smuggled HTTP/1.1\r\nHost: shop\r\n\r\n"
    for verb, status in ((b"GET", 200), (b"POST", 405)):
        with Wire(platform.endpoints["cart"]) as wire:
            wire.send(verb + b" /carts/odd HTTP/1.1\r\n" + HOST + b"Content-Length: %d\r\n\r\n" % len(hidden) + hidden)
            assert wire.answer().status == status
            wire.send(b"GET /healthz HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n")
            assert wire.answer().body == b'{"status":"up"}'
            assert wire.rest() == b""


def test_many_requests_in_one_packet_are_answered_in_order(platform):
    for door in DOORS:
        with Wire(platform.endpoints[door]) as wire:
            paths = [f"/carts/{'x' * (i % 60 + 1)}/nowhere" for i in range(500)]
            wire.send(b"".join(f"GET {path} HTTP/1.1\r\nHost: shop\r\n\r\n".encode() for path in paths))
            for path in paths:
                answer = wire.answer()
                assert answer.status == 404 and f'"instance":"{path}"'.encode() in answer.body


def test_what_a_verb_without_a_body_brings_is_ignored(platform):
    """HEAD, OPTIONS and an upgrade that nobody offers."""
    with Wire(platform.endpoints["cart"]) as wire:
        wire.send(b"HEAD /carts/odd HTTP/1.1\r\n" + HOST + b"\r\n")
        assert wire.answer(bodiless=True).status == 200
        wire.send(b"OPTIONS /carts/odd HTTP/1.1\r\n" + HOST + b"\r\n")
        assert wire.answer(bodiless=True).status == 204
        wire.send(GET + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n")
        assert wire.answer().status == 200
        wire.send(b"BREW /carts/odd HTTP/1.1\r\n" + HOST + b"\r\n")
        refused = wire.answer()
        assert refused.status == 405 and refused.is_problem and "GET" in refused.headers["allow"]


# --- what a body, a query and a header may say

DEEP = 150_000
BODIES = {
    "nothing": b"",
    "an array of arrays": b"[" * DEEP + b"]" * DEEP,
    "arrays that never end": b"[" * 1_000_000,
    "objects in objects": b'{"a":' * DEEP + b"1" + b"}" * DEEP,
    "brackets inside a text": b'{"productId":"' + b"[" * DEEP + b'","quantity":1}',
    "a number of a million digits": b'{"productId":"p","quantity":' + b"9" * 1_000_000 + b"}",
    "an exponent without end": b'{"productId":"p","quantity":1e' + b"9" * 100_000 + b"}",
    "a number beyond every range": b'{"productId":"p","quantity":1e400}',
    "a fraction": b'{"productId":"p","quantity":1.5}',
    "an integer beyond 64 bits": b'{"productId":"p","quantity":18446744073709551617}',
    "the same name twice": b'{"productId":"p","quantity":1,"quantity":2}',
    "the same name twice, once escaped": b'{"productId":"p","quantity":1,"\\u0071uantity":2}',
    "a hundred thousand names nobody knows": b"{" + b",".join(b'"%d":0' % i for i in range(100_000)) + b"}",
    "a hundred thousand wrong elements": b"[" + b",".join([b"0"] * 100_000) + b"]",
    "a NUL": b'{"productId":"p\x00q","quantity":1}',
    "broken UTF-8": b'{"productId":"\xc0\xaf","quantity":1}',
    "half a surrogate pair": b'{"productId":"\\ud800","quantity":1}',
    "UTF-16": '{"productId":"p","quantity":1}'.encode("utf-16"),
    "something behind the end": b'{"productId":"p","quantity":1}{}',
    "a comment": b'{"productId":"p",/**/"quantity":1}',
    "NaN": b'{"productId":"p","quantity":NaN}',
    "compressed": gzip.compress(b'{"productId":"p","quantity":1}'),
    "a bomb": gzip.compress(b" " * 50_000_000),
    "a mebibyte of nothing": b" " * 1_048_576,
}


@pytest.mark.parametrize("case", BODIES)
def test_a_body_that_is_not_what_was_asked_for_is_a_400(platform, admin, case):
    body = BODIES[case]
    headers = {"Content-Type": "application/json", "Idempotency-Key": unique("k")}
    for service, path in (("cart", "/carts/bodies/items"), ("cart", "/carts/bodies/checkout"), ("product", "/products"),
                          ("payment", "/payments/bodies/retry")):
        answer = requests.post(platform.endpoints[service] + path, data=body, timeout=30,
                               headers=headers | {"Authorization": admin.session.headers["Authorization"]} if service == "product" else headers)
        assert answer.status_code == 400, (service, path, answer.text[:300])
        assert answer.json()["status"] == 400 and len(answer.content) < 32_768, (service, path, len(answer.content))


@pytest.mark.parametrize("query", [
    "limit=99999999999999999999", "limit=-1", "limit=1e1", "limit=0x10", "limit=%2b1", "limit=1%00", "cursor=!!!!", "cursor=" + "A" * 4000,
    "minPrice=9e999", "minPrice=-1", "inStock=maybe", "sort=--name", "sort=" + "x" * 4000])
def test_a_query_that_cannot_be_meant_is_a_400(platform, query):
    answer = requests.get(f"{platform.endpoints['product']}/products?{query}", timeout=20)
    assert answer.status_code == 400 and answer.json()["status"] == 400 and len(answer.content) < 16_384


@pytest.mark.parametrize("key", [b"a" * 256, b"caf\xc3\xa9", b"a b", b"\x7f", b"a\tb", b"\xff\xfe"])
def test_an_idempotency_key_of_another_form_is_a_400(platform, key):
    body = b'{"paymentMethod":{"token":"t"},"shippingAddress":{}}'
    answer = ask(platform.endpoints["cart"], b"POST /carts/keys/checkout HTTP/1.1\r\n" + HOST + b"Content-Type: application/json\r\nIdempotency-Key: "
                 + key + b"\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    assert answer.status == 400 and answer.is_problem


@pytest.mark.parametrize("credentials", [
    b"Bearer", b"Bearer ", b"Bearer a", b"Bearer a.b.c", b"Bearer ...", b"Bearer " + b"." * 4000, b"Bearer " + b"A" * 7000, b"bearer \xff\xff",
    b"Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIiwicm9sZSI6ImFkbWluIiwiZXhwIjo5OTk5OTk5OTk5fQ.",
    b"Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIiwicm9sZSI6ImFkbWluIiwiZXhwIjo5OTk5OTk5OTk5fQ.AAAA", b"Basic YTpi", b"Negotiate x", b"Bearer a b"])
def test_a_token_that_is_none_is_a_401(platform, credentials):
    for door, path in (("product", b"/products"), ("cart", b"/carts/tokens"), ("order", b"/orders"), ("payment", b"/payments/ledger")):
        answer = ask(platform.endpoints[door], b"GET " + path + b" HTTP/1.1\r\n" + HOST + b"Authorization: " + credentials + b"\r\n\r\n")
        assert answer.status == 401 and answer.is_problem and "www-authenticate" in answer.headers, (door, answer)


def test_a_second_authorization_is_not_a_second_chance(platform):
    good = b"Bearer " + platform.token("admin", "admin").encode()
    request = b"GET /payments/ledger HTTP/1.1\r\n" + HOST + b"Authorization: Bearer a.b.c\r\nAuthorization: " + good + b"\r\n\r\n"
    assert ask(platform.endpoints["payment"], request).status in (400, 401)


# --- slow clients, and many


def test_a_head_that_comes_byte_by_byte_costs_the_service_nothing(platform, vitals):
    """Pistache would read it from its beginning with every packet; the door passes it on whole."""
    head = GET + b"X-Long: " + b"a" * 7000 + b"\r\n\r\n"
    before = cpu_seconds(vitals.pids["cart-service"])

    def drip(_) -> int:
        with Wire(platform.endpoints["cart"]) as wire:
            for i in range(0, len(head), 4):
                wire.send(head[i:i + 4])
            return wire.answer().status

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(drip, range(12))) == {200}
    assert cpu_seconds(vitals.pids["cart-service"]) - before < 1


def test_slow_heads_are_cut_off_and_hold_up_nobody(platform, vitals):
    with ExitStack() as open_wires, vitals.memory_within(64):
        slow = [open_wires.enter_context(Wire(platform.endpoints["cart"])) for _ in range(1000)]
        for wire in slow:
            wire.send(b"GET /carts/slow HTTP/1.1\r\nHost: shop\r\nX-Slow: ")
        began = time.monotonic()

        def drip_until_cut():
            for wire in slow[:50]:
                wire.send(b"a")  # each byte is progress, and does not help
            assert all(served(platform, door) for door in DOORS)

        drip_until_cut()
        while time.monotonic() - began < 8:
            drip_until_cut()
            time.sleep(0.5)  # the pace of a slow client
        gone(slow, 20)


def test_slow_bodies_are_cut_off_and_hold_up_nobody(platform, vitals):
    with ExitStack() as open_wires, vitals.memory_within(64):
        slow = [open_wires.enter_context(Wire(platform.endpoints["cart"])) for _ in range(800)]
        for wire in slow:
            wire.send(POST + b"Content-Length: 1048576\r\n\r\n" + b'{"productId"')
        for wire in slow[::4]:
            wire.send(b" " * (1 << 19))  # what was sent of a body is kept, but not in memory
        for _ in range(5):
            assert all(served(platform, door) for door in DOORS)
        gone(slow, 30)


def test_more_requests_at_once_than_a_door_takes_are_a_503_there_and_nowhere_else(platform):
    with ExitStack() as open_wires:
        slow = [open_wires.enter_context(Wire(platform.endpoints["payment"])) for _ in range(1100)]
        for wire in slow:
            wire.send(b"POST /payments/x/retry HTTP/1.1\r\n" + HOST + b"Content-Length: 100\r\n\r\n")

        def full():
            answer = ask(platform.endpoints["payment"], GET + b"\r\n")
            assert answer.status == 503 and answer.is_problem and "retry-after" in answer.headers
            return True

        wait_until(full, 8, "the door to be full")
        assert all(served(platform, door) for door in DOORS if door != "payment")
    wait_until(lambda: served(platform, "payment"), 20, "the door to have room again")


def room_for(connections: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < connections + 500:
        pytest.skip(f"this system allows {hard} open files, and {connections} connections need more")
    if soft < connections + 500:
        resource.setrlimit(resource.RLIMIT_NOFILE, (connections + 500, hard))


def test_ten_thousand_idle_connections_hold_up_nobody(platform, vitals):
    """Most say nothing, some have said half of what they want, some were served and stay."""
    room_for(10_000)
    before = vitals.memory()
    with ExitStack() as open_wires:
        idle = []
        for i in range(10_000):
            wire = open_wires.enter_context(Wire(platform.endpoints[DOORS[i % 2]]))
            idle.append(wire)
            if i % 10 == 0:
                wire.send(b"GET /healthz HTTP/1.1\r\nHost: sh")
            elif i % 10 == 1:
                wire.send(GET + b"\r\n")
        vitals.require_memory(before, 64)
        for _ in range(5):
            assert all(served(platform, door) for door in DOORS)
        assert all(wire.answer().status == 200 for wire in idle[1::10])
        assert ask(platform.endpoints["cart"], GET + b"\r\n").status == 200


def test_clients_that_do_not_read_are_cut_off_and_nothing_spins(platform, vitals):
    """One of these would make a worker of Pistache spin; the door takes the answers off it at once."""
    with ExitStack() as open_wires, vitals.memory_within(96):
        deaf = [open_wires.enter_context(Wire(platform.endpoints[("order", "cart")[i % 2]], receive_buffer=2048)) for i in range(60)]
        for wire in deaf:
            wire.socket.setblocking(False)
            try:
                wire.socket.send((b"GET /openapi.json HTTP/1.1\r\n" + HOST + b"\r\n") * 400)
            except BlockingIOError:
                pass
        assert all(served(platform, door) for door in DOORS)
        vitals.require_quiet()
        wait_until(lambda: sum(closed(wire) for wire in deaf) == len(deaf), 30, "the door to close them")


def closed(wire: Wire) -> bool:
    """Whether the peer has reset the connection, without reading from it."""
    poll = select.poll()
    poll.register(wire.socket, select.POLLERR | select.POLLHUP | select.POLLRDHUP)
    return bool(poll.poll(0))


def test_connections_that_come_and_go_leave_nothing_behind(platform, vitals):
    """Closed by reset in the middle of a head, of a body, and of an answer."""
    with vitals.memory_within(32):
        for i in range(600):
            wire = Wire(platform.endpoints[DOORS[i % 5]])
            wire.send((GET, POST + b"Content-Length: 100\r\n\r\n{", b"GET /openapi.json HTTP/1.1\r\n" + HOST + b"\r\n")[i % 3])
            wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            wire.socket.close()
        assert all(served(platform, door) for door in DOORS)


def test_a_service_that_hangs_is_a_504_in_time_and_nobody_elses_trouble(platform, vitals):
    """Half a minute, as the door says; requests to it do not pile up in front of the others."""
    pid = vitals.pids["payment-service"]
    kill(pid, signal.SIGSTOP)
    try:
        with ThreadPoolExecutor(20) as pool:
            hanging = [pool.submit(ask, platform.endpoints["payment"], b"GET /payments/none HTTP/1.1\r\n" + HOST + b"\r\n", timeout=60)
                       for _ in range(20)]
            assert all(served(platform, door) for door in DOORS if door != "payment")
            answers = [each.result() for each in hanging]
    finally:
        kill(pid, signal.SIGCONT)
    assert all(answer.status == 504 and answer.is_problem for answer in answers)
    wait_until(platform.ready, 60, "the service to be back")
