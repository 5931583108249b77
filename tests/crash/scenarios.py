"""What is driven while a process dies: everything the shop does, by a client who repeats what was not answered.

A scenario prepares, then acts; what it leaves behind (`Run.outcome`) must be the same whether or not something died meanwhile.
"""

import json
import time
from collections import Counter

import requests

from shop import facts
from shop.api import Client
from shopping import ADDRESS, euro, event, pieces_in
from stack import unique, wait_until

PATIENCE_SECONDS = 60
LOST = (500, 502, 503, 504)


class Run:
    """One go at a scenario, with products, carts and a customer of its own."""

    def __init__(self, platform):
        self.platform = platform
        self.name = unique("run")
        self.admin, self.customer, self.guest = platform.client("admin"), platform.client("customer", self.name), platform.client()
        self.products: list[str] = []
        self.carts: list[str] = []
        self.guests_carts: list[str] = []
        self.orders: list[str] = []

    # --- a client who does not give up

    def insist(self, client: Client, verb: str, service: str, path: str, body=None, *, fine=(200,), **headers) -> requests.Response:
        """Asks until there is an answer, under one key: as a client does whose call may or may not have got through."""
        headers = {"Idempotency-Key": unique("key")} | {name.replace("_", "-"): value for name, value in headers.items()}
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                answer = client.call(verb, service, path, body, headers=headers)
                if answer.status_code not in LOST:
                    assert answer.status_code in fine, f"{verb} {path}: {answer.status_code} {answer.text}"
                    return answer
                last = f"{answer.status_code} {answer.text[:300]}"
            except requests.RequestException as error:
                last = str(error)
            assert time.monotonic() < deadline, f"{verb} {path} was never answered, last: {last}"
            time.sleep(0.03)

    def insist_past_the_door(self, service: str, actor_and_method: str, body) -> None:
        """Calls an actor as a facade does that dies when it has the answer."""

        def answered():
            try:
                answer = requests.put(f"{self.platform.sidecar(service)}/v1.0/actors/{actor_and_method}", json=body, timeout=10,
                                      headers={"dapr-api-token": self.platform.secrets.dapr_api_token})
            except requests.RequestException as error:
                raise AssertionError(error) from error
            assert answer.status_code < 500, answer.text
            return True

        wait_until(answered, PATIENCE_SECONDS, f"an answer of {actor_and_method}")

    # --- what shoppers and admins do

    def product(self, price: int = 1000, stock: int = 100) -> str:
        product = unique(f"{self.name}-p")[:64]
        self.products.append(product)
        body = {"id": product, "name": "Teapot", "category": "kitchen", "price": euro(price), "stock": stock}
        # A create that got through without an answer says on repeating that the id is taken, by itself.
        self.insist(self.admin, "POST", "product", "/products", body, fine=(201, 409))
        return product

    def cart(self, *lines: tuple[str, int]) -> str:
        cart = unique(f"{self.name}-c")[:64]
        self.carts.append(cart)
        for product, quantity in lines:
            self.add(cart, product, quantity)
        return cart

    def guests_cart(self, *lines: tuple[str, int]) -> str:
        cart = unique(f"{self.name}-g")[:64]
        self.guests_carts.append(cart)
        for product, quantity in lines:
            self.add(cart, product, quantity, self.guest)
        return cart

    def add(self, cart: str, product: str, quantity: int, by: Client | None = None) -> None:
        self.insist(by or self.customer, "POST", "cart", f"/carts/{cart}/items", {"productId": product, "quantity": quantity})

    def check_out(self, cart: str, token: str = "tok_approve") -> str:
        body = {"paymentMethod": {"token": token}, "shippingAddress": ADDRESS}
        order = self.insist(self.customer, "POST", "cart", f"/carts/{cart}/checkout", body, fine=(202,)).json()["orderId"]
        self.orders.append(order)
        return order

    def check_out_unseen(self, *lines: tuple[str, int], token: str = "tok_approve") -> str:
        """A checkout past the cart, whose look at the shelf depends on how long ago something was sold."""
        order = unique("order")
        self.orders.append(order)
        held = [{"productId": product, "name": "Teapot", "quantity": quantity, "unitPrice": euro(1000)} for product, quantity in lines]
        data = {"orderId": order, "cartId": f"{self.name}-unseen", "customerId": self.name, "lines": held,
                "total": euro(1000 * sum(quantity for _, quantity in lines)), "paymentMethod": {"token": token}, "shippingAddress": ADDRESS}
        self.platform.publish(event("cart.checkout_completed", "cart-service", data["cartId"], data))
        return order

    def order_is(self, order: str, status: str) -> dict:
        def read():
            answer = self.insist(self.customer, "GET", "order", f"/orders/{order}", fine=(200, 404))
            assert answer.status_code == 200 and answer.json()["status"] == status, answer.text
            return answer.json()

        return wait_until(read, PATIENCE_SECONDS, f"order {order} to be {status}")

    def payment_of(self, order: str) -> dict | None:
        answer = self.insist(self.customer, "GET", "payment", f"/payments?orderId={order}", fine=(200, 404))
        return answer.json() if answer.status_code == 200 else None

    def payment_is(self, order: str, status: str) -> dict:
        def read():
            payment = self.payment_of(order)
            assert payment and payment["status"] == status, payment
            return payment

        return wait_until(read, PATIENCE_SECONDS, f"the payment of {order} to be {status}")

    def pay_anew(self, order: str) -> None:
        payment = self.payment_is(order, "failed")
        self.insist(self.customer, "POST", "payment", f"/payments/{payment['id']}/retry", {"paymentMethod": {"token": "tok_approve"}}, fine=(202,))

    # --- what is left

    def outcome(self) -> dict:
        """Everything that can be seen from outside, without ids and times; and what the actors still mean to do."""
        events = Counter(kind for kind, _ in self._events())
        return {
            "products": [self._product(product) for product in self.products],
            "demand": [self._demand(product) for product in self.products],
            "carts": [self._cart(cart) for cart in self.carts],
            # Without their versions: who goes on with a claim after a death counts as a change.
            "guests' carts": [self._cart(cart) | {"version": None} for cart in self.guests_carts],
            "orders": [self._order(order) for order in self.orders],
            "list": self._listed(),
            "everybody's": self._listed_among_all(),
            "payments": [self._payment(order) for order in self.orders],
            "ledger": self._ledger(),
            "events": dict(sorted(events.items())),
            "unfinished": self.unfinished(),
        }

    def _product(self, product: str):
        answer = self.insist(self.admin, "GET", "product", f"/products/{product}", fine=(200, 404))
        return {key: answer.json()[key] for key in ("price", "stock", "reserved", "available", "version")} if answer.status_code == 200 else None

    def _demand(self, product: str):
        answer = self.insist(self.admin, "GET", "order", f"/demand/{product}", fine=(200, 404))
        return {key: value for key, value in answer.json().items() if key != "productId"} if answer.status_code == 200 else None

    def _cart(self, cart: str):
        seen = self.insist(self.customer, "GET", "cart", f"/carts/{cart}").json()
        items = [(self.products.index(item["productId"]), item["quantity"], item["unitPrice"], item["available"]) for item in seen["items"]]
        return {"items": items, "total": seen["total"], "version": seen["version"], "ordered": seen.get("lastOrderId") in self.orders}

    def _order(self, order: str):
        seen = self.insist(self.customer, "GET", "order", f"/orders/{order}", fine=(200, 404)).json()
        return {"history": [change["status"] for change in seen.get("history", [])], "total": seen.get("total"),
                "version": seen.get("version"), "failure": seen.get("failureReason")}

    def _listed(self):
        if not self.orders:
            return []
        seen = self.insist(self.customer, "GET", "order", "/orders").json()
        return [(item["id"] in self.orders, item["status"]) for item in seen["items"]]

    def _listed_among_all(self):
        """Of the hundred newest: a run's orders are among them."""
        seen = self.insist(self.admin, "GET", "order", "/orders?limit=100").json()
        return [(self.orders.index(item["id"]), item["status"]) for item in seen["items"] if item["id"] in self.orders]

    def _payment(self, order: str):
        seen = self.payment_of(order)
        return seen and {"status": seen["status"], "attempts": [(a["outcome"], a.get("reason")) for a in seen["attempts"]]}

    def _ledger(self):
        found, cursor = [], ""
        while True:
            page = self.insist(self.admin, "GET", "payment", f"/payments/ledger?limit=1000{cursor}").json()
            found += [(entry["kind"], entry["amount"]) for entry in page["items"] if entry["orderId"] in self.orders]
            if "nextCursor" not in page:
                return found
            cursor = f"&cursor={page['nextCursor']}"

    def _mine(self) -> list[str]:
        return self.products + self.carts + self.guests_carts + self.orders

    def _events(self) -> set[tuple[str, str]]:
        """(type, id) of every event of this run that left. One that left twice did so under its own id."""
        payments = [payment["id"] for payment in map(self.payment_of, self.orders) if payment]
        mine = self._mine() + payments
        found = set()
        for app in self.platform.folders:
            for effect, subject in self.platform.effects(app):
                if " publish " in effect and any(f"/{id}/" in subject for id in mine):
                    found.add((effect.split(" publish ")[1], subject))
        return found

    def unfinished(self) -> list[str]:
        """Keys of stored documents that still list events to send, or times at which something is to be done."""
        database, found = self.platform.aws("dynamodb"), []
        mine = self._mine() + [self.name]
        for app in self.platform.folders:
            pages = database.get_paginator("scan").paginate(TableName=facts.name("table", app=app), ConsistentRead=True)
            for item in (item for page in pages for item in page["Items"]):
                key, value = item["key"]["S"], item.get("value", {}).get("S", "")
                if any(id in key or id in value for id in mine) and _wants_more(value):
                    found.append(f"{key}: {value[:2000]}")
        return found


