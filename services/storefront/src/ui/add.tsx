import type { Problem } from '../api/problem';
import type { Product } from '../api/shop';
import { addToCart } from '../cart';
import { t } from '../i18n/words';
import { saidOf, Words } from './parts';
import { toast } from './toasts';

/** Puts a product into the cart and says so, or why not. True if it is in. */
export async function addProduct(product: Pick<Product, 'id' | 'name'>, quantity: number): Promise<boolean> {
  const problem = await addToCart(product.id, quantity);
  if (problem) toast(whyNot(problem));
  else toast(<><Words of={product.name} /> {t('product.added')} <a href="/cart">{t('product.toCart')}</a></>);
  return !problem;
}

export function whyNot(problem: Problem): string {
  switch (problem.code) {
    case 'unknown_product':
    case 'product_withdrawn':
      return t('add.withdrawn');
    case 'other_currency':
      return t('add.currency');
    case 'cart_full':
      return t('add.full');
    case 'quantity':
      return t('add.many');
    default:
      return saidOf(problem);
  }
}
