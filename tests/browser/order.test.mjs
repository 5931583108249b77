// An order's page follows the order's stream: in the shop, in the back office, and through whatever happens to the stream.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { call, expect, kill, newOrder, newProduct, orderWhen, profile, ready, tokenOf, unique, until } from './support.mjs';

const ADMIN = { role: 'admin', name: 'admin' };
const headline = (page, name) => page.getByRole('heading', { level: 1, name });
const steps = (page) => page.locator('.timeline [data-step]').evaluateAll((all) => all.map((one) => one.dataset.step));
const ship = async (id) => expect(200, 'POST', `/orders/${id}/ship`, { token: await tokenOf('admin'), body: {}, headers: { 'Idempotency-Key': unique('key') } });

async function ordered(card, options = {}) {
  return newOrder([[(await newProduct()).id, 1]], { card, ...options });
}

/**
 * A page that counts what it asks of an order: `looks` at the order itself, and `streams` by the Last-Event-ID with which each was
 * opened. `headlines` are all that it showed, one after the other.
 */
async function watching(t, id, options = {}) {
  const context = await profile(t, options);
  const page = await context.newPage();
  const asked = { looks: 0, streams: [] };
  page.on('request', (request) => {
    const { pathname } = new URL(request.url());
    if (pathname === `/orders/${id}` && request.method() === 'GET') ++asked.looks;
    if (pathname === `/orders/${id}/events`) asked.streams.push(request.headers()['last-event-id']);
  });
  await page.addInitScript(() => {
    const headlines = (globalThis.headlines = []);
    new MutationObserver(() => {
      const text = document.querySelector('[data-status] h1')?.textContent;
      if (text && headlines.at(-1) !== text) headlines.push(text);
    }).observe(document, { subtree: true, childList: true, characterData: true });
  });
  return { context, page, asked, headlines: () => page.evaluate(() => globalThis.headlines) };
}

test('the customer sees what becomes of the order without asking for it, and the shipment from the back office at once', async (t) => {
  const token = await tokenOf('customer', unique('customer'));
  const as = { role: 'customer', name: JSON.parse(Buffer.from(token.split('.')[1], 'base64url')).sub };
  const id = await ordered('tok_decline', { token });
  const { page, asked, headlines } = await watching(t, id, { as });
  await page.goto(`/o/${id}`);
  await headline(page, 'The card did not work').waitFor();
  await page.getByText('Live', { exact: true }).waitFor();
  await page.locator('input[value=tok_approve]').check();
  await page.getByRole('button', { name: /^Pay/ }).click();
  await headline(page, 'Paid and confirmed').waitFor();

  const office = await watching(t, id, { as: ADMIN });
  await office.page.goto(`/admin/orders/${id}`);
  await office.page.getByRole('button', { name: 'Ship' }).click();
  await headline(page, 'On its way to you').waitFor();
  await office.page.getByRole('heading', { level: 1 }).getByText('Shipped').waitFor();

  assert.deepEqual(asked, { looks: 0, streams: [undefined] }, 'one stream, and no look');
  assert.deepEqual(office.asked, { looks: 0, streams: [undefined] }, 'one stream, and no look');
  assert.deepEqual((await headlines()).slice(-2), ['Paid and confirmed', 'On its way to you']);
  assert.deepEqual(await steps(page), ['placed', 'declined', 'paid', 'confirmed', 'shipped']);
});

test('the back office sees what the customer does', async (t) => {
  const id = await ordered('tok_approve');
  await orderWhen(id, 'confirmed');
  const { page, asked } = await watching(t, id, { as: ADMIN });
  await page.goto(`/admin/orders/${id}`);
  await page.getByRole('button', { name: 'Ship' }).waitFor();
  await expect(200, 'POST', `/orders/${id}/cancel`, { body: { reason: 'too late for me' } });
  await page.getByText('too late for me').waitFor();
  await page.getByRole('heading', { level: 1 }).getByText('Cancelled').waitFor();
  await page.getByRole('region', { name: 'Payment' }).getByText('Refunded').waitFor();
  assert.deepEqual(asked, { looks: 0, streams: [undefined] });
});

test('an order whose service is killed while somebody looks comes back with all that happened, each once', async (t) => {
  const id = await ordered('tok_slow');
  const { page, asked, headlines } = await watching(t, id);
  await page.goto(`/o/${id}`);
  await headline(page, 'Thank you. It is ordered').waitFor();
  // It is paid while nobody can say so.
  await kill('order-service');
  await headline(page, 'Paid and confirmed').waitFor({ timeout: 60_000 });
  await ready();
  const { version } = await orderWhen(id, 'confirmed');
  await until('a stream', () => page.getByText('Live', { exact: true }).isVisible());
  await kill('order-service');
  await ready();
  await ship(id);
  await headline(page, 'On its way to you').waitFor({ timeout: 60_000 });
  assert.deepEqual(await headlines(), ['Thank you. It is ordered', 'Paid and confirmed', 'On its way to you']);
  assert.deepEqual(await steps(page), ['placed', 'paid', 'confirmed', 'shipped']);
  const [first, ...later] = asked.streams;
  assert.equal(first, undefined);
  assert.ok(later.length > 0 && later.every((last) => Number(last) >= 1 && Number(last) <= version), `came back with ${later}`);
  assert.deepEqual(later, [...later].sort((a, b) => a - b));
});

