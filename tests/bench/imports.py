"""Products a second through the door, imported: new ones, the same again, and changed ones.

    ./shop python tests/bench/imports.py [--products 2000] [--broker redis] [--json]

On a platform of its own, with DynamoDB Local, which is what most of the time goes into.
"""
import argparse
import json
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tools"), str(ROOT / "tests" / "system")]

from shop.importing import Importer  # noqa: E402
from stack import Platform, unique  # noqa: E402


def file_of(folder: Path, prefix: str, count: int, amount: int) -> Path:
    file = folder / f"{amount}.ndjson"
    with file.open("w") as out:
        for number in range(count):
            out.write(json.dumps({"id": f"{prefix}-{number}", "name": f"Tea {number}", "description": "First flush. " * 20, "category": f"tea {number % 20}",
                                  "price": {"amount": amount, "currency": "EUR"}, "stock": 10}) + "\n")
    return file


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--products", type=int, default=2000)
    options.add_argument("--broker", choices=("aws", "redis"), default="redis")
    options.add_argument("--json", action="store_true")
    asked = options.parse_args()
    platform, rates = Platform(asked.broker), {}
    platform.start()
    try:
        with tempfile.TemporaryDirectory() as folder:
            prefix = unique("bench")
            first, second = (file_of(Path(folder), prefix, asked.products, amount) for amount in (899, 999))
            for name, file, status in (("created", first, "created"), ("unchanged", first, "unchanged"), ("replaced", second, "replaced")):
                tally = Importer(f"{platform.endpoints['product']}/products/import", platform.token("admin", "admin"), quiet=True).run(file)
                if tally.statuses[status] != asked.products:
                    raise SystemExit(f"{name}: {dict(tally.statuses)}, {tally.refused[:3]}")
                rates[name] = round(tally.rate, 1)
    finally:
        platform.stop()
    print(json.dumps(rates) if asked.json else "\n".join(f"{name:<10} {rate:>8} products/s" for name, rate in rates.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
