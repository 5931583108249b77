import { signal } from '@preact/signals';
import type { Problem } from '../api/problem';
import { shop, type Facets, type Product } from '../api/shop';
import { apiQueryOf, type ShelfQuery } from '../shelf_query';

/** What was found for a query, as far as it was fetched. */
export interface Found {
  readonly name: string;
  readonly items: readonly Product[];
  readonly next: string | undefined;
  readonly total: number;
  readonly facets: Facets;
  readonly at: number;
}

export const found = signal<Found | undefined>(undefined);
export const searching = signal(false);
export const searchProblem = signal<Problem | undefined>(undefined);

/** Kept for the way back: what was seen a minute ago is shown as it was. */
const seen = new Map<string, Found>();
const KEPT = 12;
const FRESH = 60_000;
const LARGEST_PAGE = 100;

/** By which what was found is known: all that is asked for, but how much of it. */
export const nameOf = (query: ShelfQuery): string => JSON.stringify(apiQueryOf(query));

let running: AbortController | undefined;

/** Fetches what the query asks for. A later query cancels an earlier one's answers. */
export async function search(query: ShelfQuery, { fresh = false } = {}): Promise<void> {
  running?.abort();
  const mine = (running = new AbortController());
  const asked = apiQueryOf(query);
  const name = nameOf(query);
  const known = fresh ? undefined : seen.get(name);
  if (known) found.value = known;
  if (known && Date.now() - known.at < FRESH && (known.items.length >= query.show || known.next === undefined)) {
    searching.value = false;
    searchProblem.value = undefined;
    return;
  }
  searching.value = true;
  // More of what is there goes on from its end; what is too old is fetched anew, and shown as it was meanwhile.
  let so: Found | undefined = known && Date.now() - known.at < FRESH ? known : undefined;
  do {
    const limit = Math.min(LARGEST_PAGE, query.show - (so?.items.length ?? 0));
    const answer = await shop.products({ ...asked, limit, ...(so?.next === undefined ? {} : { cursor: so.next }) }, { signal: mine.signal });
    if (mine.signal.aborted) return;
    if (!answer.ok) {
      if (so && answer.problem.code === 'invalid_cursor') return search(query, { fresh: true });
      searching.value = false;
      searchProblem.value = answer.problem;
      return;
    }
    const page = answer.value;
    // A product that moved between two pages is shown once.
    const had = new Set(so?.items.map(({ id }) => id));
    so = {
      name,
      items: [...(so?.items ?? []), ...page.items.filter(({ id }) => !had.has(id))],
      next: page.items.length === 0 ? undefined : page.nextCursor,
      total: page.total,
      facets: page.facets,
      at: so?.at ?? Date.now(),
    };
  } while (so.next !== undefined && so.items.length < query.show);
  seen.delete(name);
  seen.set(name, so);
  if (seen.size > KEPT) seen.delete(seen.keys().next().value!);
  found.value = so;
  searchProblem.value = undefined;
  searching.value = false;
}
