"""What the doors add to the services' answers: compression, one way to write a path, and what pages of other origins may do. All of it
through the real nginx, in front of the real services."""

import gzip
import json
from contextlib import contextmanager
from dataclasses import replace
from http.client import HTTPConnection

import pytest
import requests
from shopping import create_product, euro
from stack import unique, wait_until
from test_platform import raw

SHOP = "https://shop.example"
LOCAL = "http://127.0.0.1:3000"


def ask(address: str, verb: str, path: str, headers: dict | None = None, body: bytes | None = None):
    """The answer as it came over the wire, with nothing decoded or followed."""
    connection = HTTPConnection(address.removeprefix("http://"), timeout=20)
    try:
        connection.request(verb, path, body, headers or {})
        answer = connection.getresponse()
        answer.text = answer.read()
        return answer
    finally:
        connection.close()


# --- compression


@pytest.fixture(scope="module")
def long_product(platform) -> dict:
    return create_product(platform.client("admin"), description="A pot for tea. " * 100)


@pytest.fixture(scope="module")
def authorization(platform) -> dict[str, str]:
    return {"Authorization": f"Bearer {platform.token('admin', 'admin')}", "Content-Type": "application/json"}


def whole(product: dict) -> bytes:
    return json.dumps({name: product[name] for name in ("name", "description", "category", "price")}).encode()


@pytest.mark.parametrize("door", ["product", "gateway"])
def test_a_long_answer_is_compressed_for_whoever_takes_it(platform, long_product, door):
    address, path = platform.endpoints[door], f"/products/{long_product['id']}"
    plain, packed = ask(address, "GET", path), ask(address, "GET", path, {"Accept-Encoding": "gzip"})
    assert plain.getheader("Content-Encoding") is None and packed.getheader("Content-Encoding") == "gzip"
    assert gzip.decompress(packed.text) == plain.text and len(packed.text) < len(plain.text) / 2
    for answer in (plain, packed):
        assert "Accept-Encoding" in answer.getheader("Vary") and answer.getheader("Cache-Control") == "no-cache"
    assert packed.getheader("ETag") == "W/" + plain.getheader("ETag")


def test_lists_and_descriptions_of_the_interface_are_compressed_too(platform, long_product):
    for path in ("/products?limit=100", "/openapi.json"):
        assert ask(platform.endpoints["product"], "GET", path, {"Accept-Encoding": "gzip"}).getheader("Content-Encoding") == "gzip", path


def test_a_short_answer_is_left_as_it_is(platform):
    answer = ask(platform.endpoints["product"], "GET", f"/products/{unique('none')}", {"Accept-Encoding": "gzip"})
    assert answer.status == 404 and answer.getheader("Content-Encoding") is None and answer.text.startswith(b"{")


def test_the_tag_of_a_compressed_answer_is_good_for_asking_again(platform, long_product):
    address, path = platform.endpoints["product"], f"/products/{long_product['id']}"
    tag = ask(address, "GET", path, {"Accept-Encoding": "gzip"}).getheader("ETag")
    again = ask(address, "GET", path, {"Accept-Encoding": "gzip", "If-None-Match": tag})
    assert again.status == 304 and again.text == b""
    assert again.getheader("ETag") == tag.removeprefix("W/") and "Accept-Encoding" in again.getheader("Vary")


def test_the_tag_of_a_compressed_answer_is_good_for_one_change(platform, authorization):
    product = create_product(platform.client("admin"), description="A cup for tea. " * 100)
    address, path = platform.endpoints["product"], f"/products/{product['id']}"
    tag = ask(address, "GET", path, {"Accept-Encoding": "gzip"}).getheader("ETag")
    assert tag.startswith("W/")
    changed = ask(address, "PUT", path, {**authorization, "If-Match": tag}, whole(product | {"price": euro(2)}))
    assert changed.status == 200, changed.text
    late = ask(address, "PUT", path, {**authorization, "If-Match": tag}, whole(product | {"price": euro(3)}))
    assert late.status == 412, late.text


# --- private answers


def test_what_is_private_is_kept_by_nobody(platform):
    for service, path in (("cart", f"/carts/{unique('cart')}"), ("cart", "/carts/a.b"), ("order", f"/orders/{unique('o')}"),
                          ("order", "/orders"), ("payment", f"/payments/{unique('p')}"), ("payment", "/payments/ledger")):
        answer = ask(platform.endpoints[service], "GET", path)
        assert answer.getheader("Cache-Control") == "no-store", (path, answer.status)
        assert "Authorization" in answer.getheader("Vary"), (path, answer.status)
        assert answer.getheader("X-Content-Type-Options") == "nosniff", (path, answer.status)


