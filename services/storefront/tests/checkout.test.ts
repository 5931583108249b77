import { beforeEach, describe, expect, it, vi } from 'vitest';
import type { Answer } from '../src/api/http';
import type { Problem } from '../src/api/problem';
import type { Checkout, CheckOut } from '../src/api/shop';
import { pretendBrowser } from './browser';

const kept = pretendBrowser();
const { orderOf, pendingCheckout, placedOrders, placeOrder, resumeCheckout } = await import('../src/checkout');

const body = (token = 'tok_approve'): CheckOut => ({ paymentMethod: { token }, shippingAddress: { name: 'A', line1: 'B', city: 'C', postalCode: '1', country: 'DE' } });
const problem = (changes: Partial<Problem>): { ok: false; problem: Problem } => ({ ok: false, problem: { kind: 'refused', status: 0, code: '', detail: '', errors: [], ...changes } });
const lost = problem({ kind: 'unreachable' });
const order = (orderId: string): Answer<Checkout> => ({ ok: true, status: 202, headers: new Headers(), value: { orderId, status: 'created', total: { amount: 1, currency: 'EUR' } } });

/** A cart's service as it is: one key, one order; whether its answer arrives is for the test to say. */
function service() {
  const orders = new Map<string, string>();
  const asked: { key: string; body: CheckOut }[] = [];
  const service = {
    orders,
    asked,
    answers: [] as ('arrives' | 'is lost' | Answer<Checkout>)[],
    send: async (_cart: string, sent: CheckOut, key: string): Promise<Answer<Checkout>> => {
      asked.push({ key, body: sent });
      const way = service.answers.shift() ?? 'arrives';
      if (typeof way === 'object') return way;
      if (!orders.has(key)) orders.set(key, `order-${orders.size + 1}`);
      return way === 'is lost' ? lost : order(orders.get(key)!);
    },
  };
  return service;
}

beforeEach(() => kept.clear());

describe('a checkout', () => {
  it('makes an order, which is remembered, and leaves nothing behind', async () => {
    const shop = service();
    expect(await placeOrder('c', 3, body(), true, shop.send)).toEqual({ kind: 'placed', orderId: 'order-1' });
    expect(pendingCheckout('c')).toBeUndefined();
    expect(placedOrders()).toMatchObject([{ orderId: 'order-1', cart: 'c', version: 3, guest: true }]);
  });

  it('writes its key down before it is sent', async () => {
    const seen: unknown[] = [];
    await placeOrder('c', 3, body(), true, async (_cart, _body, key) => {
      seen.push(pendingCheckout('c')?.key === key);
      return order('o');
    });
    expect(seen).toEqual([true]);
  });

  it('whose answer was lost is the same order when it is tried again', async () => {
    const shop = service();
    shop.answers = ['is lost'];
    expect(await placeOrder('c', 3, body(), true, shop.send)).toMatchObject({ kind: 'open' });
    expect(await placeOrder('c', 3, body(), true, shop.send)).toEqual({ kind: 'placed', orderId: 'order-1' });
    expect(shop.orders.size).toBe(1);
  });

  it('whose answer was lost is the same order after a reload, without another click', async () => {
    const shop = service();
    shop.answers = ['is lost'];
    await placeOrder('c', 3, body(), true, shop.send);
    expect(await resumeCheckout('c', true, shop.send)).toEqual({ kind: 'placed', orderId: 'order-1' });
    expect(await resumeCheckout('c', true, shop.send)).toBeUndefined();
    expect(shop.orders.size).toBe(1);
  });

  it('that is clicked twice, or in two tabs at once, is one order', async () => {
    const shop = service();
    const outcomes = await Promise.all([1, 2, 3].map(() => placeOrder('c', 3, body(), true, shop.send)));
    expect(outcomes).toEqual(outcomes.map(() => ({ kind: 'placed', orderId: 'order-1' })));
    expect(shop.asked).toHaveLength(1);
    expect(orderOf('c', 3)?.orderId).toBe('order-1');
  });

  it('tried again with another card first finds out what became of the one before', async () => {
    const shop = service();
    shop.answers = ['is lost'];
    await placeOrder('c', 3, body('tok_slow'), true, shop.send);
    expect(await placeOrder('c', 3, body('tok_approve'), true, shop.send)).toEqual({ kind: 'placed', orderId: 'order-1' });
    expect(shop.asked.map(({ body }) => body.paymentMethod.token)).toEqual(['tok_slow', 'tok_slow']);
    expect(shop.orders.size).toBe(1);
  });

  it('tried again with another card goes on when the one before was refused', async () => {
    const shop = service();
    shop.answers = [lost, problem({ status: 409, code: 'out_of_stock' })];
    await placeOrder('c', 3, body('tok_slow'), true, shop.send);
    expect(await placeOrder('c', 3, body('tok_approve'), true, shop.send)).toEqual({ kind: 'placed', orderId: 'order-1' });
    expect(new Set(shop.asked.map(({ key }) => key)).size).toBe(2);
  });

  it('that is refused is forgotten: the next one has a key of its own', async () => {
    const shop = service();
    shop.answers = [problem({ status: 409, code: 'out_of_stock' })];
    expect(await placeOrder('c', 3, body(), true, shop.send)).toMatchObject({ kind: 'refused', problem: { code: 'out_of_stock' } });
    expect(pendingCheckout('c')).toBeUndefined();
    await placeOrder('c', 4, body(), true, shop.send);
    expect(new Set(shop.asked.map(({ key }) => key)).size).toBe(2);
  });

  it.each([problem({ status: 503 }), problem({ status: 502 }), problem({ kind: 'late' }), problem({ kind: 'offline' }), problem({ kind: 'unreadable', status: 202 })])('stays open after %o', async (answer) => {
    const shop = service();
    shop.answers = [answer];
    expect(await placeOrder('c', 3, body(), true, shop.send)).toMatchObject({ kind: 'open' });
    expect(pendingCheckout('c')).toBeDefined();
  });

  it('of a cart that was filled again is another order', async () => {
    const shop = service();
    await placeOrder('c', 3, body(), true, shop.send);
    expect(await placeOrder('c', 5, body(), true, shop.send)).toEqual({ kind: 'placed', orderId: 'order-2' });
  });

  it('older than the service remembers is not sent again', async () => {
    const shop = service();
    shop.answers = ['is lost'];
    await placeOrder('c', 3, body(), true, shop.send);
    expect(pendingCheckout('c', Date.now() + 22 * 3600_000)).toBeDefined();
    expect(pendingCheckout('c', Date.now() + 24 * 3600_000)).toBeUndefined();
  });

  it('works where nothing can be stored', async () => {
    vi.stubGlobal('localStorage', { getItem: () => { throw new Error('forbidden'); }, setItem: () => { throw new Error('full'); }, removeItem: () => { throw new Error('forbidden'); } });
    expect(await placeOrder('c', 3, body(), true, service().send)).toEqual({ kind: 'placed', orderId: 'order-1' });
    pretendBrowser();
  });
});
