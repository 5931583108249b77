"""A flash sale: many customers, each with one piece of the same product in a cart, check out at the same moment; there is not enough for all.

Each wants one word: bought, or out of stock. Either at the checkout (409) or from the order. How long that takes, from the opening of the
sale, is what is measured; whether it is true, the audit says.
"""

import heapq
import itertools
import os
import signal
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from .evidence import Evidence
from .shoppers import ADDRESS, Book, Checkout, Door, Goods, Tokens, pauses
from .stack import Stack

# A word that takes longer than this is none.
PATIENCE_SECONDS = 180
RESTING_SECONDS = 180


@dataclass
class Sale:
    """What came of it. Seconds are counted from the opening."""

    shoppers: int
    pieces: int
    book: Book = field(default_factory=Book)
    bought: list[float] = field(default_factory=list)  # seconds until each of them knew
    refused: list[float] = field(default_factory=list)  # of those whose checkout was refused
    too_late: list[float] = field(default_factory=list)  # of those whose order was cancelled
    killed: list[tuple[float, str]] = field(default_factory=list)

    @property
    def told(self) -> list[float]:
        return sorted(self.bought + self.refused + self.too_late)

    @property
    def turned_away(self) -> list[float]:
        return sorted(self.refused + self.too_late)

    def __str__(self) -> str:
        def spread(times: Sequence[float]) -> str:
            return "nobody" if not times else f"p50 {_share(times, 50):.1f} s, p99 {_share(times, 99):.1f} s, last {max(times):.1f} s"

        kills = ", ".join(f"{part} at {at:.1f} s" for at, part in self.killed) or "nothing"
        rate = len(self.bought) / max(self.bought) if self.bought else 0
        return "\n".join((
            f"{self.shoppers} shoppers, {self.pieces} pieces; killed: {kills}",
            f"bought        {len(self.bought):>6}   {spread(self.bought)}   {rate:.1f} sales/s",
            f"refused       {len(self.refused):>6}   {spread(self.refused)}",
            f"came too late {len(self.too_late):>6}   {spread(self.too_late)}",
            f"everybody     {len(self.told):>6}   {spread(self.told)}"))


