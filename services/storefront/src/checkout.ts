import { newKey, type Answer } from './api/http';
import type { Problem } from './api/problem';
import { shop, type CheckOut, type Checkout } from './api/shop';
import { kept, readStored, writeStored } from './storage';
import { oneAtATime } from './tabs';

/**
 * One click, one order. Before a checkout is sent, its key and body are written down under the cart's id, and stay until the answer
 * is known. Whoever comes back (a reload, another tab, a connection that returns) sends the same again, and the service gives the same
 * answer. Tabs take turns, so two of them never send two keys for one cart.
 *
 * What was written down holds an address and the name of a means of payment; it is gone with the answer.
 */
interface Pending {
  readonly key: string;
  readonly body: CheckOut;
  /** Of the cart that was looked at. */
  readonly version: number;
  readonly at: number;
}

/** An order that was placed from this browser. */
export interface Placed {
  readonly orderId: string;
  readonly cart: string;
  readonly version: number;
  readonly at: number;
  /** Without an account, so that its link is all there is of it. */
  readonly guest: boolean;
}

export type Outcome =
  | { readonly kind: 'placed'; readonly orderId: string }
  /** Refused, and not carried out. */
  | { readonly kind: 'refused'; readonly problem: Problem }
  /** Not known: it stays written down, to be sent again. */
  | { readonly kind: 'open'; readonly problem: Problem };

/** The service remembers an answer for 24 h; an older question is not sent again. */
const REMEMBERED = 23 * 60 * 60 * 1000;
const KEPT_ORDERS = 30;

const nameOf = (cart: string): string => `checkout.${cart}`;

function isPending(value: unknown): value is Pending {
  const { key, body, version, at } = (value ?? {}) as Record<string, unknown>;
  return typeof key === 'string' && typeof body === 'object' && body !== null && typeof version === 'number' && typeof at === 'number';
}

function isPlacedList(value: unknown): value is Placed[] {
  return Array.isArray(value) && value.every((one) => typeof (one as Placed | null)?.orderId === 'string' && typeof (one as Placed).cart === 'string');
}

export function pendingCheckout(cart: string, now = Date.now()): Pending | undefined {
  const pending = readStored(kept, nameOf(cart), isPending);
  return pending && now - pending.at < REMEMBERED ? pending : undefined;
}

export const placedOrders = (): readonly Placed[] => readStored(kept, 'orders', isPlacedList) ?? [];

/** The order that this very content of the cart became, if another tab was quicker. */
export const orderOf = (cart: string, version: number): Placed | undefined =>
  placedOrders().find((placed) => placed.cart === cart && placed.version === version);

type Send = (cart: string, body: CheckOut, key: string) => Promise<Answer<Checkout>>;
const send: Send = (cart, body, key) => shop.checkOut(cart, body, key, { repeats: 4 });

/** Orders the cart as it was shown, at `version`. */
export function placeOrder(cart: string, version: number, body: CheckOut, guest: boolean, by: Send = send): Promise<Outcome> {
  return oneAtATime(nameOf(cart), async () => {
    const quicker = orderOf(cart, version);
    if (quicker) return { kind: 'placed', orderId: quicker.orderId };
    const earlier = pendingCheckout(cart);
    if (earlier) {
      // It may have been carried out, with another address or card than now: what became of it comes first.
      const outcome = await ask(cart, earlier, guest, by);
      if (outcome.kind !== 'refused' || JSON.stringify(earlier.body) === JSON.stringify(body)) return outcome;
    }
    const pending = { key: newKey(), body, version, at: Date.now() };
    writeStored(kept, nameOf(cart), pending);
    return ask(cart, pending, guest, by);
  });
}

/** Asks what became of a checkout that was sent and not answered; undefined if there is none. */
export function resumeCheckout(cart: string, guest: boolean, by: Send = send): Promise<Outcome | undefined> {
  return oneAtATime(nameOf(cart), async () => {
    const pending = pendingCheckout(cart);
    return pending && ask(cart, pending, guest, by);
  });
}

async function ask(cart: string, pending: Pending, guest: boolean, by: Send): Promise<Outcome> {
  const answer = await by(cart, pending.body, pending.key);
  if (answer.ok) {
    const placed: Placed = { orderId: answer.value.orderId, cart, version: pending.version, at: Date.now(), guest };
    writeStored(kept, 'orders', [placed, ...placedOrders()].slice(0, KEPT_ORDERS));
    writeStored(kept, nameOf(cart), undefined);
    return { kind: 'placed', orderId: placed.orderId };
  }
  const { problem } = answer;
  if (problem.status >= 400 && problem.status < 500 && problem.status !== 408) {
    writeStored(kept, nameOf(cart), undefined);
    return { kind: 'refused', problem };
  }
  return { kind: 'open', problem };
}
