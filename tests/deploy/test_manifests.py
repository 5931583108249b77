"""The manifests hold what manifests.py asks of them, and a mistake in any of them is found: planted in a copy, one at a time."""

import subprocess

import pytest
from manifests import CHECKS, findings
from rollout import CHART, NAMESPACE, Rollout, container, helm, of


@pytest.fixture(scope="session")
def rollout(deployment) -> Rollout:
    return Rollout.read(deployment)


@pytest.mark.parametrize("one", CHECKS, ids=lambda one: one.__name__)
def test_nothing_is_wrong(rollout, one):
    assert list(one(rollout)) == []
