"""Includes run from the root, and dependencies point one way: services → actors/<domain> → the library (subprojects/dapr-actors).

A domain takes from another domain its contract.hpp and nothing else; the library takes nothing of the shop; Asio, Beast and
Pistache stay out of public headers.
"""
import re
import sys
from pathlib import Path

ROOT = Path(sys.argv[1])
DOMAINS = {"cart", "order", "payment", "product"}
OURS = ("actors/", "services/", "tests/")
LIBRARY = "subprojects/dapr-actors"


def problems(file: Path) -> list[str]:
    where = file.relative_to(ROOT)
    area = where.parts[:2]
    library = f"{where}".startswith(LIBRARY)
    found = []
    for number, line in enumerate(file.read_text().splitlines(), 1):
        match = re.match(r'\s*#\s*include\s*([<"])([^>"]+)[>"]', line)
        if not match:
            continue
        quoted, target = match.group(1) == '"', match.group(2)

        def wrong(why: str) -> None:
            found.append(f"{where}:{number}: {target}: {why}")

        if library:
            # Its own headers, the public ones under the path that its users write too.
            if quoted and not target.startswith(("dapr/actors/", "internal/")):
                wrong("the library knows nothing of the shop")
            if quoted and "/include/" in f"{where}" and target.startswith("internal/"):
                wrong("a public header includes no internal one")
        elif quoted and not target.startswith(OURS):
            wrong("includes run from the root of the project; the library's are written <dapr/actors/…>")
        elif area[0] == "actors":
            if target.startswith("services/"):
                wrong("a domain does not know its services")
            parts = target.split("/")
            if parts[0] == "actors" and parts[1] in DOMAINS - {area[1]} and parts[2] != "contract.hpp":
                wrong("of another domain only the contract")
        elif area[0] == "services" and target.startswith("services/"):
            if target.split("/")[1] not in {area[1], "common"}:
                wrong("services do not include one another")
        public = file.suffix == ".hpp" and "/src/internal/" not in f"{where}"
        if public and re.match(r"boost/(asio|beast)|pistache/", target):
            wrong("Asio, Beast and Pistache stay in sources and internal headers")
    return found


files = [file for area in ("actors", "services", f"{LIBRARY}/include", f"{LIBRARY}/src") for file in sorted((ROOT / area).rglob("*.[hc]pp"))]
if not files:
    sys.exit(f"no sources under {ROOT}")
everything = [problem for file in files for problem in problems(file)]
print("\n".join(everything) or f"{len(files)} files, every include points the right way")
sys.exit(bool(everything))
