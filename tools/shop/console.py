"""What a person sees while something takes long: which step, how far, how long so far, and why it stopped."""

import os
import shutil
import sys
import threading
import time
from contextlib import contextmanager

TTY = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
COLOURS = {"red": 31, "green": 32, "yellow": 33, "blue": 34, "magenta": 35, "cyan": 36, "dim": 2, "bold": 1}
# Where nobody watches a moving line, a word now and then says that nothing hangs.
HEARTBEAT_SECONDS = 20


def paint(text: str, colour: str, stream=sys.stdout) -> str:
    """Colour only where a terminal shows it and nobody asked for none (no-color.org)."""
    if not stream.isatty() or os.environ.get("NO_COLOR"):
        return text
    return f"\033[{COLOURS[colour]}m{text}\033[0m"


def warn(text: str) -> None:
    print(paint("warning: ", "yellow", sys.stderr) + text, file=sys.stderr)


def fail(text: str) -> None:
    print(paint("shop: ", "red", sys.stderr) + text, file=sys.stderr)


class Step:
    def __init__(self, title: str):
        self.title, self.started, self.detail = title, time.monotonic(), ""

    def show(self, detail: str) -> None:
        """How far this step is: '34 of 120 files', 'waiting for cart-service'."""
        self.detail = detail

    @property
    def elapsed(self) -> str:
        seconds = time.monotonic() - self.started
        return f"{seconds:.1f} s" if seconds < 60 else f"{int(seconds // 60)} min {int(seconds % 60)} s"


class Progress:
    """Steps, several at once if need be. On a terminal one line is kept current; elsewhere each end is a line."""

    def __init__(self, quiet: bool = False):
        self.quiet = quiet
        self.running: list[Step] = []
        self.lock = threading.Lock()
        self.last_beat = time.monotonic()
        self.stop = threading.Event()
        self.painter: threading.Thread | None = None

    def __enter__(self) -> "Progress":
        if not self.quiet:
            self.painter = threading.Thread(target=self._paint, daemon=True)
            self.painter.start()
        return self

    def __exit__(self, *_) -> None:
        self.stop.set()
        if self.painter:
            self.painter.join()
        self._clear()

    @contextmanager
    def step(self, title: str):
        step = Step(title)
        with self.lock:
            self.running.append(step)
        try:
            yield step
        except BaseException:
            self._end(step, paint("✗", "red", sys.stderr))
            raise
        self._end(step, paint("✓", "green", sys.stderr))

    def _end(self, step: Step, mark: str) -> None:
        with self.lock:
            self.running.remove(step)
            if not self.quiet:
                self._clear()
                print(f"  {mark} {step.title} " + paint(f"({step.elapsed})", "dim", sys.stderr), file=sys.stderr, flush=True)

    def _clear(self) -> None:
        if TTY and not self.quiet:
            sys.stderr.write("\r\033[K")

    def _line(self) -> str:
        return " · ".join(f"{s.title}{': ' + s.detail if s.detail else ''} ({s.elapsed})" for s in self.running)

    def _paint(self) -> None:
        while not self.stop.wait(0.2):
            with self.lock:
                if not self.running:
                    continue
                if TTY:
                    width = shutil.get_terminal_size().columns - 1
                    sys.stderr.write("\r\033[K" + ("  … " + self._line())[:width])
                    sys.stderr.flush()
                elif time.monotonic() - self.last_beat > HEARTBEAT_SECONDS:
                    self.last_beat = time.monotonic()
                    print("  … " + self._line(), file=sys.stderr, flush=True)
