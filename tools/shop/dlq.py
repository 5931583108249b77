"""`./shop dlq`: the messages nobody could handle. What they are, why they died if the logs tell, and the way back.

On SNS/SQS a message goes back into the one queue it died in. On Redis a stream has every subscriber for a reader, so it goes
back to its topic and reaches all of them: who has handled it already knows it by source and id and changes nothing.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from . import cloud, facts, journal
from .console import paint
from .stack import Stack
from .workspace import ShopError

# While a message is looked at, nobody else gets it; it is given back as soon as all have been seen.
LOOKING_SECONDS = 60
REASONS = ("event unreadable", "event failed")


@dataclass
class Letter:
    """One dead message. What its text does not tell is empty."""

    id: str
    body: str  # as the broker holds it
    died_in: str  # the queue (SQS) or the topic (Redis), as far as it can be told
    at: str = ""
    event: str = ""
    event_id: str = ""
    subject: str = ""
    order: str = ""
    why: str = ""
    receives: int = 0

    def listed(self) -> dict:
        return {"id": self.id, "at": self.at, "from": self.died_in, "type": self.event, "eventId": self.event_id, "subject": self.subject,
                "orderId": self.order, "why": self.why, "receives": self.receives}


def envelope(body: str) -> dict:
    """The CloudEvent in a message: SNS puts it into one of its own, Redis carries it as it is. Nothing where there is none."""
    found = _object(body)
    if found.get("Type") == "Notification" and "Message" in found:
        found = _object(str(found["Message"]))
    return found


def _object(text: str) -> dict:
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def letter(id: str, body: str, died_in: str, at: str, receives: int = 0) -> Letter:
    event = envelope(body)
    data = event.get("data")
    data = data if isinstance(data, dict) else {}

    def text(of: dict, name: str) -> str:
        return of[name] if isinstance(of.get(name), str) else ""

    kind = text(event, "type")
    known = facts.load()["events"].get(kind)
    subject = text(event, "subject")
    order = text(data, "orderId") or (subject if kind.startswith("order.") else "")
    return Letter(id, body, died_in or text(event, "topic") or (known["topic"] if known else ""), at, kind, text(event, "id"), subject,
                  order, "", receives)


def explain(letters: list[Letter], records: Iterable[journal.Record]) -> None:
    """Adds what the subscriber's log says of each: the last refusal, by whom."""
    by_event = {one.event_id: one for one in letters if one.event_id}
    for record in records:
        one = by_event.get(record.get("eventId"))
        if one is None or record.text not in REASONS:
            continue
        service = record.get("service")
        if one.died_in.endswith(f"-{service}") or one.died_in in facts.load()["topics"] or not one.died_in:
            one.why = f"{service}: {record.get('error') or record.text}"
    for one in letters:
        if one.why:
            continue
        app = next((app.id for app in facts.apps() if one.died_in.endswith(f"-{app.id}")), "its subscriber")
        if not envelope(one.body):
            one.why = "not a CloudEvent: no JSON object"
        elif one.receives:
            one.why = f"{app} says nothing of it: it was away or did not answer in time, {one.receives} times"
        else:
            one.why = f"{app} says nothing of it: it was away or did not answer in time"


def complaints(files: dict[str, Path]) -> Iterator[journal.Record]:
    """The lines that can explain a letter, without taking in the rest of what may be hundreds of megabytes."""
    for name, path in files.items():
        for file in (path.with_name(path.name + ".1"), path):
            if file.exists():
                with open(file, errors="replace") as lines:
                    yield from (journal.parse(line, name) for line in lines if any(reason in line for reason in REASONS))


