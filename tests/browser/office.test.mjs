// The back office, as an administrator uses it, against the real services.
import assert from 'node:assert/strict';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { accessible, call, expect, kill, newOrder, newProduct, open, orderWhen, profile, ready, shot, tokenOf, unique, until } from './support.mjs';

const ADMIN = { role: 'admin', name: 'admin' };
const admin = (t, path, options = {}) => open(t, path, { as: ADMIN, ...options });
const product = async (id) => (await call('GET', `/products/${id}`)).json;

function fileOf(name, text) {
  const path = join(mkdtempSync(join(tmpdir(), 'office-')), name);
  writeFileSync(path, text);
  return path;
}

// --- who may

test('a guest and a customer are not let in, and are told where to sign in', async (t) => {
  for (const as of [undefined, { role: 'customer', name: unique('customer') }]) {
    const page = await open(t, '/admin/products', { as });
    await page.getByRole('heading', { name: 'For administrators' }).waitFor();
    assert.equal(await page.getByRole('navigation', { name: 'Back office' }).getByRole('link').count(), 0);
    await accessible(page);
  }
});

test('whoever signs in as an administrator finds the back office', async (t) => {
  const page = await open(t, '/account');
  await page.getByLabel('Name').fill('grace');
  await page.getByLabel('Administrator').check();
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('main').getByRole('link', { name: 'Back office' }).click();
  await page.getByRole('heading', { level: 1, name: 'Overview' }).waitFor();
  await page.getByText('Products in the catalog').waitFor();
});

test('the back office is a file that a customer never loads', async (t) => {
  const context = await profile(t, {});
  const page = await context.newPage();
  const loaded = [];
  page.on('request', (request) => loaded.push(new URL(request.url()).pathname));
  await page.goto('/');
  await page.getByRole('heading', { level: 1 }).waitFor();
  assert.deepEqual(loaded.filter((path) => /\/assets\/admin/.test(path)), []);
  await page.goto('/admin');
  await page.getByRole('heading', { level: 1 }).waitFor();
  assert.equal(loaded.filter((path) => /\/assets\/admin.*\.js/.test(path)).length, 1);
});

// --- products

test('a product is created, found, changed and seen in the shop', async (t) => {
  const name = `Samovar ${unique('')}`;
  const page = await admin(t, '/admin/new');
  await page.getByRole('button', { name: 'Create product' }).click();
  assert.equal(await page.getByText('Please fill this in.').count(), 3);
  assert.equal(await page.evaluate(() => document.activeElement.getAttribute('aria-invalid')), 'true');
  await page.getByLabel('Name').fill(name);
  await page.getByLabel('Category').fill('tests');
  await page.getByLabel('Currency').fill('KWD');
  await page.getByLabel('Price').fill('12.3456');
  await page.getByLabel('Stock', { exact: true }).fill('-1');
  await page.getByRole('button', { name: 'Create product' }).click();
  await page.getByText('This is not a price in KWD. Write it like 12.500.').waitFor();
  await page.getByText('A whole number from 0 on.').waitFor();
  await page.getByLabel('Price').fill('12.345');
  await page.getByLabel('Stock', { exact: true }).fill('7');
  await page.getByRole('button', { name: 'Create product' }).dblclick();
  await page.getByRole('heading', { level: 1, name }).waitFor();
  const id = new URL(page.url()).pathname.split('/').pop();
  assert.deepEqual((await product(id)).price, { amount: 12345, currency: 'KWD' });

  await page.getByLabel('Description').fill('Of brass.\nMade in Tula.');
  await page.getByLabel('Price').fill('13');
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByText('Saved.').waitFor();
  const saved = await product(id);
  assert.deepEqual([saved.description, saved.price.amount, saved.stock], ['Of brass.\nMade in Tula.', 13000, 7]);

  await page.getByRole('navigation').getByRole('link', { name: 'Products' }).click();
  const found = page.getByRole('main').getByRole('listitem');
  await until('the search to know it, and nothing else', async () => {
    await page.getByLabel('Search products').fill('');
    await page.getByLabel('Search products').fill(name);
    await page.getByText('1 product', { exact: true }).waitFor({ timeout: 1500 }).catch(() => undefined);
    return (await found.count()) === 1 && (await found.filter({ hasText: name }).count()) === 1;
  });
  await found.getByRole('link').click();
  await page.getByRole('link', { name: 'See it in the shop' }).click();
  await page.getByRole('heading', { level: 1, name }).waitFor();
});

