#!/usr/bin/env python3
"""Writes docs/conformance.md: what the library relies on of Dapr 1.18, line by line, and which tests show it.

A test says what it shows in a comment right above it, `// covers: only-200, call-twice` (`#` in Python). With `--check` nothing
is written: it fails where the page is not what would be written, a line has no test, or a test names a line that is none.
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "conformance.md"

LINES = {
    "From the sidecar to the application": {
        "config-asked": "`GET /dapr/config` and `GET /dapr/subscribe` are asked when the sidecar starts",
        "config-not-200": "A configuration that is not answered 200 silently means that there are no actors",
        "always-put": "A method is called with PUT, whatever verb the caller used",
        "call-activates": "There is no call that activates: the first one does",
        "call-headers": "Headers of a call arrive: the idempotency key, what caused it, which type awaits it",
        "only-200": "Only 200 is success; 201 and 204 are failures",
        "unknown-method-404": "404 from a method is permanent",
        "other-status-is-500": "Any other status reaches the caller as 500 `ERR_ACTOR_INVOKE_METHOD` with the status in its words",
        "refusal-header": "200 with `X-DaprErrorResponseHeader` arrives as it was made and is not repeated",
        "reminder-body": "A tick brings the reminder's data; `dueTime` and `period` are empty",
        "reminder-404": "404 from a reminder is repeated all the same",
        "deactivate": "DELETE deactivates an actor that was idle",
        "deactivate-twice": "DELETE may come twice, and for an actor that is not here",
        "event-envelope": "An event arrives with the id, type, source and subject it was published with",
        "event-retry": "`RETRY` and 500 have an event come again",
        "event-lost": "An event answered 404, or 200 with a body that cannot be read, is acknowledged and gone",
        "app-token": "Every request of the sidecar shows the application's token",
        "health-probe-no-token": "but the health probe",
        "health-unregisters": "Three failed probes take the actors off the host until it is well again",
        "own-type": "A type that one replica alone has is called there, from whichever sidecar",
        "trace-in": "`traceparent` comes in with a call",
        "ids-encoded": "Ids may hold anything: they are encoded on both ways",
        "hang-up": "A call that waits for its actor is dropped when its caller hangs up",
        "turn-lock": "Turns of one actor never overlap",
    },
    "From the application to the sidecar": {
        "sidecar-token": "The sidecar refuses who does not show its token",
        "trace-out": "The trace goes on with the calls that a turn awaits",
        "state-get-absent": "An absent key is 204",
        "state-transaction": "A transaction of upserts and deletes is carried out whole; no ETag comes back",
        "state-ttl": "A key with a time to live is gone after it, and says when that is",
        "instance-missing": "Writing the state of an actor that is not here is refused with `ERR_ACTOR_INSTANCE_MISSING`",
        "reminder-periods": "`R2/PT1S` rings twice; a period in days is refused",
        "reminder-delete": "DELETE removes a reminder, GET reads it",
        "reminder-no-list": "No request lists an actor's reminders, and none gives one a failure policy: both are gRPC's",
        "reminder-gives-up": "A failing reminder without a period is tried four times, and lost",
        "timers": "Timers tick by name",
        "deactivation-and-timers": "Deactivation does not stop them",
        "publish-envelope": "`application/cloudevents+json` keeps the publisher's id and type",
        "invocation": "An application that is not there is told as such",
        "invocation-past-placement": "Without access control an invocation of `/actors/…` reaches the application past placement",
        "invocation-refused": "With ours it is refused",
        "etag-failure-is-500": "A transaction of the state store answers 500 for a failed ETag as for an outage",
        "delete-ignores-etag": "A delete has no condition",
    },
    "What follows for the library": {
        "reminders-until-success": "A reminder comes until its turn succeeds, and is then removed",
        "reminders-through-downtime": "whatever happens to the process meanwhile",
        "call-twice": "A call that arrives twice is carried out once",
        "lost-answer": "A commit whose answer was lost is found by the repeat",
        "drain-loses-turn": "A turn that is cut off is no success, and its repeat is carried out once",
        "two-hosts": "A write over what another host wrote meanwhile is refused, and nothing is lost",
        "state-saved-with-the-turn": "State and the actor's own keys are saved by the turn that changed them, in one transaction",
        "outbox": "An event that cannot leave leaves later, in order",
        "event-once": "An event that comes twice is handled once",
        "after-commit": "Work after a commit comes back as a call of its own",
        "limit-operations": "More than 100 operations are refused before the sidecar is asked",
        "limit-item": "A value of more than 400 KB, as the store counts, is refused before the sidecar is asked",
        "limit-transaction": "So is a transaction that is too large as a whole",
    },
    "What users of the SDKs complain of": {
        "stale-cache": "Stale cached state after a fail-over, in reminders and after rebalancing (dotnet 986, 1471, 1615; dapr 8538)",
        "reminder-deadlock": "A reminder that calls back to its own actor deadlocks (dapr 8514)",
        "errors-flattened": "Errors are lost or flattened on the wire (java 774, js 357, python 452, go 452, dotnet 959)",
        "one-shot-lost": "One-shot reminders are lost in a crash (dapr 8194)",
        "reminder-after-removal": "A reminder fires again after it was removed (dapr 1867)",
        "timer-callbacks": "Timers are lost because callbacks were closures (dotnet 435)",
        "time-in-tests": "Timers and reminders cannot be unit-tested (dotnet 575); no tests of state (js 315)",
        "scaling-instance-missing": "\"Actor instance is missing\" while scaling (dapr 4768)",
        "ttl-and-caches": "A time to live of state is ignored by caches (java 849)",
        "void-errors": "The error of a method that answers nothing but an error is dropped (seen in the Go SDK)",
        "state-after-reminder": "State is not saved after a reminder (seen in the Go SDK); unclear when it is (java 854)",
        "drain-key": "The key `drainRebalancedActors` is misspelt (seen in the Java SDK)",
        "ttl-and-period": "A reminder's time to live and period are swapped (seen in the JS SDK)",
    },
}
SOURCES = ("subprojects/dapr-actors/tests", "tests/system", "tests/crash", "tests/services")
COVERS = re.compile(r"^\s*(?://|#) covers: (.*)$")
TEST = re.compile(r"^(?:TEST(?:_[FP])?\((\w+), (\w+)\)|def (test_\w+)\()")


def covered() -> dict[str, list[tuple[str, str]]]:
    """Line → (file, test). A test's comment may have decorators between it and the test."""
    found: dict[str, list[tuple[str, str]]] = {}
    for folder in SOURCES:
        for file in sorted((ROOT / folder).rglob("*")):
            if file.suffix not in (".cpp", ".py") or file.name == Path(__file__).name:
                continue
            waiting: list[str] = []
            for line in file.read_text().splitlines():
                if match := COVERS.match(line):
                    waiting += [name.strip() for name in match.group(1).split(",")]
                elif waiting and (match := TEST.match(line)):
                    for name in waiting:
                        found.setdefault(name, []).append((str(file.relative_to(ROOT)), match.group(2) or match.group(3)))
                    waiting = []
            if waiting:
                sys.exit(f"{file}: no test follows `covers: {', '.join(waiting)}`")
    return found


