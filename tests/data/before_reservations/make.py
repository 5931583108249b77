"""Makes the data of this folder: what a shop holds that is stopped in the middle of its business. See README.md.

`./shop python tests/data/before_reservations/make.py [FOLDER]`, with the services of the version in question built.
"""

import gzip
import json
import os
import sys
import time
from dataclasses import asdict
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "system"))

from stack import Platform, wait_until  # noqa: E402

from shop import facts, ports  # noqa: E402
from shop.evidence import Evidence  # noqa: E402
from shop.shoppers import Book, Checkout, Goods  # noqa: E402

ADDRESS = {"name": "Ada Lovelace", "line1": "12 Mill Lane", "city": "London", "postalCode": "W1", "country": "GB"}
CATEGORIES = ("kitchen", "books", "garden", "toys", "Musik & Töne", "文具")
WORDS = "kettle oak brass linen amber quiet narrow folding northern enamel paper thread lantern orchard copper Tée Größe 湯呑み".split()
LONG = 3_500


class Shop:
    """The shop of the present version, and what its customers were told."""

    def __init__(self, platform: Platform):
        self.platform, self.book = platform, Book()
        self.admin = platform.client("admin")
        self.orders: dict[str, str] = {}  # what it is here for → order
        self.waiting: list[dict] = []
        self.shown: dict[str, dict] = {}  # what the doors showed last: path → answer

    # --- what admins and customers do

    def product(self, id: str, stock: int, number: int = 0, currency: str = "EUR", long: bool = False) -> dict:
        text = " ".join(WORDS[(number * 7 + i * i) % len(WORDS)] for i in range(LONG))[: LONG if long else 60]
        body = {"id": id, "name": f"{WORDS[number % len(WORDS)].title()} No. {number}", "description": text,
                "category": CATEGORIES[number % len(CATEGORIES)], "price": {"amount": 300 + 70 * number, "currency": currency}, "stock": stock}
        if number % 5 == 0:
            body["imageUrl"] = f"https://pictures.example/{id}.png"
        self.book.goods[id] = Goods(id, stock)
        return self.admin.expect(201, "POST", "product", "/products", body)

    def client(self, customer: str | None):
        return self.platform.client("customer", customer) if customer else self.platform.client()

    def cart(self, cart: str, customer: str | None, lines: dict[str, int]) -> None:
        client = self.client(customer)
        for product, quantity in lines.items():
            # A product that was just made is known to the carts a moment later.
            answer = lambda: client.call("POST", "cart", f"/carts/{cart}/items", {"productId": product, "quantity": quantity},  # noqa: E731
                                         headers={"Idempotency-Key": f"{cart}-{product}"}).status_code == 200
            wait_until(answer, 30, f"{product} to be put into {cart}")
            self.book.goods[product].times_added += 1
            self.book.goods[product].units_added += quantity

    def order(self, purpose: str, customer: str | None, lines: dict[str, int], card: str = "tok_approve") -> str:
        cart, key = f"cart-{purpose}", f"key-{purpose}"
        self.cart(cart, customer, lines)
        body = {"paymentMethod": {"token": card}, "shippingAddress": ADDRESS}
        answer = self.client(customer).expect(202, "POST", "cart", f"/carts/{cart}/checkout", body, headers={"Idempotency-Key": key})
        self.orders[purpose] = answer["orderId"]
        self.book.checkouts.append(Checkout(answer["orderId"], cart, customer, lines, answer["total"], card, key, body))
        return answer["orderId"]

    def order_is(self, purpose: str, status: str) -> None:
        look = lambda: self.admin.call("GET", "order", f"/orders/{self.orders[purpose]}").json().get("status") == status  # noqa: E731
        wait_until(look, 60, f"{purpose} to be {status}")

    def bought(self, purpose: str, customer: str | None, lines: dict[str, int]) -> None:
        self.order(purpose, customer, lines)
        self.order_is(purpose, "confirmed")

    def unpaid(self, purpose: str, customer: str | None, lines: dict[str, int], card: str = "tok_insufficient_funds") -> None:
        self.order(purpose, customer, lines, card)
        self.order_is(purpose, "payment_failed")

    def cancel(self, purpose: str) -> None:
        self.admin.expect(200, "POST", "order", f"/orders/{self.orders[purpose]}/cancel", {"reason": "changed my mind"})
        self.checkout(purpose).cancelled = True

    def checkout(self, purpose: str) -> Checkout:
        return next(c for c in self.book.checkouts if c.order == self.orders[purpose])

    def show(self, service: str, *paths: str) -> None:
        """Keeps what clients see there."""
        for path in paths:
            self.shown[path] = self.admin.expect(200, "GET", service, path)

    def payment(self, purpose: str) -> dict:
        return self.admin.expect(200, "GET", "payment", f"/payments?orderId={self.orders[purpose]}")

    # --- what the platform does

    def stop(self, *apps: str) -> None:
        self.platform.stack.supervisor.stop([part for app in apps for part in (app, f"{app}-sidecar")])

    def begin(self, *apps: str) -> None:
        self.platform.begin(*(part for app in apps for part in (app, f"{app}-sidecar")))
        for app in apps:
            wait_until(lambda: self.platform.client().call("GET", app.removesuffix("-service"), "/readyz").status_code == 200, 60, app)

    def broker(self, there: bool) -> None:
        supervisor = self.platform.stack.supervisor
        (supervisor.start if there else supervisor.stop)(["redis"])
        port = facts.Ports(self.platform.stack.workspace.port_offset)["redis"]
        wait_until(lambda: ports.listens(port) == there, 20, "the broker")

    def quiet(self, *apart: str) -> None:
        """Nothing waits in the queues of those who run."""
        evidence = Evidence(self.platform.stack, self.book)
        wait_until(lambda: not any(count for queue, count in evidence.queues().items() if not queue.endswith(apart or ("-",))), 60, "the queues")

    def hold_back(self, app: str) -> None:
        """Keeps what waits for a service that is stopped, and lets its queue begin behind it."""
        redis = self.platform.redis()
        app_facts = next(a for a in facts.apps() if a.id == app)
        for topic, kinds in app_facts.subscriptions().items():
            queue = facts.name("queue", topic=topic, app=app)
            group = next(group for group in redis.xinfo_groups(topic) if group["name"] == queue)
            assert not group["pending"], f"{app} had taken a message and not done it: make the data again"
            for _, fields in redis.xrange(topic, min=f"({group['last-delivered-id']}"):
                event = json.loads(fields["data"])
                if event["type"] in kinds:
                    self.waiting.append({"for": app, "event": event})
            redis.xgroup_setid(topic, queue, "$")


