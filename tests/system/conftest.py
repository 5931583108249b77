"""Fixtures of the system suite: one platform for the whole run, with the broker that SHOP_SYSTEM_BROKER names."""

import os

import pytest

from stack import Platform, watch
import http_watch

# The doors and the channel are the same whatever carries the events: once, with the quicker broker, is enough.
collect_ignore = ["test_doors.py", "test_hostile.py", "test_hostile_channel.py", "test_page.py"] if os.environ.get("SHOP_SYSTEM_BROKER") == "aws" else []


BROKER = os.environ.get("SHOP_SYSTEM_BROKER", "aws")


def pytest_configure(config):
    http_watch.install()
    config.addinivalue_line("markers", "beside(broker): what takes long and has nothing to do with the broker runs with this one only")


def pytest_collection_modifyitems(config, items):
    elsewhere = [item for item in items if any(mark.args != (BROKER,) for mark in item.iter_markers("beside"))]
    config.hook.pytest_deselected(items=elsewhere)
    items[:] = [item for item in items if item not in elsewhere]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    """A test passes only if all that it asked and was answered is as the documents describe it."""
    result = yield
    if found := watch.take():
        pytest.fail("not as described:\n" + "\n".join(found), pytrace=False)
    return result


@pytest.fixture(scope="session")
def broker() -> str:
    return BROKER


def ended(running: Platform) -> None:
    try:
        running.require_described_events()
    finally:
        running.stop()


@pytest.fixture(scope="session")
def platform(broker):
    running = Platform(broker)
    running.start()
    yield running
    ended(running)


@pytest.fixture(scope="session")
def two_replicas(broker):
    """A second platform, with two of every service."""
    running = Platform(broker, replicas=2)
    running.start()
    yield running
    ended(running)


@pytest.fixture(scope="session")
def proxied(broker):
    """A second platform, whose sidecars reach the store and the broker, and payment-service its gateway, through proxies:
    the platform and its Toxiproxy."""
    from shop import facts, toolbox
    from shop.console import Progress
    from toxic import Toxiproxy

    with Toxiproxy(toolbox.ensure_toxiproxy(Progress(quiet=True))) as toxiproxy:

        def via(offset: int) -> dict[str, int]:
            ports = facts.Ports(offset)
            sidecar = next(app.ports["sidecarHttp"] for app in facts.apps(offset) if app.short == "payment")
            behind = {"dynamodb": ports["dynamodb"], broker: ports[broker], "gateway": sidecar}
            return {name: toxiproxy.proxy(name, port) for name, port in behind.items()}

        running = Platform(broker, via=via)
        running.start()
        yield running, toxiproxy
        ended(running)


@pytest.fixture
def admin(platform):
    return platform.client("admin")


@pytest.fixture
def customer(platform):
    """A customer of this test alone."""
    from stack import unique

    return platform.client("customer", unique("customer"))


@pytest.fixture
def guest(platform):
    """Somebody without a token."""
    return platform.client()
