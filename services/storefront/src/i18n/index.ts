import { signal } from '@preact/signals';
import { kept, readStored, writeStored } from '../storage';
import { decimalOf, digitsOf, formatMoney, type Money } from '../money';

/** The languages, by their own names. */
export const languages = { en: 'English', de: 'Deutsch' } as const;
export type Language = keyof typeof languages;

const isLanguage = (value: unknown): value is Language => value === 'en' || value === 'de';

function preferred(): Language {
  const wanted = typeof navigator === 'undefined' ? [] : navigator.languages;
  for (const name of wanted) {
    const short = name.slice(0, 2);
    if (isLanguage(short)) return short;
  }
  return 'en';
}

export const language = signal<Language>((typeof localStorage === 'undefined' ? undefined : readStored(kept, 'language', isLanguage)) ?? preferred());

export function speak(next: Language): void {
  language.value = next;
  writeStored(kept, 'language', next);
}

/** For numbers and times: the browser's own region of the language (de-AT), if it has one. */
export function locale(): string {
  const wanted = typeof navigator === 'undefined' ? [] : navigator.languages;
  return wanted.find((name) => name.slice(0, 2) === language.value) ?? language.value;
}

export type Messages = Readonly<Record<string, string>>;
export type Values = Readonly<Record<string, string | number>>;

/**
 * The words of a part of the page: `{name}` in a message stands for a value. A message with `{count}` has two forms,
 * `key.one` and `key.other`, and is asked for as `key`. Each language has the same keys, which a test checks as well as the compiler.
 */
export function messages<K extends string>(words: Record<Language, Readonly<Record<K, string>>>) {
  type Asked = K extends `${infer Stem}.one` ? Stem | K : K;
  return (key: Asked, values: Values = {}): string => {
    const table = words[language.value] as Messages;
    const form = typeof values.count === 'number' ? `${key}.${new Intl.PluralRules(language.value).select(values.count)}` : key;
    const text = table[form] ?? table[`${key}.other`] ?? table[key] ?? key;
    return text.replace(/\{(\w+)\}/g, (whole, name: string) => {
      const value = values[name];
      return value === undefined ? whole : typeof value === 'number' ? number(value) : value;
    });
  };
}

export const number = (value: number): string => new Intl.NumberFormat(locale()).format(value);
export const money = (value: Money): string => formatMoney(value, locale());
/** An amount as it is typed in this language: with a comma where it has one. */
export const typed = (value: Money): string => decimalOf(value).replace('.', new Intl.NumberFormat(locale()).format(1.5).charAt(1));
/** How a price is typed in a currency, to say so where something else was typed. */
export function exampleOf(currency: string): string {
  const known = /^[A-Z]{3}$/.test(currency) ? currency : 'EUR';
  return typed({ amount: 125n * 10n ** BigInt(digitsOf(known)) / 10n, currency: known });
}

export function time(at: string, style: 'minute' | 'second' | 'day' = 'minute'): string {
  const date = new Date(at);
  if (Number.isNaN(date.getTime())) return at;
  const options: Intl.DateTimeFormatOptions =
    style === 'day' ? { dateStyle: 'medium' } : style === 'second' ? { timeStyle: 'medium' } : { dateStyle: 'medium', timeStyle: 'short' };
  return new Intl.DateTimeFormat(locale(), options).format(date);
}
