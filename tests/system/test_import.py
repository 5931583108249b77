"""POST /products/import through the doors: both formats, what is wrong with files and clients, and a service that is killed."""

import http.client
import json
import socket
import subprocess
import threading
import time
from urllib.parse import urlsplit

import pytest
from stack import ROOT, unique, wait_until

NDJSON, CSV = "application/x-ndjson", "text/csv"


def line(product: str, **fields) -> str:
    whole = {"id": product, "name": "Darjeeling", "category": "imported", "price": {"amount": 899, "currency": "EUR"}, "stock": 4} | fields
    return json.dumps({name: value for name, value in whole.items() if value is not None}) + "\n"


class Door:
    def __init__(self, platform, service: str = "product"):
        self.address = urlsplit(platform.endpoints[service]).netloc
        self.admin = platform.token("admin", "admin")

    def post(self, body, kind: str | None = NDJSON, token: str | None = "", **headers):
        """The whole file, then the whole answer."""
        connection = http.client.HTTPConnection(self.address, timeout=60)
        token = self.admin if token == "" else token
        headers |= ({"Content-Type": kind} if kind else {}) | ({"Authorization": f"Bearer {token}"} if token else {})
        connection.request("POST", "/products/import", body if not isinstance(body, str) else body.encode(), headers)
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        return answer, text

    def lines(self, body, kind: str = NDJSON) -> list[dict]:
        answer, text = self.post(body, kind)
        assert answer.status == 200 and answer.headers["Content-Type"] == NDJSON, text
        return [json.loads(each) for each in text.splitlines()]

    def begin(self, length: int, kind: str = NDJSON) -> socket.socket:
        host, port = self.address.split(":")
        client = socket.create_connection((host, int(port)), timeout=30)
        client.sendall((f"POST /products/import HTTP/1.1\r\nHost: shop\r\nAuthorization: Bearer {self.admin}\r\n"
                        f"Content-Type: {kind}\r\nContent-Length: {length}\r\n\r\n").encode())
        return client


def read_until(client: socket.socket, mark: bytes, limit: float = 30) -> bytes:
    text, deadline = b"", time.monotonic() + limit
    while mark not in text and time.monotonic() < deadline:
        piece = client.recv(65536)
        if not piece:
            break
        text += piece
    return text


@pytest.fixture(params=["product", "gateway"])
def door(platform, request):
    return Door(platform, request.param)


def test_products_are_created_replaced_and_left_as_they_are(door, guest):
    one, two = unique("i"), unique("i")
    body = line(one) + "\n" + line(two, name="Assam")
    assert door.lines(body) == [{"line": 1, "id": one, "status": "created"}, {"line": 3, "id": two, "status": "created"}]
    shown = guest.expect(200, "GET", "product", f"/products/{two}")
    assert (shown["name"], shown["stock"], shown["version"]) == ("Assam", 4, 1)
    assert [each["status"] for each in door.lines(body)] == ["unchanged", "unchanged"]
    assert [each["status"] for each in door.lines(line(one) + line(two, stock=9))] == ["unchanged", "replaced"]
    assert guest.expect(200, "GET", "product", f"/products/{two}")["stock"] == 9
    assert guest.expect(200, "GET", "product", f"/products/{one}")["version"] == 1


def test_csv_says_the_same(door, guest):
    one, two = unique("i"), unique("i")
    body = (f"\ufeffid,name,description,category,price.amount,price.currency,stock,imageUrl\r\n"
            f"{one},Tee,\"erste, \"\"zweite\"\"\r\nErnte\",imported,899,EUR,4,\r\n{two},茶,,imported,120,JPY,0,")
    assert door.lines(body, CSV) == [{"line": 2, "id": one, "status": "created"}, {"line": 4, "id": two, "status": "created"}]
    assert guest.expect(200, "GET", "product", f"/products/{one}")["description"] == 'erste, "zweite"\r\nErnte'
    assert door.lines(line(two, name="茶", price={"amount": 120, "currency": "JPY"}, stock=0))[0]["status"] == "unchanged"
    refused, text = door.post("id,name,colour\na,b,red\n", CSV)
    assert refused.status == 400 and refused.headers["Content-Type"] == "application/problem+json" and "colour" in text


def test_a_wrong_line_harms_no_other(door, guest):
    good, bad, last = unique("i"), unique("i"), unique("i")
    answers = door.lines(line(good) + line(bad, name="", stock=-1) + "{\n" + "x" * 70_000 + "\n" + line(last, colour="red") + line(last))
    assert [(each["line"], each["status"]) for each in answers] == [
        (1, "created"), (2, "refused"), (3, "refused"), (4, "refused"), (5, "refused"), (6, "created")]
    assert answers[1]["id"] == bad and {error["pointer"] for error in answers[1]["errors"]} == {"/name", "/stock"}
    assert answers[4]["errors"] == [{"pointer": "/colour", "detail": "is not known here"}]
    guest.expect(404, "GET", "product", f"/products/{bad}")