test('an id that is taken is said at its field', async (t) => {
  const taken = await newProduct();
  const page = await admin(t, '/admin/new');
  await page.getByLabel('Name').fill('Another cup');
  await page.getByLabel('Category').fill('tests');
  await page.getByLabel('Price').fill('5');
  await page.getByLabel('Stock', { exact: true }).fill('1');
  await page.getByLabel('Id').fill(taken.id);
  await page.getByRole('button', { name: 'Create product' }).click();
  await page.getByText('There is a product with this id already.').waitFor();
  assert.equal((await product(taken.id)).name, taken.name);
});

test('two administrators who change one product merge their changes', async (t) => {
  const made = await newProduct({ name: 'Cup', description: 'Blue.' });
  const [ours, other] = [await admin(t, `/admin/products/${made.id}`), await admin(t, `/admin/products/${made.id}`, { as: { role: 'admin', name: 'other' } })];
  for (const page of [ours, other]) await page.getByLabel('Name').waitFor();
  await other.getByLabel('Name').fill('Beaker');
  await other.getByLabel('Price').fill('20.00');
  await other.getByRole('button', { name: 'Save' }).click();
  await other.getByText('Saved.').waitFor();

  await ours.getByLabel('Name').fill('Mug');
  await ours.getByLabel('Description').fill('Blue, with a handle.');
  await ours.getByRole('button', { name: 'Save' }).click();
  await ours.getByRole('heading', { name: 'Somebody else was quicker' }).waitFor();
  assert.equal(await ours.evaluate(() => document.activeElement.id), 'merge');
  await accessible(ours);
  await shot(ours, 'office-flow-merge');
  // What they alone changed is theirs at first; what both changed is mine until I say otherwise.
  const choice = (field) => ours.getByRole('group', { name: field });
  assert.equal(await choice('Price').getByRole('radio', { name: /Theirs/ }).isChecked(), true);
  assert.equal(await choice('Name').getByRole('radio', { name: /Yours/ }).isChecked(), true);
  assert.equal(await choice('Description').count(), 0);
  await choice('Name').getByRole('radio', { name: /Theirs/ }).check();
  await ours.getByRole('button', { name: 'Save this choice' }).click();
  await ours.getByText('Saved.').waitFor();
  const now = await product(made.id);
  assert.deepEqual([now.name, now.description, now.price.amount, now.stock], ['Beaker', 'Blue, with a handle.', 2000, made.stock]);
});

test('a merge that somebody overtakes again is asked about again, and may be dropped', async (t) => {
  const made = await newProduct({ name: 'Cup' });
  const change = async (name) => expect(200, 'PUT', `/products/${made.id}`, { token: await tokenOf('admin'), body: { name, category: made.category, price: made.price } });
  const page = await admin(t, `/admin/products/${made.id}`);
  await page.getByLabel('Name').fill('Mug');
  await change('Beaker');
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByText('Beaker').waitFor();
  await change('Goblet');
  await page.getByRole('button', { name: 'Save this choice' }).click();
  await page.getByText('Goblet').waitFor();
  assert.equal((await product(made.id)).name, 'Goblet');
  await page.getByRole('button', { name: 'Drop my changes' }).click();
  await page.getByRole('heading', { level: 1, name: 'Goblet' }).waitFor();
  assert.equal(await page.getByLabel('Name').inputValue(), 'Goblet');
});

