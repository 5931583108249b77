"""One platform: how it comes up, goes down, and says how it is."""

import fcntl
import json
import shutil
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from . import build, cloud, credentials, facts, page, ports, programs, render, toolbox
from .console import Progress
from .processes import Supervisor
from .programs import Program
from .workspace import ShopError, Workspace

READY_SECONDS = 90
# A part that cannot hold itself up for this long will not do so by being waited for.
FALTERING_SECONDS = 20


@dataclass(frozen=True)
class Settings:
    """How this platform was started; what `status` and a second `up` go by. `via` is for tests: the port of a proxy that the
    sidecars use instead of `dynamodb`, `aws` or `redis`, and payment-service instead of its sidecar for its `gateway`. `origins`
    are those whose pages may call through the doors (SHOP_ALLOWED_ORIGINS)."""

    broker: str = "aws"
    trace: str | None = None
    port_offset: int = 0
    replicas: int = 1
    via: dict[str, int] | None = None
    origins: str = ""


class Stack:
    def __init__(self, workspace: Workspace):
        saved = workspace.state / "platform.json"
        self.saved = Settings(**json.loads(saved.read_text())) if saved.exists() else None
        self.workspace = replace(workspace, port_offset=self.saved.port_offset) if self.saved else workspace
        self.supervisor = Supervisor(self.workspace)

    # --- up

    def up(self, settings: Settings, *, fresh: bool = False, compile: bool = True, quiet: bool = False) -> None:
        self.workspace.make()
        # Two at once on the same state would undo each other's work; the second waits and then finds everything done.
        with Progress(quiet) as progress, open(self.workspace.state / "lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            with ThreadPoolExecutor() as pool:
                making = [pool.submit(make, self.workspace, progress) for make in (build.build, page.build)] if compile else []
                tools = toolbox.tools(progress)
                for each in making:
                    each.result()
            build.require_binaries(self.workspace)
            render.allowed_origins(settings.origins)  # refused before anything is stopped
            # Replicas come and go beside the others, and the doors read their configuration anew.
            same = replace(settings, replicas=self.saved.replicas, origins=self.saved.origins) if self.saved else settings
            if self.supervisor.running() and (fresh or same != self.saved):
                with progress.step("stopping what ran with other settings"):
                    self._stop()
            if fresh:
                self._forget()
            self._remember(settings)
            self._start(tools, progress)

    def _forget(self) -> None:
        for folder in (self.workspace.data, self.workspace.run, self.workspace.gateway, self.workspace.generated, self.workspace.logs):
            shutil.rmtree(folder, ignore_errors=True)
        (self.workspace.state / "credentials.json").unlink(missing_ok=True)
        self.workspace.make()

    def _remember(self, settings: Settings) -> None:
        (self.workspace.state / "platform.json").write_text(json.dumps(asdict(settings)))
        self.saved = settings
        self.workspace = replace(self.workspace, port_offset=settings.port_offset)
        self.supervisor = Supervisor(self.workspace)

    def _start(self, tools: toolbox.Tools, progress: Progress) -> None:
        secrets = credentials.ensure(self.workspace)
        render.write_dapr(self.workspace, self.saved.broker, self.saved.trace, secrets, self.saved.via)
        render.write_names(self.workspace)
        supervisord = tools.venv / "bin" / "supervisord"
        if not self.supervisor.running():
            ports.require_free(self.workspace.port_offset, self.saved.replicas)
        if not (programs.certificates(self.workspace) / "issuer.key").exists():
            with progress.step("certificates"):
                self._make_certificates(tools, supervisord)
        everything = self.parts(tools)
        doors_changed = render.write_gateway(self.workspace, self.saved.replicas, self.saved.origins, self.page_files())
        leaving = self._leaving(everything)
        if leaving:
            with progress.step("taking replicas away"):
                self._reload_doors()
                self.supervisor.stop_in_order(leaving)
        self.supervisor.write(everything)
        self._take_in(supervisord)
        with progress.step("runtime, store and broker") as step:
            base = [p for p in everything if p.kind in ("runtime", "store", "broker")]
            self.supervisor.start([p.name for p in base])
            for part in base:
                step.show(part.name)
                self._wait(lambda part=part: ports.listens(part.port), f"{part.name} does not listen on port {part.port}", part.name)
        with progress.step("tables, topics and queues"):
            self._make_resources(secrets)
        with progress.step("services and sidecars") as step:
            self.supervisor.start([p.name for p in everything if p not in base])
            for app in self.apps():
                step.show(app.part)
                self._wait(lambda app=app: ready(app), f"{app.part} is not ready", app.part, app.sidecar, "gateway")
            if doors_changed:
                self._reload_doors()
            # Supervisor calls a part running once it has held for a second; `status` after `up` must say so.
            for part in everything:
                self._wait(lambda part=part: self.supervisor.states()[part.name]["statename"] == "RUNNING",
                           f"{part.name} does not keep running", part.name)

    def _leaving(self, staying: list[Program]) -> list[Program]:
        """What runs and is no part of the platform any more: replicas of which there were more."""
        names = {part.name for part in staying}
        there_can_be = programs.outline(self.workspace, self.saved.broker, facts.most_replicas())
        return [part for part in there_can_be if part.process == part.name and part.name in self.supervisor.states().keys() - names]

    def _reload_doors(self) -> None:
        """nginx lets what is under way end."""
        if self.supervisor.states().get("gateway", {}).get("statename") == "RUNNING":
            self.supervisor.signal("gateway", "HUP")

    def _take_in(self, supervisord: Path) -> None:
        """Has supervisor go by what was written, be it running or not."""
        if self.supervisor.running():
            self.supervisor.update()
        else:
            self.supervisor.launch(supervisord)

    def _make_certificates(self, tools: toolbox.Tools, supervisord: Path) -> None:
        """Sentry makes them at its first start, and every other part needs them before its own."""
        folder = programs.certificates(self.workspace)
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
        self.supervisor.write([programs.sentry(self.workspace, tools)])
        self._take_in(supervisord)
        self.supervisor.start(["sentry"])
        # It listens once the files are written; a file that exists may still be half empty.
        port = facts.Ports(self.workspace.port_offset)["sentry"]
        self._wait(lambda: ports.listens(port) and (folder / "issuer.key").exists(), "sentry makes no certificates", "sentry")

    def _make_resources(self, secrets: credentials.Credentials) -> None:
        offset = self.workspace.port_offset
        jobs = [lambda: cloud.make_tables(offset)]
        if self.saved.broker == "aws":
            jobs.append(lambda: cloud.make_messaging(offset, secrets))
        with ThreadPoolExecutor() as pool:
            for job in [pool.submit(job) for job in jobs]:
                job.result()

    def _wait(self, condition, complaint: str, *parts: str) -> None:
        began = time.monotonic()
        while not condition():
            waited = time.monotonic() - began
            states = self.supervisor.states()
            down = [p for p in parts if states.get(p, {}).get("statename") in ("FATAL", "BACKOFF", "EXITED", "STOPPED", None)]
            if waited > READY_SECONDS or (down and waited > FALTERING_SECONDS):
                raise ShopError(self._explain(complaint, down or list(parts)))
            time.sleep(0.1)

    def _explain(self, complaint: str, parts: list[str]) -> str:
        text = complaint + "."
        for part in parts:
            words = "\n".join("    " + line[:600] for line in self.supervisor.last_words(part))
            text += f"\n  {part} said:\n{words}\n    log: {self.workspace.log_of(part)}"
        return text + "\n  ./shop status shows the rest; ./shop down stops what did start."

    # --- down

    def down(self, quiet: bool = False) -> bool:
        """Returns False where nothing ran."""
        if not self.supervisor.running():
            return False
        with Progress(quiet) as progress, progress.step("stopping"):
            self._stop()
        return True

    def _stop(self) -> None:
        self.supervisor.shut_down(self._known_parts())

    # --- how it is

    def parts(self, tools: toolbox.Tools) -> list[Program]:
        return programs.all_programs(self.workspace, tools, self.saved.broker, self.saved.replicas,
                                     credentials.ensure(self.workspace), build.service_binaries(self.workspace), self.saved.via)

    def page_files(self) -> Path | None:
        """Where nginx finds the page that was built last; None where none was."""
        return page.publish(self.workspace)

    def apps(self) -> list[facts.App]:
        """Every replica of every service."""
        return facts.apps(self.workspace.port_offset, self.saved.replicas if self.saved else 1)

    def service_logs(self) -> dict[str, Path]:
        """Of every replica of every service."""
        return {app.part: self.workspace.log_of(app.part) for app in self.apps()}

    def _known_parts(self) -> list[Program]:
        """The parts without what it takes to start them."""
        return programs.outline(self.workspace, self.saved.broker, self.saved.replicas) if self.saved else []

    def status(self) -> dict:
        states = self.supervisor.states()
        listed = [self._part(program, states) for program in self._known_parts()]
        running = bool(listed) and all(part["state"] == "running" for part in listed)
        with ThreadPoolExecutor() as pool:
            answers = list(pool.map(ready, self.apps())) if running else [False]
        return {"ready": all(answers), "broker": self.saved.broker if self.saved else "aws", "parts": listed,
                "endpoints": endpoints(self.workspace, self.saved.broker if self.saved else "aws")}

    def _part(self, program: Program, states: dict) -> dict:
        state = states.get(program.process, {})
        return {"name": program.name, "kind": program.kind, "replica": program.replica, "pid": state.get("pid") or None,
                "state": state.get("statename", "STOPPED").lower(), "port": program.port,
                "log": str(self.workspace.log_of(program.process))}


def endpoints(workspace: Workspace, broker: str) -> dict[str, str]:
    found = {app.short: _url(app.ports["door"]) for app in facts.apps(workspace.port_offset)}
    found["gateway"] = _url(facts.Ports(workspace.port_offset)["gateway"])
    if broker == "aws":
        found["aws"] = _url(facts.Ports(workspace.port_offset)["aws"])
    found["dynamodb"] = _url(facts.Ports(workspace.port_offset)["dynamodb"])
    return found


def _url(port: int) -> str:
    return f"http://{facts.host()}:{port}"


def ready(app: facts.App) -> bool:
    """As whoever balances over the replicas would ask each of them, and as a client would, through the door."""
    return all(_answers(f"{_url(app.ports[port])}/readyz") for port in ("facade", "door"))


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=3) as answer:
            return answer.status == 200
    except (urllib.error.URLError, OSError, ValueError):
        return False
