"""A sequence diagram, in text, of the events as they really came: who published, who took them up, how long it took."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from .journal import SERVICES, Record

LIFELINES = {"product-service": "Product", "cart-service": "Cart", "order-service": "Order", "payment-service": "Payment"}
WIDTH = 26
PUBLISHED, HANDLED = "event published", "event handled"


@dataclass(frozen=True)
class Hop:
    """One event on its way to one subscriber; `seconds` from the publisher's line to the subscriber's."""

    event: str
    event_id: str
    source: str
    target: str
    time: str
    seconds: float | None


def hops(records: Iterable[Record]) -> list[Hop]:
    records = list(records)
    published = {(r.get("event"), r.get("eventId")): r for r in reversed(records) if r.text == PUBLISHED}
    found: dict[tuple, Hop] = {}
    for record in records:
        key = (record.get("event"), record.get("eventId"))
        origin = published.get(key)
        if record.text == HANDLED and origin and (*key, record.get("service")) not in found:
            found[(*key, record.get("service"))] = Hop(key[0], key[1], origin.get("service"), record.get("service"), origin.time,
                                                       _seconds(origin.time, record.time))
    reached = {(event, event_id) for event, event_id, _ in found}
    for key, origin in published.items():
        if key not in reached:  # nobody listens to it, or not yet
            found[(*key, "")] = Hop(key[0], key[1], origin.get("service"), "", origin.time, None)
    return sorted(found.values(), key=lambda hop: hop.time)


def _seconds(begin: str, end: str) -> float | None:
    try:
        return (datetime.fromisoformat(end[:26]) - datetime.fromisoformat(begin[:26])).total_seconds()
    except ValueError:
        return None


def draw(found: list[Hop]) -> str:
    """Four lifelines and an arrow for each hop. An event back to its own service is a loop beside its lifeline."""
    lines = ["".join(name.center(WIDTH) for name in LIFELINES.values()).rstrip(), _row([])]
    for hop in found:
        start = SERVICES.index(hop.source)
        note = f"{hop.time[11:23]}" + (f" +{max(0, round(hop.seconds * 1000))} ms" if hop.seconds is not None else "")
        if hop.target in SERVICES and hop.target != hop.source:
            end = SERVICES.index(hop.target)
            lines.append(_row([(hop.event, start, end)]))
            lines.append(_arrow(start, end, note))
        else:
            mark = "↺" if hop.target else "○"
            column = _column(start)
            row = list(_row([]).ljust(WIDTH * len(SERVICES) + 40))
            text = f" {mark} {hop.event}  {note}"
            row[column + 1: column + 1 + len(text)] = text
            lines.append("".join(row).rstrip())
    return "\n".join(lines + [_row([])])


def _column(index: int) -> int:
    return index * WIDTH + WIDTH // 2


def _row(labels: list[tuple[str, int, int]]) -> str:
    row = [" "] * (WIDTH * len(SERVICES))
    for index in range(len(SERVICES)):
        row[_column(index)] = "│"
    for text, start, end in labels:
        low, high = sorted((_column(start), _column(end)))
        at = low + 1 + max(0, (high - low - 1 - len(text)) // 2)
        row[at: at + len(text)] = text
    return "".join(row).rstrip()


def _arrow(start: int, end: int, note: str) -> str:
    row = list(_row([]).ljust(WIDTH * len(SERVICES) + 2))
    low, high = sorted((_column(start), _column(end)))
    row[low + 1: high] = "─" * (high - low - 1)
    if end > start:
        row[high - 1] = "▶"
    else:
        row[low + 1] = "◀"
    return "".join(row).rstrip().ljust(WIDTH * len(SERVICES)) + "  " + note
