"""Carts through their door, and the catalog's events on their way into them."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from stack import unique, wait_until

ORDER = {
    "paymentMethod": {"token": "tok_approve"},
    "shippingAddress": {"name": "Ada Lovelace", "line1": "12 Mill Lane", "city": "London", "postalCode": "W1", "country": "GB"},
}


def euro(cents: int) -> dict:
    return {"amount": cents, "currency": "EUR"}


@pytest.fixture
def new_product(admin):
    def create(price: dict | None = None, **fields) -> dict:
        body = {"id": unique("p"), "name": "Teapot", "category": "kitchen", "price": price or euro(1000), "stock": 100} | fields
        return admin.expect(201, "POST", "product", "/products", body)

    return create


@pytest.fixture
def cart() -> str:
    return unique("cart")


def add(client, cart: str, product: str, quantity: int = 1, **options) -> dict:
    return client.expect(200, "POST", "cart", f"/carts/{cart}/items", {"productId": product, "quantity": quantity}, **options)


def view(client, cart: str) -> dict:
    return client.expect(200, "GET", "cart", f"/carts/{cart}")


def check_out(client, cart: str, key: str, body: dict | None = None):
    return client.call("POST", "cart", f"/carts/{cart}/checkout", body or ORDER, headers={"Idempotency-Key": key})


def problem(answer, status: int, code: str | None = None) -> dict:
    """The answer, which must be a problem of this status (and this kind)."""
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    body = answer.json()
    assert {"type", "title", "status", "detail", "instance"} <= body.keys() and body["status"] == status
    if code:
        assert body["type"].endswith(f":{code}"), body
    return body


# --- every line of the interface


def test_an_unused_cart_is_empty(guest, cart):
    shown = view(guest, cart)
    assert shown["id"] == cart and shown["items"] == [] and shown["version"] == 0
    assert shown["total"] == {"amount": 0, "currency": "XXX"}
    assert shown["updatedAt"].endswith("Z") and "customerId" not in shown and "lastOrderId" not in shown


def test_a_product_can_be_added_the_moment_it_exists(customer, cart, new_product):
    for _ in range(5):
        product = new_product()
        assert add(customer, cart, product["id"])["items"][-1]["productId"] == product["id"]


def test_adding_adds_to_what_is_there(customer, cart, new_product):
    tea, cup = new_product(euro(450), name="Tea"), new_product(euro(1200), name="Cup")
    add(customer, cart, tea["id"], 2)
    add(customer, cart, cup["id"])
    shown = add(customer, cart, tea["id"], 3)
    assert shown == view(customer, cart)
    assert shown["items"] == [
        {"productId": tea["id"], "name": "Tea", "quantity": 5, "unitPrice": euro(450), "available": True, "inStock": True},
        {"productId": cup["id"], "name": "Cup", "quantity": 1, "unitPrice": euro(1200), "available": True, "inStock": True},
    ]
    assert shown["total"] == euro(5 * 450 + 1200) and shown["version"] == 3


def test_an_add_with_a_key_happens_once(customer, cart, new_product):
    product, key = new_product()["id"], {"Idempotency-Key": unique("k")}
    first = add(customer, cart, product, 2, headers=key)
    assert add(customer, cart, product, 2, headers=key) == first
    other = {"productId": product, "quantity": 3}
    problem(customer.call("POST", "cart", f"/carts/{cart}/items", other, headers=key), 422, "idempotency_key_reused")
    assert view(customer, cart) == first


def test_quantities_are_set_and_items_removed(customer, cart, new_product):
    tea, cup = new_product()["id"], new_product()["id"]
    add(customer, cart, tea, 2)
    add(customer, cart, cup)
    items = f"/carts/{cart}/items"
    assert customer.expect(200, "PUT", "cart", f"{items}/{tea}", {"quantity": 7})["items"][0]["quantity"] == 7
    assert [i["productId"] for i in customer.expect(200, "PUT", "cart", f"{items}/{tea}", {"quantity": 0})["items"]] == [cup]
    problem(customer.call("PUT", "cart", f"{items}/{tea}", {"quantity": 1}), 404, "unknown_item")
    problem(customer.call("PUT", "cart", f"{items}/{cup}", {"quantity": 1000}), 422)
    assert customer.expect(200, "DELETE", "cart", f"{items}/{tea}")["items"] != []
    assert customer.expect(200, "DELETE", "cart", f"{items}/{cup}")["items"] == []


def test_a_cleared_cart_is_empty(customer, cart, new_product):
    add(customer, cart, new_product()["id"])
    assert customer.expect(200, "DELETE", "cart", f"/carts/{cart}")["items"] == []
    assert view(customer, cart)["items"] == []


def test_unknown_products_are_no_failures_of_the_catalog(customer, cart):
    """More of them in a row than open the circuit between the cart's sidecar and the catalog."""
    items = f"/carts/{cart}/items"
    missing = unique("none")
    for product in [missing] * 25 + [unique("none") for _ in range(5)]:
        problem(customer.call("POST", "cart", items, {"productId": product, "quantity": 1}), 404, "unknown_product")


