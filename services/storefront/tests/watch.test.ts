import { describe, expect, it, vi } from 'vitest';
import type { Answer, Asked } from '../src/api/http';
import type { Order } from '../src/api/shop';
import { pretendBrowser } from './browser';

pretendBrowser();
const { watchOrder } = await import('../src/watch');
type Outside = Parameters<typeof watchOrder>[4];

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
const none = (): Response => new Response('{}', { status: 404 });
const shown = (order: Order, etag?: string): Answer<Order> => ({ ok: true, status: 200, value: order, headers: new Headers(etag ? { ETag: etag } : {}) });
const unchanged: Answer<Order> = { ok: true, status: 304, value: undefined as unknown as Order, headers: new Headers({ ETag: '"1"' }) };
const refused = (status: number): Answer<Order> => ({ ok: false, problem: { kind: 'refused', status, code: '', detail: '', errors: [] } });

async function watched(streams: (Response | Error)[], looks: Answer<Order>[], token?: string, known?: Order) {
  const ending = new AbortController();
  const said: string[] = [];
  const opened: Headers[] = [];
  const looked: Asked[] = [];
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
    sleep: async (_milliseconds, signal) => {
      if (signal.aborted) throw new Error('given up');
    },
  };
  await watchOrder('o', {
    order: ({ version, status }) => said.push(`${version} ${status}`),
    watching: (how) => { if (said.at(-1) !== how) said.push(how); },
    missing: () => said.push('missing'),
    refused: ({ status }) => { said.push(`refused ${status}`); ending.abort(); },
  }, ({ status }) => status === 'shipped', ending.signal, outside, known);
  return { said, opened, looked };
}

describe('watching an order', () => {
  it('tells each change of the stream, and ends when nothing can follow', async () => {
    const { said, opened } = await watched([stream(eventOf(orderAt(1)), ': beat\n\n', eventOf(orderAt(2, 'confirmed')), eventOf(orderAt(3, 'shipped')))], [], 'abc');
    expect(said).toEqual(['live', '1 created', '2 confirmed', '3 shipped']);
    expect(opened[0]!.get('Authorization')).toBe('Bearer abc');
    expect(opened[0]!.has('Last-Event-ID')).toBe(false);
  });

  it('goes on after a stream that ended or broke, from what it has seen, and tells nothing twice', async () => {
    const { said, opened } = await watched([broken(eventOf(orderAt(1))), stream(eventOf(orderAt(1)), eventOf(orderAt(2, 'confirmed'))), stream(eventOf(orderAt(3, 'shipped')))], []);
    expect(said.filter((what) => /^\d/.test(what))).toEqual(['1 created', '2 confirmed', '3 shipped']);
    expect(said).toContain('lost');
    expect(opened.map((headers) => headers.get('Last-Event-ID'))).toEqual([null, '1', '2']);
  });

  it('that was watched before goes on from what is known', async () => {
    const { said, opened } = await watched([stream(eventOf(orderAt(3, 'shipped')))], [], undefined, orderAt(2, 'confirmed'));
    expect(said).toEqual(['live', '3 shipped']);
    expect(opened[0]!.get('Last-Event-ID')).toBe('2');
  });

  it('asks again and again where there are no streams, only for what is new', async () => {
    const { said, looked } = await watched([none()], [shown(orderAt(1), '"1"'), unchanged, shown(orderAt(2, 'confirmed'), '"2"'), shown(orderAt(3, 'shipped'))]);
    expect(said).toEqual(['1 created', 'asking', '2 confirmed', 'asking', '3 shipped', 'asking']);
    expect(looked.map(({ headers }) => headers?.['If-None-Match'])).toEqual([undefined, '"1"', '"1"', '"2"']);
  });

  it('waits for an order that is on its way, and takes the stream then', async () => {
    const { said } = await watched([none(), none(), stream(eventOf(orderAt(1)), eventOf(orderAt(2, 'shipped')))], [refused(404), refused(404)]);
    expect(said).toEqual(['missing', 'missing', 'live', '1 created', '2 shipped']);
  });

  it('says that it is lost while nothing answers, looks itself, and comes back', async () => {
    const { said } = await watched([new TypeError('net'), new Response('', { status: 502 }), stream(eventOf(orderAt(2, 'shipped')))], [{ ok: false, problem: { kind: 'unreachable', status: 0, code: '', detail: '', errors: [] } }, shown(orderAt(1))]);
    expect(said).toEqual(['lost', '1 created', 'live', '2 shipped']);
  });

  it('is told when it is not to be seen', async () => {
    expect((await watched([none()], [refused(401)])).said).toEqual(['refused 401']);
  });

  it('gives a silent stream up', async () => {
    vi.useFakeTimers();
    const ending = new AbortController();
    const opened = vi.fn();
    const done = watchOrder('o', { order() {}, watching() {}, missing() {}, refused() {} }, () => false, ending.signal, {
      fetch: async (_url, init) => {
        opened();
        return new Response(new ReadableStream({ start(to) { init.signal!.addEventListener('abort', () => to.error(new Error('aborted'))); } }), { headers: { 'Content-Type': 'text/event-stream' } });
      },
      order: async () => refused(404),
      token: () => undefined,
      sleep: (milliseconds, signal) => new Promise((resolve, reject) => { setTimeout(resolve, milliseconds); signal.addEventListener('abort', () => reject(new Error('given up'))); }),
    });
    await vi.advanceTimersByTimeAsync(41_000);
    expect(opened).toHaveBeenCalledTimes(2);
    ending.abort();
    await vi.advanceTimersByTimeAsync(1000);
    await done;
    vi.useRealTimers();
  });
});
