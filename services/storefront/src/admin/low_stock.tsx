import type { JSX } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import type { Problem } from '../api/problem';
import { shop, type Product } from '../api/shop';
import { place } from '../router';
import { Failed, Picture, useTitle, Words } from '../ui/parts';
import { hidden } from './deleting';
import { Head } from './parts';
import { SearchField, setQuery } from './products';
import { w } from './words';

const PAGE = 100;
/** The catalog has no list by stock: it is looked through, so far at a time. */
const PAGES_AT_ONCE = 20;
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
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem>();
  const running = useRef<AbortController>(undefined);

  const look = async (from: Looked | undefined): Promise<void> => {
    running.current?.abort();
    const mine = (running.current = new AbortController());
    setBusy(true);
    setProblem(undefined);
    let so = from;
    for (let page = 0; page < PAGES_AT_ONCE; ++page) {
      const answer = await shop.products({ limit: PAGE, sort: 'name', ...(q && { q }), ...(so?.next === undefined ? {} : { cursor: so.next }) }, { signal: mine.signal });
      if (mine.signal.aborted) return;
      if (!answer.ok) {
        setProblem(answer.problem);
        break;
      }
      const { items, total, nextCursor } = answer.value;
      so = { items: [...(so?.items ?? []), ...items.filter(({ available }) => available <= Math.max(...MOST))], seen: (so?.seen ?? 0) + items.length, total, next: nextCursor };
      setLooked(so);
      if (nextCursor === undefined) break;
    }
    setBusy(false);
  };
  useEffect(() => {
    setLooked(undefined);
    setShown(SHOWN);
    void look(undefined);
    return () => running.current?.abort();
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
      {problem && <Failed problem={problem} again={() => void look(looked)} />}
      {items?.length === 0 && !busy && !problem && <p class="soft office-none">{w('low.none')}</p>}
      {looked?.next !== undefined && !busy && !problem && <p class="more"><button type="button" class="button quiet small" onClick={() => void look(looked)}>{w('low.on')}</button></p>}
    </>
  );
}