def test_what_does_not_fit_is_refused(admin, customer, cart, new_product):
    product = new_product()["id"]
    items = f"/carts/{cart}/items"
    for quantity in (0, -1, 1000):
        problem(customer.call("POST", "cart", items, {"productId": product, "quantity": quantity}), 422)
    problem(customer.call("POST", "cart", items, {"productId": unique("none"), "quantity": 1}), 404, "unknown_product")
    add(customer, cart, product, 999)
    problem(customer.call("POST", "cart", items, {"productId": product, "quantity": 1}), 422)
    dollars = new_product({"amount": 5, "currency": "USD"})["id"]
    problem(customer.call("POST", "cart", items, {"productId": dollars, "quantity": 1}), 409, "other_currency")
    withdrawn = new_product()["id"]
    admin.expect(204, "DELETE", "product", f"/products/{withdrawn}")
    wait_until(lambda: customer.call("POST", "cart", items, {"productId": withdrawn, "quantity": 1}).status_code == 409)


def test_a_cart_holds_forty_products(customer, cart, new_product):
    for _ in range(40):
        add(customer, cart, new_product(euro(1))["id"])
    one_more = {"productId": new_product(euro(1))["id"], "quantity": 1}
    problem(customer.call("POST", "cart", f"/carts/{cart}/items", one_more), 409, "cart_full")
    answer = check_out(customer, cart, unique("k"))
    assert answer.status_code == 202 and answer.json()["total"] == euro(40)


@pytest.mark.parametrize("body, pointer", [
    ({"quantity": 1}, "/productId"),
    ({"productId": "no id", "quantity": 1}, "/productId"),
    ({"productId": "p", "quantity": "1"}, "/quantity"),
    ({"productId": "p", "quantity": 1.5}, "/quantity"),
    ({"productId": "p", "quantity": 1, "price": 0}, "/price"),
    ([], ""),
])
def test_a_body_that_is_wrong_is_pointed_at(customer, cart, body, pointer):
    found = problem(customer.call("POST", "cart", f"/carts/{cart}/items", body), 400)
    assert pointer in [error["pointer"] for error in found["errors"]]


def test_other_requests_that_cannot_be_are_refused(customer, cart):
    items = f"/carts/{cart}/items"
    problem(customer.call("POST", "cart", items, data="{", headers={"Content-Type": "application/json"}), 400)
    problem(customer.call("POST", "cart", items, data="a=b", headers={"Content-Type": "text/plain"}), 415)
    large = '{"productId":"' + "x" * (1 << 20) + '","quantity":1}'
    problem(customer.call("POST", "cart", items, data=large, headers={"Content-Type": "application/json"}), 413)
    refused = customer.call("PATCH", "cart", f"/carts/{cart}", {})
    problem(refused, 405)
    assert {"GET", "DELETE"} <= {verb.strip() for verb in refused.headers["Allow"].split(",")}
    problem(customer.call("GET", "cart", "/carts"), 404)
    problem(customer.call("GET", "cart", "/carts/" + "x" * 65), 404)
    problem(customer.call("GET", "cart", "/carts/not%20an%20id"), 404)


