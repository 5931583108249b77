import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { match } from '../src/router';

describe('a path', () => {
  it('is matched part by part', () => {
    expect(match('/p/{productId}', '/p/celadon-teapot')).toEqual({ productId: 'celadon-teapot' });
    expect(match('/p/{productId}', '/p/%C3%A9')).toEqual({ productId: 'é' });
    expect(match('/cart', '/cart')).toEqual({});
    expect(match('/', '/')).toEqual({});
  });

  it.each([['/p/{productId}', '/p/'], ['/p/{productId}', '/p'], ['/p/{productId}', '/p/a/b'], ['/p/{productId}', '/p/%'], ['/cart', '/carts'], ['/cart', '/cart/']])('%s is not %s', (pattern, path) => {
    expect(match(pattern, path)).toBeUndefined();
  });
});

describe('the server', () => {
  const read = (path: string): string => readFileSync(new URL(path, import.meta.url), 'utf8');
  const routes = [...read('../src/app.tsx').matchAll(/^  \['(\/[^']*)', \w+ as View\],$/gm)].map(([, pattern]) => pattern!);
  const served = [...read('../../gateway/page.conf').matchAll(/^location (=|~) "?([^" ]+)"? \{ rewrite/gm)].map(([, kind, path]) =>
    kind === '=' ? (given: string) => given === path : (given: string) => new RegExp(path!).test(given),
  );

  it('has paths to compare', () => {
    expect(routes.length).toBeGreaterThan(5);
    expect(served.length).toBeGreaterThan(2);
  });

  it.each([...routes, '/admin'])('answers the page at %s', (pattern) => {
    expect(served.some((serves) => serves(pattern.replace(/\{\w+\}/g, 'a-b_1')))).toBe(true);
  });

  it.each(['/nothing', '/cart/x', '/p', '/p/a/b', '/orders', '/administrator'])('does not at %s', (path) => {
    expect(served.some((serves) => serves(path))).toBe(false);
  });
});
