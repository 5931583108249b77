"""One checkout is one trace, from the door through calls, events and their handlers, in logs and in the sidecars' exporter."""

import secrets

from shopping import ADDRESS, create_product, order_when
from stack import unique, wait_until

SERVICES = {"product-service", "cart-service", "order-service", "payment-service"}


def test_one_checkout_is_one_trace(platform, admin, customer):
    product, cart, trace = create_product(admin)["id"], unique("cart"), secrets.token_hex(16)
    customer.expect(200, "POST", "cart", f"/carts/{cart}/items", {"productId": product, "quantity": 1})
    body = {"paymentMethod": {"token": "tok_approve"}, "shippingAddress": ADDRESS}
    headers = {"Idempotency-Key": unique("k"), "traceparent": f"00-{trace}-{secrets.token_hex(8)}-01"}
    order = customer.expect(202, "POST", "cart", f"/carts/{cart}/checkout", body, headers=headers)["orderId"]
    order_when(customer, order, "confirmed")

    def in_every_log():
        return {service for service in SERVICES if any(record.get("traceId") == trace for record in platform.log(service))} == SERVICES

    wait_until(in_every_log, 15, "the trace in the log of every service")

    def exported():
        seen = {app for app, _ in platform.spans(trace)}
        assert seen == SERVICES, f"spans of {sorted(seen)}"
        return True

    wait_until(exported, 30, "spans of every sidecar")
