import { useSignalEffect } from '@preact/signals';
import type { ComponentType, JSX } from 'preact';
import { Frame } from './frame';
import { language } from './i18n';
import { AccountView } from './pages/account';
import { CartView } from './pages/cart';
import { CheckoutView } from './pages/checkout';
import { NotFound } from './pages/not_found';
import { OrderView } from './pages/order';
import { ProductView } from './pages/product';
import { Shelf } from './pages/shelf';
import { place, routed, type Routes } from './router';
import { lazy } from './ui/parts';

/**
 * The page's paths. The server answers exactly these with status 200, and any other with the page and 404: a path that is added
 * here is added there too (tests/router.test.ts compares).
 */
type View = ComponentType<Record<string, string>>;
const routes: Routes<View> = [
  ['/', Shelf as View],
  ['/p/{productId}', ProductView as View],
  ['/cart', CartView as View],
  ['/checkout', CheckoutView as View],
  ['/o/{orderId}', OrderView as View],
  ['/account', AccountView as View],
];

/** The back office is one view with paths of its own below /admin, in files that a customer never loads. */
const Admin = lazy(() => import('./admin'));

export function App(): JSX.Element {
  useSignalEffect(() => {
    document.documentElement.lang = language.value;
  });
  const { path } = place.value;
  if (path === '/admin' || path.startsWith('/admin/')) return <Admin />;
  const found = routed(routes, path);
  return <Frame>{found ? <found.view {...found.parts} key={path} /> : <NotFound />}</Frame>;
}
