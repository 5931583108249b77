import type { Money } from '../money';
import type { LedgerEntry } from './calls';

export interface Sum {
  readonly currency: string;
  readonly charged: Money;
  readonly refunded: Money;
  readonly net: Money;
}

/** Sums of each currency, exact whatever the amounts are. */
export function sumsOf(entries: readonly LedgerEntry[]): Sum[] {
  const found = new Map<string, { charged: bigint; refunded: bigint }>();
  for (const { kind, amount } of entries) {
    const sum = found.get(amount.currency) ?? { charged: 0n, refunded: 0n };
    if (kind === 'charge') sum.charged += BigInt(amount.amount);
    else sum.refunded += BigInt(amount.amount);
    found.set(amount.currency, sum);
  }
  return [...found].sort(([a], [b]) => (a < b ? -1 : 1)).map(([currency, { charged, refunded }]) => ({
    currency,
    charged: { amount: charged, currency },
    refunded: { amount: refunded, currency },
    net: { amount: charged - refunded, currency },
  }));
}
