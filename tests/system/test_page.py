"""How the page is served: which paths are its own, what its files say to browsers and caches; and the sign-in that a laptop alone has."""

import gzip
import json
import re

import jwt
import pytest
from stack import unique, wait_until
from test_doors import ask

DOCUMENT = {
    "Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin"}


@pytest.fixture(scope="module")
def gateway(platform) -> str:
    assert platform.stack.page_files(), "the page is not built: ./shop up and ./shop test build it"
    return platform.endpoints["gateway"]


def policy(answer) -> dict[str, str]:
    return dict(each.strip().split(" ", 1) for each in answer.getheader("Content-Security-Policy").split(";"))


def is_document(answer, status: int) -> bool:
    return (answer.status == status and answer.getheader("Content-Type") == "text/html; charset=utf-8" and b'id="app"' in answer.text
            and {name: answer.getheader(name) for name in DOCUMENT} == DOCUMENT)


def is_problem(answer, status: int) -> bool:
    return answer.status == status == json.loads(answer.text)["status"] and answer.getheader("Content-Type") == "application/problem+json"


# --- the document


@pytest.mark.parametrize("path", [
    "/", "/?q=tea&sort=price", "/p/uji-matcha", f"/p/{'a' * 64}", "/cart", "/checkout", "/o/0123456789abcdef", "/account", "/admin", "/admin/products",
    "/admin/products/uji-matcha", "/admin/new", "/admin/import", "/admin/stock", "/admin/orders", "/admin/orders/x_-1", "/admin/payments", "/admin/demand",
    "/admin/demand/uji-matcha"])
def test_the_paths_of_the_page_are_one_document(gateway, path):
    for verb in ("GET", "HEAD"):
        answer = ask(gateway, verb, path)
        assert is_document(answer, 200) if verb == "GET" else answer.status == 200, (answer.status, answer.headers)


@pytest.mark.parametrize("path", [
    "/nothing-here", "/p", "/p/a/b", "/p/a.b", f"/p/{'a' * 65}", "/o", "/carts2", "/checkout/x", "/admin/nothing", "/admin/products/a/b", "/index.html",
    "/built-from", "/favicon.ico", "/%3Cscript%3E", "/.git/config", "/.not-found", "/ops"])
def test_any_other_path_is_the_pages_own_not_found(gateway, path):
    assert is_document(ask(gateway, "GET", path), 404)


@pytest.mark.parametrize("verb, path, status", [("POST", "/nothing-here", 404), ("PUT", "/p", 404), ("POST", "/cart", 405), ("DELETE", "/", 405)])
def test_what_no_browser_shows_is_a_problem(gateway, verb, path, status):
    assert is_problem(ask(gateway, verb, path), status)


@pytest.mark.parametrize("path, status", [
    ("/products/nothing-here", 404), ("/carts/a.b", 404), ("/orders", 401), ("/orders/nothing", 404), ("/payments/nothing", 404),
    ("/actors/x", 404), ("/dapr/config", 404), ("/events/x", 404), ("/internal/x", 404), ("/.page", 404)])
def test_the_services_answer_for_themselves(gateway, path, status):
    assert is_problem(ask(gateway, "GET", path), status)


@pytest.mark.parametrize("path", ["/cart", "/nothing-here"])
def test_nothing_foreign_runs_in_the_page_and_nobody_frames_it(gateway, path):
    has = policy(ask(gateway, "GET", path))
    assert has["default-src"] == has["base-uri"] == has["frame-ancestors"] == "'none'"
    assert {has[name] for name in ("script-src", "style-src", "font-src", "connect-src", "form-action")} == {"'self'"}
    assert has["img-src"] == "'self' blob:"


def test_the_document_is_asked_for_again_each_time_and_seldom_sent(gateway):
    tag = ask(gateway, "GET", "/cart").getheader("ETag")
    assert ask(gateway, "GET", "/checkout", {"If-None-Match": tag}).status == 304
    packed = ask(gateway, "GET", "/cart", {"Accept-Encoding": "gzip"})
    assert packed.getheader("Content-Encoding") == "gzip" and gzip.decompress(packed.text) == ask(gateway, "GET", "/cart").text
    assert "Accept-Encoding" in packed.getheader("Vary")


# --- its files


@pytest.fixture(scope="module")
def assets(gateway) -> list[str]:
    return re.findall(r'(?:src|href)="(/assets/[^"]+)"', ask(gateway, "GET", "/").text.decode())


