import type { ComponentType, JSX } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { ConnectionBanner, Preferences } from '../frame';
import { t } from '../i18n/words';
import { NotFound } from '../pages/not_found';
import { place, routed, type Routes } from '../router';
import { isAdmin, ranOut, session } from '../session';
import '../styles/admin.css';
import { Icon } from '../ui/icons';
import { Blank, useTitle, Words } from '../ui/parts';
import { Toasts } from '../ui/toasts';
import { DemandList, DemandOne } from './demand';
import { ImportView } from './import';
import { LowStock } from './low_stock';
import { OrderView } from './order';
import { OrderList } from './orders';
import { Overview } from './overview';
import { PaymentsView } from './payments';
import { NewProductView, ProductView } from './product';
import { ProductList } from './products';
import { w } from './words';

/** As services/gateway/page.conf, which answers any other with 404. */
type View = ComponentType<Record<string, string>>;
const routes: Routes<View> = [
  ['/admin', Overview as View],
  ['/admin/products', ProductList as View],
  ['/admin/products/{productId}', ProductView as View],
  ['/admin/new', NewProductView as View],
  ['/admin/import', ImportView as View],
  ['/admin/stock', LowStock as View],
  ['/admin/orders', OrderList as View],
  ['/admin/orders/{orderId}', OrderView as View],
  ['/admin/payments', PaymentsView as View],
  ['/admin/demand', DemandList as View],
  ['/admin/demand/{productId}', DemandOne as View],
];

const nav = [
  ['/admin', 'nav.overview'], ['/admin/products', 'nav.products'], ['/admin/stock', 'nav.stock'], ['/admin/import', 'nav.import'],
  ['/admin/orders', 'nav.orders'], ['/admin/payments', 'nav.payments'], ['/admin/demand', 'nav.demand'],
] as const;

export default function Admin(): JSX.Element {
  const { path } = place.value;
  const bar = useRef<HTMLElement>(null);
  // On a small screen the list of views is wider than the window: the present one is brought into sight.
  useEffect(() => bar.current?.querySelector('[aria-current]')?.scrollIntoView({ block: 'nearest', inline: 'nearest' }), [path]);
  const here = (href: string): 'page' | undefined =>
    (href === '/admin' ? path === href : path === href || path.startsWith(`${href}/`) || (href === '/admin/products' && path === '/admin/new')) ? 'page' : undefined;
  return (
    <div class="office">
      <a class="skip" href="#content">{t('skip')}</a>
      <header class="office-top">
        <div class="office-bar">
          <a class="wordmark" href="/admin"><span class="wordmark-sign"><Icon name="cup" size={22} /></span>{w('title')}</a>
          <span class="office-who small soft">{session.value && <Words of={session.value.sub} />}</span>
          <a class="top-link" href="/">{w('toShop')}</a>
        </div>
        <ConnectionBanner />
        {ranOut.value && <p class="banner" role="status">{t('problem.signedOut')} <a href="/account">{t('account.signIn')}</a></p>}
      </header>
      <nav class="office-nav" aria-label={w('nav.label')} ref={bar}>
        {isAdmin.value && <ul>{nav.map(([href, word]) => <li key={href}><a href={href} aria-current={here(href)}>{w(word)}</a></li>)}</ul>}
      </nav>
      <main id="content" class="office-main" tabIndex={-1}>{isAdmin.value ? <Routed path={path} /> : <Gate />}</main>
      <footer class="foot"><Preferences /></footer>
      <Toasts />
    </div>
  );
}

function Routed({ path }: { path: string }): JSX.Element {
  const found = routed(routes, path);
  return found ? <found.view {...found.parts} key={path} /> : <NotFound />;
}

function Gate(): JSX.Element {
  useTitle(w('title'));
  return (
    <Blank icon="person" title={w('gate.title')}>
      <p>{w('gate.text')}</p>
      <a class="button" href="/account">{w('gate.signIn')}</a>
    </Blank>
  );
}
