"""Clang reads what users compile, warnings as errors: the sources with all they include, and the examples with their tests.

    python3 clang.py SOURCE      ends with 77, which is skipped, where CLANG (default: clang++-16) is missing

It stops before code generation, so that it takes seconds; a nightly job builds the library with clang and runs its tests.
"""

import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

SOURCE = Path(sys.argv[1]).resolve()
CLANG = os.environ.get("CLANG", "clang++-16")
OPTIONS = ["-std=c++20", "-fsyntax-only", "-x", "c++", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror", f"-I{SOURCE / 'include'}",
           f"-I{SOURCE / 'src'}"]


def refused(files: list[Path]) -> str:
    """All of them as one unit: most of the time goes into what they include."""
    unit = "".join(f'#include "{file}"\n' for file in files)
    return subprocess.run([CLANG, *OPTIONS, "-"], input=unit, capture_output=True, text=True).stderr


if not shutil.which(CLANG):
    print(f"{CLANG} is not installed", file=sys.stderr)
    sys.exit(77)
headers = sorted((SOURCE / "include").rglob("*.hpp"))
sources = sorted((SOURCE / "src").rglob("*.cpp"))
examples = sorted((SOURCE / "examples").glob("*/*.cpp"))
if not (headers and sources and examples):
    sys.exit(f"nothing to read in {SOURCE}")
with ThreadPoolExecutor(os.cpu_count()) as pool:
    findings = list(pool.map(refused, [headers + sources, *([each] for each in examples)]))
for words in findings:
    print(words, end="", file=sys.stderr)
print(f"{CLANG}: {len(headers)} headers, {len(sources)} sources, {len(examples)} files of examples")
sys.exit(any(findings))