def _wants_more(text: str) -> bool:
    try:
        document = json.loads(text)
    except ValueError:
        return False
    if not isinstance(document, dict):
        return False
    data = document.get("data") or {}
    dated = [name for name in ("tellAt", "askAt", "mergeAt") if isinstance(data, dict) and data.get(name)]
    return bool(document.get("outbox") or document.get("pending") or document.get("tend") or dated)


# --- the scenarios: prepare answers what act is given

def nothing(run):
    return None


def keep_a_catalog(run, _):
    product = run.product()

    def now():
        answer = run.insist(run.admin, "GET", "product", f"/products/{product}", fine=(200, 404))
        return answer.headers.get("ETag"), answer.json()

    etag, seen = now()
    body = {key: seen[key] for key in ("name", "category", "stock")} | {"price": euro(1200)}
    # 412: it got through the first time.
    run.insist(run.admin, "PUT", "product", f"/products/{product}", body, fine=(200, 412), If_Match=etag)
    assert now()[1]["price"] == euro(1200)
    run.insist(run.admin, "POST", "product", f"/products/{product}/stock", {"delta": -5})
    run.insist(run.admin, "DELETE", "product", f"/products/{product}", fine=(204, 404))


def two_products(run):
    return [run.product(), run.product(500)]


def fill_a_cart(run, products):
    cart = run.cart()
    run.add(cart, products[0], 2)
    run.add(cart, products[1], 1)
    run.insist(run.customer, "PUT", "cart", f"/carts/{cart}/items/{products[0]}", {"quantity": 3})
    run.insist(run.customer, "DELETE", "cart", f"/carts/{cart}/items/{products[1]}")


