"""`./shop package`: the Debian packages of the actor library, and where to go with them."""

import json
import subprocess
import sys
import time
from pathlib import Path

from . import packages
from .console import Progress, paint
from .toolbox import run
from .workspace import LIBRARY, Workspace


def make(workspace: Workspace, folder: str | None, quick: bool, check: bool, as_json: bool) -> int:
    workspace.make()
    out = Path(folder).resolve() if folder else workspace.build / "packages"
    log = workspace.logs / "package.log"
    started = time.monotonic()
    with Progress() as progress:
        packages.install_system_packages(progress, packages.ALWAYS + packages.PACKAGING)
        asked = [word for word, is_wanted in (("--quick", quick), ("--check", check)) if is_wanted]
        with progress.step("Debian packages of dapr-actors" + (", not optimised" if quick else "") + (", with their tests" if check else "")) as step:
            run([sys.executable, str(LIBRARY / "tools" / "debian.py"), str(out), *asked], step, log,
                pattern=r"^(\[\d+/\d+\]|\s*\d+/\d+ |   dh_\w+|dpkg-deb: building|[EWI]: ).*")
    made = [_described(path) for path in sorted(out.glob("*.deb"))]
    if as_json:
        print(json.dumps({"packages": made, "log": str(log), "seconds": round(time.monotonic() - started, 1)}))
        return 0
    for each in made:
        print(f"  {each['path']}  {paint(f'''{each['bytes'] / 1024:,.0f} KiB''', 'dim')}")
    print(f"Lintian has nothing to say. Next:\n"
          f"  as root: apt install {' '.join(each['path'] for each in made if not each['name'].endswith('-dbgsym'))}\n"
          f"  then:    g++ -std=c++20 main.cpp $(pkg-config --cflags --libs dapr-actors)\n"
          f"  and:     /usr/share/doc/libdapr-actors-dev/docs/guide.md")
    return 0


def _described(path: Path) -> dict:
    fields = dict(line.split(": ", 1) for line in subprocess.run(
        ["dpkg-deb", "-f", str(path), "Package", "Version", "Architecture"], capture_output=True, text=True, check=True).stdout.splitlines())
    return {"name": fields["Package"], "version": fields["Version"], "architecture": fields["Architecture"], "path": str(path), "bytes": path.stat().st_size}
