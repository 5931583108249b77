"""Whether the shop's books agree with what its customers know: the judgement, without looking anything up itself.

`Book` (shoppers.py) is what the clients were told; `Found` is what was found afterwards, from outside (evidence.py). Each
line of the audit says what must hold, what was expected, what was found, and which orders (or other ids) it is about.
"""

from collections import Counter, defaultdict
from dataclasses import dataclass, field

from .shoppers import DECLINED, Book, Checkout

OPEN = ("created", "payment_failed")
FINAL = ("confirmed", "shipped", "cancelled")
DEADLINE = "payment_deadline_passed"
OUT_OF_STOCK = "out_of_stock"
STEPS = {  # the order's table in docs/contracts.md
    "": {"created", "cancelled"},
    "created": {"confirmed", "payment_failed", "cancelled"},
    "payment_failed": {"confirmed", "cancelled"},
    "confirmed": {"shipped", "cancelled"},
    "shipped": set(),
    "cancelled": set(),
}


@dataclass
class Pieces:
    """Of a product, as its customers see them."""

    stock: int
    reserved: int
    available: int


@dataclass
class Reservation:
    """What the catalog has written down of an order."""

    state: str  # held, sold, closed or refused
    lines: dict[str, int]  # product → pieces


@dataclass
class Found:
    """What the shop's doors, tables, queues and reminders hold."""

    orders: dict[str, dict] = field(default_factory=dict)  # id → as GET /orders/{id} shows it; absent if it does not
    stored_orders: set[str] = field(default_factory=set)  # every order actor that has a purchase
    payments: dict[str, dict] = field(default_factory=dict)  # order → as GET /payments?orderId= shows it
    ledger: list[dict] = field(default_factory=list)
    stock: dict[str, int] = field(default_factory=dict)  # product → pieces, of deleted ones too
    reserved: dict[str, int] = field(default_factory=dict)  # product → pieces of these that orders hold
    shown: dict[str, "Pieces"] = field(default_factory=dict)  # product → as GET /products/{id} shows it; absent if deleted
    reservations: dict[str, "Reservation"] = field(default_factory=dict)  # by order
    lists: dict[str, list[dict]] = field(default_factory=dict)  # customer → as GET /orders?customerId= shows them
    everybodys: list[dict] = field(default_factory=list)  # as GET /orders shows them to an admin
    demand: dict[str, dict] = field(default_factory=dict)  # product → as GET /demand/{id} shows it
    repeats: dict[str, str] = field(default_factory=dict)  # order → the order a repeat of its checkout named
    outboxes: list[str] = field(default_factory=list)  # whose events wait
    unfinished: list[str] = field(default_factory=list)  # actors whose document says that work is under way
    reminders: list[str] = field(default_factory=list)
    queues: dict[str, int] = field(default_factory=dict)  # queue → messages that are not done
    dead_letters: list[str] = field(default_factory=list)


@dataclass
class Line:
    what: str
    expected: object
    found: object
    concerned: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return self.expected == self.found and not self.concerned


def audit(book: Book, found: Found) -> list[Line]:
    return [*_clients(book), *_orders(book, found), *_money(book, found), *_stock(book, found), *_views(book, found), *_rest(found)]


def _exactly(what: str, expected, wrong: list[str], found=None) -> Line:
    """A line about things that each must hold: the number of those that do not."""
    return Line(what, expected, (expected - len(wrong)) if found is None else found, wrong)


def _clients(book: Book) -> list[Line]:
    return [
        Line("requests that never got an answer", 0, len(book.unanswered), book.unanswered),
        Line("answers that no client should get", 0, len(book.unexpected), book.unexpected),
    ]


