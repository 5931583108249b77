"""A process dies, really, right before or right after everything it does outside; what is left is what there is without.

Each scenario is first run undisturbed, twice: that lists its points (`order-service: Order commit Cancel:after`) and the outcome.
Then it is run again for every point, each time with products, carts and orders of its own; the process ends there without
closing anything, its supervisor starts it again, the client repeats what was not answered, and the outcome must be the same.
One run takes a point of each service at once. A point is listed under the first scenario that reaches it.

`CRASH_POINTS=once`, the default, takes every point on one of the brokers, alternately. `CRASH_POINTS=all` takes every one on
the broker at hand, in every scenario and each time it is reached there: an hour a broker.
"""

import os
import time
from collections import Counter, defaultdict
from dataclasses import dataclass

import pytest

from scenarios import ENVIRONMENTS, SCENARIOS, Run
from stack import wait_until

EVERYTHING = os.environ.get("CRASH_POINTS", "once") == "all"
BROKERS = ("aws", "redis")
SETTLING_SECONDS = 60

# What there must be at least, so that the list cannot shrink unseen: one point of each kind for every actor, every event
# that anybody publishes or handles, the gateway, the catalog, the stock.
REQUIRED = {
    "cart-service": """
        Cart arm tend, Cart commit AddItem, Cart commit CheckOut, Cart commit SetQuantity, Cart commit RemoveItem, Cart tidy,
        Cart disarm tend, Cart answer AddItem, Cart answer CheckOut, Cart answer remind tend,
        Cart commit Seal, Cart commit TakeOver, Cart commit Settle, Cart commit tend,
        Cart answer Seal, Cart answer TakeOver, Cart answer Settle, Cart publish cart.item_added, Cart publish cart.checkout_completed,
        CartProduct commit Take, CartProduct answer Take,
        events answer product.created, events answer product.updated, events answer product.deleted""",
    "order-service": """
        Order arm tend, Order commit CheckoutCompleted, Order commit Reserved, Order commit PaymentCompleted,
        Order commit PaymentFailed, Order commit Cancel, Order commit Ship, Order commit tend, Order commit Told, Order commit Reserved, Order answer Reserved, Order commit PaymentRefunded, Order tidy, Order disarm tend,
        Order answer CheckoutCompleted, Order answer Reserved, Order answer Cancel, Order answer Ship, Order answer remind tend,
        Order publish order.created, Order publish order.confirmed, Order publish order.cancelled, Order publish order.shipped,
        CustomerOrders commit Note, CustomerOrders answer Note, AllOrders commit Note, AllOrders answer Note,
        ProductDemand commit ProductCreated, ProductDemand commit ItemAdded, ProductDemand commit CountSale, ProductDemand answer CountSale,
        events answer product.created, events answer cart.item_added, events answer cart.checkout_completed,
        events answer payment.completed, events answer payment.failed, events answer payment.refunded""",
    "payment-service": """
        Payment arm tend, Payment commit OrderCreated, Payment commit Requested, Payment commit Charged, Payment commit Retry,
        Payment commit OrderCancelled, Payment commit GaveBack, Payment commit tend, Payment tidy, Payment disarm tend,
        Payment answer Charged, Payment answer Retry, Payment answer remind tend,
        Payment publish payment.requested, Payment publish payment.completed, Payment publish payment.failed,
        Payment publish payment.refunded, store transact gateway-account, store transact gateway-account+gateway-ledger,
        events answer order.created, events answer order.cancelled, events answer payment.requested""",
    "product-service": """
        store transact log+product+stock, store transact log+product, store transact stock, store transact order+stock,
        store transact order, store transact log, Product publish product.created, Product publish product.updated, Product publish product.deleted,
        Stock publish product.low_stock, events answer order.confirmed, events answer order.cancelled""",
}


@dataclass(frozen=True)
class Point:
    app: str
    effect: str
    number: int
    moment: str

    def __str__(self) -> str:
        return f"{self.app}: {self.effect}[{self.number}]:{self.moment}"


def moments(effect: str) -> list[str]:
    """An answer has no `after`: it is on its way then. A process that drains does what a turn in hand has left to do."""
    if " answer " in effect:
        return ["before", "drain"] if EVERYTHING else ["before"]
    if EVERYTHING:
        return ["before", "after", "drain"]
    return ["after", "drain"] if " commit " in effect or " publish " in effect or "store" in effect else ["after"]


