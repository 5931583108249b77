"""Writes what the processes read: the sidecars' resources and the doors' configuration, for this platform's ports.

dapr-config/ holds the resources as they are deployed. A laptop differs in endpoints and credentials, and with the Redis
broker in the brokers' type; those differences, and nothing else, are in dapr-config/local/ and are laid over here.
"""

import copy
import json
import os
import re
import sqlite3
import string
from contextlib import closing
from pathlib import Path

import yaml

from . import facts
from .credentials import Credentials, write_private
from .workspace import CONFIG, ROOT, ShopError, Workspace

ORIGIN = r"https?://(?:[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?"


def documents(file: Path) -> list[dict]:
    return [document for document in yaml.safe_load_all(file.read_text()) if document]


def _names(workspace: Workspace) -> Path:
    return workspace.run / "names.db"


def write_names(workspace: Workspace) -> None:
    """Makes the sidecars' register of names, in the journal mode in which they open it. To change the mode takes the file
    for oneself, and SQLite does not wait for that: of sidecars that begin at once, one failed, and went on without names."""
    with closing(sqlite3.connect(_names(workspace))) as names:
        names.execute("PRAGMA journal_mode = WAL")
        names.execute("PRAGMA user_version = 1")  # writes the first page, and so the mode
        names.commit()


def values(workspace: Workspace, via: dict[str, int]) -> dict[str, str]:
    """What ${…} stands for in dapr-config/local/. `via` names the ports of what stands in front of a store or a broker."""
    ports = facts.Ports(workspace.port_offset)
    address = {name: f"{facts.host()}:{via.get(name, ports[name])}" for name in ("aws", "dynamodb", "redis")}
    return {
        "aws": f"http://{address['aws']}",
        "dynamodb": f"http://{address['dynamodb']}",
        "redis": address["redis"],
        "secretsFile": str(workspace.generated / "secrets.json"),
        "nameResolution": str(_names(workspace)),
    }


def overlay(workspace: Workspace, broker: str, via: dict[str, int] | None = None) -> dict:
    text = string.Template((CONFIG / "local" / f"{broker}.yaml").read_text()).substitute(values(workspace, via or {}))
    return yaml.safe_load(text)


def merged(base: dict, extra: dict) -> dict:
    result = copy.deepcopy(base)
    for key, value in extra.items():
        both = isinstance(value, dict) and isinstance(result.get(key), dict)
        result[key] = merged(result[key], value) if both else copy.deepcopy(value)
    return result


def component(base: dict, change: dict | None) -> dict:
    if not change:
        return base
    result = copy.deepcopy(base)
    spec = result["spec"]
    spec["type"] = change.get("type", spec["type"])
    metadata = {item["name"]: item["value"] for item in spec["metadata"]}
    if change.get("replace"):
        metadata = {name: metadata[name] for name in change.get("keep", [])}
    metadata.update(change.get("metadata", {}))
    spec["metadata"] = [{"name": name, "value": value} for name, value in metadata.items()]
    return result


def components(change: dict) -> list[dict]:
    files = sorted((CONFIG / "components").glob("*.yaml"))
    found = [document for file in files for document in documents(file)]
    unknown = set(change["components"]) - {c["metadata"]["name"] for c in found}
    if unknown:
        raise ValueError(f"dapr-config/local names components that do not exist: {sorted(unknown)}")
    return [component(c, change["components"].get(c["metadata"]["name"])) for c in found]


def subscriptions(change: dict) -> list[dict]:
    found = [document for file in sorted((CONFIG / "subscriptions").glob("*.yaml")) for document in documents(file)]
    return [merged(s, {"spec": change.get("subscriptions", {})}) for s in found]


def configurations(change: dict, trace: str | None) -> dict[str, dict]:
    """App id → its Configuration. Spans are exported only where somebody asked for them."""
    extra = {"spec": copy.deepcopy(change.get("configuration", {}))}
    if trace == "log":
        extra["spec"]["tracing"] = {"samplingRate": "1", "stdout": True}
    elif trace:
        extra["spec"]["tracing"] = {"samplingRate": "1", "zipkin": {"endpointAddress": trace}}
    return {c["metadata"]["name"]: merged(c, extra) for c in documents(CONFIG / "configuration.yaml")}


def write(file: Path, text: str) -> bool:
    """Whether the file had to change. One that says this already is left alone: daprd watches its configuration and restarts
    itself when it is written."""
    if file.exists() and file.read_text() == text:
        return False
    write_private(file, text)
    return True


def write_dapr(workspace: Workspace, broker: str, trace: str | None, credentials: Credentials,
               via: dict[str, int] | None = None) -> None:
    change = overlay(workspace, broker, via)
    resources = workspace.generated / "resources"
    resources.mkdir(exist_ok=True)
    resiliency = [merged(r, {"spec": change.get("resiliency", {})}) for r in documents(CONFIG / "resiliency.yaml")]
    for name, content in (("components", components(change)), ("subscriptions", subscriptions(change)), ("resiliency", resiliency)):
        write(resources / f"{name}.yaml", yaml.safe_dump_all(content, sort_keys=False))
    for app, configuration in configurations(change, trace).items():
        write(workspace.generated / f"{app}.yaml", yaml.safe_dump(configuration, sort_keys=False))
    write(workspace.generated / "control-plane.yaml", (CONFIG / "control-plane.yaml").read_text())
    secret = {facts.load()["names"]["secret"]: {facts.load()["names"]["secretKey"]: credentials.jwt_key}}
    write(workspace.generated / "secrets.json", json.dumps(secret))


