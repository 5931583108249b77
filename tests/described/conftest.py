"""A platform with something in it for every operation to find, and the seeds and examples that were asked for."""

import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "system"))

from shop import samples  # noqa: E402
from shopping import check_out, order_when  # noqa: E402
from stack import Platform, unique, wait_until  # noqa: E402

CUSTOMER = "ada"
ROLES = ("admin", "customer", "guest")
SEED, EXAMPLES = 20_260_601, 5  # what every run of the suite tries: few enough for a minute and a half


def pytest_addoption(parser):
    parser.addoption("--seed", type=int, action="append", help=f"of the generated requests; may be given several times (default {SEED})")
    parser.addoption("--examples", type=int, default=EXAMPLES, help=f"at most so many of an operation and phase (default {EXAMPLES})")
    parser.addoption("--phases", default="coverage,fuzzing,stateful", help="of Schemathesis; the coverage phase is nearly the same for every seed")


def pytest_generate_tests(metafunc):
    if "seed" in metafunc.fixturenames:
        metafunc.parametrize("seed", metafunc.config.getoption("seed") or [SEED])


@dataclass(frozen=True)
class Known:
    """What there is, by the name that the dictionaries of the generated requests have for it."""

    products: list[str]
    carts: list[str]
    orders: list[str]
    payments: list[str]
    cursors: dict[str, list[str]]  # by service


@pytest.fixture(scope="session")
def platform():
    running = Platform("redis")
    running.start()
    yield running
    try:
        running.require_described_events()
    finally:
        running.stop()


@pytest.fixture(scope="session")
def known(platform) -> Known:
    admin, customer, guest = platform.client("admin"), platform.client("customer", CUSTOMER), platform.client()
    products = [each["id"] for each in samples.products()[:12]]
    for each in samples.products()[:12]:
        admin.expect(201, "POST", "product", "/products", each)
    admin.expect(204, "PUT", "product", f"/products/{products[0]}/image", data=samples.drawing(products[0]), headers={"Content-Type": "image/svg+xml"})
    wait_until(lambda: guest.expect(200, "GET", "product", "/products")["total"] == len(products), 20, "the list to have them all")

    carts = []
    for client in (customer, guest):
        carts.append(unique("cart"))
        client.expect(200, "POST", "cart", f"/carts/{carts[-1]}/items", {"productId": products[0], "quantity": 1})
    carts.append(unique("unused"))

    orders = []
    for client in (customer, guest):
        for token, status in (("tok_approve", "confirmed"), ("tok_insufficient_funds", "payment_failed"), ("tok_approve", "confirmed")):
            orders.append(check_out(client, [(products[0], 1)], token))
            order_when(client, orders[-1], status)
        # The stream of this one ends.
        admin.expect(200, "POST", "order", f"/orders/{orders[-1]}/ship")
    payments = [admin.expect(200, "GET", "payment", f"/payments?orderId={order}")["id"] for order in orders]
    cursors = {
        "product": [admin.expect(200, "GET", "product", "/products?limit=3")["nextCursor"]],
        "order": [customer.expect(200, "GET", "order", "/orders?limit=1")["nextCursor"], admin.expect(200, "GET", "order", "/orders?limit=1")["nextCursor"]],
        "payment": [admin.expect(200, "GET", "payment", "/payments/ledger?limit=1")["nextCursor"]],
    }
    return Known(products, carts, orders, payments, cursors)
