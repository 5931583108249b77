"""Messages nobody could handle, and the way back: `./shop dlq` on either broker."""

import json
import subprocess
from types import SimpleNamespace

import pytest

from shop import facts
from shopping import check_out, create_product, event, order_when
from stack import ROOT, unique, wait_until

# Five receives of eight seconds on SQS; ten repeats of 1.5 s on Redis.
DYING_SECONDS = 120


@pytest.fixture
def dlq(platform):
    def run(*arguments: str, expect: int = 0) -> str:
        done = subprocess.run([ROOT / "shop", "dlq", *arguments, "--state-dir", platform.stack.workspace.state], capture_output=True, text=True)
        assert done.returncode == expect, done.stdout + done.stderr
        return done.stdout + done.stderr

    return run


def letters(dlq) -> list[dict]:
    return json.loads(dlq("list", "--json"))


def dead(dlq, subject: str) -> dict:
    """The dead message about a subject, once it has died."""

    def look():
        found = [one for one in letters(dlq) if one["subject"] == subject]
        assert len(found) <= 1, found
        return found[0] if found else None

    return wait_until(look, DYING_SECONDS, f"the message about {subject} to be a dead letter")


@pytest.fixture(scope="module")
def poison(platform):
    """Three kinds at once, since each takes its time to die: what cannot be read, what is no event, what fails to be handled."""
    unreadable, text = unique("o"), f"this is no event: {unique('text')}"
    platform.publish(event("order.confirmed", "order-service", unreadable, {"orderId": unreadable}))
    platform.forged.add(text)
    if platform.broker == "aws":
        sqs = platform.aws("sqs")
        sqs.send_message(QueueUrl=sqs.get_queue_url(QueueName="payment-events-queue-order-service")["QueueUrl"], MessageBody=text)
    else:
        platform.redis().xadd("payment-events", {"data": text})

    product, customer = create_product(platform.client("admin"), stock=10), platform.client("customer", unique("customer"))
    failing = check_out(customer, [(product["id"], 3)], "tok_insufficient_funds")
    order_when(customer, failing, "payment_failed")
    # Once the order holds its pieces, the item of the product's stock is not what the service wrote: taking from it fails however
    # often it is tried.
    table, key = facts.name("table", app="product-service"), {"key": {"S": f"product-service||stock.{product['id']}"}}
    whole = platform.aws("dynamodb").get_item(TableName=table, Key=key, ConsistentRead=True)["Item"]
    platform.aws("dynamodb").put_item(TableName=table, Item=whole | {"value": {"S": '"broken"'}})
    payment = customer.expect(200, "GET", "payment", f"/payments?orderId={failing}")["id"]
    customer.expect(202, "POST", "payment", f"/payments/{payment}/retry", {"paymentMethod": {"token": "tok_approve"}})

    def repair():
        platform.aws("dynamodb").put_item(TableName=table, Item=whole)

    return SimpleNamespace(unreadable=unreadable, text=text, failing=failing, product=product["id"], repair=repair)


def test_an_event_that_cannot_be_read_is_listed_with_its_reason(platform, dlq, poison):
    letter = dead(dlq, poison.unreadable)
    assert letter["type"] == "order.confirmed" and letter["orderId"] == poison.unreadable and letter["at"]
    assert letter["from"] == ("order-events-queue-product-service" if platform.broker == "aws" else "order-events")
    assert letter["why"].startswith("product-service: ") and "/lines is required" in letter["why"]
    shown = dlq("show", letter["id"])
    assert "/lines is required" in shown and json.loads(shown[shown.index("\n{"):])["subject"] == poison.unreadable


def test_a_message_that_is_no_event_is_shown_as_it_is_and_goes_where_it_is_sent(platform, dlq, poison):
    def listed():
        return [one for one in letters(dlq) if not one["type"] and poison.text in dlq("show", one["id"])]

    # A stream brings it to every subscriber, and each gives it up for itself.
    subscribers = 1 if platform.broker == "aws" else sum("payment-events" in app.subscriptions() for app in facts.apps())
    found = wait_until(lambda: len(mine := listed()) == subscribers and mine, DYING_SECONDS, "the text to be a dead letter")
    assert all("not a CloudEvent" in one["why"] for one in found)
    if platform.broker == "redis":
        assert "--to" in dlq("redrive", found[0]["id"], expect=1)
    assert "payment-events" in dlq("redrive", found[0]["id"], *(["--to", "payment-events"] if platform.broker == "redis" else []))
    assert found[0]["id"] not in [one["id"] for one in letters(dlq)]


def test_what_died_while_its_handler_failed_is_handled_after_the_repair(platform, dlq, admin, poison):
    letter = dead(dlq, poison.failing)
    assert letter["type"] == "order.confirmed" and letter["why"].startswith("product-service: ")
    assert letter["from"] == ("order-events-queue-product-service" if platform.broker == "aws" else "order-events")
    poison.repair()
    dlq("redrive", letter["id"])
    wait_until(lambda: admin.expect(200, "GET", "product", f"/products/{poison.product}")["stock"] == 7, 60, "the stock to be taken")
    order_when(admin, poison.failing, "confirmed")
    assert poison.failing not in [one["subject"] for one in letters(dlq)]


def test_an_unknown_id_and_a_redrive_of_nothing_are_refused_with_what_to_do(dlq):
    assert "./shop dlq list" in dlq("show", "no-such-id", expect=1)
    assert "--all" in dlq("redrive", expect=1)
    assert "there are:" in dlq("redrive", "--all", "--to", "no-such-queue", expect=1)
