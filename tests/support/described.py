"""Whether what was asked and answered is what the documents describe: REST against services/*/openapi.json, events against docs/events."""

import functools
import json
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from jsonschema import Draft202012Validator, FormatChecker
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

ROOT = Path(__file__).resolve().parents[2]
EVENTS = ROOT / "docs" / "events"
PROBLEM = "application/problem+json"
JSON = re.compile(r"application/(?:[\w.-]+\+)?json")
DOCUMENT = "urn:openapi"


@dataclass(frozen=True)
class Exchange:
    """A request and its answer. A `media_type` of None, and a body of None, is one that was not looked at."""

    method: str
    target: str  # path and query
    status: int
    media_type: str | None
    body: bytes | None
    request_media_type: str = ""
    request_body: bytes | None = None
    request_headers: dict[str, str] | None = None
    headers: dict[str, str] | None = None


class Document:
    """One service's openapi.json."""

    def __init__(self, path: Path):
        # A schema is looked at by itself: its references then need the document's name.
        self.content = json.loads(path.read_text(), object_hook=lambda part: part | {"$ref": DOCUMENT + part["$ref"]} if "$ref" in part else part)
        self.registry = Registry().with_resource(DOCUMENT, Resource(self.content, DRAFT202012))
        self.resolver = self.registry.resolver()
        # A literal segment goes before a parameter.
        self.templates = [(re.compile(re.sub(r"\\\{\w+\\\}", "([^/]+)", re.escape(path))), path)
                          for path in sorted(self.content["paths"], key=lambda path: (path.count("{"), path))]

    def find(self, path: str, method: str) -> tuple[str, tuple[str, ...]] | None:
        """The path of the document that this one is, and its parameters' values: one with the method if there is any, since a
        product may be called `import`."""
        found = [(template, match.groups()) for pattern, template in self.templates if (match := pattern.fullmatch(path))]
        return next((each for each in found if method.lower() in self.content["paths"][each[0]]), found[0] if found else None)

    def look_up(self, part: dict) -> dict:
        return self.resolver.lookup(part["$ref"]).contents if "$ref" in part else part

    def errors(self, schema: dict, value) -> Iterator[str]:
        for error in validator(self, json.dumps(schema)).iter_errors(value):
            yield f"at {pointer(error.absolute_path)}: {error.message[:300]}"

    def violations(self, exchange: Exchange) -> Iterator[str]:
        url = urlsplit(exchange.target)
        found = self.find(url.path, exchange.method)
        if found is None:
            if exchange.status < 400 and exchange.status != 308:
                yield "the path is not described"
            return
        template, values = found
        item = self.content["paths"][template]
        operation = item.get(exchange.method.lower())
        if operation is None:
            # As for every path: 405, or a refusal of what is no HTTP. HEAD is GET without a body.
            if exchange.method.lower() != "head" and exchange.status < 400 and exchange.status != 204:
                yield f"{template} is not described with this method"
            return
        answer = operation["responses"].get(str(exchange.status))
        if answer is None:
            yield f"status {exchange.status} is not among the answers of {operation['operationId']}"
            return
        yield from (f"answer {exchange.status} {each}" for each in self._answer(self.look_up(answer), exchange))
        if 200 <= exchange.status < 300:
            parameters = [self.look_up(each) for each in [*item.get("parameters", []), *operation.get("parameters", [])]]
            names = re.findall(r"\{(\w+)\}", template)
            yield from (f"request, which was answered with {exchange.status}, {each}"
                        for each in self._request(operation, parameters, dict(zip(names, values, strict=True)), url.query, exchange))

    def _answer(self, answer: dict, exchange: Exchange) -> Iterator[str]:
        for name, header in answer.get("headers", {}).items():
            header, value = self.look_up(header), (exchange.headers or {}).get(name.lower())
            if value is None and header.get("required") and exchange.headers is not None:
                yield f"has no header {name}"
            elif value is not None:
                yield from (f"header {name} {error}" for error in self.errors(header["schema"], read_as(self.look_up(header["schema"]), value)))
        content = answer.get("content", {})
        if exchange.media_type is None:
            if exchange.body and content:
                yield from self._body(next(iter(content.values())), "application/json", exchange.body)
        elif exchange.body is None and exchange.media_type == "":
            return
        elif not content:
            if exchange.body:
                yield f"has a body of {exchange.media_type}; none is described"
        elif essence(exchange.media_type) not in content:
            yield f"is of {exchange.media_type or 'no media type'}; described: {', '.join(content)}"
        elif exchange.body is not None:
            yield from self._body(content[essence(exchange.media_type)], exchange.media_type, exchange.body)

    def _body(self, described: dict, media_type: str, body: bytes) -> Iterator[str]:
        schema = described.get("schema", {})
        if essence(media_type) == "application/x-ndjson":
            # OpenAPI 3.1 has no word for what a line is.
            for number, line in enumerate(filter(None, body.split(b"\n")), 1):
                yield from (f"line {number} {error}" for error in self.errors(schema.get("x-line", {}), json.loads(line)))
        elif essence(media_type) == "text/event-stream":
            # Nor for what an event says.
            kinds = schema.get("x-events", {})
            for fields in event_blocks(body):
                if (kind := fields.get("event", "message")) not in kinds:
                    yield f"has an event {kind}; described: {', '.join(kinds)}"
                    continue
                try:
                    value = json.loads(fields["data"])
                except ValueError as error:
                    yield f"event {kind} {fields.get('id')} is no JSON: {error}"
                    continue
                yield from (f"event {kind} {fields.get('id')} {error}" for error in self.errors(kinds[kind], value))
        elif JSON.fullmatch(essence(media_type)):
            try:
                value = json.loads(body)
            except ValueError as error:
                yield f"is no JSON: {error}"
                return
            yield from self.errors(schema, value)

    def _request(self, operation: dict, parameters: list[dict], path: dict[str, str], query: str, exchange: Exchange) -> Iterator[str]:
        given = {"path": {name: unquote(value) for name, value in path.items()}, "query": dict(parse_qsl(query, keep_blank_values=True)),
                 "header": {name.lower(): value for name, value in (exchange.request_headers or {}).items()}}
        described = {(each["in"], each["name"].lower() if each["in"] == "header" else each["name"]): each for each in parameters}
        for (where, name), parameter in described.items():
            value = given[where].get(name)
            if value is None:
                if parameter.get("required"):
                    yield f"has no {where} parameter {name}"
            else:
                schema = parameter["schema"]
                yield from (f"{where} parameter {name} {error}" for error in self.errors(schema, read_as(self.look_up(schema), value)))
        yield from (f"has a query parameter {name}; none of this name is described" for name in given["query"] if ("query", name) not in described)
        body = operation.get("requestBody")
        if not exchange.request_body:
            if body and body.get("required") and exchange.request_body is not None:
                yield "has no body"
        elif body is None:
            yield "has a body; none is described"
        elif essence(exchange.request_media_type) not in body["content"]:
            yield f"is of {exchange.request_media_type or 'no media type'}; described: {', '.join(body['content'])}"
        elif JSON.fullmatch(essence(exchange.request_media_type)):
            try:
                value = json.loads(exchange.request_body)
            except ValueError as error:
                yield f"is no JSON: {error}"
                return
            yield from self.errors(body["content"][essence(exchange.request_media_type)]["schema"], value)