test('a sale while somebody edits is no reason to ask him, and is not erased', async (t) => {
  const made = await newProduct({ stock: 10 });
  const page = await admin(t, `/admin/products/${made.id}`);
  await page.getByLabel('Name').fill('A better cup');
  await orderWhen(await newOrder([[made.id, 3]]), 'confirmed');
  await until('the sale', async () => (await product(made.id)).stock === 7);
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByText('Saved.').waitFor();
  const now = await product(made.id);
  assert.deepEqual([now.name, now.stock], ['A better cup', 7]);
});

test('what is deleted can be had back for a while, and is gone afterwards', async (t) => {
  const [kept, gone] = [await newProduct({ name: unique('kept') }), await newProduct({ name: unique('gone') })];
  const page = await admin(t, '/admin/products?sort=newest');
  const row = (name) => page.getByRole('main').getByRole('listitem').filter({ hasText: name });
  await until('the list to know them', async () => {
    await page.reload();
    return row(gone.name).waitFor({ timeout: 1500 }).then(() => true, () => false);
  });
  await page.getByRole('button', { name: `Delete ${kept.name}` }).click();
  await row(kept.name).waitFor({ state: 'detached' });
  await page.getByRole('button', { name: 'Undo' }).click();
  await row(kept.name).waitFor();

  await page.getByRole('button', { name: `Delete ${gone.name}` }).click();
  await row(gone.name).waitFor({ state: 'detached' });
  assert.equal((await call('GET', `/products/${gone.id}`)).status, 200, 'there is still time to undo');
  await until('it to be gone', async () => (await call('GET', `/products/${gone.id}`)).status === 404);
  assert.equal((await call('GET', `/products/${kept.id}`)).status, 200);
});

test('a deletion is carried out when the page is left, and not when somebody changed the product', async (t) => {
  const [left, changed] = [await newProduct({ name: unique('left') }), await newProduct({ name: unique('changed') })];
  const page = await admin(t, '/admin/products?sort=newest');
  await until('the list to know them', async () => {
    await page.reload();
    return page.getByRole('button', { name: `Delete ${changed.name}` }).waitFor({ timeout: 1500 }).then(() => true, () => false);
  });
  await page.getByRole('button', { name: `Delete ${changed.name}` }).click();
  await expect(200, 'PUT', `/products/${changed.id}`, { token: await tokenOf('admin'), body: { name: changed.name, category: 'tests', price: { amount: 1, currency: 'EUR' } } });
  await page.getByText('was changed by somebody else and is still there').waitFor();
  await page.getByRole('button', { name: `Delete ${left.name}` }).click();
  await page.goto('about:blank');
  await until('it to be gone', async () => (await call('GET', `/products/${left.id}`)).status === 404);
  assert.equal((await product(changed.id)).price.amount, 1);
});

test('hostile names are only words', async (t) => {
  const names = ['<img src=x onerror="document.title=\'run\'">', '\u202eشاي <b>الصباح</b>', 'x'.repeat(200), '👩🏽‍🚀🫖 &amp; {count} ${1}'];
  const made = [];
  for (const name of names) made.push(await newProduct({ name, category: unique('hostile') }));
  for (const one of made) {
    const page = await admin(t, `/admin/products/${one.id}`, { width: 360, height: 800 });
    await page.getByRole('heading', { level: 1 }).waitFor();
    assert.equal(await page.getByLabel('Name').inputValue(), one.name);
    assert.equal(await page.locator('main img[src="x"], main b').count(), 0);
    assert.ok(!(await page.title()).startsWith('run'));
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= document.documentElement.clientWidth), one.name);
  }
});

// --- pictures and stock

const SVG = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 10 10"><circle cx="5" cy="5" r="4" fill="#1f5c4a"/></svg>';

