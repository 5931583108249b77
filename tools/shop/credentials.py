"""The platform's secrets: random, made at the first start, readable by their owner alone, never printed.

Three of them: the token a service shows its sidecar, the token a sidecar shows its service, and the key that signs bearer
tokens. A development key by nature, but as random as any: a checkout copied to a server must not carry a known one.
"""

import json
import os
import secrets
import time
from dataclasses import asdict, dataclass

from .workspace import ShopError, Workspace

TOKEN_LIFETIME_SECONDS = 12 * 3600


@dataclass(frozen=True)
class Credentials:
    dapr_api_token: str
    app_api_token: str
    jwt_key: str


def ensure(workspace: Workspace) -> Credentials:
    file = workspace.state / "credentials.json"
    if file.exists():
        return Credentials(**json.loads(file.read_text()))
    made = Credentials(secrets.token_urlsafe(32), secrets.token_urlsafe(32), secrets.token_urlsafe(48))
    write_private(file, json.dumps(asdict(made)))
    return made


def write_private(file, text: str) -> None:
    """Never readable by others, not even between creation and chmod."""
    temporary = file.with_suffix(".new")
    with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
        out.write(text)
    temporary.replace(file)


def bearer_token(workspace: Workspace, role: str, subject: str) -> str:
    import jwt

    if not (workspace.state / "credentials.json").exists():
        raise ShopError("no signing key yet: ./shop up makes one")
    now = int(time.time())
    claims = {"sub": subject, "role": role, "iat": now, "exp": now + TOKEN_LIFETIME_SECONDS}
    return jwt.encode(claims, ensure(workspace).jwt_key, algorithm="HS256")
