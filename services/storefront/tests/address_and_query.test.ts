import { describe, expect, it } from 'vitest';
import { addressOf, likelyCountry, noAddress, wrongIn } from '../src/address';
import { apiQueryOf, cutBytes, hrefOf, PAGE, readQuery, wholeShelf } from '../src/shelf_query';

const read = (search: string) => readQuery(new URLSearchParams(search));

describe('the shelf in the address', () => {
  it('is read as it was written', () => {
    const query = { q: 'tea & "Tée"', category: 'Tea and coffee', min: 1250, max: 99900, currency: 'EUR', inStock: true, sort: '-price', show: 72 } as const;
    expect(readQuery(new URL(hrefOf(query), 'http://x').searchParams)).toEqual(query);
  });

  it('says nothing of what goes without saying', () => {
    expect(hrefOf(wholeShelf)).toBe('/');
    expect(hrefOf({ ...wholeShelf, currency: 'EUR' })).toBe('/');
    expect(read('')).toEqual(wholeShelf);
  });

  it('leaves out what makes no sense', () => {
    expect(read('min=-1&max=1.5&sort=best&show=x&currency=euro&inStock=yes')).toEqual(wholeShelf);
    expect(read('min=5&max=4')).toEqual({ ...wholeShelf, min: 5 });
    expect(read('min=9999999999999')).toEqual(wholeShelf);
    expect(read('show=25').show).toBe(2 * PAGE);
    expect(read('show=1000000').show).toBe(960);
    expect(read('show=-24').show).toBe(PAGE);
  });

  it('is asked of the service in its words', () => {
    expect(apiQueryOf(read('q=%20tea%20&min=5&inStock=true&sort=price&show=48&currency=EUR'))).toEqual({ q: 'tea', minPrice: 5, currency: 'EUR', inStock: true, sort: 'price' });
    expect(apiQueryOf(read('currency=EUR'))).toEqual({});
    expect(apiQueryOf(wholeShelf)).toEqual({});
  });

  it('searches for as much as the service takes, and never for half a character', () => {
    expect(cutBytes('a'.repeat(300), 200)).toBe('a'.repeat(200));
    expect(cutBytes('é'.repeat(150), 200)).toBe('é'.repeat(100));
    expect(cutBytes('a' + '🫖'.repeat(60), 200)).toBe('a' + '🫖'.repeat(49));
  });
});

describe('an address', () => {
  const whole = { name: 'Ada', line1: '12 St James', line2: '', city: 'London', postalCode: 'SW1', country: 'GB' };
  it('is whole with or without its second line', () => {
    expect(wrongIn(whole)).toEqual({});
    expect(addressOf({ ...whole, name: ' Ada ' })).toEqual({ name: 'Ada', line1: '12 St James', city: 'London', postalCode: 'SW1', country: 'GB' });
    expect(addressOf({ ...whole, line2: '3rd floor' })).toHaveProperty('line2', '3rd floor');
  });

  it('is not without the others, and not longer than the service takes, counted in characters', () => {
    expect(wrongIn(noAddress)).toEqual({ name: 'missing', line1: 'missing', city: 'missing', postalCode: 'missing', country: 'missing' });
    expect(wrongIn({ ...whole, name: '   ' })).toEqual({ name: 'missing' });
    expect(wrongIn({ ...whole, postalCode: '🫖'.repeat(20) })).toEqual({});
    expect(wrongIn({ ...whole, postalCode: '1'.repeat(21) })).toEqual({ postalCode: 'long' });
  });

  it('begins where the browser says it is', () => {
    expect(likelyCountry(['de', 'de-AT', 'en-US'])).toBe('AT');
    expect(likelyCountry(['en', 'xx-QQ'])).toBe('');
  });
});
