import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Answer, Asked } from '../src/api/http';
import type { Order } from '../src/api/shop';
import { pretendBrowser } from './browser';

pretendBrowser();
const { watchOrder, whileLookedAt } = await import('../src/watch');
type Outside = Parameters<typeof watchOrder>[3];

const orderAt = (version: number, status: Order['status'] = 'created'): Order => ({
  id: 'o', cartId: 'c', status, lines: [], total: { amount: 1, currency: 'EUR' }, history: [{ status: 'created', at: '2026-01-01T00:00:00Z' }], version,
});
const eventOf = (order: Order): string => `id: ${order.version}\nevent: order\ndata: ${JSON.stringify(order)}\n\n`;
const stream = (...pieces: string[]): Response =>
  new Response(new ReadableStream({ start(to) { for (const piece of pieces) to.enqueue(new TextEncoder().encode(piece)); to.close(); } }), { headers: { 'Content-Type': 'text/event-stream' } });
const broken = (...pieces: string[]): Response => {
  const left = [...pieces];
  return new Response(new ReadableStream({ pull(to) { const next = left.shift(); if (next === undefined) to.error(new Error('cut')); else to.enqueue(new TextEncoder().encode(next)); } }), { headers: { 'Content-Type': 'text/event-stream' } });
};
/** As a service answers that knows no streams. */
const none = (): Response => new Response('{}', { status: 404 });
const onItsWay = (): Response => new Response('{}', { status: 404, headers: { 'Retry-After': '1' } });
const over = (): Response => new Response(null, { status: 204 });
const shown = (order: Order, etag?: string): Answer<Order> => ({ ok: true, status: 200, value: order, headers: new Headers(etag ? { ETag: etag } : {}) });
const unchanged: Answer<Order> = { ok: true, status: 304, value: undefined as unknown as Order, headers: new Headers({ ETag: '"1"' }) };
const refused = (status: number): Answer<Order> => ({ ok: false, problem: { kind: 'refused', status, code: '', detail: '', errors: [] } });

interface Given {
  streams: (Response | Error)[];
  looks?: Answer<Order>[];
  token?: string;
  known?: Order;
  random?: number;
}

/** Watches until there is nothing left of what is given. */
async function watched({ streams, looks = [], token, known, random = 0 }: Given) {
  const ending = new AbortController();
  const said: string[] = [];
  const opened: Headers[] = [];
  const looked: Asked[] = [];
  const slept: number[] = [];
  const outside: Outside = {
    fetch: async (_url, init) => {
      opened.push(new Headers(init.headers));
      const next = streams.shift();
      if (next === undefined) {
        ending.abort();
        throw new Error('over');
      }
      if (next instanceof Error) throw next;
      return next;
    },
    order: async (_id, asked) => {
      looked.push(asked);
      const next = looks.shift();
      if (next === undefined) {
        ending.abort();
        return { ok: false, problem: { kind: 'given_up', status: 0, code: '', detail: '', errors: [] } };
      }
      return next;
    },
    token: () => token,
    sleep: async (milliseconds, signal) => {
      if (signal.aborted) throw new Error('given up');
      slept.push(milliseconds);
    },
    random: () => random,
  };
  await watchOrder('o', {
    order: ({ version, status }) => said.push(`${version} ${status}`),
    watching: (how) => { if (said.at(-1) !== how) said.push(how); },
    missing: () => said.push('missing'),
    refused: ({ status }) => said.push(`refused ${status}`),
  }, ending.signal, outside, known);
  return { said, opened, looked, slept };
}

