"""Logs merged and followed, hops recognised and drawn."""

import json

from shop import diagram, journal


def line(service: str, time: str, msg: str, **fields) -> str:
    return json.dumps({"time": time, "level": "info", "service": service, "msg": msg, **fields})


def record(*arguments, **fields) -> journal.Record:
    return journal.parse(line(*arguments, **fields), "?")


def test_lines_of_several_services_are_merged_by_time_whatever_their_precision(tmp_path):
    cart, order = tmp_path / "cart.log", tmp_path / "order.log"
    cart.write_text(line("cart-service", "2026-05-04T10:00:00.100Z", "a") + "\n" + line("cart-service", "2026-05-04T10:00:00.300Z", "c") + "\n")
    order.write_text(line("order-service", "2026-05-04T10:00:00.200000001Z", "b") + "\n")
    assert [r.text for r in journal.read({"cart-service": cart, "order-service": order})] == ["a", "b", "c"]


def test_a_line_that_is_no_json_stays_behind_the_line_before_it(tmp_path):
    log = tmp_path / "cart.log"
    log.write_text(line("cart-service", "2026-05-04T10:00:00.100Z", "a") + "\nterminate called\n" + line("cart-service", "2026-05-04T10:00:01Z", "b") + "\n")
    records = journal.read({"cart-service": log})
    assert [r.text for r in records] == ["a", "terminate called", "b"]
    assert records[1].get("service") == "cart-service"


def test_the_rotated_part_of_a_log_comes_first(tmp_path):
    log = tmp_path / "cart.log"
    log.write_text(line("cart-service", "2026-05-04T10:00:01Z", "new") + "\n")
    (tmp_path / "cart.log.1").write_text(line("cart-service", "2026-05-04T10:00:00Z", "old") + "\n")
    assert [r.text for r in journal.read({"cart-service": log})] == ["old", "new"]


def test_an_orders_way_holds_its_own_lines_and_its_traces_lines_but_no_other_orders():
    records = [
        record("cart-service", "2026-05-04T10:00:00Z", "checkout", traceId="t1", cartId="c1"),
        record("order-service", "2026-05-04T10:00:01Z", "created", traceId="t1", orderId="o1"),
        record("order-service", "2026-05-04T10:00:02Z", "created", traceId="t1", orderId="o2"),
        record("order-service", "2026-05-04T10:00:03Z", "other", traceId="t2"),
    ]
    assert [r.text for r in journal.of_order(records, "o1")] == ["checkout", "created"]
    assert journal.of_order(records, "unknown") == []


def test_an_event_and_its_subscribers_are_hops_and_a_repeated_delivery_is_not_another():
    records = [
        record("product-service", "2026-05-04T10:00:00.000Z", "event published", event="product.created", eventId="Product/p/1/0"),
        record("cart-service", "2026-05-04T10:00:00.020Z", "event handled", event="product.created", eventId="Product/p/1/0"),
        record("order-service", "2026-05-04T10:00:00.030Z", "event handled", event="product.created", eventId="Product/p/1/0"),
        record("cart-service", "2026-05-04T10:00:09.000Z", "event handled", event="product.created", eventId="Product/p/1/0"),
        record("order-service", "2026-05-04T10:00:01.000Z", "event published", event="order.shipped", eventId="Order/o/2/0"),
    ]
    hops = diagram.hops(records)
    assert [(h.event, h.source, h.target) for h in hops] == [
        ("product.created", "product-service", "cart-service"), ("product.created", "product-service", "order-service"),
        ("order.shipped", "order-service", "")]
    assert hops[0].seconds == 0.02


def test_the_diagram_points_from_publisher_to_subscriber():
    hops = [diagram.Hop("order.created", "Order/o/1/0", "order-service", "payment-service", "2026-05-04T10:00:00.000", 0.05),
            diagram.Hop("order.confirmed", "Order/o/2/0", "order-service", "product-service", "2026-05-04T10:00:01.000", 0.05),
            diagram.Hop("payment.requested", "Payment/p/1/0", "payment-service", "payment-service", "2026-05-04T10:00:01.000", 0.05)]
    drawn = diagram.draw(hops).splitlines()
    assert drawn[0].split() == ["Product", "Cart", "Order", "Payment"]
    assert "order.created" in drawn[2] and drawn[3].index("▶") > drawn[3].index("─")
    assert "order.confirmed" in drawn[4] and drawn[5].index("◀") < drawn[5].index("─")
    assert "↺ payment.requested" in drawn[6]
