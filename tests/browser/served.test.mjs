// What a browser makes of how the page is served: no foreign page frames it, calls through it, or runs anything in it.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { test } from 'node:test';
import { accessible, call, expect, fits, newProduct, open, profile, shot, theBrowser, tokenOf, unique, until, url } from './support.mjs';

/** A web page on another origin, for as long as the test runs. */
async function attacker(t, body) {
  const server = createServer((_, response) => response.writeHead(200, { 'Content-Type': 'text/html; charset=utf-8' }).end(`<!doctype html><title>evil</title>${body}`));
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  const page = await (await (await theBrowser()).newContext()).newPage();
  t.after(() => page.context().close());
  // By another name, so that it is another site as well.
  await page.goto(`http://localhost:${server.address().port}/`);
  return page;
}

test('an unknown address shows the page and has the status 404', async (t) => {
  const page = await (await profile(t)).newPage();
  const answer = await page.goto('/nothing-here');
  assert.equal(answer.status(), 404);
  await page.getByRole('heading', { level: 1 }).waitFor();
  await accessible(page);
  await fits(page);
  await shot(page, 'not-found-1280-light');
});

test('a page of another origin cannot frame the shop', async (t) => {
  const page = await attacker(t, `<iframe src="${url}/"></iframe>`);
  const frame = await until('the frame', () => page.frames()[1]);
  await until('the frame to be refused', async () => frame.url().startsWith('chrome-error:') || !(await frame.evaluate(() => document.querySelector('#app')).catch(() => null)));
  assert.equal(await frame.locator('#app').count(), 0);
});

test('a page of another origin signs nobody in, reads nothing and changes nothing', async (t) => {
  const cart = unique('cart');
  const product = await newProduct();
  await until('the cart to take the product', async () => (await call('POST', `/carts/${cart}/items`, { body: { productId: product.id, quantity: 1 } })).status === 200);
  const page = await attacker(t, '');
  const said = await page.evaluate(async ({ url, cart, product }) => {
    const attempt = async (path, init) => {
      try {
        const answer = await fetch(url + path, init);
        return answer.type === 'opaque' ? 'opaque' : await answer.text();
      } catch {
        return 'refused';
      }
    };
    const sign = JSON.stringify({ role: 'admin', name: 'mallory' });
    return {
      json: await attempt('/development/sign-in', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: sign }),
      plain: await attempt('/development/sign-in', { method: 'POST', headers: { 'Content-Type': 'text/plain' }, body: sign }),
      opaque: await attempt('/development/sign-in', { method: 'POST', mode: 'no-cors', body: sign }),
      read: await attempt(`/carts/${cart}`),
      write: await attempt(`/carts/${cart}/items`, { method: 'POST', mode: 'no-cors', body: JSON.stringify({ productId: product, quantity: 7 }) }),
    };
  }, { url, cart, product: product.id });
  assert.deepEqual(said, { json: 'refused', plain: 'refused', opaque: 'opaque', read: 'refused', write: 'opaque' });
  assert.equal((await expect(200, 'GET', `/carts/${cart}`)).items[0].quantity, 1);
});

test('a drawing with a script in it is refused, and one that is shown by itself runs nothing', async (t) => {
  const product = await newProduct();
  const token = await tokenOf('admin');
  const drawing = (inside) => `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 10 10">${inside}<rect width="10" height="10"/></svg>`;
  for (const active of ['<script>document.title="run"</script>', '<a href="javascript:alert(1)"><text>x</text></a>', '<foreignObject><body xmlns="http://www.w3.org/1999/xhtml"><img src="x" onerror="alert(1)"/></body></foreignObject>']) {
    const { status } = await call('PUT', `/products/${product.id}/image`, { token, body: drawing(active), headers: { 'Content-Type': 'image/svg+xml' } });
    assert.equal(status, 422, active);
  }
  assert.equal((await call('PUT', `/products/${product.id}/image`, { token, body: drawing(''), headers: { 'Content-Type': 'image/svg+xml' } })).status, 204);
  const page = await open(t, `/products/${product.id}/image`);
  assert.equal(await page.evaluate(() => document.documentElement.tagName), 'svg');
});

test('a script that got into the document does not run', async (t) => {
  const page = await open(t, '/nothing-here');
  await page.evaluate(() => {
    globalThis.refused = new Set();
    document.addEventListener('securitypolicyviolation', (event) => globalThis.refused.add(event.effectiveDirective));
    const script = document.createElement('script');
    script.textContent = 'document.title = "run"';
    document.body.append(script);
    const box = document.createElement('div');
    box.innerHTML = '<img src="x:" onerror="document.title=&quot;run&quot;"><style>body{display:none}</style><img src="https://evil.example/x.png">';
    document.body.append(box);
    fetch('https://evil.example/').catch(() => undefined);
  });
  const wanted = ['connect-src', 'img-src', 'script-src-attr', 'script-src-elem', 'style-src-elem'];
  await page.waitForFunction((wanted) => wanted.every((each) => globalThis.refused.has(each)), wanted);
  assert.notEqual(await page.title(), 'run');
  // They were asked for.
  page.context().wrong.length = 0;
});