def test_the_service_describes_itself(guest):
    document = guest.expect(200, "GET", "cart", "/openapi.json")
    assert document["openapi"].startswith("3.1")
    assert {p for p in document["paths"] if p.startswith("/carts")} == {
        "/carts/{id}", "/carts/{id}/items", "/carts/{id}/items/{productId}", "/carts/{id}/checkout", "/carts/{id}/claim"}


# --- whose a cart is


def test_a_cart_belongs_to_the_customer_who_first_wrote_to_it(platform, admin, guest, customer, cart, new_product):
    product = new_product()["id"]
    shown = add(customer, cart, product)
    assert shown["customerId"].startswith("customer-")
    for other in (guest, platform.client("customer", unique("other"))):
        problem(other.call("GET", "cart", f"/carts/{cart}"), 404)
        problem(other.call("DELETE", "cart", f"/carts/{cart}"), 404)
        problem(other.call("POST", "cart", f"/carts/{cart}/items", {"productId": product, "quantity": 1}), 404)
        problem(check_out(other, cart, unique("k")), 404)
    assert view(admin, cart) == shown


def test_a_guests_cart_is_open_to_whoever_knows_its_id_until_a_customer_goes_on_with_it(guest, customer, cart, new_product):
    product = new_product()["id"]
    assert "customerId" not in add(guest, cart, product)
    assert add(customer, cart, product)["items"][0]["quantity"] == 2
    problem(guest.call("GET", "cart", f"/carts/{cart}"), 404)


def test_a_guests_order_does_not_follow_from_the_id_of_the_cart(admin, guest, customer, cart, new_product):
    product = new_product()["id"]
    add(guest, cart, product)
    order = check_out(guest, cart, unique("k")).json()["orderId"]
    assert "lastOrderId" not in view(guest, cart)
    assert "lastOrderId" not in view(customer, cart)
    assert view(admin, cart)["lastOrderId"] == order
    assert "lastOrderId" not in add(customer, cart, product), "the cart is the customer's now, the order is not"


# --- a guest's cart follows him into his account


def claim(client, cart: str, into: str | None = None, **options):
    return client.call("POST", "cart", f"/carts/{cart}/claim", {"into": into} if into else None, **options)


def claimed(client, cart: str, into: str | None = None, **options) -> dict:
    answer = claim(client, cart, into, **options)
    assert answer.status_code == 200, answer.text
    return answer.json()


def pieces(client, cart: str) -> dict[str, int]:
    return {item["productId"]: item["quantity"] for item in view(client, cart)["items"]}


def test_a_guests_cart_becomes_the_customers_who_claims_it(platform, guest, customer, cart, new_product):
    product = new_product()["id"]
    before = add(guest, cart, product, 2)
    shown = claimed(customer, cart)
    assert shown["customerId"].startswith("customer-") and shown["items"] == before["items"]
    assert claimed(customer, cart) == view(customer, cart) == shown
    problem(guest.call("GET", "cart", f"/carts/{cart}"), 404)
    problem(claim(platform.client("customer", unique("other")), cart), 404, "unknown_cart")


def test_a_guests_cart_is_merged_into_the_customers_own(guest, customer, cart, new_product):
    tea, cup, mine = new_product()["id"], new_product()["id"], unique("mine")
    add(guest, cart, tea, 2)
    add(guest, cart, cup)
    add(customer, mine, tea, 3)
    key = {"Idempotency-Key": unique("k")}
    shown = claimed(customer, cart, mine, headers=key)
    assert shown["id"] == mine and shown == view(customer, mine) and "left" not in shown
    assert pieces(customer, mine) == {tea: 5, cup: 1}
    assert view(guest, cart)["items"] == []
    assert claimed(customer, cart, mine, headers=key) == shown, "the same key"
    assert claimed(customer, cart, mine) == shown, "and another one: there is nothing left to move"
    add(guest, cart, cup, 7)
    assert claimed(customer, cart, mine, headers=key)["items"] == shown["items"], "the first request, again"
    assert check_out(customer, mine, unique("k")).json()["total"] == shown["total"]
    assert pieces(guest, cart) == {cup: 7}


