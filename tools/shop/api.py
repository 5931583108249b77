"""The platform's REST interfaces as a client calls them: through the doors, with a bearer token."""

import requests

from . import credentials
from .stack import Stack, endpoints
from .workspace import ShopError

TIMEOUT_SECONDS = 35


class Client:
    """One caller: a role and a name, or nobody. Thread-safe as long as each thread has its own."""

    def __init__(self, platform: Stack, role: str | None = None, subject: str | None = None):
        self.endpoints = endpoints(platform.workspace, platform.saved.broker)
        self.session = requests.Session()
        if role:
            self.session.headers["Authorization"] = f"Bearer {credentials.bearer_token(platform.workspace, role, subject or role)}"

    def call(self, method: str, service: str, path: str, body=None, **options) -> requests.Response:
        return self.session.request(method, self.endpoints[service] + path, json=body, timeout=TIMEOUT_SECONDS, **options)

    def expect(self, status: int, method: str, service: str, path: str, body=None, **options):
        """The JSON of an answer that must have this status."""
        answer = self.call(method, service, path, body, **options)
        if answer.status_code != status:
            raise ShopError(f"{method} {path} at {service}: expected {status}, got {answer.status_code}: {answer.text[:400]}")
        return answer.json() if answer.content else None
