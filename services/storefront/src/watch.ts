import { EventParser } from './api/events';
import { retryAfterOf, sleep } from './api/http';
import { parseJson } from './api/json';
import type { Answer, Asked } from './api/http';
import type { Order } from './api/shop';
import type { Problem } from './api/problem';

/** How an order is being watched: as it happens, by asking again and again, or not at the moment. */
export type Watching = 'live' | 'asking' | 'lost';

export interface Watcher {
  /** Each state of the order that is newer than the one before. */
  order(order: Order): void;
  watching(how: Watching): void;
  /** There is no such order; it may be on its way. */
  missing(): void;
  /** The services refuse to show it for good. */
  refused(problem: Problem): void;
}

/** What watching needs of the world; tests bring their own. */
export interface Outside {
  fetch(url: string, init: RequestInit): Promise<Response>;
  order(id: string, asked: Asked): Promise<Answer<Order>>;
  token(): string | undefined;
  sleep(milliseconds: number, signal: AbortSignal): Promise<void>;
}

/** A stream says something every 15 s; one that is silent for longer is dead. */
const SILENCE = 40_000;
/** Asked again for a stream after so many looks without one. */
const LOOKS_BEFORE_STREAM = 30;

/**
 * Watches an order until `signal` is aborted or `settled` says that nothing more can come. The stream tells of each change; where
 * it is not to be had, the order is asked for again and again, first each second, then more rarely. What was `known` before is not
 * told again.
 */
export async function watchOrder(id: string, watcher: Watcher, settled: (order: Order) => boolean, signal: AbortSignal, outside: Outside, known?: Order): Promise<void> {
  let seen = known;
  let etag: string | undefined;
  let fruitless = 0;

  const take = (order: Order): void => {
    // What was sent before and came late tells nothing.
    if (seen && order.version <= seen.version) return;
    seen = order;
    fruitless = 0;
    watcher.order(order);
  };
  const done = (): boolean => signal.aborted || (seen !== undefined && settled(seen));
  /** One look. False where there is no order to look at, for now. */
  const look = async (): Promise<boolean> => {
    const asked: Asked = { signal, repeats: 0, ...(etag === undefined ? {} : { headers: { 'If-None-Match': etag } }) };
    const answer = await outside.order(id, asked);
    if (answer.ok) {
      etag = answer.headers.get('ETag') ?? undefined;
      if (answer.status !== 304) take(answer.value);
      return true;
    }
    if (answer.problem.kind === 'given_up') return false;
    if (answer.problem.status === 404) {
      if (!seen) watcher.missing();
      return false;
    }
    if (answer.problem.kind === 'refused' && answer.problem.status < 500 && answer.problem.status !== 429) watcher.refused(answer.problem);
    else watcher.watching('lost');
    return false;
  };

  try {
    while (!done()) {
      const stream = await open(id, seen?.version, signal, outside);
      if (stream === 'none') {
        // Either there are no streams here, or there is no order yet: a look tells which.
        for (let looks = 0; looks < LOOKS_BEFORE_STREAM && !done(); ++looks) {
          const there = await look();
          if (there) watcher.watching('asking');
          if (done()) return;
          if (!there && !seen) {
            await outside.sleep(1000, signal);
            break;
          }
          await outside.sleep(Math.min(1000 * 1.15 ** fruitless++, 10_000), signal);
        }
        continue;
      }
      if (stream === 'lost') {
        await look();
        if (done()) return;
        await outside.sleep(Math.min(500 * 2 ** fruitless++, 15_000), signal);
        continue;
      }
      watcher.watching('live');
      try {
        for await (const { event, data } of stream) if (event === 'order') take(parseJson(data) as Order);
      } catch {
        watcher.watching('lost');
      }
      if (done()) return;
      // A replica that leaves ends its streams: another one has the next. One that brings nothing new is asked for more rarely.
      await outside.sleep(Math.min(200 * 2 ** fruitless++, 30_000), signal);
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

type Stream = AsyncGenerator<{ event: string; data: string }>;

async function open(id: string, version: number | undefined, signal: AbortSignal, outside: Outside): Promise<Stream | 'none' | 'lost'> {
  const silent = new AbortController();
  const stop = (): void => silent.abort();
  signal.addEventListener('abort', stop, { once: true });
  try {
    const headers = new Headers({ Accept: 'text/event-stream' });
    const token = outside.token();
    if (token) headers.set('Authorization', `Bearer ${token}`);
    if (version !== undefined) headers.set('Last-Event-ID', String(version));
    const opening = setTimeout(stop, 10_000);
    let response: Response;
    try {
      response = await outside.fetch(`/orders/${encodeURIComponent(id)}/events`, { headers, signal: silent.signal, cache: 'no-store' });
    } finally {
      clearTimeout(opening);
    }
    if (response.ok && response.body && response.headers.get('Content-Type')?.startsWith('text/event-stream')) {
      return pieces(response.body, silent);
    }
    void response.body?.cancel().catch(() => {});
    const wait = retryAfterOf(response.headers.get('Retry-After'));
    if (response.status === 503 && wait !== undefined && wait <= 2) return 'lost';
    return response.status >= 500 && response.status !== 501 && response.status !== 503 ? 'lost' : 'none';
  } catch {
    return 'lost';
  }
}

async function* pieces(body: ReadableStream<Uint8Array>, silent: AbortController): Stream {
  const parser = new EventParser();
  const text = new TextDecoder();
  const reader = body.getReader();
  let timer = setTimeout(() => silent.abort(), SILENCE);
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      clearTimeout(timer);
      timer = setTimeout(() => silent.abort(), SILENCE);
      yield* parser.feed(text.decode(value, { stream: true }));
    }
  } finally {
    clearTimeout(timer);
    void reader.cancel().catch(() => {});
  }
}

export const realOutside = (order: Outside['order'], token: Outside['token']): Outside => ({
  fetch: (url, init) => fetch(url, init),
  order,
  token,
  sleep,
});
