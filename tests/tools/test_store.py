"""The store of our sidecar has unit tests of its own, in Go."""

import os
import subprocess

from shop import toolbox


def test_the_stores_own_tests_pass():
    # The flags of the build, so that what it compiled serves here too.
    ran = subprocess.run([toolbox.go_program(), "test", "-mod=readonly", "-trimpath", "-count=1", "./dynamodb"], cwd=toolbox.DAPR_OWN,
                         env={**os.environ, "CGO_ENABLED": "0"}, capture_output=True, text=True)
    assert ran.returncode == 0 and "ok" in ran.stdout, ran.stdout + ran.stderr
