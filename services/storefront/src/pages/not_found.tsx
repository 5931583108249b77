import type { JSX } from 'preact';
import { t } from '../i18n/words';
import { Blank, useTitle } from '../ui/parts';

export function NotFound(): JSX.Element {
  useTitle(t('notFound.title'));
  return (
    <Blank icon="cup" title={t('notFound.title')}>
      <p>{t('notFound.text')}</p>
      <a class="button" href="/">{t('notFound.home')}</a>
    </Blank>
  );
}
