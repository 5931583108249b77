"""Payments: their interface, every token's outcome, and what the ledger says in the end."""

import pytest
from shopping import check_out, create_product, euro, event, order_when, problem
from stack import unique, wait_until

PRICE = 1000


@pytest.fixture
def product(admin) -> dict:
    return create_product(admin, PRICE)


def order_event(order: str, token: str = "tok_approve", customer: str | None = None, amount: int = PRICE) -> dict:
    data = {"orderId": order, "total": euro(amount), "paymentMethod": {"token": token}}
    if customer:
        data["customerId"] = customer
    return event("order.created", "order-service", order, data)


def cancelled_event(order: str) -> dict:
    data = {"orderId": order, "lines": [], "total": euro(PRICE), "reason": "changed_my_mind", "stockTaken": False}
    return event("order.cancelled", "order-service", order, data)


def requested_event(payment: dict, attempt: int) -> dict:
    data = {"paymentId": payment["id"], "orderId": payment["orderId"], "attempt": attempt, "amount": payment["amount"]}
    return event("payment.requested", "payment-service", payment["id"], data)


def payment_of(client, order: str, status: str | None = None, limit: float = 30) -> dict:
    """The order's payment, once it is there, and has this status if one is named."""

    def read():
        answer = client.call("GET", "payment", "/payments", params={"orderId": order})
        assert answer.status_code == 200, answer.text
        assert status is None or answer.json()["status"] == status, answer.json()
        return answer.json()

    return wait_until(read, limit, f"the payment of {order} to be {status or 'there'}")


def retry(client, payment: dict, token: str = "tok_approve", **options):
    return client.call("POST", "payment", f"/payments/{payment['id']}/retry", {"paymentMethod": {"token": token}}, **options)


def ledger(admin, *orders: str, limit: int | None = None) -> list[dict]:
    """Its entries about these orders, or all."""
    entries, cursor = [], None
    while True:
        page = admin.expect(200, "GET", "payment", "/payments/ledger", params={"cursor": cursor, "limit": limit})
        entries += page["items"]
        if not (cursor := page.get("nextCursor")):
            return [entry for entry in entries if not orders or entry["orderId"] in orders]


def moves(entries: list[dict]) -> list[tuple[str, int]]:
    return [(entry["kind"], entry["amount"]["amount"]) for entry in entries]


# --- every token, from the checkout to the order


@pytest.mark.parametrize("token", ["tok_approve", "tok_flaky", "tok_slow"])
def test_a_token_that_is_approved_in_the_end_confirms_the_order_and_is_charged_once(admin, customer, product, token):
    order = check_out(customer, [(product["id"], 2)], token)
    confirmed = order_when(customer, order, "confirmed", 60)
    payment = payment_of(customer, order)
    assert payment.keys() == {"id", "orderId", "status", "amount", "attempts", "version"}
    assert payment["id"] == confirmed["paymentId"] and payment["orderId"] == order
    assert payment["status"] == "completed" and payment["amount"] == euro(2 * PRICE)
    (attempt,) = payment["attempts"]
    assert attempt["number"] == 1 and attempt["outcome"] == "approved" and attempt["gatewayReference"] and attempt["at"].endswith("Z")
    (entry,) = ledger(admin, order)
    assert entry.keys() == {"paymentId", "orderId", "key", "kind", "amount", "at"}
    assert entry["paymentId"] == payment["id"] and moves([entry]) == [("charge", 2 * PRICE)]


@pytest.mark.parametrize("token, reason", [
    ("tok_decline", "card_declined"), ("tok_insufficient_funds", "insufficient_funds"), ("tok_of_nobody", "unknown_token")])
def test_a_token_that_is_declined_fails_the_payment_and_charges_nothing(admin, customer, product, token, reason):
    order = check_out(customer, [(product["id"], 1)], token)
    assert order_when(customer, order, "payment_failed")["failureReason"] == reason
    payment = payment_of(customer, order, "failed")
    assert [(a["outcome"], a["reason"]) for a in payment["attempts"]] == [("declined", reason)]
    assert ledger(admin, order) == []