def test_what_finds_no_room_stays_behind_and_is_named(guest, customer, cart, new_product):
    many, tea, unused = new_product(euro(1))["id"], new_product(euro(1))["id"], unique("mine")
    add(guest, cart, many, 999)
    assert pieces(customer, claimed(customer, cart, unused)["id"]) == {many: 999}
    add(guest, cart, many, 1)
    add(guest, cart, tea, 5)
    shown = claimed(customer, cart, unused)
    assert shown["left"] == [{"productId": many, "quantity": 1}]
    assert pieces(customer, unused) == {many: 999, tea: 5} and pieces(guest, cart) == {many: 1}
    assert "left" not in view(customer, unused)


def test_of_many_claims_at_once_each_piece_is_moved_once(platform, guest, cart, new_product):
    products, subject = [new_product()["id"] for _ in range(3)], unique("customer")
    for product in products:
        add(guest, cart, product, 2)
    mine = unique("mine")
    clients = [platform.client("customer", subject) for _ in range(16)]
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda client: claim(client, cart, mine), clients))
    assert {a.status_code for a in answers} == {200}, [a.text for a in answers]
    assert pieces(clients[0], mine) == dict.fromkeys(products, 2) and pieces(guest, cart) == {}


def test_a_claim_that_cannot_be_is_refused(admin, guest, customer, platform, cart, new_product):
    add(guest, cart, new_product()["id"])
    problem(claim(guest, cart), 401)
    problem(claim(admin, cart), 403, "customers_only")
    problem(customer.call("POST", "cart", f"/carts/{cart}/claim", {"into": "no id"}), 400)
    theirs, dollars = unique("theirs"), unique("dollars")
    add(platform.client("customer", unique("other")), theirs, new_product()["id"])
    problem(claim(customer, cart, theirs), 404, "unknown_cart")
    problem(claim(customer, theirs, cart), 404, "unknown_cart")
    add(customer, dollars, new_product({"amount": 5, "currency": "USD"})["id"])
    problem(claim(customer, cart, dollars), 409, "other_currency")
    assert len(view(guest, cart)["items"]) == 1 and "customerId" not in view(guest, cart)


def test_a_token_that_does_not_hold_is_refused(guest, cart):
    problem(guest.call("GET", "cart", f"/carts/{cart}", headers={"Authorization": "Bearer nonsense"}), 401)


# --- what the catalog says reaches carts


def reprice(admin, product: dict, price: dict) -> None:
    body = {k: product[k] for k in ("name", "description", "category")} | {"price": price}
    admin.expect(200, "PUT", "product", f"/products/{product['id']}", body)


def test_a_new_price_shows_in_every_open_cart(admin, customer, new_product):
    product = new_product(euro(1000))
    carts = [unique("cart") for _ in range(5)]
    for cart in carts:
        add(customer, cart, product["id"], 2)
    reprice(admin, product, euro(1250))
    for cart in carts:
        item = wait_until(lambda: next((i for i in view(customer, cart)["items"] if i.get("priceChangedFrom")), None))
        assert item["unitPrice"] == euro(1250) and item["priceChangedFrom"] == euro(1000)
        assert view(customer, cart)["total"] == euro(2500)


def test_a_deleted_product_stays_in_the_cart_and_keeps_it_from_being_checked_out(admin, customer, cart, new_product):
    kept, gone = new_product(euro(1000)), new_product(euro(500))
    add(customer, cart, kept["id"])
    add(customer, cart, gone["id"])
    admin.expect(204, "DELETE", "product", f"/products/{gone['id']}")
    wait_until(lambda: not view(customer, cart)["items"][1]["available"])
    shown = view(customer, cart)
    assert shown["items"][1]["unitPrice"] == euro(500) and shown["total"] == euro(1000)
    refused = problem(check_out(customer, cart, unique("k")), 409, "items_unavailable")
    assert gone["id"] in refused["detail"]
    (error,) = refused["errors"]
    assert error["pointer"].startswith("/items/") and error["detail"]
    assert view(customer, cart)["items"][int(error["pointer"].rsplit("/", 1)[1])]["productId"] == gone["id"]
    customer.expect(200, "DELETE", "cart", f"/carts/{cart}/items/{gone['id']}")
    assert check_out(customer, cart, unique("k")).status_code == 202


