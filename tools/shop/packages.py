"""Debian packages: which are missing, and how they get here without leaving a service of theirs running."""

import os
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

from .console import Progress
from .workspace import CACHE, LIBRARY, ROOT, TOOLS, ShopError

POLICY = Path("/usr/sbin/policy-rc.d")
# Installed for their programs only; the platform starts its own, unprivileged and on its own ports.
SERVICES = ("nginx", "redis-server", "postgresql")
# What every command needs that builds or starts something; what the tests need that drive a browser, or run the library on stores;
# the compiler that reads the library beside g++; what makes its pages; and what makes Debian packages of it.
ALWAYS = (TOOLS / "packages.txt", ROOT / "services" / "storefront" / "packages.txt")
BROWSER = (ROOT / "tests" / "browser" / "packages.txt",)
STORES = (LIBRARY / "tests" / "packages.txt",)
CLANG = (LIBRARY / "tests" / "compilers" / "packages.txt",)
DOCS = (LIBRARY / "tools" / "doxygen" / "packages.txt",)
PACKAGING = (LIBRARY / "tests" / "install" / "packages.txt",)


def wanted(lists: tuple[Path, ...]) -> list[str]:
    lines = [line.strip() for file in lists for line in file.read_text().splitlines()]
    return [line for line in lines if line and not line.startswith("#")]


def missing(lists: tuple[Path, ...] = ALWAYS) -> list[str]:
    packages = wanted(lists)
    answer = subprocess.run(["dpkg-query", "-W", "-f=${Package}\t${db:Status-Abbrev}\n", *packages], capture_output=True, text=True)
    here = {line.split("\t")[0] for line in answer.stdout.splitlines() if line.split("\t")[1].startswith("ii")}
    return [package for package in packages if package not in here and not _by_hand(package)]


def _by_hand(package: str) -> bool:
    """These are often there without their packages, and need none then."""
    program = {"maven": "mvn", "default-jdk-headless": "javac", "nodejs": "node", "npm": "npm", "chromium": "chromium"}.get(package)
    return program is not None and shutil.which(program) is not None


def install_system_packages(progress: Progress, lists: tuple[Path, ...] = ALWAYS) -> None:
    if not shutil.which("dpkg-query"):
        raise ShopError("this is not Debian or Ubuntu; the packages needed are listed in " +
                        ", ".join(str(file.relative_to(ROOT)) for file in lists))
    packages = missing(lists)
    if not packages:
        return
    root = _root_prefix(packages)
    with progress.step(f"{len(packages)} system packages") as step, _no_services_started(root):
        CACHE.mkdir(parents=True, exist_ok=True)
        log = CACHE / "apt.log"
        environment = [*root, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-q"]
        from .toolbox import run  # imported here: toolbox itself begins with this module

        run([*environment, "update"], step, log)
        run([*environment, "install", "-y", "--no-install-recommends", *packages], step, log,
            pattern=r"(Get:|Unpacking|Setting up).*")
        if Path("/run/systemd/system").exists():
            for service in set(SERVICES) & _provided(packages):
                subprocess.run([*root, "systemctl", "disable", "--now", "--quiet", service], check=False)


def _provided(packages: list[str]) -> set[str]:
    return {"nginx" if package == "nginx-light" else package for package in packages}


def _root_prefix(packages: list[str]) -> list[str]:
    command = f"apt-get install --no-install-recommends {' '.join(packages)}"
    if os.geteuid() == 0:
        return []
    if not shutil.which("sudo"):
        raise ShopError(f"system packages are missing and there is neither root nor sudo here. As root:\n  {command}")
    # A question nobody can answer would look like a hang.
    if subprocess.run(["sudo", "-n", "true"], capture_output=True).returncode == 0:
        return ["sudo", "-n"]
    if sys.stdin.isatty():
        print(f"Some system packages are missing; sudo may ask for your password to run:\n  {command}", file=sys.stderr)
        if subprocess.run(["sudo", "-v"]).returncode == 0:
            return ["sudo", "-n"]
    raise ShopError(f"system packages are missing and sudo wants a password. Run:\n  sudo {command}")


@contextmanager
def _no_services_started(root: list[str]):
    """Debian starts a service as it installs it, unless this file says no. An existing one is somebody's decision and stays."""
    if POLICY.exists():
        yield
        return
    subprocess.run([*root, "sh", "-c", f"printf '#!/bin/sh\\nexit 101\\n' > {POLICY} && chmod 755 {POLICY}"], check=True)
    try:
        yield
    finally:
        subprocess.run([*root, "rm", "-f", str(POLICY)], check=False)
