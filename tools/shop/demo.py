"""`./shop demo`: the main job, shown once for real, with what happened at every hop."""

import secrets
import time

from . import diagram, journal, samples
from .api import Client
from .console import paint
from .stack import Stack
from .workspace import ShopError

LIMIT_SECONDS = 30
ADDRESS = {"name": "Ada Lovelace", "line1": "12 St James's Square", "city": "London", "postalCode": "SW1Y 4JH", "country": "GB"}
# Its price and its stock are told of, so it is a new one each time.
TEAPOT = ("Teapot", "Kitchen", 2499)
# What goes into the cart with it, from the sample catalog: the first two that are still to be had.
BESIDE = ("breakfast-cup", "darjeeling-first-flush", "linden-honey", "dotted-notebook", "meadow-seeds", "beeswax-candle")
DECIMALS = {"JPY": 0, "KWD": 3}


def tell(platform: Stack) -> int:
    return Story(platform).tell()


class Story:
    def __init__(self, platform: Stack):
        self.platform = platform
        # New names every time, so that the story can be told again on the same data.
        self.run = secrets.token_hex(4)
        self.admin = Client(platform, "admin")
        # A guest: whoever has the link of his order may see it, and the story ends with one.
        self.customer = Client(platform)

    def tell(self) -> int:
        self._title("The shelf is filled")
        shelf = samples.fill(self.platform)
        self._title("An administrator adds a product")
        teapot = self._product(*TEAPOT)
        products = [teapot, *self._to_be_had(shelf)]

        self._title("A guest fills a cart")
        cart = f"cart-{self.run}"
        for product in products:
            self.customer.expect(200, "POST", "cart", f"/carts/{cart}/items", {"productId": product["id"], "quantity": 1})
        self._show_cart(self._cart(cart))

        self._title("The teapot becomes dearer, and the open cart shows it")
        price = {"amount": teapot["price"]["amount"] + 500, "currency": teapot["price"]["currency"]}
        change = {k: teapot[k] for k in ("name", "description", "category", "imageUrl") if teapot.get(k)} | {"price": price}
        self.admin.expect(200, "PUT", "product", f"/products/{teapot['id']}", change)
        repriced = self._until("the cart shows the new price",
                               lambda: self._cart(cart), lambda c: any(i.get("priceChangedFrom") for i in c["items"]))
        self._show_cart(repriced)

        self._title("Checkout with a card that is approved")
        order = self._check_out(cart, "tok_approve")
        self._say(f"order {order['orderId']}, to pay {_money(order['total'])}")
        done = self._order_until(order["orderId"], "confirmed")
        self._show_history(done)
        charges = self._ledger(order["orderId"], "charge", 1)
        self._say(f"ledger    {len(charges)} charge of {_money(charges[0]['amount'])}")
        left = self._until("the stock went down", lambda: self.admin.expect(200, "GET", "product", f"/products/{teapot['id']}"),
                           lambda p: p["stock"] == teapot["stock"] - 1)
        self._say(f"stock     {teapot['stock']} → {left['stock']} {teapot['name']}")

        self._title("Checkout with a card that is declined")
        second = f"cart-{self.run}-declined"
        self.customer.expect(200, "POST", "cart", f"/carts/{second}/items", {"productId": teapot["id"], "quantity": 1})
        refused = self._check_out(second, "tok_decline")
        failed = self._order_until(refused["orderId"], "payment_failed")
        self._show_history(failed)
        self._say(f"ledger    {len(self._ledger(refused['orderId'], 'charge', 0))} charges")

        self._title("What happened at every hop")
        self._show_hops(teapot["id"], [cart, second], [order["orderId"], refused["orderId"]])
        print("\n" + paint("Every step came out as it should.", "green"),
              f"One order's way through the logs: ./shop logs --order {order['orderId']}")
        self._show_next(order["orderId"])
        return 0

    # --- steps

    def _product(self, name: str, category: str, amount: int) -> dict:
        made = self.admin.expect(201, "POST", "product", "/products", {
            "id": f"{category.lower()}-{name.split()[0].strip(',').lower()}-{self.run}", "name": name, "category": category,
            "description": "", "price": {"amount": amount, "currency": "EUR"}, "stock": 10})
        self._say(f"{made['id']:<28} {_money(made['price']):>10}   stock {made['stock']}")
        return made

    @staticmethod
    def _to_be_had(shelf: dict[str, dict]) -> list[dict]:
        found = [shelf[name] for name in BESIDE if shelf[name].get("available", shelf[name]["stock"]) > 0]
        if len(found) < 2:
            raise ShopError("the sample products are sold out; begin anew: ./shop demo --fresh")
        return found[:2]

    def _cart(self, cart: str) -> dict:
        return self.customer.expect(200, "GET", "cart", f"/carts/{cart}")

    def _check_out(self, cart: str, token: str) -> dict:
        body = {"paymentMethod": {"token": token}, "shippingAddress": ADDRESS}
        return self.customer.expect(202, "POST", "cart", f"/carts/{cart}/checkout", body,
                                    headers={"Idempotency-Key": f"{cart}-{self.run}"})

    def _order_until(self, order: str, status: str) -> dict:
        def read():
            answer = self.customer.call("GET", "order", f"/orders/{order}")
            return answer.json() if answer.status_code == 200 else {"status": "on its way"}

        return self._until(f"order {order} is {status}", read, lambda found: found["status"] == status)

    def _ledger(self, order: str, kind: str, count: int) -> list[dict]:
        entries, cursor = [], None
        while True:
            page = self.admin.expect(200, "GET", "payment", "/payments/ledger", params={"cursor": cursor} if cursor else None)
            entries += page["items"]
            cursor = page.get("nextCursor")
            if not cursor:
                break
        found = [e for e in entries if e["orderId"] == order and e["kind"] == kind]
        if len(found) != count:
            raise ShopError(f"the ledger has {len(found)} entries of kind {kind} for order {order}, expected {count}")
        return found

    def _until(self, what: str, read, holds):
        deadline = time.monotonic() + LIMIT_SECONDS
        while True:
            seen = read()
            if holds(seen):
                return seen
            if time.monotonic() > deadline:
                raise ShopError(f"waited {LIMIT_SECONDS} s until {what}; last seen: {seen}")
            time.sleep(0.1)

    # --- showing

    def _show_cart(self, cart: dict) -> None:
        for item in cart["items"]:
            was = item.get("priceChangedFrom")
            note = paint(f"   was {_money(was)}", "yellow") if was else ""
            self._say(f"{item['quantity']} × {item['name']:<24} {_money(item['unitPrice']):>10}{note}")
        self._say(f"{'total':<28} {_money(cart['total']):>10}")

    def _show_history(self, order: dict) -> None:
        for entry in order["history"]:
            reason = f"  ({entry['reason']})" if entry.get("reason") else ""
            self._say(f"{entry['at'][11:23]:<13} {entry['status']}{reason}")

    def _show_hops(self, product: str, carts: list[str], orders: list[str]) -> None:
        names = {product, *carts, *orders}
        files = self.platform.service_logs()

        def ours(record: journal.Record) -> bool:
            identity = record.get("eventId").split("/")
            return bool(names & {*identity, *(record.get(k) for k in ("orderId", "cartId", "productId"))})

        def seen() -> list[diagram.Hop]:
            records = journal.read(files)
            ids = {r.get("eventId") for r in records if r.get("eventId") and ours(r)}
            return diagram.hops(r for r in records if r.get("eventId") in ids)

        # The last event to arrive: the log line follows the state change it tells of.
        found = self._until("the logs show the last event", seen,
                            lambda hops: any(h.event == "order.confirmed" and h.target for h in hops))
        print(diagram.draw(found))
        self._say(f"{len({h.event_id for h in found})} events, {sum(1 for h in found if h.target)} deliveries; "
                  "the time is the publisher's, +ms until the subscriber had handled it")

    def _show_next(self, order: str) -> None:
        shop, page = self.admin.endpoints["product"], self.admin.endpoints["gateway"]
        self._title("Where to look next")
        if self.platform.page_files():
            self._say(f"the shop        {page}/, in a browser")
            self._say(f"this order      {page}/o/{order}")
            self._say(f"back office     {page}/admin, signed in as an administrator")
        self._say(f"search          curl '{shop}/products?q=teapot'")
        self._say(f"a product       curl {shop}/products/uji-matcha")
        self._say(f"its drawing     {shop}/products/uji-matcha/image, in a browser")
        self._say("every part      ./shop status")

    @staticmethod
    def _title(text: str) -> None:
        print("\n" + paint(text, "bold"))

    @staticmethod
    def _say(text: str) -> None:
        print("  " + text)


def _money(money: dict) -> str:
    decimals = DECIMALS.get(money["currency"], 2)
    return f"{money['amount'] / 10**decimals:.{decimals}f} {money['currency']}"
