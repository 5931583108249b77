import { messages } from '.';
import { de } from './de';
import { en } from './en';

/** The storefront's words in the language that is spoken. The back office has a table of its own, in its own file. */
export const t = messages<keyof typeof en>({ en, de });