test('a picture is looked at before it is sent, and one that could do more than draw is refused', async (t) => {
  const made = await newProduct();
  const page = await admin(t, `/admin/products/${made.id}`);
  const input = page.locator('input[type=file]');
  await input.setInputFiles({ name: 'cup.txt', mimeType: 'text/plain', buffer: Buffer.from('cup') });
  await page.getByText('This is not an SVG, PNG, JPEG or WebP file.').waitFor();
  await input.setInputFiles({ name: 'cup.png', mimeType: 'image/png', buffer: Buffer.alloc(600 * 1024) });
  await page.getByText('The file has 600 KB.').waitFor();
  await input.setInputFiles({ name: 'cup.svg', mimeType: 'image/svg+xml', buffer: Buffer.from(SVG.replace('<circle', '<script>document.title="run"</script><circle')) });
  await page.getByRole('img', { name: 'The new picture, not saved yet' }).waitFor();
  await page.getByRole('button', { name: 'Use this picture' }).click();
  await page.getByText('could do more than draw').waitFor();
  await input.setInputFiles({ name: 'cup.png', mimeType: 'image/png', buffer: Buffer.from('no picture at all') });
  await page.getByRole('button', { name: 'Use this picture' }).click();
  await page.getByText('not what its name says').waitFor();
  await input.setInputFiles({ name: 'cup.svg', mimeType: 'image/svg+xml', buffer: Buffer.from(SVG) });
  const shown = page.getByRole('img', { name: 'The new picture, not saved yet' });
  await until('the preview', () => shown.evaluate((image) => image.complete && image.naturalWidth > 0));
  assert.equal((await product(made.id)).imageUrl, '');
  await page.getByRole('button', { name: 'Use this picture' }).click();
  await page.getByText('The picture is changed.').waitFor();
  const now = await product(made.id);
  assert.match(now.imageUrl, new RegExp(`^/products/${made.id}/image\\?v=`));
  // The text is saved under the tag that the picture left.
  await page.getByLabel('Name').fill('A drawn cup');
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByText('Saved.').waitFor();
  assert.deepEqual([(await product(made.id)).name, (await product(made.id)).imageUrl], ['A drawn cup', now.imageUrl]);
});

test('stock comes and goes, but not below what orders hold', async (t) => {
  const made = await newProduct({ stock: 5 });
  await until('an order that holds', async () => {
    const id = await newOrder([[made.id, 4]], { card: 'tok_decline' });
    return orderWhen(id, 'payment_failed');
  });
  const page = await admin(t, `/admin/products/${made.id}`);
  const stock = page.getByRole('region', { name: 'Stock' });
  await stock.getByLabel('Add or take away').fill('x');
  await stock.getByRole('button', { name: 'Apply' }).click();
  await stock.getByText('A whole number other than 0.').waitFor();
  await stock.getByLabel('Add or take away').fill('-2');
  await stock.getByRole('button', { name: 'Apply' }).click();
  await stock.getByText('Orders hold 4 pieces').waitFor();
  await stock.getByLabel('Add or take away').fill('12');
  await stock.getByRole('button', { name: 'Apply' }).click();
  await stock.getByText('The stock is now 17.').waitFor();
  const now = await product(made.id);
  assert.deepEqual([now.stock, now.reserved, now.available], [17, 4, 13]);
});

test('a stock-take counts what is there, unless something was sold since', async (t) => {
  const made = await newProduct({ stock: 10 });
  const page = await admin(t, `/admin/products/${made.id}`);
  const stock = page.getByRole('region', { name: 'Stock' });
  await stock.getByLabel('Stock-take, counted').fill('8');
  await expect(200, 'POST', `/products/${made.id}/stock`, { token: await tokenOf('admin'), body: { delta: -1 } });
  await stock.getByRole('button', { name: 'Set count' }).click();
  await stock.getByText('The stock moved to 9 meanwhile. Please count again.').waitFor();
  assert.equal((await product(made.id)).stock, 9);
  await stock.getByRole('button', { name: 'Set count' }).click();
  await stock.getByText('The stock is now 8.').waitFor();
  assert.equal((await product(made.id)).stock, 8);
});

