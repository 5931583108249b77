"""`./shop import`: a file of products into the catalog, line by line, with what became of each."""

import asyncio
import contextlib
import json
import shutil
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from urllib.parse import urlsplit

import h11

from .console import TTY, paint, warn
from .workspace import ShopError

MEDIA_TYPES = {".ndjson": "application/x-ndjson", ".jsonl": "application/x-ndjson", ".csv": "text/csv"}
PIECE = 64 * 1024
CONNECT_SECONDS = 5
# Between two answers: longer than the service waits for its store, shorter than anybody waits for nothing.
SILENCE_SECONDS = 90
STATUSES = ("created", "replaced", "unchanged", "refused")


def media_type(file: Path) -> str:
    found = MEDIA_TYPES.get(file.suffix.lower())
    if not found:
        raise ShopError(f"{file}: the name must end in {', '.join(sorted(MEDIA_TYPES))}, so that it says what the file is")
    return found


class Tally:
    """What became of the lines so far."""

    def __init__(self, name: str):
        self.name, self.started = name, time.monotonic()
        self.statuses: Counter = Counter()
        self.line = 0
        self.refused: list[dict] = []
        self.lock = threading.Lock()

    def take(self, answer: dict) -> None:
        with self.lock:
            self.statuses[answer["status"]] += 1
            self.line = max(self.line, answer["line"])
            if answer["status"] == "refused":
                self.refused.append(answer)

    @property
    def lines(self) -> int:
        return sum(self.statuses.values())

    @property
    def rate(self) -> float:
        return self.lines / max(time.monotonic() - self.started, 0.001)

    def summary(self) -> dict:
        return {"file": self.name, "lines": self.lines, **{status: self.statuses[status] for status in STATUSES},
                "lastLine": self.line, "seconds": round(time.monotonic() - self.started, 3)}


def errors_of(name: str, answer: dict) -> list[str]:
    """As compilers say it, so that an editor finds the place: file:line: pointer: detail."""
    return [f"{name}:{answer['line']}: {error['pointer'] + ': ' if error['pointer'] else ''}{error['detail']}"
            for error in answer.get("errors", [])]


class Lost(Exception):
    """The connection is gone, or what comes over it is no answer."""


class Importer:
    """Sends and listens at the same time: who only listens afterwards would keep the service from answering, and so from
    going on."""

    def __init__(self, url: str, token: str, quiet: bool):
        self.url, self.token, self.quiet = urlsplit(url), token, quiet
        if self.url.scheme not in ("http", "https") or not self.url.hostname:
            raise ShopError(f"{url} is not the address of a shop: give one like https://shop.example")
        self.sent = 0

    def run(self, path: Path) -> Tally:
        """Raises ShopError where the whole file was refused, or the connection was lost."""
        kind, tally = media_type(path), Tally(str(path))
        size = path.stat().st_size
        with path.open("rb") as file, _painter(self, tally, size):
            try:
                asyncio.run(self._exchange(file, size, kind, tally))
            except (OSError, TimeoutError, asyncio.IncompleteReadError, h11.ProtocolError, ValueError, Lost) as error:
                raise ShopError(f"the connection to {self.url.netloc} was lost ({_reason(error)}). {_stood(tally)} "
                                "The same command goes on: what is there already stays as it is.") from error
        return tally

    async def _exchange(self, file, size: int, kind: str, tally: Tally) -> None:
        secure = self.url.scheme == "https"
        port = self.url.port or (443 if secure else 80)
        reader, writer = await asyncio.wait_for(asyncio.open_connection(self.url.hostname, port, ssl=secure or None), CONNECT_SECONDS)
        connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=1 << 20)
        headers = [("Host", self.url.netloc), ("Authorization", f"Bearer {self.token}"), ("Content-Type", kind),
                   ("Content-Length", str(size)), ("Accept", "application/x-ndjson")]
        writer.write(connection.send(h11.Request(method="POST", target=self.url.path, headers=headers)))
        sending = asyncio.create_task(self._send(file, size, connection, writer))
        try:
            await self._listen(connection, reader, tally)
        finally:
            # Who refuses a file does not read it to its end.
            sending.cancel()
            with contextlib.suppress(asyncio.CancelledError, OSError, h11.ProtocolError):
                await sending
            writer.close()

    async def _send(self, file, size: int, connection: h11.Connection, writer: asyncio.StreamWriter) -> None:
        try:
            # Never more than was announced, should the file grow meanwhile.
            while self.sent < size and (piece := file.read(min(PIECE, size - self.sent))):
                writer.write(connection.send(h11.Data(data=piece)))
                await writer.drain()
                self.sent += len(piece)
            if self.sent == size:
                connection.send(h11.EndOfMessage())
            else:
                # It became shorter: the service must not wait for the rest.
                writer.write_eof()
        except OSError:
            return  # the answer says why, if there is one

    async def _listen(self, connection: h11.Connection, reader: asyncio.StreamReader, tally: Tally) -> None:
        status, rest = 0, b""
        while True:
            event = connection.next_event()
            if event is h11.NEED_DATA:
                connection.receive_data(await asyncio.wait_for(reader.read(PIECE), SILENCE_SECONDS))
            elif isinstance(event, h11.Response):
                status = event.status_code
            elif isinstance(event, h11.Data):
                rest += bytes(event.data)
                if status == 200:
                    *lines, rest = rest.split(b"\n")
                    for line in lines:
                        self._line(tally, json.loads(line))
            elif isinstance(event, h11.EndOfMessage):
                if status != 200:
                    raise ShopError(f"{tally.name} was not taken ({status}): {_detail(rest)}")
                return
            elif isinstance(event, h11.ConnectionClosed):
                raise Lost("closed before the answer's end")

    def _line(self, tally: Tally, answer: dict) -> None:
        tally.take(answer)
        if not self.quiet:
            for text in errors_of(tally.name, answer):
                if TTY:
                    sys.stderr.write("\r\033[K")
                print(paint(text, "red", sys.stderr), file=sys.stderr)


