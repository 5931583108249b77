// The shelf and a product, as a customer walks through them.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { accessible, expect, fits, newProduct, open, profile, shot, tokenOf, unique, until } from './support.mjs';

const cards = (page) => page.locator('.cards .card');
const names = (page) => page.locator('.cards .card-name').allInnerTexts();
/** The page's own scroll position, once it no longer moves. */
const scrolled = async (page, to) => until(`the scroll position to be ${to}`, async () => Math.abs(await page.evaluate(() => scrollY) - to) <= 2);

/** Products that only this test's search finds, named by a word of their own. */
async function shelf(count, given = () => ({})) {
  const word = unique('w').replace('-', '');
  const products = [];
  for (let i = 0; i < count; ++i) products.push(await newProduct({ name: `${word} ${String(i).padStart(3, '0')}`, ...given(i, word) }));
  await until('the shelf to have them', async () => (await expect(200, 'GET', `/products?q=${word}&limit=1`)).total === count);
  return { word, products };
}

test('each view of the shelf and of a product is accessible, fits and is kept as a picture', async (t) => {
  for (const width of [360, 768, 1280]) {
    for (const theme of ['light', 'dark']) {
      const page = await open(t, '/', { width, theme, height: width < 500 ? 780 : 900 });
      await cards(page).nth(3).waitFor();
      await accessible(page);
      await fits(page);
      // The other tests' products have no drawings.
      await page.goto('/?category=Tea+and+coffee');
      await page.getByRole('heading', { level: 1, name: 'Tea and coffee' }).waitFor();
      await cards(page).nth(3).locator('img').waitFor();
      const chosen = await page.getByRole('button', { pressed: true }).boundingBox();
      assert.ok(chosen.x >= 0 && chosen.x + chosen.width <= width, `the chosen category is in view at ${width} px: ${JSON.stringify(chosen)}`);
      await shot(page, `shelf-${width}-${theme}`, { fullPage: false });
      await page.goto('/?q=zzzzzz');
      await page.getByRole('heading', { name: 'Nothing found' }).waitFor();
      await accessible(page);
      await shot(page, `shelf-empty-${width}-${theme}`, { fullPage: false });
      await page.goto('/p/celadon-teapot');
      await page.getByRole('button', { name: 'Add to cart', exact: true }).waitFor();
      await page.getByRole('heading', { name: /More in/ }).waitFor();
      await accessible(page);
      await fits(page);
      await shot(page, `product-${width}-${theme}`, { fullPage: false });
    }
  }
});

test('the first view comes quickly and does not jump', async (t) => {
  for (const width of [360, 1280]) {
    const context = await profile(t, { width });
    await context.addInitScript(() => {
      globalThis.shift = 0;
      new PerformanceObserver((list) => list.getEntries().forEach((entry) => { if (!entry.hadRecentInput) globalThis.shift += entry.value; })).observe({ type: 'layout-shift', buffered: true });
    });
    const page = await context.newPage();
    await page.goto('/');
    await cards(page).nth(3).waitFor();
    await page.waitForLoadState('networkidle');
    const seen = await page.evaluate(() => ({ paint: performance.getEntriesByName('first-contentful-paint')[0]?.startTime, shift: globalThis.shift }));
    t.diagnostic(`at ${width} px: first contentful paint after ${seen.paint?.toFixed(0)} ms, layout shift ${seen.shift.toFixed(4)}`);
    assert.ok(seen.shift < 0.1, `layout shift ${seen.shift} at ${width} px`);
  }
});

test('searches as one types, and back leads to the shelf as it was', async (t) => {
  const { word } = await shelf(3);
  const page = await open(t, '/');
  await cards(page).first().waitFor();
  const search = page.getByRole('searchbox');
  await search.pressSequentially(`${word} 00`, { delay: 20 });
  await until('what was searched for', async () => (await cards(page).count()) === 3);
  assert.equal(new URL(page.url()).searchParams.get('q'), `${word} 00`);
  assert.ok(await search.evaluate((input) => input === document.activeElement), 'the focus stays in the field');
  await page.getByRole('status').filter({ hasText: '3 products' }).waitFor();
  await page.goBack();
  await until('the whole shelf', async () => (await search.inputValue()) === '' && (await cards(page).count()) > 3);
  assert.equal(new URL(page.url()).pathname + new URL(page.url()).search, '/');
});

