"""What each command does, in terms of the modules that do it."""

import json
import os
import sys
import time

from . import credentials, ports, stack
from .console import paint
from .stack import Settings, Stack
from .workspace import ShopError, Workspace


def _settings(options, saved: Settings | None) -> Settings:
    """What was asked for; else what it ran with before; else the defaults."""
    before = saved or Settings()
    offset = options.port_offset or os.environ.get("SHOP_PORT_OFFSET")
    if offset == "auto":
        chosen = saved.port_offset if saved else ports.free_offset()
    elif offset is not None:
        if not offset.isdigit() or int(offset) > 50_000:
            raise ShopError(f"--port-offset takes a number up to 50000 or `auto`, not {offset}")
        chosen = int(offset)
    else:
        chosen = before.port_offset
    return Settings(options.broker or before.broker, options.trace, chosen, options.replicas or before.replicas,
                    origins=os.environ.get("SHOP_ALLOWED_ORIGINS", before.origins))


def up(workspace: Workspace, options) -> int:
    started = time.monotonic()
    platform = Stack(workspace)
    platform.up(_settings(options, platform.saved), fresh=options.fresh, compile=not options.no_build)
    print(paint(f"The shop is open ({time.monotonic() - started:.1f} s).", "green"))
    for name, address in stack.endpoints(platform.workspace, platform.saved.broker).items():
        print(f"  {name:<9} {address}")
    gateway = stack.endpoints(platform.workspace, platform.saved.broker)["gateway"]
    if platform.page_files():
        print(f"\nOpen {gateway}/ in a browser.")
    print(paint("\nFor a machine of your own: anybody with a login on this one can read the emulators, the shop's keys and data among it.", "dim"))
    print(f"\nNext: ./shop demo   ·   curl {gateway}/products   ·   ./shop logs -f   ·   ./shop down")
    return 0


def down(workspace: Workspace, _) -> int:
    print("Stopped." if Stack(workspace).down() else "Nothing was running.")
    return 0


def status(workspace: Workspace, options) -> int:
    found = Stack(workspace).status()
    if options.json:
        print(json.dumps(found))
        return 0
    if not found["parts"]:
        print("Never started: ./shop up")
        return 0
    print(paint("ready", "green") if found["ready"] else paint("not ready", "red"), f"· broker {found['broker']}")
    for part in found["parts"]:
        colour = "green" if part["state"] == "running" else "red"
        print(f"  {part['name']:<26} {part['kind']:<8} {paint(part['state'].ljust(9), colour)} pid {part['pid'] or '-':<8} "
              f"port {part['port']:<6} {os.path.relpath(part['log'], os.getcwd())}")
    return 0


def token(workspace: Workspace, options) -> int:
    print(credentials.bearer_token(workspace, options.role, options.sub or options.role))
    return 0


def logs(workspace: Workspace, options) -> int:
    from . import logs as reader

    return reader.show(Stack(workspace), options)


def chaos(workspace: Workspace, options) -> int:
    from . import chaos as rehearsal

    return rehearsal.run(workspace, options)


def dlq(workspace: Workspace, options) -> int:
    from . import dlq as letters

    return letters.run(Stack(workspace), options)


def demo(workspace: Workspace, options) -> int:
    from . import demo as story

    platform = Stack(workspace)
    if options.fresh or not platform.status()["ready"] or options.broker not in (None, platform.saved.broker):
        up(workspace, options)
        platform = Stack(workspace)
    return story.tell(platform)


def import_(workspace: Workspace, options) -> int:
    from pathlib import Path

    from . import importing

    platform = Stack(workspace)
    if options.url is None and not platform.saved:
        raise ShopError("there is no shop here to import into: ./shop up starts one, --url names another")
    url = options.url or stack.endpoints(platform.workspace, platform.saved.broker)["gateway"]
    token = options.token or os.environ.get("SHOP_TOKEN") or credentials.bearer_token(workspace, "admin", "admin")
    return importing.run(f"{url.rstrip('/')}/products/import", token, Path(options.file), options.json)


def test(workspace: Workspace, options) -> int:
    from . import testing

    return testing.run_suites(workspace, options.suite, options.sanitize)


def fuzz(workspace: Workspace, options) -> int:
    from . import fuzz as fuzzing

    return fuzzing.run(workspace, options.target, options.seconds, options.seed, options.input)


def package(workspace: Workspace, options) -> int:
    from . import debian

    return debian.make(workspace, options.into, options.quick, options.check, options.json)


def docs(workspace: Workspace, options) -> int:
    from . import library_docs

    return library_docs.make(workspace, options.into, options.json)


def python(_, options) -> int:
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, *options.arguments])
