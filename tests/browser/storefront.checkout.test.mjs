// From the cart to an order, whatever comes between.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { accessible, call, expect, fits, kill, newOrder, newProduct, open, orderWhen, profile, ready, shot, tokenOf, unique, until, url } from './support.mjs';

const ADDRESS = { 'Full name': 'Ada Lovelace', 'Street and number': '12 St James’s Square', 'Postal code': 'SW1Y 4JH', City: 'London' };
const place = (page) => page.getByRole('button', { name: 'Place order' });
const headline = (page, name) => page.getByRole('heading', { level: 1, name });
const orderOf = (page) => /^\/o\/([\w-]+)$/.exec(new URL(page.url()).pathname)?.[1];
const cartOf = (page) => page.evaluate(() => JSON.parse(localStorage.getItem('cart')));

/** Opens a product and puts it into the cart. */
async function add(page, product) {
  await page.goto(`/p/${product.id}`);
  await page.getByRole('button', { name: 'Add to cart', exact: true }).click();
  await page.locator('.toast').filter({ hasText: 'is in your cart' }).last().waitFor();
}

async function fill(page, card = 'tok_approve') {
  for (const [label, text] of Object.entries(ADDRESS)) await page.getByLabel(label).fill(text);
  await page.getByLabel('Country').selectOption('GB');
  await page.locator(`input[value=${card}]`).check();
}

/** A page at the checkout, with one product in the cart and everything filled in. */
async function atCheckout(t, { card = 'tok_approve', product, ...options } = {}) {
  const context = await profile(t, options);
  const page = await context.newPage();
  product ??= await newProduct();
  await add(page, product);
  await page.goto('/checkout');
  await fill(page, card);
  return { context, page, product };
}

async function orderOpens(page) {
  await until('the order', () => orderOf(page));
  return orderOf(page);
}

/** How many pieces of a product were ever ordered: one an order in these tests. */
async function ordered(product, pieces) {
  await until(`${pieces} of ${product.id} to be taken`, async () => (await expect(200, 'GET', `/products/${product.id}`)).available === product.stock - pieces);
}

/** Every checkout that leaves the page, and the answers that it gets. */
function checkouts(page) {
  const keys = [];
  page.on('request', (request) => {
    if (request.method() === 'POST' && request.url().endsWith('/checkout')) keys.push(request.headers()['idempotency-key']);
  });
  return keys;
}

test('each view of the way to an order is accessible, fits and is kept as a picture', async (t) => {
  const product = await newProduct({ name: 'A cup to look at' });
  for (const width of [360, 768, 1280]) {
    for (const theme of ['light', 'dark']) {
      const page = await open(t, '/cart', { width, theme, height: width < 500 ? 780 : 900 });
      const see = async (name) => {
        await accessible(page);
        await fits(page);
        await shot(page, `${name}-${width}-${theme}`);
      };
      await headline(page, 'Your cart is empty').waitFor();
      await see('cart-empty');
      await add(page, { id: 'celadon-teapot' });
      await add(page, product);
      await page.goto('/cart');
      await page.locator('.line[data-product]').nth(1).waitFor();
      await see('cart');
      await page.getByRole('link', { name: 'Check out' }).click();
      await place(page).click();
      await page.getByText('Who is it for?').waitFor();
      await see('checkout-wrong');
      await fill(page, 'tok_insufficient_funds');
      await see('checkout');
      await place(page).click();
      await headline(page, 'The card did not work').waitFor();
      await page.getByRole('heading', { name: 'Try another card' }).waitFor();
      await see('order-declined');
      await page.getByRole('button', { name: 'Cancel the order' }).click();
      await page.getByRole('dialog').waitFor();
      await see('order-cancel');
      await page.getByRole('button', { name: 'Keep it' }).click();
      await page.locator('input[value=tok_approve]').check();
      await page.getByRole('button', { name: /^Pay/ }).click();
      await headline(page, 'Paid and confirmed').waitFor();
      await see('order-confirmed');
      await page.goto('/account');
      await page.getByRole('button', { name: 'Sign in' }).waitFor();
      await see('account-guest');
    }
  }
});

