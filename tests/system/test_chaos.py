"""`./shop chaos`, short: shoppers shop while the platform's parts die, and every line of the audit is exact."""

import json
import os
import random
import subprocess

from shop import faults
from shop.workspace import build_folder
from stack import ROOT

CHECKOUTS = 100


def test_nothing_is_lost_and_nothing_happens_twice_while_parts_die(broker):
    # A new seed each time, so that every run looks somewhere else; a failure prints how to look there again.
    seed = random.randrange(1_000_000)
    done = subprocess.run(
        [ROOT / "shop", "chaos", "--checkouts", str(CHECKOUTS), "--seed", str(seed), "--broker", broker, "--json", "--no-build",
         "--state-dir", build_folder() / "system" / f"{broker}-chaos"],
        env={**os.environ, "SHOP_BUILD_DIR": str(build_folder()), "ORDER_PAYMENT_DEADLINE_SECONDS": "25"},
        capture_output=True, text=True, timeout=600)
    assert done.returncode in (0, 1), done.stderr
    report = json.loads(done.stdout)
    assert report["exact"] and done.returncode == 0, f"{report['repeat']}\n" + "\n".join(
        f"{line['what']}: {line['found']}, not {line['expected']}: {line['concerned'][:5]}" for line in report["audit"] if not line["ok"])
    assert report["checkouts"] == CHECKOUTS and report["settled"]
    # Otherwise the audit has shown nothing.
    assert len(report["faults"]) >= faults.PARTS - 1 and report["requests"] > CHECKOUTS * 3
