// What the browser tests share: a browser, pages that notice what goes wrong in them, the services behind, and the platform's parts.
import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { after } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
// The page's packages are these tests' packages.
const packages = createRequire(join(ROOT, 'services/storefront/package.json'));
const { chromium } = packages('playwright-core');
const axeSource = packages('axe-core').source;

/** The page's origin. */
export const url = process.env.SHOP_PAGE_URL ?? 'http://127.0.0.1:8080';
const screenshots = process.env.SHOP_SCREENSHOTS ?? join(ROOT, 'build/browser/screenshots');

function chromiumProgram() {
  const found = ['/usr/bin/chromium', '/usr/bin/chromium-browser'].find((path) => existsSync(path));
  return process.env.SHOP_CHROMIUM ?? found ?? execFileSync('which', ['chromium'], { encoding: 'utf8' }).trim();
}

let browser;
/** One browser for a file's tests. */
export async function theBrowser() {
  browser ??= await chromium.launch({
    executablePath: chromiumProgram(),
    args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--disable-dev-shm-usage'],
  });
  return browser;
}
after(async () => browser?.close());

/**
 * A browser's profile with nothing in it, closed at the end of the test `t`. `as` is who is signed in: {role, name}.
 * A page that throws, breaks its Content-Security-Policy or asks another host for something fails the test.
 */
export async function profile(t, { width = 1280, height = 900, theme = 'light', locale = 'en-GB', as, touch = false, ...options } = {}) {
  const context = await (await theBrowser()).newContext({
    baseURL: url, viewport: { width, height }, colorScheme: theme, locale, timezoneId: 'Europe/Berlin', reducedMotion: 'reduce', hasTouch: touch, ...options,
  });
  context.setDefaultTimeout(30_000);
  const wrong = [];
  context.on('page', (page) => {
    page.on('pageerror', (error) => wrong.push(`threw ${error.stack ?? error}`));
    page.on('console', (message) => {
      if (message.type() === 'error' && /Content.Security.Policy|Refused to|Uncaught/i.test(message.text())) wrong.push(message.text());
    });
    page.on('request', (request) => {
      const { protocol, origin } = new URL(request.url());
      if (/^https?:$/.test(protocol) && origin !== url) wrong.push(`asked ${request.url()}`);
    });
  });
  if (as) {
    const session = await sessionOf(as.role, as.name);
    await context.addInitScript((value) => {
      // A new tab's first document, about:blank, has no storage.
      if (location.protocol !== 'about:' && !sessionStorage.getItem('session')) sessionStorage.setItem('session', value);
    }, JSON.stringify(session));
  }
  t.after(async () => {
    await context.close();
    assert.deepEqual(wrong, [], 'what went wrong in the page');
  });
  return Object.assign(context, { wrong });
}

/** A page of a new profile, at a path. */
export async function open(t, path, options = {}) {
  const page = await (await profile(t, options)).newPage();
  await page.goto(path);
  return page;
}

/** Kept with the build, for whoever wants to see what the tests saw. */
export async function shot(page, name, options = {}) {
  mkdirSync(screenshots, { recursive: true });
  await page.screenshot({ path: join(screenshots, `${name}.png`), fullPage: true, timeout: 60_000, ...options });
}

/** No violation of WCAG 2.2 AA that axe finds. */
export async function accessible(page) {
  if (!(await page.evaluate(() => 'axe' in globalThis))) await page.evaluate(axeSource);
  const violations = await page.evaluate(async () => {
    const { violations } = await globalThis.axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] });
    return violations.map(({ id, help, nodes }) => `${id}: ${help} — ${nodes.map((node) => `${node.target.join(' ')} (${node.any.concat(node.all).map((one) => one.message).join('; ')})`).join(' | ')}`);
  });
  assert.deepEqual(violations, [], `axe at ${page.url()}`);
}

/** Nothing sticks out to the right of the window. */
export async function fits(page) {
  const wide = await page.evaluate(() => {
    const limit = document.documentElement.clientWidth;
    if (document.documentElement.scrollWidth <= limit) return [];
    return [...document.querySelectorAll('body *')].filter((one) => one.getBoundingClientRect().right > limit + 1).map((one) => `${one.tagName}.${one.className}`).slice(0, 8);
  });
  assert.deepEqual(wide, [], `wider than the window at ${page.url()}`);
}