def test_a_product_that_is_back_can_be_added_at_once(admin, customer, cart, new_product):
    product = new_product(euro(1000))
    add(customer, cart, product["id"])
    admin.expect(204, "DELETE", "product", f"/products/{product['id']}")
    wait_until(lambda: not view(customer, cart)["items"][0]["available"])
    new_product(euro(1100), id=product["id"])
    assert add(customer, unique("cart"), product["id"])["total"] == euro(1100)
    wait_until(lambda: view(customer, cart)["items"][0]["available"])
    assert view(customer, cart)["items"][0]["priceChangedFrom"] == euro(1000)


def test_product_events_that_come_three_times_and_out_of_order_leave_the_newest(platform, customer, cart, new_product):
    product = new_product(euro(1000))
    add(customer, cart, product["id"])

    def event(version: int, amount: int) -> dict:
        data = {"productId": product["id"], "name": "Teapot", "category": "kitchen", "price": euro(amount), "stock": 1,
                "version": product["version"] + version}
        return {"specversion": "1.0", "id": f"product/{product['id']}/{product['version'] + version}/0", "source": "product-service",
                "type": "product.updated", "subject": product["id"], "time": product["updatedAt"],
                "datacontenttype": "application/json", "data": data}

    for version, amount in ((2, 1200), (1, 1100), (3, 1300), (2, 1200)):
        for _ in range(3):
            platform.publish(event(version, amount))
    wait_until(lambda: view(customer, cart)["total"] == euro(1300), what="the newest price")
    platform.publish(event(4, 1400))  # whatever is still on its way was sent before this one
    wait_until(lambda: view(customer, cart)["total"] == euro(1400), what="the last price")


# --- whether it can be had


def test_an_item_says_whether_so_many_can_be_had(admin, customer, cart, new_product):
    product = new_product(stock=3)
    assert add(customer, cart, product["id"], 3)["items"][0]["inStock"] is True
    wait_until(lambda: not add(customer, cart, product["id"], 1)["items"][0]["inStock"])
    admin.expect(200, "POST", "product", f"/products/{product['id']}/stock", {"delta": 100})
    wait_until(lambda: view(customer, cart)["items"][0]["inStock"], what="the new pieces")


def test_a_checkout_of_what_cannot_be_had_is_refused_with_what_can(customer, cart, new_product):
    enough, few, none = new_product(stock=50), new_product(stock=2), new_product(stock=0)
    add(customer, cart, enough["id"], 5)
    add(customer, cart, few["id"], 3)
    add(customer, cart, none["id"])
    key = unique("k")

    def refused():  # the coarse word may be a second old
        answer = check_out(customer, cart, key)
        assert answer.status_code == 409, answer.text
        return [answer]  # a response of that status is false by itself

    (answer,) = wait_until(refused, what="the refusal")
    found = problem(answer, 409, "out_of_stock")
    assert [(error["pointer"], error["available"]) for error in found["errors"]] == [("/items/1", 2), ("/items/2", 0)]
    assert all(error["detail"] for error in found["errors"])
    assert len(view(customer, cart)["items"]) == 3
    customer.expect(200, "DELETE", "cart", f"/carts/{cart}/items/{none['id']}")
    customer.expect(200, "PUT", "cart", f"/carts/{cart}/items/{few['id']}", {"quantity": 2})
    assert check_out(customer, cart, key).status_code == 202, "a refusal is not remembered"


# --- the checkout