def guests_and_own_cart(run):
    tea, cup = two_products(run)
    return run.guests_cart((tea, 2), (cup, 1)), run.cart((tea, 3))


def claim(run, carts):
    guests, own = carts
    merged = run.insist(run.customer, "POST", "cart", f"/carts/{guests}/claim", {"into": own}).json()
    assert pieces_in(merged) == 6, merged


def begin_a_claim(run, carts):
    """By somebody who does not go on with it: the guest's cart does."""
    guests, own = carts
    run.insist_past_the_door("cart", f"Cart/{guests}/method/Seal", {"by": run.name, "into": own})

    def moved():
        return pieces_in(run.insist(run.customer, "GET", "cart", f"/carts/{own}").json()) == 6 and not pieces_in(
            run.insist(run.guest, "GET", "cart", f"/carts/{guests}").json())

    wait_until(moved, PATIENCE_SECONDS, "the guest's cart to be moved")


def full_cart(run):
    # Few enough that the sale makes it scarce, which is told.
    return run.cart((run.product(stock=7), 3))


def buy(run, cart):
    run.order_is(run.check_out(cart), "confirmed")


def bought(run):
    order = run.check_out(full_cart(run))
    run.order_is(order, "confirmed")
    return order


def ship(run, order):
    run.insist(run.admin, "POST", "order", f"/orders/{order}/ship", {})
    run.order_is(order, "shipped")


