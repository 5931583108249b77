import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import type { Problem } from '../api/problem';
import { shop, type Order, type ProductPage } from '../api/shop';
import { number } from '../i18n';
import { Failed, useTitle } from '../ui/parts';
import { Head, ListEnd, OrderRow, Panel } from './parts';
import { useList } from './lists';
import { w } from './words';

export function Overview(): JSX.Element {
  useTitle(w('nav.overview'));
  const [catalog, setCatalog] = useState<ProductPage>();
  const [problem, setProblem] = useState<Problem>();
  const load = async (): Promise<void> => {
    setProblem(undefined);
    const answer = await shop.products({ limit: 1 });
    if (answer.ok) setCatalog(answer.value);
    else setProblem(answer.problem);
  };
  useEffect(() => void load(), []);
  const orders = useList<Order, { items: readonly Order[]; nextCursor?: string }>('newest', async (_, signal) => {
    const answer = await shop.orders({ limit: 8 }, { signal });
    return answer.ok ? { ...answer, value: { items: answer.value.items } } : answer;
  });
  const tiles = [
    [w('overview.products'), catalog?.total, '/admin/products'],
    [w('overview.inStock'), catalog?.facets.inStock, '/admin/products?stock=in'],
    [w('overview.soldOut'), catalog && catalog.total - catalog.facets.inStock, '/admin/products?stock=out'],
  ] as const;
  return (
    <>
      <Head title={w('nav.overview')}>
        <a class="button small" href="/admin/new">{w('overview.new')}</a>
        <a class="button quiet small" href="/admin/import">{w('overview.import')}</a>
      </Head>
      {problem && <Failed problem={problem} again={() => void load()} />}
      <ul class="tiles">
        {tiles.map(([label, count, href]) => (
          <li key={href}><a class="tile" href={href}><span class="tile-number num">{count === undefined ? '–' : number(count)}</span><span class="small soft">{label}</span></a></li>
        ))}
      </ul>
      <Panel id="newest" title={w('overview.orders')}>
        {orders.items && orders.items.length > 0 && <ul class="rows">{orders.items.map((order) => <OrderRow key={order.id} order={order} />)}</ul>}
        <ListEnd list={orders} none={w('overview.noOrders')} />
        {orders.items && orders.items.length > 0 && <p><a class="link" href="/admin/orders">{w('overview.all')}</a></p>}
      </Panel>
    </>
  );
}