def _orders(book: Book, found: Found) -> list[Line]:
    known = {c.order: c for c in book.checkouts}
    seen = Counter(c.order for c in book.checkouts)
    orders = found.orders
    there = {id: c for id, c in known.items() if id in orders}
    keys = Counter(c.key for c in book.checkouts)
    return [
        _exactly("checkouts acknowledged, each with an order of its own", len(book.checkouts),
                 [id for id, count in seen.items() if count > 1] + [key for key, count in keys.items() if count > 1]),
        _exactly("orders that their customers can see", len(known), [id for id in known if id not in orders]),
        Line("orders in the table, and none that nobody placed", len(known), len(found.stored_orders), sorted(found.stored_orders - set(known))),
        _exactly("a checkout repeated under its key names the same order", len(found.repeats),
                 [id for id, again in found.repeats.items() if again != id]),
        _exactly("orders hold what was in the cart, at the total that was told", len(there), [id for id, c in there.items() if not _as_bought(c, orders[id])]),
        _exactly("orders in a final state", len(known), [id for id in there if orders[id]["status"] not in FINAL], sum(
            orders[id]["status"] in FINAL for id in there)),
        _exactly("orders that went an allowed way", len(there), [id for id in there if not _allowed(orders[id])]),
        _exactly("orders that ended as their customer's acts say", len(there), [id for id, c in there.items() if not _as_acted(book, c, orders[id])]),
    ]


def _as_bought(checkout: Checkout, order: dict) -> bool:
    lines = {line["productId"]: line["quantity"] for line in order["lines"]}
    total = sum(line["quantity"] * line["unitPrice"]["amount"] for line in order["lines"])
    return (lines == checkout.lines and len(lines) == len(order["lines"]) and order["total"] == checkout.total
            and total == checkout.total["amount"] and order["cartId"] == checkout.cart and order.get("customerId") == checkout.customer)


def _allowed(order: dict) -> bool:
    before = ""
    for step in order["history"]:
        if step["status"] not in STEPS[before]:
            return False
        if not before and step["status"] == "cancelled" and step.get("reason") != OUT_OF_STOCK:
            return False
        before = step["status"]
    return before == order["status"]


def _as_acted(book: Book, checkout: Checkout, order: dict) -> bool:
    status, reason = order["status"], order["history"][-1].get("reason")
    if checkout.cancelled:
        return status == "cancelled"
    if checkout.shipped:
        return status == "shipped"
    if status == "cancelled":
        # Nobody else cancels: the time to pay is over, or the pieces are gone, of something of which that can be.
        scarce = any(id in book.goods and book.goods[id].scarce for id in checkout.lines)
        return reason == DEADLINE or (reason == OUT_OF_STOCK and scarce)
    # A card that was declined pays nothing, unless its customer has given another.
    return status in ("confirmed", "shipped") and (checkout.card not in DECLINED or checkout.paid_anew)


def _refused(order: dict) -> bool:
    """It never had its pieces, and so never was more than a refusal."""
    return [step["status"] for step in order["history"]] == ["cancelled"]


def _paid(order: dict) -> bool:
    return order["status"] in ("confirmed", "shipped")


def _money(book: Book, found: Found) -> list[Line]:
    charges, refunds = defaultdict(list), defaultdict(list)
    for entry in found.ledger:
        (charges if entry["kind"] == "charge" else refunds)[entry["orderId"]].append(entry)
    expected = sum(o["total"]["amount"] for o in found.orders.values() if _paid(o))
    balance = sum(e["amount"]["amount"] * (1 if e["kind"] == "charge" else -1) for e in found.ledger)
    wrong = []
    for id, order in found.orders.items():
        charged, refunded = charges[id], refunds[id]
        due = 1 if _paid(order) else 0
        right = all(e["amount"] == order["total"] for e in charged + refunded)
        if len(charged) - len(refunded) != due or len(charged) > 1 or not right:
            wrong.append(id)
    declined = [c.order for c in book.checkouts if c.card in DECLINED and not c.paid_anew and charges[c.order]]
    refunded = [id for id, order in found.orders.items() if refunds[id] and order["status"] != "cancelled"]
    strangers = sorted((set(charges) | set(refunds)) - set(found.orders) - {""})
    keys = Counter(entry["key"] for entry in found.ledger)
    empty_handed = [id for id, order in found.orders.items() if _refused(order) and (charges[id] or refunds[id] or id in found.payments)]
    payments = [id for id, order in found.orders.items() if not _payment_agrees(order, found.payments.get(id), charges[id], refunds[id])]
    return [
        Line("the ledger's balance = what confirmed and shipped orders cost", expected, balance),
        _exactly("orders charged once if they stand, and refunded if they do not", len(found.orders), wrong),
        Line("orders out of stock that have a payment all the same", 0, len(empty_handed), empty_handed),
        Line("charges of cards that were declined", 0, len(declined), declined),
        Line("refunds of orders that were not cancelled", 0, len(refunded), refunded),
        Line("ledger entries of no order, or twice under one key", 0, len(strangers) + sum(c > 1 for c in keys.values()),
             strangers + [key for key, count in keys.items() if count > 1]),
        _exactly("payments that say what the ledger says", len(found.orders), payments),
    ]