test('what is low is listed, the lowest first', async (t) => {
  const category = unique('low');
  const names = {};
  for (const stock of [2, 0, 5, 6]) names[stock] = (await newProduct({ name: `${category} ${stock}`, category, stock })).name;
  const page = await admin(t, `/admin/stock?q=${category}`);
  const rows = page.getByRole('main').getByRole('listitem').filter({ hasText: category });
  await until('the list to know them', async () => {
    if ((await rows.count()) === 3) return true;
    await page.reload();
    await page.getByText(/Looked through/).waitFor();
    return (await rows.count()) === 3;
  });
  assert.deepEqual(await rows.getByRole('link').allTextContents(), [names[0], names[2], names[5]]);
  await page.getByLabel('At most').selectOption('10');
  await rows.nth(3).waitFor();
});

// --- imports

test('a file is imported with an outcome for every line', async (t) => {
  const run = unique('import');
  const line = (i, extra = {}) => JSON.stringify({ id: `${run}-${i}`, name: `Imported ${i}`, category: run, price: { amount: 100 + i, currency: 'EUR' }, stock: i, ...extra });
  const page = await admin(t, '/admin/import');
  await page.locator('input[type=file]').setInputFiles(fileOf('catalog.txt', 'x'));
  await page.getByText('The name must end in .ndjson, .jsonl or .csv.').waitFor();
  const path = fileOf('catalog.ndjson', [line(1), '{broken', line(2, { price: { amount: -5, currency: 'EUR' } }), line(3)].join('\n'));
  await page.locator('input[type=file]').setInputFiles(path);
  await page.getByRole('button', { name: 'Import catalog.ndjson' }).click();
  await page.getByText('Done.').waitFor();
  const tile = (word) => page.getByRole('main').getByRole('listitem').filter({ hasText: word });
  assert.match(await tile('created').textContent(), /^2/);
  assert.match(await tile('refused').textContent(), /^2/);
  const refused = page.getByRole('region', { name: 'Lines that were refused' }).getByRole('row');
  assert.deepEqual((await refused.nth(1).getByRole('cell').first().textContent()).trim(), '2');
  assert.match(await refused.nth(2).textContent(), /3\s*price\.amount/);
  await accessible(page);
  await shot(page, 'office-flow-import');
  assert.equal((await product(`${run}-3`)).stock, 3);
  // The same again changes nothing.
  await page.locator('input[type=file]').setInputFiles(path);
  await page.getByRole('button', { name: 'Import catalog.ndjson' }).click();
  await page.getByText('Done.').waitFor();
  assert.match(await tile('unchanged').textContent(), /^2/);
});

test('a CSV file that goes out in several pieces is imported whole, by its own line numbers', async (t) => {
  const run = unique('csv');
  const rows = Array.from({ length: 1200 }, (_, i) => `${run}-${i},"Row ${i}, with ""quotes""","${'d'.repeat(300)}\nand a break",${run},${i === 1100 ? 'much' : 100},EUR,1,`);
  const page = await admin(t, '/admin/import');
  await page.locator('input[type=file]').setInputFiles(fileOf('catalog.csv', `id,name,description,category,price.amount,price.currency,stock,imageUrl\r\n${rows.join('\r\n')}\r\n`));
  let requests = 0;
  page.on('request', (request) => { requests += request.url().endsWith('/products/import') ? 1 : 0; });
  await page.getByRole('button', { name: 'Import catalog.csv' }).click();
  await page.getByText('Done.').waitFor({ timeout: 120_000 });
  assert.ok(requests > 1, `${requests} requests`);
  const tile = (word) => page.getByRole('main').getByRole('listitem').filter({ hasText: word });
  assert.match(await tile('created').textContent(), /^1,199/);
  // The header is line 1, and each row has two.
  const refused = page.getByRole('region', { name: 'Lines that were refused' }).getByRole('row');
  assert.equal((await refused.nth(1).getByRole('cell').first().textContent()).replace(/\D/g, ''), String(2 + 1100 * 2));
  assert.equal((await product(`${run}-1199`)).name.startsWith('Row 1199'), true);
});

