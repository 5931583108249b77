"""HTTP as a hostile client speaks it: bytes over a socket; and what the platform's processes look like afterwards."""

import json
import os
import socket
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests
from stack import Platform, wait_until, watch
from described import Exchange

TICKS = os.sysconf("SC_CLK_TCK")


def endpoint(address: str) -> tuple[str, int]:
    host, port = address.removeprefix("http://").split(":")
    return host, int(port)


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def is_problem(self) -> bool:
        if not self.headers.get("content-type", "").startswith("application/problem+json"):
            return False
        problem = json.loads(self.body)
        return problem["status"] == self.status and {"type", "title", "detail", "instance"} <= problem.keys()


class Wire:
    """One connection. Reads answers strictly: what is no HTTP/1.1 answer is an error of the test that reads it."""

    def __init__(self, address: str, timeout: float = 20, receive_buffer: int = 0):
        self.socket = socket.socket()
        self.socket.settimeout(timeout)
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.connect(endpoint(address))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.got = b""

    def __enter__(self) -> "Wire":
        return self

    def __exit__(self, *_) -> None:
        self.socket.close()

    def send(self, data: bytes) -> "Wire":
        """All of it, unless the peer has closed: a refusal may come before the whole request has left."""
        try:
            self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            pass
        return self

    def answer(self, bodiless: bool = False) -> Answer:
        """The next final answer."""
        while True:
            head = self._until(b"\r\n\r\n").decode("latin-1").split("\r\n")
            version, status = head[0].split(" ")[:2]
            assert version == "HTTP/1.1", head
            headers = {name.lower(): value.strip() for name, value in (line.split(":", 1) for line in head[1:] if line)}
            if not status.startswith("1"):
                break
        assert "transfer-encoding" not in headers, headers
        body = b"" if bodiless else self._exactly(int(headers.get("content-length", 0)))
        return Answer(int(status), headers, body)

    def rest(self) -> bytes:
        """Everything until the peer closes or resets."""
        while self.more():
            pass
        return self.got

    def _until(self, mark: bytes) -> bytes:
        while mark not in self.got:
            assert self.more(), f"the connection ended after {self.got[:200]!r}"
        part, _, self.got = self.got.partition(mark)
        return part

    def _exactly(self, length: int) -> bytes:
        while len(self.got) < length:
            assert self.more(), f"the connection ended after {self.got[:200]!r}"
        part, self.got = self.got[:length], self.got[length:]
        return part

    def more(self) -> bool:
        try:
            chunk = self.socket.recv(65536)
        except ConnectionResetError:
            return False
        self.got += chunk
        return bool(chunk)


def ask(address: str, request: bytes, **options) -> Answer:
    with Wire(address, **options) as wire:
        answer = wire.send(request).answer()
    watch.look(address.removeprefix("http://"), Exchange(*request_line(request), answer.status, answer.headers.get("content-type", ""), answer.body,
                                                         headers=answer.headers))
    return answer


def request_line(request: bytes) -> tuple[str, str]:
    """Method and target, as far as there are any."""
    words = request.partition(b"\r\n")[0].decode("latin-1").split(" ")
    return (words[0], words[1]) if len(words) == 3 else ("", "")


# --- the processes


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def resident(pid: int) -> int:
    """Bytes in memory."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


class Vitals:
    """The processes that outsiders' bytes reach: the services, and the doors with their workers."""

    def __init__(self, platform: Platform):
        self.platform = platform
        parts = {part["name"]: part["pid"] for part in platform.status()["parts"] if part["kind"] == "service" or part["name"] == "gateway"}
        workers = {f"gateway worker {pid}": pid for pid in children(parts["gateway"])}
        self.pids = parts | workers

    def require_unharmed(self) -> None:
        """The same processes as before, and every door and channel answers."""
        assert Vitals(self.platform).pids == self.pids
        for short in self.platform.apps:
            assert requests.get(self.platform.endpoints[short] + "/healthz", timeout=10).status_code == 200
            assert requests.get(self.platform.channel(short) + "/healthz", timeout=10).status_code == 200

    def require_quiet(self) -> None:
        """No thread goes on spinning: soon each process uses next to no time."""

        def quiet() -> bool:
            before = {name: cpu_seconds(pid) for name, pid in self.pids.items()}
            time.sleep(0.5)  # the span over which is measured
            used = {name: cpu_seconds(pid) - before[name] for name, pid in self.pids.items()}
            assert all(seconds < 0.15 for seconds in used.values()), used
            return True

        # A sanitized service takes several times as long to do what it was given before.
        wait_until(quiet, 150 if os.environ.get("SHOP_SANITIZER") else 30, "the processes to rest")

    def memory(self) -> dict[str, int]:
        return {name: resident(pid) for name, pid in self.pids.items()}

    @contextmanager
    def memory_within(self, megabytes: int):
        """What happens here makes no process grow by more, at its end."""
        before = self.memory()
        yield
        self.require_memory(before, megabytes)

    def require_memory(self, before: dict[str, int], megabytes: int) -> None:
        if os.environ.get("SHOP_SANITIZER"):
            return  # a sanitizer keeps what was freed
        grown = {name: (now - before[name]) >> 20 for name, now in self.memory().items()}
        assert all(growth <= megabytes for growth in grown.values()), grown