def _payment_agrees(order: dict, payment: dict | None, charges: list, refunds: list) -> bool:
    if payment is None:
        return _refused(order)
    status = payment["status"]
    if _paid(order):
        return status == "completed" and bool(charges)
    if order["status"] == "cancelled":
        return status == ("refunded" if refunds else "cancelled") and len(charges) == len(refunds)
    return status == "failed"


def _stock(book: Book, found: Found) -> list[Line]:
    sold, held = _pieces(found, "sold"), _pieces(found, "held")
    wrong = [id for id, order in found.orders.items() if not _has_its_pieces(order, found.reservations.get(id))]
    unfounded = [id for id, order in found.orders.items() if _was_confirmed(order) and not _backed(order, found.reservations.get(id))]
    holding = [id for id, reservation in found.reservations.items()
               if reservation.state == "held" and found.orders.get(id, {}).get("status") not in OPEN]
    strange = sorted(set(found.reservations) - set(found.orders))
    ordered = sum(l["quantity"] for o in found.orders.values() if _paid(o) for l in o["lines"])
    shelf = {g.id: g.stock + g.restocked - sold[g.id] for g in book.goods.values()}
    oversold = [f"{id}: {-count} more than there were" for id, count in shelf.items() if count < 0]
    oversold += [f"{id}: {found.stock[id]} there, {reserved} reserved" for id, reserved in found.reserved.items() if reserved > found.stock[id]]
    stock = [f"{id}: {found.stock.get(id)}, not {count}" for id, count in shelf.items() if found.stock.get(id) != count]
    reserved = [f"{id}: {found.reserved.get(id, 0)}, but orders hold {held[id]}" for id in shelf if found.reserved.get(id, 0) != held[id]]
    shown = [f"{g.id}: {found.shown.get(g.id)}" for g in book.goods.values() if found.shown.get(g.id) != _to_be_shown(found, g.id, g.deleted)]
    return [
        _exactly("orders that have their pieces while they stand, and not when cancelled", len(found.orders), wrong),
        Line("orders that were confirmed without their pieces", 0, len(unfounded), unfounded),
        Line("pieces sold = pieces that left the shelf", ordered, sum(sold.values())),
        Line("products of which more was sold or promised than there was", 0, len(oversold), oversold),
        _exactly("products whose stock is exact", len(shelf), stock),
        _exactly("products whose reserved pieces are those that orders hold", len(shelf), reserved),
        Line("reservations held for an order that is not open", 0, len(holding), holding),
        _exactly("products shown with stock, reserved and available, deleted ones not at all", len(shelf), shown),
        Line("reservations for no order", 0, len(strange), strange),
    ]


def _pieces(found: Found, state: str) -> Counter:
    """By product, in all reservations of this state."""
    pieces: Counter = Counter()
    for reservation in found.reservations.values():
        if reservation.state == state:
            pieces.update(reservation.lines)
    return pieces


def _was_confirmed(order: dict) -> bool:
    return any(step["status"] == "confirmed" for step in order["history"])


def _has_its_pieces(order: dict, reservation: Reservation | None) -> bool:
    state = reservation.state if reservation else None
    if _paid(order):
        return state == "sold" and reservation.lines == _ordered(order)
    if order["status"] in OPEN:
        return state == "held" and reservation.lines == _ordered(order)
    # Cancelled: what it had was given back, if it ever had anything.
    return state == "closed" if _was_confirmed(order) else state in (None, "closed", "refused")


