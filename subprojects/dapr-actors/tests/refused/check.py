"""Compiles refused.cpp and compares its errors with what its lines say: one error each, with the words after `refused:`."""

import json
import pathlib
import re
import shlex
import subprocess
import sys

SOURCE = pathlib.Path(__file__).with_name("refused.cpp")
EXPECTED = re.compile(r"// refused: (.+)$")


def compile_it(build: pathlib.Path) -> str:
    """The compiler's words, under the options that the library's own tests are compiled with."""
    commands = json.loads((build / "compile_commands.json").read_text())
    like = SOURCE.resolve().parent.parent / "actor_test.cpp"
    command = next(entry for entry in commands if (pathlib.Path(entry["directory"]) / entry["file"]).resolve() == like)
    words = shlex.split(command["command"])
    if "ccache" in pathlib.Path(words[0]).name:
        del words[0]
    options = [word for word in words[1:] if word.startswith(("-I", "-D", "-std=", "-isystem"))]
    result = subprocess.run([words[0], *options, "-w", "-O0", "-fsyntax-only", str(SOURCE)], cwd=command["directory"], capture_output=True,
                            text=True, check=False, env={"LC_ALL": "C", "PATH": "/usr/bin:/bin"})
    return result.stderr


def errors_of(words: str) -> list[tuple[int, str]]:
    """The line of refused.cpp that caused each error, and the error."""
    found = []
    line = 0
    for text in words.splitlines():
        if text.startswith("In file included from"):
            continue
        if "note: in instantiation of" in text:  # clang names the cause after the error, g++ before it
            at = re.search(re.escape(SOURCE.name) + r":(\d+):", text)
            if at and found and not found[-1][0]:
                found[-1] = (int(at[1]), found[-1][1])
            continue
        if "In instantiation of" in text or "In substitution of" in text:
            line = 0
        at = re.search(re.escape(SOURCE.name) + r":(\d+):", text)
        if ": error: " in text:
            found.append((line or (int(at[1]) if at else 0), text.split(": error: ", 1)[1]))
        elif at:
            line = int(at[1])
    return found


def main() -> int:
    expected = {number: match[1] for number, text in enumerate(SOURCE.read_text().splitlines(), 1) if (match := EXPECTED.search(text))}
    words = compile_it(pathlib.Path(sys.argv[1]))
    errors = errors_of(words)
    wrong = [f"line {line}: no error says: {text}" for line, text in expected.items()
             if not any(at == line and text in error for at, error in errors)]
    wrong += [f"line {line}: one error too many: {error}" for line, error in errors
              if line not in expected or expected[line] not in error]
    wrong += [f"line {line}: the same error more than once" for line in expected if sum(at == line for at, _ in errors) > 1]
    if not expected:
        wrong.append("refused.cpp expects nothing")
    if wrong:
        print("\n".join(wrong), file=sys.stderr)
        print(words, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
