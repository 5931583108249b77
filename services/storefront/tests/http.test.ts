import { describe, expect, it, vi } from 'vitest';
import { createClient, retryAfterOf, type World } from '../src/api/http';

interface Sent {
  url: string;
  method: string;
  headers: Headers;
  body: unknown;
}

/** A world in which each fetch gets the next of these answers. */
function world(answers: (Response | Error | 'never')[], changes: Partial<World> = {}): { client: ReturnType<typeof createClient>; sent: Sent[]; slept: number[] } {
  const sent: Sent[] = [];
  const slept: number[] = [];
  const client = createClient({
    fetch: (url, init) => {
      sent.push({ url, method: init.method!, headers: new Headers(init.headers), body: init.body });
      const answer = answers.shift();
      if (answer === undefined) throw new Error('asked once too often');
      if (answer === 'never') return new Promise((_, reject) => init.signal!.addEventListener('abort', () => reject(new Error('aborted'))));
      return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
    },
    sleep: (milliseconds) => {
      slept.push(milliseconds);
      return Promise.resolve();
    },
    online: () => true,
    random: () => 0.5,
    token: () => undefined,
    expired: () => {},
    ...changes,
  });
  return { client, sent, slept };
}

const json = (status: number, body: unknown, headers: Record<string, string> = {}): Response =>
  new Response(JSON.stringify(body), { status, headers: { 'Content-Type': status < 400 ? 'application/json' : 'application/problem+json', ...headers } });
const lost = (): Error => new TypeError('Failed to fetch');

describe('an answer', () => {
  it('is a value', async () => {
    const { client, sent } = world([json(200, { a: 1 }, { ETag: '"1"' })]);
    const answer = await client('GET', '/products', { query: { q: 'a b&c', inStock: true, cursor: undefined } });
    expect(answer).toMatchObject({ ok: true, value: { a: 1 }, status: 200 });
    expect(answer.ok && answer.headers.get('ETag')).toBe('"1"');
    expect(sent[0]!.url).toBe('/products?q=a+b%26c&inStock=true');
    expect(sent[0]!.headers.has('Idempotency-Key')).toBe(false);
  });

  it('may be empty', async () => {
    const { client } = world([new Response(null, { status: 204 })]);
    expect(await client('DELETE', '/products/x')).toMatchObject({ ok: true, status: 204, value: undefined });
  });

  it('that nothing is new is no refusal', async () => {
    const { client } = world([new Response(null, { status: 304 })]);
    expect(await client('GET', '/orders/x', { headers: { 'If-None-Match': '"1"' } })).toMatchObject({ ok: true, status: 304 });
  });

  it('that is not JSON is unreadable', async () => {
    const { client } = world([new Response('<html>', { status: 200 })]);
    expect(await client('GET', '/products')).toMatchObject({ ok: false, problem: { kind: 'unreadable', status: 200 } });
  });
});

describe('a refusal', () => {
  it('is read for its code and its fields, and not repeated', async () => {
    const { client, sent } = world([
      json(409, { type: 'urn:problem:ecommerce:out_of_stock', title: 'Conflict', status: 409, detail: 'none left', errors: [{ pointer: '/items/0', detail: 'only 2', available: 2 }, 'odd'] }),
    ]);
    expect(await client('POST', '/carts/c/checkout', { body: {} })).toEqual({
      ok: false,
      problem: { kind: 'refused', status: 409, code: 'out_of_stock', detail: 'none left', errors: [{ pointer: '/items/0', detail: 'only 2', available: 2 }] },
    });
    expect(sent).toHaveLength(1);
  });

  it('in another form still tells its status', async () => {
    const { client } = world([new Response('<html>bad</html>', { status: 400 })]);
    expect(await client('GET', '/x')).toMatchObject({ ok: false, problem: { kind: 'refused', status: 400, code: '', detail: 'HTTP 400' } });
  });
});

