import type { ComponentChildren, JSX } from 'preact';
import type { Problem } from '../api/problem';
import type { Order } from '../api/shop';
import { time } from '../i18n';
import { Failed, Price, Words } from '../ui/parts';
import { w } from './words';

/** The top of a view: its name, and what can be done there. */
export function Head({ title, children }: { title: ComponentChildren; children?: ComponentChildren }): JSX.Element {
  return (
    <div class="office-head">
      <h1>{title}</h1>
      {children && <div class="office-tools">{children}</div>}
    </div>
  );
}

export function Panel({ id, title, children, tone = '' }: { id: string; title: string; children: ComponentChildren; tone?: string }): JSX.Element {
  return (
    <section class={`panel ${tone}`} aria-labelledby={id}>
      <h2 id={id}>{title}</h2>
      {children}
    </section>
  );
}

/** What stands under a list: that it is empty, that it failed, or that there is more. */
export function ListEnd({ list, none }: {
  list: { items: readonly unknown[] | undefined; more: (() => void) | undefined; busy: boolean; problem: Problem | undefined; again: () => void };
  none: string;
}): JSX.Element {
  return (
    <>
      {list.problem && <Failed problem={list.problem} again={list.again} />}
      {!list.items && !list.problem && <div class="rows" aria-hidden="true">{Array.from({ length: 12 }, (_, one) => <span key={one} class="bone office-bone" />)}</div>}
      {list.items?.length === 0 && !list.problem && <p class="soft office-none">{none}</p>}
      {list.more && <p class="more"><button type="button" class="button quiet small" aria-disabled={list.busy} onClick={list.more}>{w('more')}</button></p>}
    </>
  );
}

const TONES: Readonly<Record<Order['status'], string>> = { created: '', payment_failed: 'bad', confirmed: 'good', cancelled: '', shipped: 'good' };

export function Status({ of }: { of: Order['status'] }): JSX.Element {
  return <span class={`tag ${TONES[of]}`}>{w(`status.${of}`)}</span>;
}

export const shortNumber = (id: string): string => id.slice(-8).toUpperCase();

export function OrderRow({ order }: { order: Order }): JSX.Element {
  return (
    <li class="row order-row">
      <a class="row-name num" href={`/admin/orders/${order.id}`} aria-label={w('order.title', { number: shortNumber(order.id) })}>{shortNumber(order.id)}</a>
      <Status of={order.status} />
      <span class="row-who">{order.customerId === undefined ? <span class="soft">{w('orders.guest')}</span> : <Words of={order.customerId} />}</span>
      <span class="soft small row-when">{time(order.history[0]!.at)}</span>
      <Price of={order.total} class="row-sum" />
    </li>
  );
}

/** A bar beside its number; `part` of the whole, from 0 to 1. */
export function Bar({ part, tone }: { part: number; tone: 'sold' | 'added' }): JSX.Element {
  return (
    <svg class={`bar ${tone}`} height="10" aria-hidden="true" focusable="false">
      <rect class="bar-ground" width="100%" height="10" rx="5" />
      {part > 0 && <rect class="bar-part" width={`${Math.max(1.5, part * 100).toFixed(2)}%`} height="10" rx="5" />}
    </svg>
  );
}
