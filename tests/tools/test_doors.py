"""Which origins the doors may be told of. Whatever is written here ends in nginx's configuration."""

import pytest
from shop import render
from shop.workspace import ShopError


@pytest.mark.parametrize("text, found", [
    ("", []), (" , ", []), ("https://shop.example", ["https://shop.example"]),
    ("https://shop.example, http://127.0.0.1:3000\nhttps://shop.example", ["https://shop.example", "http://127.0.0.1:3000"]),
    ("http://[::1]:3000", ["http://[::1]:3000"]), ("http://localhost", ["http://localhost"])])
def test_origins_stand_between_commas_or_spaces(text, found):
    assert render.allowed_origins(text) == found


@pytest.mark.parametrize("text", [
    "*", "null", "shop.example", "https://", "https://*.shop.example", "https://shop.example/", "https://shop.example/path", "HTTPS://SHOP.EXAMPLE",
    "https://shop.example:port", "https://anna@shop.example", 'https://shop.example";', "https://a;b", "https://a}b", "https://$host", "ftp://shop.example",
    "https://shop.example https://-"])
def test_what_is_no_origin_is_refused(text):
    with pytest.raises(ShopError, match="is no origin"):
        render.allowed_origins(text)
