"""`./shop docs`: the actor library's pages and reference."""

import json
import sys
from pathlib import Path

from . import packages
from .console import Progress
from .toolbox import run
from .workspace import LIBRARY, Workspace


def make(workspace: Workspace, folder: str | None, as_json: bool) -> int:
    workspace.make()
    out = Path(folder).resolve() if folder else workspace.build / "docs"
    with Progress() as progress:
        packages.install_system_packages(progress, packages.ALWAYS + packages.DOCS)
        with progress.step("pages and reference of dapr-actors") as step:
            run([sys.executable, str(LIBRARY / "tools" / "docs.py"), str(out)], step, workspace.logs / "docs.log")
    index = out / "index.html"
    if as_json:
        print(json.dumps({"index": str(index), "pages": len(list(out.glob("*.html")))}))
        return 0
    print(f"No warning, and no link that leads nowhere. Open {index.as_uri()}\n"
          f"On a machine without a browser: python3 -m http.server --bind 127.0.0.1 --directory {out} 8000")
    return 0