test('an answer that comes late does not replace what was typed since', async (t) => {
  const { word } = await shelf(2);
  const context = await profile(t);
  const page = await context.newPage();
  let release;
  const held = new Promise((resolve) => { release = resolve; });
  await page.route((address) => address.pathname === '/products' && address.searchParams.get('q') === 'tea', async (route) => {
    await held;
    await route.continue().catch(() => undefined);
  });
  await page.goto('/');
  await cards(page).first().waitFor();
  const asked = page.waitForRequest((request) => new URL(request.url()).searchParams.get('q') === 'tea');
  await page.getByRole('searchbox').fill('tea');
  await asked;
  await page.getByRole('searchbox').fill(word);
  await until('the newer answer', async () => (await cards(page).count()) === 2);
  release();
  await page.waitForLoadState('networkidle');
  assert.ok((await names(page)).every((name) => name.startsWith(word)));
});

test('filters, range and order stand in the address and hold over a reload', async (t) => {
  const { word } = await shelf(6, (i) => ({ price: { amount: 1000 + 500 * i, currency: 'EUR' }, category: i < 4 ? 'Cups' : 'Pots', stock: i === 0 ? 0 : 5 }));
  const page = await open(t, `/?q=${word}`);
  await until('six', async () => (await cards(page).count()) === 6);
  await page.getByRole('button', { name: 'Cups 4' }).click();
  await until('the cups', async () => (await cards(page).count()) === 4);
  await page.getByRole('checkbox', { name: /In stock/ }).check();
  await until('those in stock', async () => (await cards(page).count()) === 3);
  await page.getByRole('button', { name: 'Price', exact: true }).click();
  await page.getByLabel('To', { exact: true }).fill('20');
  await until('those up to 20 euros', async () => (await cards(page).count()) === 2);
  await page.getByLabel('Sort by').selectOption('-price');
  await until('the dearer one first', async () => (await names(page))[0]?.endsWith('002'));
  const before = await names(page);
  const { search } = new URL(page.url());
  for (const part of ['category=Cups', 'inStock=true', 'max=2000', 'currency=EUR', 'sort=-price']) assert.ok(search.includes(part), `${part} in ${search}`);
  await page.reload();
  await until('the same after a reload', async () => JSON.stringify(await names(page)) === JSON.stringify(before));
  assert.equal(await page.getByLabel('To', { exact: true }).inputValue(), '20.00');
  await accessible(page);
  await page.getByLabel('To', { exact: true }).fill('lots');
  await page.getByText('This is not a price').waitFor();
  await page.getByRole('button', { name: 'Clear filters' }).click();
  await until('all of them', async () => (await cards(page).count()) === 6);
});

test('a price range is of one currency, and a filter that is clicked right behind it counts as well', async (t) => {
  const { word } = await shelf(4, (i) => ({ price: { amount: 1500, currency: i < 2 ? 'EUR' : 'JPY' }, stock: i % 2 ? 5 : 0 }));
  const page = await open(t, `/?q=${word}`);
  await until('four', async () => (await cards(page).count()) === 4);
  await page.getByRole('button', { name: 'Price', exact: true }).click();
  await page.getByLabel('Currency').selectOption('JPY');
  await page.getByLabel('To', { exact: true }).fill('15.5');
  await page.getByText('Write it like 12.').waitFor();
  await page.getByLabel('To', { exact: true }).fill('2000');
  // Before what was typed is applied.
  await page.getByRole('checkbox', { name: /In stock/ }).check();
  await until('the one in yen that is there', async () => JSON.stringify(await names(page)) === JSON.stringify([`${word} 003`]));
  const { search } = new URL(page.url());
  for (const part of ['inStock=true', 'max=2000', 'currency=JPY']) assert.ok(search.includes(part), `${part} in ${search}`);
});

