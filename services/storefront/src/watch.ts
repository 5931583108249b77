import { EventParser } from './api/events';
import { reachable, retryAfterOf, sleep } from './api/http';
import { parseJson } from './api/json';
import type { Answer, Asked } from './api/http';
import type { Order } from './api/shop';
import type { Problem } from './api/problem';
import { isFinal } from './timeline';

/** How an order is being watched: as it happens, by asking again and again, or not at the moment. */
export type Watching = 'live' | 'asking' | 'lost';

export interface Watcher {
  /** Each state of the order that is newer than the one before. */
  order(order: Order): void;
  watching(how: Watching): void;
  /** There is no such order; it may be on its way. */
  missing(): void;
  /** The services refuse to show it. It is not watched any longer. */
  refused(problem: Problem): void;
}

/** What watching needs of the world; tests bring their own. */
export interface Outside {
  fetch(url: string, init: RequestInit): Promise<Response>;
  order(id: string, asked: Asked): Promise<Answer<Order>>;
  token(): string | undefined;
  sleep(milliseconds: number, signal: AbortSignal): Promise<void>;
  /** 0 to 1. */
  random(): number;
}

/** A stream speaks as soon as it is open. One that does not by then is held back on its way, and the order is asked for instead. */
const FIRST_WORD = 5_000;
/** It says something every 15 s; one that is silent for longer is dead. */
const SILENCE = 45_000;
/** One that was open for so long was no failure, whatever it had to tell. */
const LIVED = 10_000;
const LONGEST_PAUSE = 30_000;
const LONGEST_BETWEEN_LOOKS = 10_000;
const LONGEST_WITHOUT_STREAM = 300_000;

type Outcome =
  /** It said something, and ended or broke. */
  | { readonly kind: 'ended' }
  /** There is no more to come. */
  | { readonly kind: 'over' }
  | { readonly kind: 'missing' | 'none'; readonly retryAfter: number };

/**
 * Watches an order until `signal` is aborted, it is refused, or nothing more can come. The stream tells of each change. One that was
 * lost is opened again after what was seen last. Where none is to be had, the order is asked for again and again, first each
 * second, then more rarely, and the stream is tried from time to time. What was `known` before is not told again.
 */
