"""The catalog and its stock through their door, and the events that leave and reach them."""

import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone

import pytest
import requests
from stack import unique, wait_until

PRODUCT_FIELDS = {"id", "name", "description", "category", "price", "stock", "reserved", "available", "imageUrl", "version",
                  "createdAt", "updatedAt"}


def euro(cents: int) -> dict:
    return {"amount": cents, "currency": "EUR"}


def body(**fields) -> dict:
    return {"name": "Teapot", "description": "For two.", "category": "kitchen", "price": euro(1250), "stock": 12,
            "imageUrl": "https://img.example/teapot.png"} | fields


@pytest.fixture
def create(admin):
    return lambda **fields: admin.expect(201, "POST", "product", "/products", body(id=unique("p"), **fields))


def stock_of(client, product: str) -> int:
    return client.expect(200, "GET", "product", f"/products/{product}")["stock"]


def is_problem(answer: requests.Response, status: int) -> bool:
    return (answer.status_code == status and answer.headers["Content-Type"].startswith("application/problem+json")
            and answer.json()["status"] == status)


def order_event(kind: str, order: str, lines: dict[str, int], **data) -> dict:
    """As the order service announces it."""
    listed = [{"productId": p, "name": "Teapot", "quantity": n, "unitPrice": euro(1250)} for p, n in lines.items()]
    return {"specversion": "1.0", "id": f"Order/{order}/{2 if kind == 'order.confirmed' else 3}/0", "source": "order-service",
            "type": kind, "subject": order, "datacontenttype": "application/json",
            "time": datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.000Z"),
            "data": {"orderId": order, "lines": listed, "total": euro(1250 * sum(lines.values()))} | data}


def confirmed(order: str, lines: dict[str, int]) -> dict:
    return order_event("order.confirmed", order, lines, paymentId=unique("pay"))


def cancelled(order: str, lines: dict[str, int], stock_taken: bool = True) -> dict:
    return order_event("order.cancelled", order, lines, reason="changed my mind", stockTaken=stock_taken)


# --- every line of the interface


def test_a_product_is_created_read_replaced_and_deleted(admin, guest):
    product = unique("p")
    created = admin.call("POST", "product", "/products", body(id=product))
    assert created.status_code == 201 and created.headers["Location"] == f"/products/{product}"
    assert created.json().keys() == PRODUCT_FIELDS
    assert created.json()["version"] == 1 and created.json()["reserved"] == 0

    found = guest.call("GET", "product", f"/products/{product}")
    assert found.status_code == 200 and found.json() == created.json() and found.headers["ETag"] == created.headers["ETag"]
    fresh = guest.call("GET", "product", f"/products/{product}", headers={"If-None-Match": found.headers["ETag"]})
    assert fresh.status_code == 304 and not fresh.content and fresh.headers["ETag"] == found.headers["ETag"]

    changed = {k: v for k, v in body(price=euro(1500)).items() if k != "stock"}
    replaced = admin.call("PUT", "product", f"/products/{product}", changed, headers={"If-Match": found.headers["ETag"]})
    assert replaced.status_code == 200 and replaced.json()["version"] == 2 and replaced.json()["stock"] == 12
    stale = admin.call("PUT", "product", f"/products/{product}", changed, headers={"If-Match": found.headers["ETag"]})
    assert is_problem(stale, 412)

    assert admin.call("DELETE", "product", f"/products/{product}").status_code == 204
    assert is_problem(admin.call("DELETE", "product", f"/products/{product}"), 404)
    assert is_problem(guest.call("GET", "product", f"/products/{product}"), 404)
    assert admin.expect(201, "POST", "product", "/products", body(id=product))["version"] == 4


def test_an_id_is_chosen_or_taken_once(admin, create):
    chosen = admin.expect(201, "POST", "product", "/products", body())
    assert chosen["id"]
    assert is_problem(admin.call("POST", "product", "/products", body(id=chosen["id"])), 409)


def test_of_many_creators_of_one_id_one_wins(platform):
    product = unique("p")

    def create_it(_):
        return platform.client("admin").call("POST", "product", "/products", body(id=product)).status_code

    with ThreadPoolExecutor(12) as pool:
        assert sorted(pool.map(create_it, range(12))) == [201] + [409] * 11


def test_only_an_administrator_changes_the_catalog(create, customer, guest):
    product = create()["id"]
    for method, path, content in (("POST", "/products", body()), ("PUT", f"/products/{product}", body()),
                                  ("DELETE", f"/products/{product}", None),
                                  ("POST", f"/products/{product}/stock", {"delta": 1})):
        assert is_problem(guest.call(method, "product", path, content), 401)
        assert is_problem(customer.call(method, "product", path, content), 403)


def test_bad_bodies_are_pointed_at(admin):
    refused = admin.call("POST", "product", "/products", body(name="", price={"amount": -1, "currency": "euro"}, stock=-1))
    assert is_problem(refused, 400)
    assert {e["pointer"] for e in refused.json()["errors"]} == {"/name", "/price/amount", "/price/currency", "/stock"}
    refused = admin.call("POST", "product", "/products", body(colour="red"))
    assert is_problem(refused, 400) and [e["pointer"] for e in refused.json()["errors"]] == ["/colour"]


