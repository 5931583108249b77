import { describe, expect, it } from 'vitest';
import type { ImportedLine } from '../src/admin/calls';
import { de } from '../src/admin/de';
import { en } from '../src/admin/en';
import { importFile, kindOf, piecesOf, type Kind, type Outside, type Piece } from '../src/admin/importing';
import { sumsOf } from '../src/admin/ledger';
import { chosen, threeWay, type Fields } from '../src/admin/merge';

const placeholders = (text: string): string[] => [...text.matchAll(/\{(\w+)\}/g)].map(([, name]) => name!).sort();

describe("the back office's languages", () => {
  it('have the same keys', () => {
    expect(Object.keys(de).sort()).toEqual(Object.keys(en).sort());
  });
  it.each(Object.keys(en) as (keyof typeof en)[])('say %s with the same values', (key) => {
    expect(placeholders(de[key])).toEqual(placeholders(en[key]));
    expect(en[key].trim()).not.toBe('');
    expect(de[key].trim()).not.toBe('');
  });
});

describe('two changes of one product', () => {
  const base: Fields = { name: 'Cup', description: 'Blue', category: 'kitchen', price: { amount: 100, currency: 'EUR' } };

  it('go together where they are about different fields, and somebody looks at the foreign one', () => {
    const merged = threeWay(base, { ...base, name: 'Mug' }, { ...base, price: { amount: 120, currency: 'EUR' } });
    expect(merged.fields).toEqual({ ...base, name: 'Mug', price: { amount: 120, currency: 'EUR' } });
    expect(merged.foreign).toEqual(['price']);
  });
  it('clash where they are about the same field, which is mine unless I choose theirs', () => {
    const [mine, theirs] = [{ ...base, name: 'Mug' }, { ...base, name: 'Beaker' }];
    expect(threeWay(base, mine, theirs)).toEqual({ fields: mine, foreign: ['name'] });
    expect(chosen(mine, theirs, new Set(['name']))).toEqual(theirs);
    expect(chosen(mine, theirs, new Set())).toEqual(mine);
  });
  it('do not clash where both wrote the same, or where only the stock moved', () => {
    const same = { ...base, name: 'Mug', price: { amount: 100n, currency: 'EUR' } };
    expect(threeWay(base, same, { ...base, name: 'Mug' }).foreign).toEqual([]);
    expect(threeWay(base, { ...base, name: 'Mug' }, base).foreign).toEqual([]);
  });
  it('tell amounts apart by currency', () => {
    expect(threeWay(base, base, { ...base, price: { amount: 100, currency: 'USD' } }).foreign).toEqual(['price']);
  });
});

describe('the sums of the ledger', () => {
  it('are exact, each currency by itself', () => {
    const entry = (kind: 'charge' | 'refund', amount: number | bigint, currency: string) =>
      ({ paymentId: 'p', orderId: 'o', key: 'k', kind, amount: { amount, currency }, at: '' }) as Parameters<typeof sumsOf>[0][number];
    expect(sumsOf([entry('charge', 9007199254740993n, 'JPY'), entry('charge', 2, 'JPY'), entry('charge', 500, 'EUR'), entry('refund', 200, 'EUR')])).toEqual([
      { currency: 'EUR', charged: { amount: 500n, currency: 'EUR' }, refunded: { amount: 200n, currency: 'EUR' }, net: { amount: 300n, currency: 'EUR' } },
      { currency: 'JPY', charged: { amount: 9007199254740995n, currency: 'JPY' }, refunded: { amount: 0n, currency: 'JPY' }, net: { amount: 9007199254740995n, currency: 'JPY' } },
    ]);
  });
});

async function all(text: string, kind: Kind, size: number, from?: { end: number; lines: number }): Promise<(Omit<Piece, 'body'> & { text: string })[]> {
  const found = [];
  for await (const { body, ...rest } of piecesOf(new Blob([text]), kind, from, size)) found.push({ ...rest, text: await body.text() });
  return found;
}

