import type { ComponentChildren, JSX } from 'preact';
import { t } from './i18n/words';

export function Frame({ children }: { children: ComponentChildren }): JSX.Element {
  return (
    <>
      <a class="skip" href="#content">{t('skip')}</a>
      <main id="content" tabIndex={-1}>{children}</main>
    </>
  );
}
