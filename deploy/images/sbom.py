#!/usr/bin/env python3
"""Writes what an image consists of as SPDX 2.3: its Debian packages, and what was compiled or copied into its programs.

    sbom.py IMAGE VERSION ROOT [--headers FILE] [--go FILE] [--npm FILE] [--python DIR] [--jars DIR]

IMAGE and VERSION name it; ROOT is its file system, with dpkg's database. The document goes to standard output.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import uuid
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from email.parser import Parser
from pathlib import Path


@dataclass(frozen=True, order=True)
class Part:
    name: str
    version: str
    # https://github.com/package-url/purl-spec: how scanners know it.
    purl: str
    # How it is in the image: SPDX's word for the image's relation to it.
    relation: str = "CONTAINS"


def debian(fields: dict[str, str], relation: str = "CONTAINS") -> Part:
    name, version = fields["Package"], fields["Version"]
    return Part(name, version, f"pkg:deb/debian/{name}@{quoted(version)}?arch={fields['Architecture']}&distro=debian-12", relation)


def quoted(text: str) -> str:
    return text.replace("%", "%25").replace("+", "%2B").replace(":", "%3A")


def packages(root: Path) -> Iterator[Part]:
    for stanza in (root / "var/lib/dpkg/status").read_text().strip().split("\n\n"):
        yield debian(dict(Parser().parsestr(stanza).items()))


def headers(file: Path) -> Iterator[Part]:
    """The packages of the headers that a program was compiled with, by `ninja -t deps`: templates and constants of theirs are in it."""
    used = sorted({os.path.normpath(line.strip()) for line in file.read_text().splitlines() if line.startswith(" ") and line.strip().startswith("/usr/")})
    # Found where the package put it, which is not always where the compiler saw it: /lib is a link.
    owners = subprocess.run(["dpkg-query", "--search", "--", *used], capture_output=True, text=True).stdout
    names = sorted({owner.strip() for line in owners.splitlines() for owner in line.rsplit(": ", 1)[0].split(",")})
    form = "${Package}\t${Version}\t${Architecture}\n"
    for line in subprocess.run(["dpkg-query", "-W", f"-f={form}", *names], check=True, capture_output=True, text=True).stdout.splitlines():
        yield debian(dict(zip(("Package", "Version", "Architecture"), line.split("\t"))), "STATIC_LINK")


def go_modules(file: Path) -> Iterator[Part]:
    """By `go version -m`. A module replaced by a folder is the module it stands for, patched."""
    for line in file.read_text().splitlines():
        match line.strip().split("\t"):
            case ["dep", name, version, *_]:
                yield Part(name, version, f"pkg:golang/{name}@{version}", "STATIC_LINK")
        if match_ := re.fullmatch(r"\S+: go(\S+)", line):
            yield Part("go", match_[1], f"pkg:golang/stdlib@{match_[1]}", "STATIC_LINK")


def npm_packages(file: Path) -> Iterator[Part]:
    """By a lock file: what ends in the page, without what only builds and tests it."""
    for path, each in json.loads(file.read_text())["packages"].items():
        if path and not each.get("dev"):
            name = path.rsplit("node_modules/", 1)[1]
            yield Part(name, each["version"], f"pkg:npm/{name.replace('@', '%40')}@{each['version']}", "STATIC_LINK")


def python_packages(folder: Path) -> Iterator[Part]:
    for file in folder.glob("*.dist-info/METADATA"):
        fields = Parser().parsestr(file.read_text(errors="replace"), headersonly=True)
        yield Part(fields["Name"], fields["Version"], f"pkg:pypi/{fields['Name'].lower().replace('_', '-')}@{fields['Version']}")


def jars(folder: Path) -> Iterator[Part]:
    for file in folder.glob("*.jar"):
        with zipfile.ZipFile(file) as jar:
            found = [dict(re.findall(r"^(\w+)=(.*)$", jar.read(name).decode(), re.MULTILINE))
                     for name in jar.namelist() if re.fullmatch(r"META-INF/maven/.*/pom\.properties", name)]
        for each in found:
            yield Part(each["artifactId"], each["version"], f"pkg:maven/{each['groupId']}/{each['artifactId']}@{each['version']}")
        if not found and (named := re.fullmatch(r"(.+?)-(\d[\w.-]*)", file.stem)):
            yield Part(named[1], named[2], f"pkg:generic/{named[1]}@{named[2]}")


def document(image: str, version: str, parts: list[Part]) -> dict:
    seconds = int(os.environ.get("SOURCE_DATE_EPOCH") or datetime.now(timezone.utc).timestamp())
    described = [{
        "SPDXID": f"SPDXRef-Package-{number}", "name": part.name, "versionInfo": part.version, "downloadLocation": "NOASSERTION",
        "filesAnalyzed": False, "licenseConcluded": "NOASSERTION", "licenseDeclared": "NOASSERTION", "copyrightText": "NOASSERTION",
        "externalRefs": [{"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": part.purl}],
    } for number, part in enumerate(parts)]
    whole = {"SPDXID": "SPDXRef-Image", "name": image, "versionInfo": version, "downloadLocation": "NOASSERTION", "filesAnalyzed": False,
             "licenseConcluded": "NOASSERTION", "licenseDeclared": "NOASSERTION", "copyrightText": "NOASSERTION",
             "primaryPackagePurpose": "CONTAINER"}
    content = uuid.uuid5(uuid.NAMESPACE_URL, json.dumps([image, version, seconds, described]))
    return {
        "spdxVersion": "SPDX-2.3", "dataLicense": "CC0-1.0", "SPDXID": "SPDXRef-DOCUMENT", "name": f"{image} {version}",
        "documentNamespace": f"urn:uuid:{content}",
        "creationInfo": {"created": datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
                         "creators": ["Tool: deploy/images/sbom.py"]},
        "packages": [whole, *described],
        "relationships": [
            {"spdxElementId": "SPDXRef-DOCUMENT", "relationshipType": "DESCRIBES", "relatedSpdxElement": "SPDXRef-Image"},
            *({"spdxElementId": "SPDXRef-Image", "relationshipType": part.relation, "relatedSpdxElement": each["SPDXID"]}
              for part, each in zip(parts, described))],
    }


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("image")
    options.add_argument("version")
    options.add_argument("root", type=Path)
    sources = {"headers": headers, "go": go_modules, "npm": npm_packages, "python": python_packages, "jars": jars}
    for name in sources:
        options.add_argument(f"--{name}", type=Path)
    given = options.parse_args()
    parts = set(packages(given.root))
    for name, read in sources.items():
        if path := getattr(given, name):
            found = set(read(path))
            if not found:
                sys.exit(f"sbom.py: {path} tells of nothing (--{name})")
            parts |= found
    json.dump(document(given.image, given.version, sorted(parts)), sys.stdout, indent=1)


if __name__ == "__main__":
    main()
