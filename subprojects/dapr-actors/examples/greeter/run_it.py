"""Runs the guide's commands as they stand, behind Dapr's own programs, on free ports, and compares what they answer.

Usage: run_it.py GUIDE.md SOURCE BUILD. Takes the programs from the folder that DAPR_BIN names; without it the test is skipped."""
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SKIPPED = 77  # what Meson takes for it
PATIENCE = 60


GIVEN: set[int] = set()


def free_port() -> int:
    """Another one each time: several are chosen before the first of them is taken."""
    while True:
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            port = listener.getsockname()[1]
        if port not in GIVEN:
            GIVEN.add(port)
            return port


def console_of(guide: str) -> list[tuple[str, str]]:
    """The commands of the guide's console block, each with the line it is answered with."""
    block = re.search(r"```console\n(.*?)```", guide, re.S)[1].splitlines()
    return [(line[2:], "" if index + 1 == len(block) or block[index + 1].startswith("$ ") else block[index + 1])
            for index, line in enumerate(block) if line.startswith("$ ")]


class Session:
    """A shell's commands, with this machine's ports and folders in place of those on the page, and nothing of it left afterwards."""

    def __init__(self, source: Path, build: Path, folder: Path) -> None:
        self.folder = folder
        self.background: list[subprocess.Popen] = []
        ports = {name: str(free_port()) for name in ("50005", "50006", "3500")}
        self.places = [*ports.items(), ("build/examples/greeter/guide", str(build / "examples/greeter/guide")), ("examples/greeter/resources", str(source / "examples/greeter/resources")),
                       ("/tmp/greeter-scheduler", str(folder / "etcd"))]
        self.channel, self.sidecar = free_port(), ports["3500"]
        names = folder / "names.yaml"
        names.write_text(f"apiVersion: dapr.io/v1alpha1\nkind: Configuration\nmetadata: {{name: names}}\nspec:\n  nameResolution:\n    component: sqlite\n"
                         f"    version: v1\n    configuration: {{connectionString: '{folder}/names.db'}}\n")
        # Ports that the page leaves to their defaults, which another program of this machine may have; nothing but the loopback interface.
        loopback = "127.0.0.1"
        self.more = {
            "placement": ["--listen-address", loopback, "--healthz-listen-address", loopback, "--healthz-port", str(free_port()), "--enable-metrics=false",
                          "--id", "placement-0", "--initial-cluster", f"placement-0={loopback}:{free_port()}"],
            "scheduler": ["--listen-address", loopback, "--healthz-listen-address", loopback, "--healthz-port", str(free_port()), "--enable-metrics=false",
                          "--override-broadcast-host-port", f"{loopback}:{ports['50006']}", "--etcd-client-listen-address", loopback, "--etcd-client-port",
                          str(free_port()), "--etcd-initial-cluster", f"dapr-scheduler-server-0=http://{loopback}:{free_port()}", "--id",
                          "dapr-scheduler-server-0"],
            "daprd": ["--dapr-listen-addresses", loopback, "--dapr-grpc-port", str(free_port()), "--dapr-internal-grpc-port", str(free_port()),
                      "--dapr-internal-grpc-listen-address", loopback, "--enable-metrics=false", "--config", str(names)],
        }
        self.environment = {**os.environ, "PATH": f"{os.environ['DAPR_BIN']}:{os.environ['PATH']}", "DAPR_HOST_IP": loopback,
                            "APP_PORT": str(self.channel), "DAPR_HTTP_PORT": self.sidecar}
        self.environment.pop("APP_API_TOKEN", None)

    def run(self, command: str, answer: str) -> None:
        for on_the_page, here in self.places:
            command = command.replace(on_the_page, here)
        words = command.removesuffix(" &").replace("--app-port 7000", f"--app-port {self.channel}")
        if words.startswith("export "):
            name, value = words.removeprefix("export ").split("=")
            self.environment[name] = value
        elif command.endswith(" &"):
            program = words.split()
            log = (self.folder / f"{Path(program[0]).name}.log").open("wb")
            self.background.append(subprocess.Popen([*program, *self.more.get(program[0], [])], env=self.environment, stdout=log, stderr=log))
        else:
            self.expect(words, answer)

    def expect(self, words: str, answer: str) -> None:
        """The page's reader would ask again too, while the programs start and the event is on its way."""
        until = time.monotonic() + PATIENCE
        said = None
        while said != answer:
            if time.monotonic() > until:
                raise SystemExit(f"{words}\nanswered {said!r} instead of {answer!r}\n{self.logs()}")
            said = subprocess.run(words, shell=True, env=self.environment, capture_output=True, text=True, check=False).stdout.strip()
            if said != answer:
                time.sleep(0.2)

    def logs(self) -> str:
        return "\n".join(f"--- {log.name}\n{log.read_text(errors='replace')[-3000:]}" for log in sorted(self.folder.glob("*.log")))

    def end(self) -> None:
        for process in reversed(self.background):  # the sidecar first
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def main() -> int:
    guide, source, build = (Path(argument) for argument in sys.argv[1:])
    if "DAPR_BIN" not in os.environ:
        return SKIPPED
    commands = console_of(guide.read_text())
    answers = [answer for _, answer in commands if answer]
    if len(answers) < 2 or not all(json.loads(answer) for answer in answers):
        raise SystemExit("the guide's console block has no answers to compare")
    folder = Path(tempfile.mkdtemp(prefix="guide-"))
    session = Session(source, build, folder)
    try:
        for command, answer in commands:
            if not command.startswith("meson "):  # it is built already
                session.run(command, answer)
    finally:
        session.end()
        shutil.rmtree(folder, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