test('a cart is filled, changed and ordered, and the guest keeps the link', async (t) => {
  const product = await newProduct({ stock: 30 });
  const { page } = await atCheckout(t, { product });
  await page.goto('/cart');
  await page.getByRole('button', { name: 'One more' }).click();
  await page.locator('.line-sum').filter({ hasText: '€25.00' }).waitFor();
  await page.getByLabel('Quantity', { exact: true }).fill('3');
  await page.getByLabel('Quantity', { exact: true }).press('Enter');
  await page.locator('.sum-total').filter({ hasText: '€37.50' }).waitFor();
  await page.getByRole('button', { name: /^Remove/ }).click();
  await headline(page, 'Your cart is empty').waitFor();
  await page.getByRole('button', { name: 'Undo' }).click();
  await page.locator('.sum-total').filter({ hasText: '€37.50' }).waitFor();
  await page.getByRole('link', { name: 'Check out' }).click();
  assert.equal(await page.getByLabel('Full name').inputValue(), ADDRESS['Full name'], 'what was typed is still there');
  await place(page).click();
  await headline(page, 'Paid and confirmed').waitFor();
  const id = orderOf(page);
  const order = await orderWhen(id, 'confirmed');
  assert.deepEqual(order.lines.map(({ productId, quantity }) => [productId, quantity]), [[product.id, 3]]);
  assert.equal(await page.getByLabel('Link to this order').inputValue(), `${url}/o/${id}`);
  await page.getByRole('button', { name: 'Copy' }).click();

  const stranger = await open(t, `/o/${id}`);
  await headline(stranger, 'Paid and confirmed').waitFor();
  await page.goto('/account');
  await page.getByRole('link', { name: new RegExp(id.slice(-8), 'i') }).click();
  await headline(page, 'Paid and confirmed').waitFor();
  await page.goto('/cart');
  await headline(page, 'Your cart is empty').waitFor();
});

test('what became of a line since it was added is shown at the line, and mended there', async (t) => {
  const admin = await tokenOf('admin');
  const [dearer, cheaper, scarce, gone] = await Promise.all([newProduct({ name: 'Dearer' }), newProduct({ name: 'Cheaper' }), newProduct({ name: 'Scarce', stock: 9 }), newProduct({ name: 'Gone' })]);
  const page = await open(t, '/');
  for (const product of [dearer, cheaper, scarce, gone]) await add(page, product);
  await page.goto('/cart');
  const line = (product) => page.locator(`.line[data-product="${product.id}"]`);
  await line(scarce).getByLabel('Quantity', { exact: true }).fill('5');
  await line(scarce).getByLabel('Quantity', { exact: true }).press('Enter');
  await line(scarce).locator('.line-sum').filter({ hasText: '€62.50' }).waitFor();

  const change = (product, body) => expect(200, 'PUT', `/products/${product.id}`, { token: admin, body: { name: product.name, category: product.category, price: product.price, ...body } });
  await change(dearer, { price: { amount: 1500, currency: 'EUR' } });
  await change(cheaper, { price: { amount: 1000, currency: 'EUR' } });
  await change(scarce, { stock: 2 });
  assert.equal((await call('DELETE', `/products/${gone.id}`, { token: admin })).status, 204);
  await until('all of it to be shown', async () => {
    await page.reload();
    await page.locator('.line[data-product]').nth(3).waitFor();
    return (await page.getByText(/^Was €12\.50/).count()) === 1 && (await page.getByText('Cheaper now: was €12.50').count()) === 1 && (await page.getByText('No longer sold').count()) === 1 && (await line(scarce).locator('.notice').count()) === 1;
  });
  await page.getByText('2 items need a look first').waitFor();
  await line(scarce).getByText('Only 2 are left').waitFor();
  await accessible(page);
  await fits(page);
  await shot(page, 'cart-faults-1280-light');
  await line(gone).locator('.line-fault').getByRole('button', { name: 'Remove' }).click();
  await line(gone).waitFor({ state: 'detached' });
  await line(scarce).getByRole('button', { name: 'Take 2' }).click();
  await line(scarce).locator('.line-sum').filter({ hasText: '€25.00' }).waitFor();
  await until('nothing to be in the way', async () => {
    await page.reload();
    await page.locator('.line[data-product]').nth(2).waitFor();
    return (await page.getByRole('link', { name: 'Check out' }).count()) === 1;
  });
});