describe('watching an order', () => {
  it('tells each change of the stream, and ends when nothing can follow', async () => {
    const { said, opened, looked } = await watched({ streams: [stream(eventOf(orderAt(1)), ': beat\n\n', eventOf(orderAt(2, 'confirmed')), eventOf(orderAt(3, 'shipped')))], token: 'abc' });
    expect(said).toEqual(['live', '1 created', '2 confirmed', '3 shipped']);
    expect(opened.map((headers) => [headers.get('Authorization'), headers.get('Last-Event-ID')])).toEqual([['Bearer abc', null]]);
    expect(looked).toEqual([]);
  });

  it('goes on after a stream that ended or broke, from what it has seen, tells nothing twice and nobody that it was gone', async () => {
    const { said, opened, looked } = await watched({ streams: [broken(eventOf(orderAt(1))), stream(eventOf(orderAt(1)), eventOf(orderAt(2, 'confirmed'))), stream(eventOf(orderAt(3, 'shipped')))] });
    expect(said.filter((what) => what !== 'live')).toEqual(['1 created', '2 confirmed', '3 shipped']);
    expect(opened.map((headers) => headers.get('Last-Event-ID'))).toEqual([null, '1', '2']);
    expect(looked).toEqual([]);
  });

  it('that was watched before goes on from what is known', async () => {
    const { said, opened } = await watched({ streams: [stream(eventOf(orderAt(3, 'shipped')))], known: orderAt(2, 'confirmed') });
    expect(said).toEqual(['live', '3 shipped']);
    expect(opened[0]!.get('Last-Event-ID')).toBe('2');
  });

  it('does not come back where there is nothing more', async () => {
    const { said, opened, looked, slept } = await watched({ streams: [over(), stream(eventOf(orderAt(3)))], known: orderAt(2, 'confirmed') });
    expect([said, opened.length, looked, slept]).toEqual([[], 1, [], []]);
    expect((await watched({ streams: [stream()], known: orderAt(2, 'shipped') })).opened).toEqual([]);
  });

  it('comes back when the stream wants it, later each time that there was nothing new, and not with all the others', async () => {
    const empty = (): Response => stream('retry: 3000\n:\n\n');
    expect((await watched({ streams: [empty(), empty(), stream(eventOf(orderAt(2))), empty(), over()], known: orderAt(1) })).slept).toEqual([3000, 6000, 3000, 6000]);
    expect((await watched({ streams: [empty(), over()], known: orderAt(1), random: 1 })).slept).toEqual([4500]);
    expect((await watched({ streams: [...Array.from({ length: 9 }, empty), over()], known: orderAt(1) })).slept.at(-1)).toBe(30_000);
  });

  it('comes back soon to a stream that was open for long, also without news', async () => {
    vi.useFakeTimers();
    const lived = (): Response => new Response(new ReadableStream({
      start(to) { to.enqueue(new TextEncoder().encode(':\n\n')); },
      pull(to) {
        vi.setSystemTime(Date.now() + 20_000);
        to.close();
      },
    }, { highWaterMark: 1 }), { headers: { 'Content-Type': 'text/event-stream' } });
    const { slept } = await watched({ streams: [lived(), lived(), lived(), over()], known: orderAt(1) });
    vi.useRealTimers();
    expect(slept).toEqual([1000, 1000, 1000]);
  });

  it('asks again and again where there are no streams, only for what is new', async () => {
    const { said, looked } = await watched({ streams: [none(), none()], looks: [shown(orderAt(1), '"1"'), unchanged, shown(orderAt(2, 'confirmed'), '"2"'), shown(orderAt(3, 'shipped'))] });
    expect(said).toEqual(['asking', '1 created', 'asking', '2 confirmed', 'asking', '3 shipped']);
    expect(looked.map(({ headers }) => headers?.['If-None-Match'])).toEqual([undefined, '"1"', '"1"', '"2"']);
  });

  it('tries the stream from time to time while it asks, more rarely each time, and not sooner than it is told', async () => {
    const unavailable = (seconds: number): Response => new Response('{}', { status: 503, headers: { 'Retry-After': String(seconds) } });
    const looks = [shown(orderAt(1), '"1"'), ...Array.from({ length: 40 }, () => unchanged)];
    const { said, looked, slept } = await watched({ streams: [unavailable(5), unavailable(0), stream(eventOf(orderAt(2, 'shipped')))], looks });
    expect(said).toEqual(['asking', '1 created', 'asking', 'live', '2 shipped']);
    // 5 s as told, and then 5 s because it was the second one.
    expect(slept.reduce((sum, each) => sum + each)).toBeGreaterThanOrEqual(10_000);
    expect(looked).toHaveLength(slept.length);
  });

  it('waits for an order that is on its way, and takes the stream then', async () => {
    const { said, looked, slept } = await watched({ streams: [onItsWay(), onItsWay(), stream(eventOf(orderAt(1)), eventOf(orderAt(2, 'shipped')))] });
    expect(said).toEqual(['missing', 'missing', 'live', '1 created', '2 shipped']);
    expect(looked).toEqual([]);
    expect(slept).toEqual([1000, 1150]);
  });

  it('says that it is lost only while nothing answers, looks itself, and comes back', async () => {
    const lost: Answer<Order> = { ok: false, problem: { kind: 'unreachable', status: 0, code: '', detail: '', errors: [] } };
    const once = await watched({ streams: [new TypeError('net'), new Response('', { status: 502 }), stream(eventOf(orderAt(2, 'shipped')))], looks: [lost, shown(orderAt(1)), ...Array.from({ length: 9 }, () => unchanged)] });
    expect(once.said).toEqual(['asking', '1 created', 'asking', 'live', '2 shipped']);
    const long = await watched({ streams: [new TypeError('net'), stream(eventOf(orderAt(2, 'shipped')))], looks: [lost, lost, lost], known: orderAt(1) });
    expect(long.said).toEqual(['lost', 'live', '2 shipped']);
  });

  it('asks where what comes as a stream is none', async () => {
    const page = new Response('<html>', { headers: { 'Content-Type': 'text/html' } });
    expect((await watched({ streams: [page], looks: [shown(orderAt(1, 'shipped'))] })).said).toEqual(['asking', '1 shipped']);
    expect((await watched({ streams: [stream('event: order\ndata: <html>\n\n')], looks: [shown(orderAt(1, 'shipped'))] })).said).toEqual(['live', 'asking', '1 shipped']);
  });

  it('is told when it is not to be seen', async () => {
    expect((await watched({ streams: [none()], looks: [refused(401)] })).said).toEqual(['refused 401']);
  });

  for (const [what, pieces, silence] of [['never says a word', [], 5_000], ['falls silent', [': beat\n\n'], 45_000]] as const) {
    it(`gives a stream up that ${what}, and looks itself`, async () => {
      vi.useFakeTimers();
      const ending = new AbortController();
      const opened = vi.fn();
      const looked = vi.fn();
      const done = watchOrder('o', { order() {}, watching() {}, missing() {}, refused() {} }, ending.signal, {
        fetch: async (_url, init) => {
          opened();
          return new Response(new ReadableStream({
            start(to) {
              for (const piece of pieces) to.enqueue(new TextEncoder().encode(piece));
              init.signal!.addEventListener('abort', () => to.error(new Error('aborted')));
            },
          }), { headers: { 'Content-Type': 'text/event-stream' } });
        },
        order: async () => {
          looked();
          return shown(orderAt(1));
        },
        token: () => undefined,
        sleep: (milliseconds, signal) => new Promise((resolve, reject) => { setTimeout(resolve, milliseconds); signal.addEventListener('abort', () => reject(new Error('given up'))); }),
        random: () => 0,
      });
      await vi.advanceTimersByTimeAsync(silence - 1);
      expect(looked).not.toHaveBeenCalled();
      await vi.advanceTimersByTimeAsync(1);
      expect(looked).toHaveBeenCalledTimes(1);
      await vi.advanceTimersByTimeAsync(5_000);
      expect(opened).toHaveBeenCalledTimes(2);
      ending.abort();
      await vi.advanceTimersByTimeAsync(1000);
      await done;
      vi.useRealTimers();
    });
  }
});

