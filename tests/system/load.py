"""Shoppers who keep adding to carts of their own whatever happens to the platform, and know what they were promised."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

import requests
from shopping import pieces_in
from stack import unique, wait_until


# A line of a cart has at most 999 pieces.
CART_PIECES = 900


@dataclass
class Cart:
    id: str = field(default_factory=lambda: unique("cart"))
    pieces: int = 0
    """Adds that were acknowledged."""


@dataclass
class Shopper:
    """Adds one piece after the other, and takes another cart when one is full; an add that got no clear answer is repeated
    under its own key until it gets one."""

    client: object
    product: str
    carts: list[Cart] = field(default_factory=lambda: [Cart()])
    repeats: int = 0
    longest: float = 0.0
    wrong: list[str] = field(default_factory=list)

    @property
    def cart(self) -> Cart:
        """The one in use."""
        return self.carts[-1]

    @property
    def acknowledged(self) -> int:
        return sum(cart.pieces for cart in self.carts)

    def add(self, patience: float = 90) -> None:
        if self.cart.pieces == CART_PIECES:
            self.carts.append(Cart())
        key, began = unique("add"), time.monotonic()
        while True:
            try:
                answer = self.client.call("POST", "cart", f"/carts/{self.cart.id}/items", {"productId": self.product, "quantity": 1},
                                          headers={"Idempotency-Key": key})
                if answer.status_code == 200:
                    break
                failure = f"{answer.status_code} {answer.text[:200]}"
                if answer.status_code < 500:
                    self.wrong.append(failure)
                    return
            except requests.RequestException as error:
                failure = repr(error)
            self.repeats += 1
            if time.monotonic() - began > patience:
                self.wrong.append(f"no answer in {patience} s, at last: {failure}")
                return
            time.sleep(0.1)  # as a client that means well
        self.cart.pieces += 1
        self.longest = max(self.longest, time.monotonic() - began)

    def differences(self) -> dict[str, str]:
        """The carts that hold something else than was acknowledged."""
        found = {}
        for cart in self.carts:
            bought = pieces_in(self.client.expect(200, "GET", "cart", f"/carts/{cart.id}"))
            if bought != cart.pieces:
                found[cart.id] = f"{bought} there, {cart.pieces} promised"
        return found


class Shoppers:
    def __init__(self, everybody: list[Shopper]):
        self.everybody = everybody

    def get_on(self, adds: int = 5, limit: float = 60) -> None:
        """Waits until each of them has had that many more adds acknowledged: nobody is left waiting."""
        before = [shopper.acknowledged for shopper in self.everybody]

        def all_did():
            slow = [s.cart.id for s, count in zip(self.everybody, before) if s.acknowledged < count + adds and not s.wrong]
            assert not slow, f"{slow} wait"
            return True

        wait_until(all_did, limit, "every shopper to get on")

    def check(self) -> None:
        """Nothing is lost and nothing is there twice."""
        wrong = [s.wrong for s in self.everybody if s.wrong]
        assert not wrong, wrong
        wrong = [differences for s in self.everybody if (differences := s.differences())]
        assert not wrong, wrong

    @property
    def longest(self) -> float:
        """Seconds that the slowest add took, repeats included."""
        return max(shopper.longest for shopper in self.everybody)

    def __str__(self) -> str:
        return (f"{sum(s.acknowledged for s in self.everybody)} adds, {sum(s.repeats for s in self.everybody)} repeats, "
                f"the slowest add {self.longest:.1f} s")


@contextmanager
def shoppers(platform, product: str, count: int = 8, through: str | None = None) -> Iterator[Shoppers]:
    """They shop while the block runs, at the door or `through` one replica's facade, finish the add in hand when it ends,
    and then everything they were promised is there."""
    clients = [platform.client() for _ in range(count)]
    if through:
        for client in clients:
            client.endpoints["cart"] = through
    everybody, stop = Shoppers([Shopper(client, product) for client in clients]), threading.Event()

    def shop(shopper: Shopper) -> None:
        while not stop.is_set() and not shopper.wrong:
            shopper.add()

    with ThreadPoolExecutor(count) as pool:
        running = [pool.submit(shop, shopper) for shopper in everybody.everybody]
        try:
            everybody.get_on(1)
            yield everybody
        finally:
            stop.set()
        for each in running:
            each.result()
    print(everybody)
    everybody.check()