def test_texts_come_back_as_they_were_given(create, guest):
    texts = {"name": "Tee & \"茶\" <b>\u2028", "description": "line\nline \\ 😀", "category": unique("kitchen & more")}
    product = create(**texts)
    shown = guest.expect(200, "GET", "product", f"/products/{product['id']}")
    assert {k: shown[k] for k in texts} == texts
    listed = guest.expect(200, "GET", "product", "/products", params={"category": texts["category"]})
    assert [{k: item[k] for k in texts} for item in listed["items"]] == [texts]


def test_the_list_is_paged_filtered_and_sorted(create, guest):
    category = unique("c")
    made = [create(name=f"Cup {n % 3}", category=category, price=euro(100 * n), stock=n % 2)["id"] for n in range(7)]

    def ids(**query) -> list[str]:
        page = guest.expect(200, "GET", "product", "/products", params={"category": category, "limit": 100} | query)
        assert page["total"] == len(page["items"])
        return [item["id"] for item in page["items"]]

    assert sorted(ids()) == sorted(made)
    assert ids(sort="price") == made and ids(sort="-price") == made[::-1] and ids(sort="newest") == made[::-1]
    assert ids(sort="-name") == ids()[::-1]
    assert ids(minPrice=200, maxPrice=400, sort="price") == made[2:5]
    assert set(ids(inStock="true")) == set(made[1::2])
    assert ids(q="cup nothing") == []

    seen, cursor = [], None
    while True:
        page = guest.expect(200, "GET", "product", "/products",
                            params={"category": category, "limit": 3} | ({"cursor": cursor} if cursor else {}))
        assert page["total"] == 7 and all(item.keys() == PRODUCT_FIELDS for item in page["items"])
        seen += [item["id"] for item in page["items"]]
        if not (cursor := page.get("nextCursor")):
            break
    assert seen == ids()
    categories = guest.expect(200, "GET", "product", "/categories")["items"]
    assert {"name": category, "count": 7} in categories


@pytest.mark.parametrize("length", [201, 4000, 10_000])
def test_a_search_that_is_too_long_is_told_the_limit(guest, length):
    answer = guest.call("GET", "product", "/products?limit=5&q=" + "a" * length)
    assert is_problem(answer, 400) and "200 bytes" in answer.json()["detail"], answer.text


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "limit=x", "cursor=x", "sort=x", "minPrice=x", "inStock=maybe"])
def test_bad_queries_are_refused(guest, query):
    assert is_problem(guest.call("GET", "product", f"/products?{query}"), 400)


def test_stock_is_adjusted_and_never_below_zero(admin, create):
    product = create(stock=5)["id"]
    path = f"/products/{product}/stock"
    assert admin.expect(200, "POST", "product", path, {"delta": 3})["stock"] == 8
    assert is_problem(admin.call("POST", "product", path, {"delta": -9}), 409)
    for _ in range(2):
        key = {"Idempotency-Key": f"{product}-once"}
        assert admin.expect(200, "POST", "product", path, {"delta": -8}, headers=key)["stock"] == 0
    assert is_problem(admin.call("POST", "product", f"/products/{unique('p')}/stock", {"delta": 1}), 404)


def test_adjustments_at_the_same_time_all_count(platform, create, guest):
    product = create(stock=0)["id"]

    def add_one(_):
        return platform.client("admin").call("POST", "product", f"/products/{product}/stock", {"delta": 1}).status_code

    with ThreadPoolExecutor(10) as pool:
        assert set(pool.map(add_one, range(30))) == {200}
    assert stock_of(guest, product) == 30


def test_products_outlive_their_service(platform, create, guest):
    product = create()
    platform.kill("product-service")
    wait_until(platform.ready, 30, "the platform to be ready again")
    assert guest.expect(200, "GET", "product", f"/products/{product['id']}") == product
    listed = guest.expect(200, "GET", "product", "/products", params={"limit": 100, "sort": "newest"})["items"]
    assert product["id"] in [item["id"] for item in listed]


def test_the_service_describes_itself(guest):
    document = guest.expect(200, "GET", "product", "/openapi.json")
    assert document["openapi"].startswith("3.1")
    assert {path: sorted(set(item) - {"parameters"}) for path, item in document["paths"].items()} == {
        "/products": ["get", "post"], "/products/{id}": ["delete", "get", "put"], "/products/{id}/stock": ["post"],
        "/products/{id}/image": ["get", "put"], "/products/import": ["post"], "/categories": ["get"], "/healthz": ["get"], "/readyz": ["get"], "/openapi.json": ["get"]}
    assert set(document["components"]["schemas"]["Product"]["required"]) == PRODUCT_FIELDS


# --- events that leave


def published(platform, event_id: str) -> list:
    return [r for r in platform.log("product-service") if r.text == "event published" and r.get("eventId") == event_id]