describe('a file that is imported', () => {
  it.each([['a.ndjson', 'application/x-ndjson'], ['A.JSONL', 'application/x-ndjson'], ['b.csv', 'text/csv'], ['c.xlsx', undefined], ['csv', undefined]])('%s is %s', (name, kind) => {
    expect(kindOf(name)).toBe(kind);
  });
  it('goes out in pieces of whole lines', async () => {
    const lines = Array.from({ length: 20 }, (_, i) => `{"name":"${'é'.repeat(i)}"}`);
    const pieces = await all(lines.join('\n'), 'application/x-ndjson', 64);
    expect(pieces.map(({ text }) => text).join('')).toBe(lines.join('\n'));
    expect(pieces.every(({ text }) => text.trim().split('\n').every((line) => JSON.parse(line)))).toBe(true);
    let before = 0;
    for (const piece of pieces) {
      expect(piece.before).toBe(before);
      before += piece.text.split('\n').length - 1;
    }
  });
  it('has a line that is longer than a piece in one piece', async () => {
    const pieces = await all(`{"a":"${'x'.repeat(500)}"}\n{}\n`, 'application/x-ndjson', 64);
    expect(pieces[0]!.text.trim().split('\n')[0]).toBe(`{"a":"${'x'.repeat(500)}"}`);
    expect(pieces.map(({ text }) => text).join('')).toMatch(/\n\{\}\n$/);
  });
  it('has the header of a CSV file in every piece, and lines are those of the file', async () => {
    const rows = Array.from({ length: 12 }, (_, i) => `${i},"a name\nof two lines, and a "" quote",tests\r\n`);
    const pieces = await all(`id,name,category\r\n${rows.join('')}`, 'text/csv', 90);
    expect(pieces.length).toBeGreaterThan(3);
    let seen = 0;
    for (const { text, before } of pieces) {
      expect(text.startsWith('id,name,category\r\n')).toBe(true);
      // The header is line 1, and every row has two lines of its own.
      expect(before).toBe(seen * 2);
      seen += text.split('tests\r\n').length - 1;
    }
    expect(seen).toBe(12);
  });
  it('goes on where it was left', async () => {
    const whole = await all('1\n22\n333\n4444\n', 'application/x-ndjson', 5);
    expect(await all('1\n22\n333\n4444\n', 'application/x-ndjson', 5, whole[0])).toEqual(whole.slice(1));
  });
  it('may be empty', async () => {
    expect(await all('', 'text/csv', 10)).toEqual([]);
  });
});

const answer = (lines: object[], breaks = false): Response => {
  const text = lines.map((line) => `${JSON.stringify(line)}\n`).join('');
  return new Response(new ReadableStream({
    start(controller) {
      // Cut in the middle of a line.
      controller.enqueue(new TextEncoder().encode(text.slice(0, 7)));
      controller.enqueue(new TextEncoder().encode(text.slice(7)));
    },
    pull(controller) {
      if (breaks) controller.error(new TypeError('lost'));
      else controller.close();
    },
  }), { status: 200 });
};

function outside(...answers: (() => Response)[]): Outside & { sent: number; slept: number[] } {
  const made = {
    sent: 0, slept: [] as number[], token: () => 'token',
    fetch: async () => {
      const next = answers[Math.min(made.sent++, answers.length - 1)]!;
      return next();
    },
    sleep: async (milliseconds: number) => { made.slept.push(milliseconds); },
  };
  return made;
}

async function imported(text: string, world: Outside, size = 1000) {
  const lines: ImportedLine[] = [];
  let point = { end: 0, lines: 0 };
  const ended = await importFile(new Blob([text]), 'application/x-ndjson', point, { line: (line) => lines.push(line), reached: (next) => { point = next; } }, new AbortController().signal, world, size);
  return { lines, ended, point };
}

describe('an import', () => {
  it('tells of each line by its number in the file', async () => {
    const world = outside(() => answer([{ line: 1, id: 'a', status: 'created' }]), () => answer([{ line: 1, status: 'refused', errors: [] }]));
    const { lines, ended, point } = await imported('{"a":1}\n{"b":2}\n', world, 8);
    expect(ended).toEqual({ how: 'done' });
    expect(lines.map(({ line, status }) => [line, status])).toEqual([[1, 'created'], [2, 'refused']]);
    expect(point).toEqual({ end: 16, lines: 2 });
  });
  it('sends a piece again that was lost, and tells of no line twice', async () => {
    const world = outside(
      () => answer([{ line: 1, status: 'created' }], true), () => { throw new TypeError('offline'); },
      () => answer([{ line: 1, status: 'unchanged' }, { line: 2, status: 'created' }]));
    const { lines, ended } = await imported('{}\n{}\n', world);
    expect(ended).toEqual({ how: 'done' });
    expect(lines.map(({ status }) => status)).toEqual(['created', 'created']);
    expect(world.slept.length).toBe(2);
  });
  it('stops at a refusal of the whole, with what the service says', async () => {
    const world = outside(() => new Response('{"status":400,"detail":"an unknown column","title":"Bad Request","type":"about:blank"}', { status: 400 }));
    const { ended } = await imported('{}\n', world);
    expect(ended).toMatchObject({ how: 'broken', problem: { status: 400, detail: 'an unknown column' } });
    expect(world.sent).toBe(1);
  });
  it('gives up after a few tries, where it can go on later', async () => {
    const world = outside(() => answer([{ line: 1, status: 'created' }]), () => new Response('', { status: 503, headers: { 'Retry-After': '2' } }));
    const { ended, point } = await imported('{"a":1}\n{"b":2}\n', world, 8);
    expect(ended).toMatchObject({ how: 'broken' });
    expect(point).toEqual({ end: 8, lines: 1 });
    expect(world.slept).toEqual([2000, 2000, 2000]);
  });
});