describe('while somebody looks', () => {
  const tab = Object.assign(new EventTarget(), { hidden: false });
  const device = new EventTarget();
  const begun: AbortSignal[] = [];
  const running = (): number => begun.filter(({ aborted }) => !aborted).length;
  const turn = (hidden: boolean): void => {
    tab.hidden = hidden;
    tab.dispatchEvent(new Event('visibilitychange'));
  };
  let stop: () => void;
  beforeEach(() => {
    vi.useFakeTimers();
    vi.stubGlobal('document', tab);
    vi.stubGlobal('addEventListener', device.addEventListener.bind(device));
    vi.stubGlobal('removeEventListener', device.removeEventListener.bind(device));
    begun.length = 0;
    tab.hidden = false;
  });
  afterEach(() => {
    stop();
    expect(running()).toBe(0);
    for (const change of ['offline', 'online']) device.dispatchEvent(new Event(change));
    turn(true);
    turn(false);
    expect(running()).toBe(0);
    vi.useRealTimers();
  });

  it('goes on over a glance elsewhere, ends when the tab stays hidden, and begins when it is shown', () => {
    stop = whileLookedAt((signal) => begun.push(signal));
    turn(true);
    vi.advanceTimersByTime(9_000);
    turn(false);
    vi.advanceTimersByTime(60_000);
    expect([begun.length, running()]).toEqual([1, 1]);
    turn(true);
    vi.advanceTimersByTime(10_000);
    expect([begun.length, running()]).toEqual([1, 0]);
    device.dispatchEvent(new Event('online'));
    expect(begun.length).toBe(1);
    turn(false);
    expect([begun.length, running()]).toEqual([2, 1]);
  });

  it('begins anew when the device was asleep, and when its connection comes or goes', () => {
    stop = whileLookedAt((signal) => begun.push(signal));
    turn(true);
    vi.setSystemTime(Date.now() + 3_600_000);
    turn(false);
    expect([begun.length, running()]).toEqual([2, 1]);
    for (const change of ['offline', 'online']) device.dispatchEvent(new Event(change));
    expect([begun.length, running()]).toEqual([4, 1]);
  });

  it('does not begin in a tab that was opened behind another one', () => {
    tab.hidden = true;
    stop = whileLookedAt((signal) => begun.push(signal));
    expect(begun.length).toBe(0);
    turn(false);
    expect([begun.length, running()]).toEqual([1, 1]);
  });
});