def handled(platform, service: str, event_id: str) -> list:
    return [r for r in platform.log(service) if r.text == "event handled" and r.get("eventId") == event_id]


def test_changes_are_announced_to_carts_and_orders(platform, admin, create):
    product = create()["id"]
    admin.expect(200, "PUT", "product", f"/products/{product}", body(price=euro(1500)))
    admin.expect(204, "DELETE", "product", f"/products/{product}")
    for version, subscribers in ((1, ("cart-service", "order-service")), (2, ("cart-service",)), (3, ("cart-service",))):
        for service in subscribers:
            event = f"Product/{product}/{version}/0"
            wait_until(lambda: handled(platform, service, event), 20, f"{event} at {service}")


def test_an_event_leaves_once_when_all_is_well(platform, create):
    product = create()["id"]
    wait_until(lambda: published(platform, f"Product/{product}/1/0"), 10)
    # Another product's event that leaves later, and its shard's housekeeping, would have shown a second one.
    later = create()["id"]
    wait_until(lambda: handled(platform, "cart-service", f"Product/{later}/1/0"), 20)
    assert len(published(platform, f"Product/{product}/1/0")) == 1


# --- events that come in


def test_a_confirmed_order_takes_its_pieces_once(platform, create, guest):
    product, order = create(stock=20)["id"], unique("o")
    event = confirmed(order, {product: 3})
    for _ in range(3):
        platform.publish(event)
    wait_until(lambda: stock_of(guest, product) == 17, 20, "the sale")
    wait_until(lambda: len(handled(platform, "product-service", event["id"])) == 3, 20, "three deliveries")
    assert stock_of(guest, product) == 17


def test_a_sale_stops_at_zero_and_what_was_missing_is_counted(platform, create, guest):
    product, order = create(stock=2)["id"], unique("o")
    platform.publish(confirmed(order, {product: 5}))
    wait_until(lambda: stock_of(guest, product) == 0, 20, "the sale")
    lines = wait_until(lambda: [r for r in platform.log("product-service")
                                if r.text == "oversold" and r.get("orderId") == order], 10)
    assert lines[0].fields["productId"] == product and lines[0].fields["missing"] == 3
    assert "shop_oversold_pieces_total" in requests.get(platform.metrics("product"), timeout=10).text


def test_a_cancelled_order_gives_back_once(platform, create, guest):
    product, order = create(stock=20)["id"], unique("o")
    platform.publish(confirmed(order, {product: 3}))
    wait_until(lambda: stock_of(guest, product) == 17, 20, "the sale")
    event = cancelled(order, {product: 3})
    for _ in range(3):
        platform.publish(event)
    wait_until(lambda: len(handled(platform, "product-service", event["id"])) == 3, 20, "three deliveries")
    assert stock_of(guest, product) == 20


def test_a_cancellation_that_comes_first_keeps_the_pieces(platform, create, guest):
    product, order = create(stock=20)["id"], unique("o")
    first, late = cancelled(order, {product: 3}), confirmed(order, {product: 3})
    platform.publish(first)
    wait_until(lambda: handled(platform, "product-service", first["id"]), 20, "the cancellation")
    platform.publish(late)
    wait_until(lambda: handled(platform, "product-service", late["id"]), 20, "the late confirmation")
    assert stock_of(guest, product) == 20


def test_many_orders_for_one_product_at_the_same_time_all_count(platform, create, guest):
    product = create(stock=100)["id"]
    for _ in range(25):
        platform.publish(confirmed(unique("o"), {product: 2}))
    wait_until(lambda: stock_of(guest, product) == 50, 30, "25 sales")


def test_a_sale_that_leaves_few_is_announced(platform, create):
    product, order = create(stock=8)["id"], unique("o")
    platform.publish(confirmed(order, {product: 4}))
    wait_until(lambda: [r for r in platform.log("product-service")
                        if r.get("event") == "product.low_stock" and r.get("productId") == product], 20)


# --- for other services


def test_other_services_ask_on_the_app_channel_only(platform, create, admin):
    product = create()
    path = f"/internal/products/{product['id']}"
    secrets = {"dapr-api-token": platform.secrets.app_api_token}
    listing = requests.get(platform.channel("product") + path, headers=secrets, timeout=10)
    assert listing.status_code == 200
    assert listing.json() == {"productId": product["id"], "name": product["name"], "price": product["price"], "version": 1,
                              "deleted": False}
    assert requests.get(platform.channel("product") + path, timeout=10).status_code == 401
    assert requests.get(platform.endpoints["product"] + path, timeout=10).status_code == 404
    admin.expect(204, "DELETE", "product", f"/products/{product['id']}")
    gone = requests.get(platform.channel("product") + path, headers=secrets, timeout=10).json()
    assert gone["deleted"] is True and gone["version"] == 2
    never = requests.get(platform.channel("product") + f"/internal/products/{uuid.uuid4().hex}", headers=secrets, timeout=10)
    assert never.status_code == 200, "404 would be a failure to the circuit breaker of who asks"
    assert never.json()["deleted"] is True and never.json()["version"] == 0
