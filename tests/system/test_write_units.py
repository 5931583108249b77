"""A write of the catalog costs the same however many products there are: counted on the wire between the product service's
sidecar and DynamoDB, in the units that DynamoDB would charge."""

import json
import math
import threading
from http.server import ThreadingHTTPServer

import pytest
import requests
from shopping import euro
from stack import unique, wait_until
from test_strong_reads import Stale


def size_of(item: dict) -> int:
    """As DynamoDB reckons it: the names and the values of all attributes."""
    return sum(len(name) + len(next(iter(value.values()))) for name, value in item.items())


class Metered(Stale):
    """Passes everything on, and adds up what was written."""

    units: dict[str, int] = {}

    def do_POST(self):
        text = self.rfile.read(int(self.headers["Content-Length"]))
        body, operation = json.loads(text), self.headers["X-Amz-Target"].rsplit(".", 1)[1]
        status, answer = self.forward(text)
        if status == 200:
            # A transaction costs twice as much.
            price = 2 if operation == "TransactWriteItems" else 1
            with self.lock:
                for (table, _), item in self.written(operation, body):
                    self.units[table] = self.units.get(table, 0) + price * math.ceil(size_of(item or {}) / 1024 or 1)
        self.answer(status, answer)


@pytest.fixture
def metered(proxied):
    platform, toxiproxy = proxied
    Metered.port = toxiproxy.upstreams["dynamodb"]
    server = ThreadingHTTPServer(("127.0.0.1", 0), Metered)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with toxiproxy.another("dynamodb", server.server_port):
        yield platform
    server.shutdown()


def product(name: str, price: int) -> dict:
    return {"name": f"Teapot {name}", "description": "x" * 3500, "category": "kitchen", "price": euro(price)}


def fill(platform, prefix: str, numbers: range) -> None:
    lines = "".join(json.dumps({"id": f"{prefix}-{number}", "stock": 3, **product(str(number), 100)}) + "\n" for number in numbers)
    answer = requests.post(platform.endpoints["product"] + "/products/import", lines, timeout=120,
                           headers={"Content-Type": "application/x-ndjson", "Authorization": f"Bearer {platform.token('admin', 'root')}"})
    assert [json.loads(line)["status"] for line in answer.text.splitlines()] == ["created"] * len(numbers)


def test_a_change_of_a_product_costs_at_most_twelve_units_at_every_size_of_the_catalog(metered):
    from shop import facts

    table, prefix, changes = facts.name("table", app="product-service"), unique("unit"), 20
    admin, costs, there = metered.client("admin"), [], 0
    for size in (50, 400, 2000):
        while there < size:
            some = range(there, min(size, there + 250))
            fill(metered, prefix, some)
            there = some.stop
        # What tending writes after the import, taking events off, is the import's.
        seen = []

        def at_rest() -> bool:
            seen.append(Metered.units.get(table, 0))
            return len(seen) > 40 and len(set(seen[-40:])) == 1

        wait_until(at_rest, 60, "the catalog to be at rest")
        for number in range(changes):
            admin.expect(200, "PUT", "product", f"/products/{prefix}-{number}", product(str(number), 200 + size))
        before = seen[-1]
        seen.clear()
        wait_until(at_rest, 60, "the catalog to be at rest")
        costs.append((Metered.units[table] - before) / changes)
    print(f"write units a change at 50, 400 and 2000 products: {costs}")
    assert max(costs) <= 12 and costs[-1] <= costs[0] + 1, costs
