"""What fuzzing begins with: the golden files in the form each target reads, and the words they are made of.

    seeds.write(Path("build-fuzz/corpus"), ["rest"])      # a folder for each target, and words.dict

Inputs that once found something are kept in tests/fuzz/corpus instead, under a name that says what it was.
"""

import json
import os
from pathlib import Path

HERE = Path(__file__).resolve().parent
GOLDEN = HERE.parent / "golden"
FACTS = json.loads((HERE.parents[1] / "dapr-config" / "platform.json").read_text())

ADDRESS = {"name": "Ada", "line1": "12 Mill Lane", "city": "London", "postalCode": "W1", "country": "GB"}
PRODUCT = {"id": "cup", "name": "Cup", "description": "A cup.", "category": "kitchen", "price": {"amount": 900, "currency": "EUR"},
           "stock": 3, "imageUrl": "https://img.example/cup.png"}


def _golden(folder: str, name: str):
    return json.loads((GOLDEN / folder / f"{name}.json").read_text())


def _request(line: str, body=None, **headers: str) -> str:
    """As the target `rest` reads it."""
    lines = [line] + [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\n".join(lines) + "\n\n" + ("" if body is None else json.dumps(body))


def _rest() -> dict[str, str]:
    add = _request("POST /carts/c/items", {"productId": "tea", "quantity": 2}, Idempotency_Key="k1")
    pay = {"paymentMethod": {"token": "tok_approve"}, "shippingAddress": ADDRESS}
    buy = {token: _request("POST /carts/c/checkout", pay | {"paymentMethod": {"token": token}}, Idempotency_Key="k2", Caller="ada")
           for token in ("tok_approve", "tok_decline", "tok_insufficient_funds", "tok_flaky", "tok_slow")}
    join = "\n===\n".join
    return {
        **{token: join([add.replace("\n\n", "\nCaller: ada\n\n"), request, "GET /orders\nCaller: ada\n\n", "GET /payments/ledger?limit=2\nCaller: admin\n\n"])
           for token, request in buy.items()},
        "cart": join([add, _request("PUT /carts/c/items/tea", {"quantity": 5}), "GET /carts/c\n\n", "DELETE /carts/c/items/tea\n\n"]),
        "clear": join([add, "DELETE /carts/c\nIdempotency-Key: k3\n\n"]),
        "product": join([_request("POST /products", PRODUCT, Caller="admin"), "GET /products/cup\nIf-None-Match: \"1\"\n\n",
                         _request("PUT /products/cup", {k: v for k, v in PRODUCT.items() if k != "id"}, Caller="admin", If_Match='"1"'),
                         "DELETE /products/cup\nCaller: admin\n\n"]),
        "stock": join([_request("POST /products/tea/stock", {"delta": -11}, Caller="admin"), "GET /products?q=tea&category=drinks&inStock=true\n\n"]),
        "list": join([f"GET /products?sort={sort}&limit=1&minPrice=1&maxPrice=1000&currency=EUR\n\n" for sort in ("name", "-price", "newest")]),
        "orders": join(["GET /orders/o?x=%41\n\n", "GET /orders?customerId=ada&status=confirmed&limit=5&cursor=AAAA\nCaller: admin\n\n",
                        _request("POST /orders/o/cancel", {"reason": "no"}), _request("POST /orders/o/ship", {"trackingNumber": "1"}, Caller="admin")]),
        "payments": join(["GET /payments?orderId=o\n\n", _request("POST /payments/p/retry", {"paymentMethod": {"token": "t"}}), "GET /demand/tea\nCaller: admin\n\n"]),
    }


def _envelope(kind: str, data) -> dict:
    return {"specversion": "1.0", "id": f"{kind}/1/0", "source": FACTS["events"][kind]["from"], "type": kind, "subject": "s",
            "time": "2026-01-01T00:00:00.000Z", "datacontenttype": "application/json", "data": data,
            "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}


def _events() -> dict[str, str]:
    """Every event that has a golden file, for each service that listens to it."""
    found = {}
    for file in sorted(GOLDEN.glob("*/*.json")):
        kind = file.stem
        if kind in FACTS["events"]:
            for app in FACTS["events"][kind]["to"] or ["order-service"]:
                short = FACTS["apps"][app]["short"]
                found[f"{kind}-{short}"] = f"{short}\n{json.dumps(_envelope(kind, json.loads(file.read_text())))}"
    return found


def _documents() -> dict[str, str]:
    def of_actor(name: str, document) -> str:
        if "data" not in document:
            document = {"version": 1, "data": document, "outbox": [], "handled": []}
        return f"actor {name}\n{json.dumps(document)}"

    stored = {"Cart": ("cart", "cart.document"), "CartProduct": ("cart", "cart_product.document"), "Order": ("order", "order.state"),
              "CustomerOrders": ("order", "customer_orders.list"), "AllOrders": ("order", "all_orders.state"),
              "ProductDemand": ("order", "product_demand"), "Payment": ("payment", "payment.state")}
    items = {"product.tea": "item.product", "stock.tea": "item.stock", "order.o": "item.order.held"}
    found = {name: of_actor(name, _golden(*place)) for name, place in stored.items()}
    found |= {key: f"store {key}\n{json.dumps(_golden('product', name))}" for key, name in items.items()}
    found |= {f"order.{state}": f"store order.o\n{json.dumps(_golden('product', f'item.order.{state}'))}" for state in ("sold", "refused")}
    found["order.former"] = 'store order.o\n{"taken":[{"productId":"tea","quantity":2}],"closed":false,"takenBy":"w"}'
    # Of every log, since which one a product's changes are in follows from its id.
    for number in range(16):
        found[f"log.{number:02}"] = f"store log.{number:02}\n{json.dumps(_golden('product', 'item.log'))}"
    return found


def _wire(line: str, body: str = "", *headers: str) -> str:
    lines = [f"{line} HTTP/1.1", "Host: 127.0.0.1", "dapr-api-token: token", *headers, f"Content-Length: {len(body.encode())}"]
    return "\r\n".join(lines) + "\r\n\r\n" + body


def _channel() -> dict[str, str]:
    party = {"by": {"customerId": "ada", "admin": False}}
    found = {file.stem: _wire(f"PUT /actors/Cart/c/method/{file.stem}", file.read_text(), "Idempotency-Key: k", "Turn-Cause: call")
             for file in sorted((GOLDEN / "cart").glob("[A-Z]*.json"))}
    found |= {
        "probe": _wire("GET /healthz"), "config": _wire("GET /dapr/config"), "subscribe": _wire("GET /dapr/subscribe"),
        "deactivate": _wire("DELETE /actors/Cart/c"), "listing": _wire("GET /internal/products/tea"),
        "tend": _wire("PUT /actors/Cart/c/method/remind/tend", '{"data":{"traceparent":"","once":true},"dueTime":"","period":"10s"}'),
        "timer": _wire("PUT /actors/Payment/p/method/timer/x", '{"callback":"x","data":"y"}'),
        "event": _wire("POST /events/product.updated", json.dumps(_envelope("product.updated", _golden("product", "product.updated")))),
        "pipeline": _wire("PUT /actors/Cart/c/method/AddItem", json.dumps(party | {"productId": "tea", "quantity": 1})) + _wire("DELETE /actors/Cart/c"),
        "chunks": "PUT /actors/Cart/c/method/View HTTP/1.1\r\ndapr-api-token: token\r\nTransfer-Encoding: chunked\r\n\r\n4;x=y\r\nnull\r\n0\r\nA: b\r\n\r\n",
        "encoded": _wire("PUT /actors/Cart/a%2520b%40c/method/View?x=y", "null", "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
    }
    return found


def _http() -> dict[str, str]:
    answers = {"answer": "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nETag: \"1\"\r\nContent-Length: 2\r\n\r\n{}",
               "refusal": "HTTP/1.1 200 OK\r\nX-DaprErrorResponseHeader: true\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
               "nothing": "HTTP/1.1 204 No Content\r\n\r\n", "until-closed": "HTTP/1.0 500 Oh\r\nConnection: close\r\n\r\nwhat"}
    return {name: "\x07" + text for name, text in (_channel() | answers).items()}


def _sidecar() -> dict[str, str]:
    def answer(operation: str, status: int, body) -> str:
        return f"{operation}\n{status}\napplication/json\n\"1\"\n{body if isinstance(body, str) else json.dumps(body)}"

    return {
        "call": answer("call", 200, _golden("cart", "cart")), "error": answer("call", 500, {"errorCode": "ERR_ACTOR_INVOKE_METHOD", "message": "x"}),
        "refused": answer("refused", 200, {"reason": "conflict", "code": "other_currency", "message": "no"}),
        "state": answer("state", 200, _golden("cart", "cart.document")), "get": answer("get", 200, _golden("product", "item.stock")),
        "all": answer("all", 200, [{"key": "product.tea", "data": _golden("product", "item.product"), "etag": "1"}, {"key": "a", "error": "no"}]),
        "secret": answer("secret", 200, {"hs256": "a" * 32}), "secret-json": answer("secret", 200, {"jwt": '{"hs256":"' + "a" * 32 + '"}'}),
        "ready": answer("ready", 200, {"actorRuntime": {"runtimeStatus": "RUNNING", "hostReady": True,
                                                        "activeActors": [{"type": "Cart", "count": 1}, {"type": "CartProduct"}]}}),
        "invoke": answer("invoke", 200, _golden("product", "listing")), "no-invoke": answer("invoke", 500, {"errorCode": "ERR_DIRECT_INVOKE", "message": "x"}),
    }


def _facade() -> dict[str, str]:
    return {
        "get": "GET /echo/a?integer=7&flag=true&text=a+b%20c\nIdempotency-Key: k\n\n", "post": 'POST /echo/%C3%A9\nContent-Type: application/json; charset=utf-8\n\n{"a":1}',
        "trace": "GET /echo/a\ntraceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\ntracestate: a=b\nAccept: text/html;q=0.5, */*\n\n",
        "admin": "GET /admin\nAuthorization: Bearer a.b.c\nCookie: a=b; c=d\nX-Request-Id: 0123456789abcdef0123456789abcdef\n\n",
        "key": "POST /echo/a\nIdempotency-Key: 0b5ad2b2-1d4b-4b1e-9e0d-6c2b3a1d9f10\nCache-Control: max-age=1\nUser-Agent: x\n\n",
        "probe": "GET /healthz\n\n", "unknown": "GET /nothing/here/at/all?x\n\n",
    }


def _tokens() -> dict[str, str]:
    return {"claims": '{"sub":"ada","role":"admin","exp":4102444800,"nbf":0}', "fraction": '{"sub":"a","exp":4102444800.5}', "text": '{"sub":"a","exp":"soon"}',
            "token": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIiwiZXhwIjo0MTAyNDQ0ODAwfQ.AAAA", "header": "Bearer a.b.c", "none": "eyJhbGciOiJub25lIn0.e30."}


def _text() -> dict[str, str]:
    texts = ["/carts/a%20b/items/tea", "a%2Fb@c:d", "%2E%2E", "caf%C3%A9", "2026-05-04T10:11:12.013Z", "2024-02-29T23:59:60+00:00",
             "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", 'W/"1", "2"\n"2"', "secret\nsecret", "text/event-stream;q=0.5, */*;q=0\n", "-price", "true", "-007", "1000000000",
             '50% "T\u00e9e_*', "\u30b3\u30fc\u30d2\u30fc\u30ab\u30c3\u30d7", "\u0447\u0430\u0439\u043d\u0438\u043a t-shirt", '{"sort":"relevance","rank":7,"name":"Tea","id":"a"}'.encode().hex()]
    return {f"text-{number}": text for number, text in enumerate(texts)}


def _import() -> dict[str, str]:
    line = json.dumps(PRODUCT) + "\n"
    header = "id,name,description,category,price.amount,price.currency,stock,imageUrl\r\n"
    row = 'cup,Cup,"A ""cup"",\r\nred",kitchen,900,EUR,3,https://img.example/cup.png\r\n'
    ndjson, csv = "\x02\x10", "\x03\x05"
    return {"ndjson": ndjson + line + "\n" + line.replace('"cup"', '"mug"'), "mark": ndjson + "\ufeff" + line, "half": "\x00\x01" + line[:30],
            "wrong": ndjson + "{\n" + line.replace("900", "-1") + "[]", "csv": csv + header + row + row, "csv-mark": csv + "\ufeff" + header + row,
            "csv-half": "\x01\x02" + header + row[:20], "csv-wrong": csv + header + 'a"b,c\r\n"a"b\r\n\rx\n' + row,
            "csv-names": csv + "stock,currency,amount,category,name\n1,EUR,2,c,n\n", "csv-header": csv + "id,colour\n"}


def _json() -> dict[str, str]:
    everything = {"text": "a\u00e9\U0001f600", "number": -1, "small": 7, "flag": True, "note": None, "counts": {"a": 1}, "at": "2026-05-04T10:11:12.013Z",
                  "lines": [{"productId": "tea", "name": "Tea", "quantity": 1, "unitPrice": {"amount": 1, "currency": "EUR"}}],
                  "price": {"amount": 450, "currency": "EUR"}, "raw": [1.5, {"a": []}], "id": "tea"}
    return {"everything": json.dumps(everything), "twice": '{"text":"a","text":"b"}', "deep": "[" * 64 + "]" * 64, "escapes": r'{"text":"\u0041\\\"\/\b\f\n\r\t\ud83d\ude00"}',
            "numbers": "[0,-0,1e5,1E-5,1.25,9223372036854775807,18446744073709551615,1e308]"}


def _picture() -> dict[str, bytes]:
    """As encoders and drawers make them, and a drawing that has everything that may stand in one."""
    types = {"svg": "svg+xml", "jpg": "jpeg"}
    drawn = """<?xml version="1.0" encoding="UTF-8"?><svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="0 0 9 9">
<title>t</title><style type="text/css"><![CDATA[.a{fill:url(#g)}]]></style><defs><linearGradient id="g"><stop offset="0" stop-color="#fff"/></linearGradient>
<symbol id="s"><path d="M0 0"/></symbol><clipPath id="c"><circle r="1"/></clipPath><filter id="f"><feGaussianBlur stdDeviation="1"/></filter></defs>
<use xlink:href="#s"/><g class="a" style="mask:none" clip-path="url('#c')" filter="url(#f)" transform="rotate(3)"><text xml:space="preserve">&#65;&amp;</text></g></svg>"""
    files = [*(HERE.parent / "actors" / "product" / "pictures").iterdir(), HERE.parents[1] / "tools" / "shop" / "sample" / "pictures" / "moka-pot.svg"]
    found = {file.name: f"image/{types.get(file.suffix[1:], file.suffix[1:])}\n".encode() + file.read_bytes() for file in files}
    return found | {"drawn": b"image/svg+xml\n" + drawn.encode()}


MAKERS = {"channel": _channel, "documents": _documents, "events": _events, "facade": _facade, "http": _http, "import": _import, "json": _json,
          "picture": _picture, "rest": _rest, "sidecar": _sidecar, "text": _text, "tokens": _tokens}


def _words() -> set[str]:
    """Names and short values of every golden file, statuses of headers and verbs: what a mutation would hardly guess."""
    words = {"GET", "POST", "PUT", "DELETE", "HTTP/1.1", "Content-Length: ", "Transfer-Encoding: chunked", "Idempotency-Key: ", "Caller: ",
             "If-Match: ", "If-None-Match: ", "traceparent: ", "dapr-api-token: token", "\r\n\r\n", "\n\n", "\n===\n", "/method/", "/items", "/checkout",
             "%2F", "%00", "%C3%A9", "tok_approve", "tok_decline", "tok_flaky", "9223372036854775807", "-1", "1e400", "null", "true", "\\u0000"}

    def collect(value) -> None:
        if isinstance(value, dict):
            words.update(f'"{name}":' for name in value)
            for inside in value.values():
                collect(inside)
        elif isinstance(value, list):
            for inside in value:
                collect(inside)
        elif isinstance(value, str) and len(value) <= 30:
            words.add(value)

    for file in GOLDEN.glob("*/*.json"):
        collect(json.loads(file.read_text()))
    return words | set(FACTS["events"])


def write(folder: Path, targets: list[str]) -> Path:
    """Fills a folder for each target; answers the dictionary's file, which is there whole or not at all: others may read it now."""
    for target in targets:
        (folder / target).mkdir(parents=True, exist_ok=True)
        for name, seed in MAKERS[target]().items():
            (folder / target / f"seed-{name}").write_bytes(seed if isinstance(seed, bytes) else seed.encode("utf-8", "surrogatepass"))
    dictionary = folder / "words.dict"
    lines = ['"' + "".join(chr(b) if 32 <= b < 127 and b not in (34, 92) else f"\\x{b:02X}" for b in word.encode()) + '"' for word in sorted(_words()) if word]
    whole = folder / f"words.{os.getpid()}"
    whole.write_text("\n".join(lines) + "\n")
    whole.replace(dictionary)
    return dictionary
