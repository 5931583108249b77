"""Gets every outside program the platform needs: Debian packages, Python packages, Dapr's binaries, DynamoDB Local.

What takes long is kept in a cache shared by all checkouts, under a name made from its inputs: a fresh clone on a machine
that has built once builds nothing again, and a changed lock file builds exactly what it changed.
Standard library only: this runs before there is a virtual environment.
"""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .console import Progress, Step
from .packages import install_system_packages
from .workspace import CACHE, ROOT, TOOLS, ShopError

DAPR_OWN = TOOLS / "dapr"
TOXIPROXY = TOOLS / "toxiproxy"
ACTIONLINT = TOOLS / "actionlint"
LOOPBACK_SERVER = TOOLS / "dynamodb" / "LoopbackServer.java"
# What reads the deployment's templates; for the tests alone.
LINTERS = ROOT / "tests" / "deploy" / "requirements.txt"
# What makes requests out of the services' documents; for the tests alone.
SCHEMATHESIS = ROOT / "tests" / "described" / "requirements.txt"
CONTROL_PLANE = ("placement", "scheduler", "sentry")
# Its parts in a cluster that the tests of the manifests run; and what one binary of Kubernetes is, by the name it is called.
IN_CLUSTER = ("injector", "operator", "sentry")
KUBERNETES_PROGRAMS = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl")
HELM = TOOLS / "helm"
KUBERNETES = TOOLS / "kubernetes"
# Older control planes do not speak all of what our sidecar does.
OLDEST_CONTROL_PLANE = (1, 18)


@dataclass(frozen=True)
class Tools:
    """Where the programs are, once they are."""

    venv: Path
    daprd: Path
    control_plane: dict[str, Path]
    dynamodb: Path

    @property
    def python(self) -> Path:
        return self.venv / "bin" / "python"


def fingerprint(*inputs: Path | str) -> str:
    digest = hashlib.sha256()
    for part in inputs:
        digest.update(part.read_bytes() if isinstance(part, Path) else part.encode())
        digest.update(b"\0")
    return digest.hexdigest()[:16]


def venv_folder(requirements: Path = TOOLS / "requirements.txt") -> Path:
    return CACHE / f"venv-{fingerprint(requirements, sys.version, str(CACHE))}"


def dapr_folder(programs: list[str]) -> Path:
    sources = sorted(path for path in DAPR_OWN.rglob("*") if path.is_file() and not path.name.endswith("_test.go"))
    # With their names: a patch that moves to another folder belongs to another module.
    named = [part for path in sources for part in (str(path.relative_to(DAPR_OWN)), path)]
    return CACHE / f"dapr-{fingerprint(*named, *programs)}"


def dynamodb_folder() -> Path:
    return CACHE / f"dynamodb-{fingerprint(TOOLS / 'dynamodb' / 'pom.xml', LOOPBACK_SERVER)}"


