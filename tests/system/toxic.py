"""Toxiproxy between a sidecar and what it depends on: what a network, or a server in trouble, does to a connection."""

import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import requests
from stack import wait_until

HOST = "127.0.0.1"

# Kinds of trouble, each a list of toxics (https://github.com/Shopify/toxiproxy#toxics) on what a server answers.
TROUBLES = {
    "latency": [("latency", {"latency": 400, "jitter": 300})],
    "slow drip": [("slicer", {"average_size": 64, "size_variation": 32, "delay": 2000}), ("bandwidth", {"rate": 32})],
    "resets": [("reset_peer", {"timeout": 50})],
    "silence": [("timeout", {"timeout": 0})],
}


class Toxiproxy:
    """The server and its proxies, one in front of each port it was given."""

    def __init__(self, program: Path):
        with socket.socket() as free:
            free.bind((HOST, 0))
            port = free.getsockname()[1]
        self.api = f"http://{HOST}:{port}"
        self.process = subprocess.Popen([program, "-host", HOST, "-port", str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.upstreams: dict[str, int] = {}

    def __enter__(self) -> "Toxiproxy":
        wait_until(self._up, 20, "toxiproxy")
        return self

    def __exit__(self, *_) -> None:
        self.process.terminate()
        self.process.wait(10)

    def _up(self) -> bool:
        try:
            return requests.get(f"{self.api}/version", timeout=2).ok
        except requests.ConnectionError:
            return False

    def _ask(self, verb: str, path: str, body: dict | None = None) -> dict:
        answer = requests.request(verb, self.api + path, json=body, timeout=10)
        assert answer.ok, answer.text
        return answer.json() if answer.content else {}

    def proxy(self, name: str, upstream: int) -> int:
        """The port on which `name` can be reached through this proxy."""
        made = self._ask("POST", "/proxies", {"name": name, "listen": f"{HOST}:0", "upstream": f"{HOST}:{upstream}"})
        self.upstreams[name] = upstream
        return int(made["listen"].rsplit(":", 1)[1])

    @contextmanager
    def another(self, name: str, upstream: int) -> Iterator[None]:
        """While the block runs, `name` is somebody else."""
        self._ask("POST", f"/proxies/{name}", {"upstream": f"{HOST}:{upstream}"})
        try:
            yield
        finally:
            self._ask("POST", f"/proxies/{name}", {"upstream": f"{HOST}:{self.upstreams[name]}"})

    @contextmanager
    def trouble(self, name: str, kind: str) -> Iterator[None]:
        """While the block runs, connections to `name` have this kind of trouble; `cut`: there are none."""
        if kind == "cut":
            self._ask("POST", f"/proxies/{name}", {"enabled": False})
        else:
            for toxic, attributes in TROUBLES[kind]:
                self._ask("POST", f"/proxies/{name}/toxics", {"type": toxic, "name": toxic, "attributes": attributes})
        try:
            yield
        finally:
            if kind == "cut":
                self._ask("POST", f"/proxies/{name}", {"enabled": True})
            else:
                for toxic, _ in TROUBLES[kind]:
                    self._ask("DELETE", f"/proxies/{name}/toxics/{toxic}")
