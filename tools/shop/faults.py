"""What breaks during `./shop chaos`: processes of the platform, one or two at a time, chosen by a seed.

| fault | what it is |
|---|---|
| kill | SIGKILL; supervisor starts the part again |
| restart | SIGTERM, for the SNS/SQS emulator: AWS keeps a message it has accepted, the emulator writes its queues down only when it ends cleanly |
| pause | SIGSTOP for some seconds, then SIGCONT: nothing is lost, nothing answers |

DynamoDB Local is paused only: what stands for a managed store does not lose power here.
"""

import os
import signal
import threading
import time
import xmlrpc.client
from dataclasses import dataclass
from random import Random

from . import facts
from .stack import Stack

# Seconds between one fault and the next: often enough that each part dies several times in 10,000 checkouts, and seldom
# enough that checkouts get through in between. A short run has to hurry.
PAUSES, SHORT_PAUSES, SHORT_RUN = (4.0, 10.0), (2.0, 4.0), 500
# However short a run is, its checkouts come in this many parts, and each part waits until another fault has begun.
PARTS = 3
PAIRS = 0.3
PAUSE_SECONDS = (1.0, 6.0)


@dataclass(frozen=True)
class Fault:
    after: float  # seconds since the one before
    parts: tuple[str, ...]
    kind: str  # kill (which is a restart for the emulator) or pause
    seconds: float = 0.0  # of a pause


@dataclass
class Happened:
    fault: Fault
    at: float
    struck: tuple[str, ...]


def pauses(checkouts: int) -> tuple[float, float]:
    return SHORT_PAUSES if checkouts < SHORT_RUN else PAUSES


def plan(seed: int, broker: str, replicas: int = 1, between: tuple[float, float] = PAUSES):
    """The faults of a seed, without end."""
    random = Random(f"{seed}:faults:{broker}")
    apps = facts.apps(replicas=replicas)
    services, sidecars = [app.part for app in apps], [app.sidecar for app in apps]
    # A scheduler that was killed is back after some 20 s, when its lease on the leadership has run out, and whatever begins waits
    # for it: as often as the others, and nothing else would be seen.
    killed = [(name, 4) for name in services + sidecars] + [("placement", 3), ("scheduler", 1), ("sentry", 1)]
    killed.append((broker, 3))
    names, weights = [name for name, _ in killed], [weight for _, weight in killed]
    while True:
        after = random.uniform(*between)
        if random.random() < 0.2:
            part = random.choice([*services, *sidecars, "placement", "scheduler", "dynamodb", broker])
            yield Fault(after, (part,), "pause", round(random.uniform(*PAUSE_SECONDS), 1))
            continue
        parts = dict.fromkeys(random.choices(names, weights, k=2 if random.random() < PAIRS else 1))
        yield Fault(after, tuple(parts), "kill")


def word(kind: str, part: str) -> str:
    return "restart" if kind == "kill" and part == "aws" else kind


class Breaker:
    """Carries the plan out until it is stopped, and leaves nothing paused."""

    def __init__(self, platform: Stack, faults):
        self.platform, self.faults = platform, faults
        self.happened: list[Happened] = []
        self.begun, self.over = 0, False
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self._run, name="faults", daemon=True)
        self.failed: BaseException | None = None
        self.started = time.monotonic()

    def start(self) -> None:
        self.started = time.monotonic()
        self.thread.start()

    def stop(self) -> None:
        self.stopped.set()
        self.thread.join()
        if self.failed:
            raise self.failed

    def _run(self) -> None:
        try:
            for fault in self.faults:
                if self.stopped.wait(fault.after):
                    return
                self.begun += 1
                struck = self._strike(fault)
                self.happened.append(Happened(fault, time.monotonic() - self.started, struck))
        except BaseException as error:
            self.failed = error
        finally:
            self.over = True

    def keeps_pace(self, share: float) -> bool:
        """Whether the load may go on beyond this share of it: a quick run would else be over before anything broke."""
        return self.over or self.begun >= int(share * PARTS)

    def _strike(self, fault: Fault) -> tuple[str, ...]:
        pids = self.pids()
        # A part that is down already, from the fault before, cannot be struck again.
        struck = {name: pids[name] for name in fault.parts if pids.get(name)}
        if fault.kind != "pause":
            for name, pid in struck.items():
                _signal(pid, signal.SIGTERM if word(fault.kind, name) == "restart" else signal.SIGKILL)
            return tuple(struck)
        try:
            for pid in struck.values():
                _signal(pid, signal.SIGSTOP)
            self.stopped.wait(fault.seconds)
        finally:
            for pid in struck.values():
                _signal(pid, signal.SIGCONT)
        return tuple(struck)

    def pids(self) -> dict[str, int]:
        try:
            return {name: info["pid"] for name, info in self.platform.supervisor.states().items() if info["pid"]}
        except (OSError, xmlrpc.client.Error):
            return {}


def _signal(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass
