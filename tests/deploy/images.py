"""The images of deploy/images/Dockerfile, built without a container engine: its own instructions, carried out in overlays by root.

This machine's Debian stands in for the base images, below what a stage writes. An image itself begins from nothing: what was
not put into it is not there. An instruction that is not known here stops the build, so that none is passed over.
"""

import fnmatch
import hashlib
import io
import json
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

from deployment import ROOT
from dockerfile_parse import DockerfileParser

from shop.toolbox import made_once

FILE = ROOT / "deploy" / "images" / "Dockerfile"
CONTAINER = Path(__file__).with_name("container")
# In private mount namespaces, where nobody sees them.
MERGED, OTHER = "/mnt/merged", "/mnt/other"


class BuildError(ValueError):
    """What an engine would have stopped at: stage, instruction and output."""


@dataclass(frozen=True)
class Stage:
    name: str
    base: str
    instructions: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Config:
    """What an image says of how it is run."""

    user: str = ""
    entrypoint: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()
    stop_signal: str = "SIGTERM"
    environment: dict[str, str] = field(default_factory=dict)
    folder: str = "/"
    shell: tuple[str, ...] = ("/bin/sh", "-c")


@dataclass(frozen=True)
class Image:
    name: str
    root: Path
    config: Config

    def command(self, *arguments: str, mounts: tuple[str, ...] = (), passed: tuple[str, ...] = (), program: tuple[str, ...] | None = None) -> list[str]:
        """As a cluster starts it: given arguments take the place of the image's, and `program` that of its entry point."""
        words = [*(self.config.entrypoint if program is None else program), *(arguments or self.config.arguments)]
        environment = [word for name, value in self.config.environment.items() for word in ("--env", f"{name}={value}")]
        return [str(CONTAINER), str(self.root), self.config.user, *environment, *mounts,
                *(word for name in passed for word in ("--pass", name)), "--", *words]

    def run(self, *arguments: str, **how) -> subprocess.CompletedProcess:
        return subprocess.run(self.command(*arguments, **how), capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)

    def packages(self) -> dict[str, set[str]]:
        """Debian package → its files."""
        return {file.stem: set(file.read_text().splitlines()) for file in (self.root / "var/lib/dpkg/info").glob("*.list")}


def targets(stages: dict[str, Stage]) -> list[str]:
    """The stages that are images: those that say what runs."""
    return [name for name, stage in stages.items() if any(word in ("ENTRYPOINT", "CMD") for word, _ in stage.instructions)]


def parse(text: str) -> tuple[dict[str, str], dict[str, Stage]]:
    """The global arguments, and the stages by name."""
    arguments, stages, current = {}, {}, None
    for each in DockerfileParser(fileobj=io.BytesIO(text.encode())).structure:
        word, value = each["instruction"], each["value"]
        if word == "COMMENT":
            continue
        if word == "FROM":
            base, name = re.fullmatch(r"(\S+) AS (\S+)", value).groups()
            current = Stage(name, re.sub(r"\$\{(\w+)\}", lambda match: arguments[match[1]], base), ())
        elif current is None:
            assert word == "ARG", f"{word} before the first stage"
            arguments.update([value.split("=", 1)])
        else:
            current = replace(current, instructions=(*current.instructions, (word, value)))
        if current:
            stages[current.name] = current
    return arguments, stages