/** The first true answer, or a failure that says what was waited for. */
export async function until(what, ask, limit = 30_000) {
  const end = Date.now() + limit;
  let seen;
  for (;;) {
    seen = await ask();
    if (seen) return seen;
    assert.ok(Date.now() < end, `waited ${limit / 1000} s for ${what}; last: ${JSON.stringify(seen)}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

// --- the services, as another client of the same origin

let counted = 0;
/** An id that no other test uses. */
export const unique = (prefix) => `${prefix}-${process.pid.toString(36)}${Date.now().toString(36)}${counted++}`;

export async function call(method, path, { token, body, headers = {} } = {}) {
  const text = typeof body === 'string' ? body : body === undefined ? undefined : JSON.stringify(body);
  const response = await fetch(url + path, {
    method, body: text,
    headers: { ...(body === undefined ? {} : { 'Content-Type': 'application/json' }), ...(token ? { Authorization: `Bearer ${token}` } : {}), ...headers },
  });
  const said = await response.text();
  return { status: response.status, headers: response.headers, text: said, json: said && /json/.test(response.headers.get('content-type') ?? '') ? JSON.parse(said) : undefined };
}

/** The JSON of an answer that has this status. */
export async function expect(status, method, path, options) {
  const answer = await call(method, path, options);
  assert.equal(answer.status, status, `${method} ${path}: ${answer.text}`);
  return answer.json;
}

const tokens = new Map();
export async function tokenOf(role, name = role) {
  const key = `${role} ${name}`;
  if (!tokens.has(key)) tokens.set(key, (await expect(200, 'POST', '/development/sign-in', { body: { role, name } })).token);
  return tokens.get(key);
}

/** As the page keeps it (services/storefront/src/session.ts). */
export async function sessionOf(role, name = role) {
  return { token: await tokenOf(role, name), sub: name, role };
}

/** A product on the shelf. */
export async function newProduct(given = {}) {
  const body = { id: unique('product'), name: 'A plain cup', description: '', category: 'tests', price: { amount: 1250, currency: 'EUR' }, stock: 20, ...given };
  return expect(201, 'POST', '/products', { token: await tokenOf('admin'), body });
}

const ADDRESS = { name: 'Ada Lovelace', line1: '12 St James\'s Square', city: 'London', postalCode: 'SW1Y 4JH', country: 'GB' };

/** The id of an order of these products, a guest's or that of the customer with this token. */
export async function newOrder(lines, { card = 'tok_approve', token } = {}) {
  const cart = unique('cart');
  for (const [productId, quantity] of lines) {
    const last = { text: '' };
    await until(`the cart to take ${quantity} of ${productId}`, async () => Object.assign(last, await call('POST', `/carts/${cart}/items`, { token, body: { productId, quantity } })).status === 200)
      .catch((error) => assert.fail(`${error.message}: ${last.text}`));
  }
  const answer = await expect(202, 'POST', `/carts/${cart}/checkout`, {
    token, body: { paymentMethod: { token: card }, shippingAddress: ADDRESS }, headers: { 'Idempotency-Key': unique('key') } });
  return answer.orderId;
}

/** The order, once it has this status. */
export function orderWhen(id, status, token) {
  return until(`order ${id} to be ${status}`, async () => {
    const { json } = await call('GET', `/orders/${id}`, { token });
    return json?.status === status && json;
  });
}

// --- the platform's parts

const run = promisify(execFile);

export async function parts() {
  const { stdout } = await run(join(ROOT, 'shop'), ['status', '--json', ...(process.env.SHOP_STATE_DIR ? ['--state-dir', process.env.SHOP_STATE_DIR] : [])]);
  return JSON.parse(stdout).parts;
}

/** kill -9; the platform starts it again. */
export async function kill(name) {
  const { pid } = (await parts()).find((part) => part.name === name);
  process.kill(pid, 'SIGKILL');
}

/** Every part runs, and the services say that they are ready. */
export async function ready() {
  await until('the platform to be ready', async () => {
    const { stdout } = await run(join(ROOT, 'shop'), ['status', '--json', ...(process.env.SHOP_STATE_DIR ? ['--state-dir', process.env.SHOP_STATE_DIR] : [])]);
    return JSON.parse(stdout).ready;
  }, 60_000);
}
