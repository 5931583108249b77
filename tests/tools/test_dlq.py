"""What a dead message tells of itself, on either broker."""

import json

from shop import dlq, journal

EVENT = {"specversion": "1.0", "id": "Order/o-1/2/0", "source": "order-service", "type": "order.confirmed", "subject": "o-1",
         "data": {"orderId": "o-1"}}


def record(service: str, msg: str, **fields) -> journal.Record:
    return journal.parse(json.dumps({"time": "2026-05-04T10:00:00Z", "level": "warning", "service": service, "msg": msg, **fields}), service)


def test_an_event_is_found_in_the_message_that_sns_makes_of_it_and_as_it_is():
    wrapped = json.dumps({"Type": "Notification", "TopicArn": "arn:…:order-events", "Message": json.dumps(EVENT)})
    for body in (wrapped, json.dumps(EVENT)):
        one = dlq.letter("m-1", body, "", "2026-05-04T10:00:00.000+00:00")
        assert (one.event, one.event_id, one.subject, one.order, one.died_in) == (
            "order.confirmed", "Order/o-1/2/0", "o-1", "o-1", "order-events")


def test_what_is_no_event_is_still_a_letter():
    for body in ("no JSON", "[1]", '{"Type": "Notification", "Message": "text"}', '{"data": 1, "type": 2}', ""):
        one = dlq.letter("m-1", body, "order-events-queue-order-service", "")
        assert (one.event, one.order, one.died_in, one.body) == ("", "", "order-events-queue-order-service", body)


def test_the_reason_is_the_last_word_of_the_subscriber_whose_queue_it_was():
    one = dlq.letter("m-1", json.dumps(EVENT), "order-events-queue-product-service", "")
    dlq.explain([one], [
        record("product-service", "event failed", eventId="Order/o-1/2/0", error="first"),
        record("product-service", "event failed", eventId="Order/o-1/2/0", error="last"),
        record("product-service", "event handled", eventId="Order/o-1/2/0"),
        record("order-service", "event failed", eventId="Order/o-1/2/0", error="another subscriber's"),
        record("product-service", "event failed", eventId="Order/o-2/2/0", error="another event's")])
    assert one.why == "product-service: last"


def test_of_the_logs_only_what_explains_is_read_the_rotated_part_first(tmp_path):
    log = tmp_path / "product.log"
    log.write_text("no JSON: event failed\n" + json.dumps({"msg": "event failed", "eventId": "e", "error": "last"}) + "\n")
    (tmp_path / "product.log.1").write_text(json.dumps({"msg": "event failed", "eventId": "e", "error": "first"}) + "\n"
                                            + json.dumps({"msg": "request"}) + "\n")
    found = dlq.complaints({"product-service": log, "cart-service": tmp_path / "absent.log"})
    assert [record.get("error") for record in found] == ["first", "", "last"]


def test_on_a_stream_the_subscriber_is_the_one_whose_log_complains():
    one = dlq.letter("1-0", json.dumps(EVENT), "", "")
    dlq.explain([one], [record("product-service", "event unreadable", eventId="Order/o-1/2/0", error="/lines is required")])
    assert one.why == "product-service: /lines is required"


def test_silence_is_an_explanation_too():
    one = dlq.letter("m-1", json.dumps(EVENT), "order-events-queue-product-service", "", 5)
    dlq.explain([one], [record("product-service", "event handled", eventId="Order/o-1/2/0")])
    assert one.why == "product-service says nothing of it: it was away or did not answer in time, 5 times"


def test_a_message_without_its_queue_goes_to_those_who_handle_such_an_event():
    assert dlq.queues_of("order.cancelled") == ["order-events-queue-payment-service", "order-events-queue-product-service"]
    assert dlq.queues_of("unknown") == []
