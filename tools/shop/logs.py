"""`./shop logs`: the journal as a person reads it."""

from .console import paint
from .journal import FIXED, Record, follow, of_order, read
from .stack import Stack
from .workspace import ShopError

SHADES = {"product-service": "cyan", "cart-service": "magenta", "order-service": "blue", "payment-service": "yellow"}
LEVELS = {"error": "red", "fatal": "red", "critical": "red", "warning": "yellow", "warn": "yellow"}


def show(platform: Stack, options) -> int:
    files = _files(platform, options.name)
    records = read(files)
    if options.order:
        records = of_order(records, options.order)
        if not records and not options.follow:
            raise ShopError(f"no line of any service names order {options.order}")
    else:
        records = records[-options.lines:]
    # Within one order's way these are the same on every line, or long and of use only to a machine.
    hidden = {"orderId", "traceId", "turn"} if options.order else set()
    for record in records:
        _print(record, options.json, hidden)
    if options.follow:
        for record in follow(files):
            if not options.order or record.get("orderId") == options.order:
                _print(record, options.json, hidden)
    return 0


def _files(platform: Stack, name: str | None) -> dict:
    if name is None:
        return platform.service_logs()
    files = {part["name"]: part["log"] for part in platform.status()["parts"]}
    if name not in files:
        raise ShopError(f"there is no part {name}; there are: {', '.join(files) or 'none, as nothing was ever started'}")
    return {name: type(platform.workspace.state)(files[name])}


def _print(record: Record, raw: bool, hidden: set[str]) -> None:
    print(record.raw if raw else line(record, hidden), flush=True)


def line(record: Record, hidden: set[str]) -> str:
    """12:00:01.123 order-service   event handled  event=order.created orderId=…"""
    service, level = record.get("service"), record.get("level") or "info"
    clock = paint(record.time[11:23].ljust(12), "dim")
    text = f"{clock} {paint(record.part.ljust(17), SHADES.get(service, 'dim'))} "
    if level in LEVELS:
        text += paint(level, LEVELS[level]) + " "
    rest = {k: v for k, v in record.fields.items() if k not in FIXED | hidden and v not in (None, "")}
    return text + record.text + "  " + paint(" ".join(f"{k}={v}" for k, v in rest.items()), "dim")