def test_what_is_asked_for_is_in_no_log_but_its_path(platform):
    secret = unique("secret")
    assert ask(platform.endpoints["cart"], "GET", f"/carts/{unique('cart')}?access_token={secret}").status in (200, 400)
    path = f"/carts/{unique('cart')}"
    ask(platform.endpoints["cart"], "GET", path)
    wait_until(lambda: [line for line in platform.log("gateway") if line.get("path") == path], 20, "the door's log")
    for part in ("gateway", "cart-service", "cart-service-sidecar"):
        assert secret not in platform.stack.workspace.log_of(part).read_text(errors="replace"), part


def test_a_list_may_be_a_second_old(platform, long_product):
    for path in ("/products", "/categories"):
        assert ask(platform.endpoints["product"], "GET", path).getheader("Cache-Control") == "max-age=1, stale-while-revalidate=5"


# --- a slash too many


@pytest.mark.parametrize("path, better", [
    ("/products/", "/products"), ("/products/?q=tea&limit=1", "/products?q=tea&limit=1"), ("/products/a%2Fb/", "/products/a%2Fb"),
    ("/products/?next=//evil.example/", "/products?next=//evil.example/"), ("/x//y/", "/x//y"), ("/a/", "/a")])
@pytest.mark.parametrize("door", ["product", "gateway"])
def test_one_slash_at_the_end_is_redirected(platform, door, path, better):
    for verb in ("GET", "POST"):
        answer = ask(platform.endpoints[door], verb, path)
        assert (answer.status, answer.getheader("Location")) == (308, better)


def test_who_follows_arrives(platform, long_product):
    answer = requests.get(f"{platform.endpoints['product']}/products/{long_product['id']}/", timeout=20)
    assert answer.status_code == 200 and answer.json()["id"] == long_product["id"]


@pytest.mark.parametrize("path", [
    "//evil.example/", "///evil.example/", "/\\evil.example/", "/\\/evil.example/", "/products//", "//", "/products/%2F", "/products%2F", "/./",
    "/actors/", "/dapr/", "/events/", "/internal/", "/internal/products/1/", "/products/../internal/", "/.problem/400/", "/evil\x7f/",
    "http://evil.example//evil.example/"])
@pytest.mark.parametrize("door", ["product", "gateway"])
def test_a_redirect_leads_nowhere_else(platform, door, path):
    answer = raw(platform.endpoints[door], f"GET {path} HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n".encode())
    # With slashes and dots alone it is the page's own root (test_page.py).
    fine = (b"400", b"404", b"200") if door == "gateway" and not path.strip("/.") else (b"400", b"404")
    assert answer.split(b" ", 2)[1] in fine and b"\r\nLocation:" not in answer, answer[:300]


def test_the_root_is_not_redirected(platform):
    assert ask(platform.endpoints["product"], "GET", "/").status == 404


# --- pages of other origins

CROSS_ORIGIN = ("Access-Control-Allow-Origin", "Access-Control-Allow-Methods", "Access-Control-Allow-Headers", "Access-Control-Allow-Credentials",
                "Access-Control-Expose-Headers", "Access-Control-Max-Age")