describe('what is lost', () => {
  it('is sent again with the same key and body, each time after a longer wait', async () => {
    const { client, sent, slept } = world([lost(), json(502, {}), json(503, {}, { 'Retry-After': '1' }), json(200, { done: true })]);
    expect(await client('POST', '/carts/c/items', { body: { quantity: 1 } })).toMatchObject({ ok: true, value: { done: true } });
    expect(sent).toHaveLength(4);
    expect(new Set(sent.map(({ headers }) => headers.get('Idempotency-Key'))).size).toBe(1);
    expect(sent[0]!.headers.get('Idempotency-Key')).toMatch(/^[0-9a-f]{32}$/);
    expect(sent.every(({ body }) => body === '{"quantity":1}')).toBe(true);
    expect(slept).toEqual([300, 600, 1000]);
  });

  it('keeps the key it was given', async () => {
    const { client, sent } = world([lost(), json(202, {})]);
    await client('POST', '/carts/c/checkout', { body: {}, key: 'mine' });
    expect(sent.map(({ headers }) => headers.get('Idempotency-Key'))).toEqual(['mine', 'mine']);
  });

  it('is given up in the end, and told', async () => {
    const { client } = world([lost(), lost()]);
    expect(await client('GET', '/x', { repeats: 1 })).toMatchObject({ ok: false, problem: { kind: 'unreachable', status: 0 } });
  });

  it('on a device without a network is not sent again by itself', async () => {
    const { client, sent } = world([lost()], { online: () => false });
    expect(await client('GET', '/x')).toMatchObject({ ok: false, problem: { kind: 'offline' } });
    expect(sent).toHaveLength(1);
  });

  it('for too long is late', async () => {
    vi.useFakeTimers();
    const { client } = world(['never']);
    const answer = client('GET', '/x', { patience: 5000, repeats: 0 });
    await vi.advanceTimersByTimeAsync(5000);
    expect(await answer).toMatchObject({ ok: false, problem: { kind: 'late' } });
    vi.useRealTimers();
  });

  it('and not waited for any more is not asked for again', async () => {
    const ending = new AbortController();
    const { client, sent } = world(['never']);
    const answer = client('GET', '/x', { signal: ending.signal });
    ending.abort();
    expect(await answer).toMatchObject({ ok: false, problem: { kind: 'given_up' } });
    expect(sent).toHaveLength(1);
  });
});

describe('a service that says when to come back', () => {
  it('is asked again then', async () => {
    const { client, slept } = world([json(429, {}, { 'Retry-After': '3' }), json(202, {})]);
    expect(await client('POST', '/payments/p/retry', { body: {} })).toMatchObject({ ok: true });
    expect(slept).toEqual([3000]);
  });

  it('is not waited for too long', async () => {
    const { client } = world([json(503, {}, { 'Retry-After': '60' })]);
    expect(await client('GET', '/x')).toMatchObject({ ok: false, problem: { status: 503, retryAfter: 60 } });
  });

  it('says so in seconds or as a date', () => {
    expect(retryAfterOf('2')).toBe(2);
    expect(retryAfterOf('Thu, 01 Jan 1970 00:00:10 GMT', 7500)).toBe(3);
    expect(retryAfterOf('Thu, 01 Jan 1970 00:00:10 GMT', 20_000)).toBe(0);
    expect(retryAfterOf('soon')).toBeUndefined();
    expect(retryAfterOf(null)).toBeUndefined();
  });
});

describe('a token', () => {
  it('goes along', async () => {
    const { client, sent } = world([json(200, {})], { token: () => 'abc' });
    await client('GET', '/orders');
    expect(sent[0]!.headers.get('Authorization')).toBe('Bearer abc');
  });

  it('that ran out is told of; what anybody may read is read without it', async () => {
    const expired = vi.fn();
    const { client, sent } = world([json(401, {}), json(200, { items: [] })], { token: () => 'old', expired });
    expect(await client('GET', '/products')).toMatchObject({ ok: true });
    expect(expired).toHaveBeenCalledWith('old');
    expect(sent.map(({ headers }) => headers.has('Authorization'))).toEqual([true, false]);
  });

  it('that ran out does not let a change go on as a guest', async () => {
    const { client, sent } = world([json(401, { detail: 'no' })], { token: () => 'old' });
    expect(await client('POST', '/carts/c/items', { body: {} })).toMatchObject({ ok: false, problem: { status: 401 } });
    expect(sent).toHaveLength(1);
  });
});
