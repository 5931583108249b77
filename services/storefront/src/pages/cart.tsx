import { useEffect } from 'preact/hooks';
import type { JSX } from 'preact';
import { cart, cartId, cartProblem, leftBehind, loadCart } from '../cart';
import { orderOf, pendingCheckout, placedOrders } from '../checkout';
import { t } from '../i18n/words';
import { CartLine, faultOf } from '../ui/line';
import { Blank, Failed, Notice, Price, useTitle, Words } from '../ui/parts';

export function CartView(): JSX.Element {
  useTitle(t('nav.cart'));
  useEffect(() => void loadCart(), []);
  const now = cart.value;
  if (!now) {
    if (cartProblem.value) return <div class="pad"><h1>{t('nav.cart')}</h1><Failed problem={cartProblem.value} again={() => void loadCart()} /></div>;
    return (
      <div class="two" role="status">
        <h1>{t('nav.cart')}</h1>
        <span class="unseen">{t('loading')}</span>
        <ul class="lines">{[0, 1].map((one) => <li key={one} class="line"><span class="line-picture"><span class="picture bone" /></span><div class="line-words"><span class="bone w70" /><span class="bone w30" /></div></li>)}</ul>
        <div class="summary"><span class="bone w50" /><span class="bone w90" /></div>
      </div>
    );
  }
  const open = pendingCheckout(cartId.value);
  const last = placedOrders().find((placed) => placed.cart === now.id);
  if (now.items.length === 0) {
    return (
      <Blank icon="bag" title={t('cart.empty')}>
        <p>{t('cart.emptyText')}</p>
        <a class="button" href="/">{t('cart.look')}</a>
        {last && Date.now() - last.at < 60 * 60 * 1000 && <p><a href={`/o/${last.orderId}`}>{t('cart.lastOrder')}</a></p>}
        {open && <p><a href="/checkout">{t('checkout.finish')}</a></p>}
      </Blank>
    );
  }
  const faulty = now.items.filter((item) => faultOf(item));
  return (
    <div class="two">
      <h1>{t('nav.cart')}</h1>
      <div>
        {leftBehind.value && (
          <Notice tone="mind" live>
            {leftBehind.value.why === 'no_room' ? t('cart.leftNoRoom') : t('cart.leftCurrency')} <Words of={leftBehind.value.names.join(', ')} />
          </Notice>
        )}
        {cartProblem.value && <Failed problem={cartProblem.value} again={() => void loadCart()} />}
        {orderOf(now.id, now.version) && <Notice tone="good"><a href={`/o/${orderOf(now.id, now.version)!.orderId}`}>{t('cart.lastOrder')}</a></Notice>}
        <ul class="lines">{now.items.map((item) => <CartLine key={item.productId} item={item} />)}</ul>
      </div>
      <aside class="summary" aria-label={t('cart.summary')}>
        <dl class="sums">
          <div class="sum-total"><dt>{t('cart.total')}</dt><dd><Price of={now.total} /></dd></div>
        </dl>
        {faulty.length > 0 && <p class="small wrong" id="why-not" role="status">{t('cart.faulty', { count: faulty.length })}</p>}
        {faulty.length > 0
          ? <button type="button" class="button wide" aria-disabled="true" aria-describedby="why-not" onClick={() => document.querySelector<HTMLElement>('.line.faulty .line-fault button, .line.faulty button')?.focus()}>{t('cart.checkout')}</button>
          : <a class="button wide" href="/checkout">{t('cart.checkout')}</a>}
        <p class="small soft">{t('cart.shipping')}</p>
      </aside>
    </div>
  );
}