def filled(template: str, **values: str) -> str:
    """nginx's own variables begin with a dollar sign, so ours are written @{name}."""
    return re.sub(r"@\{(\w+)\}", lambda match: values[match.group(1)], template)


def upstream(name: str, facades: list[str]) -> str:
    """The replicas behind a door, in turn. One that failed is left out for a moment; `zone` is where nginx's workers share
    that. With a single one nginx keeps no such account."""
    servers = " ".join(f"server {facade} max_fails=1 fail_timeout=2s;" for facade in facades)
    return f"upstream {name} {{ zone {name} 64k; {servers} keepalive 64; }}"


def repeats(app: facts.App) -> str:
    """What changes something in an actor carries an id, and is carried out once however often it is passed on; the catalog
    promises that only for the verbs HTTP itself calls idempotent."""
    return "proxy_next_upstream error timeout http_503 http_504 non_idempotent; " if app.actors else ""


def streams(app: facts.App) -> str:
    """The locations whose requests or answers go on for long, and therefore to a listener of their own; empty for an app that
    has none."""
    if "stream" not in app.ports:
        return ""
    return (ROOT / "services" / "gateway" / f"{app.short}-streams.conf").read_text() + "\n"


def upstreams(replicas: list[facts.App]) -> list[str]:
    """The listeners behind the door of one app, of all its replicas."""
    short = replicas[0].short
    kinds = {short: "facade", f"{short}-streams": "stream"}
    return [upstream(name, [f"{facts.host()}:{app.ports[port]}" for app in replicas])
            for name, port in kinds.items() if port in replicas[0].ports]


def routes_of(app: facts.App) -> str:
    """What an app's own door leads to."""
    return f"{streams(app)}location / {{ {repeats(app)}proxy_pass http://{app.short}; }}"


def allowed_origins(text: str) -> list[str]:
    """Origins as a browser names them (RFC 6454, section 6.1), between commas or spaces."""
    found = list(dict.fromkeys(each for each in re.split(r"[\s,]+", text) if each))
    for each in found:
        if not re.fullmatch(ORIGIN, each):
            raise ShopError(f"SHOP_ALLOWED_ORIGINS: {each!r} is no origin: scheme, host in lower case and at most a port, such as "
                            "https://shop.example; each is named, there is no `*`")
    return found


def cross_origin(origins: list[str]) -> dict[str, str]:
    """What the doors' configuration needs to know of other origins: nothing but their names. Where some are let in, every answer
    depends on who asks."""
    return {"origins": " ".join(f'"{each}" "{each}";' for each in origins), "vary": "Origin" if origins else ""}


def gateway_file(workspace: Workspace) -> Path:
    return workspace.generated / "nginx.conf"


def page(folder: Path) -> str:
    """The locations of the page, whose files lie in a folder; they take every path that no location before them has."""
    return filled((ROOT / "services" / "gateway" / "page.conf").read_text(), page=str(folder))


def write_gateway(workspace: Workspace, replicas: int, origins: str = "", page_files: Path | None = None) -> bool:
    """nginx's configuration out of services/gateway: one server per door, and the gateway that is all of them, with the page where
    there is one. Answers whether it had to change."""
    others = cross_origin(allowed_origins(origins))
    source, address = ROOT / "services" / "gateway", facts.host()
    door = (source / "door.conf").read_text()
    behind, doors, routes = [], [], []
    everything = facts.apps(workspace.port_offset, replicas)
    for app in (app for app in everything if app.replica == 0):
        behind += upstreams([each for each in everything if each.id == app.id])
        doors.append(filled(door, listen=f"{address}:{app.ports['door']}", vary=others["vary"], routes=routes_of(app)))
        paths = "|".join(path.lstrip("/") for path in app.paths)
        routes.append(f"{streams(app)}location ~ ^/(?:{paths})(?:/|$) {{ {repeats(app)}proxy_pass http://{app.short}; }}")
    ports = facts.Ports(workspace.port_offset)
    behind.append(upstream("development", [f"{address}:{ports['development']}"]))
    routes.append("location ~ ^/development(?:/|$) { proxy_pass http://development; }")
    routes.append(page(page_files) if page_files else "location / { return 404; }")
    doors.append(filled(door, listen=f"{address}:{ports['gateway']}", vary=others["vary"], routes="\n    ".join(routes)))
    return write(gateway_file(workspace), filled(
        (source / "nginx.conf").read_text(), run=str(workspace.gateway), upstreams="\n  ".join(behind),
        origins=others["origins"], doors="\n".join(doors), user="user nobody nogroup;" if os.geteuid() == 0 else ""))

