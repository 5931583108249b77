"""The auditor, against books that agree and against every kind of difference planted in them."""

import copy

import pytest

from shop.audit import Found, Pieces, Reservation, audit
from shop.evidence import reservation_of
from shop.shoppers import Book, Checkout, Goods

EURO = {"amount": 500, "currency": "EUR"}


def money(cents: int) -> dict:
    return {"amount": cents, "currency": "EUR"}


def checkout(order: str, card: str = "tok_approve", customer: str | None = "ada", quantity: int = 2, **acts) -> Checkout:
    return Checkout(order, f"cart-{order}", customer, {"pot": quantity}, money(500 * quantity), card, f"key-{order}", {}, **acts)


def order(of: Checkout, *statuses: str, reason: str | None = None) -> dict:
    history = [{"status": status, "at": f"2026-01-01T00:00:0{n}.000Z"} for n, status in enumerate(statuses)]
    found = {"id": of.order, "cartId": of.cart, "status": statuses[-1], "history": history, "version": len(history), "total": of.total,
             "lines": [{"productId": id, "name": id, "quantity": count, "unitPrice": EURO} for id, count in of.lines.items()]}
    if reason:
        history[-1]["reason"] = reason
    return found | ({"customerId": of.customer} if of.customer else {}) | ({"failureReason": reason} if reason else {})


def entry(of: Checkout, kind: str) -> dict:
    return {"paymentId": f"pay-{of.order}", "orderId": of.order, "key": f"{of.order}-{kind}", "kind": kind, "amount": of.total, "at": ""}


@pytest.fixture
def books() -> tuple[Book, Found]:
    """Five orders: one stands, one is shipped, one was cancelled after it was paid, one was never paid, one came too late."""
    stands, shipped = checkout("o-stands"), checkout("o-shipped", customer=None, quantity=3, shipped=True)
    cancelled, unpaid = checkout("o-cancelled", cancelled=True), checkout("o-unpaid", "tok_decline")
    late = Checkout("o-late", "cart-late", "ada", {"last": 2}, money(1000), "tok_approve", "key-late", {})
    book = Book([stands, shipped, cancelled, unpaid, late],
                {"pot": Goods("pot", 100, restocked=7, times_added=4, units_added=9), "old": Goods("old", 5, deleted=True),
                 "last": Goods("last", 1, scarce=True, times_added=1, units_added=2)})
    orders = [order(stands, "created", "confirmed"), order(shipped, "created", "confirmed", "shipped"),
              order(cancelled, "created", "confirmed", "cancelled"),
              order(unpaid, "created", "payment_failed", "cancelled", reason="payment_deadline_passed"),
              order(late, "cancelled", reason="out_of_stock")]
    found = Found(
        orders={o["id"]: o for o in orders},
        stored_orders={o["id"] for o in orders},
        payments={"o-stands": {"status": "completed"}, "o-shipped": {"status": "completed"}, "o-cancelled": {"status": "refunded"},
                  "o-unpaid": {"status": "cancelled"}},
        ledger=[entry(stands, "charge"), entry(shipped, "charge"), entry(cancelled, "charge"), entry(cancelled, "refund")],
        stock={"pot": 102, "old": 5, "last": 1},
        reserved={"pot": 0, "last": 0},
        shown={"pot": Pieces(102, 0, 102), "last": Pieces(1, 0, 1)},
        reservations={"o-stands": Reservation("sold", {"pot": 2}), "o-shipped": Reservation("sold", {"pot": 3}),
                      "o-cancelled": Reservation("closed", {"pot": 2}), "o-unpaid": Reservation("closed", {"pot": 2}),
                      "o-late": Reservation("refused", {})},
        everybodys=[copy.deepcopy(order) for order in orders],
        lists={"ada": [copy.deepcopy(orders[n]) for n in (0, 2, 3, 4)]},
        demand={"pot": {"productId": "pot", "timesAdded": 4, "unitsAdded": 9, "ordersConfirmed": 3, "unitsSold": 7},
                "old": {"productId": "old", "timesAdded": 0, "unitsAdded": 0, "ordersConfirmed": 0, "unitsSold": 0},
                "last": {"productId": "last", "timesAdded": 1, "unitsAdded": 2, "ordersConfirmed": 0, "unitsSold": 0}},
        repeats={"o-stands": "o-stands"},
        queues={"order-events-queue-order-service": 0})
    return book, found


def differing(books) -> list[str]:
    return [line.what for line in audit(*books) if not line.ok]


def test_books_that_agree_pass_on_every_line(books):
    assert differing(books) == []


def _charge_twice(book: Book, found: Found) -> None:
    found.ledger.append(entry(book.checkouts[0], "charge") | {"key": "another"})


