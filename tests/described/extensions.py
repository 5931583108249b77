"""What Schemathesis is told beside the documents. It loads this file; nothing else imports it.

A check is not weakened by status but by what a refusal says of itself, each with its reason."""

import json
import struct
import zlib
from pathlib import Path

import schemathesis
from hypothesis import strategies
from schemathesis.openapi.checks import RejectedPositiveData, UseAfterFree

# Refusals of requests that are as described: what they are refused for depends on what is stored, or is a rule that JSON Schema has no word for.
# (401, 403, 404 and 409 are among these too; Schemathesis expects them by itself.)
REASONS = {
    "invalid_cursor": "only a list's own answer says what a cursor of it is",
    "invalid_price_range": "no schema compares two parameters",
    "query_too_long": "a schema counts characters, and the search counts bytes",
    "stale_etag": "a made-up entity tag is none that the product has now",
    "idempotency_key_reused": "the same short key is drawn twice for one path, with another request",
    "quantity": "it is added to what is in the cart already",
    "invalid_picture": "no schema says what the bytes of a picture are",
    "active_picture": "the same",
    "invalid_columns": "a CSV file may have its columns in any order, and no pattern says all of them",
}


@schemathesis.hook
def filter_failure(context, failure, case, response) -> bool:
    """Whether a finding is one."""
    if isinstance(failure, UseAfterFree):
        # Any id is that of a cart, and an unused one of an empty cart: DELETE empties it.
        return not case.operation.path.startswith("/carts/")
    if not isinstance(failure, RejectedPositiveData):
        return True
    try:
        kind = json.loads(response.content)["type"].rpartition(":")[2]
    except (ValueError, KeyError):
        return True
    return kind not in REASONS


# --- media types that it cannot make by itself

IMPORT = json.loads((Path(__file__).resolve().parents[2] / "services" / "product" / "openapi.json").read_text())["paths"]["/products/import"]["post"]
EXAMPLES = {kind: strategies.just(each["example"].encode()) for kind, each in IMPORT["requestBody"]["content"].items()}
COLUMNS = "id,name,description,category,price.amount,price.currency,stock,imageUrl"
WORDS = strategies.text(strategies.characters(codec="utf-8"), max_size=20)
IDS = strategies.from_regex(r"[A-Za-z0-9_-]{1,64}", fullmatch=True)
AMOUNTS = strategies.integers(-1, 2**63)


def csv_of(rows: list[tuple]) -> bytes:
    quoted = [",".join('"' + str(field).replace('"', '""') + '"' for field in row) for row in rows]
    return "\r\n".join([COLUMNS, *quoted]).encode()


def lines_of(values: list) -> bytes:
    return b"\n".join(json.dumps(value).encode() for value in values)


def png(width: int, height: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(height * (width + 1)))) + chunk(b"IEND", b"")


ROWS = strategies.tuples(IDS, WORDS, WORDS, WORDS, AMOUNTS, strategies.sampled_from(["EUR", "JPY", "XXX", ""]), AMOUNTS, WORDS)
PRODUCTS = strategies.fixed_dictionaries(
    {"name": WORDS, "category": WORDS, "price": strategies.fixed_dictionaries({"amount": AMOUNTS, "currency": strategies.sampled_from(["EUR", "eur"])}),
     "stock": AMOUNTS}, optional={"id": IDS, "description": WORDS, "imageUrl": WORDS, "colour": WORDS})
SIDES = strategies.integers(1, 9)
DRAWINGS = WORDS.map(lambda text: f'<svg xmlns="http://www.w3.org/2000/svg"><title>{text}</title><path d="M0 0h9"/></svg>'.encode())

schemathesis.openapi.media_type("text/csv", strategies.one_of(
    EXAMPLES["text/csv"], strategies.binary(min_size=1, max_size=200), strategies.lists(ROWS, max_size=5).map(csv_of)))
schemathesis.openapi.media_type("application/x-ndjson", strategies.one_of(
    EXAMPLES["application/x-ndjson"], strategies.binary(max_size=200), strategies.lists(strategies.one_of(PRODUCTS, WORDS), max_size=5).map(lines_of)))
schemathesis.openapi.media_type("image/svg+xml", strategies.one_of(strategies.binary(max_size=200), DRAWINGS))
schemathesis.openapi.media_type("image/png", strategies.one_of(strategies.binary(max_size=200), strategies.builds(png, SIDES, SIDES)))
schemathesis.openapi.media_type("image/jpeg", strategies.binary(max_size=200))
schemathesis.openapi.media_type("image/webp", strategies.binary(max_size=200))


@schemathesis.deserializer("application/x-ndjson")
def lines(context, response) -> str:
    """The schema says no more than that it is text; what a line is, the system tests compare."""
    return response.content.decode()


@schemathesis.deserializer("image/svg+xml", "image/png", "image/jpeg", "image/webp")
def picture(context, response) -> str:
    return response.content.hex()