def test_a_retry_with_another_card_confirms_the_order(admin, customer, product):
    order = check_out(customer, [(product["id"], 1)], "tok_insufficient_funds")
    order_when(customer, order, "payment_failed")
    answer = retry(customer, payment_of(customer, order, "failed"))
    assert answer.status_code == 202, answer.text
    assert answer.json()["status"] == "requested" and answer.headers["Location"] == f"/payments/{answer.json()['id']}"
    order_when(customer, order, "confirmed")
    payment = payment_of(customer, order, "completed")
    assert [(a["number"], a["outcome"]) for a in payment["attempts"]] == [(1, "declined"), (2, "approved")]
    assert moves(ledger(admin, order)) == [("charge", PRICE)]


def test_a_card_declined_again_says_the_newest_reason(customer, product):
    order = check_out(customer, [(product["id"], 1)], "tok_insufficient_funds")
    order_when(customer, order, "payment_failed")
    assert retry(customer, payment_of(customer, order, "failed"), "tok_decline").status_code == 202
    wait_until(lambda: customer.expect(200, "GET", "order", f"/orders/{order}")["failureReason"] == "card_declined")
    assert len(payment_of(customer, order, "failed")["attempts"]) == 2


# --- cancelling


def test_a_paid_order_that_is_cancelled_is_refunded_once(admin, customer, product):
    order = check_out(customer, [(product["id"], 1)])
    order_when(customer, order, "confirmed")
    for _ in range(3):
        customer.expect(200, "POST", "order", f"/orders/{order}/cancel")
    payment = payment_of(customer, order, "refunded")
    entries = ledger(admin, order)
    assert moves(entries) == [("charge", PRICE), ("refund", PRICE)]
    assert len({entry["key"] for entry in entries}) == 2
    problem(retry(customer, payment), 409, "not_failed")


def test_an_order_cancelled_while_it_is_charged_is_refunded_when_the_gateway_approves(admin, customer, product):
    order = check_out(customer, [(product["id"], 1)], "tok_slow")
    payment_of(customer, order, "processing")
    customer.expect(200, "POST", "order", f"/orders/{order}/cancel")
    payment_of(customer, order, "refunded")
    assert moves(ledger(admin, order)) == [("charge", PRICE), ("refund", PRICE)]
    assert order_when(customer, order, "cancelled")


def test_an_order_cancelled_after_its_payment_failed_cannot_be_paid_any_more(admin, customer, product):
    order = check_out(customer, [(product["id"], 1)], "tok_decline")
    order_when(customer, order, "payment_failed")
    customer.expect(200, "POST", "order", f"/orders/{order}/cancel")
    problem(retry(customer, payment_of(customer, order, "cancelled")), 409, "not_failed")
    assert ledger(admin, order) == []


def test_an_order_whose_cancellation_comes_first_is_never_charged(platform, admin, guest):
    order = unique("o")
    platform.publish(cancelled_event(order))
    assert payment_of(guest, order, "cancelled")["attempts"] == []
    for _ in range(3):
        platform.publish(order_event(order))
    last = unique("o")  # whatever is still on its way was sent before this one
    platform.publish(order_event(last))
    payment_of(guest, last, "completed")
    assert payment_of(guest, order)["status"] == "cancelled" and ledger(admin, order) == []


# --- again, late, and after a crash


def test_events_that_come_three_times_charge_once(platform, admin, guest):
    order = unique("o")
    for _ in range(3):
        platform.publish(order_event(order))
    payment = payment_of(guest, order, "completed")
    for _ in range(3):
        platform.publish(requested_event(payment, 1))
    for _ in range(3):
        platform.publish(cancelled_event(order))
    payment_of(guest, order, "refunded")
    last = unique("o")
    platform.publish(order_event(last))
    payment_of(guest, last, "completed")
    assert moves(ledger(admin, order)) == [("charge", PRICE), ("refund", PRICE)]
    assert len(payment_of(guest, order)["attempts"]) == 1


