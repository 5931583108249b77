"""The processes are supervisord's: it starts them, restarts what dies, keeps their logs. This speaks to it over its socket."""

import hashlib
import json
import os
import re
import shlex
import subprocess
import time
import xmlrpc.client
from pathlib import Path

from supervisor.xmlrpc import SupervisorTransport

from .credentials import write_private
from .programs import Program
from .workspace import ShopError, Workspace

STOPPING_ORDER = (("door",), ("service",), ("sidecar",), ("runtime", "store", "broker"))

HEADER = """\
; Written by tools/shop; changes are overwritten.
[supervisord]
logfile={logs}/supervisord.log
logfile_maxbytes=5MB
logfile_backups=1
pidfile={run}/supervisord.pid
directory={run}
identifier=shop
loglevel=info
umask=077

[unix_http_server]
file={socket}
chmod=0700

[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface

[supervisorctl]
serverurl=unix://{socket}
"""

# killasgroup: what a process started must not outlive it. SHOP_REVISION changes with the command, its environment and the
# program file, so that supervisor itself sees which parts a new build or new settings concern, and restarts those alone.
SECTION = """
[program:{name}]
command={script}
environment=SHOP_REVISION="{revision}"
autostart=false
autorestart=true
startsecs=1
startretries=50
stopsignal={signal}
stopwaitsecs={seconds}
killasgroup=true
stopasgroup=false
redirect_stderr=true
stdout_logfile={log}
stdout_logfile_maxbytes=50MB
stdout_logfile_backups=1
"""


class Supervisor:
    def __init__(self, workspace: Workspace):
        self.workspace = workspace
        self.config = workspace.generated / "supervisord.conf"

    @property
    def rpc(self):
        transport = SupervisorTransport(None, None, f"unix://{self.workspace.socket}")
        return xmlrpc.client.ServerProxy("http://127.0.0.1", transport).supervisor

    def running(self) -> bool:
        if not self.workspace.socket.exists():
            return False
        try:
            return self.rpc.getState()["statename"] == "RUNNING"
        except (OSError, xmlrpc.client.Error):
            return False

    def states(self) -> dict[str, dict]:
        """Name → supervisor's own record (pid, statename, start, description)."""
        if not self.running():
            return {}
        return {info["name"]: info for info in self.rpc.getAllProcessInfo()}

    def write(self, programs: list[Program]) -> None:
        scripts = self.workspace.generated / "run"
        scripts.mkdir(exist_ok=True)
        text = HEADER.format(logs=self.workspace.logs, run=self.workspace.run, socket=self.workspace.socket)
        for program in programs:
            script = scripts / program.name
            write_private(script, _script(program))
            script.chmod(0o700)
            text += SECTION.format(name=program.name, script=script, revision=_revision(program), signal=program.stop_signal,
                                   seconds=program.stop_seconds, log=self.workspace.log_of(program.name))
        write_private(self.config, text)

    def launch(self, supervisord: Path) -> None:
        self.workspace.socket.unlink(missing_ok=True)
        answer = subprocess.run([str(supervisord), "-c", str(self.config)], capture_output=True, text=True)
        if answer.returncode != 0:
            raise ShopError(f"supervisord did not start: {answer.stderr.strip() or answer.stdout.strip()}")
        deadline = time.monotonic() + 10
        while not self.running():
            if time.monotonic() > deadline:
                raise ShopError(f"supervisord does not answer; its log is {self.workspace.logs / 'supervisord.log'}")
            time.sleep(0.02)

    def update(self) -> list[str]:
        """Takes in a rewritten configuration: stops what changed or went away. Returns what has to be started."""
        added, changed, removed = self.rpc.reloadConfig()[0]
        for name in changed + removed:
            self.rpc.stopProcessGroup(name)
            self.rpc.removeProcessGroup(name)
        for name in added + changed:
            self.rpc.addProcessGroup(name)
        return added + changed

    def start(self, names: list[str]) -> None:
        """All at once; supervisor answers before they are up."""
        states = self.states()
        for name in names:
            if states[name]["statename"] in ("STOPPED", "EXITED", "FATAL"):
                self.rpc.startProcess(name, False)

    def stop(self, names: list[str]) -> None:
        """All at once, and returns when they are gone. A part that ignores its signal is killed after its own time."""
        for name in names:
            try:
                self.rpc.stopProcess(name, False)
            except xmlrpc.client.Fault:
                pass  # it was not running
        while any(info["statename"] in ("STOPPING", "RUNNING", "STARTING", "BACKOFF") for name, info in self.states().items()
                  if name in names):
            time.sleep(0.05)

    def signal(self, name: str, signal: str) -> None:
        self.rpc.signalProcess(name, signal)

    def stop_in_order(self, programs: list[Program]) -> None:
        present = self.states()
        for kinds in STOPPING_ORDER:
            self.stop([p.name for p in programs if p.kind in kinds and p.name in present])

    def shut_down(self, programs: list[Program]) -> None:
        """In order, so that nothing new comes in while what is under way ends."""
        self.stop_in_order(programs)
        pid = self.rpc.getPID()
        self.rpc.shutdown()
        while _alive(pid):
            time.sleep(0.02)

    def last_words(self, name: str, count: int = 6) -> list[str]:
        """Why a part went down, as far as it said: its last errors, or else its last lines."""
        log = self.workspace.log_of(name)
        if not log.exists() or not log.stat().st_size:
            return ["(it has written nothing)"]
        with open(log, "rb") as file:
            file.seek(max(0, log.stat().st_size - 65536))
            lines = file.read().decode(errors="replace").splitlines()[-80:]
        errors = [line for line in lines if re.search(r'"level": ?"(error|fatal|critical)"|\[emerg\]|Traceback|terminate called', line)]
        messages = [_message(line) for line in errors or lines]
        return list(dict.fromkeys(messages))[-count:]


def _message(line: str) -> str:
    try:
        return str(json.loads(line)["msg"])
    except (ValueError, KeyError, TypeError):
        return line


def _script(program: Program) -> str:
    lines = ["#!/bin/sh", *(f"export {name}={shlex.quote(value)}" for name, value in program.environment.items())]
    if program.directory:
        lines.append(f"cd {shlex.quote(str(program.directory))}")
    return "\n".join([*lines, "exec " + shlex.join(program.command), ""])


def _revision(program: Program) -> str:
    """Changes with whatever the process read at its start: command, environment, program file, configuration."""
    digest = hashlib.sha256(_script(program).encode())
    for argument in program.command:
        path = Path(argument)
        if not path.is_absolute():
            continue
        for file in sorted(path.glob("*.yaml")) if path.is_dir() else [path]:
            if not file.is_file():
                continue
            state = file.stat()
            # Configuration is written anew each time, so its text counts; a program is too large to read. The doors read
            # theirs again without a restart.
            text = file.suffix == ".yaml"
            if program.kind == "door" and file.suffix == ".conf":
                continue
            digest.update(file.read_bytes() if text else f"{state.st_mtime_ns}:{state.st_size}".encode())
    return digest.hexdigest()[:16]


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
