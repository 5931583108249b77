"""A service that is away for longer than its sidecar's health checks overlook, under load, and what must be there when it is back."""

from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest
import requests

from shopping import check_out, create_product, order_when
from stack import unique, wait_until


@pytest.fixture
def load(platform, admin):
    """Customers who keep adding to carts until the test ends; their adds await another actor, and are cut off in the middle."""
    product, stop = create_product(admin)["id"], Event()

    def shopper():
        client, cart = platform.client(), unique("cart")
        while not stop.is_set():
            try:
                client.call("POST", "cart", f"/carts/{cart}/items", {"productId": product, "quantity": 1})
            except requests.RequestException:
                pass

    with ThreadPoolExecutor() as pool:
        for _ in range(8):
            pool.submit(shopper)
        yield product
        stop.set()


# covers: health-unregisters
def test_a_service_that_was_down_gets_its_actors_back(platform, guest, customer, load):
    supervisor = platform.stack.supervisor
    cart = unique("cart")
    guest.expect(200, "POST", "cart", f"/carts/{cart}/items", {"productId": load, "quantity": 3})

    def times_noticed():
        return sum("App entered un-healthy" in record.text for record in platform.log("cart-service-sidecar"))

    before = times_noticed()
    supervisor.stop(["cart-service"])
    wait_until(lambda: times_noticed() > before, 20, "the sidecar to notice")
    supervisor.start(["cart-service"])

    def back():
        answer = guest.call("GET", "cart", f"/carts/{cart}")
        assert answer.status_code == 200, answer.text
        return answer.json()["items"][0]["quantity"] == 3

    wait_until(back, 40, "the cart to be served again")
    order_when(customer, check_out(customer, [(load, 1)]), "confirmed")
