"""`./shop chaos`: shoppers shop while everything breaks; then the books are audited."""

import json
import os
import random
import shlex
import sys
import threading
import time
import xmlrpc.client
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from . import dlq, faults, ports
from .audit import Line, audit
from .console import Progress, fail, paint
from .evidence import Evidence, memory
from .shoppers import Book, Market
from .stack import Settings, Stack
from .workspace import ShopError, Workspace

EXACT, DIFFERENT, COULD_NOT_RUN = 0, 1, 2
# Short, so that orders nobody pays for come to their end while the audit waits.
PAYMENT_DEADLINE_SECONDS = "60"
# Longer than anything waits that is still to end: the deadline, a reminder's period, the next question to the gateway.
STUCK_SECONDS = 180
SAMPLE_SECONDS = 5
SHOWN = 5


@dataclass
class Report:
    settings: dict
    repeat: str
    seconds: float
    settled: bool
    happened: list[faults.Happened]
    redriven: list[str]
    lines: list[Line]
    book: Book
    memory: list[dict[str, int]]  # resident KB by process: at the beginning, at each quarter of the shopping, after the audit

    @property
    def exact(self) -> bool:
        return all(line.ok for line in self.lines)

    def as_json(self) -> dict:
        return {
            "exact": self.exact, **self.settings, "repeat": self.repeat, "seconds": round(self.seconds, 1), "settled": self.settled,
            "checkouts": len(self.book.checkouts), "requests": self.book.requests, "repeatedRequests": self.book.repeated,
            "checkoutSeconds": {f"p{share}": round(_percentile(self.book.latency, share), 3) for share in (50, 99)},
            "refusedOutOfStock": self.book.refused, "cancelledOutOfStock": self.book.too_late,
            "orderSeconds": {f"p{share}": round(_percentile(self.book.appeared, share), 3) for share in (50, 99)},
            "faults": [{"at": round(h.at, 1), "kind": h.fault.kind, "parts": list(h.struck), "seconds": h.fault.seconds} for h in self.happened],
            "redriven": self.redriven,
            "audit": [{"what": l.what, "expected": l.expected, "found": l.found, "ok": l.ok, "concerned": l.concerned[:100]} for l in self.lines],
            "memoryKB": {name: [sample.get(name) for sample in self.memory] for name in self.memory[-1]},
        }


def run(workspace: Workspace, options) -> int:
    seed = options.seed if options.seed is not None else random.randrange(1_000_000)
    own = Workspace(workspace.state / "chaos", workspace.build)
    settings = {"broker": options.broker, "seed": seed, "wanted": options.checkouts, "shoppers": options.shoppers, "replicas": options.replicas,
                "minutes": options.minutes, "calm": options.calm}
    repeat = f"./shop chaos --checkouts {options.checkouts} --seed {seed} --broker {options.broker} --shoppers {options.shoppers}" + (
        f" --replicas {options.replicas}" if options.replicas > 1 else "") + (
        f" --minutes {options.minutes}" if options.minutes else "") + (" --calm" if options.calm else "")
    print(f"seed {seed}; to repeat it: {repeat}", file=sys.stderr, flush=True)
    platform = Stack(own)
    if platform.supervisor.running():
        platform.down()
    os.environ.setdefault("ORDER_PAYMENT_DEADLINE_SECONDS", PAYMENT_DEADLINE_SECONDS)
    try:
        platform.up(Settings(broker=options.broker, replicas=options.replicas, port_offset=ports.free_offset()), fresh=True, compile=not options.no_build)
        report = _rehearse(platform, settings, repeat)
    except Exception as error:
        # Nothing was judged: that must not look like a difference.
        fail(f"could not run: {error if isinstance(error, ShopError) else repr(error)}")
        return COULD_NOT_RUN
    finally:
        if not options.keep:
            platform.down()
    print(json.dumps(report.as_json()) if options.json else _told(report, own.state))
    return EXACT if report.exact else DIFFERENT


def _rehearse(platform: Stack, settings: dict, repeat: str) -> Report:
    breaker = faults.Breaker(platform, iter(()) if settings["calm"] else faults.plan(
        settings["seed"], settings["broker"], settings["replicas"], faults.pauses(settings["wanted"])))
    market = Market(platform, settings["wanted"], settings["seed"], settings["shoppers"], settings["minutes"],
                    may_begin=lambda number: breaker.keeps_pace(number / settings["wanted"]))
    market.open()
    reporter, started = _Reporter(platform, market, breaker), time.monotonic()
    with Progress() as progress:
        with progress.step("shopping" if settings["calm"] else "shopping while parts break") as step, reporter.on(step):
            breaker.start()
            try:
                market.run()
            finally:
                breaker.stop()
        seconds = time.monotonic() - started
        with progress.step("until everything is back"):
            _wait_ready(platform)
        evidence = Evidence(platform, market.book)
        with progress.step("until nothing is under way") as step:
            settled = evidence.settle(STUCK_SECONDS, step.show)
        redriven = []
        if letters := dlq.read(platform):
            with progress.step(f"{len(letters)} dead letters are redriven") as step:
                redriven = [f"{one.event} {one.event_id or one.id} of {one.died_in}: {one.why}" for one in letters]
                dlq.redrive(platform, letters)
                settled = evidence.settle(STUCK_SECONDS, step.show)
        with progress.step("audit"):
            lines = audit(market.book, evidence.collect())
    return Report(settings, repeat, seconds, settled, breaker.happened, redriven, lines, market.book,
                  [*reporter.quarters(), memory(platform)])