test('an import whose connection is cut goes on where it was', async (t) => {
  const run = unique('cut');
  const lines = Array.from({ length: 1200 }, (_, i) => JSON.stringify({ id: `${run}-${i}`, name: `Cut ${i}`, description: 'd'.repeat(500), category: run, price: { amount: 1, currency: 'EUR' }, stock: 1 }));
  const page = await admin(t, '/admin/import');
  await page.locator('input[type=file]').setInputFiles(fileOf('cut.ndjson', lines.join('\n')));
  let sent = 0;
  await page.route('**/products/import', (route) => (++sent === 2 ? page.context().setOffline(true).then(() => route.abort('internetdisconnected')) : route.continue()));
  await page.getByRole('button', { name: 'Import cut.ndjson' }).click();
  await page.getByText('The connection was lost.').waitFor({ timeout: 40_000 });
  await page.context().setOffline(false);
  await page.getByRole('button', { name: 'Go on from here' }).click();
  await page.getByText('Done.').waitFor({ timeout: 120_000 });
  const tile = (word) => page.getByRole('main').getByRole('listitem').filter({ hasText: word });
  assert.match(await tile('created').textContent(), /^1,200/);
  assert.equal((await call('GET', `/products/${run}-1199`)).status, 200);
});

test('a file with unknown columns is not taken, and it is said why', async (t) => {
  const page = await admin(t, '/admin/import');
  await page.locator('input[type=file]').setInputFiles(fileOf('odd.csv', 'id,name,colour\r\na,b,c\r\n'));
  await page.getByRole('button', { name: 'Import odd.csv' }).click();
  await page.getByText(/The file was not taken:.*colour/).waitFor();
});

// --- orders, payments, demand

test('the orders of a customer follow by themselves, and one is shipped', async (t) => {
  const name = unique('customer');
  const token = await tokenOf('customer', name);
  const cup = await newProduct();
  const first = await newOrder([[cup.id, 2]], { token });
  await orderWhen(first, 'confirmed', token);
  const page = await admin(t, '/admin/orders');
  await page.getByLabel('Customer').fill(name);
  const rows = page.getByRole('main').getByRole('listitem');
  await page.getByText('Confirmed').nth(1).waitFor();
  await until('one row', async () => (await rows.count()) === 1);
  // Another one comes, and fails, while somebody looks.
  const second = await newOrder([[cup.id, 1]], { token, card: 'tok_decline' });
  await orderWhen(second, 'payment_failed', token);
  await rows.filter({ hasText: 'Payment failed' }).waitFor();
  assert.equal(await rows.count(), 2);
  await page.getByLabel('Status').selectOption('confirmed');
  await until('the other to be left out', async () => (await rows.count()) === 1);
  await shot(page, 'office-flow-orders');

  await rows.getByRole('link').click();
  await page.getByLabel('Tracking number').fill('1Z 999');
  await page.getByRole('button', { name: 'Ship' }).click();
  await page.getByText('The order is on its way.').waitFor();
  await page.getByRole('heading', { level: 1 }).getByText('Shipped').waitFor();
  await orderWhen(first, 'shipped', token);
  await page.getByText('Nothing more can be done with this order.').waitFor();
  await accessible(page);
});

test('everybody is in the list of orders, guests too, and one that is placed meanwhile comes to its top', async (t) => {
  const cup = await newProduct();
  const customer = await tokenOf('customer', unique('customer'));
  const placed = [await newOrder([[cup.id, 1]]), await newOrder([[cup.id, 1]], { token: customer })];
  const page = await admin(t, '/admin/orders');
  const row = (id) => page.getByRole('main').getByRole('listitem').filter({ has: page.locator(`a[href="/admin/orders/${id}"]`) });
  for (const id of placed) await row(id).waitFor();
  assert.match(await row(placed[0]).textContent(), /Guest/);
  const later = await newOrder([[cup.id, 1]]);
  await row(later).getByText('Confirmed').waitFor();
  const order = await page.getByRole('main').getByRole('listitem').getByRole('link').evaluateAll((links) => links.map((link) => link.getAttribute('href').split('/').pop()));
  assert.ok(order.indexOf(later) < order.indexOf(placed[0]));
});

