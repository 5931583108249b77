import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { shop, type Product } from '../api/shop';
import { place } from '../router';
import { Failed, Picture, useTitle, Words } from '../ui/parts';
import { hidden } from './deleting';
import { SearchField, setQuery } from './filters';
import { useRounds } from './lists';
import { Head } from './parts';
import { w } from './words';

const PAGE = 100;
const MOST = [0, 3, 5, 10, 25];
const SHOWN = 100;

interface Looked {
  readonly items: readonly Product[];
  readonly seen: number;
  readonly total: number;
  readonly next: string | undefined;
}

export function LowStock(): JSX.Element {
  useTitle(w('low.title'));
  const q = place.value.query.get('q') ?? '';
  const most = MOST.find((one) => String(one) === place.value.query.get('most')) ?? 5;
  const [looked, setLooked] = useState<Looked>();
  const [shown, setShown] = useState(SHOWN);
  const { busy, problem, read: look } = useRounds<Looked | undefined>(setLooked, async (so, signal) => {
    const answer = await shop.products({ limit: PAGE, sort: 'name', ...(q && { q }), ...(so?.next === undefined ? {} : { cursor: so.next }) }, { signal });
    if (!answer.ok) return answer;
    const { items, total, nextCursor } = answer.value;
    const low = items.filter(({ available }) => available <= Math.max(...MOST));
    return { ...answer, value: { so: { items: [...(so?.items ?? []), ...low], seen: (so?.seen ?? 0) + items.length, total, next: nextCursor }, more: nextCursor !== undefined } };
  });
  useEffect(() => {
    setLooked(undefined);
    setShown(SHOWN);
    return look(undefined);
  }, [q]);

  const items = looked?.items.filter(({ id, available }) => available <= most && !hidden.value.has(id)).sort((a, b) => a.available - b.available);
  return (
    <>
      <Head title={w('low.title')} />
      <div class="filters" role="search">
        <SearchField label={w('products.search')} />
        <label class="filter">
          <span class="small soft">{w('low.most')}</span>
          <select class="select" value={most} onChange={(event) => setQuery('most', event.currentTarget.value)}>
            {MOST.map((one) => <option key={one} value={one}>{one}</option>)}
          </select>
        </label>
      </div>
      <p class="small soft" role="status">{looked && w(busy ? 'low.looking' : 'low.looked', { seen: looked.seen, total: looked.total })}</p>
      {items && items.length > 0 && (
        <ul class="rows">
          {items.slice(0, shown).map((product) => (
            <li class="row low-row" key={product.id}>
              <Picture src={product.imageUrl} />
              <div class="row-text">
                <a class="row-name" href={`/admin/products/${product.id}`}><Words of={product.name} /></a>
                <span class="small soft"><Words of={product.category} /></span>
              </div>
              <span class={`tag ${product.available === 0 ? 'bad' : 'mind'}`}>{w('low.left', { count: product.available })}</span>
            </li>
          ))}
        </ul>
      )}
      {items && items.length > shown && <p class="more"><button type="button" class="button quiet small" onClick={() => setShown(shown + SHOWN)}>{w('more')}</button></p>}
      {problem && <Failed problem={problem} again={() => look(looked)} />}
      {items?.length === 0 && !busy && !problem && <p class="soft office-none">{w('low.none')}</p>}
      {looked?.next !== undefined && !busy && !problem && <p class="more"><button type="button" class="button quiet small" onClick={() => look(looked)}>{w('low.on')}</button></p>}
    </>
  );
}
