"""The browser suite: a platform with the sample catalog on its shelf, then the test files of this folder in Node, one after the other.

    ./shop python tests/browser/run.py [FILE...]          all, or those named
    SHOP_PAGE_URL=http://127.0.0.1:8080 SHOP_STATE_DIR=.shop node --test tests/browser/shelf.test.mjs
                                                          one file against a platform that runs already

Screenshots of every page lie in browser/screenshots of the build folder afterwards.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "system"))

from shop import page, samples  # noqa: E402
from shop.console import Progress  # noqa: E402
from shop.stack import Stack  # noqa: E402
from shop.workspace import Workspace, build_folder  # noqa: E402
from stack import Platform  # noqa: E402


def main(files: list[str]) -> int:
    build = build_folder()
    folder = build / "browser"
    screenshots = folder / "screenshots"
    shutil.rmtree(screenshots, ignore_errors=True)
    screenshots.mkdir(parents=True)
    report = build / "meson-logs" / "node-browser.xml"
    report.parent.mkdir(exist_ok=True)
    chosen = [str(Path(file).resolve()) for file in files] or [str(file) for file in sorted(HERE.glob("*.test.mjs"))]

    platform = Platform("redis")
    platform.stack = Stack(Workspace(folder / "platform", build))
    with Progress() as progress:
        page.build(platform.stack.workspace, progress)  # what is looked at is what the sources say
    platform.start()
    try:
        samples.fill(platform.stack)
        environment = {**os.environ, "SHOP_PAGE_URL": platform.endpoints["gateway"], "SHOP_STATE_DIR": str(platform.stack.workspace.state),
                       "SHOP_SCREENSHOTS": str(screenshots)}
        command = ["node", "--test", "--test-reporter=spec", "--test-reporter-destination=stdout", f"--test-reporter={HERE / 'junit.mjs'}",
                   f"--test-reporter-destination={report}", *chosen]
        return subprocess.run(command, env=environment, stdin=subprocess.DEVNULL).returncode
    finally:
        platform.stop()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