class Builder:
    """`built` is where stages lie that folders of the sources are in, `kept` where the others do, which are seldom made anew.
    `instead` has what this machine has made already in the way the stage would: stage → path in it → file or folder here."""

    def __init__(self, text: str, kept: Path, built: Path, instead: dict[str, dict[str, Path]] | None = None):
        self.arguments, self.stages = parse(text)
        self.kept, self.built, self.instead = kept, built, instead or {}
        self.ignored = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
        self.made: dict[str, Made] = {}

    def image(self, name: str) -> Image:
        made = self._stage(name)
        return Image(name, made.layer, made.config)

    def images(self, names: Iterable[str]) -> dict[str, Image]:
        """Side by side: some wait for the network while others use the processor."""
        with ThreadPoolExecutor(3) as pool:
            return {image.name: image for image in pool.map(self.image, names)}

    def from_nothing(self, name: str) -> bool:
        base = self.stages[name].base
        return base == "scratch" or base in self.stages and self.from_nothing(base)

    # --- stages

    def _stage(self, name: str) -> "Made":
        if name not in self.made:
            stage = self.stages[name]
            below = self._stage(stage.base) if stage.base in self.stages else Made(None, stage.base, Config(), False)
            others = [self._stage(other) for word, value in stage.instructions if word == "COPY" for other in [_copied(value)[0]] if other]
            sources = any(made.sources for made in (below, *others)) or any((ROOT / source).is_dir() for source in self._taken(stage))
            digest = hashlib.sha256("\0".join([below.digest, *(made.digest for made in others), *self._inputs(stage)]).encode()).hexdigest()
            folder = (self.built if sources else self.kept) / f"image-{name}-{digest[:16]}"
            with made_once(folder) as missing:
                if missing:
                    for old in set(self.built.glob(f"image-{name}-{'[0-9a-f]' * 16}")) - {folder}:
                        shutil.rmtree(old)
                    (folder / "work").mkdir()
                    # Overlays whose lowest folder is the root cannot have another one of this machine above it: each stage has a
                    # copy of what those below it wrote, which is little.
                    subprocess.run(["cp", "-a", below.layer, folder / "layer"] if below.layer else ["mkdir", folder / "layer"], check=True)
                    self._carry_out(stage, folder, below.config)
            self.made[name] = Made(folder / "layer", digest, configured(stage, below.config), sources)
        return self.made[name]

    def _inputs(self, stage: Stage):
        """Everything that its result depends on, besides the stages it takes from."""
        yield repr(stage.instructions)
        for path, here in self.instead.get(stage.name, {}).items():
            yield f"{path} {here} {here.stat().st_mtime_ns}"
        for source in self._taken(stage):
            if not self._files(source):
                raise BuildError(f"stage {stage.name}: COPY {source}: there is no such file, or .dockerignore leaves it out")
            for path in self._files(source):
                yield f"{path} {(ROOT / path).stat().st_mode} {hashlib.sha256((ROOT / path).read_bytes()).hexdigest()}"

    def _taken(self, stage: Stage) -> list[str]:
        """What it copies out of the sources."""
        copies = [_copied(value) for word, value in stage.instructions if word == "COPY"]
        return [source for other, sources, _ in copies if not other for source in sources]

    def _carry_out(self, stage: Stage, folder: Path, config: Config) -> None:
        if stage.name in self.instead:
            for path, here in self.instead[stage.name].items():
                _place(here, folder / "layer" / path.lstrip("/"))
            return
        arguments: dict[str, str] = {}
        for word, value in stage.instructions:
            config = _told(config, word, value)
            if word == "ARG":
                name, _, otherwise = value.partition("=")
                arguments[name] = self.arguments.get(name, otherwise)
            elif word == "COPY":
                self._copy(stage, folder, config, value)
            elif word == "RUN":
                self._run(stage, folder, config, arguments, value)

    # --- instructions

    def _run(self, stage: Stage, folder: Path, config: Config, arguments: dict[str, str], value: str) -> None:
        assert not self.from_nothing(stage.name), f"{stage.name} begins from nothing: there is no shell in it to RUN anything"
        kept = []
        while match := re.match(r"--mount=type=cache,target=(\S+)\s+", value):
            kept.append(match[1])
            value = value[match.end():]
        assert not value.startswith("--"), f"{stage.name}: RUN {value.split()[0]} is not known here"
        script = [self._mounted(folder), f"mount --rbind /dev {MERGED}/dev", f"mount -t proc proc {MERGED}/proc",
                  f"touch {MERGED}/etc/resolv.conf", f"mount --bind /etc/resolv.conf {MERGED}/etc/resolv.conf"]
        for path in kept:
            # A builder's cache is this user's own, where there is one.
            own = shlex.quote(re.sub(r"^/root(?=/)", str(Path.home()), path))
            script.append(f"mkdir -p {MERGED}{path}; [ ! -d {own} ] || mount --bind {own} {MERGED}{path}")
        environment = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root",
                       "DEBIAN_FRONTEND": "noninteractive", **config.environment, **arguments}
        script.append(f"mkdir -p {MERGED}{config.folder}")
        inside = ["chroot", MERGED, "env", "-i", "-C", config.folder, *(f"{name}={text}" for name, text in environment.items()),
                  *config.shell, value]
        self._do(stage, "\n".join([*script, "exec " + shlex.join(inside)]), f"RUN {value}")

    def _copy(self, stage: Stage, folder: Path, config: Config, value: str) -> None:
        other, sources, target = _copied(value)
        into = target.endswith("/") or len(sources) > 1
        target = os.path.normpath(os.path.join(config.folder, target))
        if not other:
            for source in sources:
                place = folder / "layer" / target.lstrip("/")
                if (ROOT / source).is_dir():
                    for path in self._files(source):
                        _place(ROOT / path, place / os.path.relpath(path, source))
                else:
                    _place(ROOT / source, place / Path(source).name if into else place)
            return
        script = [self._mounted(folder), f"mkdir -p {OTHER}", f"mount --bind {shlex.quote(str(self._stage(other).layer))} {OTHER}"]
        for source in sources:
            script.append(f"[ -e {OTHER}{source} ] || {{ echo '{source} is not there' >&2; exit 1; }}")
            script.append(f"if [ -d {OTHER}{source} ]; then mkdir -p {MERGED}{target} && cp -a {OTHER}{source}/. {MERGED}{target}; else "
                          f"mkdir -p $(dirname {MERGED}{target}) && cp -a {OTHER}{source} {MERGED}{target}{'/' if into else ''}; fi")
        self._do(stage, "\n".join(script), f"COPY {value}")

    def _mounted(self, folder: Path) -> str:
        """What a stage sees so far, as `MERGED`."""
        layer, work = shlex.quote(str(folder / "layer")), shlex.quote(str(folder / "work"))
        empty = self.from_nothing(folder.name.removeprefix("image-").rsplit("-", 1)[0])
        below = f"mount --bind {layer} {MERGED}" if empty else f"mount -t overlay overlay -o lowerdir=/,upperdir={layer},workdir={work} {MERGED}"
        return f"set -e; mount -t tmpfs tmpfs /mnt; mkdir -p {MERGED}; {below}"

    def _do(self, stage: Stage, script: str, what: str) -> None:
        # What a stage started ends with this process, however that ends.
        alone = ["setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child"]
        answer = subprocess.run([*alone, "sh", "-c", script], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                text=True, errors="replace")
        if answer.returncode:
            tail = "\n".join(answer.stdout.splitlines()[-20:])
            raise BuildError(f"stage {stage.name}: {' '.join(what.split())[:200]} ended with {answer.returncode}:\n{tail}")

    def _files(self, source: str) -> list[str]:
        """Of the sources, without what .dockerignore leaves out."""
        if not (ROOT / source).is_dir():
            return [source] if (ROOT / source).is_file() and not self._left_out(source) else []
        found = []
        for folder, folders, files in os.walk(ROOT / source):
            here = os.path.relpath(folder, ROOT)
            paths = {name: os.path.normpath(os.path.join(here, name)) for name in folders + files}
            folders[:] = sorted(name for name in folders if not self._left_out(paths[name]))
            found += sorted(paths[name] for name in files if not self._left_out(paths[name]))
        return found

    def _left_out(self, path: str) -> bool:
        """A pattern is of a whole path; one that begins with `**/`, of a name in any folder."""
        return any(fnmatch.fnmatchcase(path.rsplit("/", 1)[-1], pattern[3:]) if pattern.startswith("**/") else
                   fnmatch.fnmatchcase(path, pattern) and path.count("/") == pattern.count("/") for pattern in self.ignored)


