"""The services' logs as records: one JSON object a line, read from files, merged in the order of their times."""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

SERVICES = ("product-service", "cart-service", "order-service", "payment-service")
# Shown in fixed places of a line, so not repeated among its other fields.
FIXED = {"time", "level", "service", "msg"}


@dataclass(frozen=True)
class Record:
    raw: str
    fields: dict
    # The part that wrote it; the service's own name in the line is the same for all its replicas.
    part: str

    @property
    def time(self) -> str:
        return _comparable(str(self.fields.get("time", "")))

    @property
    def text(self) -> str:
        return str(self.fields.get("msg", ""))

    def get(self, name: str) -> str:
        return str(self.fields.get(name) or "")


def _comparable(time: str) -> str:
    """RFC 3339 in UTC sorts as text once all have as many decimals; daprd writes nine, the services three."""
    match = re.match(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d+))?", time)
    return f"{match.group(1)}.{(match.group(2) or '').ljust(9, '0')[:9]}" if match else time


def parse(line: str, source: str) -> Record:
    """A line that is no JSON, such as a crash report, is still somebody's line: it gets its source and no time."""
    try:
        fields = json.loads(line)
    except ValueError:
        fields = None
    if not isinstance(fields, dict):
        return Record(line, {"service": source, "msg": line}, source)
    fields.setdefault("service", fields.get("app_id") or source)
    return Record(line, fields, source)


def read(files: dict[str, Path]) -> list[Record]:
    """Everything that is there, the rotated part included, in time order. A line without a time stays behind the one before it."""
    merged: list[tuple[str, int, Record]] = []
    for name, path in files.items():
        last = ""
        for file in (path.with_name(path.name + ".1"), path):
            if not file.exists():
                continue
            with open(file, errors="replace") as lines:
                for line in lines:
                    if not (line := line.rstrip("\n")):
                        continue
                    record = parse(line, name)
                    last = record.time or last
                    merged.append((last, len(merged), record))
    merged.sort(key=lambda entry: entry[:2])
    return [record for _, _, record in merged]


def of_order(records: Iterable[Record], order: str) -> list[Record]:
    """What concerns one order: the lines that name it, and those of the same traces that name no other order."""
    records = list(records)
    traces = {record.get("traceId") for record in records if record.get("orderId") == order} - {""}
    return [record for record in records
            if record.get("orderId") == order or (not record.get("orderId") and record.get("traceId") in traces)]


def follow(files: dict[str, Path], poll_seconds: float = 0.2) -> Iterator[Record]:
    """Every line added from now on, for as long as the caller asks."""
    import time

    positions = {name: path.stat().st_size if path.exists() else 0 for name, path in files.items()}
    while True:
        batch: list[Record] = []
        for name, path in files.items():
            size = path.stat().st_size if path.exists() else 0
            if size < positions[name]:
                positions[name] = 0  # rotated
            if size == positions[name]:
                continue
            with open(path, "rb") as file:
                file.seek(positions[name])
                chunk = file.read()
            whole = chunk[: chunk.rfind(b"\n") + 1]
            positions[name] += len(whole)
            batch += [parse(line, name) for line in whole.decode(errors="replace").splitlines() if line]
        yield from sorted(batch, key=lambda record: record.time)
        if not batch:
            time.sleep(poll_seconds)
