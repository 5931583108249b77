"""The Debian packages as their users get them: made, judged by lintian, and unpacked into an empty root, from which the guide's
example is built and started.

    python3 package_test.py SOURCE      what `meson test` runs; ends with 77, which is skipped, where Debian's tools are missing
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

SOURCE = Path(sys.argv.pop(1)).resolve()
EXAMPLE = SOURCE / "examples" / "greeter"


def run(*command: str | Path, **variables: str) -> str:
    done = subprocess.run([str(each) for each in command], env={**os.environ, **variables}, capture_output=True, text=True)
    if done.returncode == 77:
        print(done.stderr, file=sys.stderr)
        os._exit(77)
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, command))}\nended with {done.returncode}\n{done.stdout}{done.stderr[-8000:]}")
    return done.stdout


class Packages(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.folder = Path(tempfile.mkdtemp(prefix="dapr-actors-packages-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        # Lintian's judgement is in how this ends.
        cls.packages = [Path(line) for line in run(sys.executable, SOURCE / "tools" / "debian.py", cls.folder / "out", "--quick").splitlines()]
        cls.root = cls.folder / "root"
        for package in cls.packages:
            run("dpkg-deb", "-x", package, cls.root)

    def field(self, package: str, name: str) -> str:
        return run("dpkg-deb", "-f", next(path for path in self.packages if path.name.startswith(f"{package}_")), name).strip()

    def test_there_is_a_package_to_run_with_and_one_to_build_with(self) -> None:
        runs, builds = sorted((path.name.split("_")[0] for path in self.packages), key=lambda name: name.endswith("-dev"))
        self.assertRegex(runs, r"^libdapr-actors\d+(\.\d+)?$")
        self.assertEqual(builds, "libdapr-actors-dev")
        self.assertIn(f"{runs} (= {self.field(builds, 'Version')})", self.field(builds, "Depends"))
        self.assertEqual(sorted(path.name for path in (self.root / "usr/share/doc/libdapr-actors-dev/docs").iterdir()),
                         sorted(path.name for path in (SOURCE / "docs").iterdir()))

    def test_the_guides_example_is_built_with_the_packages_and_runs_with_the_first(self) -> None:
        config = next(self.root.rglob("dapr-actors.pc")).parent
        # Debian's own packages beside ours: those that ours depends on.
        flags = run("pkg-config", "--cflags", "--libs", "dapr-actors", PKG_CONFIG_PATH=str(config), PKG_CONFIG_SYSROOT_DIR=str(self.root)).split()
        self.assertIn(f"-I{self.root}/usr/include", " ".join(flags))
        program = self.folder / "greeter"
        run("g++", "-std=c++20", "-Wall", "-Wextra", "-Werror", EXAMPLE / "main.cpp", "-o", program, *flags)
        alone = self.folder / "alone"
        run("dpkg-deb", "-x", next(path for path in self.packages if not path.name.startswith("libdapr-actors-dev_")), alone)
        libraries = str(next(alone.rglob("libdapr-actors.so.*")).parent)
        done = subprocess.run([str(program)], env={**os.environ, "LD_LIBRARY_PATH": libraries, "APP_API_TOKEN": ""}, capture_output=True, text=True)
        self.assertEqual((done.returncode, "APP_API_TOKEN is not set" in done.stderr), (2, True), done.stderr)
        self.assertIn(libraries, run("ldd", program, LD_LIBRARY_PATH=libraries))

    def test_what_the_headers_include_is_depended_on(self) -> None:
        outside = set()
        for header in (self.root / "usr/include").rglob("*.hpp"):
            outside |= set(re.findall(r"#\s*include <((?!dapr/)[^>]+/[^>]+)>", header.read_text()))
        outside = {name for name in outside if not Path("/usr/include/c++").is_dir() or not list(Path("/usr/include/c++").glob(f"*/{name}"))}
        owners = {line.split(":")[0] for name in outside for line in run("dpkg", "-S", f"/usr/include/{name}").splitlines()}
        self.assertGreater(len(owners), 0)
        depends = {re.split(r"[ (]", each.strip())[0] for each in self.field("libdapr-actors-dev", "Depends").split(",")}
        self.assertEqual(owners - depends, set())


if __name__ == "__main__":
    unittest.main(verbosity=2)