test('a checkout that cannot be had is refused at the line, mended there, and goes through', async (t) => {
  const { page, product } = await atCheckout(t, { product: await newProduct({ stock: 6 }) });
  const cart = await cartOf(page);
  await expect(200, 'PUT', `/carts/${cart}/items/${product.id}`, { body: { quantity: 6 } });
  await page.reload();
  await page.locator('.sum-total').filter({ hasText: '€75.00' }).waitFor();
  // Somebody else is quicker by four.
  await orderWhen(await newOrder([[product.id, 4]]), 'confirmed');
  await until('the checkout to be refused', async () => {
    if (orderOf(page)) throw new Error('it was not refused');
    await place(page).click();
    return page.getByText('Nothing was ordered or charged').waitFor({ timeout: 3000 }).then(() => true, () => false);
  });
  await page.getByText('Only 2 are left').waitFor();
  await accessible(page);
  await shot(page, 'checkout-scarce-1280-light');
  await page.getByRole('button', { name: 'Take 2' }).click();
  await page.locator('.sum-total').filter({ hasText: '€25.00' }).waitFor();
  await place(page).click();
  await headline(page, 'Paid and confirmed').waitFor();
});

test('an address is looked at as it is typed, and nothing is sent before it is whole', async (t) => {
  const page = await open(t, '/');
  await add(page, await newProduct());
  await page.goto('/checkout');
  const keys = checkouts(page);
  await page.getByLabel('Full name').focus();
  await page.keyboard.press('Tab');
  await page.getByText('Who is it for?').waitFor();
  await page.getByLabel('Full name').fill('A');
  await page.getByText('Who is it for?').waitFor({ state: 'detached' });
  await page.getByLabel('Postal code').fill('1'.repeat(21));
  await page.getByText('At most 20 characters').waitFor();
  await place(page).click();
  await page.getByText('The city is missing').waitFor();
  assert.equal(await page.evaluate(() => document.activeElement?.getAttribute('autocomplete')), 'address-line1', 'the focus is on the first that is wrong');
  assert.deepEqual(keys, []);
});

for (const [card, says] of [['tok_decline', 'The bank refuses this card'], ['tok_flaky', undefined], ['tok_slow', undefined]]) {
  test(`the order as it happens with ${card}`, async (t) => {
    const { page } = await atCheckout(t, { card });
    await place(page).click();
    if (says) {
      await headline(page, 'The card did not work').waitFor();
      await page.getByText(says).waitFor();
      await page.locator('input[value=tok_insufficient_funds]').check();
      await page.getByRole('button', { name: /^Pay/ }).click();
      await page.getByText('attempt 2').waitFor();
      await page.getByText('There is too little money on the card').waitFor();
      await page.locator('input[value=tok_approve]').check();
      await page.getByRole('button', { name: /^Pay/ }).click();
    } else {
      await headline(page, 'Thank you. It is ordered').waitFor();
    }
    await headline(page, 'Paid and confirmed').waitFor({ timeout: 40_000 });
    await page.locator('[data-step=paid]').waitFor();
    // Shipped while somebody looks on.
    await expect(200, 'POST', `/orders/${orderOf(page)}/ship`, { token: await tokenOf('admin'), body: { trackingNumber: 'T1' } });
    await headline(page, 'On its way to you').waitFor();
    await page.getByText('Tracking number: T1').waitFor();
    assert.equal(await page.getByRole('button', { name: 'Cancel the order' }).count(), 0);
  });
}

test('a paid order is cancelled, and the money is seen coming back', async (t) => {
  const { page, product } = await atCheckout(t, { product: await newProduct({ stock: 4 }) });
  await place(page).click();
  await headline(page, 'Paid and confirmed').waitFor();
  await page.getByRole('button', { name: 'Cancel the order' }).click();
  await page.getByLabel('Reason').fill('<b>changed</b> my mind');
  await page.getByRole('dialog').getByRole('button', { name: 'Cancel the order' }).click();
  await headline(page, 'Cancelled and refunded').waitFor();
  await page.getByText('€12.50 refunded').waitFor();
  await page.getByText('<b>changed</b> my mind').waitFor();
  await ordered(product, 0);
});

