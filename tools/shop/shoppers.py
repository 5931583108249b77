"""The load of `./shop chaos`: customers who shop, pay, change their minds, and administrators who ship, reprice and restock.

Each is an honest client: every change carries an Idempotency-Key, and what was not answered, or with 5xx, is sent again under
the same key until it is. So in the end the client knows what it has bought, and the audit can hold the shop to it. And nearly
every one follows its order before it goes on, as customers do: a shop that does its work more slowly than it takes it on is not
run over, and how long an order takes is measured.

Who does what follows from the seed and the session's number alone; which thread does it, and when, does not matter.
"""

import heapq
import http.client
import itertools
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from random import Random

from . import credentials, facts
from .stack import Stack, endpoints

ADDRESS = {"name": "Ada Lovelace", "line1": "12 St James's Square", "city": "London", "postalCode": "SW1Y 4JH", "country": "GB"}
# How often out of a hundred: cards, and what becomes of the order.
CARDS = (("tok_approve", 78), ("tok_decline", 8), ("tok_insufficient_funds", 6), ("tok_flaky", 7), ("tok_slow", 1))
DECLINED = ("tok_decline", "tok_insufficient_funds")
ANSWER_SECONDS = 12
# No outage here lasts so long: a request that is not answered by then is a finding, not a hiccup.
PATIENCE_SECONDS = 180
# How long a customer looks for an order, or waits for it to be paid or refused.
WATCHING_SECONDS = 120
# How long a customer who has found the order waits to see it paid or refused before going on.
LINGERING_SECONDS = 10
# Between two looks; it grows, since who waits in a queue must not make it longer.
FIRST_LOOK, LONGEST_LOOK = 0.1, 4.0


class Unanswered(Exception):
    """A request that got no answer for longer than any outage lasts."""


@dataclass
class Checkout:
    """One that the shop has answered with 202, and what its customer knows of it."""

    order: str
    cart: str
    customer: str | None
    lines: dict[str, int]
    total: dict
    card: str
    key: str
    body: dict
    paid_anew: bool = False  # with a good card, after it was declined
    cancelled: bool = False  # by the customer, with 200
    shipped: bool = False


@dataclass
class Goods:
    """A product, as the administrators have put it on the shelf."""

    id: str
    stock: int
    restocked: int = 0
    scarce: bool = False
    deleted: bool = False
    times_added: int = 0
    units_added: int = 0


@dataclass
class Book:
    """What the clients know. The audit needs nothing else from them."""

    checkouts: list[Checkout] = field(default_factory=list)
    goods: dict[str, Goods] = field(default_factory=dict)
    unanswered: list[str] = field(default_factory=list)
    unexpected: list[str] = field(default_factory=list)
    requests: int = 0
    repeated: int = 0
    latency: list[float] = field(default_factory=list)  # seconds, of checkouts
    appeared: list[float] = field(default_factory=list)  # seconds from there until the order could be seen
    refused: int = 0  # checkouts that were told at once that something is out of stock
    too_late: int = 0  # orders seen to have been cancelled for that reason


class Door:
    """A client of one thread: kept connections to the four doors, and patience."""

    def __init__(self, platform: Stack, book: Book, token_of):
        self.addresses = {name: url.removeprefix("http://") for name, url in endpoints(platform.workspace, platform.saved.broker).items()}
        self.book, self.token_of = book, token_of
        self.connections: dict[str, http.client.HTTPConnection] = {}

    def ask(self, method: str, service: str, path: str, body=None, *, who: str | None = None, key: str | None = None,
            patience: float = PATIENCE_SECONDS) -> tuple[int, dict]:
        """The status and JSON of an answer below 500."""
        headers = {"Content-Type": "application/json"} if body is not None else {}
        if who:
            headers["Authorization"] = f"Bearer {self.token_of(who)}"
        if key:
            headers["Idempotency-Key"] = key
        text = json.dumps(body) if body is not None else None
        deadline, pause, why = time.monotonic() + patience, 0.1, ""
        for attempt in itertools.count():
            self.book.requests += 1
            self.book.repeated += attempt > 0
            try:
                status, answer = self._send(method, service, path, text, headers)
                if status < 500:
                    return status, answer
                why = f"{status} {str(answer.get('detail', ''))[:200]}"
            except (OSError, http.client.HTTPException, ValueError) as error:
                self._hang_up(service)
                why = f"{type(error).__name__}: {error}"
            if time.monotonic() > deadline:
                raise Unanswered(f"{method} {path}" + (f" under key {key}" if key else "") + f": {why}")
            time.sleep(pause)
            pause = min(pause * 2, 2)

    def _send(self, method: str, service: str, path: str, text: str | None, headers: dict) -> tuple[int, dict]:
        connection = self.connections.get(service)
        if connection is None:
            connection = http.client.HTTPConnection(self.addresses[service], timeout=ANSWER_SECONDS)
            connection.connect()
            connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.connections[service] = connection
        connection.request(method, path, text, headers)
        answer = connection.getresponse()
        content = answer.read()
        if answer.will_close:
            self._hang_up(service)
        return answer.status, json.loads(content) if content else {}

    def _hang_up(self, service: str) -> None:
        if connection := self.connections.pop(service, None):
            connection.close()


