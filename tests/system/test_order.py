"""Orders: their interface, the events that end at them, and a checkout's whole way."""

import pytest
from shopping import ADDRESS, check_out, create_product, euro, event, order_when, problem
from stack import unique, wait_until


@pytest.fixture
def product(admin) -> dict:
    return create_product(admin)


def checkout_event(order: str, product: dict, customer: str | None = None, token: str = "tok_decline") -> dict:
    """What the cart service says of a checkout. A declined card leaves the order open to what the test does with it."""
    data = {"orderId": order, "cartId": unique("cart"),
            "lines": [{"productId": product["id"], "name": "Teapot", "quantity": 2, "unitPrice": euro(1000)}],
            "total": euro(2000), "paymentMethod": {"token": token}, "shippingAddress": ADDRESS}
    if customer:
        data["customerId"] = customer
    return event("cart.checkout_completed", "cart-service", data["cartId"], data)


def paid_event(order: str, attempt: int = 2) -> dict:
    data = {"paymentId": f"pay-{order}"[:64], "orderId": order, "attempt": attempt, "amount": euro(2000), "gatewayReference": "g-1"}
    return event("payment.completed", "payment-service", data["paymentId"], data)


def failed_event(order: str, attempt: int, reason: str) -> dict:
    data = {"paymentId": f"pay-{order}"[:64], "orderId": order, "attempt": attempt, "amount": euro(2000), "reason": reason,
            "retryable": True}
    return event("payment.failed", "payment-service", data["paymentId"], data)


def statuses(order: dict) -> list[str]:
    return [change["status"] for change in order["history"]]


def show(client, order: str) -> dict:
    return client.expect(200, "GET", "order", f"/orders/{order}")


def demand(admin, product: str) -> dict:
    answer = admin.call("GET", "order", f"/demand/{product}")
    assert answer.status_code == 200, answer.text
    return answer.json()


# --- a checkout's whole way


def test_a_checkout_that_is_paid_confirms_the_order(admin, customer, product):
    before = product["stock"]
    order = check_out(customer, [(product["id"], 2)])
    confirmed = order_when(customer, order, "confirmed")
    assert confirmed.keys() == {"id", "cartId", "customerId", "status", "lines", "total", "paymentId", "history", "version"}
    assert confirmed["lines"] == [{"productId": product["id"], "name": product["name"], "quantity": 2, "unitPrice": product["price"]}]
    assert confirmed["total"] == euro(2000)
    assert statuses(confirmed) == ["created", "confirmed"] and confirmed["version"] == 2
    assert all(change["at"].endswith("Z") for change in confirmed["history"])
    payment = customer.expect(200, "GET", "payment", f"/payments/{confirmed['paymentId']}")
    assert payment["orderId"] == order and payment["status"] == "completed"
    wait_until(lambda: admin.expect(200, "GET", "product", f"/products/{product['id']}")["stock"] == before - 2, what="the stock")


def test_a_declined_card_fails_the_payment_and_says_why(customer, product):
    failed = order_when(customer, check_out(customer, [(product["id"], 1)], "tok_decline"), "payment_failed")
    assert failed["failureReason"] and failed["history"][-1]["reason"] == failed["failureReason"]
    assert statuses(failed) == ["created", "payment_failed"]


def test_a_paid_order_that_is_cancelled_is_refunded_and_its_stock_comes_back(admin, customer, product):
    order = check_out(customer, [(product["id"], 3)])
    confirmed = order_when(customer, order, "confirmed")
    path = f"/products/{product['id']}"
    wait_until(lambda: admin.expect(200, "GET", "product", path)["stock"] == product["stock"] - 3, what="the stock to go down")
    cancelled = customer.expect(200, "POST", "order", f"/orders/{order}/cancel", {"reason": "changed my mind"})
    assert cancelled["status"] == "cancelled" and cancelled["history"][-1]["reason"] == "changed my mind"
    wait_until(lambda: customer.expect(200, "GET", "payment", f"/payments/{confirmed['paymentId']}")["status"] == "refunded",
               what="the refund")
    wait_until(lambda: admin.expect(200, "GET", "product", path)["stock"] == product["stock"], what="the stock to come back")
    assert customer.expect(200, "POST", "order", f"/orders/{order}/cancel") == cancelled
    assert show(customer, order) == cancelled


def test_a_guest_finds_the_order_by_its_id(guest, product):
    order = order_when(guest, check_out(guest, [(product["id"], 1)]), "confirmed")
    assert "customerId" not in order


