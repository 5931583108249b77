import { describe, expect, it } from 'vitest';
import { language, messages } from '../src/i18n';
import { de } from '../src/i18n/de';
import { en } from '../src/i18n/en';
import { t } from '../src/i18n/words';

const placeholders = (text: string): string[] => [...text.matchAll(/\{(\w+)\}/g)].map(([, name]) => name!).sort();

describe('the languages', () => {
  it('have the same keys', () => {
    expect(Object.keys(de).sort()).toEqual(Object.keys(en).sort());
  });

  it.each(Object.keys(en) as (keyof typeof en)[])('say %s with the same values, and say something', (key) => {
    expect(placeholders(de[key])).toEqual(placeholders(en[key]));
    expect(en[key].trim()).not.toBe('');
    expect(de[key].trim()).not.toBe('');
  });

  it('have both forms of whatever is counted', () => {
    for (const key of Object.keys(en)) {
      if (key.endsWith('.one')) expect(en).toHaveProperty([key.replace(/\.one$/, '.other')]);
    }
  });
});

describe('a message', () => {
  const say = messages({
    en: { 'n.one': '{count} thing', 'n.other': '{count} things', greet: 'Hello {name}' },
    de: { 'n.one': '{count} Ding', 'n.other': '{count} Dinge', greet: 'Hallo {name}' },
  });

  it('counts', () => {
    language.value = 'en';
    expect(say('n', { count: 1 })).toBe('1 thing');
    expect(say('n', { count: 2 })).toBe('2 things');
    language.value = 'de';
    expect(say('n', { count: 0 })).toBe('0 Dinge');
  });

  it('puts a value in as it is, also one that looks like a place for another', () => {
    language.value = 'en';
    expect(say('greet', { name: '{count} $& <b>' })).toBe('Hello {count} $& <b>');
  });

  it('follows the language', () => {
    language.value = 'de';
    expect(t('again')).toBe('Erneut versuchen');
    language.value = 'en';
    expect(t('again')).toBe('Try again');
  });
});