test('a double click is one order, and back does not order again', async (t) => {
  const { page, product } = await atCheckout(t);
  await place(page).dblclick();
  const id = await orderOpens(page);
  await ordered(product, 1);
  await page.goBack();
  await until('another view', () => !orderOf(page));
  assert.notEqual(new URL(page.url()).pathname, '/checkout', 'the checkout is not an entry of the history any more');
  await page.goto('/checkout');
  await page.getByRole('link', { name: 'See your last order' }).click();
  assert.equal(await orderOpens(page), id);
});

test('two tabs that order at once get the same order', async (t) => {
  const { context, page, product } = await atCheckout(t);
  const other = await context.newPage();
  await other.goto('/checkout');
  await fill(other);
  await Promise.all([place(page).click(), place(other).click()]);
  const ids = await Promise.all([orderOpens(page), orderOpens(other)]);
  assert.equal(ids[0], ids[1]);
  await ordered(product, 1);
});

test('a page that shows a cart as it was does not order what it does not show', async (t) => {
  const { page, product } = await atCheckout(t);
  const second = await newProduct({ name: 'Added meanwhile' });
  // By another device, of which this page hears nothing.
  const cart = await cartOf(page);
  await until('the cart to take the other product', async () => (await call('POST', `/carts/${cart}/items`, { body: { productId: second.id, quantity: 1 } })).status === 200);
  await place(page).click();
  await page.getByText('The cart changed in the meantime').waitFor();
  await page.locator('.summary-lines').getByText('Added meanwhile').waitFor();
  await ordered(product, 0);
  await place(page).click();
  await orderOpens(page);
  await ordered(product, 1);
  await ordered(second, 1);
});

test('an answer that is lost is asked for again with the same key', async (t) => {
  const { page, product } = await atCheckout(t);
  const keys = checkouts(page);
  let lost = 0;
  await page.route('**/checkout', async (route) => {
    if (route.request().method() !== 'POST' || lost === 2) return route.continue();
    ++lost;
    await route.fetch();
    await route.abort('connectionreset');
  });
  await place(page).click();
  await orderOpens(page);
  assert.equal(keys.length, 3);
  assert.equal(new Set(keys).size, 1);
  await ordered(product, 1);
});

test('a reload while the answer is on its way finds the order', async (t) => {
  const { page, product } = await atCheckout(t);
  const keys = checkouts(page);
  let held = true;
  await page.route('**/checkout', async (route) => {
    if (route.request().method() !== 'POST' || !held) return route.continue();
    held = false;
    await route.fetch();
    // Its answer never comes: the page is left before.
  });
  await place(page).click();
  await until('the checkout to be on its way', () => keys.length === 1);
  await ordered(product, 1);
  await page.reload();
  await orderOpens(page);
  assert.equal(new Set(keys).size, 1);
  await ordered(product, 1);
});

test('a reload at each step keeps what was done', async (t) => {
  const page = await open(t, '/');
  const product = await newProduct();
  await add(page, product);
  await page.reload();
  await page.getByRole('link', { name: 'Cart, 1 item' }).click();
  await page.locator('.line[data-product]').waitFor();
  await page.reload();
  await page.getByRole('link', { name: 'Check out' }).click();
  await fill(page, 'tok_decline');
  await page.reload();
  assert.equal(await page.getByLabel('City').inputValue(), ADDRESS.City);
  await page.locator('input[value=tok_decline]').check();
  await place(page).click();
  await headline(page, 'The card did not work').waitFor();
  await page.reload();
  await page.locator('input[value=tok_approve]').check();
  await page.getByRole('button', { name: /^Pay/ }).click();
  await page.reload();
  await headline(page, 'Paid and confirmed').waitFor();
  await page.reload();
  await headline(page, 'Paid and confirmed').waitFor();
  await ordered(product, 1);
});

test('a checkout without a connection waits, and is sent when it is back', async (t) => {
  const { context, page, product } = await atCheckout(t);
  await page.locator('.summary-lines li').waitFor();
  let answered = 0;
  await page.route('**/checkout', async (route) => {
    if (route.request().method() === 'POST' && answered++ === 0) {
      // It arrives, its answer does not, and then there is no network any more.
      await route.fetch();
      await context.setOffline(true);
      return route.abort('internetdisconnected');
    }
    return route.continue();
  });
  await place(page).click();
  await page.getByText('Trying again does not order twice').first().waitFor();
  await shot(page, 'checkout-offline-1280-light');
  await context.setOffline(false);
  await orderOpens(page);
  await ordered(product, 1);
});