def _detail(body: bytes) -> str:
    with contextlib.suppress(ValueError, AttributeError):
        if detail := json.loads(body).get("detail"):
            return detail
    return body[:300].decode(errors="replace")


def _reason(error: Exception) -> str:
    return (str(error).splitlines() or [""])[0][:200] or type(error).__name__


def _stood(tally: Tally) -> str:
    return f"{tally.name} stood at line {tally.line} ({tally.lines} lines answered)." if tally.lines else "Nothing was answered yet."


class _painter:
    """One line that is kept current on a terminal; nothing elsewhere."""

    def __init__(self, importer: Importer, tally: Tally, size: int):
        self.importer, self.tally, self.size = importer, tally, max(size, 1)
        self.ending = threading.Event()
        self.thread = threading.Thread(target=self._paint, daemon=True) if TTY and not importer.quiet else None

    def __enter__(self):
        if self.thread:
            self.thread.start()
        return self

    def __exit__(self, *_) -> None:
        self.ending.set()
        if self.thread:
            self.thread.join()
            sys.stderr.write("\r\033[K")

    def _paint(self) -> None:
        while not self.ending.wait(0.2):
            with self.tally.lock:
                counts = " · ".join(f"{n} {status}" for status in STATUSES if (n := self.tally.statuses[status]))
            text = (f"  … line {self.tally.line} · {self.tally.rate:.0f}/s · sent {100 * self.importer.sent // self.size} %"
                    f"{' · ' + counts if counts else ''}")
            sys.stderr.write("\r\033[K" + text[:shutil.get_terminal_size().columns - 1])
            sys.stderr.flush()


def show(tally: Tally, as_json: bool) -> None:
    if as_json:
        print(json.dumps(tally.summary() | {"errors": tally.refused}))
        return
    counts = ", ".join(f"{tally.statuses[status]} {status}" for status in STATUSES)
    colour = "yellow" if tally.statuses["refused"] else "green"
    print(paint(f"{tally.name}: {counts}", colour) + f" ({tally.lines} lines, {tally.rate:.0f}/s)")


def run(url: str, token: str, path: Path, as_json: bool) -> int:
    if not path.is_file():
        raise ShopError(f"{path} is not there, or is no file")
    tally = Importer(url, token, quiet=as_json).run(path)
    show(tally, as_json)
    if not tally.lines:
        warn(f"{path} holds no products")
    return 1 if tally.statuses["refused"] else 0
