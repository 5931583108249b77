"""The page's own unit tests, with a report that `./shop test` counts."""

import subprocess
import sys

from shop import page
from shop.console import Progress
from shop.workspace import Workspace, build_folder, state_folder

workspace = Workspace(state_folder(None), build_folder())
workspace.make()
page.install(workspace, Progress(quiet=True))
subprocess.run(["npm", "run", "--silent", "types"], cwd=page.SOURCES, check=True)
report = build_folder() / "meson-logs" / "node-page.xml"
sys.exit(subprocess.run(["npx", "vitest", "run", "--reporter=default", "--reporter=junit", f"--outputFile.junit={report}"], cwd=page.SOURCES,
                        stdin=subprocess.DEVNULL).returncode)
