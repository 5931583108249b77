"""What the page may do on a laptop and nowhere else: be told where it is, and sign somebody in under any name.

    server.py PORT STATE_FOLDER

It listens on loopback behind the gateway's /development. Nobody outside this machine reaches it, but pages of other origins run
in a browser on this machine: so it answers only to a loopback name (a name that was rebound to 127.0.0.1 is another one), signs in
only for a page of its own origin, and takes only a media type that another origin's page may not send without asking first.
No service and no image contains this.
"""

import asyncio
import json
import re
import sys
import unicodedata
from pathlib import Path

from hypercorn.asyncio import serve
from hypercorn.config import Config
from shop import credentials, facts
from shop.workspace import Workspace, build_folder
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

ROLES = ("admin", "customer")
MOST_NAME = 64
MOST_BYTES = 1024
TITLES = {400: "Bad Request", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed", 413: "Content Too Large",
          415: "Unsupported Media Type", 500: "Internal Server Error"}


class Answer(JSONResponse):
    def __init__(self, content, status_code: int = 200, headers=None, media_type: str = "application/json"):
        super().__init__(content, status_code, {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", **(headers or {})}, media_type)


def refused(request: Request, status: int, detail: str, headers=None) -> Answer:
    """RFC 9457, as the services say it."""
    problem = {"type": "about:blank", "title": TITLES.get(status, "Error"), "status": status, "detail": detail, "instance": request.url.path}
    return Answer(problem, status, headers, "application/problem+json")


def is_local(host: str) -> bool:
    """Whether a Host header means this machine, under whatever port it was reached."""
    return re.fullmatch(r"(?:localhost|127\.0\.0\.1|\[::1\])(?::\d{1,5})?", host) is not None


def own_origin(request: Request) -> bool:
    """A browser says where the page comes from that sends something; other clients say nothing."""
    origin, site = request.headers.get("origin"), request.headers.get("sec-fetch-site")
    host = request.headers.get("host", "")
    return site in (None, "same-origin", "none") and origin in (None, f"http://{host}", f"https://{host}")


def name_of(given) -> str:
    if not isinstance(given, str):
        raise ValueError("`name` must be text")
    name = given.strip()
    if not 1 <= len(name) <= MOST_NAME:
        raise ValueError(f"`name` must have 1 to {MOST_NAME} characters")
    if any(unicodedata.category(each) in ("Cc", "Cs", "Co", "Cn") for each in name):
        raise ValueError("`name` must not have control characters")
    return name


def application(workspace: Workspace) -> Starlette:
    async def where(request: Request) -> Answer:
        return Answer({"laptop": True, "gateway": "simulated"})

    async def sign_in(request: Request) -> Answer:
        if not own_origin(request):
            return refused(request, 403, "Only the page of this platform may sign somebody in.")
        if request.headers.get("content-type", "").split(";")[0].strip().lower() != "application/json":
            return refused(request, 415, "The body must be application/json.")
        body = b""
        async for chunk in request.stream():
            body += chunk
            if len(body) > MOST_BYTES:
                return refused(request, 413, f"The body may have up to {MOST_BYTES} bytes.")
        try:
            try:
                given = json.loads(body)
            except (ValueError, RecursionError):
                raise ValueError("the body is no JSON") from None
            if not isinstance(given, dict) or given.keys() != {"role", "name"}:
                raise ValueError('the body must be {"role", "name"} and nothing else')
            if given["role"] not in ROLES:
                raise ValueError(f"`role` must be one of {', '.join(ROLES)}")
            return Answer({"token": credentials.bearer_token(workspace, given["role"], name_of(given["name"]))})
        except ValueError as error:
            return refused(request, 400, str(error))

    async def problem(request: Request, error: HTTPException) -> Answer:
        detail = {404: "There is nothing here.", 405: "This method is not served."}.get(error.status_code, error.detail)
        return refused(request, error.status_code, detail, error.headers)

    app = Starlette(routes=[Route("/development", where), Route("/development/sign-in", sign_in, methods=["POST"])],
                    exception_handlers={HTTPException: problem})
    app.router.redirect_slashes = False

    async def local_only(scope, receive, send):
        if scope["type"] == "http" and not is_local(Request(scope).headers.get("host", "")):
            await refused(Request(scope), 404, "There is nothing here.")(scope, receive, send)
        else:
            await app(scope, receive, send)

    return local_only


def main(port: str, state: str) -> None:
    config = Config()
    config.bind = [f"{facts.host()}:{port}"]
    config.errorlog = "-"
    config.graceful_timeout = 1
    asyncio.run(serve(application(Workspace(Path(state), build_folder())), config))


if __name__ == "__main__":
    main(*sys.argv[1:])
