import { computed, effect, signal } from '@preact/signals';
import { newKey, type Answer } from './api/http';
import type { Problem } from './api/problem';
import { shop, type Cart } from './api/shop';
import { isGuest, session, type Session } from './session';
import { isText, kept, readStored, writeStored } from './storage';

/**
 * The cart of whoever is here. Its id is the right to it as long as it is a guest's, so it is random and stays in this browser;
 * a customer's is remembered under his name, since the services do not know "my cart".
 */
export const cartId = signal('');
export const cart = signal<Cart | undefined>(undefined);
export const cartProblem = signal<Problem | undefined>(undefined);
/** Products whose line is being changed. */
export const changing = signal<ReadonlySet<string>>(new Set());
/** What could not come along from a guest's cart into the customer's. */
export const leftBehind = signal<'other_currency' | 'no_room' | undefined>(undefined);

export const pieces = computed(() => cart.value?.items.reduce((sum, { quantity }) => sum + quantity, 0) ?? 0);

const GUEST = 'cart';
const ownOf = (who: Session): string => `cart.${who.sub}`;
const storedId = (name: string): string | undefined => readStored(kept, name, isText);

const others = typeof BroadcastChannel === 'undefined' ? undefined : new BroadcastChannel('cart');

/** Call once: follows the session, and changes that other tabs make. */
export function startCart(): void {
  effect(() => {
    const who = session.value;
    void settle(who);
  });
  others?.addEventListener('message', ({ data }) => {
    if (data === cartId.value) void loadCart();
  });
  // Two tabs that begin at once settle on one cart.
  addEventListener('storage', ({ key }) => {
    if (key === GUEST && isGuest.peek()) void settle(session.peek());
  });
  document.addEventListener('visibilitychange', () => {
    if (!document.hidden) void loadCart();
  });
  addEventListener('online', () => void loadCart());
}

function use(name: string, id: string): void {
  writeStored(kept, name, id);
  if (cartId.peek() !== id) {
    cart.value = undefined;
    cartProblem.value = undefined;
  }
  cartId.value = id;
}

/** Decides which cart it is. A guest's follows him into his account; an administrator helps others and has none of his own. */
async function settle(who: Session | undefined): Promise<void> {
  const guest = storedId(GUEST);
  if (!who || who.role === 'admin') {
    use(GUEST, guest ?? newKey());
    await loadCart();
    return;
  }
  const own = storedId(ownOf(who));
  if (!guest) {
    use(ownOf(who), own ?? newKey());
    await loadCart();
    return;
  }
  await claim(who, guest, own);
}

async function claim(who: Session, guest: string, own: string | undefined): Promise<void> {
  const there = await shop.cart(guest);
  if (session.value !== who) return;
  const empty = there.ok ? there.value.items.length === 0 : there.problem.status === 404;
  if (empty) {
    writeStored(kept, GUEST, undefined);
    use(ownOf(who), own ?? newKey());
    await loadCart();
    return;
  }
  // Asked again after a lost answer, or by two tabs, it is the same claim.
  const answer = await shop.claim(guest, own);
  if (session.value !== who) return;
  const refused = answer.ok ? undefined : answer.problem;
  if (refused?.status === 409) {
    // Another currency: both carts stay what they are; the guest's is there again after signing out.
    leftBehind.value = 'other_currency';
    use(ownOf(who), own ?? newKey());
  } else if (answer.ok || (refused && (refused.status === 404 || refused.status === 405))) {
    // A service that knows no claim gives a cart to the first customer who writes to it: it stays in use as it is.
    if (answer.ok && 'left' in answer.value) leftBehind.value = 'no_room';
    writeStored(kept, GUEST, undefined);
    use(ownOf(who), answer.ok ? (own ?? guest) : guest);
  } else {
    // Not known: the guest's is shown until the next start asks again.
    use(ownOf(who), own ?? guest);
  }
  await loadCart();
}

let loading: AbortController | undefined;
export async function loadCart(): Promise<void> {
  const id = cartId.peek();
  if (id === '') return;
  loading?.abort();
  const mine = (loading = new AbortController());
  const answer = await shop.cart(id, { signal: mine.signal });
  if (cartId.peek() !== id || mine.signal.aborted) return;
  if (answer.ok) {
    cart.value = answer.value;
    cartProblem.value = undefined;
  } else if (answer.problem.status === 404) {
    // Somebody else's, for example of a customer whose sign-in ran out: begin another one.
    const who = session.peek();
    use(who && !isGuest.peek() ? ownOf(who) : GUEST, newKey());
    await loadCart();
  } else {
    cartProblem.value = answer.problem;
  }
}

let queue: Promise<unknown> = Promise.resolve();

/** Changes of the cart go one after the other: the answer of each is the cart that the next one finds. */
function change(productId: string, ask: (id: string) => Promise<Answer<Cart>>): Promise<Problem | undefined> {
  const work = async (): Promise<Problem | undefined> => {
    const id = cartId.peek();
    loading?.abort();
    const answer = await ask(id);
    const left = new Set(changing.peek());
    left.delete(productId);
    changing.value = left;
    if (!answer.ok) {
      if (answer.problem.status === 404) await loadCart();
      return answer.problem;
    }
    if (cartId.peek() === id) cart.value = answer.value;
    others?.postMessage(id);
    return undefined;
  };
  changing.value = new Set([...changing.peek(), productId]);
  const done = queue.then(work, work);
  queue = done;
  return done;
}

export const addToCart = (productId: string, quantity: number): Promise<Problem | undefined> => change(productId, (id) => shop.add(id, productId, quantity));

export const setQuantity = (productId: string, quantity: number): Promise<Problem | undefined> =>
  change(productId, (id) => (quantity === 0 ? shop.remove(id, productId) : shop.setQuantity(id, productId, quantity)));

/** The cart was ordered: the other tabs look at it again too. */
export async function cartOrdered(): Promise<void> {
  others?.postMessage(cartId.peek());
  await loadCart();
}