# --- the events that end here


def test_a_new_product_begins_its_counters(admin, product):
    zero = {"productId": product["id"], "timesAdded": 0, "unitsAdded": 0, "ordersConfirmed": 0, "unitsSold": 0}
    assert wait_until(lambda: demand(admin, product["id"]), what="the counters") == zero


def test_what_is_put_into_carts_and_what_is_sold_is_counted(admin, customer, product):
    check_out(customer, [(product["id"], 3)], "tok_decline")
    order_when(customer, check_out(customer, [(product["id"], 2)]), "confirmed")
    counted = {"productId": product["id"], "timesAdded": 2, "unitsAdded": 5, "ordersConfirmed": 1, "unitsSold": 2}
    wait_until(lambda: demand(admin, product["id"]) == counted, what=f"{counted}")


def test_an_item_is_counted_once_however_often_it_is_told(platform, admin):
    product = unique("p")

    def added(quantity: int, id: str) -> dict:
        data = {"cartId": "c-1", "productId": product, "quantity": quantity, "unitPrice": euro(100)}
        return event("cart.item_added", "cart-service", "c-1", data, id)

    first = added(4, unique("Cart"))
    for _ in range(3):
        platform.publish(first)
    platform.publish(added(1, unique("Cart")))
    wait_until(lambda: demand(admin, product)["timesAdded"] >= 2, what="the last one")
    platform.publish(first)
    platform.publish(added(1, unique("Cart")))
    wait_until(lambda: demand(admin, product)["timesAdded"] >= 3, what="the very last one")
    assert demand(admin, product)["unitsAdded"] == 6


def test_a_payment_that_comes_before_the_order_is_remembered(platform, guest, product):
    order = unique("o")
    platform.publish(paid_event(order))
    wait_until(lambda: handled(platform, order, "PaymentCompleted"), what="the payment to be remembered")
    problem(guest.call("GET", "order", f"/orders/{order}"), 404)
    platform.publish(checkout_event(order, product))
    assert statuses(order_when(guest, order, "confirmed")) == ["created", "confirmed"]


def handled(platform, order: str, method: str) -> int:
    """How often the order has dealt with such an event, by its log."""
    return sum(r.get("orderId") == order and r.get("method") == method for r in platform.log("order-service"))


def test_every_event_three_times_changes_nothing(platform, guest, product):
    order = unique("o")
    made, paid = checkout_event(order, product), paid_event(order)
    for _ in range(3):
        platform.publish(made)
    order_when(guest, order, "payment_failed")
    for _ in range(3):
        platform.publish(paid)
    confirmed = order_when(guest, order, "confirmed")
    for again in (made, failed_event(order, 1, "old"), paid, paid_event(order, 3)):
        platform.publish(again)
    cancelled = guest.expect(200, "POST", "order", f"/orders/{order}/cancel")  # marks where the old events end
    assert cancelled["history"][:-1] == confirmed["history"]
    for again in (made, failed_event(order, 9, "old"), paid, paid_event(order, 4)):
        platform.publish(again)
    probe = unique("o")
    platform.publish(checkout_event(probe, product))
    order_when(guest, probe, "payment_failed")
    assert show(guest, order) == cancelled


def test_the_reason_of_the_newest_attempt_is_kept(platform, guest, product):
    order = unique("o")
    platform.publish(checkout_event(order, product))
    order_when(guest, order, "payment_failed")
    platform.publish(failed_event(order, 3, "third"))
    wait_until(lambda: show(guest, order)["failureReason"] == "third", what="the newer reason")
    platform.publish(failed_event(order, 2, "second"))
    platform.publish(paid_event(order, 4))
    confirmed = order_when(guest, order, "confirmed")
    assert statuses(confirmed) == ["created", "payment_failed", "confirmed"] and "failureReason" not in confirmed


# --- the pieces


def shelf(admin, product: str) -> tuple[int, int]:
    """What there is of a product, and how much of it orders hold."""
    seen = admin.expect(200, "GET", "product", f"/products/{product}")
    assert seen["available"] == seen["stock"] - seen["reserved"] >= 0, seen
    return seen["stock"], seen["reserved"]


