"""How long a list of orders takes through the door: everybody's, and one customer's, in a small shop and in a large one.

    ./shop python tests/bench/lists.py [--orders 100 100000] [--of-one-customer 10000] [--broker redis] [--json]

On a platform of its own, with DynamoDB Local. The orders are copies of one that was really placed, written past the service and told to
the lists as orders tell them; three of them are payment_failed. A page has 20 orders; "cold" is the first request for it, "warm" the median of
those that follow.
"""
import argparse
import json
import statistics
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import requests

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tools"), str(ROOT / "tests" / "system")]

from shop import cloud, facts  # noqa: E402
from shopping import check_out, create_product, order_when  # noqa: E402
from stack import Platform, unique  # noqa: E402

TOLD_AT_ONCE, PIECES, REPEATS = 24, 4, 15  # as in actors/order/all_orders.hpp
CUSTOMER = "one-who-comes-often"


def piece_of(order: str) -> int:
    hash = 0x811C9DC5
    for byte in order.encode():
        hash = (hash ^ byte) * 0x01000193 & 0xFFFFFFFF
    return hash % PIECES


class Shop:
    def __init__(self, platform: Platform):
        self.platform, self.admin = platform, platform.client("admin")
        self.table, self.began, self.there = facts.name("table", app="order-service"), datetime.now(UTC) - timedelta(days=400), 0
        self.told: list[dict] = []
        order = check_out(platform.client("customer", CUSTOMER), [(create_product(self.admin)["id"], 1)])
        order_when(self.admin, order, "confirmed")
        key = f"order-service||Order||{order}||state"
        item = platform.aws("dynamodb").get_item(TableName=self.table, Key={"key": {"S": key}}, ConsistentRead=True)["Item"]
        self.sample = json.loads(item["value"]["S"]) | {"outbox": [], "handled": []}
        self.sample.pop("tend", None)
        self.sample["data"].pop("tellAt", None)
        self.sample["data"] |= {"told": len(self.sample["data"]["history"]), "listed": True}

    def grow(self, to: int) -> None:
        orders = [(unique("bench"), self.began + timedelta(seconds=number)) for number in range(self.there, to)]
        failed = set() if self.told else {orders[len(orders) * part // 4][0] for part in (1, 2, 3)}
        told = [{"orderId": id, "createdAt": stamp(at), "status": "payment_failed" if id in failed else "confirmed", "changes": 2} for id, at in orders]
        with ThreadPoolExecutor(PIECES) as pool:
            list(pool.map(self._store, [told[start::PIECES] for start in range(PIECES)]))
            list(pool.map(self._tell, range(PIECES), [[one for one in told if piece_of(one["orderId"]) == piece] for piece in range(PIECES)]))
        self.told += told
        self.there = to

    def _store(self, orders: list[dict]) -> None:
        database = cloud.client("dynamodb", self.platform.stack.workspace.port_offset)
        for start in range(0, len(orders), 25):
            puts = [{"PutRequest": {"Item": {"key": {"S": f"order-service||Order||{one['orderId']}||state"}, "etag": {"S": "bench"},
                                             "value": {"S": self._document(one)}}}} for one in orders[start:start + 25]]
            left = {self.table: puts}
            while left:
                left = database.batch_write_item(RequestItems=left)["UnprocessedItems"]

    def _document(self, one: dict) -> str:
        data = self.sample["data"] | {"status": one["status"], "history": [
            {"status": "created", "at": one["createdAt"]}, {"status": one["status"], "at": one["createdAt"]}]}
        return json.dumps(self.sample | {"data": data})

    def _tell(self, piece: int, orders: list[dict]) -> None:
        session = requests.Session()
        for start in range(0, len(orders), TOLD_AT_ONCE):
            self._call(session, f"AllOrders/{piece}/method/Note", {"orders": orders[start:start + TOLD_AT_ONCE]})

    def tell_customer(self, count: int) -> None:
        database, session = self.platform.aws("dynamodb"), requests.Session()
        pages = database.get_paginator("scan").paginate(TableName=self.table, FilterExpression="contains(#k, :list)", ExpressionAttributeNames={"#k": "key"},
                                                        ExpressionAttributeValues={":list": {"S": "||CustomerOrders||"}})
        actor = next(item["key"]["S"].split("||")[2] for page in pages for item in page["Items"])
        for one in self.told[-count:]:
            self._call(session, f"CustomerOrders/{actor}/method/Note", one)

    def _call(self, session: requests.Session, path: str, body: dict) -> None:
        answer = session.put(f"{self.platform.sidecar('order')}/v1.0/actors/{path}", json=body, timeout=20,
                             headers={"dapr-api-token": self.platform.secrets.dapr_api_token})
        assert answer.ok, answer.text

    # --- what is measured

    def ask(self, **query) -> tuple[dict, dict]:
        """The page, and its milliseconds."""
        took = []
        for _ in range(1 + REPEATS):
            start = time.monotonic()
            page = self.admin.expect(200, "GET", "order", "/orders", params={"limit": 20} | query)
            took.append((time.monotonic() - start) * 1000)
        return page, {"cold": round(took[0], 1), "warm": round(statistics.median(took[1:]), 1), "items": len(page["items"])}

    def everybodys(self) -> dict:
        middle = f"{int((self.began + timedelta(seconds=self.there // 2)).timestamp() * 1000)}.x"
        asked = {"newest": {}, "from the middle": {"cursor": middle}, "payment_failed": {"status": "payment_failed"}, "shipped (none)": {"status": "shipped"}}
        return {what: self.ask(**query)[1] for what, query in asked.items()}


def stamp(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--orders", type=int, nargs="+", default=[100, 100_000])
    options.add_argument("--of-one-customer", type=int, default=10_000)
    options.add_argument("--broker", choices=("aws", "redis"), default="redis")
    options.add_argument("--json", action="store_true")
    asked = options.parse_args()
    platform, found = Platform(asked.broker), {}
    platform.start()
    try:
        shop = Shop(platform)
        for size in asked.orders:
            shop.grow(size)
            found[f"{size} orders"] = shop.everybodys()
        few = shop.ask(customerId=CUSTOMER)[1]
        shop.tell_customer(asked.of_one_customer)
        found["one customer"] = {"with 1 order": few, f"with {asked.of_one_customer}": shop.ask(customerId=CUSTOMER)[1],
                                 "with a status of none": shop.ask(customerId=CUSTOMER, status="shipped")[1]}
    finally:
        platform.stop()
    if asked.json:
        print(json.dumps(found))
    for where, pages in {} if asked.json else found.items():
        print(where)
        for what, ms in pages.items():
            print(f"  {what:<22} cold {ms['cold']:>7} ms   warm {ms['warm']:>7} ms   {ms['items']} orders")
    return 0


if __name__ == "__main__":
    sys.exit(main())
