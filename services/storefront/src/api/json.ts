import { isSafeNumber, parse, stringify } from 'lossless-json';

/**
 * JSON without loss: amounts of money have all of 64 bits, and JSON.parse rounds beyond 2^53. An integer that a number does not
 * hold exactly becomes a BigInt; everything else is what JSON.parse makes of it.
 */
export function parseJson(text: string): unknown {
  // Sixteen digits in a row are the shortest that can be too long for a number; an answer without them takes the quick way.
  if (!/\d{16}/.test(text)) return JSON.parse(text);
  return parse(text, undefined, (digits) => (/^-?\d+$/.test(digits) && !isSafeNumber(digits) ? BigInt(digits) : Number(digits)));
}

/** The other way: a BigInt is written as the number it is. */
export function writeJson(value: unknown): string {
  return stringify(value) ?? 'null';
}
