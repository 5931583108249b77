"""One emulator with all three stacks, and one cluster, for the whole run."""

import pytest
from deployment import Deployment
from emulator import Emulator
from rollout import Rollout


@pytest.fixture(scope="session")
def deployment() -> Deployment:
    return Deployment.read()


@pytest.fixture(scope="session")
def rollout(deployment) -> Rollout:
    return Rollout.read(deployment)


@pytest.fixture
def empty(tmp_path):
    """An account with nothing in it."""
    emulator = Emulator(tmp_path)
    yield emulator
    emulator.stop()


@pytest.fixture(scope="session")
def aws(deployment, tmp_path_factory):
    emulator = Emulator(tmp_path_factory.mktemp("aws"))
    try:
        emulator.deploy(deployment)
        yield emulator
    finally:
        emulator.stop()
