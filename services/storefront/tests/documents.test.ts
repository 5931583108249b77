import { describe, expect, test } from 'vitest';
import { documents, inline, kind, members } from '../build/documents';

const all = documents();
const pages = [...all].filter(([name]) => name.endsWith('.html'));
const idsOf = (html: string): string[] => [...html.matchAll(/ id="([^"]+)"/g)].map((match) => match[1]!);
const addressesOf = (html: string): string[] => [...html.matchAll(/ (?:href|src)="([^"]+)"/g)].map((match) => match[1]!);

describe('the pages of the documents', () => {
  test.each(pages)('%s runs nothing, has no style of its own, and asks for nothing from elsewhere', (_name, html) => {
    expect(html).not.toMatch(/<script|<style| style=| on\w+=/i);
    expect(addressesOf(html).filter((address) => !/^[/#]/.test(address) || address.startsWith('//'))).toEqual([]);
  });

  test.each(pages)('%s leads only where something is', (_name, html) => {
    const own = new Set(idsOf(html));
    expect(idsOf(html).length).toBe(own.size);
    for (const address of addressesOf(html)) {
      const [path, id] = address.split('#') as [string, string?];
      if (path === '/') continue;
      const file = path === '/docs' ? 'docs/index.html' : path.slice(1);
      const target = path === '' ? html : (all.get(file) ?? all.get(`${file}.html`));
      expect(target, address).toBeDefined();
      if (id) expect(idsOf(target!), address).toContain(id);
    }
  });

  test('say every operation and every event', () => {
    for (const service of ['product', 'cart', 'order', 'payment']) {
      const { paths } = JSON.parse(all.get(`docs/${service}.openapi.json`)!) as { paths: Record<string, Record<string, { operationId?: string }>> };
      const wanted = Object.values(paths).flatMap((item) => Object.values(item).flatMap((each) => each.operationId ?? []));
      expect(idsOf(all.get(`docs/${service}.html`)!)).toEqual(expect.arrayContaining(wanted));
    }
    const { components } = JSON.parse(all.get('docs/asyncapi.json')!) as { components: { messages: Record<string, unknown> } };
    for (const type of Object.keys(components.messages)) expect(all.get('docs/events.html')).toContain(`<code>${type}</code>`);
  });
});

test('markup in a description is only words', () => {
  expect(inline('<img src=x onerror=alert(1)> and `a<b`')).toBe('&lt;img src=x onerror=alert(1)&gt; and <code>a&lt;b</code>');
});

test('schemas are said in words, and members of members by their way', () => {
  expect(kind({ type: 'array', items: { $ref: '#/components/schemas/Line' } })).toBe('list of <a href="#schema-Line">Line</a>');
  expect(kind({ type: 'string', 'x-events': { order: { $ref: '#/components/schemas/Order' } } })).toBe('events: <code>order</code> <a href="#schema-Order">Order</a>');
  expect(kind({ type: 'string', 'x-line': { $ref: '#/components/schemas/Line' } })).toBe('a line each: <a href="#schema-Line">Line</a>');
  expect(members({ required: ['a'], properties: { a: { type: 'array', items: { properties: { b: { type: 'string' } } } } } }).map((row) => [row[0], row[2]])).toEqual([
    ['<code>a</code>', 'yes'], ['<code>a[].b</code>', 'no']]);
});
