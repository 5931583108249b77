"""Streams of orders: how long a change takes to its watchers, and what streams cost that have nothing to say.

    ./shop python tests/bench/order_events.py [--streams 2000] [--orders 200] [--changes 300] [--rest 30] [--broker redis] [--json]

On a platform of its own with three of every service and DynamoDB Local. A change's time is the one in the order's history, which
its turn reads before it writes: the commit is part of what is measured. All streams go through the order door.
"""
import argparse
import asyncio
import json
import os
import sys
import time
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tools"), str(ROOT / "tests" / "system")]

from shopping import check_out, create_product, order_when  # noqa: E402
from stack import Platform, unique  # noqa: E402

TICKS, PAGE = os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE")


class Streams:
    """Many of them on one thread."""

    def __init__(self, base: str, token: str):
        self.address, self.token = urlsplit(base), token
        self.heard: list[tuple[str, int, float, dict]] = []
        self.open = self.lost = 0
        self.tasks: list[asyncio.Task] = []

    async def follow(self, order: str, ready: asyncio.Semaphore) -> None:
        async with ready:
            reader, writer = await asyncio.open_connection(self.address.hostname, self.address.port, limit=1 << 16)
            writer.write(f"GET /orders/{order}/events HTTP/1.1\r\nHost: bench\r\nAccept: text/event-stream\r\n"
                         f"Authorization: Bearer {self.token}\r\n\r\n".encode())
            head = await reader.readuntil(b"\r\n\r\n")
            if b" 200 " not in head.split(b"\r\n", 1)[0]:
                raise SystemExit(head.decode())
            self.open += 1
            await self._event(reader)
        try:
            while True:
                version, document = await self._event(reader)
                self.heard.append((order, version, time.time(), document))
        except (asyncio.IncompleteReadError, ConnectionError):
            self.lost += 1
            self.open -= 1
            writer.close()

    async def _event(self, reader: asyncio.StreamReader) -> tuple[int, dict]:
        while True:
            line = await reader.readuntil(b"\n")
            if line.startswith(b"id: "):
                version = int(line[4:])
            elif line.startswith(b"data: "):
                return version, json.loads(line[6:])


def processes(platform: Platform) -> dict[str, list[int]]:
    """Part → its process ids, workers included."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        children.setdefault(int(fields[1]), []).append(int(stat.parent.name))
    return {part["name"]: [part["pid"], *children.get(part["pid"], [])] for part in platform.status()["parts"] if part["pid"]}


def memory(pids: list[int]) -> float:
    return sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE for pid in pids) / 1e6


def cpu(pids: list[int]) -> float:
    return sum(sum(map(int, Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[11:13])) for pid in pids) / TICKS


def usage(platform: Platform) -> dict[str, tuple[float, float]]:
    found: dict[str, tuple[float, float]] = {}
    for name, pids in processes(platform).items():
        kind = ("order-service" if name.startswith("order-service") and "sidecar" not in name else
                "order-sidecar" if name.startswith("order-service") else "gateway" if name == "gateway" else "everything else")
        before = found.get(kind, (0.0, 0.0))
        found[kind] = (before[0] + memory(pids), before[1] + cpu(pids))
    return found


def percentiles(milliseconds: list[float]) -> dict[str, float]:
    ordered = sorted(milliseconds)
    return {f"p{rank}": round(ordered[min(len(ordered) - 1, len(ordered) * rank // 100)], 1) for rank in (50, 95, 99)} | {"most": round(ordered[-1], 1)}


async def rest(platform: Platform, seconds: int) -> dict[str, float]:
    """Share of one core, of each kind of process."""
    before = await asyncio.to_thread(usage, platform)
    await asyncio.sleep(seconds)
    after = await asyncio.to_thread(usage, platform)
    return {kind: round(100 * (after[kind][1] - before[kind][1]) / seconds, 2) for kind in after}


async def measure(platform: Platform, asked: argparse.Namespace) -> dict:
    admin, guest = platform.client("admin"), platform.client()
    product = create_product(admin, stock=1_000_000)["id"]
    orders = await asyncio.to_thread(lambda: [check_out(guest, [(product, 1)]) for _ in range(max(asked.orders, asked.changes))])
    for order in orders:
        await asyncio.to_thread(order_when, guest, order, "confirmed")
    await asyncio.sleep(10)
    without = await rest(platform, asked.rest)
    start = await asyncio.to_thread(usage, platform)
    streams, ready = Streams(platform.endpoints["order"], platform.token("admin", "bench")), asyncio.Semaphore(50)
    began = time.monotonic()
    # The orders that are not going to change have the most of them.
    watched = orders[:asked.orders]
    streams.tasks = [asyncio.create_task(streams.follow(watched[number % len(watched)], ready)) for number in range(asked.streams)]
    while streams.open < asked.streams:
        await asyncio.sleep(0.05)
        for task in streams.tasks:
            if task.done() and task.exception():
                raise task.exception()
    opened = time.monotonic() - began
    await asyncio.sleep(30)
    full = await asyncio.to_thread(usage, platform)
    result = {"streams": asked.streams, "orders": len(watched), "opened in s": round(opened, 1),
              "MB more": {kind: round(full[kind][0] - start[kind][0], 1) for kind in full},
              "% of a core without": without, "% of a core with": await rest(platform, asked.rest)}

    # A change now and then, with all the streams there.
    changing = watched[:asked.changes]

    def ship(order: str) -> None:
        admin.expect(200, "POST", "order", f"/orders/{order}/ship", {}, headers={"Idempotency-Key": unique("k")})

    for order in changing:
        await asyncio.to_thread(ship, order)
        await asyncio.sleep(asked.pause)
    expected = sum(watched[number % len(watched)] in set(changing) for number in range(asked.streams))
    limit = time.monotonic() + 30
    while len(streams.heard) < expected and time.monotonic() < limit:
        await asyncio.sleep(0.05)
    took = [1000 * (at - datetime.fromisoformat(document["history"][-1]["at"].replace("Z", "+00:00")).timestamp())
            for _, _, at, document in streams.heard]
    result |= {"changes": len(changing), "events": len(took), "missed": expected - len(took), "ms from the turn to the client": percentiles(took)}
    for task in streams.tasks:
        task.cancel()
    await asyncio.gather(*streams.tasks, return_exceptions=True)
    return result


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--streams", type=int, default=2000)
    options.add_argument("--orders", type=int, default=200)
    options.add_argument("--changes", type=int, default=100)
    options.add_argument("--pause", type=float, default=0.1, help="seconds between two changes")
    options.add_argument("--rest", type=int, default=30, help="seconds at rest")
    options.add_argument("--broker", choices=("aws", "redis"), default="redis")
    options.add_argument("--json", action="store_true")
    asked = options.parse_args()
    platform = Platform(asked.broker, replicas=3)
    platform.start()
    try:
        result = asyncio.run(measure(platform, asked))
    finally:
        platform.stop()
    print(json.dumps(result) if asked.json else "\n".join(f"{name:<32} {value}" for name, value in result.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
