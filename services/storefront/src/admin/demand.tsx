import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import type { Problem } from '../api/problem';
import { shop, type Product, type ProductPage } from '../api/shop';
import { number } from '../i18n';
import { place } from '../router';
import { Blank, Failed, useTitle, Words } from '../ui/parts';
import { office, type Demand } from './calls';
import { useList } from './lists';
import { Bar, Head, ListEnd, Panel } from './parts';
import { SearchField } from './filters';
import { w } from './words';

const PAGE = 20;
const NONE: Omit<Demand, 'productId'> = { timesAdded: 0, unitsAdded: 0, ordersConfirmed: 0, unitsSold: 0 };

/** What is known of the demand for these products, as it comes in. One that nobody ever put into a cart has none. */
function useDemand(ids: readonly string[]): { known: ReadonlyMap<string, Demand>; problem: Problem | undefined; again: () => void } {
  const [known, setKnown] = useState<ReadonlyMap<string, Demand>>(new Map());
  const [problem, setProblem] = useState<Problem>();
  const [round, setRound] = useState(0);
  useEffect(() => {
    const ending = new AbortController();
    setProblem(undefined);
    const waiting = ids.filter((id) => !known.has(id));
    const one = async (): Promise<void> => {
      for (let id = waiting.shift(); id !== undefined && !ending.signal.aborted; id = waiting.shift()) {
        const productId = id;
        const answer = await office.demand(productId, { signal: ending.signal });
        if (ending.signal.aborted) return;
        if (answer.ok || answer.problem.status === 404) {
          const found = answer.ok ? answer.value : { productId, ...NONE };
          setKnown((before) => new Map(before).set(productId, found));
        } else {
          setProblem(answer.problem);
          return;
        }
      }
    };
    // A few at a time: each is an actor that may have to be woken.
    void Promise.all([one(), one(), one(), one()]);
    return () => ending.abort();
  }, [ids.join(' '), round]);
  return { known, problem, again: () => setRound(round + 1) };
}

export function DemandList(): JSX.Element {
  useTitle(w('demand.title'));
  const q = place.value.query.get('q') ?? '';
  const list = useList<Product, ProductPage>(q, (cursor, signal) => shop.products({ ...(q && { q }), limit: PAGE, ...(cursor === undefined ? {} : { cursor }) }, { signal }));
  const { known, problem, again } = useDemand(list.items?.map(({ id }) => id) ?? []);
  const items = [...(list.items ?? [])].sort((a, b) => (known.get(b.id)?.unitsSold ?? -1) - (known.get(a.id)?.unitsSold ?? -1) || (known.get(b.id)?.unitsAdded ?? -1) - (known.get(a.id)?.unitsAdded ?? -1));
  const most = Math.max(1, ...[...known.values()].map(({ unitsAdded, unitsSold }) => Math.max(unitsAdded, unitsSold)));
  return (
    <>
      <Head title={w('demand.title')} />
      <p class="soft">{w('demand.lead')}</p>
      <div class="filters" role="search"><SearchField label={w('demand.search')} /></div>
      {problem && <Failed problem={problem} again={again} />}
      {items.length > 0 && (
        <div class="table-place" role="group" aria-label={w('demand.title')} tabIndex={0}>
          <table class="table chart">
            <thead><tr><th scope="col">{w('demand.product')}</th><th scope="col"><span class="key added" aria-hidden="true" />{w('demand.added')}</th><th scope="col"><span class="key sold" aria-hidden="true" />{w('demand.sold')}</th></tr></thead>
            <tbody>
              {items.map((product) => {
                const demand = known.get(product.id);
                return (
                  <tr key={product.id}>
                    <th scope="row"><a href={`/admin/demand/${product.id}`}><Words of={product.name} /></a></th>
                    <td><Measured value={demand?.unitsAdded} most={most} tone="added" /></td>
                    <td><Measured value={demand?.unitsSold} most={most} tone="sold" /></td>
                  </tr>
                );
              })}
            </tbody>
          </table>
        </div>
      )}
      <ListEnd list={list} none={w('demand.none')} />
    </>
  );
}

function Measured({ value, most, tone }: { value: number | undefined; most: number; tone: 'sold' | 'added' }): JSX.Element {
  return <span class="measured"><Bar part={(value ?? 0) / most} tone={tone} /><span class="num">{value === undefined ? '–' : number(value)}</span></span>;
}

export function DemandOne({ productId = '' }: { productId?: string }): JSX.Element {
  const [product, setProduct] = useState<Product>();
  const [missing, setMissing] = useState(false);
  useEffect(() => {
    void shop.product(productId).then((answer) => (answer.ok ? setProduct(answer.value) : setMissing(answer.problem.status === 404)));
  }, [productId]);
  const { known, problem, again } = useDemand([productId]);
  const demand = known.get(productId);
  useTitle(w('demand.title'));
  // A product that was deleted keeps its numbers.
  if (missing && demand && demand.timesAdded === 0) return <Blank icon="box" title={w('product.gone')}><a class="button" href="/admin/demand">{w('demand.back')}</a></Blank>;
  const most = Math.max(1, demand?.unitsAdded ?? 0, demand?.unitsSold ?? 0);
  return (
    <>
      <Head title={product ? <Words of={product.name} /> : productId}>
        <a class="button quiet small" href="/admin/demand">{w('demand.back')}</a>
        {product && <a class="button quiet small" href={`/admin/products/${productId}`}>{w('product.details')}</a>}
      </Head>
      {problem && <Failed problem={problem} again={again} />}
      <Panel id="units" title={w('demand.units')}>
        <dl class="bars">
          <div><dt><span class="key added" aria-hidden="true" />{w('demand.added')}</dt><dd><Measured value={demand?.unitsAdded} most={most} tone="added" /></dd></div>
          <div><dt><span class="key sold" aria-hidden="true" />{w('demand.sold')}</dt><dd><Measured value={demand?.unitsSold} most={most} tone="sold" /></dd></div>
        </dl>
      </Panel>
      <ul class="tiles two-tiles">
        <li class="tile"><span class="tile-number num">{demand ? number(demand.timesAdded) : '–'}</span><span class="small soft">{w('demand.times')}</span></li>
        <li class="tile"><span class="tile-number num">{demand ? number(demand.ordersConfirmed) : '–'}</span><span class="small soft">{w('demand.orders')}</span></li>
      </ul>
    </>
  );
}
