import { signal } from '@preact/signals';

/**
 * Where the page is. The address is the state: what is searched for, filtered and opened stands in it, so that back, reload and a
 * sent link show the same. Written here rather than taken from a library because most of it is what small routers leave out:
 * the scroll position of each entry of the history, and where the focus goes.
 */
export interface Place {
  readonly path: string;
  readonly query: URLSearchParams;
  /** Names the entry of the history, so that what it showed can be kept for the way back. */
  readonly entry: string;
}

interface Entry {
  entry: string;
  /** How far it was scrolled when it was left. */
  y: number;
}

const entryNow = (): Entry | undefined => {
  const state: unknown = history.state;
  return typeof state === 'object' && state !== null && 'entry' in state ? (state as Entry) : undefined;
};
const newEntry = (): Entry => ({ entry: Math.random().toString(36).slice(2), y: 0 });

const placeNow = (): Place => ({
  path: location.pathname,
  query: new URLSearchParams(location.search),
  entry: entryNow()?.entry ?? '',
});

export const place = signal<Place>({ path: '/', query: new URLSearchParams(), entry: '' });

/** Paths that the server answers with something else than the page. */
const NOT_THE_PAGE = /^\/(products|categories|carts|orders|demand|payments|development|docs|assets)(\/|$)/;

export interface Going {
  /** Takes the place of the present entry, which back then passes over. */
  readonly replace?: boolean;
  /** Stays where it is scrolled to, with the focus where it is: for a change of the same view. */
  readonly still?: boolean;
}

export function go(href: string, { replace = false, still = false }: Going = {}): void {
  const target = new URL(href, location.href);
  if (target.origin !== location.origin || NOT_THE_PAGE.test(target.pathname)) {
    location.assign(target);
    return;
  }
  keepScroll();
  if (replace) history.replaceState({ ...newEntry(), entry: still ? place.value.entry : newEntry().entry, y: still ? scrollY : 0 }, '', target);
  else history.pushState(newEntry(), '', target);
  const samePath = target.pathname === place.value.path;
  place.value = placeNow();
  if (still) return;
  scrollTo(0, 0);
  if (!samePath) focusHeading();
}

/** Makes links of the page's own go there without loading it again. Call once. */
export function startRouter(): void {
  history.scrollRestoration = 'manual';
  const first = entryNow();
  if (!first) history.replaceState(newEntry(), '');
  place.value = placeNow();
  if (first) restoreScroll(first.y);

  addEventListener('popstate', () => {
    const samePath = location.pathname === place.value.path;
    if (!entryNow()) history.replaceState(newEntry(), '');
    place.value = placeNow();
    restoreScroll(entryNow()?.y ?? 0);
    if (!samePath) focusHeading();
  });
  addEventListener('pagehide', keepScroll);
  // Back is told of only after the entry changed, so the position is written down as it changes.
  let resting: ReturnType<typeof setTimeout> | undefined;
  addEventListener('scroll', () => {
    clearTimeout(resting);
    const { entry } = place.value;
    resting = setTimeout(() => {
      if (entry === place.value.entry) keepScroll();
    }, 100);
  }, { passive: true });

  document.addEventListener('click', (event) => {
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const link = event.target instanceof Element ? event.target.closest('a[href]') : null;
    if (!(link instanceof HTMLAnchorElement) || link.target || link.hasAttribute('download')) return;
    if (link.origin !== location.origin || NOT_THE_PAGE.test(link.pathname)) return;
    if (link.hash && link.pathname === location.pathname && link.search === location.search) return;
    event.preventDefault();
    go(link.href);
  });
}

function keepScroll(): void {
  const entry = entryNow();
  if (entry && entry.entry === place.value.entry && entry.y !== scrollY) history.replaceState({ ...entry, y: Math.round(scrollY) }, '');
}

let restoring: (() => void) | undefined;
/** What is shown may not have come yet: tries until the page is tall enough, somebody scrolls, or three seconds have gone. */
function restoreScroll(y: number): void {
  restoring?.();
  if (y === 0) {
    requestAnimationFrame(() => scrollTo(0, 0));
    return;
  }
  const tall = new ResizeObserver(() => attempt());
  const byHand = ['wheel', 'touchstart', 'keydown', 'pointerdown'];
  const stop = (): void => {
    tall.disconnect();
    clearTimeout(timer);
    byHand.forEach((name) => removeEventListener(name, stop));
    restoring = undefined;
  };
  const attempt = (): void => {
    if (document.documentElement.scrollHeight < y + innerHeight) return;
    scrollTo(0, y);
    stop();
  };
  const timer = setTimeout(stop, 3000);
  byHand.forEach((name) => addEventListener(name, stop, { once: true, passive: true }));
  restoring = stop;
  tall.observe(document.body);
}

/** Tells a screen reader where it is now: the new view's heading takes the focus. */
export function focusHeading(): void {
  const from = place.value.entry;
  // A view that is loaded on its first visit, or its data, may take a moment.
  let frames = 0;
  const attempt = (): void => {
    if (place.value.entry !== from) return;
    const heading = document.querySelector<HTMLElement>('main h1');
    if (!heading) {
      if (++frames < 120) requestAnimationFrame(attempt);
      return;
    }
    heading.tabIndex = -1;
    heading.focus({ preventScroll: true });
  };
  requestAnimationFrame(attempt);
}

/** After what had the focus is gone from the view: it goes to the heading rather than nowhere. */
export function keepFocus(): void {
  requestAnimationFrame(() => {
    if (document.activeElement === document.body || document.activeElement === null) focusHeading();
  });
}

/** A view by the pattern of its paths; it gets the path's parts as its properties. */
export type Routes<View> = readonly (readonly [pattern: string, view: View])[];

/** The view of a path and the parts for it, or undefined. */
export function routed<View>(routes: Routes<View>, path: string): { view: View; parts: Record<string, string> } | undefined {
  for (const [pattern, view] of routes) {
    const parts = match(pattern, path);
    if (parts) return { view, parts };
  }
  return undefined;
}

/** `/p/{id}` against a path: its parts by name, decoded, or undefined. */
export function match(pattern: string, path: string): Record<string, string> | undefined {
  const wanted = pattern.split('/');
  const given = path.split('/');
  if (wanted.length !== given.length) return undefined;
  const parts: Record<string, string> = {};
  for (let i = 0; i < wanted.length; ++i) {
    const name = /^\{(\w+)\}$/.exec(wanted[i]!)?.[1];
    if (name === undefined) {
      if (wanted[i] !== given[i]) return undefined;
      continue;
    }
    try {
      parts[name] = decodeURIComponent(given[i]!);
    } catch {
      return undefined;
    }
    if (parts[name] === '') return undefined;
  }
  return parts;
}