class SqsLetters:
    """ecommerce-dlq as an SQS queue."""

    def __init__(self, offset: int):
        self.sqs = cloud.client("sqs", offset)
        self.url = self._url(facts.name("deadLetterQueue"))

    def _url(self, queue: str) -> str:
        return self.sqs.get_queue_url(QueueName=queue)["QueueUrl"]

    def read(self) -> list[Letter]:
        found: dict[str, tuple[Letter, str]] = {}
        try:
            while batch := self._receive(wait=1):
                for message in batch:
                    found[message["MessageId"]] = (self._letter(message), message["ReceiptHandle"])
        finally:
            self._release([handle for _, handle in found.values()])
        return sorted((one for one, _ in found.values()), key=lambda one: one.at)

    def _letter(self, message: dict) -> Letter:
        attributes = message.get("Attributes", {})
        source = attributes.get("DeadLetterQueueSourceArn", "").rsplit(":", 1)[-1]
        sent = int(attributes.get("SentTimestamp", 0)) / 1000
        return letter(message["MessageId"], message["Body"], source, datetime.fromtimestamp(sent, UTC).isoformat(timespec="milliseconds"),
                      int(attributes.get("ApproximateReceiveCount", 0)))

    def targets(self, one: Letter) -> list[str]:
        """The queue it died in; where the broker did not keep that, the queues of those who handle such an event."""
        if one.died_in and one.died_in not in facts.load()["topics"]:
            return [one.died_in]
        return queues_of(one.event)

    def move(self, ways: dict[str, list[str]]) -> None:
        """Message id → where to. Taking one off needs a receipt, which only receiving it gives."""
        left, others = set(ways), []
        try:
            while left:
                batch = self._receive(wait=1)
                if not batch:
                    return  # somebody else took the rest
                for message in batch:
                    if message["MessageId"] not in left:
                        others.append(message["ReceiptHandle"])
                        continue
                    for queue in ways[message["MessageId"]]:
                        self._put_back(message, queue)
                    self.sqs.delete_message(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])
                    left.discard(message["MessageId"])
        finally:
            self._release(others)

    def _put_back(self, message: dict, queue: str) -> None:
        attributes = {name: {k: v for k, v in value.items() if k in ("DataType", "StringValue", "BinaryValue")}
                      for name, value in message.get("MessageAttributes", {}).items()}
        self.sqs.send_message(QueueUrl=self._url(queue), MessageBody=message["Body"], MessageAttributes=attributes)

    def _receive(self, wait: int) -> list[dict]:
        # A receive is a sample on SQS: only one that waits asks every server, so only that one can say "empty".
        return self.sqs.receive_message(QueueUrl=self.url, MaxNumberOfMessages=10, VisibilityTimeout=LOOKING_SECONDS,
                                        WaitTimeSeconds=wait, MessageSystemAttributeNames=["All"],
                                        MessageAttributeNames=["All"]).get("Messages", [])

    def _release(self, handles: list[str]) -> None:
        for handle in handles:
            self.sqs.change_message_visibility(QueueUrl=self.url, ReceiptHandle=handle, VisibilityTimeout=0)


class RedisLetters:
    """ecommerce-dlq as a Redis stream, which the sidecars fill themselves."""

    def __init__(self, offset: int):
        import redis

        self.name = facts.name("deadLetterQueue")
        self.redis = redis.Redis(facts.host(), facts.Ports(offset)["redis"], decode_responses=True, socket_timeout=10,
                                 encoding_errors="surrogateescape")  # what is no UTF-8 goes back as it came

    def read(self) -> list[Letter]:
        found = []
        for id, fields in self.redis.xrange(self.name):
            at = datetime.fromtimestamp(int(id.split("-")[0]) / 1000, UTC).isoformat(timespec="milliseconds")
            found.append(letter(id, fields.get("data", ""), "", at))
        return found

    def targets(self, one: Letter) -> list[str]:
        return [one.died_in] if one.died_in else []

    def move(self, ways: dict[str, list[str]]) -> None:
        for id, topics in ways.items():
            for _, fields in self.redis.xrange(self.name, id, id):
                for topic in topics:
                    self.redis.xadd(topic, {"data": fields.get("data", "")})
                self.redis.xdel(self.name, id)


