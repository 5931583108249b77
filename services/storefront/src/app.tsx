import { useSignalEffect } from '@preact/signals';
import type { ComponentType, JSX } from 'preact';
import { match, place } from './router';
import { Frame } from './frame';
import { lazy } from './ui/parts';
import { language } from './i18n';
import { NotFound } from './pages/not_found';
import { Shelf } from './pages/shelf';

/**
 * The page's paths. The server answers exactly these with status 200 (services/gateway knows them too, and a test compares):
 * one that stands here and not there would be shown with 404.
 */
type View = ComponentType<Record<string, string>>;
const routes: readonly (readonly [pattern: string, view: View])[] = [
  ['/', Shelf as View],
];

/** The back office is one view with paths of its own below /admin, in files that a customer never loads. */
const Admin = lazy(() => import('./admin'));

export function App(): JSX.Element {
  useSignalEffect(() => {
    document.documentElement.lang = language.value;
  });
  const { path } = place.value;
  if (path === '/admin' || path.startsWith('/admin/')) return <Admin />;
  for (const [pattern, View] of routes) {
    const parts = match(pattern, path);
    if (parts) return <Frame><View {...parts} key={path} /></Frame>;
  }
  return <Frame><NotFound /></Frame>;
}
