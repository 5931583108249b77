/** Money as the services say it: minor units, exact over all of 64 bits. */
export interface Money {
  readonly amount: number | bigint;
  readonly currency: string;
}

/**
 * ISO 4217's minor digits where they are not two. Not asked of Intl: CLDR says for some currencies how cash is written today
 * (IQD, LAK: none), while an amount counts in ISO's units.
 */
const DIGITS: Readonly<Record<string, number>> = {
  ...Object.fromEntries('BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF'.split(' ').map((code) => [code, 0])),
  ...Object.fromEntries('BHD IQD JOD KWD LYD OMR TND'.split(' ').map((code) => [code, 3])),
  CLF: 4,
  UYW: 4,
};

export function digitsOf(currency: string): number {
  return DIGITS[currency] ?? 2;
}

/** The amount in major units as decimal digits, without rounding: 1234 EUR is "12.34". */
export function decimalOf({ amount, currency }: Money): string {
  const digits = digitsOf(currency);
  const minor = BigInt(amount);
  const sign = minor < 0n ? '-' : '';
  const text = (minor < 0n ? -minor : minor).toString().padStart(digits + 1, '0');
  return digits === 0 ? sign + text : `${sign}${text.slice(0, -digits)}.${text.slice(-digits)}`;
}

const formats = new Map<string, Intl.NumberFormat>();

export function formatMoney(money: Money, locale: string): string {
  const name = `${locale} ${money.currency}`;
  let format = formats.get(name);
  if (!format) {
    const digits = digitsOf(money.currency);
    format = new Intl.NumberFormat(locale, {
      style: 'currency',
      currency: money.currency,
      minimumFractionDigits: digits,
      maximumFractionDigits: digits,
    });
    formats.set(name, format);
  }
  // A string of digits is formatted exactly, where a number would be rounded first.
  return format.format(decimalOf(money) as Intl.StringNumericLiteral);
}

/** An amount as somebody types it ("12,50", "1 299.00"), in minor units; undefined if it is none or has too many digits. */
export function parseMoney(text: string, currency: string): bigint | undefined {
  const digits = digitsOf(currency);
  const plain = text.replace(/[\s\u00a0\u202f'’]/g, '');
  // The last of the two separators parts the digits, if it stands once; the other one groups.
  const found = /^(\d{1,3}(?:([.,])\d{3})*|\d+)(?:([.,])(\d+))?$/.exec(plain);
  if (!found) return undefined;
  let [, whole = '', , , fraction = ''] = found;
  const [group, point] = [found[2], found[3]];
  if (group !== undefined && group === point) return undefined;
  // "1.500" is fifteen hundred where there are two minor digits or none, and one and a half where there are three.
  if (group !== undefined && point === undefined && digits === 3 && whole.split(group).length === 2) [whole = '', fraction = ''] = whole.split(group);
  if (fraction.length > digits) return undefined;
  return BigInt(whole.replace(/[.,]/g, '') + fraction.padEnd(digits, '0'));
}

export function times({ amount, currency }: Money, count: number): Money {
  return { amount: BigInt(amount) * BigInt(count), currency };
}
