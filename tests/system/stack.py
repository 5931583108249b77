"""A platform of the tests' own, on free ports and with a state folder of its own, through the same code as ./shop."""

import os
import re
import signal
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tools"), str(ROOT / "tests" / "support")]

from described import event_violations, watch  # noqa: E402
from shop import cloud, credentials, facts, journal, ports, shoppers, stack  # noqa: E402
from shop.api import Client  # noqa: E402
from shop.workspace import Workspace, build_folder  # noqa: E402


LISTENER = "everything-published"


def wait_until(condition, limit: float = 20, what: str = ""):
    """The first true value of `condition()`, which may also raise AssertionError for "not yet". Fails after `limit` seconds
    with what was last seen, so that a test never sleeps for luck."""
    deadline = time.monotonic() + limit
    while True:
        seen = None
        try:
            seen = condition()
            if seen:
                return seen
        except AssertionError as not_yet:
            seen = not_yet
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {limit} s{' for ' + what if what else ''}; last seen: {seen}")
        time.sleep(0.05)


def unique(prefix: str) -> str:
    """An id no other test uses: all tests of a run share one platform."""
    return f"{prefix}-{uuid.uuid4().hex[:12]}"


class Platform:
    """The running platform, and everything a test needs to ask and disturb it."""

    def __init__(self, broker: str, replicas: int = 1, via=None):
        """`via(offset)` says which proxies stand in front of what (see `Settings`) on a platform with these ports."""
        self.broker, self.replicas, self.via = broker, replicas, via
        name = [broker, *([f"{replicas}-replicas"] if replicas > 1 else []), *(["proxied"] if via else [])]
        self.forged: set[str] = set()  # ids of what the tests have sent to topics themselves; of what is no event, its text
        self.heard: list[tuple[str, str]] = []  # topic and text of what was published, where the broker does not keep it
        self.stack = stack.Stack(Workspace(build_folder() / "system" / "-".join(name), build_folder()))

    def start(self) -> None:
        offset = ports.free_offset()
        settings = stack.Settings(self.broker, "log", offset, self.replicas, self.via(offset) if self.via else None)
        try:
            self.stack.up(settings, fresh=True, compile=False, quiet=True)
        except BaseException:
            self.stop()
            raise
        self.apps = {app.short: app for app in facts.apps(settings.port_offset)}
        watch.add(facts.apps(settings.port_offset, self.replicas), self.endpoints["gateway"].removeprefix("http://"))
        if self.broker == "aws":
            self._listen()

    def stop(self) -> None:
        self.stack.down(quiet=True)

    # --- asking

    @property
    def endpoints(self) -> dict[str, str]:
        return stack.endpoints(self.stack.workspace, self.broker)

    def status(self) -> dict:
        return self.stack.status()

    def client(self, role: str | None = None, subject: str | None = None) -> Client:
        """Calls through the doors: `client("admin").expect(201, "POST", "product", "/products", body)`."""
        return Client(self.stack, role, subject)

    def token(self, role: str, subject: str) -> str:
        return credentials.bearer_token(self.stack.workspace, role, subject)

    @property
    def secrets(self) -> credentials.Credentials:
        return credentials.ensure(self.stack.workspace)

    def sidecar(self, short: str) -> str:
        return f"http://{facts.host()}:{self.apps[short].ports['sidecarHttp']}"

    def facade(self, part: str) -> str:
        """One replica's own way in, past the door."""
        (app,) = (app for app in self.stack.apps() if app.part == part)
        return f"http://{facts.host()}:{app.ports['facade']}"

    def channel(self, short: str) -> str:
        """The service's listener for its sidecar, which no door leads to."""
        return f"http://{facts.host()}:{self.apps[short].ports['channel']}"

    def metrics(self, short: str) -> str:
        return f"http://{facts.host()}:{self.apps[short].ports['metrics']}/metrics"

    def aws(self, service: str):
        """A boto3 client of `sns`, `sqs`, `secretsmanager` or `dynamodb`."""
        return cloud.client(service, self.stack.workspace.port_offset)

    def redis(self):
        import redis

        port = facts.Ports(self.stack.workspace.port_offset)["redis"]
        return redis.Redis(facts.host(), port, decode_responses=True)

    def log(self, part: str) -> list[journal.Record]:
        return journal.read({part: self.stack.workspace.log_of(part)})

    def spans(self, trace_id: str) -> list[tuple[str, str]]:
        """(app id, operation) of every span that the sidecars exported for a trace; they do so every few seconds."""
        found = []
        for app in self.stack.apps():
            for text in re.findall(r"\[([^\]]+)\] Trace: " + trace_id, self.stack.workspace.log_of(app.sidecar).read_text(errors="replace")):
                found.append((app.id, text))
        return found

    # --- events from outside

    def publish(self, event: dict) -> None:
        """Sends a CloudEvents envelope to its topic as its publisher's sidecar would, whatever it says."""
        import json

        topic = facts.load()["events"][event["type"]]["topic"]
        self.forged.add(event.get("id"))
        if self.broker == "aws":
            arn = f"arn:aws:sns:{facts.load()['region']}:000000000000:{topic}"
            self.aws("sns").publish(TopicArn=arn, Message=json.dumps(event))
        else:
            self.redis().xadd(topic, {"data": json.dumps(event)})

    def _listen(self) -> None:
        """A queue that gets everything, since SNS keeps nothing."""
        self.listener = self.aws("sqs").create_queue(QueueName=LISTENER)["QueueUrl"]
        for topic in facts.load()["topics"]:
            self.aws("sns").subscribe(TopicArn=f"arn:aws:sns:{facts.load()['region']}:000000000000:{topic}", Protocol="sqs",
                                      Endpoint=f"arn:aws:sqs:{facts.load()['region']}:000000000000:{LISTENER}")

    def published(self) -> list[tuple[str, dict]]:
        """(topic, event) of everything that the services have published so far, as the broker has it."""
        import json

        if self.broker == "redis":
            found = [(topic, fields["data"]) for topic in facts.load()["topics"] for _, fields in self.redis().xrange(topic)]
        else:
            sqs = self.aws("sqs")
            while batch := sqs.receive_message(QueueUrl=self.listener, MaxNumberOfMessages=10).get("Messages"):
                notices = [json.loads(one["Body"]) for one in batch]
                self.heard += [(notice["TopicArn"].rpartition(":")[2], notice["Message"]) for notice in notices]
                done = [{"Id": str(n), "ReceiptHandle": one["ReceiptHandle"]} for n, one in enumerate(batch)]
                sqs.delete_message_batch(QueueUrl=self.listener, Entries=done)
            found = self.heard
        events = [(topic, json.loads(text)) for topic, text in found if text not in self.forged]
        return [(topic, event) for topic, event in events if event.get("id") not in self.forged]

    def require_described_events(self) -> None:
        """Everything that the services have published is as docs/events says, and on its topic."""
        found = []
        for topic, event in self.published():
            found += event_violations(event)
            if topic != facts.load()["events"].get(event.get("type"), {}).get("topic"):
                found.append(f"event {event.get('type')} {event.get('id')} was published to {topic}")
        assert not found, "\n".join(dict.fromkeys(found))

    def dead_letters(self) -> list[str]:
        """Every message in ecommerce-dlq, as text; reading leaves them there."""
        name = facts.name("deadLetterQueue")
        if self.broker == "redis":
            return [fields["data"] for _, fields in self.redis().xrange(name)]
        sqs = self.aws("sqs")
        url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
        found = []
        while batch := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=1).get("Messages"):
            found += [message["Body"] for message in batch]
        return found

    # --- disturbing

    def pid(self, part: str) -> int:
        return next(p["pid"] for p in self.status()["parts"] if p["name"] == part)

    def kill(self, part: str) -> None:
        """kill -9, and back as soon as it answers under another process id."""
        before = self.pid(part)
        os.kill(before, signal.SIGKILL)
        wait_until(lambda: self.pid(part) not in (None, before), 20, f"{part} to be started again")

    @contextmanager
    def paused(self, *parts: str) -> Iterator[None]:
        """Stopped in the middle of whatever they do, and resumed there, as a machine that is moved or swaps does to them."""
        pids = [self.pid(part) for part in parts]
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in pids:
                os.kill(pid, signal.SIGCONT)

    def end(self, *parts: str) -> dict[str, int]:
        """SIGTERM to all of them at once; their exit statuses."""
        self.stack.supervisor.stop(list(parts))
        return {part: self.stack.supervisor.states()[part]["exitstatus"] for part in parts}

    def begin(self, *parts: str) -> None:
        self.stack.supervisor.start(list(parts))

    @contextmanager
    def environment(self, part: str, **variables: str) -> Iterator[None]:
        """The part started anew with these variables beside its own; and started as ever afterwards."""
        script = self.stack.workspace.generated / "run" / part
        usual = script.read_text()

        def start_with(text: str) -> None:
            if text != script.read_text():
                script.write_text(text)
                self.kill(part)
                wait_until(self.ready, 60, part)

        start_with(usual.replace("exec ", "".join(f"export {name}={value}\n" for name, value in variables.items()) + "exec ", 1))
        try:
            yield
        finally:
            start_with(usual)

    def ready(self) -> bool:
        return self.status()["ready"]
