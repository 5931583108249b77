"""The sample catalog is one that the shop takes, and worth a look. That every drawing passes the shop's own check is tested in C++."""

import re
import unicodedata
from collections import Counter

from shop import samples

PRODUCTS = samples.products()
FIELDS = {"id", "name", "description", "category", "price", "stock"}


def test_there_are_six_categories_of_eight():
    assert len(PRODUCTS) == 48 and set(Counter(p["category"] for p in PRODUCTS).values()) == {8}
    assert len({p["category"] for p in PRODUCTS}) == 6


def test_ids_names_and_descriptions_are_their_own():
    for field in ("id", "name", "description"):
        assert len({p[field] for p in PRODUCTS}) == 48, field


def test_every_line_has_the_fields_of_an_import_within_their_limits():
    for product in PRODUCTS:
        assert product.keys() == FIELDS, product["id"]
        assert re.fullmatch(r"[A-Za-z0-9_-]{1,64}", product["id"])
        assert 3 <= len(product["name"]) <= 60 and 2 <= len(re.findall(r"[.:;!?](?:\s|$)", product["description"])), product["id"]
        assert 100 <= len(product["description"]) <= 400, product["id"]
        assert all(text == unicodedata.normalize("NFC", text) == text.strip() for text in (product["name"], product["description"], product["category"]))
        assert product["price"].keys() == {"amount", "currency"} and type(product["price"]["amount"]) is int and product["price"]["amount"] > 0
        assert type(product["stock"]) is int and product["stock"] > 0


def test_three_numbers_of_decimals_and_a_few_last_pieces():
    assert Counter(p["price"]["currency"] for p in PRODUCTS) == {"EUR": 40, "JPY": 4, "KWD": 4}
    assert sum(p["stock"] <= 3 for p in PRODUCTS) == 2


def test_search_has_several_scripts_to_show():
    texts = " ".join(p["name"] + p["description"] for p in PRODUCTS)
    scripts = {unicodedata.name(c).split()[0] for c in texts if c.isalpha()}
    assert {"LATIN", "CJK", "HIRAGANA", "ARABIC", "ETHIOPIC"} <= scripts
    assert any(unicodedata.decomposition(c) for c in texts)


def test_each_has_a_drawing_of_its_own():
    drawings = {p["id"]: samples.drawing(p["id"]) for p in PRODUCTS}
    assert {file.stem for file in (samples.FOLDER / "pictures").iterdir()} == drawings.keys()
    bodies = {drawing.split(b"</title>")[1] for drawing in drawings.values()}
    assert len(bodies) == 48
    for product, drawing in drawings.items():
        assert len(drawing) <= 4096 and b'viewBox="0 0 400 400"' in drawing, product


class FakeShop:
    """Answers as the product service does, for the requests of `fill`."""

    def __init__(self):
        self.kept, self.writes = {}, []

    def client(self, *_):
        shop = self

        class Answer:
            def __init__(self, status, body=None):
                self.status_code, self.body, self.text = status, body, str(body)

            def json(self):
                return self.body

        class Client:
            def call(self, method, _, path, body=None, **options):
                name = path.split("/")[2] if path.count("/") > 1 else None
                if method != "GET":
                    shop.writes.append((method, path))
                if method == "POST":
                    shop.kept[body["id"]] = body | {"imageUrl": ""}
                    return Answer(201, body)
                if name not in shop.kept:
                    return Answer(404)
                if method == "PUT":
                    assert options["data"].startswith(b"<svg") and options["headers"] == {"Content-Type": "image/svg+xml"}
                    shop.kept[name] |= {"imageUrl": f"/products/{name}/image?v=2"}
                    return Answer(204)
                return Answer(200, shop.kept[name])

            def expect(self, status, *request, **options):
                answer = self.call(*request, **options)
                assert answer.status_code == status
                return answer.body

        return Client()


def test_an_empty_shop_is_filled_once(monkeypatch):
    shop = FakeShop()
    monkeypatch.setattr(samples, "Client", shop.client)
    assert samples.fill(None).keys() == {p["id"] for p in PRODUCTS}
    assert len(shop.writes) == 96
    shop.writes.clear()
    samples.fill(None)
    assert shop.writes == []


def test_what_an_interruption_left_is_finished_and_what_somebody_changed_stays(monkeypatch):
    shop = FakeShop()
    monkeypatch.setattr(samples, "Client", shop.client)
    samples.fill(None)
    shop.writes.clear()
    shop.kept["moka-pot"]["imageUrl"] = ""
    shop.kept["straw-hat"] |= {"name": "A hat", "imageUrl": "https://img.example/hat.png"}
    del shop.kept["silk-kite"]
    shelf = samples.fill(None)
    assert set(shop.writes) == {("PUT", "/products/moka-pot/image"), ("POST", "/products"), ("PUT", "/products/silk-kite/image")}
    assert shelf["straw-hat"]["name"] == "A hat"
