"""The page: built with Node into the build folder, and laid where nginx's workers may read it."""

import fcntl
import re
import shutil
import subprocess
from pathlib import Path

from .console import Progress
from .toolbox import fingerprint, run
from .workspace import ROOT, ShopError, Workspace

SOURCES = ROOT / "services" / "storefront"
# As `engines` in its package.json.
OLDEST_NODE = (18, 13)
# What is made beside the sources and is none of them.
MADE = {"node_modules", "dist"}
MARK = "built-from"


def built(workspace: Workspace) -> Path:
    return workspace.build / "page"


def files() -> list[Path]:
    """Everything the page is built from: its own sources, and what the services say of themselves, which gives it its types and
    the pages under /docs."""
    own = [path for path in SOURCES.rglob("*") if path.is_file() and not MADE & set(path.relative_to(SOURCES).parts)
           and path.relative_to(SOURCES).parts[:2] != ("src", "generated")]
    return sorted([*own, *(ROOT / "services").glob("*/openapi.json"), ROOT / "docs" / "asyncapi.json", *(ROOT / "docs" / "events").glob("*.json")])


def revision() -> str:
    # With their names: a file that is moved is another page.
    return fingerprint(*(part for path in files() for part in (str(path.relative_to(ROOT)), path)))


def require_node() -> None:
    oldest = ".".join(map(str, OLDEST_NODE))
    if not (shutil.which("node") and shutil.which("npm")):
        raise ShopError(f"node or npm is missing, and the page is built with them: apt-get install nodejs npm (Node {oldest} or newer)")
    says = subprocess.run(["node", "--version"], capture_output=True, text=True).stdout.strip()
    found = re.match(r"v(\d+)\.(\d+)", says)
    if not found or tuple(map(int, found.groups())) < OLDEST_NODE:
        raise ShopError(f"{shutil.which('node')} is Node {says or 'of no version'}, and the page needs {oldest} or newer")


def install(workspace: Workspace, progress: Progress) -> None:
    """The packages that the lock file names, into node_modules beside the sources."""
    require_node()
    folder = SOURCES / "node_modules"
    mark, wanted = folder / ".installed-from", fingerprint(SOURCES / "package.json", SOURCES / "package-lock.json")
    if mark.exists() and mark.read_text() == wanted:
        return
    with progress.step("packages of the page") as step:
        run(["npm", "ci", "--no-audit", "--no-fund"], step, workspace.logs / "npm.log", cwd=SOURCES)
    mark.write_text(wanted)


def build(workspace: Workspace, progress: Progress) -> None:
    """Builds what changed; nothing to do costs the reading of some hundred small files."""
    target = built(workspace)
    workspace.build.mkdir(parents=True, exist_ok=True)
    # Two builds at once would write into the same folders.
    with open(workspace.build / "page.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        wanted = revision()
        if _mark(target) == wanted:
            return
        install(workspace, progress)
        with progress.step("page") as step:
            made = workspace.build / "page.new"
            shutil.rmtree(made, ignore_errors=True)
            run(["npm", "run", "build", "--", "--outDir", str(made)], step, workspace.logs / "page.log", cwd=SOURCES)
            (made / MARK).write_text(wanted)
            shutil.rmtree(target, ignore_errors=True)
            made.rename(target)


def _mark(folder: Path) -> str | None:
    return (folder / MARK).read_text() if (folder / MARK).exists() else None


def publish(workspace: Workspace) -> Path | None:
    """Lays the page that was built last where this platform's nginx serves it from. The files of the one before stay until the
    platform is made anew: whoever has it open may still ask for them."""
    source, target = built(workspace), workspace.page
    if _mark(source) is None:
        return target if _mark(target) else None
    if _mark(target) != _mark(source):
        # The document comes after what it names, and the mark after everything.
        for path in sorted((path for path in source.rglob("*") if path.is_file()), key=lambda path: (path.parent == source, path.name == MARK)):
            copy = target / path.relative_to(source)
            for folder in (target, copy.parent):
                folder.mkdir(exist_ok=True)
                folder.chmod(0o755)
            new = copy.with_name(copy.name + ".new")
            shutil.copyfile(path, new)
            new.chmod(0o644)
            new.replace(copy)
    return target
