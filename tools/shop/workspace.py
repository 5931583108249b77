"""Where things are: the checkout, the state of one running platform, the cache shared by all checkouts."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from . import facts

ROOT = Path(os.environ.get("SHOP_ROOT") or Path(__file__).resolve().parents[2])
TOOLS = ROOT / "tools"
LIBRARY = ROOT / "subprojects" / "dapr-actors"
CONFIG = ROOT / "dapr-config"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / facts.load()["project"]


class ShopError(Exception):
    """A failure a person can act on: the message says what, why and where to look."""


@dataclass(frozen=True)
class Workspace:
    """One platform's own folder. A second platform beside a developer's own needs another one, and other ports."""

    state: Path
    build: Path
    port_offset: int = 0

    @property
    def logs(self) -> Path:
        return self.state / "logs"

    @property
    def data(self) -> Path:
        return self.state / "data"

    @property
    def generated(self) -> Path:
        return self.state / "generated"

    @property
    def run(self) -> Path:
        return self.state / "run"

    @property
    def socket(self) -> Path:
        """Supervisor's socket. The kernel limits its path to 107 bytes, which a deep checkout would exceed."""
        path = self.run / "supervisor.sock"
        return path if len(str(path)) < 100 else self._elsewhere("sock", os.environ.get("XDG_RUNTIME_DIR"))

    @property
    def gateway(self) -> Path:
        """Where the doors keep what they do not hold in memory. Root's nginx has workers that are nobody, and nobody gets into the
        state folder."""
        return self._elsewhere("gateway") if os.geteuid() == 0 else self.run / "gateway"

    @property
    def page(self) -> Path:
        """The page's files, where nginx's workers may read them."""
        return self.gateway / "page"

    def _elsewhere(self, suffix: str, folder: str | None = None) -> Path:
        name = hashlib.sha256(str(self.state).encode()).hexdigest()[:16]
        return Path(folder or "/tmp") / f"shop-{os.getuid()}-{name}.{suffix}"

    def log_of(self, part: str) -> Path:
        return self.logs / f"{part}.log"

    def make(self) -> None:
        self.state.mkdir(parents=True, exist_ok=True)
        for folder in (self.logs, self.data, self.generated, self.run):
            folder.mkdir(exist_ok=True)
        # Tokens and certificates lie below.
        self.state.chmod(0o700)
        self.gateway.mkdir(mode=0o711, exist_ok=True)
        if self.gateway.stat().st_uid != os.geteuid():
            raise ShopError(f"{self.gateway} belongs to somebody else: remove it, or choose another --state-dir")


def state_folder(option: str | None) -> Path:
    return Path(option or os.environ.get("SHOP_STATE_DIR") or ROOT / ".shop").resolve()


def build_folder() -> Path:
    return Path(os.environ.get("SHOP_BUILD_DIR") or ROOT / "build").resolve()
