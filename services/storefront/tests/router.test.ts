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
