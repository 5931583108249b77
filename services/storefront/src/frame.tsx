import { useEffect, useState } from 'preact/hooks';
import type { ComponentChildren, JSX } from 'preact';
import { reachable } from './api/http';
import { pieces } from './cart';
import { language, languages, speak, type Language } from './i18n';
import { t } from './i18n/words';
import { place } from './router';
import { isAdmin, ranOut } from './session';
import { theme, wear, type Theme } from './theme';
import { Icon } from './ui/icons';
import { SearchBox } from './ui/search';
import { Toasts } from './ui/toasts';

export function useOnline(): boolean {
  const [online, setOnline] = useState(navigator.onLine);
  useEffect(() => {
    const look = (): void => setOnline(navigator.onLine);
    addEventListener('online', look);
    addEventListener('offline', look);
    return () => {
      removeEventListener('online', look);
      removeEventListener('offline', look);
    };
  }, []);
  return online;
}

/** What the connection is like, where it is not as it should be. Shared with the back office. */
export function ConnectionBanner(): JSX.Element {
  const online = useOnline();
  const said = !online ? t('banner.offline') : !reachable.value ? t('banner.unreachable') : '';
  return (
    <div role="status" class="banner-place">
      {said && <p class="banner"><Icon name="offline" size={18} /> {said}</p>}
    </div>
  );
}

/** Language and appearance. Shared with the back office. */
export function Preferences(): JSX.Element {
  return (
    <div class="preferences">
      <label>
        <span class="small soft">{t('foot.language')}</span>
        <select class="select" value={language.value} onChange={(event) => speak(event.currentTarget.value as Language)}>
          {Object.entries(languages).map(([code, name]) => <option key={code} value={code} lang={code}>{name}</option>)}
        </select>
      </label>
      <label>
        <span class="small soft">{t('foot.theme')}</span>
        <select class="select" value={theme.value} onChange={(event) => wear(event.currentTarget.value as Theme)}>
          {(['system', 'light', 'dark'] as const).map((one) => <option key={one} value={one}>{t(`theme.${one}`)}</option>)}
        </select>
      </label>
    </div>
  );
}

/** What stands around every view of the storefront. */
export function Frame({ children }: { children: ComponentChildren }): JSX.Element {
  const onShelf = place.value.path === '/';
  const now = (path: string): 'page' | undefined => (place.value.path === path ? 'page' : undefined);
  return (
    <>
      <a class="skip" href="#content">{t('skip')}</a>
      <header class="top">
        <div class={onShelf ? 'top-row with-search' : 'top-row'}>
          <a class="wordmark" href="/"><span class="wordmark-sign"><Icon name="cup" size={22} /></span>{t('shop')}</a>
          <SearchBox />
          <nav aria-label={t('nav.main')}>
            {isAdmin.value && <a class="top-link" href="/admin">{t('nav.admin')}</a>}
            <a class="icon-button" href="/account" aria-label={t('nav.account')} aria-current={now('/account')}><Icon name="person" /></a>
            <a class="icon-button cart-link" href="/cart" aria-label={pieces.value === 0 ? t('nav.cart.none') : t('nav.cart', { count: pieces.value })} aria-current={now('/cart')}>
              <Icon name="bag" />
              {pieces.value > 0 && <span class="bubble num" aria-hidden="true">{pieces.value > 99 ? '99+' : pieces.value}</span>}
            </a>
          </nav>
        </div>
        <ConnectionBanner />
        {ranOut.value && <p class="banner" role="status">{t('problem.signedOut')} <a href="/account">{t('account.signIn')}</a></p>}
      </header>
      <main id="content" tabIndex={-1}>{children}</main>
      <footer class="foot">
        <p class="small soft">{t('foot.text')}</p>
        <Preferences />
      </footer>
      <Toasts />
    </>
  );
}