@dataclass(frozen=True)
class Made:
    """A stage's layer, with those of the stages below it; what it was made from; whether the sources are in it."""

    layer: Path | None
    digest: str
    config: Config
    sources: bool


def _copied(value: str) -> tuple[str, list[str], str]:
    """The stage that is copied from, what, and to where."""
    words = shlex.split(value)
    other = words.pop(0).removeprefix("--from=") if words[0].startswith("--from=") else ""
    assert not words[0].startswith("--"), f"COPY {words[0]} is not known here"
    return other, words[:-1], words[-1]


def configured(stage: Stage, config: Config) -> Config:
    """What a stage says of how it is run, on top of what its base says."""
    for word, value in stage.instructions:
        config = _told(config, word, value)
    return config


def _told(config: Config, word: str, value: str) -> Config:
    match word:
        case "ENV":
            return replace(config, environment=config.environment | dict(each.split("=", 1) for each in shlex.split(value)))
        case "USER":
            return replace(config, user=value)
        case "WORKDIR":
            return replace(config, folder=os.path.join(config.folder, value))
        case "ENTRYPOINT":
            return replace(config, entrypoint=tuple(json.loads(value)), arguments=())
        case "CMD":
            return replace(config, arguments=tuple(json.loads(value)))
        case "STOPSIGNAL":
            return replace(config, stop_signal=value)
        case "SHELL":
            return replace(config, shell=tuple(json.loads(value)))
        case "COPY" | "RUN" | "ARG":
            return config
    raise BuildError(f"{word} is not known here")


def _place(here: Path, there: Path) -> None:
    there.parent.mkdir(parents=True, exist_ok=True)
    if here.is_dir():
        shutil.copytree(here, there, symlinks=True, dirs_exist_ok=True)
    else:
        shutil.copy2(here, there, follow_symlinks=False)
