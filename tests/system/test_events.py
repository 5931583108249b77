"""What the services publish, as the broker has it."""

from stack import facts, unique, wait_until
from described import event_violations
from shopping import check_out, create_product, order_when


def test_every_type_of_event_is_published_as_its_schema_says(platform, admin, customer, guest):
    tea = create_product(admin, stock=6)
    cup = create_product(admin, stock=50)
    plain = {name: cup[name] for name in ("name", "category", "price")}
    admin.expect(200, "PUT", "product", f"/products/{cup['id']}", plain | {"name": "Cup"})
    shipped = check_out(customer, [(tea["id"], 5), (cup["id"], 1)])
    order_when(customer, shipped, "confirmed")
    admin.expect(200, "POST", "order", f"/orders/{shipped}/ship", {"trackingNumber": "T-1"})
    declined = check_out(guest, [(cup["id"], 1)], "tok_decline")
    order_when(guest, declined, "payment_failed")
    guest.expect(200, "POST", "order", f"/orders/{declined}/cancel", {"reason": "another time"})
    refunded = check_out(customer, [(cup["id"], 2)])
    paid = order_when(customer, refunded, "confirmed")
    customer.expect(200, "POST", "order", f"/orders/{refunded}/cancel")
    wait_until(lambda: customer.expect(200, "GET", "payment", f"/payments/{paid['paymentId']}")["status"] == "refunded", what="the refund")
    admin.call("DELETE", "product", f"/products/{cup['id']}")

    ours = {tea["id"], cup["id"], shipped, declined, refunded, paid["paymentId"]}
    seen: dict[str, dict] = {}

    def all_of_them():
        for topic, event in platform.published():
            assert topic == facts.load()["events"][event["type"]]["topic"]
            assert not event_violations(event)
            if event["subject"] in ours or event["data"].get("productId") in ours or event["data"].get("orderId") in ours:
                seen[event["type"]] = event
        return seen.keys() == facts.load()["events"].keys()

    try:
        wait_until(all_of_them, 60, "every type of event")
    finally:
        assert seen.keys() == facts.load()["events"].keys(), sorted(facts.load()["events"].keys() - seen.keys())


def test_an_event_that_is_not_as_described_is_told_from_one_that_is(platform, admin):
    product = create_product(admin)
    (event,) = wait_until(lambda: [event for _, event in platform.published() if event["id"] == f"Product/{product['id']}/1/0"], what="the event")
    assert not event_violations(event)
    assert event_violations(event | {"source": "cart-service"}) and event_violations(event | {"data": event["data"] | {"colour": "red"}})
    assert event_violations({**event, "time": "yesterday"}) and event_violations({**event, "type": unique("product.unknown")})
    assert all(event_violations({name: value for name, value in event.items() if name != left_out}) for left_out in ("specversion", "id", "source", "type", "subject", "time", "datacontenttype", "data"))
