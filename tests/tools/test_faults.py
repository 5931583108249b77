"""The faults of `./shop chaos`: the same for the same seed, and only such as the cloud can have too."""

from itertools import islice

from shop import faults


def first(seed: int, broker: str = "aws", replicas: int = 1) -> list[faults.Fault]:
    return list(islice(faults.plan(seed, broker, replicas), 2000))


def test_a_seed_chooses_the_same_faults_every_time_and_another_seed_others():
    assert first(7) == first(7) != first(8)


def test_every_part_is_struck_alone_and_in_pairs_and_some_are_paused():
    for broker in ("aws", "redis"):
        plan = first(1, broker)
        killed = {part for fault in plan if fault.kind == "kill" for part in fault.parts}
        assert {"cart-service", "order-service-sidecar", "placement", "scheduler", "sentry", broker} <= killed
        assert {len(fault.parts) for fault in plan} == {1, 2}
        assert {"product-service", "payment-service-sidecar", "dynamodb", broker} <= {p for f in plan if f.kind == "pause" for p in f.parts}


def test_a_store_is_never_killed_and_the_emulator_of_sns_and_sqs_is_asked_to_end():
    assert "dynamodb" not in {part for fault in first(1) if fault.kind == "kill" for part in fault.parts}
    assert faults.word("kill", "aws") == "restart" and faults.word("kill", "redis") == "kill"


def test_every_replica_and_its_sidecar_can_be_struck():
    struck = {part for fault in first(1, replicas=2) for part in fault.parts}
    assert {"cart-service", "cart-service-2", "order-service-2-sidecar"} <= struck
