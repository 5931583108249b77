"""The sample catalog: 48 products in 6 categories, each with a drawing of its own, and how they get onto the shelf."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock, local

from .api import Client
from .console import Progress
from .stack import Stack
from .workspace import ShopError

FOLDER = Path(__file__).resolve().parent / "sample"
AT_ONCE = 4


def products() -> list[dict]:
    """As POST /products takes them; a line of the file is also one of an import."""
    return [json.loads(line) for line in (FOLDER / "catalog.ndjson").read_text(encoding="utf-8").splitlines()]


def drawing(product: str) -> bytes:
    return (FOLDER / "pictures" / f"{product}.svg").read_bytes()


def has_drawing(found: dict) -> bool:
    """Where a product names no picture, the catalog names the one that it was given."""
    return bool(found.get("imageUrl"))


def fill(platform: Stack) -> dict[str, dict]:
    """Puts what is missing onto the shelf, and leaves what is there as somebody made it. The sample products as they are now, by id."""
    mine = local()

    def admin() -> Client:  # a client serves one thread
        if not hasattr(mine, "client"):
            mine.client = Client(platform, "admin")
        return mine.client

    def put(wanted: dict) -> tuple[dict, bool]:
        path = f"/products/{wanted['id']}"
        found = admin().call("GET", "product", path)
        if found.status_code == 200 and has_drawing(found.json()):
            return found.json(), False
        if found.status_code == 404:
            made = admin().call("POST", "product", "/products", wanted)
            if made.status_code not in (201, 409):  # 409: another demo was faster
                raise ShopError(f"POST /products: {made.status_code} for {wanted['id']}: {made.text[:400]}")
        admin().expect(204, "PUT", "product", path + "/image", data=drawing(wanted["id"]), headers={"Content-Type": "image/svg+xml"})
        return admin().expect(200, "GET", "product", path), True

    wanted = products()
    done, lock = 0, Lock()
    with Progress() as progress, progress.step(f"{len(wanted)} sample products with their drawings") as step, ThreadPoolExecutor(AT_ONCE) as pool:

        def counted(product: dict) -> tuple[dict, bool]:
            nonlocal done
            put_there = put(product)
            with lock:
                done += 1
                step.show(f"{done} of {len(wanted)}")
            return put_there

        shelf = list(pool.map(counted, wanted))
    print(f"  {sum(new for _, new in shelf)} new, {sum(not new for _, new in shelf)} there already")
    return {product["id"]: product for product, _ in shelf}