class _Reporter:
    """Keeps the progress line's text current, and looks at the memory from time to time."""

    def __init__(self, platform: Stack, market: Market, breaker: faults.Breaker):
        self.platform, self.market, self.breaker = platform, market, breaker
        self.samples: list[dict[str, int]] = [memory(platform)]

    @contextmanager
    def on(self, step):
        done = threading.Event()
        thread = threading.Thread(target=self._run, args=(step, done), daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()

    def quarters(self) -> list[dict[str, int]]:
        return [self.samples[(len(self.samples) - 1) * quarter // 4] for quarter in range(5)]

    def _run(self, step, done: threading.Event) -> None:
        started = sampled = time.monotonic()
        while not done.wait(0.5):
            now, bought = time.monotonic(), len(self.market.book.checkouts)
            step.show(f"{bought} of {self.market.wanted} checkouts, {bought / (now - started):.1f}/s, "
                      f"{len(self.breaker.happened)} faults, {self.market.book.repeated} requests repeated")
            if now > sampled + SAMPLE_SECONDS:
                sampled = now
                try:
                    self.samples.append(memory(self.platform))
                except (OSError, xmlrpc.client.Error):
                    pass  # a process has just ended


def _wait_ready(platform: Stack, limit: float = 90) -> None:
    deadline = time.monotonic() + limit
    while not (status := platform.status())["ready"]:
        if time.monotonic() > deadline:
            down = [part["name"] for part in status["parts"] if part["state"] != "running"]
            raise ShopError(f"{limit:.0f} s after the last fault the platform is still not ready; {', '.join(down) or 'every part runs'}")
        time.sleep(0.5)


def _percentile(values: list[float], share: int) -> float:
    return sorted(values)[min(len(values) - 1, len(values) * share // 100)] if values else 0.0


# --- what a person reads


def _told(report: Report, state: Path) -> str:
    book, out = report.book, []
    out.append(f"\n{len(book.checkouts)} checkouts in {report.seconds:.0f} s ({len(book.checkouts) / report.seconds:.1f}/s), "
               f"{book.requests} requests of which {book.repeated} were repeats, "
               f"a checkout took {_percentile(book.latency, 50) * 1000:.0f} ms (p99 {_percentile(book.latency, 99) * 1000:.0f} ms), "
               f"its order was there after {_percentile(book.appeared, 50):.1f} s (p99 {_percentile(book.appeared, 99):.1f} s); "
               f"out of stock: {book.refused} refused at once, {book.too_late} orders came too late")
    out += ["", paint("Faults", "bold"), *_faults_table(report.happened)]
    out += ["", paint("Memory", "bold") + "   resident MB; what was restarted meanwhile began anew", *_memory_table(report)]
    if report.redriven:
        out += ["", paint("Dead letters", "bold") + "   redriven before the audit", *(f"  {text[:200]}" for text in report.redriven[:SHOWN]),
                *([f"  and {len(report.redriven) - SHOWN} more (--json shows them)"] if len(report.redriven) > SHOWN else [])]
    out += ["", paint("Audit", "bold"), *_audit_table(report.lines)]
    if not report.settled:
        out.append(paint(f"\nSomething is still under way, and nothing of it has moved for {STUCK_SECONDS} s.", "red"))
    if report.exact:
        out.append(paint("\nEvery line is exact.", "green"))
    else:
        look = f"./shop logs --state-dir {shlex.quote(os.path.relpath(state))} --order ID"
        out.append(paint("\nThe books differ.", "red") + f" Follow an order: {look}\nAgain: {report.repeat}")
    return "\n".join(out)


def _faults_table(happened: list[faults.Happened]) -> list[str]:
    counts = Counter((part, faults.word(h.fault.kind, part)) for h in happened for part in h.struck)
    kinds = [kind for kind in ("kill", "restart", "pause") if any(k == kind for _, k in counts)]
    rows = [f"  {'part':<24}" + "".join(f"{kind:>9}" for kind in kinds)]
    for part in sorted({part for part, _ in counts}):
        rows.append(f"  {part:<24}" + "".join(f"{counts[part, kind] or '-':>9}" for kind in kinds))
    pairs = sum(len(h.struck) > 1 for h in happened)
    return [*rows, f"  {len(happened)} faults, {pairs} of them on two parts at once"] if happened else ["  none"]


def _memory_table(report: Report) -> list[str]:
    rows = [f"  {'':<24}" + "".join(f"{when:>9}" for when in ("begin", "1/4", "1/2", "3/4", "end", "audited"))]
    return rows + [f"  {name:<24}" + "".join(f"{sample[name] / 1024:>9.1f}" if name in sample else f"{'-':>9}" for sample in report.memory)
                   for name in sorted(report.memory[-1])]


def _audit_table(lines: list[Line]) -> list[str]:
    width = max(len(line.what) for line in lines)
    rows = [f"    {'':<{width}}{'expected':>12}{'found':>12}"]
    for line in lines:
        mark = paint("✓", "green") if line.ok else paint("✗", "red")
        rows.append(f"  {mark} {line.what:<{width}}{line.expected:>12}{line.found:>12}")
        rows += [f"      {text}" for text in line.concerned[:SHOWN]]
        if len(line.concerned) > SHOWN:
            rows.append(f"      and {len(line.concerned) - SHOWN} more (--json shows a hundred)")
    return rows
