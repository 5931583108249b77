#!/usr/bin/env python3
"""Makes the Debian packages of this folder, and lets lintian judge them.

    tools/debian.py OUT            into the folder OUT
    tools/debian.py OUT --check    with the library's unit tests run on the way, compiled as the packages are
    tools/debian.py OUT --quick    not optimised: to see whether they can be made

OUT is emptied of earlier packages. The build happens in a copy below OUT, so that nothing is left here. Prints the packages'
paths on standard output, everything else on standard error. Ends with 1 if lintian has an error, a warning or an information, with 2 if a
package could not be made, with 77 if a program for that is missing.

ccache is used where it is installed. DEB_BUILD_OPTIONS is respected: this adds to it.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

SOURCE = Path(__file__).resolve().parent.parent
PROGRAMS = {"dpkg-buildpackage": "dpkg-dev", "dh": "debhelper", "lintian": "lintian", "meson": "meson", "ninja": "ninja-build"}
LEFT_OUT = shutil.ignore_patterns("__pycache__", "build", "build-*", "packagecache", ".*")


def _said(*command: str | Path, cwd: Path | None = None, **variables: str) -> None:
    subprocess.run([str(word) for word in command], cwd=cwd, env={**os.environ, **variables}, stdin=subprocess.DEVNULL, stdout=sys.stderr, check=True)


def _copied(out: Path) -> Path:
    """The sources that belong to a package: no build folder, and of subprojects/ only what is ours."""
    copy = out / "source"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(SOURCE, copy, ignore=LEFT_OUT)
    for folder in (copy / "subprojects").iterdir():
        if folder.is_dir() and folder.name != "packagefiles":
            shutil.rmtree(folder)
    return copy


def _compiler() -> dict[str, str]:
    """ccache, whose folder has to be named: debhelper gives the build another home. A copy elsewhere is the same code."""
    if not shutil.which("ccache") or "CXX" in os.environ:
        return {}
    folder = subprocess.run(["ccache", "--get-config", "cache_dir"], capture_output=True, text=True, check=True).stdout.strip()
    return {"CXX": "ccache g++", "CCACHE_DIR": folder}


def make(out: Path, quick: bool, check: bool) -> list[Path]:
    out.mkdir(parents=True, exist_ok=True)
    for old in [*out.glob("*.deb"), *out.glob("*.changes"), *out.glob("*.buildinfo")]:
        old.unlink()
    options = os.environ.get("DEB_BUILD_OPTIONS", "").split() + [f"parallel={os.cpu_count()}"]
    profiles = os.environ.get("DEB_BUILD_PROFILES", "").split()
    if quick:
        options += ["noopt", "noautodbgsym"]
    if not check:
        options += ["nocheck"]
        profiles += ["nocheck"]
    copy = _copied(out)
    compiler = _compiler()
    _said("dpkg-buildpackage", "--build=binary", "--no-sign", cwd=copy, DEB_BUILD_OPTIONS=" ".join(options), DEB_BUILD_PROFILES=" ".join(profiles),
          **compiler, **({"CCACHE_BASEDIR": str(copy), "CCACHE_NOHASHDIR": "1"} if compiler else {}))
    shutil.rmtree(copy)
    return sorted(out.glob("*.deb"))


def judge(out: Path) -> bool:
    command = ["lintian", "--allow-root", "--display-info", "--fail-on", "error,warning,info", "--tag-display-limit", "0", next(out.glob("*.changes"))]
    return subprocess.run(command, stdin=subprocess.DEVNULL, stdout=sys.stderr).returncode == 0


def versions_differ() -> str | None:
    """The version stands in meson.build; the changelog and the packages' names, which Debian wants in files, follow it."""
    version = re.search(r"version: '([^']+)'", (SOURCE / "meson.build").read_text())[1]
    first = re.match(r"dapr-actors \(([^)]+)\)", (SOURCE / "debian" / "changelog").read_text())[1]
    if first != version:
        return f"meson.build says version {version}, the first entry of debian/changelog {first}"
    interface = ".".join(version.split(".")[:2 if version.startswith("0.") else 1])
    if f"Package: libdapr-actors{interface}\n" not in (SOURCE / "debian" / "control").read_text():
        return f"version {version} has the soname {interface}: debian/control and the names of debian's files have to say libdapr-actors{interface}"
    return None


def main() -> int:
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("out", type=Path, metavar="OUT")
    words.add_argument("--check", action="store_true", help="run the unit tests on the way")
    words.add_argument("--quick", action="store_true", help="not optimised")
    options = words.parse_args()
    if absent := [package for program, package in PROGRAMS.items() if not shutil.which(program)]:
        print(f"debian.py: missing: apt install {' '.join(absent)}", file=sys.stderr)
        return 77
    if difference := versions_differ():
        print(f"debian.py: {difference}", file=sys.stderr)
        return 2
    out = options.out.resolve()
    try:
        packages = make(out, options.quick, options.check)
    except subprocess.CalledProcessError as error:
        print(f"debian.py: {error.cmd[0]} ended with {error.returncode}; what it built is in {out / 'source'}", file=sys.stderr)
        return 2
    print(*packages, sep="\n", flush=True)
    return 0 if judge(out) else 1


if __name__ == "__main__":
    sys.exit(main())
