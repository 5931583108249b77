"""`./shop python tests/bench/flash_sale.py`: a flash sale of the full size on three replicas, parts of which are killed; and how many orders a second
can have one product's pieces.

The sale is audited as after `./shop chaos`. The second measurement asks the product service as an order does, through the sidecars of
order-service, and then tells it that they are paid: `--only hot-item`.
"""

import argparse
import http.client
import itertools
import json
import sys
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "system"))

from shopping import event  # noqa: E402
from stack import Platform, wait_until  # noqa: E402

from shop import facts, flash_sale  # noqa: E402
from shop.audit import audit  # noqa: E402
from shop.console import Progress  # noqa: E402
from shop.evidence import Evidence  # noqa: E402

KILLS = ((0.02, "product-service-2"), (0.05, "order-service-sidecar"), (0.1, "product-service-sidecar"), (0.2, "order-service-3"),
         (0.3, "cart-service-2"), (0.4, "payment-service"))


def sale(broker: str, replicas: int, shoppers: int, pieces: int, calm: bool) -> bool:
    platform = Platform(broker, replicas=replicas)
    platform.start()
    try:
        parts = {app.part for app in platform.stack.apps()} | {app.sidecar for app in platform.stack.apps()}
        kills = () if calm else [kill for kill in KILLS if kill[1] in parts]
        with Progress() as progress:
            with progress.step("flash sale") as step:
                held = flash_sale.hold(platform.stack, shoppers, pieces, kills=kills, say=step.show)
            print(held)
            with progress.step("until nothing is under way") as step:
                wait_until(platform.ready, 90, "what was killed to be back")
                evidence = Evidence(platform.stack, held.book)
                settled = evidence.settle(180, step.show)
        wrong = [line for line in audit(held.book, evidence.collect()) if not line.ok]
        for line in wrong:
            print(f"✗ {line.what}: expected {line.expected}, found {line.found} {line.concerned[:5]}")
        exact = settled and not wrong and len(held.bought) == min(pieces, shoppers) and len(held.told) == shoppers
        print("Exact." if exact else "The books differ.")
        return exact
    finally:
        platform.stop()


def hot_item(broker: str, replicas: int, orders: int, askers: int) -> None:
    """How many orders a second can reserve one product's pieces, and how many can have them sold. A version that knows no reservations
    only sells."""
    platform = Platform(broker, replicas=replicas)
    platform.start()
    try:
        admin, product = platform.client("admin"), f"hot-{uuid.uuid4().hex[:8]}"
        price = {"amount": 100, "currency": "EUR"}
        body = {"id": product, "name": "Hot", "category": "sale", "price": price, "stock": 1_000_000}
        admin.expect(201, "POST", "product", "/products", body)
        print(f"{replicas} replica(s), {askers} askers, {orders} orders of one product on {broker}")
        ids = [uuid.uuid4().hex for _ in range(orders)]
        if took := _reserve(platform, product, ids, askers):
            shown = admin.expect(200, "GET", "product", f"/products/{product}")
            assert (shown["reserved"], shown["stock"]) == (orders, 1_000_000), shown
            times, passed = sorted(took[0]), took[1]
            print(f"  reserved {orders / passed:>6.0f}/s, p50 {times[len(times) // 2] * 1000:.0f} ms, p99 {times[len(times) * 99 // 100] * 1000:.0f} ms")
        began = time.monotonic()
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda id: platform.publish(_confirmed(id, product, price)), ids))
        wait_until(lambda: admin.expect(200, "GET", "product", f"/products/{product}")["stock"] == 1_000_000 - orders, 600, "all to be sold")
        print(f"  sold     {orders / (time.monotonic() - began):>6.0f}/s")
    finally:
        platform.stop()


def _reserve(platform: Platform, product: str, ids: list[str], askers: int) -> tuple[list[float], float] | None:
    """Seconds of each, and of all; as orders ask, through the sidecars of order-service."""
    sidecars = [app.ports["sidecarHttp"] for app in platform.stack.apps() if app.short == "order"]
    headers = {"dapr-api-token": platform.secrets.dapr_api_token, "Content-Type": "application/json"}
    body = json.dumps({"lines": [{"productId": product, "quantity": 1}]})
    local, numbers = threading.local(), itertools.count()

    def ask(id: str) -> tuple[int, float]:
        if not hasattr(local, "connection"):
            local.connection = http.client.HTTPConnection(facts.host(), sidecars[next(numbers) % len(sidecars)], timeout=30)
        began = time.monotonic()
        local.connection.request("PUT", f"/v1.0/invoke/product-service/method/internal/reservations/{id}", body, headers)
        answer = local.connection.getresponse()
        content = answer.read()
        assert answer.status in (200, 403, 404) and (answer.status != 200 or json.loads(content)["held"]), (answer.status, content)
        return answer.status, time.monotonic() - began

    if ask(ids[0])[0] != 200:
        return None
    began = time.monotonic()
    with ThreadPoolExecutor(askers) as pool:
        times = [seconds for _, seconds in pool.map(ask, ids)]
    return times, time.monotonic() - began


def _confirmed(id: str, product: str, price: dict) -> dict:
    return event("order.confirmed", "order-service", id, {
        "orderId": id, "lines": [{"productId": product, "name": "Hot", "quantity": 1, "unitPrice": price}], "total": price,
        "paymentId": f"pay-{id}"})


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--broker", choices=("aws", "redis"), default="redis")
    options.add_argument("--replicas", type=int, default=3)
    options.add_argument("--shoppers", type=int, default=2000)
    options.add_argument("--pieces", type=int, default=500)
    options.add_argument("--calm", action="store_true", help="kill nothing")
    options.add_argument("--only", choices=("sale", "hot-item"))
    options.add_argument("--orders", type=int, default=2000, help="of the hot item")
    options.add_argument("--askers", type=int, default=64)
    chosen = options.parse_args()
    exact = True
    if chosen.only != "hot-item":
        exact = sale(chosen.broker, chosen.replicas, chosen.shoppers, chosen.pieces, chosen.calm)
    if chosen.only != "sale":
        for replicas in (1, 3):
            hot_item(chosen.broker, replicas, chosen.orders, chosen.askers)
    return 0 if exact else 1


if __name__ == "__main__":
    sys.exit(main())
