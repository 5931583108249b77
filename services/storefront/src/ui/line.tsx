import { useEffect, useState } from 'preact/hooks';
import type { JSX } from 'preact';
import type { Problem } from '../api/problem';
import { shop, type CartItem } from '../api/shop';
import { addToCart, changing, setQuantity } from '../cart';
import { money } from '../i18n';
import { t } from '../i18n/words';
import { times } from '../money';
import { whyNot } from './add';
import { Notice, Picture, pictureOf, Price, Words } from './parts';
import { Quantity } from './quantity';
import { keepFocus } from '../router';
import { toast } from './toasts';

/** What keeps a line from being ordered, in the words of the cart or of a refused checkout. */
export type Fault = { kind: 'withdrawn' } | { kind: 'scarce'; available?: number };

export function faultOf(item: CartItem): Fault | undefined {
  if (!item.available) return { kind: 'withdrawn' };
  if (!item.inStock) return { kind: 'scarce' };
  return undefined;
}

async function change(item: CartItem, quantity: number): Promise<Problem | undefined> {
  const problem = await setQuantity(item.productId, quantity);
  if (problem) toast(whyNot(problem));
  return problem;
}

export async function removeLine(item: CartItem): Promise<void> {
  if (await change(item, 0)) return;
  keepFocus();
  const undo = (): void => void addToCart(item.productId, item.quantity).then((problem) => { if (problem) toast(whyNot(problem)); });
  // What is no longer sold cannot be taken back.
  toast(<><Words of={item.name} /> {t('cart.removed')} {item.available && <button type="button" onClick={undo}>{t('undo')}</button>}</>, { long: true });
}

/** A line of the cart, with whatever is the matter with it and the way to mend it. */
export function CartLine({ item, refused }: { item: CartItem; refused?: Fault | undefined }): JSX.Element {
  const busy = changing.value.has(item.productId);
  const fault = refused ?? faultOf(item);
  const was = item.priceChangedFrom;
  return (
    <li class={fault ? 'line faulty' : 'line'} aria-busy={busy} data-product={item.productId}>
      <a class="line-picture" href={`/p/${item.productId}`} tabIndex={-1} aria-hidden="true"><Picture src={pictureOf(item.productId)} /></a>
      <div class="line-words">
        <h2 class="line-name"><a href={`/p/${item.productId}`}><Words of={item.name} /></a></h2>
        <p class="small soft"><Price of={item.unitPrice} /> {item.quantity > 1 && t('cart.each')}</p>
        {was && item.available && (
          BigInt(item.unitPrice.amount) < BigInt(was.amount)
            ? <p class="small changed good">{t('cart.cheaper', { price: money(was) })}</p>
            : <p class="small changed">{t('cart.dearer', { price: money(was) })}</p>
        )}
      </div>
      <div class="line-tools">
        {item.available && <Quantity value={item.quantity} of={item.name} disabled={busy} onChange={(quantity) => void change(item, quantity)} />}
        {fault?.kind !== 'withdrawn' && <button type="button" class="button plain small" aria-label={t('cart.removeNamed', { name: item.name })} onClick={() => void removeLine(item)}>{t('cart.remove')}</button>}
      </div>
      <p class="line-sum">{item.available ? <Price of={times(item.unitPrice, item.quantity)} /> : <span class="soft">–</span>}</p>
      {fault && <div class="line-fault"><Mend item={item} fault={fault} /></div>}
    </li>
  );
}

function Mend({ item, fault }: { item: CartItem; fault: Fault }): JSX.Element {
  const known = fault.kind === 'scarce' ? fault.available : undefined;
  const [available, setAvailable] = useState(known);
  // The cart says only that there are not so many; the catalog knows how many there are.
  useEffect(() => {
    if (fault.kind !== 'scarce') return;
    if (known !== undefined) return setAvailable(known);
    const ending = new AbortController();
    void shop.product(item.productId, { signal: ending.signal }).then((answer) => {
      if (answer.ok) setAvailable(answer.value.available);
    });
    return () => ending.abort();
  }, [item.productId, item.quantity, fault.kind, known]);

  const remove = <button type="button" class="button quiet small" aria-label={t('cart.removeNamed', { name: item.name })} onClick={() => void removeLine(item)}>{t('cart.remove')}</button>;
  if (fault.kind === 'withdrawn') return <Notice tone="bad" action={remove}>{t('cart.withdrawn')}</Notice>;
  if (available === undefined || available >= item.quantity) return <Notice tone="mind">{t('cart.scarce')}</Notice>;
  if (available === 0) return <Notice tone="bad" action={remove}>{t('cart.soldOut')}</Notice>;
  return (
    <Notice tone="mind" action={<button type="button" class="button quiet small" onClick={() => void change(item, available)}>{t('cart.take', { count: available })}</button>}>
      {t('cart.left', { count: available })}
    </Notice>
  );
}