class Tokens:
    """One token a name, made once."""

    def __init__(self, platform: Stack):
        self.platform, self.known = platform, {}

    def __call__(self, who: str) -> str:
        if who not in self.known:
            role = "admin" if who == "admin" else "customer"
            self.known[who] = credentials.bearer_token(self.platform.workspace, role, who)
        return self.known[who]


class Market:
    """All of the load. `run` returns when every session and every afterthought of it is done."""

    def __init__(self, platform: Stack, checkouts: int, seed: int, threads: int, minutes: float | None = None, products: int = 24,
                 may_begin: Callable[[int], bool] = lambda number: True):
        self.platform, self.wanted, self.seed, self.threads = platform, checkouts, seed, threads
        self.may_begin = may_begin  # whether a session, by its number, may begin yet
        self.closing = time.monotonic() + minutes * 60 if minutes else float("inf")
        self.book, self.tokens = Book(), Tokens(platform)
        self.lock = threading.Lock()
        self.begun = 0
        self.afterthoughts: list = []  # (when, number, what): a heap
        self.numbers = itertools.count()
        self.busy = 0
        self.failed: BaseException | None = None
        # Carts and customers come back, so that carts are used again and lists grow over a page.
        self.carts = max(1, checkouts * 2 // 3)
        self.customers = max(1, checkouts // 12)
        self.cart_locks = [threading.Lock() for _ in range(self.carts)]
        self.shelf: list[str] = []  # what can be bought
        self.stopped = threading.Event()
        self.product_count = products

    # --- the shelf

    def open(self) -> None:
        """Puts the goods on the shelf. One in four is scarce: it sells out, and is restocked."""
        door, random = self.door(), Random(f"{self.seed}:goods")
        for number in range(self.product_count):
            self._create(door, random, f"p{self.seed}-{number}", scarce=number % 4 == 3)

    def _create(self, door: Door, random: Random, id: str, scarce: bool) -> None:
        goods = Goods(id, random.randint(5, 30) if scarce else 1_000_000, scarce=scarce)
        status, answer = door.ask("POST", "product", "/products", {
            "id": id, "name": f"Thing {id}", "category": "chaos", "price": _price(random), "stock": goods.stock}, who="admin", key=f"new-{id}")
        if status != 201:
            return self._odd(f"POST /products {id}: {status} {answer}")
        with self.lock:
            self.book.goods[id] = goods
            self.shelf.append(id)

    def keep_shop(self) -> None:
        """An administrator's day, until the load ends: prices change, scarce goods are restocked, some are withdrawn for others."""
        door, random = self.door(), Random(f"{self.seed}:admin")
        for number in itertools.count():
            if self.stopped.wait(random.uniform(0.3, 1.5)):
                return
            try:
                self._mind_shelf(door, random, number)
            except Unanswered as silence:
                self._silent(str(silence))

    def _mind_shelf(self, door: Door, random: Random, number: int) -> None:
        with self.lock:
            goods = self.book.goods[random.choice(self.shelf)]
            scarce = [self.book.goods[id] for id in self.shelf if self.book.goods[id].scarce]
        kind = random.random()
        if kind < 0.5:
            door.ask("PUT", "product", f"/products/{goods.id}", {"name": f"Thing {goods.id}", "category": "chaos", "price": _price(random)},
                     who="admin", key=f"price-{number}")
        elif kind < 0.9 and scarce:
            # Few enough that there is always something of which only the last pieces are left.
            goods, delta = random.choice(scarce), random.choice((-3, -1, 1, 2, 4, 8))
            status, answer = door.ask("POST", "product", f"/products/{goods.id}/stock", {"delta": delta}, who="admin", key=f"stock-{number}")
            if status == 200:
                goods.restocked += delta
            elif status != 409 or delta > 0:  # what orders hold cannot be taken off the shelf
                self._odd(f"POST /products/{goods.id}/stock {delta}: {status} {answer}")
        elif number % 3 == 0:
            self._create(door, random, f"p{self.seed}-new-{number}", goods.scarce)
            with self.lock:
                self.shelf.remove(goods.id)
            status, answer = door.ask("DELETE", "product", f"/products/{goods.id}", who="admin", key=f"gone-{number}")
            goods.deleted = True
            if status != 204:
                self._odd(f"DELETE /products/{goods.id}: {status} {answer}")

    # --- the customers

    def run(self) -> None:
        workers = [threading.Thread(target=self._work, name=f"shopper-{n}", daemon=True) for n in range(self.threads)]
        keeper = threading.Thread(target=self.keep_shop, name="admin", daemon=True)
        for thread in (*workers, keeper):
            thread.start()
        for thread in workers:
            thread.join()
        self.stopped.set()
        keeper.join()
        if self.failed:
            raise self.failed

    def door(self) -> Door:
        return Door(self.platform, self.book, self.tokens)

    def _work(self) -> None:
        door = self.door()
        while not self.failed:
            job = self._next()
            if job is None:
                return
            if job is _IDLE:
                time.sleep(0.05)
                continue
            try:
                job(door)
            except Unanswered as silence:
                self._silent(str(silence))
            except BaseException as error:  # of this program; the run must not go on as if nothing were
                self.failed = error
            finally:
                with self.lock:
                    self.busy -= 1

    def _next(self):
        with self.lock:
            if self.afterthoughts and self.afterthoughts[0][0] <= time.monotonic():
                self.busy += 1
                return heapq.heappop(self.afterthoughts)[2]
            if self.begun < self.wanted and time.monotonic() < self.closing:
                if not self.may_begin(self.begun):
                    return _IDLE
                number = self.begun
                self.begun += 1
                self.busy += 1
                return lambda door: self._session(door, number)
            return _IDLE if self.afterthoughts or self.busy else None

    def _later(self, seconds: float, what) -> None:
        with self.lock:
            heapq.heappush(self.afterthoughts, (time.monotonic() + seconds, next(self.numbers), what))

    def _session(self, door: Door, number: int) -> None:
        random = Random(f"{self.seed}:{number}")
        place = number % self.carts
        cart = f"c{self.seed}-{place}"
        # Some customers come often. A seventh are guests, who have a cart and an order but no list.
        often = Random(f"{self.seed}:cart:{place}")
        customer = None if often.random() < 0.14 else f"customer-{self.seed}-{int(self.customers * often.random() ** 2)}"
        with self.cart_locks[place]:
            checkout = self._shop(door, random, cart, customer, f"{self.seed}-{number}")
        with self.lock:
            self.book.checkouts.append(checkout)
        self._think_again(door, random, checkout)

    def _shop(self, door: Door, random: Random, cart: str, customer: str | None, key: str) -> Checkout:
        steps = itertools.count()
        while True:
            lines = self._fill(door, random, cart, customer, key, steps)
            token = random.choices([card for card, _ in CARDS], [share for _, share in CARDS])[0]
            body = {"paymentMethod": {"token": token}, "shippingAddress": ADDRESS}
            attempt = f"{key}-{next(steps)}"
            started = time.monotonic()
            status, answer = door.ask("POST", "cart", f"/carts/{cart}/checkout", body, who=customer, key=attempt)
            self.book.latency.append(time.monotonic() - started)
            if status == 202:
                return Checkout(answer["orderId"], cart, customer, lines, answer["total"], token, attempt, body)
            if status != 409:
                raise Unanswered(f"POST /carts/{cart}/checkout under key {attempt}: {status} {answer}")
            if answer["type"].endswith(":out_of_stock"):
                self._turned_away(cart, lines, answer)
            # Something in it was withdrawn or sold out meanwhile: an empty cart, and another try.
            door.ask("DELETE", "cart", f"/carts/{cart}", who=customer, key=f"{key}-{next(steps)}")

    def _turned_away(self, cart: str, lines: dict[str, int], answer: dict) -> None:
        """Only what is scarce can be out of stock, and the refusal names which lines."""
        scarce = sum(self.book.goods[product].scarce for product in lines)
        pointers = [error["pointer"] for error in answer.get("errors", [])]
        places = {f"/items/{place}" for place in range(len(lines))}
        if not 1 <= len(pointers) <= scarce or not set(pointers) <= places:
            self._odd(f"POST /carts/{cart}/checkout with {sorted(lines)}: {answer}")
        with self.lock:
            self.book.refused += 1

    def _look_at_shelf(self, cart: str, answer: dict) -> str | None:
        """A line of which the cart says that it cannot be had in this number now."""
        for item in answer["items"]:
            word = item.get("inStock")
            if not isinstance(word, bool) or (item["available"] and not word and not self.book.goods[item["productId"]].scarce):
                self._odd(f"/carts/{cart}: {item}")
        return next((item["productId"] for item in answer["items"] if item.get("inStock") is False), None)

    def _fill(self, door: Door, random: Random, cart: str, customer: str | None, key: str, steps) -> dict[str, int]:
        lines: dict[str, int] = {}
        lacking = None

        def change(method: str, path: str, body=None) -> tuple[int, dict]:
            return door.ask(method, "cart", f"/carts/{cart}{path}", body, who=customer, key=f"{key}-{next(steps)}")

        wanted = random.randint(1, 3)
        while len(lines) < wanted:
            with self.lock:
                product = random.choice(self.shelf)
            quantity = random.randint(1, 3)
            status, answer = change("POST", "/items", {"productId": product, "quantity": quantity})
            if status == 200:
                lines[product] = lines.get(product, 0) + quantity
                with self.lock:
                    goods = self.book.goods[product]
                    goods.times_added += 1
                    goods.units_added += quantity
                lacking = self._look_at_shelf(cart, answer)
            elif status not in (404, 409):  # withdrawn between the look at the shelf and the grip
                self._odd(f"POST /carts/{cart}/items: {status} {answer}")
        if random.random() < 0.3:
            product, quantity = random.choice(sorted(lines)), random.randint(1, 5)
            status, answer = change("PUT", f"/items/{product}", {"quantity": quantity})
            if status == 200:
                lines[product] = quantity
            else:
                self._odd(f"PUT /carts/{cart}/items/{product}: {status} {answer}")
        if len(lines) > 1 and random.random() < 0.2:
            product = random.choice(sorted(lines))
            status, answer = change("DELETE", f"/items/{product}")
            if status == 200:
                del lines[product]
            else:
                self._odd(f"DELETE /carts/{cart}/items/{product}: {status} {answer}")
        if lacking in lines and len(lines) > 1 and random.random() < 0.5:  # the others try all the same
            status, answer = change("DELETE", f"/items/{lacking}")
            if status == 200:
                del lines[lacking]
            else:
                self._odd(f"DELETE /carts/{cart}/items/{lacking}: {status} {answer}")
        return lines

    def _follow(self, door: Door, checkout: Checkout) -> None:
        began, found = time.monotonic(), None
        for pause in pauses():
            status, answer = door.ask("GET", "order", f"/orders/{checkout.order}", who=checkout.customer)
            waited = time.monotonic() - began
            if status == 200:
                if found is None:
                    found = waited
                    self.book.appeared.append(found)
                if answer["status"] != "created" or waited > found + LINGERING_SECONDS:
                    with self.lock:
                        self.book.too_late += _out_of_stock(answer)
                    return
            elif status != 404 or found is not None or waited > WATCHING_SECONDS:
                return self._odd(f"GET /orders/{checkout.order}, {waited:.0f} s after its checkout: {status} {answer}")
            time.sleep(pause)

    def _think_again(self, door: Door, random: Random, checkout: Checkout) -> None:
        """What becomes of the order: most are left alone."""
        chance = random.random()
        hasty = checkout.card not in DECLINED and chance < 0.05  # cancels before there is an order perhaps, or before it is paid
        if not hasty:
            self._follow(door, checkout)
        until = time.monotonic() + WATCHING_SECONDS
        if checkout.card in DECLINED:
            # Another card, or not after all; the rest are left to the deadline.
            if chance < 0.5:
                self._later(1, lambda door: self._pay_anew(door, checkout, until))
            elif chance < 0.8:
                self._later(random.uniform(0, 3), lambda door: self._cancel(door, checkout, until))
        elif hasty:
            self._later(0, lambda door: self._cancel(door, checkout, until))
        elif chance < 0.12:
            self._later(random.uniform(1, 6), lambda door: self._cancel(door, checkout, until))
        elif chance < 0.25:
            self._later(1.5, lambda door: self._ship(door, checkout, until))

    def _cancel(self, door: Door, checkout: Checkout, until: float, looks: Iterator[float] | None = None) -> None:
        looks = looks or pauses()
        status, answer = door.ask("POST", "order", f"/orders/{checkout.order}/cancel", {"reason": "changed my mind"}, who=checkout.customer,
                                  key=f"cancel-{checkout.order}")
        if status == 404 and time.monotonic() < until:  # on its way
            self._later(next(looks), lambda door: self._cancel(door, checkout, until, looks))
        elif status == 200:
            checkout.cancelled = True
        else:
            self._odd(f"POST /orders/{checkout.order}/cancel: {status} {answer}")

    def _pay_anew(self, door: Door, checkout: Checkout, until: float, looks: Iterator[float] | None = None) -> None:
        looks = looks or pauses()
        status, payment = door.ask("GET", "payment", f"/payments?orderId={checkout.order}", who=checkout.customer)
        if status == 200 and payment["status"] == "failed":
            status, _ = door.ask("POST", "payment", f"/payments/{payment['id']}/retry", {"paymentMethod": {"token": "tok_approve"}},
                                 who=checkout.customer, key=f"again-{checkout.order}")
            checkout.paid_anew = status == 202
        elif status == 404 and self._is_too_late(door, checkout):
            return
        elif time.monotonic() < until and (status == 404 or payment.get("status") in ("requested", "processing")):
            self._later(next(looks), lambda door: self._pay_anew(door, checkout, until, looks))

    def _is_too_late(self, door: Door, checkout: Checkout) -> bool:
        """The pieces were gone: there is nothing to pay."""
        status, order = door.ask("GET", "order", f"/orders/{checkout.order}", who=checkout.customer)
        return status == 200 and _out_of_stock(order)

    def _ship(self, door: Door, checkout: Checkout, until: float, looks: Iterator[float] | None = None) -> None:
        looks = looks or pauses()
        status, order = door.ask("GET", "order", f"/orders/{checkout.order}", who="admin")
        if status == 200 and order["status"] == "confirmed":
            status, _ = door.ask("POST", "order", f"/orders/{checkout.order}/ship", {"trackingNumber": "T-1"}, who="admin",
                                 key=f"ship-{checkout.order}")
            checkout.shipped = status == 200
        elif time.monotonic() < until and (status == 404 or order.get("status") == "created"):
            self._later(next(looks), lambda door: self._ship(door, checkout, until, looks))

    def _silent(self, what: str) -> None:
        with self.lock:
            self.book.unanswered.append(what)

    def _odd(self, what: str) -> None:
        with self.lock:
            self.book.unexpected.append(what[:400])


_IDLE = object()


def _out_of_stock(order: dict) -> bool:
    return order["status"] == "cancelled" and order["history"][-1].get("reason") == "out_of_stock"


def pauses() -> Iterator[float]:
    """Seconds between one look and the next, without end."""
    pause = FIRST_LOOK
    while True:
        yield pause
        pause = min(pause * 1.5, LONGEST_LOOK)


def _price(random: Random) -> dict:
    return {"amount": random.randint(100, 20_000), "currency": "EUR"}
