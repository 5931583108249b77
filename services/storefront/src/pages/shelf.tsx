import { useEffect, useId, useRef, useState } from 'preact/hooks';
import type { JSX } from 'preact';
import type { Facets, Product } from '../api/shop';
import { addProduct } from '../ui/add';
import { changing } from '../cart';
import { exampleOf, money } from '../i18n';
import { t } from '../i18n/words';
import { decimalOf, parseMoney } from '../money';
import { go, place } from '../router';
import { hrefOf, PAGE, readQuery, SORTS, wholeShelf, type ShelfQuery, type Sort } from '../shelf_query';
import { Icon } from '../ui/icons';
import { Failed, Picture, Price, useTitle, Words } from '../ui/parts';
import { found, nameOf, search, searching, searchProblem } from './shelf_results';

/** So many categories have a button each; the others are in a list behind them. */
const CHIPS = 12;

export function Shelf(): JSX.Element {
  const query = readQuery(place.value.query);
  const asked = hrefOf(query);
  useEffect(() => void search(query), [asked]);
  const q = query.q.trim();
  useTitle(q !== '' ? t('shelf.titleSearch', { q }) : query.category);

  const problem = searchProblem.value;
  // What was found before stays until the next has come; once that has failed it would stand under the wrong words.
  const now = problem && found.value?.name !== nameOf(query) ? undefined : found.value;
  const refine = (changes: Partial<ShelfQuery>, replace = false): void => go(hrefOf({ ...query, show: PAGE, ...changes }), { still: true, replace });

  return (
    <div class="shelf">
      <div class="shelf-head">
        {q !== ''
          ? <h1 class="found-for">{t('shelf.foundFor')} <Words of={q} /></h1>
          : query.category !== '' ? <h1><Words of={query.category} /></h1> : <h1>{t('shelf.title')}</h1>}
        {q === '' && query.category === '' && <p class="lead soft">{t('shelf.lead')}</p>}
      </div>
      <Categories facets={now?.facets} query={query} refine={refine} />
      <Tools query={query} total={now?.total} facets={now?.facets} refine={refine} />
      {problem && <Failed problem={problem} again={() => void search(query, { fresh: true })} />}
      {now && now.items.length > 0 && (
        <>
          <ul class="cards" aria-busy={searching.value} aria-label={t('shelf.products')}>
            {now.items.map((product, index) => <Card key={product.id} product={product} eager={index < 8} />)}
          </ul>
          {now.next !== undefined && (
            <div class="more">
              <button type="button" class="button quiet" aria-disabled={searching.value} onClick={() => { if (!searching.value) refine({ show: Math.max(query.show, now.items.length) + PAGE }, true); }}>
                {t('shelf.more')}
              </button>
              <p class="small soft num">{t('shelf.shown', { shown: now.items.length, total: now.total })}</p>
            </div>
          )}
        </>
      )}
      {now && now.items.length === 0 && !problem && (
        <div class="blank">
          <Icon name="search" size={48} />
          <h2>{q !== '' ? t('shelf.nothingFor') : t('shelf.nothing')}</h2>
          <p>{q !== '' ? t('shelf.nothingHint') : t('shelf.nothingText')}</p>
          {asked !== '/' && <a class="button quiet" href="/">{t('shelf.everything')}</a>}
        </div>
      )}
      {!now && !problem && (
        <ul class="cards" aria-hidden="true">
          {Array.from({ length: Math.min(query.show, 96) }, (_, index) => (
            <li key={index} class="card"><span class="picture bone" /><span class="card-name"><span class="bone w70" /></span><span class="card-price"><span class="bone w30" /></span></li>
          ))}
        </ul>
      )}
    </div>
  );
}

type Refine = (changes: Partial<ShelfQuery>, replace?: boolean) => void;