def test_an_order_holds_its_pieces_until_it_is_paid_or_given_up(admin, customer, product):
    held = check_out(customer, [(product["id"], 2)], "tok_decline")
    order_when(customer, held, "payment_failed")
    assert shelf(admin, product["id"]) == (product["stock"], 2)
    order_when(customer, check_out(customer, [(product["id"], 3)]), "confirmed")
    wait_until(lambda: shelf(admin, product["id"]) == (product["stock"] - 3, 2), what="the sale")
    customer.expect(200, "POST", "order", f"/orders/{held}/cancel")
    wait_until(lambda: shelf(admin, product["id"]) == (product["stock"] - 3, 0), what="the pieces to be given back")


def test_an_order_whose_pieces_cannot_be_had_is_cancelled_and_never_charged(platform, admin, guest, customer):
    product = create_product(admin, stock=1)
    order = unique("o")
    platform.publish(checkout_event(order, product, token="tok_approve"))  # for two: the cart would have refused it
    cancelled = order_when(guest, order, "cancelled")
    assert cancelled["failureReason"] == cancelled["history"][0]["reason"] == "out_of_stock"
    assert statuses(cancelled) == ["cancelled"] and cancelled["version"] == 1 and "paymentId" not in cancelled
    assert shelf(admin, product["id"]) == (1, 0)
    # Whatever comes now finds it decided, also when there are pieces again.
    admin.expect(200, "POST", "product", f"/products/{product['id']}/stock", {"delta": 10})
    platform.publish(checkout_event(order, product, token="tok_approve"))
    order_when(customer, check_out(customer, [(product["id"], 1)]), "confirmed")
    assert show(guest, order) == cancelled
    problem(guest.call("GET", "payment", "/payments", params={"orderId": order}), 404)
    assert guest.expect(200, "POST", "order", f"/orders/{order}/cancel") == cancelled
    problem(admin.call("POST", "order", f"/orders/{order}/ship"), 409, "not_confirmed")


def test_an_order_for_what_the_catalog_does_not_know_is_cancelled(platform, guest):
    order = unique("o")
    platform.publish(checkout_event(order, {"id": unique("none")}))
    assert order_when(guest, order, "cancelled")["failureReason"] == "out_of_stock"


def test_all_the_lines_of_an_order_are_held_or_none(platform, admin, guest, product):
    scarce, order = create_product(admin, stock=0), unique("o")
    made = checkout_event(order, product)
    made["data"]["lines"].append({"productId": scarce["id"], "name": "Rare", "quantity": 1, "unitPrice": euro(1)})
    platform.publish(made)
    order_when(guest, order, "cancelled")
    assert shelf(admin, product["id"]) == (product["stock"], 0)


def test_of_the_last_piece_one_order_is_made(platform, admin, customer):
    product = create_product(admin, stock=1)
    orders = [unique("o") for _ in range(8)]
    for order in orders:  # past the carts, which would refuse most of them
        made = checkout_event(order, product, token="tok_approve")
        made["data"]["lines"][0]["quantity"] = 1
        platform.publish(made)
    decided = [wait_until(lambda order=order: (a := admin.call("GET", "order", f"/orders/{order}")).ok and
                          a.json()["status"] in ("confirmed", "cancelled") and a.json(), 90, f"{order} to be decided") for order in orders]
    assert sorted(order["status"] for order in decided) == ["cancelled"] * 7 + ["confirmed"]
    wait_until(lambda: shelf(admin, product["id"]) == (0, 0), what="the sale")


def test_a_checkout_while_the_product_service_is_away_is_decided_when_it_is_back(platform, admin, customer, product):
    cart = unique("cart")
    customer.expect(200, "POST", "cart", f"/carts/{cart}/items", {"productId": product["id"], "quantity": 1})
    platform.end("product-service")
    try:
        shown = customer.expect(200, "GET", "cart", f"/carts/{cart}")
        assert shown["items"][0]["inStock"] is True
        body = {"paymentMethod": {"token": "tok_approve"}, "shippingAddress": ADDRESS}
        order = customer.expect(202, "POST", "cart", f"/carts/{cart}/checkout", body, headers={"Idempotency-Key": unique("k")})["orderId"]
        wait_until(lambda: handled(platform, order, "CheckoutCompleted"), what="the order to ask for its pieces")
        problem(customer.call("GET", "order", f"/orders/{order}"), 404, "unknown_order")
        assert customer.expect(200, "GET", "order", "/orders")["items"] == []
    finally:
        platform.begin("product-service")
        wait_until(platform.ready, 60, "the platform to be ready again")
    assert statuses(order_when(customer, order, "confirmed")) == ["created", "confirmed"]


# --- the interface