test('an order changes under the eyes of whoever looks at it, and is cancelled with its money given back', async (t) => {
  const cup = await newProduct();
  const id = await newOrder([[cup.id, 1]], { card: 'tok_insufficient_funds' });
  await orderWhen(id, 'payment_failed');
  const page = await admin(t, '/admin/orders');
  await page.getByLabel('Open an order by its number').fill(id);
  await page.getByRole('button', { name: 'Open' }).click();
  await page.getByRole('heading', { level: 1 }).getByText('Payment failed').waitFor();
  const payment = await expect(200, 'GET', `/payments?orderId=${id}`);
  await expect(202, 'POST', `/payments/${payment.id}/retry`, { body: { paymentMethod: { token: 'tok_approve' } }, headers: { 'Idempotency-Key': unique('key') } });
  await page.getByRole('heading', { level: 1 }).getByText('Confirmed').waitFor();
  await page.getByRole('region', { name: 'Payment' }).getByText('Paid').waitFor();
  await page.getByLabel('Reason').fill('A <b>crack</b>');
  await page.getByRole('button', { name: 'Cancel order' }).click();
  await page.getByText('The order is cancelled.').waitFor();
  await page.getByRole('region', { name: 'Payment' }).getByText('Refunded').waitFor();
  await page.getByText('A <b>crack</b>').waitFor();
});

test('an order that was shipped meanwhile is not cancelled, and it is said why', async (t) => {
  const cup = await newProduct();
  const id = await newOrder([[cup.id, 1]]);
  await orderWhen(id, 'confirmed');
  const page = await (await profile(t, { as: ADMIN })).newPage();
  // After its first look, nobody tells the page.
  let looks = 0;
  await page.route(new RegExp(`/orders/${id}`), (route) => {
    const { pathname } = new URL(route.request().url());
    if (pathname.startsWith('/admin') || route.request().method() !== 'GET') return route.continue();
    return !pathname.endsWith('/events') && looks++ === 0 ? route.continue() : route.abort();
  });
  await page.goto(`/admin/orders/${id}`);
  await page.getByRole('button', { name: 'Cancel order' }).waitFor();
  await expect(200, 'POST', `/orders/${id}/ship`, { token: await tokenOf('admin'), body: {} });
  await page.getByRole('button', { name: 'Cancel order' }).click();
  await page.getByText('The order was shipped already.').waitFor();
  assert.equal((await expect(200, 'GET', `/orders/${id}`)).status, 'shipped');
});

test('an order that there is not', async (t) => {
  const page = await admin(t, `/admin/orders/${unique('none')}`);
  await page.getByRole('heading', { name: 'There is no such order' }).waitFor();
});

test('the ledger is summed exactly, currency by currency', async (t) => {
  const token = await tokenOf('admin');
  const yen = await newProduct({ price: { amount: 7800, currency: 'JPY' } });
  await orderWhen(await newOrder([[yen.id, 3]]), 'confirmed');
  const page = await admin(t, '/admin/payments');
  const sums = page.getByRole('region', { name: 'Sums by currency' });
  await sums.getByRole('row').nth(1).waitFor();
  await page.getByText(/entr(y|ies)/).first().waitFor();
  const { items } = await expect(200, 'GET', '/payments/ledger', { token });
  const net = items.filter(({ amount }) => amount.currency === 'JPY').reduce((sum, { kind, amount }) => sum + (kind === 'charge' ? 1 : -1) * amount.amount, 0);
  const row = sums.getByRole('row').filter({ has: page.getByRole('rowheader', { name: 'JPY' }) });
  assert.equal((await row.getByRole('cell').last().textContent()).replace(/\D/g, ''), String(net));
  // What comes later is added when it is asked for.
  await orderWhen(await newOrder([[yen.id, 1]]), 'confirmed');
  await page.getByRole('button', { name: 'Read new entries' }).click();
  await until('the new sum', async () => (await row.getByRole('cell').last().textContent()).replace(/\D/g, '') === String(net + 7800));
});

