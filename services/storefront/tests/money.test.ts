import { describe, expect, it } from 'vitest';
import { decimalOf, digitsOf, formatMoney, parseMoney, times } from '../src/money';
import { parseJson, writeJson } from '../src/api/json';

const plain = (text: string): string => text.replace(/[\u00a0\u202f]/g, ' ');

describe('money', () => {
  it.each([
    [{ amount: 1234, currency: 'EUR' }, 'en-GB', '€12.34'],
    [{ amount: 1234, currency: 'EUR' }, 'de-DE', '12,34 €'],
    [{ amount: 1234, currency: 'JPY' }, 'en-GB', 'JP¥1,234'],
    [{ amount: 1234, currency: 'KWD' }, 'en-GB', 'KWD 1.234'],
    [{ amount: 5, currency: 'KWD' }, 'de-DE', '0,005 KWD'],
    [{ amount: -5, currency: 'EUR' }, 'en-GB', '-€0.05'],
    // CLDR writes dinars without fils; an amount counts fils.
    [{ amount: 1500, currency: 'IQD' }, 'en-GB', 'IQD 1.500'],
  ])('%o in %s is %s', (money, locale, shown) => {
    expect(plain(formatMoney(money, locale))).toBe(shown);
  });

  // Node 18 rounds what is given as digits; no browser that shows the page does.
  const exact = new Intl.NumberFormat('en').format('9007199254740993' as Intl.StringNumericLiteral).endsWith('993');
  it.runIf(exact).each([
    [{ amount: 9223372036854775807n, currency: 'EUR' }, '€92,233,720,368,547,758.07'],
    [{ amount: -9223372036854775808n, currency: 'JPY' }, '-JP¥9,223,372,036,854,775,808'],
  ])('%o has all of 64 bits', (money, shown) => {
    expect(plain(formatMoney(money, 'en-GB'))).toBe(shown);
    expect(BigInt(decimalOf(money).replace('.', ''))).toBe(money.amount);
  });

  it('of an unknown currency has two digits', () => {
    expect(digitsOf('XXX')).toBe(2);
    expect(decimalOf({ amount: 7, currency: 'XXX' })).toBe('0.07');
  });

  it('is multiplied exactly', () => {
    expect(times({ amount: 9007199254740993n, currency: 'EUR' }, 3)).toEqual({ amount: 27021597764222979n, currency: 'EUR' });
  });
});

describe('an amount as it is typed', () => {
  it.each([
    ['12.50', 'EUR', 1250n],
    ['12,50', 'EUR', 1250n],
    ['12,5', 'EUR', 1250n],
    ['12', 'EUR', 1200n],
    [' 1 299,00 ', 'EUR', 129900n],
    ['1.299,00', 'EUR', 129900n],
    ['1,299.00', 'EUR', 129900n],
    ['1.500', 'EUR', 150000n],
    ['1.500', 'JPY', 1500n],
    ['1.500', 'KWD', 1500n],
    ['1,234.567', 'KWD', 1234567n],
    ['92233720368547758.07', 'EUR', 9223372036854775807n],
  ])('%s %s is %s', (text, currency, amount) => {
    expect(parseMoney(text, currency)).toBe(amount);
  });

  it.each([['', 'EUR'], ['abc', 'EUR'], ['-1', 'EUR'], ['1.2345', 'EUR'], ['1.5', 'JPY'], ['1.299.00', 'EUR'], ['1e5', 'EUR'], ['.5', 'EUR']])('%s %s is none', (text, currency) => {
    expect(parseMoney(text, currency)).toBeUndefined();
  });
});

describe('JSON', () => {
  it('keeps an amount beyond what a number holds', () => {
    const read = parseJson('{"total":{"amount":9223372036854775807,"currency":"EUR"},"version":3}');
    expect(read).toEqual({ total: { amount: 9223372036854775807n, currency: 'EUR' }, version: 3 });
    expect(writeJson(read)).toBe('{"total":{"amount":9223372036854775807,"currency":"EUR"},"version":3}');
  });

  it('leaves everything else as JSON.parse has it, also beside a long number and in texts', () => {
    const text = '{"a":[1,-2.5,1e3,true,null,"12345678901234567890","é"],"b":12345678901234567890,"c":9007199254740991}';
    expect(parseJson(text)).toEqual({ a: [1, -2.5, 1000, true, null, '12345678901234567890', 'é'], b: 12345678901234567890n, c: 9007199254740991 });
  });

  it('that is broken is an error on both ways', () => {
    expect(() => parseJson('{"a":')).toThrow();
    expect(() => parseJson('{"a":12345678901234567890')).toThrow();
  });
});
