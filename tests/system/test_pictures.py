"""Pictures of products through their door: kept whole, served for a year, and nothing that could do more than draw."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from shop import samples
from stack import unique

POLICY = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
DRAWING = b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><path d="M0 0h9"/></svg>'


def jpeg(size: int) -> bytes:
    """A whole one of this length; its scan has NULs and line ends."""
    head = bytes.fromhex("ffd8ffc0000b080001000101011100ffda0008010100003f00")
    scan = bytes((i * 7 + i // 251) % 255 for i in range(size - len(head) - 2))  # never ff
    return head + scan + b"\xff\xd9"


@pytest.fixture
def product(admin):
    def create(**fields) -> str:
        name = unique("p")
        admin.expect(201, "POST", "product", "/products", {
            "id": name, "name": "Teapot", "category": "kitchen", "price": {"amount": 1250, "currency": "EUR"}, "stock": 3} | fields)
        return name

    return create


def put(client, product: str, picture: bytes, kind: str = "image/svg+xml", **headers):
    return client.call("PUT", "product", f"/products/{product}/image", data=picture, headers={"Content-Type": kind} | headers)


def show(client, path: str, **headers):
    return client.call("GET", "product", path, headers=headers)


def test_a_product_shows_the_picture_it_was_given(admin, guest, product):
    name = product()
    assert show(guest, f"/products/{name}/image").status_code == 404
    before = guest.expect(200, "GET", "product", f"/products/{name}")
    assert put(admin, name, DRAWING).status_code == 204
    after = guest.expect(200, "GET", "product", f"/products/{name}")
    assert after["version"] == before["version"] + 1 and after["imageUrl"] == f"/products/{name}/image?v={after['version']}"
    shown = show(guest, after["imageUrl"])
    assert shown.status_code == 200 and shown.content == DRAWING and shown.headers["Content-Type"] == "image/svg+xml"
    assert shown.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert shown.headers["Content-Security-Policy"] == POLICY and shown.headers["X-Content-Type-Options"] == "nosniff"
    fresh = show(guest, after["imageUrl"], **{"If-None-Match": shown.headers["ETag"]})
    assert fresh.status_code == 304 and not fresh.content
    assert "immutable" not in show(guest, f"/products/{name}/image").headers["Cache-Control"]


@pytest.mark.parametrize("size", [100, 250_000, 250_001, 512 * 1024])
def test_every_byte_comes_back(admin, guest, product, size):
    name = product()
    assert put(admin, name, jpeg(size), "image/jpeg").status_code == 204
    shown = show(guest, f"/products/{name}/image")
    assert shown.content == jpeg(size) and shown.headers["Content-Type"] == "image/jpeg"


def test_a_newer_picture_has_an_address_of_its_own_and_the_old_one_is_gone(admin, guest, product):
    name = product()
    put(admin, name, jpeg(400_000), "image/jpeg")
    old = guest.expect(200, "GET", "product", f"/products/{name}")["imageUrl"]
    put(admin, name, DRAWING)
    new = guest.expect(200, "GET", "product", f"/products/{name}")["imageUrl"]
    assert new != old and show(guest, new).content == DRAWING
    shown = show(guest, old)  # never another picture for a year under its name
    assert shown.content == DRAWING and "immutable" not in shown.headers["Cache-Control"]


def test_a_picture_stays_when_the_product_changes_and_goes_with_it(admin, guest, product):
    name = product()
    put(admin, name, DRAWING)
    shown = guest.expect(200, "GET", "product", f"/products/{name}")["imageUrl"]
    admin.expect(200, "PUT", "product", f"/products/{name}", {"name": "Pot", "category": "kitchen", "price": {"amount": 1, "currency": "EUR"}})
    assert guest.expect(200, "GET", "product", f"/products/{name}")["imageUrl"] == shown
    admin.expect(204, "DELETE", "product", f"/products/{name}")
    assert show(guest, f"/products/{name}/image").status_code == 404


def test_a_product_that_names_another_picture_keeps_naming_it(admin, guest, product):
    name = product(imageUrl="https://img.example/pot.png")
    assert put(admin, name, DRAWING).status_code == 204
    assert guest.expect(200, "GET", "product", f"/products/{name}")["imageUrl"] == "https://img.example/pot.png"
    assert show(guest, f"/products/{name}/image").content == DRAWING


@pytest.mark.parametrize("picture, kind, status", [
    (b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>', "image/svg+xml", 422),
    (b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>', "image/svg+xml", 422),
    (b'<!DOCTYPE svg [<!ENTITY x SYSTEM "file:///etc/passwd">]><svg xmlns="http://www.w3.org/2000/svg">&x;</svg>', "image/svg+xml", 422),
    (DRAWING, "image/png", 422),
    (b"", "image/png", 422),
    (b"GIF89a", "image/gif", 415),
    (b"{}", "application/json", 415),
    (jpeg(512 * 1024 + 1), "image/jpeg", 413),
    (jpeg(2_000_000), "image/jpeg", 413),
])
def test_what_is_no_picture_is_refused_and_changes_nothing(admin, guest, product, picture, kind, status):
    name = product()
    before = guest.expect(200, "GET", "product", f"/products/{name}")
    refused = put(admin, name, picture, kind)
    assert refused.status_code == status and refused.headers["Content-Type"] == "application/problem+json"
    assert guest.expect(200, "GET", "product", f"/products/{name}") == before


def test_only_an_administrator_changes_pictures_and_only_of_products(admin, guest, customer, product):
    name = product()
    assert put(guest, name, DRAWING).status_code == 401 and put(customer, name, DRAWING).status_code == 403
    assert put(admin, unique("p"), DRAWING).status_code == 404
    assert put(admin, name, DRAWING, **{"If-Match": "*"}).status_code == 412


def test_pictures_that_come_at_once_leave_one_whole_picture(admin, guest, product):
    name = product()
    pictures = [jpeg(260_000 + i) for i in range(4)]
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda picture: put(admin, name, picture, "image/jpeg").status_code, pictures))
    assert answers == [204] * 4
    found = guest.expect(200, "GET", "product", f"/products/{name}")
    assert found["version"] == 5 and show(guest, found["imageUrl"]).content in pictures


def test_a_repeated_upload_is_carried_out_once(admin, guest, product):
    name = product()
    for _ in range(2):
        assert put(admin, name, DRAWING, **{"Idempotency-Key": "k"}).status_code == 204
    assert guest.expect(200, "GET", "product", f"/products/{name}")["version"] == 2


def test_the_sample_drawings_are_taken(admin, guest, product):
    for sample in samples.products()[::12]:
        name = product()
        drawing = samples.drawing(sample["id"])
        assert put(admin, name, drawing).status_code == 204
        assert show(guest, f"/products/{name}/image").content == drawing