def _charge_twice_and_refund_once(book: Book, found: Found) -> None:
    found.ledger += [entry(book.checkouts[0], "charge") | {"key": "another"}, entry(book.checkouts[0], "refund")]


def _forget_a_refund(book: Book, found: Found) -> None:
    found.ledger = [e for e in found.ledger if e["kind"] == "charge"]


def _charge_too_little(book: Book, found: Found) -> None:
    found.ledger[0]["amount"] = money(1)


def _charge_a_declined_card(book: Book, found: Found) -> None:
    found.ledger += [entry(book.checkouts[3], "charge"), entry(book.checkouts[3], "refund")]


def _lose_an_order(book: Book, found: Found) -> None:
    del found.orders["o-stands"], found.payments["o-stands"]
    found.stored_orders.discard("o-stands")
    found.ledger = [e for e in found.ledger if e["orderId"] != "o-stands"]


def _order_twice(book: Book, found: Found) -> None:
    found.stored_orders.add("o-another")
    found.orders["o-another"] = found.orders["o-stands"] | {"id": "o-another"}


def _answer_two_checkouts_with_one_order(book: Book, found: Found) -> None:
    book.checkouts.append(book.checkouts[0])


def _stay_open(book: Book, found: Found) -> None:
    found.orders["o-unpaid"]["status"] = "payment_failed"
    found.orders["o-unpaid"]["history"].pop()


def _uncancel(book: Book, found: Found) -> None:
    found.orders["o-cancelled"]["status"] = "confirmed"
    found.orders["o-cancelled"]["history"].pop()


def _confirm_twice(book: Book, found: Found) -> None:
    found.orders["o-stands"]["history"].append(found.orders["o-stands"]["history"][-1])


def _confirm_without_money(book: Book, found: Found) -> None:
    found.orders["o-unpaid"] |= {"status": "confirmed"}


def _sell_other_goods(book: Book, found: Found) -> None:
    found.orders["o-stands"]["lines"][0]["quantity"] = 1


def _stock_off_by_one(book: Book, found: Found) -> None:
    found.stock["pot"] += 1
    found.shown["pot"] = Pieces(103, 0, 103)


def _show_another_stock(book: Book, found: Found) -> None:
    found.shown["pot"] = Pieces(103, 0, 103)


def _show_what_is_reserved_as_available(book: Book, found: Found) -> None:
    found.reserved["pot"] = 2
    found.reservations["o-unpaid"].state = "held"
    found.shown["pot"] = Pieces(102, 2, 102)


def _show_nothing_as_reserved(book: Book, found: Found) -> None:
    found.reserved["pot"] = 2
    found.shown["pot"] = Pieces(102, 0, 102)


def _take_pieces_twice(book: Book, found: Found) -> None:
    found.reservations["o-stands"].lines["pot"] = 4


def _never_take_pieces(book: Book, found: Found) -> None:
    del found.reservations["o-stands"]
    found.stock["pot"], found.shown["pot"] = 104, Pieces(104, 0, 104)


def _sell_only_some_of_the_pieces(book: Book, found: Found) -> None:
    found.reservations["o-stands"].lines["pot"] = 1
    found.stock["pot"], found.shown["pot"] = 103, Pieces(103, 0, 103)


def _keep_pieces_of_a_cancelled_order(book: Book, found: Found) -> None:
    found.reservations["o-cancelled"].state = "sold"
    found.stock["pot"], found.shown["pot"] = 100, Pieces(100, 0, 100)


def _hold_pieces_of_a_cancelled_order(book: Book, found: Found) -> None:
    found.reservations["o-unpaid"].state = "held"
    found.reserved["pot"], found.shown["pot"] = 2, Pieces(102, 2, 100)


def _forget_what_is_reserved(book: Book, found: Found) -> None:
    found.reservations["o-unpaid"].state = "held"


def _keep_pieces_that_no_order_holds(book: Book, found: Found) -> None:
    found.reserved["pot"], found.shown["pot"] = 1, Pieces(102, 1, 101)


def _never_sell_what_is_paid(book: Book, found: Found) -> None:
    found.reservations["o-stands"].state = "held"
    found.stock["pot"], found.reserved["pot"], found.shown["pot"] = 104, 2, Pieces(104, 2, 102)


def _sell_more_than_there_was(book: Book, found: Found) -> None:
    book.goods["pot"].stock, book.goods["pot"].restocked = 4, 0
    found.stock["pot"], found.shown["pot"] = 0, Pieces(0, 0, 0)


def _promise_more_than_there_is(book: Book, found: Found) -> None:
    found.reserved["last"] = 2


