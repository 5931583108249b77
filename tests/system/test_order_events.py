"""An order as it happens: GET /orders/{id}/events, with three of every service, on whichever of them a client lands."""

import os
import socket
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from following import Follower, Stream
from shopping import check_out, create_product, order_when, problem
from stack import Platform, unique, wait_until

from shop import facts

SERVICES = [f"order-service{n}" for n in ("", "-2", "-3")]


@pytest.fixture(scope="module")
def platform(broker):
    running = Platform(broker, replicas=3)
    running.start()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def product(platform):
    return create_product(platform.client("admin"), stock=100_000)["id"]


@pytest.fixture
def events(platform):
    """The address of an order's events: through the order door, through the gateway, or at one replica."""

    def address(order: str, at: str = "order") -> str:
        if at in SERVICES:
            (app,) = (app for app in platform.stack.apps() if app.part == at)
            base = f"http://{facts.host()}:{app.ports['stream']}"
        else:
            base = platform.endpoints[at]
        return f"{base}/orders/{order}/events"

    return address


def there(client, order: str) -> dict:
    def read():
        answer = client.call("GET", "order", f"/orders/{order}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    return wait_until(read, 60, f"order {order}")


def is_gapless(follower: Follower) -> None:
    """Every version once, in order, each with as much of the history as there was then."""
    assert follower.ids == list(range(follower.ids[0], follower.ids[-1] + 1)), (follower.ids, follower.statuses)
    for event in follower.events:
        assert event.order["version"] == event.id and event.order["status"] == event.order["history"][-1]["status"]


@pytest.mark.parametrize("door", ["order", "gateway"])
def test_a_checkout_is_seen_from_its_creation_to_its_shipment(platform, events, admin, guest, product, door):
    order = check_out(guest, [(product, 1)])
    with Follower(events(order, door), last_event_id=0) as follower:
        order_when(guest, order, "confirmed")
        wait_until(lambda: "confirmed" in follower.statuses, 10, "the stream to say so")
        admin.expect(200, "POST", "order", f"/orders/{order}/ship", {"trackingNumber": "T-1"}, headers={"Idempotency-Key": unique("k")})
        follower.finish(20)
    assert follower.statuses == ["created", "confirmed", "shipped"] and follower.ids == [1, 2, 3]
    is_gapless(follower)
    assert "paymentId" not in follower.events[0].order
    assert follower.events[-1].order == guest.expect(200, "GET", "order", f"/orders/{order}")
    assert follower.losses == []


def test_a_declined_card_another_one_and_a_cancellation(platform, events, customer, product):
    order = check_out(customer, [(product, 1)], token="tok_decline")
    failed = order_when(customer, order, "payment_failed")
    token = customer.session.headers["Authorization"].removeprefix("Bearer ")
    with Follower(events(order), token, last_event_id=0) as follower:
        retry = lambda card: customer.expect(202, "POST", "payment", f"/payments/{failed['paymentId']}/retry",  # noqa: E731
                                             {"paymentMethod": {"token": card}}, headers={"Idempotency-Key": unique("k")})
        wait_until(lambda: follower.ids == [1, 2], 10, "what was there")
        retry("tok_decline")
        wait_until(lambda: follower.ids == [1, 2, 3], 30, "the second refusal")
        retry("tok_approve")
        wait_until(lambda: follower.statuses[-1] == "confirmed", 30, "the payment")
        customer.expect(200, "POST", "order", f"/orders/{order}/cancel", {"reason": "too late"}, headers={"Idempotency-Key": unique("k")})
        follower.finish(20)
    assert follower.statuses == ["created", "payment_failed", "payment_failed", "confirmed", "cancelled"]
    is_gapless(follower)
    assert ["failureReason" in event.order for event in follower.events] == [False, True, True, False, False]
    # Who comes later is told the same.
    with Stream(events(order), token, 0) as stream:
        assert [event.order for event in stream.rest()] == [event.order for event in follower.events]


def test_a_client_that_comes_back_is_told_what_is_newer_than_it_has(platform, events, admin, guest, product):
    order = check_out(guest, [(product, 1)])
    newest = order_when(guest, order, "confirmed")["version"]
    with Stream(events(order)) as stream:
        assert stream.status == 200 and stream.headers["Content-Type"] == "text/event-stream"
        assert stream.headers["Cache-Control"] == "no-store" and "Content-Encoding" not in stream.headers
        assert stream.event().id == newest  # the newest alone, at once
    for garbage in ("", "x", "-1", "1e3", str(newest + 1), "9" * 40):
        with Stream(events(order), last_event_id=garbage) as stream:
            assert stream.event().id == newest, garbage
    with Stream(events(order), last_event_id=1) as stream:
        assert stream.event().id == 2
    with Stream(events(order), last_event_id=newest) as stream:  # nothing is new until something happens
        assert stream.block() == {"retry": "1000"} and stream.comments == 1
        admin.expect(200, "POST", "order", f"/orders/{order}/ship", {}, headers={"Idempotency-Key": unique("k")})
        (last,) = stream.rest()
        assert last.order["status"] == "shipped" and last.id == newest + 1
    with Stream(events(order), last_event_id=last.id) as stream:
        assert stream.status == 204  # do not come back
    with Stream(events(order)) as stream:
        assert [event.id for event in stream.rest()] == [last.id]


def test_only_those_who_may_see_the_order_see_its_events(platform, events, admin, customer, product):
    order = check_out(customer, [(product, 1)])
    there(customer, order)
    bearer = {"Authorization": customer.session.headers["Authorization"]}
    assert Stream(events(order), bearer["Authorization"].removeprefix("Bearer ")).event().order["id"] == order
    assert Stream(events(order), platform.token("admin", "root")).event().order["id"] == order
    get = lambda url, **headers: requests.get(url, headers=headers, timeout=20)  # noqa: E731
    for url, headers in ((events(order), {}), (events(order), {"Authorization": f"Bearer {platform.token('customer', unique('other'))}"}),
                         (events(unique("none")), bearer)):
        answer = get(url, **headers)
        problem(answer, 404, "unknown_order")
        assert answer.headers["Retry-After"] == "1"
    problem(get(events("%20"), **bearer), 404)
    problem(get(events(order), Authorization="Bearer no.such.token"), 401)
    for accept in ("application/json", "text/event-stream;q=0, */*;q=0"):
        problem(get(events(order), Accept=accept, **bearer), 406)
    answer = requests.post(events(order), json={}, headers=bearer, timeout=20)
    problem(answer, 405)
    assert answer.headers["Allow"] == "GET, HEAD, OPTIONS"
    answer = requests.head(events(order), headers=bearer, timeout=20)
    assert answer.status_code == 200 and answer.headers["Content-Type"] == "text/event-stream" and not answer.content
    problem(requests.get(f"{platform.endpoints['order']}/orders/{order}/events/x", timeout=20), 404)


# covers: own-type
def test_every_replica_shows_every_order(platform, events, admin, guest, product):
    """Orders live on one replica each; whoever watches sits on any."""
    orders = [check_out(guest, [(product, 1)]) for _ in range(6)]
    followers = [Follower(events(order, at), last_event_id=0) for order in orders for at in SERVICES]
    for order in orders:
        order_when(guest, order, "confirmed")
        admin.expect(200, "POST", "order", f"/orders/{order}/ship", {}, headers={"Idempotency-Key": unique("k")})
    for follower in followers:
        follower.finish(30)
        assert follower.statuses == ["created", "confirmed", "shipped"]
        assert follower.losses == []


def ship(admin, order: str, at: str | None = None) -> None:
    """However often it takes: a replica may just be going."""
    key = unique("k")

    def shipped():
        answer = admin.session.post(f"{at or admin.endpoints['order']}/orders/{order}/ship", json={}, headers={"Idempotency-Key": key}, timeout=40)
        assert answer.status_code == 200, answer.text
        return True

    wait_until(shipped, 60, f"{order} to be shipped")


@pytest.mark.parametrize("how", ["killed", "stopped", "paused"])
def test_a_replica_goes_and_nobody_misses_a_change(platform, events, admin, guest, product, how):
    orders = [check_out(guest, [(product, 1)]) for _ in range(9)]
    for order in orders:
        order_when(guest, order, "confirmed")
    gone, others = SERVICES[1], [SERVICES[0], SERVICES[2]]
    # Through the door, and on a replica that stays: it has to find out who tells of the order now.
    followers = [Follower(events(order, at), last_event_id=0) for order in orders for at in ("order", *others)]
    wait_until(lambda: all(follower.ids == [1, 2] for follower in followers), 30, "all to be told")
    if how == "killed":
        platform.kill(gone)
        for order in orders:
            ship(admin, order)
    elif how == "stopped":
        assert platform.end(gone) == {gone: 0}
        for order in orders:
            ship(admin, order)
        platform.begin(gone)
    else:
        with platform.paused(gone, f"{gone}-sidecar"):
            for order in orders:
                ship(admin, order, platform.facade(others[0]))  # the door would wait for the one that is paused
    for follower in followers:
        follower.finish(60)
        assert follower.ids == [1, 2, 3], follower.statuses
        is_gapless(follower)
    wait_until(platform.ready, 60, "the replica to be back")


def test_a_replica_that_is_stopped_ends_its_streams_at_once(platform, events, guest, product):
    order = check_out(guest, [(product, 1)])
    order_when(guest, order, "confirmed")
    with Stream(events(order, SERVICES[2])) as stream:
        assert stream.event().id == 2
        with ThreadPoolExecutor() as pool:
            ending = pool.submit(platform.end, SERVICES[2])
            assert stream.rest() == []  # as a whole answer, not cut off
            assert ending.result() == {SERVICES[2]: 0}
    platform.begin(SERVICES[2])
    wait_until(platform.ready, 60, "the replica to be back")


def test_a_sidecar_goes_and_nobody_misses_a_change(platform, events, admin, guest, product):
    orders = [check_out(guest, [(product, 1)]) for _ in range(6)]
    for order in orders:
        order_when(guest, order, "confirmed")
    followers = [Follower(events(order, at), last_event_id=0) for order in orders for at in SERVICES]
    wait_until(lambda: all(follower.ids == [1, 2] for follower in followers), 30, "all to be told")
    platform.kill(f"{SERVICES[0]}-sidecar")
    for order in orders:
        ship(admin, order)
    for follower in followers:
        follower.finish(60)
        assert follower.ids == [1, 2, 3], follower.statuses
    wait_until(platform.ready, 60, "the sidecar to be back")


def test_two_hundred_watch_at_once_and_leave_nothing_behind(platform, events, admin, guest, product):
    orders = [check_out(guest, [(product, 1)]) for _ in range(10)]
    for order in orders:
        order_when(guest, order, "confirmed")
    followers = [Follower(events(order), last_event_id=0) for order in orders for _ in range(20)]
    wait_until(lambda: all(follower.ids == [1, 2] for follower in followers), 30, "all to be told")
    for order in orders:
        ship(admin, order)
    for follower in followers:
        follower.finish(30)
        assert follower.ids == [1, 2, 3]
        assert follower.losses == []


def test_a_client_that_leaves_is_noticed(platform, events, guest, product):
    order = check_out(guest, [(product, 1)])
    order_when(guest, order, "confirmed")
    pid = platform.pid(SERVICES[0])
    sockets = lambda: len(os.listdir(f"/proc/{pid}/fd"))  # noqa: E731
    before = sockets()
    streams = [Stream(events(order, SERVICES[0])) for _ in range(50)]
    for stream in streams:
        assert stream.event().id == 2
    assert sockets() >= before + 50
    for stream in streams:  # some with a reset, some in good order
        if streams.index(stream) % 2:
            stream.answer.fp.raw._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        stream.answer.close()
        stream.close()
    wait_until(lambda: sockets() < before + 10, 10, "the descriptors to be closed")


def test_a_process_shows_as_many_orders_as_it_was_told_it_may(platform, events, guest, product):
    order = check_out(guest, [(product, 1)])
    order_when(guest, order, "confirmed")
    with platform.environment(SERVICES[2], ORDER_STREAMS="3"):
        at_once = [Stream(events(order, SERVICES[2])) for _ in range(3)]
        assert [stream.event().id for stream in at_once] == [2, 2, 2]
        with Stream(events(order, SERVICES[2])) as one_more:
            assert one_more.status == 503 and one_more.headers["Retry-After"] == "5"
        with Stream(events(order)) as elsewhere:  # the door passes on to another replica
            assert elsewhere.event().id == 2
        at_once.pop().close()

        def room():
            with Stream(events(order, SERVICES[2])) as stream:
                return stream.status == 200 and stream.event().id == 2

        wait_until(room, 10, "the room that was made")
        for stream in at_once:
            stream.close()
