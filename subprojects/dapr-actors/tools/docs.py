#!/usr/bin/env python3
"""Makes the library's pages: its Markdown and the reference of its public headers, by Doxygen. Checks every link.

    tools/docs.py OUT      into the folder OUT; begin with OUT/index.html

Ends with 1 if Doxygen warns of something or a link leads nowhere, and says which; with 77 if doxygen is missing. Links to other
sites are not followed: a page of somebody else must not decide whether ours are right.
"""

import html.parser
import re
import shutil
import subprocess
import sys
import tempfile
import urllib.parse
from pathlib import Path

SOURCE = Path(__file__).resolve().parent.parent
DOXYGEN = SOURCE / "tools" / "doxygen"
# To Doxygen a single quote ends what a backtick began, but not what two begin.
QUOTED = re.compile(r"(?<!`)`([^`\n]*'[^`\n]*)`(?!`)")
LINK = re.compile(r"\[([^\]]*)\]\(([^)\s]+)\)")


def _outside(target: str) -> bool:
    return bool(urllib.parse.urlsplit(target).scheme)


def pages() -> list[Path]:
    return [SOURCE / "README.md", SOURCE / "CHANGELOG.md", *sorted((SOURCE / "docs").glob("*.md"))]


def anchors(text: str) -> set[str]:
    """Of a page's headings, as hosts of Git name them."""
    headings = re.findall(r"^#+ (.+)$", re.sub(r"```.*?```", "", text, flags=re.S), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def dead_in_markdown() -> list[str]:
    """What a reader of the sources would find missing."""
    dead = []
    for page in pages():
        for _, target in LINK.findall(re.sub(r"```.*?```", "", page.read_text(), flags=re.S)):
            if _outside(target):
                continue
            path, _, anchor = target.partition("#")
            file = (page.parent / path).resolve() if path else page
            if not file.exists() or SOURCE not in (file, *file.parents):
                dead.append(f"{page.relative_to(SOURCE)}: there is no {target}")
            elif anchor and anchor not in anchors(file.read_text()):
                dead.append(f"{page.relative_to(SOURCE)}: {target}: no such heading")
    return dead


class _Links(html.parser.HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.targets: list[str] = []
        self.names: set[str] = set()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        for name, value in attributes:
            if value and name in ("id", "name"):
                self.names.add(value)
            if value and ((tag, name) in (("a", "href"), ("link", "href")) or (name == "src" and tag in ("img", "script"))):
                self.targets.append(value)


def _slip(file: Path, anchor: str) -> bool:
    """Doxygen's own: a summary names nested classes that are private, a listing links members that are. The page is right."""
    return anchor == "nested-classes" or file.name.endswith("_source.html")


def dead_in_html(folder: Path) -> list[str]:
    read: dict[Path, _Links] = {}
    for file in folder.rglob("*.html"):
        read[file] = _Links()
        read[file].feed(file.read_text(errors="replace"))
    dead = []
    for file, links in read.items():
        for target in links.targets:
            if _outside(target) or target == "#" or target.startswith("javascript:"):
                continue
            path, _, anchor = urllib.parse.unquote(target).partition("#")
            there = (file.parent / path).resolve() if path else file
            if not there.exists():
                dead.append(f"{file.name}: there is no {target}")
            elif anchor and there in read and anchor not in read[there].names and not _slip(file, anchor):
                dead.append(f"{file.name}: {target}: no such place")
    return sorted(set(dead))


def prepared(copy: Path) -> None:
    """The sources as Doxygen understands them: a header's first comment is about the header; a link to a folder goes to the program
    in it; one to a file that has no page becomes plain words."""
    for part in ("include", "docs", "examples", "README.md", "CHANGELOG.md"):
        if (SOURCE / part).is_dir():
            shutil.copytree(SOURCE / part, copy / part)
        else:
            shutil.copy(SOURCE / part, copy / part)
    for file in [*copy.rglob("*.hpp"), *copy.rglob("*.cpp")]:
        # An alias of a namespace is nothing to it.
        text = re.sub(r"\bstruct actors::Describe<", "struct dapr::actors::Describe<", file.read_text())
        file.write_text(re.sub(r"\A//[/!]? ?", "/// @file\n/// ", text) if text.startswith("///") else "/// @file\n" + text)
    for page in copy.rglob("*.md"):
        def led(match: re.Match) -> str:
            words, target = match.groups()
            if _outside(target) or target.startswith("#"):
                return match[0]
            file = (page.parent / target.partition("#")[0]).resolve()
            if file.is_dir():
                file = next(iter(sorted(file.glob("main.cpp"))), file)
            # Doxygen finds a page by its path from the top, and a file by its name where that is the only one.
            if file.suffix == ".md":
                return f"[{words}]({file.relative_to(copy)})"
            return f"[{words}](@ref {file.relative_to(copy).as_posix().removeprefix('include/')})" if file.suffix in (".hpp", ".cpp") else words
        text = LINK.sub(led, QUOTED.sub(r"``\1``", page.read_text()))
        # Else the page would be called after the folder of this copy.
        page.write_text(text if page.name == "README.md" else re.sub(r"\A# (.+)$", rf"# \1 {{#{page.stem.lower()}}}", text, count=1, flags=re.M))


def make(out: Path) -> list[str]:
    version = re.search(r"version: '([^']+)'", (SOURCE / "meson.build").read_text())[1]
    with tempfile.TemporaryDirectory(prefix="dapr-actors-docs-") as folder:
        copy, html_folder = Path(folder).resolve(), Path(folder).resolve() / "html"
        prepared(copy)
        settings = (DOXYGEN / "Doxyfile").read_text() + (
            f"PROJECT_NUMBER = {version}\nOUTPUT_DIRECTORY = {copy}\nSTRIP_FROM_PATH = {copy}/include {copy}\nSTRIP_FROM_INC_PATH = {copy}/include {copy}\nHTML_EXTRA_STYLESHEET = {DOXYGEN / 'style.css'}\n")
        done = subprocess.run(["doxygen", "-"], input=settings, cwd=copy, capture_output=True, text=True)
        findings = [line.replace(f"{copy}/", "") for line in done.stderr.splitlines() if line.strip()]
        if done.returncode != 0 and not findings:
            findings = [f"doxygen ended with {done.returncode}"]
        if html_folder.is_dir():
            findings += [f"{file.name} names the folder it was made in" for file in html_folder.rglob("*.html") if str(copy) in file.read_text(errors="replace")]
            findings += dead_in_html(html_folder)
            shutil.rmtree(out, ignore_errors=True)
            shutil.copytree(html_folder, out)
    return findings


def main() -> int:
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        print(__doc__, file=sys.stderr)
        return 0 if sys.argv[1:] in (["-h"], ["--help"]) else 2
    if not shutil.which("doxygen"):
        print("docs.py: missing: apt install doxygen", file=sys.stderr)
        return 77
    out = Path(sys.argv[1]).resolve()
    findings = dead_in_markdown() + make(out)
    for finding in findings:
        print(finding, file=sys.stderr)
    print(out / "index.html")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