def _share(times: Sequence[float], share: int) -> float:
    ordered = sorted(times)
    return ordered[min(len(ordered) - 1, len(ordered) * share // 100)]


def hold(platform: Stack, shoppers: int, pieces: int, threads: int = 64, kills: Sequence[tuple[float, str]] = (),
         say: Callable[[str], None] = lambda text: None) -> Sale:
    """`kills`: after which share of all words which part is killed (SIGKILL)."""
    sale, tokens, lock = Sale(shoppers, pieces), Tokens(platform), threading.Lock()
    name = f"sale-{os.urandom(4).hex()}"
    local = threading.local()

    def door() -> Door:
        if not hasattr(local, "door"):
            local.door = Door(platform, Book(), tokens)
        return local.door

    body = {"id": name, "name": "Last chance", "category": "sale", "price": {"amount": 4200, "currency": "EUR"}, "stock": pieces}
    status, answer = door().ask("POST", "product", "/products", body, who="admin", key=name)
    if status != 201:
        raise ValueError(f"POST /products: {status} {answer}")
    sale.book.goods[name] = Goods(name, pieces, scarce=True, times_added=shoppers, units_added=shoppers)
    for number in range(shoppers):
        tokens(f"{name}-{number}")  # signing takes longer than a request

    def fill(number: int) -> None:
        status, answer = door().ask("POST", "cart", f"/carts/{name}-{number}/items", {"productId": name, "quantity": 1},
                                    who=f"{name}-{number}", key=f"{name}-fill-{number}")
        if status != 200:
            raise ValueError(f"POST /carts/{name}-{number}/items: {status} {answer}")

    with ThreadPoolExecutor(threads) as pool:
        for done, _ in enumerate(pool.map(fill, range(shoppers))):
            if done % 50 == 0:
                say(f"{done} of {shoppers} carts are filled")

    # A cart looks after itself once, half a minute after the first piece. These were all filled in the same moment, which is no part of
    # the sale.
    evidence, resting = Evidence(platform, sale.book), time.monotonic() + RESTING_SECONDS
    while (reminders := len(evidence.reminders())) and time.monotonic() < resting:
        say(f"{reminders} carts are not at rest yet")
        time.sleep(1)

    # Those who check out do not wait for those who look after their orders, nor the other way; no thread waits for one shopper alone.
    to_check_out = list(reversed(range(shoppers)))
    to_look: list = []  # (when, number, checkout, pauses): a heap
    numbers = itertools.count()
    left = shoppers
    opened = time.monotonic()
    failed: list[BaseException] = []

    def word(times: list[float]) -> None:
        nonlocal left
        with lock:
            times.append(time.monotonic() - opened)
            left -= 1

    def check_out(number: int) -> None:
        who, cart, key = f"{name}-{number}", f"{name}-{number}", f"{name}-buy-{number}"
        content = {"paymentMethod": {"token": "tok_approve"}, "shippingAddress": ADDRESS}
        status, answer = door().ask("POST", "cart", f"/carts/{cart}/checkout", content, who=who, key=key)
        if status == 409 and answer["type"].endswith(":out_of_stock") and answer["errors"]:
            return word(sale.refused)
        if status != 202:
            raise ValueError(f"POST /carts/{cart}/checkout: {status} {answer}")
        checkout = Checkout(answer["orderId"], cart, who, {name: 1}, answer["total"], "tok_approve", key, content)
        with lock:
            sale.book.checkouts.append(checkout)
        look_later(checkout, pauses())

    def look(checkout: Checkout, looks) -> None:
        status, order = door().ask("GET", "order", f"/orders/{checkout.order}", who=checkout.customer)
        if status == 200 and order["status"] == "confirmed":
            return word(sale.bought)
        if status == 200 and order["status"] == "cancelled" and order["history"][-1].get("reason") == "out_of_stock":
            return word(sale.too_late)
        if status not in (200, 404) or (status == 200 and order["status"] != "created"):
            raise ValueError(f"GET /orders/{checkout.order}: {status} {order}")
        look_later(checkout, looks)

    def look_later(checkout: Checkout, looks) -> None:
        with lock:
            heapq.heappush(to_look, (time.monotonic() - opened + next(looks), next(numbers), checkout, looks))

    def work(one) -> None:
        try:
            while left and not failed and time.monotonic() - opened < PATIENCE_SECONDS:
                if not one():
                    time.sleep(0.02)
        except BaseException as error:
            failed.append(error)

    def next_checkout() -> bool:
        with lock:
            number = to_check_out.pop() if to_check_out else None
        if number is not None:
            check_out(number)
        return number is not None

    def next_look() -> bool:
        with lock:
            due = to_look and to_look[0][0] <= time.monotonic() - opened
            job = heapq.heappop(to_look) if due else None
        if job:
            look(*job[2:])
        return job is not None

    def kill() -> None:
        for share, part in sorted(kills):
            while left > shoppers * (1 - share):
                if failed or time.monotonic() - opened > PATIENCE_SECONDS:
                    return
                time.sleep(0.01)
            if pid := platform.supervisor.states()[part]["pid"]:
                os.kill(pid, signal.SIGKILL)
                sale.killed.append((time.monotonic() - opened, part))

    everybody = [threading.Thread(target=kill, daemon=True)]
    everybody += [threading.Thread(target=work, args=(next_checkout,), daemon=True) for _ in range(threads)]
    everybody += [threading.Thread(target=work, args=(next_look,), daemon=True) for _ in range(max(4, threads // 4))]
    for thread in everybody:
        thread.start()
    while any(thread.is_alive() for thread in everybody):
        say(f"{shoppers - left} of {shoppers} know, {len(sale.bought)} have bought")
        time.sleep(0.2)
    if failed:
        raise failed[0]
    return sale
