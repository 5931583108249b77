import type { JSX } from 'preact';
import { useRef, useState } from 'preact/hooks';
import { newKey, type Answer } from '../api/http';
import type { Problem } from '../api/problem';
import { shop, type Order } from '../api/shop';
import { number, time } from '../i18n';
import { times } from '../money';
import { canCancel } from '../timeline';
import { Blank, Failed, Field, Notice, Price, saidOf, useTitle, Words } from '../ui/parts';
import { toast } from '../ui/toasts';
import { useOrder } from '../use_order';
import { office } from './calls';
import { Head, Panel, shortNumber, Status } from './parts';
import { w } from './words';

export function OrderView({ orderId = '' }: { orderId?: string }): JSX.Element {
  const { order, payment, watching, missing, refused, tookOrder, again } = useOrder(orderId);
  useTitle(w('order.title', { number: shortNumber(orderId) }));

  if (!order && refused) return <><Head title={w('order.title', { number: shortNumber(orderId) })} /><Failed problem={refused} again={again} /></>;
  if (!order && missing !== undefined) return <Blank icon="box" title={w('order.missing')}><a class="button" href="/admin/orders">{w('orders.title')}</a></Blank>;
  if (!order) return <><Head title={w('order.title', { number: shortNumber(orderId) })} /><div class="rows" aria-hidden="true"><span class="bone office-bone" /><span class="bone office-bone" /></div></>;
  return (
    <>
      <Head title={<>{w('order.title', { number: shortNumber(order.id) })} <Status of={order.status} /></>}>
        <a class="button quiet small" href={`/o/${order.id}`}>{w('order.page')}</a>
      </Head>
      <p class="small soft live-line" role="status"><span class={`pulse ${watching === 'lost' ? 'lost' : ''}`} aria-hidden="true" /> {w(watching === 'lost' ? 'orders.waiting' : 'orders.live')}</p>
      <div class="office-two">
        <div class="office-column">
          <Panel id="lines" title={w('order.lines')}>
            <ul class="rows">
              {order.lines.map((line) => (
                <li class="row line-row" key={line.productId}>
                  <a class="row-name" href={`/admin/products/${line.productId}`}><Words of={line.name} /></a>
                  <span class="num soft">{number(line.quantity)} × <Price of={line.unitPrice} /></span>
                  <Price of={times(line.unitPrice, line.quantity)} class="row-sum" />
                </li>
              ))}
            </ul>
            <p class="total-line"><span>{w('orders.total')}</span><Price of={order.total} /></p>
          </Panel>
          <Panel id="history" title={w('order.history')}>
            <ol class="events" aria-live="polite">
              {order.history.map((change, index) => (
                <li key={index}><span>{w(`status.${change.status}`)}{change.reason !== undefined && <> · <Words of={change.reason} class="soft" /></>}</span><span class="soft small num">{time(change.at)}</span></li>
              ))}
            </ol>
          </Panel>
        </div>
        <div class="office-column">
          <Panel id="actions" title={w('order.actions')}>
            <Actions order={order} onChanged={tookOrder} />
          </Panel>
          <Panel id="payment" title={w('order.payment')}>
            {!payment && <p class="soft">{w('order.noPayment')}</p>}
            {payment && <p><span class={`tag ${payment.status === 'completed' ? 'good' : payment.status === 'failed' ? 'bad' : ''}`}>{w(`payment.${payment.status}`)}</span> <Price of={payment.amount} /></p>}
            {payment && payment.attempts.length > 0 && (
              <ol class="events">
                {payment.attempts.map((attempt) => (
                  <li key={attempt.number}>
                    <span>{w('order.attempt', { number: attempt.number })}: {w(`outcome.${attempt.outcome}`)}{attempt.reason !== undefined && <> · <Words of={attempt.reason} class="soft" /></>}</span>
                    <span class="soft small num">{time(attempt.at)}</span>
                  </li>
                ))}
              </ol>
            )}
          </Panel>
          <Panel id="who" title={w('order.about')}>
            <dl class="facts">
              <div><dt>{w('order.number')}</dt><dd>{order.id}</dd></div>
              <div><dt>{w('order.customer')}</dt><dd>{order.customerId === undefined ? w('orders.guest') : <a href={`/admin/orders?customer=${encodeURIComponent(order.customerId)}`}><Words of={order.customerId} /></a>}</dd></div>
              {order.trackingNumber !== undefined && <div><dt>{w('order.trackingNumber')}</dt><dd><Words of={order.trackingNumber} /></dd></div>}
              <div><dt>{w('order.cart')}</dt><dd>{order.cartId}</dd></div>
            </dl>
          </Panel>
        </div>
      </div>
    </>
  );
}

function Actions({ order, onChanged }: { order: Order; onChanged: (order: Order) => void }): JSX.Element {
  const [tracking, setTracking] = useState('');
  const [reason, setReason] = useState('');
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem>();
  // A repeat of what got no answer has the same key; anything else is another request.
  const key = useRef(newKey());

  const act = async (send: () => Promise<Answer<Order>>, done: string): Promise<void> => {
    if (busy) return;
    setBusy(true);
    setProblem(undefined);
    const answer = await send();
    setBusy(false);
    if (answer.ok || answer.problem.kind === 'refused') key.current = newKey();
    if (!answer.ok) return setProblem(answer.problem);
    onChanged(answer.value);
    toast(done);
  };
  const said = problem && (problem.code === 'already_shipped' ? w('order.tooLate') : problem.code === 'not_confirmed' ? w('order.notConfirmed') : saidOf(problem));
  return (
    <div class="actions">
      {order.status === 'confirmed' && (
        <form class="action" onSubmit={(event) => { event.preventDefault(); void act(() => office.ship(order.id, tracking.trim() || undefined, key.current), w('order.shipped')); }}>
          <Field label={w('order.tracking')}>
            {(given) => <input class="input" {...given} dir="auto" maxLength={200} value={tracking} onInput={(event) => { setTracking(event.currentTarget.value); key.current = newKey(); }} />}
          </Field>
          <button type="submit" class="button small" aria-disabled={busy}>{w('order.ship')}</button>
        </form>
      )}
      {canCancel(order) && (
        <form class="action" onSubmit={(event) => { event.preventDefault(); void act(() => shop.cancel(order.id, reason.trim() || undefined, key.current), w('order.cancelled')); }}>
          <Field label={w('order.reason')} hint={order.status === 'confirmed' ? w('order.refunds') : undefined}>
            {(given) => <input class="input" {...given} dir="auto" maxLength={200} value={reason} onInput={(event) => { setReason(event.currentTarget.value); key.current = newKey(); }} />}
          </Field>
          <button type="submit" class="button bad small" aria-disabled={busy}>{w('order.cancel')}</button>
        </form>
      )}
      {!canCancel(order) && <p class="soft">{w('order.final')}</p>}
      {said && <Notice tone="bad" live>{said}</Notice>}
    </div>
  );
}