def _backed(order: dict, reservation: Reservation | None) -> bool:
    # What was given back may have been forgotten.
    return reservation is not None and (reservation.state == "closed" or (
        reservation.state in ("held", "sold") and reservation.lines == _ordered(order)))


def _ordered(order: dict) -> dict[str, int]:
    lines: Counter = Counter()
    for line in order["lines"]:
        lines[line["productId"]] += line["quantity"]
    return dict(lines)


def _to_be_shown(found: Found, id: str, deleted: bool) -> Pieces | None:
    if deleted or id not in found.stock:
        return None
    stock, reserved = found.stock[id], found.reserved.get(id, 0)
    return Pieces(stock, reserved, stock - reserved)


def _views(book: Book, found: Found) -> list[Line]:
    of_customer: dict[str, set[str]] = defaultdict(set)
    for checkout in book.checkouts:
        if checkout.customer:
            of_customer[checkout.customer].add(checkout.order)
    wrong = []
    for customer, ids in of_customer.items():
        listed = found.lists.get(customer, [])
        counted = Counter(order["id"] for order in listed)
        wrong += [f"{customer}: lacks {id}" for id in sorted(ids - set(counted))]
        wrong += [f"{customer}: has {id}, not theirs" for id in sorted(set(counted) - ids)]
        wrong += [f"{customer}: has {id} {count} times" for id, count in counted.items() if count > 1]
        wrong += [f"{customer}: {what}" for what in _misplaced(listed, found.orders)]
    counted = Counter(order["id"] for order in found.everybodys)
    misplaced = [f"lacks {id}" for id in sorted(found.orders.keys() - counted.keys())]
    misplaced += [f"has {id}, which is not there" for id in sorted(counted.keys() - found.orders.keys())]
    misplaced += [f"has {id} {count} times" for id, count in counted.items() if count > 1]
    misplaced += _misplaced(found.everybodys, found.orders)
    sales: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for order in found.orders.values():
        if _was_confirmed(order):
            for line in order["lines"]:
                sales[line["productId"]][0] += 1
                sales[line["productId"]][1] += line["quantity"]
    demand = []
    for goods in book.goods.values():
        expected = {"timesAdded": goods.times_added, "unitsAdded": goods.units_added, "ordersConfirmed": sales[goods.id][0],
                    "unitsSold": sales[goods.id][1]}
        seen = {name: found.demand.get(goods.id, {}).get(name) for name in expected}
        if seen != expected:
            demand.append(f"{goods.id}: " + ", ".join(f"{n} {seen[n]}, not {expected[n]}" for n in expected if seen[n] != expected[n]))
    entries = sum(len(ids) for ids in of_customer.values())
    return [
        Line(f"entries in {len(of_customer)} customers' order lists", entries, sum(len(found.lists.get(c, [])) for c in of_customer), wrong),
        Line("orders in the list of everybody's", len(found.orders), len(found.everybodys), misplaced),
        _exactly("products whose demand is counted exactly", len(book.goods), demand),
    ]


def _misplaced(listed: list[dict], orders: dict[str, dict]) -> list[str]:
    """What is wrong with the order of a list, newest first as the contract says, and with what it shows of each."""
    made = [order["history"][0]["at"] for order in listed]
    wrong = ["not newest first"] if made != sorted(made, reverse=True) else []
    return wrong + [f"{order['id']} is shown as {order['status']}" for order in listed if order["status"] != orders.get(order["id"], {}).get("status")]


def _rest(found: Found) -> list[Line]:
    waiting = {name: count for name, count in found.queues.items() if count}
    return [
        Line("outboxes with events in them", 0, len(found.outboxes), found.outboxes),
        Line("actors with unfinished business", 0, len(found.unfinished), found.unfinished),
        Line("reminders left over", 0, len(found.reminders), found.reminders),
        Line(f"messages in {len(found.queues)} queues", 0, sum(waiting.values()), [f"{name}: {count}" for name, count in waiting.items()]),
        Line("dead letters", 0, len(found.dead_letters), found.dead_letters),
    ]