test('demand is shown as it was', async (t) => {
  const cup = await newProduct({ name: unique('wanted') });
  await orderWhen(await newOrder([[cup.id, 3]]), 'confirmed');
  await until('the counters', async () => (await call('GET', `/demand/${cup.id}`, { token: await tokenOf('admin') })).json?.unitsSold === 3);
  const page = await admin(t, `/admin/demand/${cup.id}`);
  await page.getByRole('heading', { level: 1, name: cup.name }).waitFor();
  const units = page.getByRole('region', { name: 'Pieces' });
  await units.getByText('3').nth(1).waitFor();
  await accessible(page);
});

// --- under way

test('the back office works with the keyboard alone', async (t) => {
  const page = await admin(t, '/admin');
  await page.getByText('Products in the catalog').waitFor();
  await page.keyboard.press('Tab');
  assert.equal(await page.evaluate(() => document.activeElement.textContent), 'Skip to the content');
  await page.keyboard.press('Enter');
  await page.keyboard.press('Tab');
  assert.equal(await page.evaluate(() => document.activeElement.textContent), 'New product');
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { level: 1, name: 'New product' }).waitFor();
  await until('the heading to have the focus', () => page.evaluate(() => document.activeElement.tagName === 'H1'));
  const name = unique('typed');
  for (const text of [name, 'tests', '9.99', '', '', '4', '']) {
    await page.keyboard.press('Tab');
    if (text) await page.keyboard.type(text);
  }
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { level: 1, name }).waitFor();
});

test('without a connection it says so, and goes on when there is one', async (t) => {
  const made = await newProduct();
  const page = await admin(t, `/admin/products/${made.id}`);
  await page.getByLabel('Name').fill('Saved later');
  await page.context().setOffline(true);
  await page.getByText('You are offline. What you see').waitFor();
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByText('You are offline. This will work').waitFor();
  assert.equal(await page.getByLabel('Name').inputValue(), 'Saved later');
  await page.context().setOffline(false);
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByText('Saved.').waitFor();
  assert.equal((await product(made.id)).name, 'Saved later');
});

test('a service that is killed while somebody saves costs him a moment', async (t) => {
  const made = await newProduct();
  const page = await admin(t, `/admin/products/${made.id}`);
  await page.getByLabel('Name').fill('Saved through a crash');
  await kill('product-service');
  await page.getByRole('button', { name: 'Save' }).click();
  const save = async () => {
    if (await page.getByText('Saved.').isVisible()) return true;
    // The layer gives up after some seconds and says so; then it is his to try again.
    if (await page.getByText('does not answer at the moment').first().isVisible()) await page.getByRole('button', { name: 'Save' }).click().catch(() => undefined);
    return false;
  };
  await until('it to be saved', save, 60_000);
  assert.equal((await product(made.id)).name, 'Saved through a crash');
  await ready();
});

test('in German', async (t) => {
  const made = await newProduct({ price: { amount: 123456, currency: 'EUR' } });
  const page = await admin(t, `/admin/products/${made.id}`, { locale: 'de-DE' });
  assert.equal(await page.getByLabel('Preis').inputValue(), '1234,56');
  await page.getByLabel('Preis').fill('1.299,50');
  await page.getByRole('button', { name: 'Speichern' }).click();
  await page.getByText('Gespeichert.').waitFor();
  assert.equal((await product(made.id)).price.amount, 129950);
  assert.equal(await page.evaluate(() => document.documentElement.lang), 'de');
});