def drive(shop: Shop) -> None:
    for number in range(36):
        shop.product(f"old-{number:02}", 50 + number, number, "JPY" if number % 6 == 5 else "EUR", long=number % 3 == 0)
    shop.product("old-gone", 9, 40)
    shop.product("old-gone-too", 3, 41)
    shop.product("old-last", 2, 42)
    shop.product("old-rivals", 1, 43)
    cheaper = {"name": "Renamed Thread", "category": "garden", "price": {"amount": 199, "currency": "EUR"}}
    shop.cart("cart-open", "ada", {"old-01": 2, "old-02": 1, "old-03": 4})
    shop.cart("cart-guest", None, {"old-04": 1, "old-gone": 1})
    shop.cart("cart-yen", "bert", {"old-11": 3})
    shop.admin.expect(200, "PUT", "product", "/products/old-02", cheaper)
    shop.admin.expect(200, "POST", "product", "/products/old-06/stock", {"delta": 11})
    shop.book.goods["old-06"].restocked += 11
    for gone in ("old-gone", "old-gone-too"):
        shop.admin.expect(204, "DELETE", "product", f"/products/{gone}")
        shop.book.goods[gone].deleted = True

    # Done, one way or the other.
    shop.bought("sold-out", "ada", {"old-last": 2})
    shop.bought("confirmed", "ada", {"old-00": 2, "old-01": 1})
    shop.bought("confirmed-guest", None, {"old-00": 1})
    shop.bought("shipped", "bert", {"old-05": 3})
    shop.admin.expect(200, "POST", "order", f"/orders/{shop.orders['shipped']}/ship", {"trackingNumber": "T-1"})
    shop.checkout("shipped").shipped = True
    shop.bought("cancelled-paid", "ada", {"old-07": 2})
    shop.unpaid("cancelled-unpaid", "bert", {"old-07": 5})
    shop.quiet()  # the pieces are taken before they are given back
    for purpose in ("cancelled-paid", "cancelled-unpaid"):
        shop.cancel(purpose)
    wait_until(lambda: shop.payment("cancelled-paid")["status"] == "refunded", 60, "the refund")
    # Open, for the next version to go on with.
    for purpose, customer in (("pay-again", "ada"), ("pay-again-guest", None), ("give-up", "bert"), ("paid-unheard", "ada")):
        shop.unpaid(purpose, customer, {"old-08": 2, "old-09": 1})
    shop.unpaid("declined", "bert", {"old-09": 1}, "tok_decline")
    shop.unpaid("unpaid-cancelled-untold", "ada", {"old-10": 4})
    shop.bought("cancelled-untold", "bert", {"old-10": 3})
    for purpose in ("rival-1", "rival-2"):
        shop.unpaid(purpose, "carl", {"old-rivals": 1})
    shop.quiet()

    # Two changes of products that are committed and not announced.
    shop.broker(False)
    shop.product("old-unannounced", 20, 44)
    shop.admin.expect(200, "PUT", "product", "/products/old-03", cheaper | {"name": "Unannounced Price"})
    shop.show("product", *(f"/products/{goods.id}" for goods in shop.book.goods.values() if not goods.deleted))
    shop.stop("product-service")
    shop.broker(True)
    # What orders say to a catalog that does not listen.
    shop.bought("confirmed-untold", "ada", {"old-12": 2, "old-13": 1})
    shop.bought("confirmed-cancelled-untold", None, {"old-12": 3})
    for purpose in ("cancelled-untold", "unpaid-cancelled-untold", "confirmed-cancelled-untold"):
        shop.cancel(purpose)
    for purpose in ("cancelled-untold", "confirmed-cancelled-untold"):
        wait_until(lambda: shop.payment(purpose)["status"] == "refunded", 60, "the refund")
    shop.quiet("product-service")
    # A gateway that was asked and did not answer: payment-service means to ask again.
    shop.order("asked", "bert", {"old-14": 1}, "tok_flaky")
    shop.order_is("asked", "created")
    wait_until(lambda: shop.payment("asked")["status"] == "processing", 20, "the gateway to be asked")
    shop.stop("payment-service")
    shop.order("waiting", "ada", {"old-15": 2})
    shop.order("waiting-guest", None, {"old-16": 1})
    shop.order_is("waiting", "created")
    shop.order_is("waiting-guest", "created")
    shop.quiet("product-service", "payment-service")
    shop.show("order", *(f"/orders/{order}" for order in shop.orders.values()))
    shop.show("cart", "/carts/cart-open", "/carts/cart-guest", "/carts/cart-yen")
    shop.stop("order-service")
    shop.hold_back("payment-service")
    shop.begin("payment-service")
    unheard = shop.payment("paid-unheard")["id"]
    shop.admin.expect(202, "POST", "payment", f"/payments/{unheard}/retry", {"paymentMethod": {"token": "tok_approve"}})
    shop.checkout("paid-unheard").paid_anew = True
    wait_until(lambda: shop.payment("paid-unheard")["status"] == "completed", 30, "the payment that nobody hears of")
    shop.stop("payment-service")
    # Checkouts that no order knows of: in the queue, and still in the cart's outbox.
    shop.order("untaken", "ada", {"old-18": 2, "old-19": 1})
    shop.order("untaken-guest", None, {"old-19": 1})
    shop.order("untaken-declined", "bert", {"old-20": 1}, "tok_decline")
    shop.cart("cart-unsent", "ada", {"old-21": 2})
    shop.quiet("product-service", "payment-service", "order-service")
    for app in ("product-service", "payment-service", "order-service"):
        shop.hold_back(app)
    shop.broker(False)
    body = {"paymentMethod": {"token": "tok_approve"}, "shippingAddress": ADDRESS}
    answer = shop.client("ada").expect(202, "POST", "cart", "/carts/cart-unsent/checkout", body, headers={"Idempotency-Key": "key-unsent"})
    shop.orders["unsent"] = answer["orderId"]
    shop.book.checkouts.append(Checkout(answer["orderId"], "cart-unsent", "ada", {"old-21": 2}, answer["total"], "tok_approve", "key-unsent", body))
    shop.stop("cart-service")