def test_a_product_without_an_id_is_recognised(door):
    name = unique("Tea")
    (first,) = door.lines(line("", id=None, name=name))
    assert first["status"] == "created" and first["id"]
    assert door.lines(line("", id=None, name=name)) == [first | {"status": "unchanged"}]


def test_a_file_that_ends_in_the_middle_of_a_line_says_so(door):
    one = unique("i")
    answers = door.lines(line(one) + line(unique("i"))[:50])
    assert answers[0]["status"] == "created" and answers[1]["status"] == "refused"
    assert "ends in the middle" in answers[1]["errors"][0]["detail"]


def test_who_may_not_and_what_is_no_file(platform, door):
    product = unique("i")
    for status, options in ((401, {"token": None}), (401, {"token": "nonsense"}), (403, {"token": platform.token("customer", "ada")}),
                            (415, {"kind": "application/json"}), (415, {"kind": None}), (415, {"kind": "text/plain"})):
        answer, text = door.post(line(product), **options)
        assert answer.status == status and answer.headers["Content-Type"] == "application/problem+json", text
        assert json.loads(text)["status"] == status and json.loads(text)["instance"] == "/products/import"
    platform.client().expect(404, "GET", "product", f"/products/{product}")


def test_too_long_a_file_is_told_at_once_if_it_says_so(door):
    with door.begin(100 * 1024 * 1024 + 1) as client:
        text = read_until(client, b"}")
    assert text.startswith(b"HTTP/1.1 413 ") and b"100 MiB" in text


def test_a_product_may_be_called_import(admin, guest):
    body = json.loads(line("import"))
    admin.expect(201, "POST", "product", "/products", body)
    for service in ("product", "gateway"):
        answer = guest.call("GET", service, "/products/import")
        assert answer.status_code == 200 and answer.json()["id"] == "import"
        # With a query too, although none is described, it is this product.
        guest.expect(304, "GET", service, "/products/import?x=1", headers={"If-None-Match": answer.headers["ETag"]})
    assert admin.call("DELETE", "product", "/products/import").status_code == 204
    assert guest.call("GET", "product", "/products/import").status_code == 404


def test_answers_come_while_the_file_is_being_sent(door):
    one, two = unique("i"), unique("i")
    first, second = line(one).encode(), line(two).encode()
    with door.begin(len(first) + len(second)) as client:
        client.sendall(first)
        assert f'"id":"{one}","status":"created"'.encode() in read_until(client, b"created")
        client.sendall(second)
        assert f'"id":"{two}"'.encode() in read_until(client, b"0\r\n\r\n")


def test_a_client_that_leaves_in_the_middle_leaves_what_was_answered(door, guest):
    one = unique("i")
    with door.begin(1000) as client:
        client.sendall(line(one).encode())
        read_until(client, b"created")
        client.sendall(b'{"id":')
    assert guest.expect(200, "GET", "product", f"/products/{one}")["version"] == 1


@pytest.mark.beside("redis")
def test_a_file_far_longer_than_any_buffer_goes_through_while_others_shop(platform, guest):
    """The service is slower than its client by far here; nginx gives up on a service that does not take a body at once."""
    door, many = Door(platform), 2000
    prefix = unique("i")
    body = "".join(line(f"{prefix}-{n % 40}", description="x" * 3900, stock=3, name=f"Tea {n % 40}") for n in range(many))
    slowest, ended = [0.0], threading.Event()

    def shop():
        while not ended.wait(0.05):
            began = time.monotonic()
            guest.expect(200, "GET", "product", "/products", params={"limit": 1})
            slowest[0] = max(slowest[0], time.monotonic() - began)

    shopper = threading.Thread(target=shop)
    shopper.start()
    try:
        answers = door.lines(body)
    finally:
        ended.set()
        shopper.join()
    assert [each["line"] for each in answers] == list(range(1, many + 1))
    assert [each["status"] for each in answers] == ["created"] * 40 + ["unchanged"] * (many - 40)
    assert slowest[0] < 5


@pytest.mark.beside("redis")
def test_an_import_whose_service_is_killed_goes_on_when_it_is_repeated(platform, guest, tmp_path):
    prefix, many = unique("i"), 120
    file = tmp_path / "products.ndjson"
    file.write_text("".join(line(f"{prefix}-{n}") for n in range(many)))
    body = file.read_bytes()
    with Door(platform).begin(len(body)) as client:
        client.sendall(body[: len(body) // 2])
        answered = read_until(client, b'{"line":20,')
        platform.kill("product-service")
        while piece := client.recv(65536):
            answered += piece
    assert b'{"line":20,' in answered and not answered.endswith(b"0\r\n\r\n"), "a broken answer must not look whole"
    wait_until(platform.ready, 60, "product-service")

    def again() -> dict:
        command = [ROOT / "shop", "import", file, "--json", "--state-dir", platform.stack.workspace.state]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    report = again()
    assert report["lines"] == many and report["refused"] == report["replaced"] == 0
    assert report["unchanged"] >= 20 and report["created"] >= many // 2 - 1
    assert guest.expect(200, "GET", "product", f"/products/{prefix}-{many - 1}")["version"] == 1
    assert again()["unchanged"] == many