@functools.cache
def validator(document: Document, schema: str) -> Draft202012Validator:
    return Draft202012Validator(json.loads(schema), registry=document.registry, format_checker=FormatChecker())


def essence(media_type: str) -> str:
    """Without its parameters."""
    message = Message()
    message["Content-Type"] = media_type
    return message.get_content_type() if media_type else ""


def event_blocks(stream: bytes) -> Iterator[dict[str, str]]:
    """The fields of each event in this much of a stream of server-sent events; a block without data, or without an end, is none."""
    for block in re.sub(r"\r\n?", "\n", stream.decode()).split("\n\n")[:-1]:
        fields: dict[str, str] = {}
        for line in block.split("\n"):
            name, _, value = line.partition(":")
            value = value.removeprefix(" ")
            fields[name] = f"{fields['data']}\n{value}" if name == "data" and "data" in fields else value
        if "data" in fields:
            yield fields


def pointer(path) -> str:
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path) or "the whole"


def read_as(schema: dict, text: str):
    """What a parameter or header says, in the type that its schema names."""
    kind = schema.get("type")
    if kind == "integer" and re.fullmatch(r"[+-]?\d+", text):
        return int(text)
    if kind == "boolean" and text in ("true", "false"):
        return text == "true"
    return text


@functools.cache
def documents() -> dict[str, Document]:
    """By the short name of the service."""
    return {path.parent.name: Document(path) for path in sorted((ROOT / "services").glob("*/openapi.json"))}