def tables(platform: Platform) -> dict[str, list[dict]]:
    """Every item as the store holds it, the sidecars' own values, entity tags and times of expiry with it."""
    pages = platform.aws("dynamodb").get_paginator("scan")
    return {app.id: sorted((item for page in pages.paginate(TableName=facts.name("table", app=app.id), ConsistentRead=True)
                            for item in page["Items"]), key=lambda item: item["key"]["S"]) for app in facts.apps()}


def _by_lines(known: dict) -> str:
    """A line for each thing that is known, so that a difference can be read."""
    dumps = lambda value: json.dumps(value, ensure_ascii=False)  # noqa: E731
    parts = []
    for name, value in known.items():
        if isinstance(value, dict):
            text = "{\n" + ",\n".join(f"  {dumps(key)}: {dumps(one)}" for key, one in value.items()) + "\n}"
        else:
            text = "[\n" + ",\n".join(f"  {dumps(one)}" for one in value) + "\n]" if isinstance(value, list) else dumps(value)
        parts.append(f"{dumps(name)}: {text}")
    return "{\n" + ",\n".join(parts) + "\n}\n"


def main(folder: Path) -> None:
    os.environ["ORDER_PAYMENT_DEADLINE_SECONDS"] = str(7 * 24 * 3600)
    platform = Platform("redis")
    platform.start()
    try:
        shop = Shop(platform)
        drive(shop)
        stored = tables(platform)
    finally:
        platform.stop()
    folder.mkdir(parents=True, exist_ok=True)
    with gzip.GzipFile(folder / "tables.jsonl.gz", "wb", 9, mtime=0) as out:
        for app, items in stored.items():
            for item in items:
                out.write((json.dumps({"app": app, "item": item}, ensure_ascii=False) + "\n").encode())
    (folder / "messages.jsonl").write_text("".join(json.dumps(each, ensure_ascii=False) + "\n" for each in shop.waiting))
    known = {"stoppedAt": time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime()), "orders": shop.orders, "shown": shop.shown,
             "checkouts": [asdict(c) for c in shop.book.checkouts], "goods": [asdict(g) for g in shop.book.goods.values()]}
    (folder / "known.json").write_text(_by_lines(known))


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE)
