"""`./shop import` against a server that answers as the service does, and as it does not."""

import json
import socket
import threading
from pathlib import Path

import pytest
from shop import cli, importing
from shop.workspace import ShopError


class Service:
    """Takes one request, byte for byte, and answers by `script(connection, head, body)`; `body` reads what comes after the head."""

    def __init__(self, script):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}/products/import"
        self.script, self.heads = script, []
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self) -> None:
        with self.listener:
            connection, _ = self.listener.accept()
        with connection:
            connection.settimeout(10)
            stream = connection.makefile("rb")
            head = []
            while line := stream.readline().strip():
                head.append(line.decode())
            self.heads.append(head)
            self.script(connection, head, stream)


def chunk(*answers: dict) -> bytes:
    text = "".join(json.dumps(answer) + "\n" for answer in answers).encode()
    return b"%x\r\n%s\r\n" % (len(text), text)


OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
END = b"0\r\n\r\n"


@pytest.fixture
def products(tmp_path) -> Path:
    file = tmp_path / "products.ndjson"
    file.write_text('{"id":"a"}\n{"id":"b"}\n{"id":"c"}\n')
    return file


def test_the_file_arrives_whole_and_every_line_is_counted(products, capsys):
    got = []

    def script(connection, head, stream):
        got.append(stream.read(products.stat().st_size))
        connection.sendall(OK + chunk({"line": 1, "id": "a", "status": "created"}, {"line": 2, "id": "b", "status": "unchanged"})
                           + chunk({"line": 3, "id": "c", "status": "replaced"}) + END)

    service = Service(script)
    assert importing.run(service.url, "secret", products, as_json=True) == 0
    assert got == [products.read_bytes()]
    assert "Authorization: Bearer secret" in service.heads[0] and "Content-Type: application/x-ndjson" in service.heads[0]
    summary = json.loads(capsys.readouterr().out)
    assert {name: summary[name] for name in ("lines", "created", "replaced", "unchanged", "refused", "lastLine", "errors")} == {
        "lines": 3, "created": 1, "replaced": 1, "unchanged": 1, "refused": 0, "lastLine": 3, "errors": []}


def test_what_was_refused_is_said_like_a_compiler_and_by_the_exit_status(products, capsys):
    def script(connection, head, stream):
        connection.sendall(OK + chunk({"line": 1, "id": "a", "status": "created"}, {
            "line": 2, "status": "refused", "errors": [{"pointer": "/price/amount", "detail": "is required"},
                                                       {"pointer": "", "detail": "is no product"}]}) + END)
        stream.read(products.stat().st_size)

    assert importing.run(Service(script).url, "t", products, as_json=False) == 1
    said = capsys.readouterr()
    assert said.err.splitlines() == [f"{products}:2: /price/amount: is required", f"{products}:2: is no product"]
    assert "1 created, 0 replaced, 0 unchanged, 1 refused" in said.out


def test_answers_are_taken_while_the_file_is_sent(tmp_path):
    """A service that goes on only as its answers are read would wait for ever on a client that sends everything first."""
    file = tmp_path / "many.ndjson"
    line = b'{"id":"a","description":"' + b"x" * 2000 + b'"}\n'
    file.write_bytes(line * 5000)

    def script(connection, head, stream):
        connection.sendall(OK)
        for number in range(1, 5001):
            assert stream.read(len(line)) == line
            connection.sendall(chunk({"line": number, "id": "a" * 64, "status": "refused", "errors": [{"pointer": "", "detail": "x" * 2000}]}))
        connection.sendall(END)

    assert importing.Importer(Service(script).url, "t", quiet=True).run(file).lines == 5000


@pytest.mark.parametrize("ending", [b"", b"5\r\n{\"li"])
def test_a_lost_connection_says_where_it_stood_and_what_to_do(products, ending):
    def script(connection, head, stream):
        stream.read(products.stat().st_size)
        connection.sendall(OK + chunk({"line": 2, "id": "b", "status": "created"}) + ending)

    with pytest.raises(ShopError, match=r"was lost .* stood at line 2 .* The same command goes on"):
        importing.run(Service(script).url, "t", products, as_json=False)


def test_a_shop_that_is_not_there_is_said(products):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(ShopError, match="Nothing was answered yet"):
        importing.run(f"http://127.0.0.1:{port}/products/import", "t", products, as_json=False)


def test_a_file_that_is_refused_as_a_whole_says_why(products):
    body = json.dumps({"type": "about:blank", "status": 403, "detail": "This needs a bearer token with the role admin."}).encode()

    def script(connection, head, stream):
        connection.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Type: application/problem+json\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))

    with pytest.raises(ShopError, match=r"was not taken \(403\): This needs a bearer token with the role admin"):
        importing.run(Service(script).url, "t", products, as_json=False)


def test_the_name_says_what_the_file_is(tmp_path):
    assert importing.media_type(Path("A.CSV")) == "text/csv" and importing.media_type(Path("a.jsonl")) == "application/x-ndjson"
    with pytest.raises(ShopError, match=r"must end in \.csv, \.jsonl, \.ndjson"):
        importing.media_type(tmp_path / "products.json")
    with pytest.raises(ShopError, match="is not there"):
        importing.run("http://127.0.0.1:1/", "t", tmp_path / "none.csv", as_json=False)


def test_the_help_teaches_both_formats():
    text = cli.parser()._subparsers._group_actions[0].choices["import"].format_help()
    assert "price.amount" in text and '"price":{"amount"' in text and "Exits 1" in text
