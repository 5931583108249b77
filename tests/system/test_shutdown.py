"""SIGTERM: a service takes no new work, finishes what it has, sends what it owes, and ends with 0. Nothing in flight is lost."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from load import shoppers
from shopping import ADDRESS, create_product, order_when
from stack import unique, wait_until

DRAIN_SECONDS = 20


@pytest.fixture
def product(admin):
    return create_product(admin, stock=100_000)["id"]


@pytest.fixture(autouse=True)
def everything_back(platform):
    """Whatever a test has ended is there again after it, also when the test failed: the next ones use the same platform."""
    yield
    if ended := [part for part, state in platform.stack.supervisor.states().items() if state["statename"] != "RUNNING"]:
        platform.begin(*ended)
        wait_until(platform.ready, 40, "the platform to be ready again")


def demand(admin, product: str) -> int:
    return admin.expect(200, "GET", "order", f"/demand/{product}")["unitsAdded"]


@pytest.mark.parametrize("ending", [["cart-service"], ["cart-service", "cart-service-sidecar"]], ids=["the service", "with its sidecar"])
def test_what_was_promised_is_there_after_the_restart(platform, admin, product, ending):
    """Alone, and in Kubernetes' order: both processes of a pod are told at once."""
    with shoppers(platform, product) as everybody:
        assert platform.end(*ending) == dict.fromkeys(ending, 0)
        platform.begin(*ending)
        everybody.get_on()
    promised = sum(shopper.acknowledged for shopper in everybody.everybody)
    wait_until(lambda: demand(admin, product) == promised, 60, f"{promised} events to have arrived")


def test_checkouts_in_flight_end_in_one_charge_each(platform, admin, product):
    stop, orders = threading.Event(), []

    def shop():
        client = platform.client("customer", unique("customer"))
        while not stop.is_set():
            cart, key = unique("cart"), unique("key")
            body = {"paymentMethod": {"token": "tok_approve"}, "shippingAddress": ADDRESS}

            def insist(status, path, body, key):
                def answered():
                    answer = client.call("POST", "cart", path, body, headers={"Idempotency-Key": key})
                    assert answer.status_code == status or answer.status_code >= 500, answer.text
                    return answer if answer.status_code == status else None

                return wait_until(answered, 60, f"{status} from {path}").json()

            insist(200, f"/carts/{cart}/items", {"productId": product, "quantity": 1}, unique("key"))
            orders.append((client, insist(202, f"/carts/{cart}/checkout", body, key)["orderId"]))

    with ThreadPoolExecutor() as pool:
        running = [pool.submit(shop) for _ in range(4)]
        try:
            for service in ("payment-service", "order-service", "cart-service"):
                before = len(orders)
                wait_until(lambda before=before: len(orders) > before + 3, 60, "checkouts to be under way")
                assert platform.end(service) == {service: 0}
                platform.begin(service)
        finally:
            stop.set()
        for each in running:
            each.result()
    for client, order in orders:
        order_when(client, order, "confirmed", 90)
    charged, cursor = [], ""
    while cursor is not None:
        page = admin.expect(200, "GET", "payment", f"/payments/ledger?limit=100{cursor and '&cursor=' + cursor}")
        charged += [item["orderId"] for item in page["items"] if item["kind"] == "charge"]
        cursor = page.get("nextCursor")
    assert {order: charged.count(order) for _, order in orders} == {order: 1 for _, order in orders}


def add_in_vain(platform, product: str, pieces: int) -> None:
    """Adds that are acknowledged and whose events nobody takes."""
    guest = platform.client()
    for _ in range(pieces):
        guest.expect(200, "POST", "cart", f"/carts/{unique('cart')}/items", {"productId": product, "quantity": 1})


def test_events_that_could_not_leave_do_so_before_the_end_if_the_broker_is_back(platform, admin, product, broker):
    platform.end(broker)
    add_in_vain(platform, product, 5)
    with ThreadPoolExecutor() as pool:
        ending = pool.submit(platform.end, "cart-service")
        wait_until(lambda: any(r.text == "stopping" for r in platform.log("cart-service")[-200:]), 10, "the service to be told")
        platform.begin(broker)
        assert ending.result() == {"cart-service": 0}
    wait_until(lambda: demand(admin, product) == 5, 30, "the events, while the service is away")


@pytest.mark.beside("redis")
def test_events_that_cannot_leave_hold_up_nobody_and_leave_after_the_restart(platform, admin, product, broker):
    platform.end(broker)
    add_in_vain(platform, product, 3)
    began = time.monotonic()
    assert platform.end("cart-service") == {"cart-service": 0}
    assert time.monotonic() - began < DRAIN_SECONDS + 3
    assert any("wait in the store" in record.text for record in platform.log("cart-service")[-20:])
    platform.begin(broker, "cart-service")
    wait_until(lambda: demand(admin, product) == 3, 90, "the events")