def test_a_request_that_overtakes_its_payment_waits_for_it(platform, admin, guest):
    first, second = unique("o"), unique("o")
    platform.publish(order_event(first, "tok_decline"))
    known = payment_of(guest, first, "failed")
    # The id of a payment that is not there cannot be known outside: a request for nobody's stays on its way, alone.
    platform.publish(requested_event(known | {"id": unique("pay"), "orderId": second}, 1))
    platform.publish(order_event(second))
    payment_of(guest, second, "completed")
    assert moves(ledger(admin, first, second)) == [("charge", PRICE)]


def test_a_charge_under_way_survives_a_crash_and_is_made_once(platform, admin, guest):
    order = unique("o")
    platform.publish(order_event(order, "tok_slow"))
    payment_of(guest, order, "processing")
    platform.kill("payment-service")
    wait_until(platform.ready, 60, "the platform to be ready again")
    payment_of(guest, order, "completed", 90)
    assert moves(ledger(admin, order)) == [("charge", PRICE)]


def test_what_was_charged_is_known_after_a_restart(platform, admin, guest):
    order, flaky = unique("o"), unique("o")
    platform.publish(order_event(order))
    payment = payment_of(guest, order, "completed")
    before = ledger(admin)
    platform.kill("payment-service")
    wait_until(platform.ready, 60, "the platform to be ready again")
    assert payment_of(guest, order) == payment
    assert ledger(admin) == before
    platform.publish(order_event(flaky, "tok_flaky"))
    payment_of(guest, flaky, "completed", 60)


# --- the ledger


def test_the_ledger_adds_up(platform, admin, guest):
    orders = [unique("o") for _ in range(20)]
    for i, order in enumerate(orders):
        platform.publish(order_event(order, amount=100 + i))
    for order in orders:
        payment_of(guest, order, "completed", 60)
    for order in orders[:5]:
        platform.publish(cancelled_event(order))
    for order in orders[:5]:
        payment_of(guest, order, "refunded", 60)
    entries = ledger(admin, *orders)
    charges = {e["orderId"]: e["amount"]["amount"] for e in entries if e["kind"] == "charge"}
    refunds = {e["orderId"]: e["amount"]["amount"] for e in entries if e["kind"] == "refund"}
    assert len(entries) == 25 and charges == {order: 100 + i for i, order in enumerate(orders)}
    assert refunds == {order: charges[order] for order in orders[:5]}
    assert len({e["key"] for e in entries}) == 25
    assert [e["at"] for e in entries] == sorted(e["at"] for e in entries)
    assert ledger(admin, *orders, limit=7) == entries


def test_the_ledger_is_for_admins(admin, customer, guest):
    problem(guest.call("GET", "payment", "/payments/ledger"), 401)
    problem(customer.call("GET", "payment", "/payments/ledger"), 403)
    problem(admin.call("GET", "payment", "/payments/ledger", params={"cursor": "nonsense"}), 400, "invalid_cursor")
    problem(admin.call("GET", "payment", "/payments/ledger", params={"limit": 0}), 400)


# --- the interface


def test_a_payment_is_its_customers(platform, admin, guest, customer, product):
    order = check_out(customer, [(product["id"], 1)], "tok_decline")
    payment = payment_of(customer, order, "failed")
    assert admin.expect(200, "GET", "payment", f"/payments/{payment['id']}") == payment
    for other in (guest, platform.client("customer", unique("other"))):
        problem(other.call("GET", "payment", f"/payments/{payment['id']}"), 404)
        problem(other.call("GET", "payment", "/payments", params={"orderId": order}), 404)
        problem(retry(other, payment), 404)