function Categories({ facets, query, refine }: { facets: Facets | undefined; query: ShelfQuery; refine: Refine }): JSX.Element {
  const all = facets?.categories ?? [];
  const chosen = query.category;
  // The largest have a button; the chosen one always has, also where nothing matches any more.
  const largest = all.length <= CHIPS ? all : [...all].sort((a, b) => b.count - a.count).slice(0, CHIPS);
  const shown = all.filter((one) => largest.includes(one) || one.name === chosen);
  const others = all.filter((one) => !shown.includes(one));
  // On a narrow screen the row is longer than the window: what is chosen is in view.
  const row = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const chip = row.current?.querySelector<HTMLElement>('[aria-pressed="true"]');
    if (row.current && chip) row.current.scrollLeft = chip.offsetLeft - (row.current.clientWidth - chip.offsetWidth) / 2;
  }, [chosen, all.length]);
  const chosenIsNew = chosen !== '' && !all.some(({ name }) => name === chosen);
  return (
    <div class="chips" ref={row} role="group" aria-label={t('shelf.categories')}>
      <button type="button" class="chip" aria-pressed={chosen === ''} onClick={() => refine({ category: '' })}>{t('shelf.all')}</button>
      {!facets && Array.from({ length: 5 }, (_, index) => <span key={index} class="chip bone" aria-hidden="true" />)}
      {chosenIsNew && <button type="button" class="chip" aria-pressed="true"><Words of={chosen} /></button>}
      {shown.map(({ name, count }) => (
        <button key={name} type="button" class="chip" aria-pressed={name === chosen} onClick={() => refine({ category: name === chosen ? '' : name })}>
          <Words of={name} /> <span class="num chip-count">{count}</span>
        </button>
      ))}
      {others.length > 0 && (
        <select class="chip select" aria-label={t('shelf.otherCategories')} value="" onChange={(event) => refine({ category: event.currentTarget.value })}>
          <option value="">{t('shelf.otherCategories')}</option>
          {others.map(({ name, count }) => <option key={name} value={name}>{`${name} (${count})`}</option>)}
        </select>
      )}
    </div>
  );
}

function Tools({ query, total, facets, refine }: { query: ShelfQuery; total: number | undefined; facets: Facets | undefined; refine: Refine }): JSX.Element {
  const ranged = query.min !== undefined || query.max !== undefined;
  const [open, setOpen] = useState(ranged);
  const panel = useId();
  const sorts = SORTS.filter((sort) => sort !== 'relevance' || query.q.trim() !== '');
  const usual: Sort = query.q.trim() !== '' ? 'relevance' : 'name';
  const filtered = query.category !== '' || ranged || query.inStock;
  return (
    <>
      <div class="tools">
        <p class="tools-count" role="status">{total === undefined ? ' ' : t('shelf.count', { count: total })}</p>
        <label class="check chip-like">
          <input type="checkbox" checked={query.inStock} onChange={(event) => refine({ inStock: event.currentTarget.checked })} />
          {t('shelf.inStock')}{facets && <span class="num chip-count">{facets.inStock}</span>}
        </label>
        <button type="button" class="button quiet small" aria-expanded={open} aria-controls={panel} onClick={() => setOpen(!open)}>
          {t('shelf.price')}{ranged && <span class="dot" />}
        </button>
        <label class="tools-sort">
          <span class="unseen">{t('shelf.sort')}</span>
          <select class="select" value={query.sort || usual} onChange={(event) => refine({ sort: event.currentTarget.value === usual ? '' : event.currentTarget.value as Sort })}>
            {sorts.map((sort) => <option key={sort} value={sort}>{t(`sort.${sort}`)}</option>)}
          </select>
        </label>
        {filtered && <button type="button" class="button plain small" onClick={() => go(hrefOf({ ...wholeShelf, q: query.q, sort: query.sort }), { still: true })}>{t('shelf.clear')}</button>}
      </div>
      <div id={panel} hidden={!open}>{open && <PriceRange query={query} facets={facets} />}</div>
    </>
  );
}

