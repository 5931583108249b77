"""The library as its users get it: installed into an empty folder, then used from there and from nowhere else.

    python3 install_test.py BUILD SOURCE      what `meson test` runs; BUILD is a build folder that is up to date

The guide's example is built against it with Meson, with CMake and with the compiler alone. It runs behind a real sidecar if DAPR_BIN names
the folder of Dapr's programs.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

BUILD, SOURCE = Path(sys.argv.pop(1)).resolve(), Path(sys.argv.pop(1)).resolve()
CXX = os.environ.get("CXX", "c++").split()
EXAMPLES = SOURCE / "examples"
EXAMPLE = EXAMPLES / "greeter"


def run(*command: str | Path, cwd: Path | None = None, **variables: str) -> str:
    done = subprocess.run([str(each) for each in command], cwd=cwd, env={**os.environ, **variables}, capture_output=True, text=True)
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, command))}\nended with {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


class Installed(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.folder = Path(tempfile.mkdtemp(prefix="dapr-actors-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        root = cls.folder / "root"
        run("meson", "install", "-C", BUILD, "--no-rebuild", "--destdir", root)
        cls.config = next(root.rglob("dapr-actors.pc"))
        cls.library = cls.config.parent.parent
        cls.include = next(root.rglob("dapr/actors/actor.hpp")).parents[2]
        prefix = cls.include.parent
        # Where it would lie at last, were it not for --destdir.
        cls.variables = {"PKG_CONFIG_PATH": str(cls.config.parent), "CMAKE_PREFIX_PATH": str(prefix), "LD_LIBRARY_PATH": str(cls.library)}
        cls.flags = run("pkg-config", f"--define-variable=prefix={prefix}", "--cflags", "--libs", "dapr-actors", **cls.variables).split()
        cls.example = cls.folder / "example"
        shutil.copytree(EXAMPLE, cls.example, ignore=shutil.ignore_patterns("meson.build"))
        cls.with_compiler = cls.folder / "greeter"
        run(*CXX, "-std=c++20", "-Wall", "-Wextra", "-Werror", cls.example / "main.cpp", "-o", cls.with_compiler, *cls.flags)

    def works(self, program: Path) -> None:
        """As far as it gets without a sidecar: it says what is missing."""
        done = subprocess.run([str(program)], env={**os.environ, **self.variables, "APP_API_TOKEN": ""}, capture_output=True, text=True)
        self.assertEqual(done.returncode, 2)
        self.assertIn("APP_API_TOKEN is not set", done.stderr)

    def test_the_example_is_built_with_the_compiler_alone(self) -> None:
        self.works(self.with_compiler)

    def test_the_other_examples_are_built_with_the_compiler_alone(self) -> None:
        others = sorted(main for main in EXAMPLES.glob("*/main.cpp") if main.parent != EXAMPLE)
        self.assertGreaterEqual(len(others), 3)
        for main in others:
            program = self.folder / main.parent.name
            run(*CXX, "-std=c++20", "-Wall", "-Wextra", "-Werror", main, "-o", program, *self.flags)
            self.works(program)

    def test_the_example_is_built_with_meson(self) -> None:
        project = self.folder / "meson"
        shutil.copytree(self.example, project)
        (project / "meson.build").write_text("project('mine', 'cpp', default_options: ['cpp_std=c++20', 'warning_level=3', 'werror=true'])\n"
                                             "executable('greeter', 'main.cpp', dependencies: dependency('dapr-actors'))\n")
        prefix = self.include.parent
        relocated = project / "pkgconfig"
        relocated.mkdir()
        text = self.config.read_text()
        (relocated / self.config.name).write_text(re.sub(r"(?m)^prefix=.*$", f"prefix={prefix}", text))
        run("meson", "setup", "build", cwd=project, **self.variables | {"PKG_CONFIG_PATH": str(relocated)})
        run("ninja", "-C", "build", cwd=project)
        self.works(project / "build" / "greeter")

    def test_the_example_is_built_with_cmake(self) -> None:
        if not shutil.which("cmake"):
            self.skipTest("cmake is not installed")
        version = run("pkg-config", "--modversion", "dapr-actors", **self.variables).strip()
        for static in ("OFF", "ON"):
            project = self.folder / f"cmake-{static}"
            shutil.copytree(self.example, project)
            (project / "CMakeLists.txt").write_text(
                "cmake_minimum_required(VERSION 3.20)\nproject(mine CXX)\n"
                f"find_package(dapr-actors {version} CONFIG REQUIRED)\n"
                "add_executable(greeter main.cpp)\ntarget_link_libraries(greeter PRIVATE dapr::actors)\n")
            run("cmake", "-S", ".", "-B", "build", f"-DDAPR_ACTORS_STATIC={static}", cwd=project, **self.variables)
            run("cmake", "--build", "build", cwd=project)
            self.works(project / "build" / "greeter")
            loaded = run("ldd", project / "build" / "greeter", **self.variables)
            self.assertEqual("libdapr-actors.so" in loaded, static == "OFF", loaded)

    def test_cmake_refuses_a_version_that_is_not_compatible(self) -> None:
        if not shutil.which("cmake"):
            self.skipTest("cmake is not installed")
        project = self.folder / "cmake-version"
        project.mkdir()
        (project / "CMakeLists.txt").write_text("cmake_minimum_required(VERSION 3.20)\nproject(mine CXX)\nfind_package(dapr-actors 99 CONFIG REQUIRED)\n")
        with self.assertRaisesRegex(AssertionError, "99"):
            run("cmake", "-S", ".", "-B", "build", cwd=project, **self.variables)

    def test_each_header_stands_alone_and_none_is_internal(self) -> None:
        headers = sorted(path.relative_to(self.include).as_posix() for path in self.include.rglob("*.hpp"))
        listed = re.findall(r"^\| `<(dapr/[^>]+)>`", (SOURCE / "README.md").read_text(), re.M)
        self.assertEqual(headers, sorted(listed), "the public headers are those that README.md lists")
        for header in headers:
            text = (self.include / header).read_text()
            self.assertNotRegex(text, r'#\s*include\s*[<"](internal/|boost/)', header)
            self.assertEqual(re.findall(r"#\s*define\s+((?!DAPR_ACTORS_)\w+)", text), [], header)
            alone = self.folder / "alone.cpp"
            alone.write_text(f"#include <{header}>\n")
            run(*CXX, "-std=c++20", "-fsyntax-only", "-Wall", "-Wextra", "-Werror", alone, *[flag for flag in self.flags if flag.startswith("-I")])

    def test_the_shared_library_shows_what_its_list_says(self) -> None:
        shared = next(self.library.glob("libdapr-actors.so.*.*.*"))
        version = run("pkg-config", "--modversion", "dapr-actors", **self.variables).strip()
        self.assertEqual(shared.name, f"libdapr-actors.so.{version}")
        soname = re.search(r"SONAME\s+(\S+)", run("objdump", "-p", shared))
        self.assertEqual(soname and soname[1], "libdapr-actors.so." + ".".join(version.split(".")[:2] if version.startswith("0.") else version.split(".")[:1]))
        # Weak ones are inline functions and templates, which every user has of his own as well.
        names = run("nm", "--dynamic", "--defined-only", "--extern-only", shared).splitlines()
        found = sorted({run_name for line in names if (run_name := line.split()[2]) and line.split()[1] in "TDBR"})
        text = "".join(f"{name}\n" for name in run("c++filt", *found).splitlines())
        listed = SOURCE / "tests" / "install" / "symbols.txt"
        if os.environ.get("WRITE_SYMBOLS"):
            listed.write_text(text)
        self.assertEqual(text, listed.read_text(), f"WRITE_SYMBOLS=1 writes {listed.relative_to(SOURCE)}")

    @unittest.skipUnless("DAPR_BIN" in os.environ, "needs Dapr's programs: DAPR_BIN")
    def test_the_guides_commands_do_what_it_says(self) -> None:
        """With the program that was built from what is installed, behind a real sidecar."""
        program = self.folder / "build" / "examples" / "greeter" / "guide"
        program.parent.mkdir(parents=True)
        program.symlink_to(self.with_compiler)
        run(sys.executable, EXAMPLE / "run_it.py", SOURCE / "docs" / "guide.md", SOURCE, self.folder / "build", **self.variables)


if __name__ == "__main__":
    unittest.main(verbosity=2)