def test_a_guests_payment_is_found_by_its_id_alone(guest, product):
    order = check_out(guest, [(product["id"], 1)])
    order_when(guest, order, "confirmed")
    payment = payment_of(guest, order, "completed")
    assert guest.expect(200, "GET", "payment", f"/payments/{payment['id']}") == payment


def test_only_a_failed_payment_is_retried_and_under_one_key_once(platform, guest):
    paid, failed = unique("o"), unique("o")
    platform.publish(order_event(paid))
    platform.publish(order_event(failed, "tok_decline"))
    problem(retry(guest, payment_of(guest, paid, "completed")), 409, "not_failed")
    payment = payment_of(guest, failed, "failed")
    key = {"Idempotency-Key": unique("k")}
    first = retry(guest, payment, "tok_decline", headers=key)
    assert first.status_code == 202
    again = retry(guest, payment, "tok_decline", headers=key)
    assert again.status_code == 202 and again.json() == first.json()
    problem(retry(guest, payment, "tok_approve", headers=key), 422, "idempotency_key_reused")
    wait_until(lambda: payment_of(guest, failed)["status"] == "failed")
    assert len(payment_of(guest, failed)["attempts"]) == 2


def test_the_largest_total_is_exact_wherever_it_is_kept(platform, guest, admin):
    order, largest = unique("o"), 40 * 999 * 10**12 - 1
    platform.publish(order_event(order, amount=largest))
    assert payment_of(guest, order, "completed")["amount"] == euro(largest)
    (entry,) = ledger(admin, order)
    assert entry["amount"] == euro(largest)


@pytest.mark.parametrize("body, pointer", [
    ({}, "/paymentMethod"),
    ({"paymentMethod": {}}, "/paymentMethod/token"),
    ({"paymentMethod": {"token": ""}}, "/paymentMethod/token"),
    ({"paymentMethod": {"token": 5}}, "/paymentMethod/token"),
    ({"paymentMethod": {"token": "t"}, "amount": 1}, "/amount"),
    ([], ""),
])
def test_a_body_that_is_wrong_is_pointed_at(guest, body, pointer):
    found = problem(guest.call("POST", "payment", f"/payments/{unique('pay')}/retry", body), 400)
    assert pointer in [error["pointer"] for error in found["errors"]]


def test_other_requests_that_cannot_be_are_refused(guest):
    path = f"/payments/{unique('pay')}"
    problem(guest.call("GET", "payment", path), 404, "unknown_payment")
    problem(retry(guest, {"id": unique("pay")}), 404, "unknown_payment")
    problem(guest.call("GET", "payment", "/payments"), 400)
    problem(guest.call("GET", "payment", "/payments", params={"orderId": "not an id"}), 400)
    problem(guest.call("GET", "payment", "/payments", params={"orderId": unique("o")}), 404)
    problem(guest.call("POST", "payment", path + "/retry", data="{", headers={"Content-Type": "application/json"}), 400)
    problem(guest.call("POST", "payment", path + "/retry", data="a=b", headers={"Content-Type": "text/plain"}), 415)
    refused = guest.call("DELETE", "payment", path)
    problem(refused, 405)
    assert "GET" in refused.headers["Allow"]


def test_the_service_describes_itself(guest):
    document = guest.expect(200, "GET", "payment", "/openapi.json")
    assert document["openapi"].startswith("3.1")
    assert {p for p in document["paths"] if p.startswith("/payments")} == {
        "/payments", "/payments/{id}", "/payments/{id}/retry", "/payments/ledger"}


def test_no_payment_token_is_in_any_log_of_the_service(platform, guest):
    order = unique("o")
    platform.publish(order_event(order, "tok_very_secret"))
    retry(guest, payment_of(guest, order, "failed"), "tok_very_secret")
    payment_of(guest, order, "failed")
    text = platform.stack.workspace.log_of("payment-service").read_text()
    assert order in text and "tok_" not in text
