import { signal } from '@preact/signals';
import { newKey } from '../api/http';
import { shop, type Product } from '../api/shop';
import { session } from '../session';
import { saidOf, Words } from '../ui/parts';
import { toast } from '../ui/toasts';
import { office } from './calls';
import { w } from './words';

/**
 * Deleting that can be undone: the product leaves the lists at once and the catalog a few seconds later. Nothing that was deleted
 * would come back whole (its picture, its place in open carts, what orders hold of it), so undoing has to come before. Whoever closes
 * the page meanwhile has meant it: the request is sent on the way out. A browser that dies there leaves the product as it was.
 */
const UNDO_MILLISECONDS = 8_000;

interface Going {
  readonly product: Product;
  readonly timer: ReturnType<typeof setTimeout>;
}
const going = new Map<string, Going>();
/** The ids of products that lists no longer show. */
export const hidden = signal<ReadonlySet<string>>(new Set());

const show = (id: string): void => {
  hidden.value = new Set([...hidden.value].filter((one) => one !== id));
};

export function removeLater(product: Product): void {
  if (going.has(product.id)) return;
  const timer = setTimeout(() => void remove(product), UNDO_MILLISECONDS);
  going.set(product.id, { product, timer });
  hidden.value = new Set([...hidden.value, product.id]);
  const close = toast(
    <>
      <Words of={w('products.deleted', { name: product.name })} />{' '}
      <button type="button" onClick={() => { close(); keep(product); }}>{w('undo')}</button>
    </>, { lasting: UNDO_MILLISECONDS });
}

function keep(product: Product): void {
  const one = going.get(product.id);
  if (!one) return;
  clearTimeout(one.timer);
  going.delete(product.id);
  show(product.id);
  toast(<Words of={w('products.kept', { name: product.name })} />);
}

async function remove(product: Product): Promise<void> {
  going.delete(product.id);
  const failed = (why: string): void => {
    show(product.id);
    toast(<Words of={w('products.deleteFailed', { name: product.name, why })} />);
  };
  // A sale meanwhile has another tag, and does not matter; what somebody wrote does.
  for (let attempt = 0; attempt < 5; ++attempt) {
    const now = await shop.product(product.id);
    if (!now.ok) return now.problem.status === 404 ? undefined : failed(saidOf(now.problem));
    if (now.value.version !== product.version) {
      show(product.id);
      toast(<Words of={w('products.deleteChanged', { name: product.name })} />);
      return;
    }
    const answer = await office.remove(product.id, now.headers.get('ETag') ?? '*', newKey());
    if (answer.ok || answer.problem.status === 404) return;
    if (answer.problem.status !== 412) return failed(saidOf(answer.problem));
  }
  failed('412');
}

addEventListener('pagehide', () => {
  for (const { product, timer } of going.values()) {
    clearTimeout(timer);
    const token = session.value?.token;
    void fetch(`/products/${encodeURIComponent(product.id)}`, { method: 'DELETE', keepalive: true, headers: token ? { Authorization: `Bearer ${token}` } : {} }).catch(() => {});
  }
  going.clear();
});
