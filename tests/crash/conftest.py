"""One platform for the whole run, with the broker that SHOP_SYSTEM_BROKER names."""

import os

import pytest

from crash_platform import CrashPlatform


@pytest.fixture(scope="session")
def platform():
    running = CrashPlatform(os.environ.get("SHOP_SYSTEM_BROKER", "aws"))
    running.start()
    yield running
    running.stop()
