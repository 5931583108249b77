"""Sanitized builds: how they are configured, what their processes are told, and what they reported.

Every process writes its report into one folder: a service that a sanitizer ended is started again by the platform and its
test may pass all the same, and services end without the usual exit, so exit codes alone would hide a report.
"""

import shutil
import sys
from pathlib import Path

from .console import paint
from .workspace import ROOT

# Warnings are errors in the ordinary build; what the instrumentation makes the compiler wonder about is not looked at twice.
_COMMON = ("-Doptimization=1", "-Ddebug=true", "-Dwerror=false")
OPTIONS = {
    "address": ("-Db_sanitize=address,undefined", *_COMMON),
    "thread": ("-Db_sanitize=thread", *_COMMON),
}
SUPPRESSIONS = ROOT / "tests" / "sanitizers"
EXIT_CODE = 86
# Of whatever address-sanitized build, by gcc or clang.
ADDRESS = f"detect_stack_use_after_return=1:strict_string_checks=1:suppressions={SUPPRESSIONS}/address.txt"
UNDEFINED = f"halt_on_error=1:print_stacktrace=1:suppressions={SUPPRESSIONS}/undefined.txt"


def build_folder(ordinary: Path, sanitizer: str) -> Path:
    return ordinary.with_name(f"{ordinary.name}-{sanitizer}")


def _folder(build: Path) -> Path:
    return build / "sanitizer-reports"


def environment(build: Path, sanitizer: str) -> dict[str, str]:
    """Of the tests and of all they start. Forgets the reports of the run before."""
    folder = _folder(build)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    common = f"log_path={folder}/report:exitcode={EXIT_CODE}"
    told = {"SHOP_SANITIZER": sanitizer}
    if sanitizer == "address":
        told["ASAN_OPTIONS"] = f"{common}:{ADDRESS}:detect_leaks=1:check_initialization_order=1"
        told["LSAN_OPTIONS"] = f"suppressions={SUPPRESSIONS}/leak.txt:print_suppressions=0"
        told["UBSAN_OPTIONS"] = f"{common}:{UNDEFINED}"
    else:
        told["TSAN_OPTIONS"] = f"{common}:halt_on_error=0:second_deadlock_stack=1:suppressions={SUPPRESSIONS}/thread.txt"
    return told


def reports(build: Path) -> list[Path]:
    return sorted(path for path in _folder(build).glob("report.*") if path.stat().st_size)


def show(found: list[Path], lines: int = 60) -> None:
    """The reports by their beginning; the same one of many processes is told from another by a reader, not here."""
    for path in found:
        text = path.read_text(errors="replace").splitlines()
        print(paint(f"\nA sanitizer reported ({path}):", "red", sys.stderr), file=sys.stderr)
        print("\n".join(text[:lines]), file=sys.stderr)
