"""Which ports are taken, and by whom."""

import random
import socket
from pathlib import Path

from . import facts
from .workspace import ShopError


def listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((facts.host(), port)) == 0


def free_offset() -> int:
    """An offset at which every port is free, below the range the kernel takes outgoing ports from."""
    for offset in random.sample(range(10_000, 23_000, 20), 200):
        if not any(listens(port) for port in facts.Ports(offset).all()):
            return offset
    raise ShopError("found no free range of ports")


def require_free(offset: int, replicas: int) -> None:
    taken = [port for port in sorted(facts.Ports(offset).all(replicas)) if listens(port)]
    if taken:
        lines = "\n".join(f"  {port}, wanted by {_wanted_by(port, offset, replicas)}, is held by {_owner(port)}" for port in taken)
        raise ShopError(f"ports are in use:\n{lines}\nStop what holds them, or move all of the platform's with --port-offset N.")


def _wanted_by(port: int, offset: int, replicas: int) -> str:
    for name, base in facts.load()["ports"].items():
        if base + offset == port:
            return name
    return next(f"{app.part} ({name})" for app in facts.apps(offset, replicas) for name, mine in app.ports.items() if mine == port)


def _owner(port: int) -> str:
    """From /proc: the socket's inode, then the process that has it open. Another user's process keeps its name to itself."""
    inodes = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and int(fields[1].rsplit(":", 1)[1], 16) == port:
                inodes.add(f"socket:[{fields[9]}]")
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if any(str(handle.readlink()) in inodes for handle in (process / "fd").iterdir()):
                return f"process {process.name} ({(process / 'comm').read_text().strip()})"
        except OSError:
            continue
    return "another user's process"
