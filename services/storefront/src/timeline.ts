import type { Attempt, Order, Payment } from './api/shop';

/** One line of what happened to an order, or is still to come. */
export interface Step {
  readonly kind: 'placed' | 'charging' | 'declined' | 'unavailable' | 'paid' | 'confirmed' | 'failed' | 'shipped' | 'cancelled' | 'refunding' | 'refunded';
  readonly state: 'done' | 'now' | 'ahead' | 'bad';
  readonly at?: string;
  readonly reason?: string;
  readonly attempt?: number;
}

const inTime = (a: Step, b: Step): number => (a.at ?? '') < (b.at ?? '') ? -1 : (a.at ?? '') > (b.at ?? '') ? 1 : 0;

/**
 * The order's history and its payment's attempts, in the order of time, and what comes next while nothing went wrong. The payment
 * may be behind the order or ahead of it (they are two services): what one of them already says is believed.
 */
export function timelineOf(order: Order, payment: Payment | undefined): Step[] {
  const attempts = (payment?.attempts ?? []).map(stepOf).filter((step): step is Step => step !== undefined);
  const failedAttempts = attempts.some(({ kind }) => kind === 'declined');
  const past: Step[] = [];
  for (const { status, at, reason } of order.history) {
    const why = reason === undefined ? {} : { reason };
    if (status === 'created') past.push({ kind: 'placed', state: 'done', at });
    // The attempt says the same, with its number.
    else if (status === 'payment_failed' && !failedAttempts) past.push({ kind: 'failed', state: 'bad', at, ...why });
    else if (status === 'confirmed') past.push({ kind: 'confirmed', state: 'done', at });
    else if (status === 'shipped') past.push({ kind: 'shipped', state: 'done', at });
    else if (status === 'cancelled') past.push({ kind: 'cancelled', state: 'bad', at, ...why });
  }
  const order_of = ['placed', 'charging', 'declined', 'unavailable', 'failed', 'paid', 'confirmed', 'shipped', 'cancelled'];
  const steps = [...past, ...attempts].sort((a, b) => inTime(a, b) || order_of.indexOf(a.kind) - order_of.indexOf(b.kind));

  const has = (kind: Step['kind']): boolean => steps.some((step) => step.kind === kind);
  if (order.status === 'cancelled') {
    if (payment?.status === 'refunded') steps.push({ kind: 'refunded', state: 'done' });
    else if (payment?.status === 'refunding' || (payment?.status === 'completed' && has('cancelled'))) steps.push({ kind: 'refunding', state: 'now' });
    return steps;
  }
  if (order.status === 'payment_failed' && !has('charging')) return steps;
  if (!has('paid') && !has('confirmed') && !has('charging')) steps.push({ kind: 'charging', state: 'now' });
  if (!has('confirmed')) steps.push({ kind: 'confirmed', state: 'ahead' });
  if (!has('shipped')) steps.push({ kind: 'shipped', state: order.status === 'confirmed' ? 'now' : 'ahead' });
  return steps;
}

function stepOf({ number, at, outcome, reason }: Attempt): Step | undefined {
  const why = reason === undefined ? {} : { reason };
  switch (outcome) {
    case 'pending':
      return { kind: 'charging', state: 'now', at, attempt: number };
    case 'unavailable':
      return { kind: 'unavailable', state: 'now', at, attempt: number, ...why };
    case 'declined':
      return { kind: 'declined', state: 'bad', at, attempt: number, ...why };
    case 'approved':
      return { kind: 'paid', state: 'done', at, attempt: number };
    case 'cancelled':
      return undefined;
  }
}

/** Whether the payment may still change by itself, so that it is worth another look. */
export function paymentMoves(order: Order, payment: Payment | undefined): boolean {
  if (order.status === 'created') return true;
  if (!payment) return order.status !== 'cancelled' || order.history.length > 1;
  if (order.status === 'cancelled') return !['refunded', 'cancelled', 'failed'].includes(payment.status);
  return payment.status === 'requested' || payment.status === 'processing' || payment.status === 'refunding';
}

/** Whether the order itself has come to its end; its money may still be on its way back. */
export const isFinal = (order: Order): boolean => order.status === 'shipped' || order.status === 'cancelled';

/** Whether nothing can follow any more. */
export function isSettled(order: Order, payment: Payment | undefined): boolean {
  return order.status === 'shipped' || (order.status === 'cancelled' && !paymentMoves(order, payment));
}

/** Whether another card may be tried. */
export const wantsAnotherCard = (order: Order, payment: Payment | undefined): boolean =>
  order.status === 'payment_failed' && (payment === undefined || payment.status === 'failed');

export const canCancel = (order: Order): boolean => !isFinal(order);