test('what happened while the device was offline is there when it is back', async (t) => {
  const id = await ordered('tok_approve');
  const { version } = await orderWhen(id, 'confirmed');
  const { page, context, asked } = await watching(t, id);
  await page.goto(`/o/${id}`);
  await headline(page, 'Paid and confirmed').waitFor();
  await context.setOffline(true);
  await page.getByText('You are offline. What you see').waitFor();
  await page.getByText('Connecting …').waitFor();
  await ship(id);
  await headline(page, 'Paid and confirmed').waitFor();
  await context.setOffline(false);
  await headline(page, 'On its way to you').waitFor();
  assert.deepEqual([...new Set(asked.streams)], [undefined, String(version)]);
  assert.deepEqual(await steps(page), ['placed', 'paid', 'confirmed', 'shipped']);
});

test('a stream that ends is opened again after what came last, and one that has nothing more is left alone', async (t) => {
  const id = await ordered('tok_approve');
  const order = await orderWhen(id, 'confirmed');
  const { page, asked } = await watching(t, id);
  const event = (of) => `id: ${of.version}\r\nevent: order\r\ndata: ${JSON.stringify(of)}\r\n\r\n`;
  const created = { ...order, status: 'created', version: 1, history: order.history.slice(0, 1) };
  const streams = [`retry: 100\r\n${event(created)}${event(order)}`, ': beat\n\n'];
  await page.route(`**/orders/${id}/events`, (route) => {
    const body = streams.shift();
    return route.fulfill(body === undefined ? { status: 204 } : { contentType: 'text/event-stream', body });
  });
  await page.goto(`/o/${id}`);
  await headline(page, 'Paid and confirmed').waitFor();
  await until('three streams', () => asked.streams.length === 3);
  // Until something else is done with the order, the page has no more questions.
  await page.getByRole('button', { name: 'Cancel the order' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Cancel the order' }).click();
  await headline(page, 'Cancelled and refunded').waitFor();
  assert.deepEqual(asked, { looks: 0, streams: [undefined, String(order.version), String(order.version)] });
});

const problem = (status, headers = {}) => (route) =>
  route.fulfill({ status, headers, contentType: 'application/problem+json', body: JSON.stringify({ type: 'about:blank', title: 'x', status, detail: 'x', instance: '/' }) });
for (const [what, answered] of [['unknown', problem(404)], ['not to be had', problem(503, { 'Retry-After': '5' })], ['held back on their way', () => undefined]]) {
  test(`where streams are ${what} the order is asked for, and nobody is told`, async (t) => {
    const id = await ordered('tok_decline');
    const { page, asked } = await watching(t, id);
    await page.route(`**/orders/${id}/events`, answered);
    await page.goto(`/o/${id}`);
    await headline(page, 'The card did not work').waitFor();
    await page.getByText('Live', { exact: true }).waitFor();
    await expect(200, 'POST', `/orders/${id}/cancel`, { body: { reason: 'elsewhere' } });
    await headline(page, 'Cancelled').waitFor();
    assert.ok(asked.looks >= 2 && asked.streams.length >= 1, JSON.stringify(asked));
    assert.equal(await page.locator('.banner').count(), 0);
  });
}

test('a tab that was opened behind another one asks for nothing until it is looked at, and one that is left asks no more', async (t) => {
  const id = await ordered('tok_approve');
  await orderWhen(id, 'confirmed');
  const { page, asked } = await watching(t, id);
  await page.addInitScript(() => Object.defineProperty(document, 'hidden', { configurable: true, value: true }));
  await page.goto(`/o/${id}`);
  await page.getByRole('link', { name: /^Cart/ }).waitFor();
  assert.deepEqual(asked, { looks: 0, streams: [] });
  const ended = page.waitForEvent('requestfailed', { predicate: (request) => request.url().endsWith('/events') });
  await page.evaluate(() => {
    delete document.hidden;
    document.dispatchEvent(new Event('visibilitychange'));
  });
  await headline(page, 'Paid and confirmed').waitFor();
  await page.getByRole('link', { name: /^Cart/ }).click();
  await ended;
  assert.deepEqual(asked, { looks: 0, streams: [undefined] });
});

test('an order that is on its way is shown once it is there', async (t) => {
  const id = await ordered('tok_approve');
  await orderWhen(id, 'confirmed');
  const { page, asked } = await watching(t, id);
  let early = 2;
  await page.route(`**/orders/${id}/events`, (route) => (early-- > 0 ? problem(404, { 'Retry-After': '1' })(route) : route.continue()));
  await page.goto(`/o/${id}`);
  await headline(page, 'Looking for your order').waitFor();
  await headline(page, 'Paid and confirmed').waitFor();
  assert.deepEqual(asked, { looks: 0, streams: [undefined, undefined, undefined] });
  assert.equal((await call('GET', `/orders/${id}`)).status, 200);
});