def page(found: dict[str, list[tuple[str, str]]]) -> str:
    text = ["# What the library relies on of Dapr, and the tests that show it", "",
            "Written by `tests/structure/conformance.py` from the `covers:` comments of the tests; a test checks that it is up to date.",
            "Tests in `suite_test.cpp` run on the fake, on the fake in a random order, and on a real sidecar; those in `wire_test.cpp` and",
            "`tests/system` on real ones alone, the other files without any.", ""]
    for section, lines in LINES.items():
        text += [f"## {section}", "", "| | shown by |", "|---|---|"]
        for name, sentence in lines.items():
            tests = "<br>".join(f"`{Path(file).name}`: {test.replace('_', ' ')}" for file, test in found.get(name, []))
            text.append(f"| {sentence} | {tests} |")
        text.append("")
    return "\n".join(text)


def main() -> int:
    found = covered()
    known = [name for lines in LINES.values() for name in lines]
    problems = [f"no test covers `{name}`" for name in known if name not in found]
    problems += [f"{file}: {test} covers `{name}`, which is no line" for name, tests in found.items() if name not in known for file, test in tests]
    if "--check" in sys.argv:
        if not PAGE.exists() or PAGE.read_text() != page(found):
            problems.append(f"docs/conformance.md is not up to date: run {Path(__file__).relative_to(ROOT)}")
    else:
        PAGE.write_text(page(found))
    print("\n".join(problems) or f"{len(known)} lines, each with a test")
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main())