test('more is shown page by page; back and reload lead to where one was', async (t) => {
  const { word, products } = await shelf(60);
  const page = await open(t, `/?q=${word}&sort=name`);
  await until('the first page', async () => (await cards(page).count()) === 24);
  await page.getByRole('button', { name: 'Show more' }).click();
  await until('the second page', async () => (await cards(page).count()) === 48);
  await page.getByText('48 of 60').waitFor();
  const seen = await names(page);
  assert.deepEqual(seen, products.slice(0, 48).map(({ name }) => name), 'each once, in order');
  const target = cards(page).nth(40);
  await target.scrollIntoViewIfNeeded();
  await page.evaluate(() => scrollBy(0, 120));
  await until('the position to be kept', async () => page.evaluate(() => Math.abs((history.state?.y ?? 0) - scrollY) <= 1));
  const position = await page.evaluate(() => scrollY);
  assert.ok(position > 500, `scrolled to ${position}`);

  await target.getByRole('link').click();
  await page.getByRole('heading', { level: 1, name: products[40].name }).waitFor();
  assert.equal(await page.evaluate(() => scrollY), 0, 'a product begins at its top');
  await page.goBack();
  await until('the same 48', async () => (await cards(page).count()) === 48);
  await scrolled(page, position);
  await page.reload();
  await until('the same 48 after a reload', async () => (await cards(page).count()) === 48);
  await scrolled(page, position);
  await page.getByRole('button', { name: 'Show more' }).click();
  await until('all', async () => (await cards(page).count()) === 60);
  assert.equal(await page.getByRole('button', { name: 'Show more' }).count(), 0);
});

test('money is written as its currency is, in both languages', async (t) => {
  const word = unique('w').replace('-', '');
  for (const [amount, currency] of [[1234, 'JPY'], [1234, 'KWD'], [1234, 'EUR']]) await newProduct({ name: `${word} ${currency}`, price: { amount, currency } });
  await until('the shelf to have them', async () => (await expect(200, 'GET', `/products?q=${word}`)).total === 3);
  const prices = async (page) => (await page.locator('.card-price .num').allInnerTexts()).map((text) => text.replace(/\s/g, ' '));
  const page = await open(t, `/?q=${word}&sort=name`);
  await until('three prices', async () => (await cards(page).count()) === 3);
  assert.deepEqual(await prices(page), ['€12.34', 'JP¥1,234', 'KWD 1.234']);
  await page.getByLabel('Language').selectOption('de');
  await until('German prices', async () => JSON.stringify(await prices(page)) === JSON.stringify(['12,34 €', '1.234 ¥', '1,234 KWD']));
  assert.equal(await page.evaluate(() => document.documentElement.lang), 'de');
  await page.reload();
  await page.getByRole('button', { name: 'Alles', exact: true }).waitFor();
});

test('names are text, whatever is in them', async (t) => {
  const word = unique('w').replace('-', '');
  const hostile = [
    `${word} <img src=x onerror="document.title='run'"><script>document.title='run'</script>`,
    `${word} \u202eevil\u202c إبريق شاي من السيراميك`,
    `${word}${'x'.repeat(200 - word.length)}`,
    `${word} 🫖👩‍👩‍👧‍👦🏳️‍🌈 ${'é́'.repeat(20)}`,
  ];
  const products = [];
  for (const name of hostile) products.push(await newProduct({ name, description: `${name}\n\n<b>${'y'.repeat(500)}</b>`, imageUrl: 'https://evil.example/x.png' }));
  await until('the shelf to have them', async () => (await expect(200, 'GET', `/products?q=${word}`)).total === hostile.length);
  for (const width of [360, 1280]) {
    const page = await open(t, `/?q=${word}`, { width });
    await until('all of them', async () => (await cards(page).count()) === hostile.length);
    for (const name of hostile) assert.ok((await page.locator('.card-name').evaluateAll((all) => all.map((one) => one.textContent))).includes(name), name);
    await fits(page);
    await accessible(page);
    await shot(page, `hostile-${width}`);
    for (const product of products) {
      await page.goto(`/p/${product.id}`);
      await page.getByRole('heading', { level: 1 }).waitFor();
      assert.equal(await page.locator('h1').evaluate((one) => one.textContent), product.name);
      await fits(page);
      await page.getByRole('button', { name: 'Add to cart', exact: true }).click();
      await page.locator('.toast').last().waitFor();
    }
    await page.goto('/cart');
    await until('all lines', async () => (await page.locator('.line[data-product]').count()) === hostile.length);
    await fits(page);
    await accessible(page);
    await shot(page, `hostile-cart-${width}`);
    await page.goto('/checkout');
    await page.locator('.summary-lines li').nth(hostile.length - 1).waitFor();
    await fits(page);
    assert.equal(await page.evaluate(() => document.querySelectorAll('main script, main img[src*=evil]').length), 0);
  }
});

