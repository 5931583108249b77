"""A shop that was stopped before orders reserved their pieces, taken over by the services of today (tests/data/before_reservations)."""

import gzip
import json
import re
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import requests
from shopping import ADDRESS, order_when, problem
from stack import ROOT, Platform, wait_until

from shop import cloud, facts
from shop.audit import audit
from shop.evidence import Evidence
from shop.shoppers import Book, Checkout, Goods
from shop.stack import Stack

pytestmark = pytest.mark.beside("redis")

DATA = ROOT / "tests" / "data" / "before_reservations"
KNOWN = json.loads((DATA / "known.json").read_text())
AGE = datetime.now(UTC) - datetime.fromisoformat(KNOWN["stoppedAt"])
TIME = re.compile(r"\b20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
# When a reminder that was about to come comes, and how often. Not before all of them are registered: who is woken by one arms others.
SOON, PERIOD = timedelta(seconds=8), "30s"


def today(text: str) -> str:
    """The same with every time in it moved, as if the shop had been stopped a moment ago."""
    moved = lambda at: (datetime.fromisoformat(at) + AGE).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"  # noqa: E731
    return TIME.sub(lambda match: moved(match[0]), text)


def items() -> list[tuple[str, dict]]:
    """(app, item) of everything that was stored."""
    found, expiry = [], facts.name("ttlAttribute")
    with gzip.open(DATA / "tables.jsonl.gz", "rt") as lines:
        for line in map(json.loads, lines):
            item = line["item"]
            item["value"]["S"] = today(item["value"]["S"])
            if expiry in item:
                item[expiry]["N"] = str(int(item[expiry]["N"]) + int(AGE.total_seconds()))
            found.append((line["app"], item))
    return found


class Inherited(Stack):
    """Whose tables hold what was stored, before any service looks at them."""

    def _make_resources(self, secrets):
        super()._make_resources(secrets)
        database = cloud.client("dynamodb", self.workspace.port_offset)
        for app, item in items():
            database.put_item(TableName=facts.name("table", app=app), Item=item)


class Heir(Platform):
    def __init__(self, broker: str):
        super().__init__(broker)
        self.stack = Inherited(replace(self.stack.workspace, state=self.stack.workspace.state.with_name(f"{broker}-upgrade")))

    def register_reminders(self, imminent: bool) -> None:
        """Those that the scheduler would still have: each document names its own. Either those that come at any moment, or the
        others, which must be there before anybody is woken who may arm one anew."""
        began = time.monotonic()
        for app, item in items():
            parts = item["key"]["S"].split("||")
            if len(parts) != 4 or parts[3] != "state" or not (tend := json.loads(item["value"]["S"]).get("tend")):
                continue
            left = datetime.fromisoformat(tend["at"]) - datetime.now(UTC)
            if (left < timedelta(minutes=1)) != imminent:
                continue
            due = SOON if imminent else left
            answer = requests.post(f"{self.sidecar(app.removesuffix('-service'))}/v1.0/actors/{parts[1]}/{parts[2]}/reminders/{tend['name']}",
                                   json={"dueTime": f"{due.total_seconds():.0f}s", "period": PERIOD, "data": {"once": False}},
                                   headers={"dapr-api-token": self.secrets.dapr_api_token}, timeout=20)
            assert answer.ok, answer.text
        assert time.monotonic() < began + SOON.total_seconds(), "the first reminders came before the last were registered"


@pytest.fixture(scope="module")
def platform(broker):
    running = Heir(broker)
    running.start()
    running.register_reminders(imminent=False)
    yield running
    running.stop()


@pytest.fixture(scope="module")
def resumed(platform):
    """The platform with its messages and reminders back, and all done that waited in them."""
    platform.register_reminders(imminent=True)
    for line in (DATA / "messages.jsonl").read_text().splitlines():
        platform.publish(json.loads(today(line))["event"])
    for purpose in ("asked", "waiting", "waiting-guest", "paid-unheard", "untaken", "untaken-guest", "unsent"):
        order_when(platform.client("admin"), order(purpose), "confirmed")
    order_when(platform.client("admin"), order("untaken-declined"), "payment_failed")
    return platform


@pytest.fixture(scope="module")
def book() -> Book:
    """What the customers of then know; tests add what customers do now."""
    return Book([Checkout(**one) for one in KNOWN["checkouts"]], {one["id"]: Goods(**one) for one in KNOWN["goods"]})


def order(purpose: str) -> str:
    return KNOWN["orders"][purpose]


def checkout(book: Book, purpose: str) -> Checkout:
    return next(one for one in book.checkouts if one.order == order(purpose))


def shown(path: str) -> dict:
    return json.loads(today(json.dumps(KNOWN["shown"][path])))


def paths(kind: str) -> list[str]:
    return [path for path in KNOWN["shown"] if path.startswith(f"/{kind}/")]


def pieces(admin, product: str) -> tuple[int, int, int]:
    seen = admin.expect(200, "GET", "product", f"/products/{product}")
    return seen["stock"], seen["reserved"], seen["available"]


def listed(client) -> dict[str, dict]:
    found, cursor = [], ""
    while True:
        page = client.expect(200, "GET", "product", f"/products?limit=10{cursor}")
        found += page["items"]
        if "nextCursor" not in page:
            assert len({product["id"] for product in found}) == len(found) == page["total"]
            return {product["id"]: product for product in found}
        cursor = f"&cursor={page['nextCursor']}"


def buy(book: Book, admin, client, cart: str, lines: dict[str, int], token: str = "tok_approve", fill: bool = True) -> Checkout:
    """A checkout of today, in the book; of a cart that holds these lines already unless it is to be filled."""
    for product, quantity in lines.items() if fill else ():
        client.expect(200, "POST", "cart", f"/carts/{cart}/items", {"productId": product, "quantity": quantity})
        book.goods[product].times_added += 1
        book.goods[product].units_added += quantity
    body = {"paymentMethod": {"token": token}, "shippingAddress": ADDRESS}
    answer = client.expect(202, "POST", "cart", f"/carts/{cart}/checkout", body, headers={"Idempotency-Key": f"key-of-{cart}"})
    wait_until(lambda: admin.call("GET", "order", f"/orders/{answer['orderId']}").status_code == 200, 30, "the order")
    customer = admin.expect(200, "GET", "order", f"/orders/{answer['orderId']}").get("customerId")
    book.checkouts.append(Checkout(answer["orderId"], cart, customer, lines, answer["total"], token, f"key-of-{cart}", body))
    return book.checkouts[-1]


def nothing_waits(platform, book: Book) -> None:
    wait_until(lambda: not any(Evidence(platform.stack, book).queues().values()), 30, "the queues to be empty")


# --- at rest: before any message or reminder comes


def test_every_product_is_there_as_it_was(platform, guest):
    everything = listed(guest)
    assert {f"/products/{id}" for id in everything} == set(paths("products"))
    for path in paths("products"):
        was = shown(path)
        for seen in (guest.expect(200, "GET", "product", path), everything[was["id"]]):
            assert {name: seen[name] for name in was} == was


def test_the_list_finds_what_was_stored(platform, guest):
    found = guest.expect(200, "GET", "product", "/products?q=湯呑み&limit=100")["items"]
    assert {product["id"] for product in found} >= {f"old-{number:02}" for number in (17, 35)}
    assert "old-last" not in {product["id"] for product in guest.expect(200, "GET", "product", "/products?inStock=true&limit=100")["items"]}
    counted = {each["name"]: each["count"] for each in guest.expect(200, "GET", "product", "/categories")["items"]}
    categories = [shown(path)["category"] for path in paths("products")]
    assert counted == {name: categories.count(name) for name in categories}


def test_what_was_deleted_stays_deleted(platform, guest):
    for gone in ("old-gone", "old-gone-too"):
        problem(guest.call("GET", "product", f"/products/{gone}"), 404)


def test_every_order_is_there_as_it_was(platform, admin, book):
    for path in paths("orders"):
        was, seen = shown(path), admin.expect(200, "GET", "order", path)
        assert {name: seen[name] for name in was} == was
    for customer in {one.customer for one in book.checkouts if one.customer}:
        there = platform.client("customer", customer).expect(200, "GET", "order", "/orders?limit=100")["items"]
        known = [shown(path) for path in paths("orders")]
        assert sorted(one["id"] for one in there) == sorted(one["id"] for one in known if one.get("customerId") == customer)


def test_every_cart_holds_what_it_held(platform, admin):
    for path in paths("carts"):
        was, seen = shown(path), admin.expect(200, "GET", "cart", path)
        for before, now in zip(was["items"], seen["items"], strict=True):
            assert {name: now[name] for name in before} == before
        assert seen["total"] == was["total"]


# --- the messages and reminders come


def test_what_was_under_way_goes_on(resumed, admin, book):
    for purpose in ("asked", "waiting", "waiting-guest", "paid-unheard", "untaken", "untaken-guest", "unsent"):
        one = checkout(book, purpose)
        seen = order_when(admin, one.order, "confirmed")
        assert {line["productId"]: line["quantity"] for line in seen["lines"]} == one.lines and seen["total"] == one.total


def test_a_change_that_was_committed_and_not_announced_reaches_the_carts(resumed, admin):
    price = {"amount": 199, "currency": "EUR"}

    def there():
        items = {item["productId"]: item for item in admin.expect(200, "GET", "cart", "/carts/cart-open")["items"]}
        return items["old-03"]["unitPrice"] == price and items["old-03"]["priceChangedFrom"] == {"amount": 510, "currency": "EUR"}

    wait_until(there, 30, "the price in the cart")
    wait_until(lambda: admin.call("GET", "order", "/demand/old-unannounced").status_code == 200, 30, "the new product's counters")


def pay(client, purpose: str, token: str = "tok_approve") -> None:
    payment = client.expect(200, "GET", "payment", f"/payments?orderId={order(purpose)}")
    client.expect(202, "POST", "payment", f"/payments/{payment['id']}/retry", {"paymentMethod": {"token": token}})


def test_an_open_order_can_be_paid(resumed, admin, book):
    stock = pieces(admin, "old-08")[0]
    for purpose in ("pay-again", "pay-again-guest"):
        pay(admin, purpose)
        checkout(book, purpose).paid_anew = True
        order_when(admin, order(purpose), "confirmed")
    wait_until(lambda: pieces(admin, "old-08")[0] == stock - 4, 30, "the pieces to be sold")


def test_an_open_order_can_be_given_up(resumed, admin, book):
    for purpose in ("give-up", "declined", "untaken-declined"):
        admin.expect(200, "POST", "order", f"/orders/{order(purpose)}/cancel")
        checkout(book, purpose).cancelled = True
        wait_until(lambda: admin.expect(200, "GET", "payment", f"/payments?orderId={order(purpose)}")["status"] == "cancelled", 30, "the payment's end")


def test_an_open_order_that_holds_nothing_takes_nothing_that_another_holds(resumed, admin, customer, book):
    """Two of them want the one piece that a customer of today has reserved. They were accepted and are charged, as the version that
    accepted them would have done; what is not there they do not get, and what they did not get they do not give back."""
    book.goods["old-rivals"].scarce = True
    held = buy(book, admin, customer, "cart-today", {"old-rivals": 1}, "tok_insufficient_funds")
    order_when(customer, held.order, "payment_failed")
    assert pieces(admin, "old-rivals") == (1, 1, 0)
    for purpose in ("rival-1", "rival-2"):
        pay(admin, purpose)
        checkout(book, purpose).paid_anew = True
        ends = wait_until(lambda: (seen := admin.expect(200, "GET", "order", f"/orders/{order(purpose)}"))["status"] != "payment_failed" and seen, 30)
        assert ends["status"] == "confirmed" or ends["history"][-1]["reason"] == "out_of_stock", ends
    nothing_waits(resumed, book)
    assert pieces(admin, "old-rivals") == (1, 1, 0)
    payment = customer.expect(200, "GET", "payment", f"/payments?orderId={held.order}")
    customer.expect(202, "POST", "payment", f"/payments/{payment['id']}/retry", {"paymentMethod": {"token": "tok_approve"}})
    held.paid_anew = True
    order_when(customer, held.order, "confirmed")
    for purpose in ("rival-1", "rival-2"):
        admin.expect(200, "POST", "order", f"/orders/{order(purpose)}/cancel")
        checkout(book, purpose).cancelled = True
        wait_until(lambda: admin.expect(200, "GET", "payment", f"/payments?orderId={order(purpose)}")["status"] == "refunded", 30, "the refund")
    nothing_waits(resumed, book)
    assert pieces(admin, "old-rivals") == (0, 0, 0)


def test_a_confirmed_order_is_cancelled_with_its_pieces_and_its_money_given_back_once(resumed, admin, book):
    before = pieces(admin, "old-00")
    for purpose in ("confirmed", "confirmed-guest"):
        for _ in range(2):
            admin.expect(200, "POST", "order", f"/orders/{order(purpose)}/cancel")
        checkout(book, purpose).cancelled = True
        wait_until(lambda: admin.expect(200, "GET", "payment", f"/payments?orderId={order(purpose)}")["status"] == "refunded", 30, "the refund")
    wait_until(lambda: pieces(admin, "old-00")[0] == before[0] + 3, 30, "the pieces to come back")


def test_an_inherited_cart_is_bought(resumed, admin, book):
    ada = resumed.client("customer", "ada")
    cart = ada.expect(200, "GET", "cart", "/carts/cart-open")
    one = buy(book, admin, ada, "cart-open", {item["productId"]: item["quantity"] for item in cart["items"]}, fill=False)
    order_when(admin, one.order, "confirmed")


def test_the_books_agree_on_every_line(resumed, book, monkeypatch):
    """None is lost or there twice, and everything left over is done: what is asked of a shop after `./shop chaos`."""
    monkeypatch.setattr("shop.evidence.LONGEST_PLAN", 90)  # an order that is still open has a week to be paid
    evidence = Evidence(resumed.stack, book)
    settled, found = evidence.settle(90), evidence.collect()
    assert settled, (found.queues, found.outboxes, found.unfinished, found.reminders)
    differing = {line.what: (line.expected, line.found, line.concerned) for line in audit(book, found) if not line.ok}
    assert differing == {}


def test_a_product_that_was_deleted_is_made_anew_with_the_next_version(resumed, admin):
    body = {"id": "old-gone", "name": "Back again", "category": "kitchen", "price": {"amount": 100, "currency": "EUR"}, "stock": 4}
    again = admin.expect(201, "POST", "product", "/products", body)
    # Made, deleted, made.
    assert (again["version"], again["stock"], again["reserved"], again["available"]) == (3, 4, 0, 4)
    assert resumed.client().expect(200, "GET", "product", "/products/old-gone") == again