def test_an_order_that_is_not_there_says_when_to_look_again(guest):
    answer = guest.call("GET", "order", f"/orders/{unique('o')}")
    problem(answer, 404, "unknown_order")
    assert answer.headers["Retry-After"] == "1"
    problem(guest.call("POST", "order", f"/orders/{unique('o')}/cancel"), 404, "unknown_order")


def test_an_order_is_shipped_once_it_is_confirmed_and_then_not_cancelled(admin, customer, guest, product):
    unpaid = check_out(customer, [(product["id"], 1)], "tok_decline")
    order_when(customer, unpaid, "payment_failed")
    problem(admin.call("POST", "order", f"/orders/{unpaid}/ship"), 409, "not_confirmed")
    order = check_out(customer, [(product["id"], 1)])
    order_when(customer, order, "confirmed")
    problem(customer.call("POST", "order", f"/orders/{order}/ship"), 403)
    problem(guest.call("POST", "order", f"/orders/{order}/ship"), 401)
    shipped = admin.expect(200, "POST", "order", f"/orders/{order}/ship", {"trackingNumber": "1Z999"})
    assert shipped["status"] == "shipped" and shipped["trackingNumber"] == "1Z999"
    assert admin.expect(200, "POST", "order", f"/orders/{order}/ship") == shipped
    problem(customer.call("POST", "order", f"/orders/{order}/cancel"), 409, "already_shipped")


def test_an_order_is_its_customers_and_no_others(platform, admin, customer, guest, product):
    order = check_out(customer, [(product["id"], 1)])
    mine = order_when(customer, order, "confirmed")
    assert show(admin, order) == mine
    for other in (guest, platform.client("customer", unique("other"))):
        problem(other.call("GET", "order", f"/orders/{order}"), 404, "unknown_order")
        problem(other.call("POST", "order", f"/orders/{order}/cancel"), 404, "unknown_order")


def test_a_customers_orders_are_listed_newest_first_in_pages(platform, admin, product):
    subject = unique("customer")
    customer = platform.client("customer", subject)
    made = []
    for _ in range(5):
        made.append(unique("o"))
        platform.publish(checkout_event(made[-1], product, subject))
        order_when(customer, made[-1], "payment_failed")
    made.reverse()
    listed = wait_until(lambda: len(page := customer.expect(200, "GET", "order", "/orders")["items"]) == 5 and page, what="the list")
    assert [order["id"] for order in listed] == made
    assert listed[0] == show(customer, made[0])

    seen, cursor = [], None
    while True:
        page = admin.expect(200, "GET", "order", "/orders", params={"customerId": subject, "limit": 2} | ({"cursor": cursor} if cursor else {}))
        seen += [order["id"] for order in page["items"]]
        if not (cursor := page.get("nextCursor")):
            break
    assert seen == made

    customer.expect(200, "POST", "order", f"/orders/{made[1]}/cancel")

    def of_status(status: str) -> list[str]:
        return [order["id"] for order in customer.expect(200, "GET", "order", "/orders", params={"status": status})["items"]]

    wait_until(lambda: of_status("cancelled") == [made[1]], what="the cancelled one under its status")
    assert of_status("payment_failed") == [made[0], *made[2:]] and of_status("shipped") == []


def everybodys(admin, **query) -> list[dict]:
    """The whole list, part by part."""
    found, cursor = [], {}
    while True:
        page = admin.expect(200, "GET", "order", "/orders", params=query | cursor)
        found += page["items"]
        if "nextCursor" not in page:
            return found
        cursor = {"cursor": page["nextCursor"]}


def test_an_admin_sees_everybodys_orders_newest_first_in_pages(platform, admin, customer, product):
    made = []
    for who in (unique("customer"), None, unique("customer"), None, unique("customer")):
        made.append(unique("o"))
        platform.publish(checkout_event(made[-1], product, who))
        order_when(admin, made[-1], "payment_failed")
    made.reverse()

    def mine(**query) -> list[str]:
        return [order["id"] for order in everybodys(admin, **query) if order["id"] in made]

    for limit in (2, 100):
        wait_until(lambda: mine(limit=limit) == made, what="all of them in everybody's list")
    listed = everybodys(admin, limit=100)
    times = [order["history"][0]["at"] for order in listed]
    assert times == sorted(times, reverse=True) and len({order["id"] for order in listed}) == len(listed)
    assert listed[0] == show(admin, made[0])
    admin.expect(200, "POST", "order", f"/orders/{made[1]}/cancel")
    wait_until(lambda: mine(status="cancelled", limit=100) == [made[1]], what="the cancelled one under its status")
    assert mine(status="payment_failed", limit=3) == [made[0], *made[2:]] and mine(status="shipped") == []
    assert customer.expect(200, "GET", "order", "/orders") == {"items": []}, "a customer sees her own"


