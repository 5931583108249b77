import type { ProductQuery } from './api/shop';

/** What is asked of the shelf, as it stands in the address. */
export interface ShelfQuery {
  readonly q: string;
  readonly category: string;
  /** Minor units of `currency`. */
  readonly min?: number;
  readonly max?: number;
  /** The currency of the range, which leaves out products with a price in another one. */
  readonly currency: string;
  readonly inStock: boolean;
  readonly sort: Sort | '';
  /** How many are shown: grows with "more", so that back and reload show as many. */
  readonly show: number;
}

export const SORTS = ['relevance', 'name', '-name', 'price', '-price', 'newest'] as const;
export type Sort = (typeof SORTS)[number];

export const PAGE = 24;
/** Beyond so many a reload begins with fewer: nobody scrolls past a thousand by hand and means it. */
const MOST = 960;
const HIGHEST = 1_000_000_000_000;

export const wholeShelf: ShelfQuery = { q: '', category: '', currency: '', inStock: false, sort: '', show: PAGE };

/** Reads an address; whatever makes no sense is left out. */
export function readQuery(search: URLSearchParams): ShelfQuery {
  const amount = (name: string): number | undefined => {
    const text = search.get(name) ?? '';
    const value = /^\d{1,13}$/.test(text) ? Number(text) : NaN;
    return value >= 0 && value <= HIGHEST ? value : undefined;
  };
  const sort = search.get('sort') ?? '';
  const show = Number(search.get('show') ?? PAGE);
  const currency = search.get('currency') ?? '';
  const [min, max] = [amount('min'), amount('max')];
  return {
    q: cutBytes(search.get('q') ?? '', 200),
    category: search.get('category') ?? '',
    ...(min === undefined ? {} : { min }),
    ...(max === undefined || (min !== undefined && max < min) ? {} : { max }),
    currency: /^[A-Z]{3}$/.test(currency) ? currency : '',
    inStock: search.get('inStock') === 'true',
    sort: (SORTS as readonly string[]).includes(sort) ? (sort as Sort) : '',
    show: Number.isInteger(show) && show > PAGE ? Math.min(Math.ceil(show / PAGE) * PAGE, MOST) : PAGE,
  };
}

/** The address of it, without what goes without saying. */
export function hrefOf(query: ShelfQuery): string {
  const search = new URLSearchParams();
  if (query.q !== '') search.set('q', query.q);
  if (query.category !== '') search.set('category', query.category);
  if (query.min !== undefined) search.set('min', String(query.min));
  if (query.max !== undefined) search.set('max', String(query.max));
  if (query.currency !== '' && (query.min !== undefined || query.max !== undefined)) search.set('currency', query.currency);
  if (query.inStock) search.set('inStock', 'true');
  if (query.sort !== '') search.set('sort', query.sort);
  if (query.show > PAGE) search.set('show', String(query.show));
  const text = search.toString();
  return text === '' ? '/' : `/?${text}`;
}

/** What the service is asked; without `show`, which is the page's own. */
export function apiQueryOf(query: ShelfQuery): ProductQuery {
  const q = query.q.trim();
  return {
    ...(q === '' ? {} : { q }),
    ...(query.category === '' ? {} : { category: query.category }),
    ...(query.min === undefined ? {} : { minPrice: query.min }),
    ...(query.max === undefined ? {} : { maxPrice: query.max }),
    ...(query.currency === '' || (query.min === undefined && query.max === undefined) ? {} : { currency: query.currency }),
    ...(query.inStock ? { inStock: true } : {}),
    ...(query.sort === '' ? {} : { sort: query.sort }),
  };
}

/** As much of a text as the service takes, never half a character. */
export function cutBytes(text: string, most: number): string {
  const encoder = new TextEncoder();
  let length = 0;
  let cut = '';
  for (const character of text) {
    length += encoder.encode(character).length;
    if (length > most) return cut;
    cut += character;
  }
  return text;
}