@contextmanager
def made_once(folder: Path):
    """Yields True where the folder still has to be made. Two commands at once wait for one another; a half-made folder,
    left by a machine that was switched off, has no mark and is made again."""
    mark = folder / ".complete"
    if mark.exists():
        yield False
        return
    CACHE.mkdir(parents=True, exist_ok=True)
    with open(CACHE / f"{folder.name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if mark.exists():
            yield False
            return
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        yield True
        mark.touch()


def run(command: list[str], step: Step, log: Path, cwd: Path | None = None, env: dict | None = None,
        pattern: str = r"\S.*") -> None:
    """Runs a tool with its output in a log, shows the newest line that matches, and says why when it fails."""
    with open(log, "w") as out:
        process = subprocess.Popen(command, cwd=cwd, env={**os.environ, **(env or {})}, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
        for line in process.stdout:
            out.write(line)
            if match := re.search(pattern, line):
                step.show(match.group(0).strip()[:60])
        code = process.wait()
    if code != 0:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
        raise ShopError(f"{step.title}: `{' '.join(map(str, command[:4]))} …` ended with {code}.\n{tail}\nThe whole output is in {log}")


def ensure_venv(progress: Progress, requirements: Path = TOOLS / "requirements.txt", what: str = "Python packages") -> Path:
    folder = venv_folder(requirements)
    with made_once(folder) as missing:
        if missing:
            with progress.step(what) as step:
                # Not the interpreter of another virtual environment, which could go away.
                base = getattr(sys, "_base_executable", None) or sys.executable
                log = CACHE / f"{folder.name}.log"
                run([base, "-m", "venv", str(folder)], step, log)
                run([str(folder / "bin" / "pip"), "install", "--disable-pip-version-check", "--no-input", "-r",
                     str(requirements)], step, log, pattern=r"(Collecting|Installing).*")
    return folder


def go_program() -> str:
    for candidate in (shutil.which("go"), "/usr/local/go/bin/go"):
        if candidate and Path(candidate).exists():
            return candidate
    raise ShopError("Go is missing, and the Dapr sidecar is built with it: install Go 1.21 or newer (https://go.dev/dl/)")


def _installed_control_plane() -> dict[str, Path]:
    """What an existing `dapr init` brought, where it is new enough. Only its daprd tells its version; all came together."""
    folder = Path.home() / ".dapr" / "bin"
    if not (folder / "daprd").is_file():
        return {}
    answer = subprocess.run([str(folder / "daprd"), "--version"], capture_output=True, text=True, timeout=20)
    version = re.match(r"v?(\d+)\.(\d+)", answer.stdout.strip())
    if not version or tuple(map(int, version.groups())) < OLDEST_CONTROL_PLANE:
        return {}
    return {name: folder / name for name in CONTROL_PLANE if (folder / name).is_file()}


def _build_dapr(folder: Path, what: list[str], step: Step, log: Path) -> None:
    go_on_path = {"PATH": f"{Path(go_program()).parent}{os.pathsep}{os.environ['PATH']}"}
    run([str(DAPR_OWN / "build"), str(folder), *what], step, log, env=go_on_path)


def ensure_dapr(progress: Progress) -> tuple[Path, dict[str, Path]]:
    """daprd is always our own, because of its store and its patches; the control plane is whatever is there and new enough."""
    installed = _installed_control_plane()
    built = [name for name in CONTROL_PLANE if name not in installed]
    folder = dapr_folder(built)
    with made_once(folder) as missing:
        if missing:
            with progress.step("Dapr binaries") as step:
                _build_dapr(folder, ["./daprd", *(f"github.com/dapr/dapr/cmd/{name}" for name in built)], step, CACHE / "dapr.log")
    return folder / "daprd", {**{name: folder / name for name in built}, **installed}


def ensure_stock_daprd(progress: Progress) -> Path:
    """Our sidecar with Dapr's own store component. For the test that shows why ours has another; nothing else needs it."""
    folder = CACHE / f"{dapr_folder([]).name}-stock"
    with made_once(folder) as missing:
        if missing:
            with progress.step("daprd with the stock component") as step:
                _build_dapr(folder, ["-tags", "stock", "./daprd"], step, CACHE / "dapr-stock.log")
    return folder / "daprd"


def _go_tool(progress: Progress, module: Path, package: str, program: str) -> Path:
    """A program out of a module of ours that pins it, named after the module's folder."""
    folder = CACHE / f"{module.name}-{fingerprint(module / 'go.mod', module / 'go.sum')}"
    with made_once(folder) as missing:
        if missing:
            with progress.step(module.name) as step:
                run([go_program(), "build", "-mod=readonly", "-trimpath", "-v", "-ldflags", "-s -w", "-o", str(folder / program), package],
                    step, CACHE / f"{module.name}.log", cwd=module, env={"CGO_ENABLED": "0"})
    return folder / program


def ensure_toxiproxy(progress: Progress) -> Path:
    """For tests that disturb connections; nothing else needs it."""
    return _go_tool(progress, TOXIPROXY, "github.com/Shopify/toxiproxy/v2/cmd/server", "toxiproxy-server")


def ensure_helm(progress: Progress) -> Path:
    """For the tests of the chart; whoever installs it has a helm of his own."""
    return _go_tool(progress, HELM, "helm.sh/helm/v3/cmd/helm", "helm")


def ensure_actionlint(progress: Progress) -> Path:
    """For the test of .github/workflows; nothing else needs it."""
    return _go_tool(progress, ACTIONLINT, "github.com/rhysd/actionlint/cmd/actionlint", "actionlint")


def kubernetes_folder() -> Path:
    return CACHE / f"kubernetes-{fingerprint(*(KUBERNETES / name for name in ('go.mod', 'go.sum', 'main.go')))}"


def ensure_kubernetes(progress: Progress) -> Path:
    """A folder with the programs of a control plane and kubectl, without the clouds' own parts, for the tests of the manifests;
    nothing else needs it. Some eight minutes of one processor: it gives way to whatever else is being built."""
    folder = kubernetes_folder()
    with made_once(folder) as missing:
        if missing:
            with progress.step("Kubernetes control plane") as step:
                version = re.search(r"k8s\.io/kubernetes (v\d+\.(\d+)\.\d+)", (KUBERNETES / "go.mod").read_text())
                component = "k8s.io/component-base/version"
                stamps = {f"{component}.gitVersion": version[1], f"{component}.gitMajor": "1", f"{component}.gitMinor": version[2],
                          "k8s.io/client-go/pkg/version.gitVersion": version[1]}
                flags = "-s -w " + " ".join(f"-X {name}={value}" for name, value in stamps.items())
                run(["nice", "-n", "15", go_program(), "build", "-mod=readonly", "-trimpath", "-v", "-tags", "providerless",
                     "-ldflags", flags, "-o", str(folder / "kubernetes"), "."], step, CACHE / "kubernetes.log", cwd=KUBERNETES, env={"CGO_ENABLED": "0"})
                for name in KUBERNETES_PROGRAMS:
                    (folder / name).symlink_to("kubernetes")
    return folder


def ensure_dapr_in_cluster(progress: Progress) -> Path:
    """A folder with Dapr's injector, operator and sentry, for the tests of the manifests."""
    folder = CACHE / f"{dapr_folder(list(IN_CLUSTER)).name}-cluster"
    with made_once(folder) as missing:
        if missing:
            with progress.step("Dapr's injector and operator") as step:
                _build_dapr(folder, [f"github.com/dapr/dapr/cmd/{name}" for name in IN_CLUSTER], step, CACHE / "dapr-cluster.log")
    return folder


def dapr_chart() -> Path:
    """Dapr's own chart, out of the module that its programs are built from."""
    answer = subprocess.run([go_program(), "list", "-mod=readonly", "-m", "-f", "{{.Dir}}", "github.com/dapr/dapr"], cwd=DAPR_OWN,
                            capture_output=True, text=True, check=True)
    return Path(answer.stdout.strip()) / "charts" / "dapr"


def ensure_dynamodb(progress: Progress) -> Path:
    folder = dynamodb_folder()
    with made_once(folder) as missing:
        if missing:
            with progress.step("DynamoDB Local") as step:
                run(["mvn", "-B", "-f", str(TOOLS / "dynamodb" / "pom.xml"), "dependency:copy-dependencies",
                     f"-DoutputDirectory={folder / 'lib'}", "-DincludeScope=runtime"], step, CACHE / "dynamodb.log",
                    pattern=r"(Downloading|Copying).*")
                run(["javac", "-cp", f"{folder}/lib/*", "-d", str(folder), str(LOOPBACK_SERVER)], step, CACHE / "javac.log")
    return folder


def python_of_tools(progress: Progress) -> Path:
    """The interpreter the rest of the command runs in; installs what is needed to have one."""
    install_system_packages(progress)
    return ensure_venv(progress) / "bin" / "python"


def existing_python() -> Path | None:
    """The same interpreter for commands that set nothing up, such as `status`; None where nothing was ever set up."""
    python = venv_folder() / "bin" / "python"
    return python if (venv_folder() / ".complete").exists() else None


def tools(progress: Progress) -> Tools:
    """Everything else, the slow ones side by side: one waits for the network while the other uses the processor."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor() as pool:
        dynamodb = pool.submit(ensure_dynamodb, progress)
        dapr = pool.submit(ensure_dapr, progress)
        daprd, control_plane = dapr.result()
        return Tools(venv_folder(), daprd, control_plane, dynamodb.result())