def queues_of(event: str) -> list[str]:
    known = facts.load()["events"].get(event)
    return [facts.name("queue", topic=known["topic"], app=app) for app in known["to"]] if known else []


def letters_of(platform: Stack) -> "SqsLetters | RedisLetters":
    kind = RedisLetters if platform.saved.broker == "redis" else SqsLetters
    return kind(platform.workspace.port_offset)


def read(platform: Stack) -> list[Letter]:
    """Every dead message, explained as far as the logs go. They stay where they are."""
    letters = letters_of(platform).read()
    if letters:
        explain(letters, complaints(platform.service_logs()))
    return letters


def redrive(platform: Stack, letters: list[Letter], to: str | None = None) -> list[str]:
    """Puts each back, then takes it off: what breaks in between leaves it in both places, never in none. Returns where each went."""
    box, ways = letters_of(platform), {}
    for one in letters:
        ways[one.id] = [to] if to else box.targets(one)
        if not ways[one.id]:
            raise ShopError(f"{one.id} does not say where it came from; --to NAME does (names: {', '.join(_places(platform))})")
    box.move(ways)
    return [", ".join(way) for way in ways.values()]


def _places(platform: Stack) -> list[str]:
    if platform.saved.broker == "redis":
        return list(facts.load()["topics"])
    return [facts.name("queue", topic=topic, app=app.id) for app in facts.apps() for topic in app.subscriptions()]


# --- the command


def run(platform: Stack, options) -> int:
    if platform.saved is None or not platform.supervisor.running():
        raise ShopError("the platform does not run, and its broker with it: ./shop up")
    letters = read(platform)
    if options.action == "list":
        return _list(letters, options.json)
    if options.action == "show":
        return _show(_chosen(letters, [options.id])[0], options.json)
    if options.to and options.to not in _places(platform):
        raise ShopError(f"there is no {options.to}; there are: {', '.join(_places(platform))}")
    if not options.ids and not options.all:
        raise ShopError("which ones? give their ids (./shop dlq list), or --all")
    chosen = letters if options.all else _chosen(letters, options.ids)
    for one, place in zip(chosen, redrive(platform, chosen, options.to), strict=True):
        print(f"{one.id}  {one.event or 'no event'}  → {place}")
    print(f"{len(chosen)} put back. What fails again comes back here: ./shop dlq list" if chosen else "The dead-letter queue is empty.")
    return 0


def _chosen(letters: list[Letter], ids: list[str]) -> list[Letter]:
    """By id, or by a beginning of it that only one has."""
    found = []
    for id in ids:
        fitting = [one for one in letters if one.id == id] or [one for one in letters if one.id.startswith(id)]
        if len(fitting) != 1:
            raise ShopError(f"{'no dead message has' if not fitting else 'several dead messages have'} the id {id}: ./shop dlq list")
        found += fitting
    return found


def _list(letters: list[Letter], as_json: bool) -> int:
    if as_json:
        print(json.dumps([one.listed() for one in letters]))
        return 0
    if not letters:
        print("The dead-letter queue is empty.")
        return 0
    for one in letters:
        print(f"{one.id}  {one.at[:19]}  {one.died_in or '?':<36} {one.event or 'no event':<24} {one.subject or '-'}"
              + (f"  order {one.order}" if one.order and one.order != one.subject else ""))
        print(paint(f"    {one.why[:240]}", "dim"))
    print(f"\n{len(letters)} in all. Next: ./shop dlq show ID   ·   ./shop dlq redrive ID   ·   ./shop logs --order ID")
    return 0


def _show(one: Letter, as_json: bool) -> int:
    if as_json:
        print(json.dumps(one.listed() | {"body": one.body}))
        return 0
    for name, value in one.listed().items():
        if value:
            print(f"{name:<10} {value}")
    event = envelope(one.body)
    print("\n" + (json.dumps(event, indent=2, ensure_ascii=False) if event else one.body.encode(errors="replace").decode()))
    return 0
