"""Shows every exchange of the tests' clients to the watch that compares it with the documents."""

import json
from urllib.parse import urlsplit

import requests
from stack import shoppers, watch
from described import Exchange


def install() -> None:
    """In one place for all of them: the tests' and tools' client, and `requests` itself where a test calls it; and the load's own."""
    send_request, send_load = requests.Session.send, shoppers.Door._send

    def send(session, request, **options):
        last = send_request(session, request, **options)
        # Who is sent elsewhere asks there by this function too.
        answer = last.history[0] if last.history else last
        url = urlsplit(request.url)
        sent = request.body.encode() if isinstance(request.body, str) else request.body
        # What is sent piece by piece is gone, and what is read piece by piece is still to come.
        exchange = Exchange(request.method, url.path + (f"?{url.query}" if url.query else ""), answer.status_code,
                            answer.headers.get("Content-Type", ""), None if options.get("stream") else answer.content,
                            request.headers.get("Content-Type", ""), sent if isinstance(sent, bytes) else b"" if sent is None else None,
                            dict(request.headers), {name.lower(): value for name, value in answer.headers.items()})
        watch.look(url.netloc, exchange)
        return last

    def send_by_load(door, method, service, path, text, headers):
        status, content = send_load(door, method, service, path, text, headers)
        watch.look(door.addresses[service], Exchange(method, path, status, None, json.dumps(content).encode() if content else b"",
                                                     headers.get("Content-Type", ""), (text or "").encode(), headers))
        return status, content

    requests.Session.send, shoppers.Door._send = send, send_by_load
