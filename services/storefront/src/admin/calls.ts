import { request, type Order, type Product } from '../api/shop';
import type { Answer, Asked } from '../api/http';
import type { components as OrderParts } from '../generated/order';
import type { components as PaymentParts } from '../generated/payment';
import type { components as ProductParts } from '../generated/product';

/** What only an administrator may ask of the services. */
export type NewProduct = ProductParts['schemas']['NewProduct'];
export type WholeProduct = ProductParts['schemas']['WholeProduct'];
export type CategoryList = ProductParts['schemas']['CategoryList'];
export type ImportedLine = ProductParts['schemas']['ImportedLine'];
export type LedgerEntry = PaymentParts['schemas']['LedgerEntry'];
export type Ledger = PaymentParts['schemas']['Ledger'];
export type Demand = OrderParts['schemas']['Demand'];

const part = encodeURIComponent;

export const office = {
  categories: (asked?: Asked): Promise<Answer<CategoryList>> => request('GET', '/categories', asked),
  create: (body: NewProduct, key: string): Promise<Answer<Product>> => request('POST', '/products', { body, key }),
  /** Only if the product is still as it was under this tag; 412 otherwise. */
  replace: (id: string, body: WholeProduct, tag: string, key: string): Promise<Answer<Product>> =>
    request('PUT', `/products/${part(id)}`, { body, key, headers: { 'If-Match': tag } }),
  remove: (id: string, tag: string, key: string): Promise<Answer<undefined>> =>
    request('DELETE', `/products/${part(id)}`, { key, headers: { 'If-Match': tag } }),
  changeStock: (id: string, delta: number, key: string): Promise<Answer<Product>> => request('POST', `/products/${part(id)}/stock`, { body: { delta }, key }),
  picture: (id: string, file: Blob, key: string): Promise<Answer<undefined>> =>
    request('PUT', `/products/${part(id)}/image`, { body: file, key, patience: 60_000 }),

  ship: (id: string, trackingNumber: string | undefined, key: string): Promise<Answer<Order>> =>
    request('POST', `/orders/${part(id)}/ship`, { body: trackingNumber === undefined ? {} : { trackingNumber }, key }),
  ledger: (cursor: string | undefined, asked?: Asked): Promise<Answer<Ledger>> => request('GET', '/payments/ledger', { ...asked, query: { limit: 1000, cursor } }),
  demand: (productId: string, asked?: Asked): Promise<Answer<Demand>> => request('GET', `/demand/${part(productId)}`, asked),
};