def finished(run) -> None:
    def nothing_left():
        assert run.unfinished() == []
        return True

    wait_until(nothing_left, SETTLING_SECONDS, "nothing to be left to do")


@dataclass
class Undisturbed:
    outcome: dict
    points: list[Point]


def once(platform, scenario: str) -> tuple[dict, list[tuple[str, str, int]]]:
    """The outcome, and every effect on the way to it: the service, its name, and how often it was there by then."""
    prepare, act = SCENARIOS[scenario]
    run = Run(platform)
    prepared = prepare(run)
    finished(run)
    positions = {app: platform.position(app) for app in platform.folders}
    act(run, prepared)
    finished(run)
    effects = []
    for app, position in positions.items():
        times = Counter()
        for effect, _ in platform.effects(app, position):
            # Of an event that this service does not handle nothing can be lost.
            if effect != "events answer unknown":
                times[effect] += 1
                effects.append((app, effect, times[effect]))
    return run.outcome(), effects


def surroundings(platform, scenario: str):
    return platform.environment("order-service", **ENVIRONMENTS.get(scenario, {}))


def undisturbed(platform, scenario: str) -> Undisturbed:
    """Twice: what is there once only, because something took its time, is no point that can be waited for."""
    with surroundings(platform, scenario):
        outcome, effects = once(platform, scenario)
        again, effects_again = once(platform, scenario)
    assert again == outcome, scenario
    return Undisturbed(outcome, [Point(*effect, moment) for effect in effects if effect in effects_again for moment in moments(effect[1])])


@pytest.fixture(scope="module")
def plan(platform):
    """Scenario → what it is undisturbed, with the points that are its to test. Printed."""
    found = {scenario: undisturbed(platform, scenario) for scenario in SCENARIOS}
    if not EVERYTHING:
        known = set()
        for scenario, one in found.items():
            mine = []
            for point in one.points:
                if (point.app, point.effect, point.moment) not in known:
                    known.add((point.app, point.effect, point.moment))
                    mine.append(point)
            one.points = mine
    print()
    for scenario, one in found.items():
        print(f"{scenario}: {len(one.points)} points")
        for point in one.points:
            print(f"  {point}")
    return found


def test_the_list_of_points_has_every_actor_every_event_and_every_kind(plan):
    listed = {(point.app, point.effect) for one in plan.values() for point in one.points}
    required = {(app, effect.strip()) for app, effects in REQUIRED.items() for effect in effects.split(",")}
    assert sorted(required - listed) == []
    assert {point.moment for one in plan.values() for point in one.points} >= {"before", "after", "drain"}


def rounds(platform, points: list[Point]) -> list[list[Point]]:
    """The points of each service one after the other, those of different services together."""
    mine = points if EVERYTHING else points[BROKERS.index(platform.broker)::2]
    by_app = defaultdict(list)
    for point in mine:
        by_app[point.app].append(point)
    longest = max(map(len, by_app.values()), default=0)
    return [[points[i] for points in by_app.values() if i < len(points)] for i in range(longest)]


# covers: lost-answer, outbox, reminders-through-downtime, call-twice
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_whoever_dies_wherever_the_outcome_is_the_same(platform, plan, scenario):
    expected = plan[scenario].outcome
    with surroundings(platform, scenario):
        survive(platform, scenario, plan[scenario].points, expected)


def survive(platform, scenario: str, points: list[Point], expected: dict) -> None:
    prepare, act = SCENARIOS[scenario]
    todo = [(points, Run(platform)) for points in rounds(platform, points)]
    prepared = [prepare(run) for _, run in todo]
    for _, run in todo:
        finished(run)
    for (points, run), start in zip(todo, prepared):
        began = time.monotonic()
        what = ", ".join(map(str, points))
        for point in points:
            platform.arm(point.app, point.moment, point.number, point.effect)
        act(run, start)
        for point in points:
            wait_until(lambda: platform.fired(point.app), SETTLING_SECONDS, f"{point} to be reached")

        def same():
            assert run.outcome() == expected, what
            return True

        wait_until(same, SETTLING_SECONDS, f"the same outcome after {what}")
        print(f"{scenario}: {what}: {time.monotonic() - began:.1f} s")
    # Nothing that was on its way meanwhile has changed it since.
    for points, run in todo:
        assert run.outcome() == expected, points


def test_no_event_became_a_dead_letter(platform):
    assert platform.dead_letters() == []
