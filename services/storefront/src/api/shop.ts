import type { components as CartParts } from '../generated/cart';
import type { components as OrderParts } from '../generated/order';
import type { components as PaymentParts } from '../generated/payment';
import type { components as ProductParts, operations as ProductCalls } from '../generated/product';
import { expireSession, session } from '../session';
import { createClient, sleep, type Answer, type Asked } from './http';

/** The four services' answers, by the names of their descriptions. */
export type Product = ProductParts['schemas']['Product'];
export type ProductPage = ProductParts['schemas']['ProductPage'];
export type Facets = ProductParts['schemas']['Facets'];
export type Cart = CartParts['schemas']['Cart'];
export type CartItem = CartParts['schemas']['CartItem'];
export type Checkout = CartParts['schemas']['Checkout'];
export type CheckOut = CartParts['schemas']['CheckOut'];
export type Address = CartParts['schemas']['Address'];
export type Order = OrderParts['schemas']['Order'];
export type OrderStatus = OrderParts['schemas']['Status'];
export type OrderList = OrderParts['schemas']['OrderList'];
export type Payment = PaymentParts['schemas']['Payment'];
export type Attempt = PaymentParts['schemas']['Attempt'];
export type Money = OrderParts['schemas']['Money'];
export type ProductQuery = NonNullable<ProductCalls['listProducts']['parameters']['query']>;

export const request = createClient({
  fetch: (url, init) => fetch(url, init),
  sleep,
  online: () => navigator.onLine,
  random: Math.random,
  token: () => session.value?.token,
  expired: expireSession,
});

const part = encodeURIComponent;

export const shop = {
  products: (query: ProductQuery, asked?: Asked): Promise<Answer<ProductPage>> => request('GET', '/products', { ...asked, query }),
  product: (id: string, asked?: Asked): Promise<Answer<Product>> => request('GET', `/products/${part(id)}`, asked),

  cart: (id: string, asked?: Asked): Promise<Answer<Cart>> => request('GET', `/carts/${part(id)}`, asked),
  add: (cart: string, productId: string, quantity: number, asked?: Asked): Promise<Answer<Cart>> =>
    request('POST', `/carts/${part(cart)}/items`, { ...asked, body: { productId, quantity } }),
  setQuantity: (cart: string, productId: string, quantity: number, asked?: Asked): Promise<Answer<Cart>> =>
    request('PUT', `/carts/${part(cart)}/items/${part(productId)}`, { ...asked, body: { quantity } }),
  remove: (cart: string, productId: string, asked?: Asked): Promise<Answer<Cart>> =>
    request('DELETE', `/carts/${part(cart)}/items/${part(productId)}`, asked),
  checkOut: (cart: string, body: CheckOut, key: string, asked?: Asked): Promise<Answer<Checkout>> =>
    request('POST', `/carts/${part(cart)}/checkout`, { ...asked, body, key }),
  claim: (cart: string, into?: string): Promise<Answer<Cart>> =>
    request('POST', `/carts/${part(cart)}/claim`, { body: into === undefined ? {} : { into } }),

  order: (id: string, asked?: Asked): Promise<Answer<Order>> => request('GET', `/orders/${part(id)}`, asked),
  orders: (query: { customerId?: string; status?: OrderStatus; limit?: number; cursor?: string }, asked?: Asked): Promise<Answer<OrderList>> =>
    request('GET', '/orders', { ...asked, query }),
  cancel: (id: string, reason: string | undefined, key: string): Promise<Answer<Order>> =>
    request('POST', `/orders/${part(id)}/cancel`, { body: reason === undefined ? {} : { reason }, key }),

  paymentOf: (orderId: string, asked?: Asked): Promise<Answer<Payment>> => request('GET', '/payments', { ...asked, query: { orderId } }),
  retry: (payment: string, token: string, key: string): Promise<Answer<Payment>> =>
    request('POST', `/payments/${part(payment)}/retry`, { body: { paymentMethod: { token } }, key }),
};