def _confirm_what_was_refused(book: Book, found: Found) -> None:
    found.reservations["o-stands"] = Reservation("refused", {})
    found.stock["pot"], found.shown["pot"] = 104, Pieces(104, 0, 104)


def _charge_an_order_out_of_stock(book: Book, found: Found) -> None:
    found.ledger += [entry(book.checkouts[4], "charge"), entry(book.checkouts[4], "refund")]


def _make_a_payment_of_an_order_out_of_stock(book: Book, found: Found) -> None:
    found.payments["o-late"] = {"status": "cancelled"}


def _refuse_what_is_there_in_plenty(book: Book, found: Found) -> None:
    book.goods["last"].scarce = False


def _cancel_at_once_for_another_reason(book: Book, found: Found) -> None:
    found.orders["o-late"]["history"][0]["reason"] = "payment_deadline_passed"


def _take_pieces_for_nobody(book: Book, found: Found) -> None:
    found.reservations["o-nobody"] = Reservation("closed", {})


def _drop_from_a_list(book: Book, found: Found) -> None:
    found.lists["ada"].pop()


def _list_twice(book: Book, found: Found) -> None:
    found.lists["ada"][1] = found.lists["ada"][0]


def _list_in_an_old_state(book: Book, found: Found) -> None:
    found.lists["ada"][0]["status"] = "created"


def _list_oldest_first(book: Book, found: Found) -> None:
    found.lists["ada"][0]["history"][0]["at"] = "2025-12-31T23:59:59.000Z"


def _leave_out_of_everybodys(book: Book, found: Found) -> None:
    found.everybodys.pop()


def _list_among_everybodys_twice(book: Book, found: Found) -> None:
    found.everybodys[1] = found.everybodys[0]


def _list_among_everybodys_in_an_old_state(book: Book, found: Found) -> None:
    found.everybodys[0]["status"] = "created"


def _list_everybodys_oldest_first(book: Book, found: Found) -> None:
    found.everybodys[0]["history"][0]["at"] = "2025-12-31T23:59:59.000Z"


def _list_what_is_not_there(book: Book, found: Found) -> None:
    found.everybodys.append(found.everybodys[-1] | {"id": "o-nobody"})


def _miscount_demand(book: Book, found: Found) -> None:
    found.demand["pot"]["timesAdded"] = 3


def _show_a_deleted_product(book: Book, found: Found) -> None:
    found.shown["old"] = Pieces(5, 0, 5)


def _name_another_order_to_a_repeat(book: Book, found: Found) -> None:
    found.repeats["o-stands"] = "o-new"


def _disagree_about_a_payment(book: Book, found: Found) -> None:
    found.payments["o-stands"]["status"] = "failed"


HAVE = "orders that have their pieces while they stand, and not when cancelled"
UNFOUNDED = "orders that were confirmed without their pieces"
SOLD = "pieces sold = pieces that left the shelf"
OVERSOLD = "products of which more was sold or promised than there was"
RESERVED = "products whose reserved pieces are those that orders hold"
HOLDING = "reservations held for an order that is not open"
SHOWN = "products shown with stock, reserved and available, deleted ones not at all"
EVERYBODYS = "orders in the list of everybody's"
EMPTY_HANDED = "orders out of stock that have a payment all the same"

