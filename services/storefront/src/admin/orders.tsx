import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { shop, type Order, type OrderList as Orders, type OrderStatus } from '../api/shop';
import { go, place } from '../router';
import { useTitle } from '../ui/parts';
import { CustomerFilter, setQuery } from './filters';
import { useList } from './lists';
import { Head, ListEnd, OrderRow } from './parts';
import { w } from './words';

const STATUSES: readonly OrderStatus[] = ['created', 'payment_failed', 'confirmed', 'shipped', 'cancelled'];
/** So often the newest page is asked for again while somebody looks. */
const AGAIN_MILLISECONDS = 3_000;
const PAGE = 50;

export function OrderList(): JSX.Element {
  useTitle(w('orders.title'));
  const { query } = place.value;
  const customerId = query.get('customer') ?? '';
  const status = STATUSES.find((one) => one === query.get('status'));
  const asked = { ...(customerId && { customerId }), ...(status && { status }), limit: PAGE };
  const name = JSON.stringify(asked);
  const list = useList<Order, Orders>(name, (cursor, signal) => shop.orders({ ...asked, ...(cursor === undefined ? {} : { cursor }) }, { signal }));
  const [reached, setReached] = useState(true);

  useEffect(() => {
    const ending = new AbortController();
    const timer = setInterval(() => {
      if (document.visibilityState !== 'visible') return;
      void shop.orders(asked, { signal: ending.signal, repeats: 0 }).then((answer) => {
        if (ending.signal.aborted) return;
        setReached(answer.ok);
        if (!answer.ok) return;
        const { items: newest, nextCursor } = answer.value;
        const fresh = new Map(newest.map((order) => [order.id, order]));
        const oldest = newest.at(-1)?.history[0]!.at ?? '';
        list.change((items) => {
          const known = new Set(items.map(({ id }) => id));
          const kept = items.flatMap((order) => {
            const now = fresh.get(order.id);
            if (now) return now.version >= order.version ? now : order;
            // It would be in this page, were it still of the status that is filtered for.
            return status !== undefined && (nextCursor === undefined || order.history[0]!.at > oldest) ? [] : order;
          });
          return [...newest.filter(({ id }) => !known.has(id)), ...kept];
        });
      });
    }, AGAIN_MILLISECONDS);
    return () => {
      ending.abort();
      clearInterval(timer);
    };
  }, [name]);

  return (
    <>
      <Head title={w('orders.title')} />
      <div class="filters">
        <CustomerFilter />
        <label class="filter">
          <span class="small soft">{w('orders.status')}</span>
          <select class="select" value={status ?? ''} onChange={(event) => setQuery('status', event.currentTarget.value)}>
            <option value="">{w('orders.any')}</option>
            {STATUSES.map((one) => <option key={one} value={one}>{w(`status.${one}`)}</option>)}
          </select>
        </label>
        <OpenOrder />
      </div>
      <p class="small soft live-line" role="status"><span class={`pulse ${reached ? '' : 'lost'}`} aria-hidden="true" /> {w(reached ? 'orders.live' : 'orders.waiting')}</p>
      {list.items && list.items.length > 0 && <ul class="rows">{list.items.map((order) => <OrderRow key={order.id} order={order} />)}</ul>}
      <ListEnd list={list} none={w('orders.none')} />
    </>
  );
}

function OpenOrder(): JSX.Element {
  const [id, setId] = useState('');
  return (
    <form class="filter open-order" onSubmit={(event) => { event.preventDefault(); if (/^[\w-]{1,64}$/.test(id.trim())) go(`/admin/orders/${id.trim()}`); }}>
      <label class="small soft" for="open-order">{w('orders.open')}</label>
      <span class="filter-row">
        <input id="open-order" class="input" autocapitalize="off" spellcheck={false} maxLength={80} value={id} onInput={(event) => setId(event.currentTarget.value)} />
        <button type="submit" class="button quiet small">{w('orders.openButton')}</button>
      </span>
    </form>
  );
}