function PriceRange({ query, facets }: { query: ShelfQuery; facets: Facets | undefined }): JSX.Element {
  const prices = facets?.prices ?? [];
  // Chosen before a price is typed: the address has none without one.
  const [chosen, setChosen] = useState('');
  const currency = query.currency || chosen || prices[0]?.currency || 'EUR';
  const range = prices.find((one) => one.currency === currency);
  const shown = (amount: number | undefined): string => (amount === undefined ? '' : decimalOf({ amount, currency }));
  const [from, setFrom] = useState(shown(query.min));
  const [to, setTo] = useState(shown(query.max));
  const [wrong, setWrong] = useState('');
  const resting = useRef<ReturnType<typeof setTimeout>>(undefined);
  // What was typed is applied a moment later, to what is asked by then.
  const latest = useRef(query);
  latest.current = query;
  useEffect(() => () => clearTimeout(resting.current), []);
  // What was cleared elsewhere is cleared here.
  useEffect(() => {
    if (query.min === undefined && query.max === undefined && wrong === '') {
      setFrom('');
      setTo('');
    }
  }, [query.min, query.max]);

  const apply = (fromText: string, toText: string, inCurrency = currency): void => {
    const read = (text: string): bigint | undefined | null => (text.trim() === '' ? undefined : (parseMoney(text, inCurrency) ?? null));
    const [min, max] = [read(fromText), read(toText)];
    const tooMuch = (amount: bigint | undefined | null): boolean => typeof amount === 'bigint' && amount > 1_000_000_000_000n;
    if (min === null || max === null || tooMuch(min) || tooMuch(max)) return setWrong(t('shelf.priceWrong', { example: exampleOf(inCurrency) }));
    if (min !== undefined && max !== undefined && max < min) return setWrong(t('shelf.priceTurned'));
    setWrong('');
    const { min: _min, max: _max, ...others } = latest.current;
    const next: ShelfQuery = { ...others, show: PAGE, currency: inCurrency, ...(min === undefined ? {} : { min: Number(min) }), ...(max === undefined ? {} : { max: Number(max) }) };
    go(hrefOf(next), { still: true, replace: latest.current.min !== undefined || latest.current.max !== undefined });
  };
  const later = (fromText: string, toText: string): void => {
    clearTimeout(resting.current);
    resting.current = setTimeout(() => apply(fromText, toText), 400);
  };
  const id = useId();
  return (
    <fieldset class="range" aria-describedby={`${id}-hint ${id}-wrong`}>
      <legend class="unseen">{t('shelf.price')}</legend>
      <label class="field"><span class="label">{t('shelf.priceFrom')}</span>
        <input class="input num" inputmode="decimal" autocomplete="off" value={from} placeholder={range ? shown(range.min) : ''} aria-invalid={wrong !== ''} onInput={(event) => { setFrom(event.currentTarget.value); later(event.currentTarget.value, to); }} />
      </label>
      <label class="field"><span class="label">{t('shelf.priceTo')}</span>
        <input class="input num" inputmode="decimal" autocomplete="off" value={to} placeholder={range ? shown(range.max) : ''} aria-invalid={wrong !== ''} onInput={(event) => { setTo(event.currentTarget.value); later(from, event.currentTarget.value); }} />
      </label>
      {prices.length > 1 && (
        <label class="field"><span class="label">{t('shelf.currency')}</span>
          <select class="select" value={currency} onChange={(event) => { setChosen(event.currentTarget.value); apply(from, to, event.currentTarget.value); }}>
            {prices.map((one) => <option key={one.currency} value={one.currency}>{one.currency}</option>)}
          </select>
        </label>
      )}
      <p class="hint" id={`${id}-hint`}>{range && t('shelf.priceSpan', { from: money({ amount: range.min, currency }), to: money({ amount: range.max, currency }) })}</p>
      <p class="wrong" id={`${id}-wrong`} role="status">{wrong}</p>
    </fieldset>
  );
}

export function Card({ product, eager = false }: { product: Product; eager?: boolean }): JSX.Element {
  const gone = product.available === 0;
  const busy = changing.value.has(product.id);
  return (
    <li class={gone ? 'card gone' : 'card'}>
      <a href={`/p/${product.id}`}>
        <Picture src={product.imageUrl} eager={eager} />
        <span class="card-name clip"><Words of={product.name} /></span>
        <span class="card-price"><Price of={product.price} /> <Stock available={product.available} /></span>
      </a>
      {!gone && (
        <button type="button" class="icon-button card-add" aria-label={t('product.addNamed', { name: product.name })} aria-disabled={busy} onClick={() => { if (!busy) void addProduct(product, 1); }}>
          <Icon name="plus" size={20} />
        </button>
      )}
    </li>
  );
}

/** The word on the stock, where it is worth one. */
export function Stock({ available, always = false }: { available: number; always?: boolean }): JSX.Element | null {
  if (available === 0) return <span class="tag">{t('stock.none')}</span>;
  if (available <= 5) return <span class="tag mind">{t('stock.few', { count: available })}</span>;
  return always ? <span class="tag good">{t('stock.there')}</span> : null;
}
