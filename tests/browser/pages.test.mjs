// Every page at three widths, light and dark: nothing that axe finds, nothing wider than the window, and a picture of each for whoever
// wants to look. How soon something is seen, and how much it moves, is printed.
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { accessible, fits, newOrder, newProduct, orderWhen, profile, shot, tokenOf, unique, until } from './support.mjs';

const ADMIN = { role: 'admin', name: 'admin' };
const customer = { role: 'customer', name: unique('ada') };
const pages = {};

before(async () => {
  const token = await tokenOf('customer', customer.name);
  const cup = await newProduct({ name: 'Cup of a very patient potter', stock: 3 });
  const order = await newOrder([[cup.id, 1], ['celadon-teapot', 2]], { token });
  await orderWhen(order, 'confirmed', token);
  const declined = await newOrder([['breakfast-cup', 1]], { card: 'tok_insufficient_funds' });
  await orderWhen(declined, 'payment_failed');
  Object.assign(pages, {
    shelf: ['/'], 'shelf-search': ['/?q=tea'], 'shelf-none': ['/?q=zzzzqqq'], product: ['/p/celadon-teapot'], 'product-none': [`/p/${unique('none')}`],
    'cart-empty': ['/cart'], cart: ['/cart', undefined, 2], checkout: ['/checkout'], 'order-declined': [`/o/${declined}`],
    'order-confirmed': [`/o/${order}`, customer], account: ['/account'], 'account-history': ['/account', customer], 'not-found': ['/nothing-here'],
    office: ['/admin', ADMIN], 'office-gate': ['/admin'], 'office-products': ['/admin/products?q=tea', ADMIN], 'office-product': ['/admin/products/celadon-teapot', ADMIN],
    'office-new': ['/admin/new', ADMIN], 'office-import': ['/admin/import', ADMIN], 'office-stock': ['/admin/stock?most=25', ADMIN],
    'office-orders': [`/admin/orders?customer=${customer.name}`, ADMIN], 'office-order': [`/admin/orders/${order}`, ADMIN], 'office-payments': ['/admin/payments', ADMIN],
    'office-demand': ['/admin/demand?q=tea', ADMIN], 'office-demand-one': ['/admin/demand/celadon-teapot', ADMIN],
  });
});

/** What has come up to now has been drawn, and nothing is on its way. */
async function settled(page) {
  await page.locator('main h1').first().waitFor();
  await page.waitForFunction(() => !document.querySelector('.bone') && [...document.images].every((image) => image.complete || image.loading === 'lazy'));
  await page.evaluate(() => document.fonts.ready);
}

for (const width of [360, 768, 1280]) {
  for (const theme of ['light', 'dark']) {
    test(`every page at ${width} px, ${theme}`, async (t) => {
      const visitors = new Map();
      for (const [name, [path, as, lines]] of Object.entries(pages)) {
        if (!visitors.has(as)) visitors.set(as, await (await profile(t, { width, theme, as })).newPage());
        const page = visitors.get(as);
        if (lines) {
          // Put there as a customer does.
          for (const product of ['celadon-teapot', 'breakfast-cup'].slice(0, lines)) {
            await page.goto(`/p/${product}`);
            const cart = await page.getByRole('link', { name: /^Cart/ }).getAttribute('aria-label');
            await page.getByRole('button', { name: 'Add to cart' }).click();
            await until('it to be in the cart', async () => (await page.getByRole('link', { name: /^Cart/ }).getAttribute('aria-label')) !== cart);
          }
        }
        await page.goto(path);
        await settled(page);
        await fits(page);
        if (width !== 768) await accessible(page);
        await shot(page, `${name}-${width}-${theme}`);
      }
    });
  }
}

test('how soon something is seen, and how much it moves', async (t) => {
  for (const [path, as] of [['/'], ['/p/celadon-teapot'], ['/admin/products', ADMIN]]) {
    const page = await (await profile(t, { width: 360, height: 780, as })).newPage();
    await page.addInitScript(() => {
      globalThis.shifts = [];
      new PerformanceObserver((list) => globalThis.shifts.push(...list.getEntries().filter((entry) => !entry.hadRecentInput).map((entry) => entry.value))).observe({ type: 'layout-shift', buffered: true });
    });
    await page.goto(path);
    await settled(page);
    const { paint, shift } = await page.evaluate(() => ({
      paint: performance.getEntriesByName('first-contentful-paint')[0]?.startTime, shift: globalThis.shifts.reduce((sum, one) => sum + one, 0),
    }));
    t.diagnostic(`${path}: first contentful paint ${Math.round(paint)} ms, layout shift ${shift.toFixed(3)}`);
    assert.ok(shift < 0.1, `${path} moves by ${shift}`);
  }
});