def test_a_list_is_for_its_customer_and_for_admins(guest, customer, platform):
    answer = guest.call("GET", "order", "/orders")
    problem(answer, 401)
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert customer.expect(200, "GET", "order", "/orders") == {"items": []}
    problem(customer.call("GET", "order", "/orders", params={"customerId": unique("other")}), 404)


@pytest.mark.parametrize("query", ["status=paid", "status=none", "limit=0", "limit=101", "limit=many", "cursor=made-up"])
def test_a_query_that_cannot_be_is_refused(customer, admin, query):
    for who in (customer, admin):
        problem(who.call("GET", "order", f"/orders?{query}"), 400)


def test_bodies_and_verbs_that_cannot_be_are_refused(platform, guest, product):
    order = unique("o")
    platform.publish(checkout_event(order, product))
    failed = order_when(guest, order, "payment_failed")
    cancel = f"/orders/{order}/cancel"
    found = problem(guest.call("POST", "order", cancel, {"why": "x"}), 400)
    assert [error["pointer"] for error in found["errors"]] == ["/why"]
    problem(guest.call("POST", "order", cancel, {"reason": 7}), 400)
    problem(guest.call("POST", "order", cancel, data="{", headers={"Content-Type": "application/json"}), 400)
    problem(guest.call("POST", "order", cancel, data="a=b", headers={"Content-Type": "text/plain"}), 415)
    refused = guest.call("DELETE", "order", f"/orders/{order}")
    problem(refused, 405)
    assert "GET" in refused.headers["Allow"]
    problem(guest.call("GET", "order", "/orders/no%20id"), 404)
    assert show(guest, order) == failed


def test_demand_is_for_admins(guest, customer, admin):
    problem(guest.call("GET", "order", "/demand/p-1"), 401)
    problem(customer.call("GET", "order", "/demand/p-1"), 403)
    problem(admin.call("GET", "order", f"/demand/{unique('p')}"), 404, "unknown_product")


def test_the_service_describes_itself(guest):
    document = guest.expect(200, "GET", "order", "/openapi.json")
    assert document["openapi"].startswith("3.1")
    assert set(document["paths"]) == {"/orders", "/orders/{id}", "/orders/{id}/events", "/orders/{id}/cancel", "/orders/{id}/ship", "/demand/{productId}",
                                      "/healthz", "/readyz", "/openapi.json"}


# --- the deadline


@pytest.fixture
def hurried(platform):
    """Customers have four seconds to pay, while this test runs."""
    with platform.environment("order-service", ORDER_PAYMENT_DEADLINE_SECONDS="4"):
        yield


def test_an_order_that_is_not_paid_in_time_is_cancelled_and_so_is_its_payment(platform, customer, product, hurried):
    order = check_out(customer, [(product["id"], 1)], "tok_insufficient_funds")
    failed = order_when(customer, order, "payment_failed")
    platform.kill("order-service")  # a deadline outlives the process that set it
    cancelled = order_when_up(customer, order, "cancelled")
    assert cancelled["failureReason"] == cancelled["history"][-1]["reason"] == "payment_deadline_passed"
    payment = f"/payments/{failed['paymentId']}"
    wait_until(lambda: customer.expect(200, "GET", "payment", payment)["status"] == "cancelled", what="the payment's end")
    problem(customer.call("POST", "payment", payment + "/retry", {"paymentMethod": {"token": "tok_approve"}}), 409)


def order_when_up(client, order: str, status: str) -> dict:
    """The same while the service may be away."""

    def read():
        answer = client.call("GET", "order", f"/orders/{order}")
        return answer.status_code == 200 and answer.json()["status"] == status and answer.json()

    return wait_until(read, 60, f"order {order} to be {status}")


# --- deaths


def test_an_order_survives_the_death_of_its_service_and_of_its_sidecar(platform, guest, product):
    order = unique("o")
    platform.publish(checkout_event(order, product))
    failed = order_when(guest, order, "payment_failed")
    for part in ("order-service", "order-service-sidecar"):
        platform.kill(part)
        assert order_when_up(guest, order, "payment_failed") == failed
    platform.publish(paid_event(order))
    order_when(guest, order, "confirmed", 60)