class Watch:
    """Looks at everything that goes through the doors, and keeps what is not as described until somebody asks. Thread-safe."""

    def __init__(self):
        self.addresses: dict[str, str] = {}  # host:port → the service's short name, or "gateway"
        self.paths: dict[str, str] = {}  # a path's first segment → the service's short name, at the gateway
        self.found: list[str] = []
        self.seen: set[tuple[str, str, str, int]] = set()  # service, method, path of the document, status
        self.lock = threading.Lock()

    def add(self, apps, gateway: str) -> None:
        """The replicas of a platform (`facts.App`), and the address of its gateway."""
        for app in apps:
            for port in app.ports.keys() & {"door", "facade", "stream"}:
                self.addresses[f"127.0.0.1:{app.ports[port]}"] = app.short
            self.paths.update({path: app.short for path in app.paths})
        self.addresses[gateway] = "gateway"

    def look(self, address: str, exchange: Exchange) -> None:
        service = self.addresses.get(address)
        if service == "gateway":
            service = self.paths.get("/" + urlsplit(exchange.target).path.split("/")[1] if "/" in exchange.target else "")
        if service is None:
            return
        document = documents()[service]
        if (found := document.find(urlsplit(exchange.target).path, exchange.method)) is not None:
            self.seen.add((service, exchange.method, found[0], exchange.status))
        self.keep(f"{exchange.method} {exchange.target[:200]} at {service}-service: {each}\n  Mend services/{service}/openapi.json, or the "
                  "service where docs/contracts.md is with the document." for each in document.violations(exchange))

    def keep(self, violations: Iterator[str]) -> None:
        violations = list(violations)
        with self.lock:
            self.found += violations

    def take(self) -> list[str]:
        """What was found since the last time, each once."""
        with self.lock:
            found, self.found = list(dict.fromkeys(self.found)), []
        return found


# The one that the system tests' clients report to.
watch = Watch()


# --- events


@functools.cache
def event_schemas() -> dict[str, Draft202012Validator]:
    """By the event's type."""
    files = {path.name: json.loads(path.read_text()) for path in EVENTS.glob("*.json")}
    registry = Registry().with_resources((content["$id"], Resource.from_contents(content)) for content in files.values())
    return {name.removesuffix(".json"): Draft202012Validator(content, registry=registry, format_checker=FormatChecker())
            for name, content in files.items() if "." in name.removesuffix(".json")}


def event_violations(event: dict) -> list[str]:
    kind = event.get("type")
    schema = event_schemas().get(kind)
    if schema is None:
        return [f"event {event.get('id')}: type {kind!r} has no schema in docs/events"]
    return [f"event {kind} {event.get('id')} at {pointer(error.absolute_path)}: {error.message[:300]}\n  Mend docs/events/{kind}.json, or its "
            "publisher where docs/contracts.md is with the schema." for error in schema.iter_errors(event)]
