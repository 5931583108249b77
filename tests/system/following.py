"""Server-sent events as a browser reads them: a stream that is lost is opened again, with the id of the last event."""

import dataclasses
import http.client
import json
import threading
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

from described import Exchange, watch


@dataclass(frozen=True)
class Event:
    id: int
    order: dict
    at: float
    """When it came, by time.monotonic()."""


class Stream:
    """One answer: its status and headers, then its events, block by block."""

    def __init__(self, url: str, token: str = "", last_event_id: str | int | None = None, accept: str = "text/event-stream",
                 timeout: float = 40):
        parts = urlsplit(url)
        self.connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=timeout)
        headers = {"Accept": accept}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        if last_event_id is not None:
            headers["Last-Event-ID"] = str(last_event_id)
        self.connection.request("GET", parts.path, headers=headers)
        self.answer = self.connection.getresponse()
        self.status, self.headers = self.answer.status, self.answer.headers
        self.comments = 0
        self.exchange = Exchange("GET", parts.path, self.status, self.headers.get("Content-Type", ""), None, "", b"", headers,
                                 {name.lower(): value for name, value in self.headers.items()})
        watch.look(parts.netloc, self.exchange)
        self.address = parts.netloc

    def __enter__(self) -> "Stream":
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def close(self) -> None:
        self.connection.close()

    def block(self) -> dict[str, str] | None:
        """The fields of the next block; none when the stream has ended as it should. One that is cut off is an exception."""
        fields: dict[str, str] = {}
        read = b""
        while True:
            line = self.answer.readline()
            read += line
            if not line:
                # http.client reads a chunked answer that was cut off at a chunk's edge as if it were whole.
                assert self.answer.isclosed(), "the stream was cut off"
                assert not fields, f"the stream ended in the middle of {fields}"
                return None
            assert line.endswith(b"\n"), line
            text = line[:-1].decode()
            if not text:
                if "data" in fields:
                    watch.look(self.address, dataclasses.replace(self.exchange, body=read))
                return fields
            if text.startswith(":"):
                self.comments += 1
                continue
            name, _, value = text.partition(":")
            fields[name] = value.removeprefix(" ")

    def event(self) -> Event | None:
        while (fields := self.block()) is not None:
            if "data" in fields:
                assert fields["event"] == "order", fields
                return Event(int(fields["id"]), json.loads(fields["data"]), time.monotonic())
        return None

    def rest(self) -> list[Event]:
        events = []
        while event := self.event():
            events.append(event)
        return events


class Follower:
    """Follows an order in a thread of its own until its stream has ended for good: 204 after a reconnection."""

    def __init__(self, url: str, token: str = "", last_event_id: str | int | None = None):
        self.url, self.token, self.start_after = url, token, last_event_id
        self.events: list[Event] = []
        self.connections = 0
        self.losses: list[str] = []
        self.refusals: list[int] = []
        self.done = threading.Event()
        self.leaving = threading.Event()
        self.failure: BaseException | None = None
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def __enter__(self) -> "Follower":
        return self

    def __exit__(self, *_) -> None:
        self.leaving.set()

    @property
    def ids(self) -> list[int]:
        return [event.id for event in self.events]

    @property
    def statuses(self) -> list[str]:
        return [event.order["status"] for event in self.events]

    def _run(self) -> None:
        try:
            while not self.leaving.is_set() and not self._once():
                self.leaving.wait(0.2)
        except BaseException as failure:  # noqa: BLE001: the test's thread raises it
            self.failure = failure
        self.done.set()

    def _once(self) -> bool:
        """Whether that was all there will ever be."""
        last = self.events[-1].id if self.events else self.start_after
        try:
            with Stream(self.url, self.token, last) as stream:
                if stream.status == 204:
                    return True
                if stream.status != 200:
                    assert stream.status in (404, 502, 503, 504), stream.status
                    self.refusals.append(stream.status)
                    return False
                self.connections += 1
                while not self.leaving.is_set():
                    event = stream.event()
                    if event is None:
                        return False
                    self.events.append(event)
        except (OSError, http.client.HTTPException, AssertionError) as lost:
            self.losses.append(repr(lost))
        return False

    def finish(self, limit: float = 60) -> list[Event]:
        assert self.done.wait(limit), f"{self.url} has not ended; seen {self.ids} {self.statuses}; lost {self.losses}"
        if self.failure:
            raise self.failure
        return self.events