def test_a_checkout_makes_an_order_and_empties_the_cart(customer, cart, new_product):
    product = new_product(euro(1000))
    add(customer, cart, product["id"], 2)
    answer = check_out(customer, cart, unique("k"))
    assert answer.status_code == 202
    made = answer.json()
    assert made.keys() == {"orderId", "status", "total"} and made["status"] == "created" and made["total"] == euro(2000)
    assert answer.headers["Location"] == f"/orders/{made['orderId']}"
    shown = view(customer, cart)
    assert shown["items"] == [] and shown["lastOrderId"] == made["orderId"]
    order = wait_until(lambda: (a := customer.call("GET", "order", answer.headers["Location"])).ok and a.json())
    assert order["cartId"] == cart and order["total"] == euro(2000)
    assert order["lines"] == [{"productId": product["id"], "name": "Teapot", "quantity": 2, "unitPrice": euro(1000)}]


def test_a_checkout_needs_a_key_and_a_whole_address(customer, cart, new_product):
    add(customer, cart, new_product()["id"])
    problem(customer.call("POST", "cart", f"/carts/{cart}/checkout", ORDER), 400, "idempotency_key_required")
    problem(check_out(customer, cart, "k" * 256), 400)
    for field in ("name", "line1", "city", "postalCode", "country"):
        for wrong in (None, "", 5, "x" * 300):
            address = {k: v for k, v in (ORDER["shippingAddress"] | {field: wrong}).items() if v is not None}
            found = problem(check_out(customer, cart, unique("k"), ORDER | {"shippingAddress": address}), 400)
            assert f"/shippingAddress/{field}" in [error["pointer"] for error in found["errors"]]
    problem(check_out(customer, cart, unique("k"), ORDER | {"coupon": "x"}), 400)
    assert len(view(customer, cart)["items"]) == 1


def test_an_empty_cart_is_refused_and_the_refusal_is_not_remembered(customer, cart, new_product):
    key = unique("k")
    problem(check_out(customer, cart, key), 409, "empty_cart")
    add(customer, cart, new_product()["id"])
    assert check_out(customer, cart, key).status_code == 202


def test_the_same_key_gives_the_same_answer_and_another_body_is_refused(customer, cart, new_product):
    product, key = new_product()["id"], unique("k")
    add(customer, cart, product)
    first = check_out(customer, cart, key)
    add(customer, cart, product, 5)
    again = check_out(customer, cart, key)
    assert (again.status_code, again.json(), again.headers["Location"]) == (202, first.json(), first.headers["Location"])
    assert view(customer, cart)["items"][0]["quantity"] == 5
    other = ORDER | {"paymentMethod": {"token": "tok_decline"}}
    problem(check_out(customer, cart, key, other), 422, "idempotency_key_reused")
    assert check_out(customer, cart, unique("k")).json()["orderId"] != first.json()["orderId"]


def test_fifty_simultaneous_checkouts_with_one_key_make_one_order(platform, customer, new_product):
    subject = unique("customer")
    cart, key = unique("cart"), unique("k")
    clients = [platform.client("customer", subject) for _ in range(50)]  # a connection each
    add(clients[0], cart, new_product(euro(700))["id"], 3)
    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(lambda client: check_out(client, cart, key), clients))
    assert {a.status_code for a in answers} == {202}, [a.text for a in answers if a.status_code != 202][:3]
    made = {a.json()["orderId"] for a in answers}
    assert len(made) == 1
    order = made.pop()
    wait_until(lambda: clients[0].call("GET", "order", f"/orders/{order}").ok, what="the order")
    wait_until(lambda: [o["id"] for o in clients[0].expect(200, "GET", "order", "/orders")["items"]] == [order],
               what="the one order in the customer's list")


def test_a_cart_survives_the_death_of_its_service_and_of_its_sidecar(platform, customer, cart, new_product):
    product, key = new_product()["id"], unique("k")
    shown = add(customer, cart, product, 2)
    for part in ("cart-service", "cart-service-sidecar"):
        platform.kill(part)
        wait_until(lambda: (a := customer.call("GET", "cart", f"/carts/{cart}")).status_code == 200 and a.json() == shown, 60,
                   f"the cart after {part} died")
    made = check_out(customer, cart, key).json()
    platform.kill("cart-service")
    wait_until(lambda: (a := check_out(customer, cart, key)).status_code == 202 and a.json() == made, 60, "the same answer")