def test_what_the_document_names_is_there_for_a_year(gateway, assets):
    types = {"js": "text/javascript", "css": "text/css", "svg": "image/svg+xml", "woff2": "font/woff2"}
    assert {"js", "css"} <= {path.rsplit(".", 1)[1] for path in assets}
    for path in assets:
        answer = ask(gateway, "GET", path, {"Accept-Encoding": "gzip"})
        assert answer.status == 200 and answer.getheader("Cache-Control") == "public, max-age=31536000, immutable"
        assert answer.getheader("Content-Type") == types[path.rsplit(".", 1)[1]] and answer.getheader("X-Content-Type-Options") == "nosniff"
        assert answer.getheader("Content-Encoding") == (None if path.endswith(".woff2") else "gzip")


def test_the_document_loads_nothing_from_elsewhere(gateway):
    text = ask(gateway, "GET", "/").text.decode()
    assert not re.search(r"""(?:src|href)=["']?(?:[a-z]+:)?//""", text) and "<style" not in text and "style=" not in text
    assert not re.search(r"<script(?![^>]*\ssrc=)", text)


@pytest.mark.parametrize("path", ["/assets/", "/assets/nothing-1234.js", "/assets/../index.html.gz", "/assets/%2e%2e/nginx.conf", "/assets"])
def test_a_file_that_is_not_there_is_kept_by_nobody(gateway, path):
    answer = ask(gateway, "GET", path)
    assert answer.status == 404 and answer.getheader("Cache-Control") in ("no-store", "no-cache")


def test_the_services_own_doors_have_no_page(platform, gateway):
    for door in ("product", "cart", "order", "payment"):
        for path in ("/", "/cart", "/development"):
            assert is_problem(ask(platform.endpoints[door], "GET", path), 404)


# --- development sign-in


JSON = {"Content-Type": "application/json"}


def sign_in(gateway: str, body, headers: dict | None = None):
    return ask(gateway, "POST", "/development/sign-in", JSON | (headers or {}), body if isinstance(body, bytes) else json.dumps(body).encode())


def test_a_laptop_says_that_it_is_one(gateway):
    answer = ask(gateway, "GET", "/development")
    assert answer.status == 200 and json.loads(answer.text) == {"laptop": True, "gateway": "simulated"} and answer.getheader("Cache-Control") == "no-store"


@pytest.mark.parametrize("role, status", [("admin", 200), ("customer", 403)])
def test_whoever_signs_in_has_a_token_of_his_role_for_a_while(platform, gateway, role, status):
    name = unique("Åsa 李 ")
    answer = sign_in(gateway, {"role": role, "name": f" {name} "})
    assert answer.status == 200 and answer.getheader("Cache-Control") == "no-store"
    token = json.loads(answer.text)["token"]
    claims = jwt.decode(token, platform.secrets.jwt_key, algorithms=["HS256"])
    assert claims["sub"] == name.strip() and claims["role"] == role and 0 < claims["exp"] - claims["iat"] <= 12 * 3600
    assert ask(gateway, "GET", "/payments/ledger", {"Authorization": f"Bearer {token}"}).status == status


def test_the_page_itself_may_sign_in_under_every_name_of_this_machine(gateway):
    port = gateway.rsplit(":", 1)[1]
    for host in (f"127.0.0.1:{port}", f"localhost:{port}", f"[::1]:{port}", "localhost:9999"):
        answer = sign_in(gateway, {"role": "customer", "name": "ada"}, {"Host": host, "Origin": f"http://{host}", "Sec-Fetch-Site": "same-origin"})
        assert answer.status == 200, host


@pytest.mark.parametrize("headers", [
    {"Origin": "https://evil.example"}, {"Origin": "null"}, {"Origin": "http://127.0.0.1:1"}, {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}])
def test_a_page_of_another_origin_signs_nobody_in(gateway, headers):
    answer = sign_in(gateway, {"role": "admin", "name": "ada"}, headers)
    assert is_problem(answer, 403) and b"eyJ" not in answer.text


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:8080", "127.0.0.1@evil.example", "192.168.1.2"])
def test_a_name_that_was_bound_to_this_machine_finds_nothing(gateway, host):
    answer = sign_in(gateway, {"role": "admin", "name": "ada"}, {"Host": host, "Origin": f"http://{host}", "Sec-Fetch-Site": "same-origin"})
    assert answer.status in (400, 404) and b"eyJ" not in answer.text
    assert ask(gateway, "GET", "/development", {"Host": host}).status in (400, 404)


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "text/plain; application/json", ""])
def test_what_a_page_may_send_without_asking_is_refused(gateway, kind):
    assert is_problem(sign_in(gateway, {"role": "admin", "name": "ada"}, {"Content-Type": kind}), 415)