test('an order is ordered and paid by keyboard alone', async (t) => {
  const product = await newProduct();
  const page = await open(t, `/p/${product.id}`);
  await page.getByRole('button', { name: 'Add to cart', exact: true }).waitFor();
  const { keyboard } = page;
  /** Tabs until the focus is on what has this name. */
  const reach = async (name) => {
    for (let i = 0; i < 60; ++i) {
      const now = await page.evaluate(() => {
        const one = document.activeElement === document.body ? null : document.activeElement;
        return one?.getAttribute('aria-label') ?? one?.labels?.[0]?.textContent ?? one?.textContent ?? '';
      });
      if (name.test(now.trim())) {
        const seen = await page.evaluate(() => {
          const one = document.activeElement.closest('.pay-card') ?? document.activeElement;
          const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(one);
          return (outlineStyle !== 'none' && parseFloat(outlineWidth) >= 2) || boxShadow !== 'none';
        });
        assert.ok(seen, `the focus on ${name} is seen`);
        return;
      }
      await keyboard.press('Tab');
    }
    assert.fail(`${name} is not reached by Tab`);
  };
  await reach(/^Skip to the content/);
  await keyboard.press('Enter');
  await reach(/^Add to cart$/);
  await keyboard.press('Enter');
  await page.locator('.toast').waitFor();
  await page.goto('/cart');
  await page.locator('.line[data-product]').waitFor();
  await reach(/^Check out$/);
  await keyboard.press('Enter');
  await headline(page, 'Checkout').waitFor();
  for (const [label, text] of Object.entries(ADDRESS)) {
    await reach(new RegExp(`^${label}`));
    await keyboard.type(text);
  }
  await reach(/^Country/);
  await keyboard.type('United K');
  await reach(/^Good card/);
  await keyboard.press('ArrowDown');
  assert.equal(await page.evaluate(() => document.activeElement.value), 'tok_decline');
  await reach(/^Place order$/);
  await keyboard.press('Enter');
  await headline(page, 'The card did not work').waitFor();
  await reach(/^Good card/);
  await reach(/^Pay /);
  await keyboard.press('Enter');
  await headline(page, 'Paid and confirmed').waitFor();
  await reach(/^Cancel the order$/);
  await keyboard.press('Enter');
  await page.getByRole('dialog').waitFor();
  await keyboard.press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'hidden' });
});

test('a customer signs in with a guest’s cart, finds it there, orders, and sees it in his history', async (t) => {
  const product = await newProduct();
  const name = unique('ada');
  const page = await open(t, '/');
  await add(page, product);
  await page.goto('/account');
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByText('Enter a name.').waitFor();
  await page.getByLabel('Name', { exact: true }).fill(name);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await headline(page, `Hello, ${name}`).waitFor();
  await page.getByText('Nothing ordered yet').waitFor();
  await page.getByRole('link', { name: 'Cart, 1 item' }).click();
  await page.locator('.line[data-product]').waitFor();
  await page.getByRole('link', { name: 'Check out' }).click();
  await fill(page);
  await place(page).click();
  await headline(page, 'Paid and confirmed').waitFor();
  const id = orderOf(page);
  assert.equal((await orderWhen(id, 'confirmed', await tokenOf('customer', name))).customerId, name);

  // Another tab of the same browser is signed in as well; another browser is not, and does not see the order.
  const second = await page.context().newPage();
  await second.goto(`/o/${id}`);
  await headline(second, 'Paid and confirmed').waitFor();
  const stranger = await open(t, `/o/${id}`);
  await headline(stranger, 'There is no such order').waitFor();
  await accessible(stranger);

  await page.goto('/account');
  await until('the order in the history', async () => (await page.locator('.order-row').count()) === 1 || (await page.reload(), false));
  await accessible(page);
  await shot(page, 'account-1280-light');
  await page.getByRole('link', { name: /A plain cup/ }).click();
  await headline(page, 'Paid and confirmed').waitFor();
  await page.goto('/account');
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByRole('button', { name: 'Sign in' }).waitFor();
  await headline(second, 'There is no such order').waitFor();
});