test('a product that is gone, and one that is not there at the moment, say so', async (t) => {
  const page = await open(t, '/p/never-was');
  await page.getByRole('heading', { name: 'This product is gone' }).waitFor();
  await accessible(page);
  const context = await profile(t);
  const other = await context.newPage();
  let broken = true;
  await other.route('**/products/celadon-teapot', (route) => (broken ? route.fulfill({ status: 503, headers: { 'Retry-After': '60' }, contentType: 'application/problem+json', body: '{"title":"x","status":503,"detail":"x","type":"about:blank"}' }) : route.continue()));
  await other.goto('/p/celadon-teapot');
  await other.getByRole('alert').filter({ hasText: 'does not answer' }).waitFor();
  broken = false;
  await other.getByRole('button', { name: 'Try again' }).click();
  await other.getByRole('heading', { level: 1, name: 'Celadon teapot' }).waitFor();
});

test('what is sold out cannot be added, and few pieces are told of', async (t) => {
  const few = await newProduct({ stock: 2 });
  const none = await newProduct({ stock: 0 });
  const page = await open(t, `/p/${few.id}`);
  await page.getByText('Only 2 left').waitFor();
  await page.goto(`/p/${none.id}`);
  await page.getByText('Sold out at the moment').waitFor();
  assert.equal(await page.getByRole('button', { name: 'Add to cart', exact: true }).count(), 0);
});

test('without a connection the page says so, and comes back by itself', async (t) => {
  const context = await profile(t);
  const page = await context.newPage();
  await page.goto('/');
  await cards(page).first().waitFor();
  await context.setOffline(true);
  await page.getByText('You are offline').first().waitFor();
  await page.getByRole('searchbox').fill('teapot');
  await page.getByRole('alert').filter({ hasText: 'You are offline' }).waitFor();
  await accessible(page);
  await shot(page, 'offline-1280-light', { fullPage: false });
  await context.setOffline(false);
  await until('what was searched for', async () => (await page.locator('.banner').count()) === 0 && (await page.getByRole('alert').count()) === 0 && /teapot/i.test((await names(page))[0] ?? ''));
});

test('light and dark follow the device until one is chosen, which a reload keeps', async (t) => {
  const page = await open(t, '/', { theme: 'dark' });
  const dark = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor === 'rgb(20, 22, 20)');
  await cards(page).first().waitFor();
  assert.equal(await dark(), true);
  await page.getByLabel('Appearance').selectOption('light');
  assert.equal(await dark(), false);
  await page.reload();
  await cards(page).first().waitFor();
  assert.equal(await dark(), false);
  await page.getByLabel('Appearance').selectOption('system');
  assert.equal(await dark(), true);
});

test('an administrator’s change of a price is seen on the next look', async (t) => {
  const product = await newProduct({ price: { amount: 1000, currency: 'EUR' } });
  const page = await open(t, `/p/${product.id}`);
  await page.locator('.product-price').filter({ hasText: '€10.00' }).waitFor();
  await expect(200, 'PUT', `/products/${product.id}`, { token: await tokenOf('admin'), body: { name: product.name, category: product.category, price: { amount: 1100, currency: 'EUR' } } });
  await page.reload();
  await page.locator('.product-price').filter({ hasText: '€11.00' }).waitFor();
});
