"""What tests of several services do: shop, check out, wait for an order, look at a refusal, speak as a service would."""

from stack import unique, wait_until

ADDRESS = {"name": "Ada Lovelace", "line1": "12 Mill Lane", "city": "London", "postalCode": "W1", "country": "GB"}


def euro(cents: int) -> dict:
    return {"amount": cents, "currency": "EUR"}


def create_product(admin, price: int = 1000, stock: int = 100, **fields) -> dict:
    body = {"id": unique("p"), "name": "Teapot", "category": "kitchen", "price": euro(price), "stock": stock} | fields
    return admin.expect(201, "POST", "product", "/products", body)


def check_out(client, lines: list[tuple[str, int]], token: str = "tok_approve") -> str:
    """Buys (product id, quantity) with a new cart; the order's id."""
    cart = unique("cart")
    for product, quantity in lines:
        client.expect(200, "POST", "cart", f"/carts/{cart}/items", {"productId": product, "quantity": quantity})
    body = {"paymentMethod": {"token": token}, "shippingAddress": ADDRESS}
    return client.expect(202, "POST", "cart", f"/carts/{cart}/checkout", body, headers={"Idempotency-Key": unique("k")})["orderId"]


def pieces_in(cart: dict) -> int:
    """What a cart says that it holds."""
    return sum(item["quantity"] for item in cart["items"])


# A Redis stream hands a message out again 20 s after a subscription that was about to end took it (`processingTimeout`), and looks for
# such messages every second: the first checkout after a test that had a service reported as unhealthy may meet two of those.
ORDER_SECONDS = 90


def order_when(client, order: str, status: str, limit: float = ORDER_SECONDS) -> dict:
    """The order, once it has this status."""

    def read():
        answer = client.call("GET", "order", f"/orders/{order}")
        assert answer.status_code == 200, answer.text
        assert answer.json()["status"] == status, answer.json()
        return answer.json()

    return wait_until(read, limit, f"order {order} to be {status}")


def problem(answer, status: int, code: str | None = None) -> dict:
    """The answer, which must be a problem of this status (and this kind)."""
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    body = answer.json()
    assert {"type", "title", "status", "detail", "instance"} <= body.keys() and body["status"] == status
    if code:
        assert body["type"].endswith(f":{code}"), body
    return body


def event(kind: str, source: str, subject: str, data: dict, id: str | None = None) -> dict:
    """A CloudEvents envelope as the service `source` would publish it."""
    return {"specversion": "1.0", "id": id or unique("event"), "source": source, "type": kind, "subject": subject,
            "time": "2026-01-01T00:00:00.000Z", "datacontenttype": "application/json", "data": data}