test('signing out ends the session in the tabs of the same account alone', async (t) => {
  const context = await profile(t, {});
  const enter = async (page, name) => {
    await page.goto('/account');
    await page.getByLabel('Name', { exact: true }).fill(name);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await headline(page, `Hello, ${name}`).waitFor();
  };
  const [one, other] = [unique('one'), unique('other')];
  // Both tabs are there before anybody signs in; the second takes part in the first one's session until it has its own.
  const [first, second] = [await context.newPage(), await context.newPage()];
  await enter(first, one);
  await second.goto('/account');
  await headline(second, `Hello, ${one}`).waitFor();
  await second.getByRole('button', { name: 'Sign out' }).click();
  await second.getByRole('button', { name: 'Sign in' }).waitFor();
  await first.getByRole('button', { name: 'Sign in' }).waitFor();
  await first.goto('about:blank');
  await enter(second, other);
  // A page that is shown a session of its own from before asks nobody for another's.
  await first.addInitScript((token) => {
    if (location.origin !== 'null' && !sessionStorage.getItem('session')) sessionStorage.setItem('session', JSON.stringify(token));
  }, { token: await tokenOf('customer', one), sub: one, role: 'customer' });
  await first.goto('/account');
  await headline(first, `Hello, ${one}`).waitFor();
  await first.getByRole('button', { name: 'Sign out' }).click();
  await first.getByRole('button', { name: 'Sign in' }).waitFor();
  await second.reload();
  await headline(second, `Hello, ${other}`).waitFor();
});

test('a guest’s cart is merged into the customer’s, and waits where it cannot be', async (t) => {
  const [his, guests, dinars] = await Promise.all([newProduct({ name: 'Of the customer' }), newProduct({ name: 'Of the guest' }), newProduct({ name: 'In dinars', price: { amount: 1500, currency: 'KWD' } })]);
  const name = unique('eve');
  const page = await open(t, '/');
  const signIn = async () => {
    await page.goto('/account');
    await page.getByLabel('Name', { exact: true }).fill(name);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await headline(page, `Hello, ${name}`).waitFor();
  };
  const signOut = async () => {
    await page.goto('/account');
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByRole('link', { name: 'Cart, empty' }).waitFor();
  };
  const inCart = async (...names) => until(`the cart to hold ${names}`, async () => {
    await page.goto('/cart');
    await page.locator('.line[data-product]').first().waitFor();
    return JSON.stringify((await page.locator('.line-name').allInnerTexts()).sort()) === JSON.stringify(names.sort());
  });
  await signIn();
  await add(page, his);
  await signOut();
  await add(page, guests);
  await signIn();
  await inCart('Of the customer', 'Of the guest');
  await signOut();
  await add(page, dinars);
  await signIn();
  await inCart('Of the customer', 'Of the guest');
  await page.getByText('Your guest cart is in another currency and waits until you sign out: In dinars').waitFor();
  await accessible(page);
  await page.goto('/account');
  await page.getByRole('button', { name: 'Sign out' }).click();
  await inCart('In dinars');
});

test('a long history comes page by page', async (t) => {
  const name = unique('bob');
  const token = await tokenOf('customer', name);
  const product = await newProduct({ stock: 100 });
  for (let i = 0; i < 22; ++i) await newOrder([[product.id, 1]], { token });
  await until('the list to have them', async () => {
    const first = await expect(200, 'GET', `/orders?customerId=${name}&limit=20`, { token });
    return first.nextCursor && (await expect(200, 'GET', `/orders?customerId=${name}&limit=20&cursor=${first.nextCursor}`, { token })).items.length === 2;
  });
  const page = await open(t, '/account', { as: { role: 'customer', name } });
  await until('the first page', async () => (await page.locator('.order-row').count()) === 20);
  await page.getByRole('button', { name: 'Earlier orders' }).click();
  await until('all', async () => (await page.locator('.order-row').count()) === 22);
});

test('a checkout in whose middle the cart’s service and a sidecar are killed is one order', async (t) => {
  const { page, product } = await atCheckout(t);
  const sidecar = kill('cart-service-sidecar');
  await Promise.all([place(page).click(), sidecar, kill('cart-service')]);
  await until('the order', () => orderOf(page), 90_000);
  await headline(page, 'Paid and confirmed').waitFor({ timeout: 60_000 });
  await ordered(product, 1);
  await ready();
});

test('an order that never was says so', async (t) => {
  const page = await open(t, '/o/00000000000000000000000000000000');
  await headline(page, 'There is no such order').waitFor();
  await accessible(page);
});