def test_nobody_answers_a_preflight(gateway):
    answer = ask(gateway, "OPTIONS", "/development/sign-in", {
        "Origin": "https://evil.example", "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"})
    assert answer.getheader("Access-Control-Allow-Origin") is None


@pytest.mark.parametrize("body", [
    b"", b"{", b"[]", b"[" * 1000, b"\xff", {"role": "king", "name": "ada"}, {"role": "admin"}, {"name": "ada"}, {"role": "admin", "name": ""},
    {"role": "admin", "name": "  "}, {"role": "admin", "name": "a" * 65}, {"role": "admin", "name": "a\nb"}, {"role": "admin", "name": 7},
    {"role": ["admin"], "name": "ada"}, {"role": "admin", "name": "\ud800"}, {"role": "admin", "name": "ada", "exp": 1}])
def test_bad_input_gets_a_clear_answer(gateway, body):
    answer = sign_in(gateway, body)
    assert is_problem(answer, 400) and len(json.loads(answer.text)["detail"]) > 10


def test_a_body_that_is_too_long_is_not_read(gateway):
    assert is_problem(sign_in(gateway, b"x" * 2000), 413)


def test_other_verbs_and_paths(gateway):
    answer = ask(gateway, "GET", "/development/sign-in")
    assert is_problem(answer, 405) and answer.getheader("Allow") == "POST"
    assert is_problem(ask(gateway, "GET", "/development/nothing"), 404)


def test_a_sign_in_that_is_down_is_said_and_comes_back(platform, gateway):
    platform.end("development")
    try:
        assert is_problem(ask(gateway, "GET", "/development"), 502)
        assert is_document(ask(gateway, "GET", "/account"), 200)
    finally:
        platform.begin("development")
    wait_until(lambda: ask(gateway, "GET", "/development").status == 200, 20, "the sign-in")


# --- the documents


@pytest.mark.parametrize("path, media_type", [
    ("/docs", "text/html; charset=utf-8"), ("/docs/product", "text/html; charset=utf-8"), ("/docs/cart", "text/html; charset=utf-8"),
    ("/docs/order", "text/html; charset=utf-8"), ("/docs/payment", "text/html; charset=utf-8"), ("/docs/events", "text/html; charset=utf-8"),
    ("/docs/documents.css", "text/css; charset=utf-8"), ("/docs/asyncapi.json", "application/json"),
    ("/docs/events/order.created.json", "application/json"), ("/docs/order.openapi.json", "application/json")])
def test_the_documents_are_served_and_run_nothing(gateway, path, media_type):
    answer = ask(gateway, "GET", path)
    assert answer.status == 200 and answer.getheader("Content-Type") == media_type and answer.text, answer.headers
    assert answer.getheader("X-Content-Type-Options") == "nosniff"
    assert policy(answer) == {"default-src": "'none'", "style-src": "'self'", "base-uri": "'none'", "form-action": "'none'", "frame-ancestors": "'none'"}


@pytest.mark.parametrize("path", ["/docs/nothing", "/docs/events/nothing.json", "/docs/../index.html", "/docs/%2e%2e/built-from"])
def test_what_is_no_document_is_not_found(gateway, path):
    assert is_document(ask(gateway, "GET", path), 404)


# --- where the demo says to look


def test_the_demo_ends_with_the_shop_and_an_orders_link_that_opens(platform, gateway, capsys):
    from shop import demo

    assert demo.tell(platform.stack) == 0
    said = capsys.readouterr().out.split("Where to look next")[1]
    assert re.search(rf"the shop +{re.escape(gateway)}/,", said)
    path = re.search(rf"this order +{re.escape(gateway)}(/o/\S+)", said)[1]
    assert is_document(ask(gateway, "GET", path), 200)
    # A guest's: whoever has the link sees it.
    order = ask(gateway, "GET", path.replace("/o/", "/orders/"))
    assert order.status == 200 and json.loads(order.text)["status"] == "confirmed"