export async function watchOrder(id: string, watcher: Watcher, signal: AbortSignal, outside: Outside, known?: Order): Promise<void> {
  let seen = known;
  let etag: string | undefined;
  /** As the stream wants it. */
  let retry = 1000;
  /** In a row: streams without news, streams that were not to be had, looks without news, looks that failed. */
  let idle = 0, refusals = 0, looks = 0, failures = 0;
  /** Milliseconds until a stream is worth a try. */
  let untilStream = 0;

  const take = (order: Order): void => {
    // What was sent before and came late tells nothing.
    if (seen && order.version <= seen.version) return;
    seen = order;
    idle = refusals = looks = 0;
    watcher.order(order);
  };
  const done = (): boolean => signal.aborted || (seen !== undefined && isFinal(seen));
  /** Never shorter than asked for, and up to half as long again: those who lost their streams together do not come back together. */
  const pause = async (milliseconds: number): Promise<void> => {
    const spread = milliseconds * (1 + outside.random() / 2);
    untilStream -= spread;
    await outside.sleep(spread, signal);
  };

  const follow = async (): Promise<Outcome> => {
    const cut = new AbortController();
    const stop = (): void => cut.abort();
    const none = { kind: 'none', retryAfter: 0 } as const;
    signal.addEventListener('abort', stop);
    let timer = setTimeout(stop, FIRST_WORD);
    let reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
    try {
      const headers = new Headers({ Accept: 'text/event-stream' });
      const token = outside.token();
      if (token) headers.set('Authorization', `Bearer ${token}`);
      if (seen) headers.set('Last-Event-ID', String(seen.version));
      const response = await outside.fetch(`/orders/${encodeURIComponent(id)}/events`, { headers, signal: cut.signal, cache: 'no-store' });
      reader = response.body?.getReader();
      if (response.status === 204) return { kind: 'over' };
      if (!response.ok || !reader || !response.headers.get('Content-Type')?.startsWith('text/event-stream')) {
        const retryAfter = retryAfterOf(response.headers.get('Retry-After'));
        // A service that knows no streams says nothing of coming back.
        return { kind: response.status === 404 && retryAfter !== undefined && !seen ? 'missing' : 'none', retryAfter: (retryAfter ?? 0) * 1000 };
      }
      const parser = new EventParser();
      const text = new TextDecoder();
      const begun = Date.now();
      let spoke = false;
      for (;;) {
        const piece = await reader.read().catch(() => undefined);
        if (!piece || piece.done) {
          // What fell silent may be held back on its way: a look tells what it did not.
          if (!spoke || cut.signal.aborted) return none;
          if (Date.now() - begun > LIVED) idle = refusals = 0;
          return { kind: 'ended' };
        }
        clearTimeout(timer);
        timer = setTimeout(stop, SILENCE);
        if (!spoke) watcher.watching('live');
        spoke = true;
        looks = failures = 0;
        for (const { event, data } of parser.feed(text.decode(piece.value, { stream: true }))) if (event === 'order') take(parseJson(data) as Order);
        retry = parser.retry ?? retry;
        if (done()) return { kind: 'over' };
      }
    } catch {
      return none;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', stop);
      reader?.cancel().catch(() => {});
    }
  };

  /** False if it is refused for good. */
  const look = async (): Promise<boolean> => {
    const answer = await outside.order(id, { signal, repeats: 0, ...(etag === undefined ? {} : { headers: { 'If-None-Match': etag } }) });
    if (answer.ok) {
      etag = answer.headers.get('ETag') ?? undefined;
      failures = 0;
      watcher.watching('asking');
      if (answer.status !== 304) take(answer.value);
      return true;
    }
    const { kind, status } = answer.problem;
    if (signal.aborted) return true;
    if (status === 404 && !seen) {
      watcher.missing();
    } else if (kind === 'refused' && status < 500 && status !== 404 && status !== 429) {
      watcher.refused(answer.problem);
      return false;
    } else if (++failures > 1) {
      // One alone is a process that makes room for another.
      watcher.watching('lost');
    }
    return true;
  };

  try {
    while (!done()) {
      if (untilStream <= 0) {
        const outcome = await follow();
        if (outcome.kind === 'over' || done()) return;
        if (outcome.kind === 'ended') {
          // A process that leaves ends its streams: another one has the next.
          await pause(Math.min(retry * 2 ** idle++, LONGEST_PAUSE));
          continue;
        }
        if (outcome.kind === 'missing') {
          watcher.missing();
          await pause(Math.max(outcome.retryAfter, Math.min(1000 * 1.15 ** looks++, LONGEST_BETWEEN_LOOKS)));
          continue;
        }
        untilStream = Math.min(Math.max(outcome.retryAfter, 2500 * 2 ** refusals++), LONGEST_WITHOUT_STREAM);
      }
      if (!(await look()) || done()) return;
      await pause(Math.min(1000 * 1.15 ** looks++, LONGEST_BETWEEN_LOOKS));
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

export const realOutside = (order: Outside['order'], token: Outside['token']): Outside => ({
  fetch: async (url, init) => {
    const response = await fetch(url, init);
    reachable.value = true;
    return response;
  },
  order,
  token,
  sleep,
  random: Math.random,
});

/** A tab that is hidden for longer gives its stream back. */
const GLANCE = 10_000;

/**
 * Does something while somebody may be looking: `begin` is called now, and again whenever the tab is shown after a while or the
 * device's connection comes or goes, each time with a signal that ends it. A tab that nobody looks at does nothing: a browser opens six connections
 * to a host, and six orders left open in tabs would keep the seventh, and the shop itself, from loading.
 */
export function whileLookedAt(begin: (signal: AbortSignal) => void): () => void {
  let ending: AbortController | undefined;
  let hiding: ReturnType<typeof setTimeout> | undefined;
  let hiddenAt = 0;
  const stop = (): void => {
    ending?.abort();
    ending = undefined;
  };
  const start = (): void => {
    stop();
    if (document.hidden) return;
    ending = new AbortController();
    begin(ending.signal);
  };
  const turned = (): void => {
    clearTimeout(hiding);
    if (document.hidden) {
      hiddenAt = Date.now();
      hiding = setTimeout(stop, GLANCE);
    } else if (!ending || Date.now() - hiddenAt > GLANCE) {
      // A device that slept ran no timer, and what it had open is dead.
      start();
    }
  };
  document.addEventListener('visibilitychange', turned);
  // What was open over the connection before may be dead, and nobody says so.
  for (const change of ['online', 'offline']) addEventListener(change, start);
  start();
  return () => {
    document.removeEventListener('visibilitychange', turned);
    for (const change of ['online', 'offline']) removeEventListener(change, start);
    clearTimeout(hiding);
    stop();
  };
}
