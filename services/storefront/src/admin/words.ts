import { messages } from '../i18n';
import { de } from './de';
import { en } from './en';

/** The back office's words in the language that is spoken; a customer never loads them. */
export const w = messages<keyof typeof en>({ en, de });
