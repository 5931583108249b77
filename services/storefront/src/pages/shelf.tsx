import type { JSX } from 'preact';
import { t } from '../i18n/words';

export function Shelf(): JSX.Element {
  return <h1>{t('shop')}</h1>;
}