def cancel(run, order):
    run.insist(run.customer, "POST", "order", f"/orders/{order}/cancel", {})
    run.payment_is(order, "refunded")


def pay_again(run, cart):
    order = run.check_out(cart, "tok_insufficient_funds")
    run.order_is(order, "payment_failed")
    run.pay_anew(order)
    run.order_is(order, "confirmed")


def pay_at_a_flaky_gateway(run, cart):
    run.order_is(run.check_out(cart, "tok_flaky"), "confirmed")


def run_out_of_time(run, cart):
    order = run.check_out(cart, "tok_insufficient_funds")
    run.order_is(order, "cancelled")
    run.payment_is(order, "cancelled")


def one_piece(run):
    return run.product(stock=1)


def want_the_last_piece(run, product):
    """The first holds it and has not paid yet; the second is told so; then the first pays."""
    first = run.check_out_unseen((product, 1), token="tok_insufficient_funds")
    run.order_is(first, "payment_failed")
    run.order_is(run.check_out_unseen((product, 1)), "cancelled")
    run.pay_anew(first)
    run.order_is(first, "confirmed")


def one_of_two_lines(run):
    return run.product(stock=10), run.product(stock=1)


def want_more_than_there_is(run, products):
    """All lines or none: what there is of the first is not held for want of the second."""
    plenty, scarce = products
    run.order_is(run.check_out_unseen((plenty, 3), (scarce, 2)), "cancelled")


def reserve_and_give_up(run, cart):
    order = run.check_out(cart, "tok_insufficient_funds")
    run.order_is(order, "payment_failed")
    run.insist(run.customer, "POST", "order", f"/orders/{order}/cancel", {})
    run.payment_is(order, "cancelled")


SCENARIOS = {
    "keep a catalog": (nothing, keep_a_catalog),
    "fill a cart": (two_products, fill_a_cart),
    "claim a cart": (guests_and_own_cart, claim),
    "begin a claim": (guests_and_own_cart, begin_a_claim),
    "buy": (full_cart, buy),
    "ship": (bought, ship),
    "cancel": (bought, cancel),
    "pay again": (full_cart, pay_again),
    "pay at a flaky gateway": (full_cart, pay_at_a_flaky_gateway),
    "run out of time": (full_cart, run_out_of_time),
    "reserve and give up": (full_cart, reserve_and_give_up),
    "last piece": (one_piece, want_the_last_piece),
    "all lines or none": (one_of_two_lines, want_more_than_there_is),
}

# What order-service is told for a scenario. The deadline is long enough for a message to come again after a death, and passes
# as many times as fast as all its time.
ENVIRONMENTS = {"run out of time": {"ORDER_PAYMENT_DEADLINE_SECONDS": "300"}}
