"""Many customers, few pieces, all at once, on three replicas of every service, some of which die meanwhile."""

import pytest
from stack import Platform, wait_until

from shop import flash_sale
from shop.audit import audit
from shop.evidence import Evidence

SHOPPERS, PIECES = 200, 50
# Two parts are down for some seconds each; nobody waits much longer than that.
TOLD_SECONDS = 60


@pytest.fixture(scope="module")
def platform(broker):
    running = Platform(broker, replicas=3)
    running.start()
    yield running
    running.stop()


def test_a_flash_sale_sells_every_piece_once_and_tells_the_others(platform):
    sale = flash_sale.hold(platform.stack, SHOPPERS, PIECES, threads=32, kills=((0.05, "product-service"), (0.15, "order-service-2-sidecar")))
    print(sale)
    assert len(sale.killed) == 2
    assert len(sale.bought) == PIECES
    assert len(sale.turned_away) == SHOPPERS - PIECES
    assert sale.told[-1] < TOLD_SECONDS
    wait_until(platform.ready, 60, "what was killed to be back")
    evidence = Evidence(platform.stack, sale.book)
    assert evidence.settle(90)
    # Nobody was charged for nothing, no piece was sold twice, none is held or left.
    differing = {line.what: (line.expected, line.found, line.concerned[:5]) for line in audit(sale.book, evidence.collect()) if not line.ok}
    assert differing == {}
    (goods,) = sale.book.goods.values()
    shown = platform.client().expect(200, "GET", "product", f"/products/{goods.id}")
    assert (shown["stock"], shown["reserved"], shown["available"]) == (0, 0, 0)
