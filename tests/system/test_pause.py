"""Two hosts that both believe they hold the same actor: a replica is paused in the middle of its work until another one has
taken its actors over, and then goes on where it was."""

import threading
import time
from dataclasses import dataclass, field

import pytest
import requests
from load import Shoppers, shoppers
from shopping import create_product, pieces_in
from stack import wait_until

SURVIVOR, PAUSED = "cart-service", "cart-service-2"
PAUSES = [pytest.param([PAUSED], id="the service", marks=pytest.mark.beside("redis")),
          pytest.param([f"{PAUSED}-sidecar"], id="its sidecar", marks=pytest.mark.beside("aws")),
          pytest.param([PAUSED, f"{PAUSED}-sidecar"], id="both", marks=pytest.mark.beside("redis"))]
# What a resumed host may still answer from before its pause, it answers at once.
STALE_SECONDS = 5


@pytest.fixture(scope="module")
def platform(two_replicas):
    return two_replicas


@dataclass
class Reader:
    """Looks at the shoppers' carts through one replica and notes what is older than what they had been promised before."""

    address: str
    shoppers: Shoppers
    stale: list[tuple[float, str]] = field(default_factory=list)
    reads: int = 0
    stop: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        while not self.stop.is_set():
            for shopper in self.shoppers.everybody:
                cart = shopper.cart
                promised, began = cart.pieces, time.monotonic()
                try:
                    answer = requests.get(f"{self.address}/carts/{cart.id}", timeout=35)
                except requests.RequestException:
                    continue
                if answer.status_code != 200:
                    continue
                self.reads += 1
                seen = pieces_in(answer.json())
                if seen < promised:
                    self.stale.append((began, f"{cart.id}: {seen} of {promised}"))


def hosted(platform, everybody: Shoppers) -> set[str]:
    """The shoppers' carts that the replica to be paused has worked on."""
    actors = {record.get("actor") for record in platform.log(PAUSED)}
    return {shopper.cart.id for shopper in everybody.everybody if f"Cart/{shopper.cart.id}" in actors}


@pytest.mark.parametrize("parts", PAUSES)
def test_what_was_done_during_a_pause_outlives_its_end(platform, admin, parts):
    product = create_product(admin, stock=100_000)["id"]
    with shoppers(platform, product, count=12, through=platform.facade(SURVIVOR)) as everybody:
        wait_until(lambda: len(hosted(platform, everybody)) >= 2, 20, "the replica to host some of the carts")
        reader = Reader(platform.facade(PAUSED), everybody)
        reading = threading.Thread(target=reader.run)
        with platform.paused(*parts):
            everybody.get_on(5, limit=60)  # all of them: the carts were taken over
        resumed = time.monotonic()
        reading.start()
        try:
            everybody.get_on()
            wait_until(platform.ready, 60, "the replica to be ready again")
            before = reader.reads
            wait_until(lambda: reader.reads > before + 3 * len(everybody.everybody), 60, "the carts to be read through it")
            everybody.get_on()
        finally:
            reader.stop.set()
            reading.join()
    late = [f"{began - resumed:.1f} s after the pause, {what}" for began, what in reader.stale if began > resumed + STALE_SECONDS]
    assert late == []
    print(f"{reader.reads} reads through the resumed replica, {len(reader.stale)} stale")
