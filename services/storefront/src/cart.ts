import { computed, effect, signal } from '@preact/signals';
import { newKey, sleep, type Answer } from './api/http';
import type { Problem } from './api/problem';
import { shop, type Cart } from './api/shop';
import { resumeCheckout } from './checkout';
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
/** What could not come along from a guest's cart into the customer's, and why. */
export const leftBehind = signal<{ readonly why: 'other_currency' | 'no_room'; readonly names: readonly string[] } | undefined>(undefined);

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
  leftBehind.value = undefined;
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

/** Another claim of the same cart ends within a moment. */
const UNDER_WAY = 1000;

async function claim(who: Session, guest: string, own: string | undefined): Promise<void> {
  const gone = (): boolean => session.peek() !== who;
  // What the guest ordered last and heard nothing of comes first: his cart is empty then.
  await resumeCheckout(guest, true);
  const there = await shop.cart(guest);
  if (gone()) return;
  const keep = (guestIs: string | undefined, ownIs: string): Promise<void> => {
    writeStored(kept, GUEST, guestIs);
    use(ownOf(who), ownIs);
    return loadCart();
  };
  if (there.ok ? there.value.items.length === 0 : there.problem.status === 404) return keep(undefined, own ?? newKey());
  if (there.ok && there.value.customerId === who.sub) return keep(undefined, own ?? guest);
  const names = new Map(there.ok ? there.value.items.map(({ productId, name }) => [productId, name] as const) : []);
  // Asked again after a lost answer, or by two tabs, it is the same claim.
  const answer = await shop.claim(guest, own);
  if (gone()) return;
  if (answer.ok) {
    // What found no room stays in the guest's cart, which is there again after signing out.
    const { left } = answer.value;
    if (left) leftBehind.value = { why: 'no_room', names: left.map(({ productId }) => names.get(productId) ?? productId) };
    return keep(left ? guest : undefined, own ?? guest);
  }
  switch (answer.problem.code) {
    case 'other_currency':
      leftBehind.value = { why: 'other_currency', names: [...names.values()] };
      return keep(guest, own ?? newKey());
    case 'claim_under_way':
      await keep(guest, own ?? guest);
      await sleep(UNDER_WAY);
      return gone() ? undefined : settle(who);
    case 'unknown_cart':
      // It became somebody's meanwhile, by another claim of his: there is nothing left to take along.
      return keep(undefined, own ?? newKey());
    default:
      // Not known: the next start asks again.
      return keep(guest, own ?? guest);
  }
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
