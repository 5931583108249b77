"""What the shop holds, looked up from outside: at its doors, in its tables, its queues and the scheduler's store."""

import base64
import json
import threading
import time
import urllib.request
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

from . import cloud, dlq, facts
from .audit import Found, Pieces, Reservation
from .shoppers import Book, Door, Tokens
from .stack import Stack

READERS = 8
# Checkouts that are sent once more at the end, under their old keys.
REPEATED = 100
# What is owed to a gateway that did not answer is tried again after pauses that double.
LONGEST_PLAN = 1200
# When an actor goes on with what it has to do, in its document: moving what is in a cart, asking for pieces, telling others, giving up
# a payment, asking the gateway.
UNDER_WAY = {"Cart": ("mergeAt",), "Order": ("askAt", "tellAt", "payBy"), "Payment": ("askAt",)}


class Evidence:
    def __init__(self, platform: Stack, book: Book):
        self.platform, self.book = platform, book
        self.offset = platform.workspace.port_offset
        self.tokens = Tokens(platform)
        self.local = threading.local()
        self.planned = ""  # the latest time at which an actor means to go on
        self.ticks: dict[str, str] = {}  # actor → when its reminder is next due

    # --- whether all is done

    def settle(self, patience: float, say=lambda text: None) -> bool:
        """Waits until nothing is under way any more. Gives up when nothing has changed for so many seconds, and nothing is to
        happen later by its own plan: what never ends is what the audit is to show."""
        before, changed = None, time.monotonic()
        found, next_look = Found(), 0.0
        while True:
            queues, reminders = sum(self.queues().values()), self.reminders()
            # Who reads whole tables keeps those waiting who write, as long as that takes: in between, at most a tenth of the time.
            if not queues and (not reminders or time.monotonic() > next_look):
                began, found = time.monotonic(), Found()
                self.ticks, self.planned = {}, ""
                self._tables(found)
                next_look = time.monotonic() + 10 * (time.monotonic() - began)
            if not (queues or found.outboxes or found.unfinished or reminders):
                return True
            self.planned = max([self.planned, *(self.ticks.get(name.rpartition("/")[0], "") for name in reminders)])
            now = (queues, sorted(found.outboxes), sorted(found.unfinished), sorted(reminders))
            if now != before:
                before, changed = now, time.monotonic()
            still = time.monotonic() - changed
            if still > LONGEST_PLAN or (still > patience and seconds_since(self.planned) > patience):
                return False
            say(f"{queues} messages, {len(found.outboxes)} outboxes, {len(found.unfinished)} actors at work, {len(reminders)} reminders")
            time.sleep(1)

    # --- everything

    def collect(self) -> Found:
        found = Found()
        orders = [c.order for c in self.book.checkouts]
        found.repeats = self._repeats()
        self._tables(found)
        known = sorted(set(orders) | found.stored_orders)
        customers = sorted({c.customer for c in self.book.checkouts if c.customer})
        products = list(self.book.goods)
        with ThreadPoolExecutor(READERS) as pool:
            found.orders = self._present(pool, known, lambda id: ("order", f"/orders/{id}"))
            found.payments = self._present(pool, known, lambda id: ("payment", f"/payments?orderId={id}"))
            found.demand = self._present(pool, products, lambda id: ("order", f"/demand/{id}"))
            shown = self._present(pool, products, lambda id: ("product", f"/products/{id}"))
            found.lists = dict(zip(customers, pool.map(self._list, customers), strict=True))
        found.shown = {id: Pieces(*(product.get(name) for name in ("stock", "reserved", "available"))) for id, product in shown.items()}
        found.everybodys = self._everybodys()
        found.ledger = self._pages("payment", "/payments/ledger?", "admin")
        found.queues, found.reminders = self.queues(), self.reminders()
        found.dead_letters = [f"{one.event} {one.event_id or one.id} of {one.died_in}: {one.why}" for one in dlq.read(self.platform)]
        return found

    def _repeats(self) -> dict[str, str]:
        again = {}
        every = max(1, len(self.book.checkouts) // REPEATED)
        for checkout in self.book.checkouts[::every][:REPEATED]:
            status, answer = self._door().ask("POST", "cart", f"/carts/{checkout.cart}/checkout", checkout.body, who=checkout.customer, key=checkout.key)
            again[checkout.order] = answer["orderId"] if status == 202 else f"{status} {answer.get('detail')}"
        return again

    def _present(self, pool: ThreadPoolExecutor, ids: list[str], where) -> dict[str, dict]:
        def read(id: str) -> dict | None:
            status, answer = self._door().ask("GET", *where(id), who="admin")
            return answer if status == 200 else None

        return {id: answer for id, answer in zip(ids, pool.map(read, ids), strict=True) if answer is not None}

    def _list(self, customer: str) -> list[dict]:
        return self._pages("order", f"/orders?customerId={customer}&", customer)

    def _everybodys(self) -> list[dict]:
        """Whoever looks at an order from before that list tells it of the order, which may take a moment."""
        before: list[dict] = []
        while len(listed := self._pages("order", "/orders?", "admin")) > len(before):
            before = listed
            time.sleep(1)
        return listed

    def _pages(self, service: str, path: str, who: str) -> list[dict]:
        items, cursor = [], ""
        while True:
            status, page = self._door().ask("GET", service, f"{path}limit=100{cursor}", who=who)
            if status != 200:
                raise ValueError(f"GET {path}: {status} {page}")
            items += page["items"]
            if not page.get("nextCursor"):
                return items
            cursor = f"&cursor={page['nextCursor']}"

    def _door(self) -> Door:
        if not hasattr(self.local, "door"):
            self.local.door = Door(self.platform, Book(), self.tokens)
        return self.local.door

    # --- the tables, read past the services

    def _tables(self, found: Found) -> None:
        with ThreadPoolExecutor(len(facts.apps())) as pool:
            for app, items in zip(facts.apps(), pool.map(lambda app: list(self._items(app.id)), facts.apps()), strict=True):
                for name, value in items:
                    if app.id == "product-service":
                        self._catalog_item(found, name, value)
                    elif name.endswith("||state"):
                        self._document(found, name.removesuffix("||state"), json.loads(value))

    def _items(self, app: str) -> Iterable[tuple[str, str]]:
        """(key without the app's prefix, value) of everything an app has stored, marks of handled ids aside."""
        pages = cloud.client("dynamodb", self.offset).get_paginator("scan").paginate(
            TableName=facts.name("table", app=app), ConsistentRead=True, ProjectionExpression="#k, #v",
            FilterExpression="NOT (contains(#k, :handled) OR contains(#k, :own))", ExpressionAttributeNames={"#k": "key", "#v": "value"},
            ExpressionAttributeValues={":handled": {"S": "||handled/"}, ":own": {"S": "||own/"}})
        for page in pages:
            for item in page["Items"]:
                yield item["key"]["S"].removeprefix(f"{app}||"), item["value"]["S"]

    def _document(self, found: Found, actor: str, document: dict) -> None:
        kind, _, id = actor.partition("||")
        if document.get("tend"):
            self.ticks[f"{kind}/{id}"] = document["tend"]["at"]
        if document["outbox"]:
            found.outboxes.append(f"{kind}/{id}")
        if planned := [document["data"][name] for name in UNDER_WAY.get(kind, ()) if document["data"].get(name)]:
            found.unfinished.append(f"{kind}/{id}")
            self.planned = max(self.planned, *planned)
        if kind == "Order":
            found.stored_orders.add(id)

    @staticmethod
    def _catalog_item(found: Found, name: str, value: str) -> None:
        kind, _, id = name.partition(".")
        item = json.loads(value)
        if not isinstance(item, dict) or kind in ("index", "shard"):
            return  # the catalog's former form, which its successor leaves as it was
        if item.get("pending"):
            found.outboxes.append(name)
        if kind == "stock":
            found.stock[id], found.reserved[id] = item["count"], item.get("reserved", 0)
        elif kind == "order":
            found.reservations[id] = reservation_of(item)

    # --- what waits

    def reminders(self) -> list[str]:
        """Actor and name of every reminder, from the scheduler's etcd."""
        prefix = b"dapr/jobs/actorreminder||"
        question = {"key": base64.b64encode(prefix).decode(), "range_end": base64.b64encode(prefix[:-1] + b"}").decode(), "keys_only": True}
        url = f"http://{facts.host()}:{facts.Ports(self.offset)['schedulerEtcdClient']}/v3/kv/range"
        with urllib.request.urlopen(urllib.request.Request(url, json.dumps(question).encode()), timeout=20) as answer:
            keys = [base64.b64decode(entry["key"]).decode() for entry in json.load(answer).get("kvs", [])]
        return ["/".join(key.split("||")[2:]) for key in keys]

    def queues(self) -> dict[str, int]:
        """Queue → messages that were not handled to the end."""
        wanted = [(topic, app.id) for app in facts.apps() for topic in app.subscriptions()]
        if self.platform.saved.broker == "redis":
            return self._redis_groups(wanted)
        sqs, counts = cloud.client("sqs", self.offset), {}
        names = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible", "ApproximateNumberOfMessagesDelayed")
        for topic, app in wanted:
            queue = facts.name("queue", topic=topic, app=app)
            url = sqs.get_queue_url(QueueName=queue)["QueueUrl"]
            counts[queue] = sum(map(int, sqs.get_queue_attributes(QueueUrl=url, AttributeNames=list(names))["Attributes"].values()))
        return counts

    def _redis_groups(self, wanted: list[tuple[str, str]]) -> dict[str, int]:
        import redis

        broker = redis.Redis(facts.host(), facts.Ports(self.offset)["redis"], decode_responses=True, socket_timeout=10)
        counts = {}
        for topic, app in wanted:
            name = facts.name("queue", topic=topic, app=app)
            if not broker.exists(topic):
                continue
            last = broker.xinfo_stream(topic)["last-generated-id"]
            for group in broker.xinfo_groups(topic):
                if group["name"] == name:
                    # What a group has not been given yet counts as one: how much it is, a trimmed stream cannot say.
                    counts[name] = group["pending"] + (group["last-delivered-id"] != last)
        return counts


def reservation_of(item: dict) -> Reservation:
    """As it is stored; also as it was while an order took its pieces only when it was paid."""
    state = item["state"] if "state" in item else "closed" if item["closed"] else "sold"
    pieces: dict[str, int] = {}
    for line in item["lines" if "state" in item else "taken"]:
        pieces[line["productId"]] = pieces.get(line["productId"], 0) + line["quantity"]
    return Reservation(state, pieces)


def seconds_since(time: str) -> float:
    """Since a moment in RFC 3339; where there is none, since ever."""
    return (datetime.now(UTC) - datetime.fromisoformat(time)).total_seconds() if time else float("inf")


def memory(platform: Stack) -> dict[str, int]:
    """Resident kilobytes of each process."""
    found = {}
    for name, info in platform.supervisor.states().items():
        if info["pid"]:
            for line in Path(f"/proc/{info['pid']}/status").read_text().splitlines():
                if line.startswith("VmRSS:"):
                    found[name] = int(line.split()[1])
    return found