PREFLIGHT = {"Origin": SHOP, "Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "content-type,if-match"}


def said(answer) -> dict[str, str]:
    return {name: answer.getheader(name) for name in CROSS_ORIGIN if answer.getheader(name) is not None}


def lets_in(platform, origin: str) -> bool:
    return bool(said(ask(platform.endpoints["product"], "GET", "/healthz", {"Origin": origin})))


def allowed(answer) -> set[str]:
    """What the service itself says of a path."""
    return set(answer.getheader("Allow").split(", "))


@contextmanager
def allowing(platform, origins: str):
    """As `SHOP_ALLOWED_ORIGINS=… ./shop up` does it, on a platform that runs."""
    before = platform.stack.saved
    pids = {part["name"]: part["pid"] for part in platform.status()["parts"]}
    try:
        platform.stack.up(replace(before, origins=origins), compile=False, quiet=True)
        assert {part["name"]: part["pid"] for part in platform.status()["parts"]} == pids, "only the doors' configuration changes"
        wait_until(lambda: lets_in(platform, SHOP), 20, "nginx to take its configuration in")
        yield
    finally:
        platform.stack.up(before, compile=False, quiet=True)
        wait_until(lambda: not lets_in(platform, SHOP), 20, "nginx to take its configuration in")


@pytest.fixture(scope="module")
def open_platform(platform):
    with allowing(platform, f"{SHOP}, {LOCAL}"):
        yield platform


class TestAtFirst:
    """Before `open_platform`, as every platform is at first."""

    def test_no_other_origin_may_call(self, platform):
        answer = ask(platform.endpoints["cart"], "GET", f"/carts/{unique('cart')}", {"Origin": SHOP})
        assert answer.status == 200 and said(answer) == {} and "Origin" not in (answer.getheader("Vary") or "")

    def test_a_preflight_is_only_an_options_request(self, platform):
        answer = ask(platform.endpoints["product"], "OPTIONS", "/products/tea", PREFLIGHT)
        assert answer.status == 204 and said(answer) == {} and allowed(answer) == {"GET", "HEAD", "PUT", "DELETE", "OPTIONS"}


class TestNamedOrigins:
    @pytest.mark.parametrize("door, path, status", [
        ("product", "/products", 200), ("gateway", "/products", 200), ("product", "/products/a.b", 404), ("order", "/orders", 401),
        ("gateway", "/products/nothing-here", 404), ("cart", "/internal/x", 404), ("cart", "/carts/x/", 308), ("cart", "/" + "a" * 9000, 414)])
    @pytest.mark.parametrize("origin", [SHOP, LOCAL])
    def test_its_pages_see_every_answer_errors_included(self, open_platform, door, path, status, origin):
        answer = ask(open_platform.endpoints[door], "GET", path, {"Origin": origin})
        assert answer.status == status
        if status == 414:  # its head was never read: nobody knows who asked
            return
        assert said(answer) == {"Access-Control-Allow-Origin": origin, "Access-Control-Expose-Headers": "ETag, Location, Retry-After"}
        assert "Origin" in ", ".join(answer.headers.get_all("Vary"))

    @pytest.mark.parametrize("origin", [
        "https://evil.example", "https://shop.example.evil.example", "https://evilshop.example", "http://shop.example", "https://shop.example:444",
        "null", "*", "https://shop.example/", "https://shop.example https://evil.example", None])
    def test_no_other_pages_do(self, open_platform, origin):
        answer = ask(open_platform.endpoints["product"], "GET", "/products", {"Origin": origin} if origin else {})
        assert answer.status == 200 and said(answer) == {}
        assert "Origin" in ", ".join(answer.headers.get_all("Vary")), "who keeps this must not show it to pages that may see it"

    def test_a_preflight_is_answered_by_the_door(self, open_platform):
        with open_platform.paused("cart-service"):
            answer = ask(open_platform.endpoints["cart"], "OPTIONS", "/carts/x", PREFLIGHT)
        assert answer.status == 204 and answer.text == b""
        granted = said(answer)
        assert granted.pop("Access-Control-Allow-Origin") == SHOP and "PUT" in granted["Access-Control-Allow-Methods"].split(", ")
        assert {"Authorization", "Content-Type", "Idempotency-Key", "If-Match"} <= set(granted["Access-Control-Allow-Headers"].split(", "))
        assert "Access-Control-Allow-Credentials" not in granted and "*" not in "".join(granted.values())

    def test_a_preflight_of_another_origin_is_granted_nothing(self, open_platform):
        answer = ask(open_platform.endpoints["product"], "OPTIONS", "/products/tea", PREFLIGHT | {"Origin": "https://evil.example"})
        assert said(answer) == {} and allowed(answer) == {"GET", "HEAD", "PUT", "DELETE", "OPTIONS"}

    def test_other_options_requests_are_the_services(self, open_platform):
        answer = ask(open_platform.endpoints["product"], "OPTIONS", "/products/tea", {"Origin": SHOP})
        assert answer.status == 204 and allowed(answer) == {"GET", "HEAD", "PUT", "DELETE", "OPTIONS"}

    def test_a_problem_of_the_door_is_readable_too(self, open_platform):
        answer = ask(open_platform.endpoints["cart"], "POST", "/carts/x/items", {"Origin": SHOP}, b"x" * (1024 * 1024 + 1))
        assert answer.status == 413 and said(answer)["Access-Control-Allow-Origin"] == SHOP
        assert answer.getheader("Content-Type") == "application/problem+json" and answer.getheader("Cache-Control") == "no-store"