PLANTED = {
    _charge_twice: {"the ledger's balance = what confirmed and shipped orders cost",
                    "orders charged once if they stand, and refunded if they do not"},
    _charge_twice_and_refund_once: {"orders charged once if they stand, and refunded if they do not",
                                    "refunds of orders that were not cancelled"},
    _forget_a_refund: {"the ledger's balance = what confirmed and shipped orders cost",
                       "orders charged once if they stand, and refunded if they do not", "payments that say what the ledger says"},
    _charge_too_little: {"the ledger's balance = what confirmed and shipped orders cost",
                         "orders charged once if they stand, and refunded if they do not"},
    _charge_a_declined_card: {"charges of cards that were declined", "payments that say what the ledger says"},
    _lose_an_order: {"orders that their customers can see", "orders in the table, and none that nobody placed"},
    _order_twice: {"orders in the table, and none that nobody placed"},
    _answer_two_checkouts_with_one_order: {"checkouts acknowledged, each with an order of its own"},
    _stay_open: {"orders in a final state"},
    _uncancel: {"orders that ended as their customer's acts say"},
    _confirm_twice: {"orders that went an allowed way"},
    _confirm_without_money: {"the ledger's balance = what confirmed and shipped orders cost",
                             "orders charged once if they stand, and refunded if they do not",
                             "orders that ended as their customer's acts say"},
    _sell_other_goods: {"orders hold what was in the cart, at the total that was told"},
    _stock_off_by_one: {"products whose stock is exact"},
    _show_another_stock: {SHOWN},
    _show_what_is_reserved_as_available: {SHOWN},
    _show_nothing_as_reserved: {SHOWN},
    _take_pieces_twice: {HAVE, UNFOUNDED, "products whose stock is exact"},
    _never_take_pieces: {HAVE, UNFOUNDED, SOLD},
    _sell_only_some_of_the_pieces: {HAVE, UNFOUNDED, SOLD},
    _keep_pieces_of_a_cancelled_order: {HAVE, SOLD},
    _hold_pieces_of_a_cancelled_order: {HAVE, HOLDING},
    _forget_what_is_reserved: {RESERVED},
    _keep_pieces_that_no_order_holds: {RESERVED},
    _never_sell_what_is_paid: {HAVE, SOLD, HOLDING},
    _sell_more_than_there_was: {OVERSOLD},
    _promise_more_than_there_is: {OVERSOLD, RESERVED, SHOWN},
    _confirm_what_was_refused: {HAVE, UNFOUNDED, SOLD},
    _charge_an_order_out_of_stock: {EMPTY_HANDED},
    _make_a_payment_of_an_order_out_of_stock: {EMPTY_HANDED},
    _refuse_what_is_there_in_plenty: {"orders that ended as their customer's acts say"},
    _cancel_at_once_for_another_reason: {"orders that went an allowed way"},
    _take_pieces_for_nobody: {"reservations for no order"},
    _drop_from_a_list: {"entries in 1 customers' order lists"},
    _list_twice: {"entries in 1 customers' order lists"},
    _list_in_an_old_state: {"entries in 1 customers' order lists"},
    _list_oldest_first: {"entries in 1 customers' order lists"},
    _leave_out_of_everybodys: {EVERYBODYS},
    _list_among_everybodys_twice: {EVERYBODYS},
    _list_among_everybodys_in_an_old_state: {EVERYBODYS},
    _list_everybodys_oldest_first: {EVERYBODYS},
    _list_what_is_not_there: {EVERYBODYS},
    _miscount_demand: {"products whose demand is counted exactly"},
    _show_a_deleted_product: {SHOWN},
    _name_another_order_to_a_repeat: {"a checkout repeated under its key names the same order"},
    _disagree_about_a_payment: {"payments that say what the ledger says"},
}


@pytest.mark.parametrize("plant", PLANTED, ids=lambda plant: plant.__name__.strip("_"))
def test_a_planted_difference_fails_its_lines(books, plant):
    plant(*books)
    assert PLANTED[plant] <= set(differing(books))


@pytest.mark.parametrize(("field", "left", "line"), [
    ("outboxes", "Order/o-stands", "outboxes with events in them"),
    ("unfinished", "Payment/pay-o-stands", "actors with unfinished business"),
    ("reminders", "Order/o-stands/tend-3", "reminders left over"),
    ("dead_letters", "order.confirmed", "dead letters"),
])
def test_what_is_left_over_fails_a_line_of_its_own(books, field, left, line):
    getattr(books[1], field).append(left)
    assert differing(books) == [line]


def test_a_message_that_is_left_in_a_queue_fails(books):
    books[1].queues["order-events-queue-order-service"] = 1
    assert differing(books) == ["messages in 1 queues"]


def test_a_request_without_an_answer_and_an_odd_answer_fail(books):
    books[0].unanswered.append("POST /carts/c/checkout")
    books[0].unexpected.append("PUT /carts/c/items/pot: 404")
    assert differing(books) == ["requests that never got an answer", "answers that no client should get"]


@pytest.mark.parametrize(("stored", "is_read"), [
    ({"state": "held", "lines": [{"productId": "pot", "quantity": 2}, {"productId": "old", "quantity": 1}]}, Reservation("held", {"pot": 2, "old": 1})),
    ({"state": "refused", "lines": []}, Reservation("refused", {})),
    ({"taken": [{"productId": "pot", "quantity": 2}], "closed": False, "takenBy": "w-1"}, Reservation("sold", {"pot": 2})),
    ({"taken": [{"productId": "pot", "quantity": 2}], "closed": True}, Reservation("closed", {"pot": 2})),
])
def test_a_reservation_is_read_in_both_its_forms(stored, is_read):
    assert reservation_of(stored) == is_read


def test_a_line_names_the_orders_concerned(books):
    _charge_twice(*books)
    line = next(l for l in audit(*books) if l.what.startswith("orders charged once"))
    assert (line.expected, line.found, line.concerned) == (5, 4, ["o-stands"])
