import { describe, expect, it } from 'vitest';
import type { Attempt, Order, Payment } from '../src/api/shop';
import { canCancel, isSettled, paymentMoves, timelineOf, wantsAnotherCard } from '../src/timeline';

const at = (second: number): string => `2026-01-01T00:00:${String(second).padStart(2, '0')}.000Z`;
const order = (...history: [Order['status'], number, string?][]): Order => ({
  id: 'o', cartId: 'c', status: history.at(-1)![0], lines: [], total: { amount: 1, currency: 'EUR' }, version: history.length,
  history: history.map(([status, second, reason]) => ({ status, at: at(second), ...(reason === undefined ? {} : { reason }) })),
});
const payment = (status: Payment['status'], ...attempts: [Attempt['outcome'], number, string?][]): Payment => ({
  id: 'p', orderId: 'o', status, amount: { amount: 1, currency: 'EUR' }, version: 1,
  attempts: attempts.map(([outcome, second, reason], index) => ({ number: index + 1, outcome, at: at(second), ...(reason === undefined ? {} : { reason }) })),
});
const kinds = (steps: ReturnType<typeof timelineOf>): string[] => steps.map(({ kind, state }) => `${kind} ${state}`);

describe('the timeline', () => {
  it('of a new order says what comes next', () => {
    expect(kinds(timelineOf(order(['created', 1]), undefined))).toEqual(['placed done', 'charging now', 'confirmed ahead', 'shipped ahead']);
    expect(kinds(timelineOf(order(['created', 1]), payment('processing', ['pending', 2])))).toEqual(['placed done', 'charging now', 'confirmed ahead', 'shipped ahead']);
  });

  it('of a paid order waits for the parcel', () => {
    expect(kinds(timelineOf(order(['created', 1], ['confirmed', 3]), payment('completed', ['approved', 2])))).toEqual(['placed done', 'paid done', 'confirmed done', 'shipped now']);
    expect(kinds(timelineOf(order(['created', 1], ['confirmed', 3], ['shipped', 4]), payment('completed', ['approved', 2])))).toEqual(['placed done', 'paid done', 'confirmed done', 'shipped done']);
  });

  it('tells of a declined card once, and of the other one', () => {
    const failed = order(['created', 1], ['payment_failed', 3, 'card_declined']);
    expect(kinds(timelineOf(failed, undefined))).toEqual(['placed done', 'failed bad']);
    expect(kinds(timelineOf(failed, payment('failed', ['declined', 2, 'card_declined'])))).toEqual(['placed done', 'declined bad']);
    expect(kinds(timelineOf(failed, payment('processing', ['declined', 2, 'card_declined'], ['pending', 4])))).toEqual(['placed done', 'declined bad', 'charging now', 'confirmed ahead', 'shipped ahead']);
    const paid = order(['created', 1], ['payment_failed', 3, 'card_declined'], ['confirmed', 6]);
    expect(kinds(timelineOf(paid, payment('completed', ['declined', 2, 'card_declined'], ['approved', 5])))).toEqual(['placed done', 'declined bad', 'paid done', 'confirmed done', 'shipped now']);
  });

  it('of a cancelled order follows the money back', () => {
    const cancelled = order(['created', 1], ['confirmed', 3], ['cancelled', 4, 'changed my mind']);
    expect(kinds(timelineOf(cancelled, payment('completed', ['approved', 2])))).toEqual(['placed done', 'paid done', 'confirmed done', 'cancelled bad', 'refunding now']);
    expect(kinds(timelineOf(cancelled, payment('refunding', ['approved', 2]))).at(-1)).toBe('refunding now');
    expect(kinds(timelineOf(cancelled, payment('refunded', ['approved', 2]))).at(-1)).toBe('refunded done');
    expect(kinds(timelineOf(order(['cancelled', 1, 'out_of_stock']), undefined))).toEqual(['cancelled bad']);
  });
});

describe('an order', () => {
  const failed = order(['created', 1], ['payment_failed', 2]);
  it('wants another card when the last one failed for good', () => {
    expect(wantsAnotherCard(failed, payment('failed', ['declined', 2]))).toBe(true);
    expect(wantsAnotherCard(failed, payment('processing', ['declined', 2], ['pending', 3]))).toBe(false);
    expect(wantsAnotherCard(order(['created', 1]), undefined)).toBe(false);
  });

  it('may be cancelled until it is shipped', () => {
    expect([order(['created', 1]), failed, order(['confirmed', 1])].every(canCancel)).toBe(true);
    expect([order(['shipped', 1]), order(['cancelled', 1])].some(canCancel)).toBe(false);
  });

  it('is settled when neither it nor its payment moves any more', () => {
    const cancelled = order(['created', 1], ['cancelled', 2]);
    expect(isSettled(order(['shipped', 1]), payment('completed'))).toBe(true);
    expect(isSettled(cancelled, payment('refunding'))).toBe(false);
    expect(isSettled(cancelled, payment('refunded'))).toBe(true);
    expect(isSettled(cancelled, undefined)).toBe(false);
    expect(isSettled(order(['cancelled', 1, 'out_of_stock']), undefined)).toBe(true);
    expect(isSettled(order(['confirmed', 1]), payment('completed'))).toBe(false);
    expect(paymentMoves(failed, payment('failed'))).toBe(false);
  });
});
