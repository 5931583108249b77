"""Two replicas of every service, each beside a sidecar of its own: they share the work, come and go under load, and lose nothing."""

from dataclasses import replace

import pytest
from load import shoppers
from shopping import check_out, create_product, order_when
from stack import unique, wait_until

SERVICES = ("product-service", "cart-service", "order-service", "payment-service")


@pytest.fixture(scope="module")
def platform(two_replicas):
    return two_replicas


@pytest.fixture
def product(admin):
    return create_product(admin, stock=100_000)["id"]


def turns(platform, part: str) -> int:
    return sum(record.text.startswith("turn ") for record in platform.log(part))


def test_status_lists_every_replica_with_a_sidecar_of_its_own(platform):
    status = platform.status()
    assert status["ready"] is True
    parts = {part["name"]: part for part in status["parts"]}
    for service in SERVICES:
        for name, replica in ((service, 0), (f"{service}-2", 1)):
            assert parts[name]["replica"] == parts[f"{name}-sidecar"]["replica"] == replica
            assert parts[name]["state"] == parts[f"{name}-sidecar"]["state"] == "running"
    pids = [part["pid"] for part in parts.values() if part["kind"] in ("service", "sidecar")]
    assert len(set(pids)) == 16


def test_orders_go_through_and_every_replica_has_a_share_of_the_work(platform, customer, product):
    orders = [check_out(customer, [(product, 2)]) for _ in range(12)]
    for order in orders:
        order_when(customer, order, "confirmed")
    assert {item["id"] for item in customer.expect(200, "GET", "order", "/orders?limit=100")["items"]} == set(orders)
    for service in SERVICES[1:]:
        for part in (service, f"{service}-2"):
            assert turns(platform, part) > 0, f"{part} had nothing to do"
    for part in ("product-service", "product-service-2"):
        assert any(record.text == "request" for record in platform.log(part)) or any(
            record.text == "event handled" for record in platform.log(part)), f"{part} had nothing to do"


def test_a_product_is_known_to_every_replica_of_the_catalog(platform, admin, product):
    for _ in range(6):
        assert admin.expect(200, "GET", "product", f"/products/{product}")["id"] == product
    listed = lambda: product in [p["id"] for p in admin.expect(200, "GET", "product", "/products?sort=newest&limit=100")["items"]]  # noqa: E731
    wait_until(lambda: all(listed() for _ in range(6)), 10, "all replicas to list it")


# covers: drain-loses-turn, scaling-instance-missing
@pytest.mark.beside("redis")
def test_replicas_join_and_leave_under_load(platform, guest, product):
    """As `./shop up --replicas` does it: the third joins, the doors take it in, it leaves again."""
    settings = platform.stack.saved
    with shoppers(platform, product) as everybody:
        platform.stack.up(replace(settings, replicas=3), compile=False, quiet=True)

        def third_has_actors():  # of new carts, every third or so
            guest.call("POST", "cart", f"/carts/{unique('cart')}/items", {"productId": product, "quantity": 1})
            return turns(platform, "cart-service-3") > 0

        wait_until(third_has_actors, 30, "the third replica to have actors")
        everybody.get_on()
        platform.stack.up(settings, compile=False, quiet=True)
        everybody.get_on()
    assert everybody.longest < 30
    assert "cart-service-3" not in {part["name"] for part in platform.status()["parts"]}


@pytest.mark.parametrize("leaving", [
    pytest.param(["cart-service-2"], id="the service", marks=pytest.mark.beside("redis")),
    pytest.param(["cart-service-2-sidecar"], id="its sidecar", marks=pytest.mark.beside("aws")),
    pytest.param(["cart-service-2", "cart-service-2-sidecar"], id="both at once", marks=pytest.mark.beside("aws"))])
def test_a_replica_that_is_told_to_end_takes_nothing_with_it(platform, product, leaving):
    supervisor = platform.stack.supervisor
    with shoppers(platform, product) as everybody:
        supervisor.stop(leaving)
        everybody.get_on()
        supervisor.start(leaving)
        wait_until(platform.ready, 40, "the replica to be back")
        everybody.get_on()
    assert everybody.longest < 30


@pytest.mark.beside("redis")
def test_a_replica_that_is_killed_takes_nothing_with_it(platform, product):
    with shoppers(platform, product) as everybody:
        platform.kill("cart-service")
        platform.kill("cart-service-sidecar")
        everybody.get_on()
        wait_until(platform.ready, 40, "the replica to be back")
        everybody.get_on()
    assert everybody.longest < 30


def test_a_call_finds_whichever_replica_of_the_catalog_is_there(platform, guest, admin):
    """The cart reads an unknown product through service invocation, which knows a replica's sidecar for as long as it lives."""
    supervisor = platform.stack.supervisor
    supervisor.stop(["product-service", "product-service-sidecar"])
    try:
        product = create_product(admin)["id"]
        cart = unique("cart")
        body = {"productId": product, "quantity": 1}
        wait_until(lambda: guest.call("POST", "cart", f"/carts/{cart}/items", body).status_code == 200, 20, "the other replica's answer")
    finally:
        supervisor.start(["product-service", "product-service-sidecar"])
    wait_until(platform.ready, 40, "the replica to be back")
