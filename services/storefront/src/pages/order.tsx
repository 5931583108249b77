import { useEffect, useRef, useState } from 'preact/hooks';
import type { JSX } from 'preact';
import { newKey } from '../api/http';
import type { Problem } from '../api/problem';
import { shop, type Order, type Payment } from '../api/shop';
import { placedOrders } from '../checkout';
import { money, time } from '../i18n';
import { t } from '../i18n/words';
import { times } from '../money';
import { keepFocus } from '../router';
import { development, learnDevelopment, session } from '../session';
import { canCancel, isSettled, paymentMoves, timelineOf, wantsAnotherCard, type Step } from '../timeline';
import { CardChoice, SIMULATED } from '../ui/cards';
import { Icon, type IconName } from '../ui/icons';
import { Blank, Failed, Field, Notice, Picture, pictureOf, Price, saidOf, useTitle, Words } from '../ui/parts';
import { toast } from '../ui/toasts';
import { useOrder } from '../use_order';
import type { Watching } from '../watch';

/** So long an order that was not placed here may be on its way before the page says that there is none. */
const ON_ITS_WAY = 4000;
const COMES_WITHIN = 24 * 60 * 60 * 1000;
const MOST_ATTEMPTS = 20;

const numberOf = (id: string): string => id.slice(-8).toUpperCase();

export function OrderView({ orderId = '' }: { orderId?: string }): JSX.Element {
  const shown = useOrder(orderId);
  const { order, payment, watching, missing, refused } = shown;
  const who = session.value;
  useTitle(t('order.title', { number: numberOf(orderId) }));
  useEffect(() => void learnDevelopment(), []);

  if (refused) return <div class="pad"><h1>{t('order.title', { number: numberOf(orderId) })}</h1><Failed problem={refused} again={shown.again} /></div>;
  if (!order) {
    // Of an order that was just placed it is known that it comes, however long the shop takes; a customer's is not seen signed out.
    const placedHere = placedOrders().some((placed) => placed.orderId === orderId && (placed.guest || who) && Date.now() - placed.at < COMES_WITHIN);
    if (missing !== undefined && missing >= ON_ITS_WAY && !placedHere) {
      return (
        <Blank icon="box" title={t('order.none')}>
          <p>{who ? t('order.noneText') : t('order.noneGuest')}</p>
          {!who && <a class="button" href="/account">{t('account.signIn')}</a>}
          <a class="button quiet" href="/">{t('notFound.home')}</a>
        </Blank>
      );
    }
    if (missing !== undefined) return <Blank icon="clock" title={t('order.onItsWay')}><p role="status">{t('order.onItsWayText')}</p></Blank>;
    if (watching === 'lost') return <Blank icon="offline" title={t('order.title', { number: numberOf(orderId) })}><p role="status">{t('banner.unreachable')}</p></Blank>;
    return <OrderBones />;
  }

  const steps = timelineOf(order, payment);
  const state = headlineOf(order, payment);
  return (
    <div class="two order" data-status={order.status}>
      <div class="order-head">
        <p class="small soft num">{t('order.number', { number: numberOf(orderId) })} · {time(order.history[0]!.at)}</p>
        <h1>{t(`order.is.${state}`)}</h1>
        <p class="lead soft">{t(`order.is.${state}.text`)}</p>
      </div>
      <div class="order-main">
        {wantsAnotherCard(order, payment) && payment && <AnotherCard payment={payment} onTried={shown.tookPayment} />}
        <section aria-labelledby="timeline">
          <h2 id="timeline" class="timeline-title">{t('order.timeline')} <Live watching={watching} settled={isSettled(order, payment)} /></h2>
          <ol class="timeline" aria-live="polite" aria-relevant="additions text">
            {steps.map((step) => <TimelineStep key={`${step.kind} ${step.attempt ?? ''} ${step.kind === 'charging' ? '' : (step.at ?? '')}`} step={step} order={order} payment={payment} />)}
          </ol>
        </section>
        {canCancel(order) && <CancelOrder order={order} onCancelled={shown.tookOrder} />}
      </div>
      <aside class="summary" aria-label={t('order.lines')}>
        <ul class="summary-lines">
          {order.lines.map((line) => (
            <li key={line.productId}>
              <Picture src={pictureOf(line.productId)} />
              <a class="clip" href={`/p/${line.productId}`}><Words of={line.name} /></a>
              <span class="small soft num">{line.quantity} ×</span>
              <Price of={times(line.unitPrice, line.quantity)} />
            </li>
          ))}
        </ul>
        <dl class="sums">
          <div class="sum-total"><dt>{t('cart.total')}</dt><dd><Price of={order.total} /></dd></div>
          {payment?.status === 'refunded' && <div><dt>{t('order.refunded')}</dt><dd><Price of={payment.amount} /></dd></div>}
        </dl>
        <KeepLink guest={order.customerId === undefined} />
      </aside>
    </div>
  );
}

type Headline = 'placed' | 'failed' | 'trying' | 'confirmed' | 'shipped' | 'cancelled' | 'ending' | 'refunding' | 'refunded' | 'late' | 'scarce';

function headlineOf(order: Order, payment: Payment | undefined): Headline {
  switch (order.status) {
    case 'created':
      return 'placed';
    case 'payment_failed':
      return wantsAnotherCard(order, payment) ? 'failed' : 'trying';
    case 'confirmed':
      return 'confirmed';
    case 'shipped':
      return 'shipped';
    case 'cancelled':
      if (payment?.status === 'refunded') return 'refunded';
      if (payment?.status === 'refunding' || payment?.status === 'completed' || order.history.some(({ status }) => status === 'confirmed')) return 'refunding';
      if (order.failureReason === 'out_of_stock') return 'scarce';
      // It was cancelled while the card may have been in the bank's hands.
      if (paymentMoves(order, payment)) return 'ending';
      if (order.history.at(-1)?.reason === 'payment_deadline_passed') return 'late';
      return 'cancelled';
  }
}

const ICONS: Readonly<Record<Step['kind'], IconName>> = {
  placed: 'bag', charging: 'card', declined: 'card', unavailable: 'clock', failed: 'card', paid: 'card', confirmed: 'check', shipped: 'truck', cancelled: 'cross', refunding: 'coin', refunded: 'coin',
};

function TimelineStep({ step, order, payment }: { step: Step; order: Order; payment: Payment | undefined }): JSX.Element {
  const ahead = step.state === 'ahead' || (step.kind === 'shipped' && step.at === undefined);
  const text = step.kind === 'refunded' || step.kind === 'refunding'
    ? t(`step.${step.kind}`, { amount: money(payment?.amount ?? order.total) })
    : step.kind === 'confirmed' && ahead ? t('step.confirmed.ahead')
    : step.kind === 'shipped' && ahead ? t('step.shipped.ahead')
    : t(`step.${step.kind}`);
  return (
    <li class={`step ${step.state} ${step.kind}`} data-step={step.kind}>
      <span class="step-sign"><Icon name={ICONS[step.kind]} size={20} /></span>
      <div>
        <p class="step-text">{text}{(step.attempt ?? 1) > 1 && <span class="soft"> · {t('step.attempt', { number: String(step.attempt) })}</span>}</p>
        {step.reason !== undefined && <p class="small soft">{reasonOf(step.reason)}</p>}
        {step.kind === 'shipped' && order.trackingNumber !== undefined && <p class="small soft">{t('step.tracking')} <Words of={order.trackingNumber} class="num" /></p>}
      </div>
      {step.at !== undefined && <time class="small soft num" dateTime={step.at}>{time(step.at, 'second')}</time>}
    </li>
  );
}

/** The services' reasons in words; what a person wrote is shown as it is. */
function reasonOf(reason: string): JSX.Element {
  switch (reason) {
    case 'card_declined':
    case 'insufficient_funds':
    case 'unknown_token':
    case 'gateway_unavailable':
    case 'out_of_stock':
    case 'cancelled_by_customer':
    case 'payment_deadline_passed':
      return <>{t(`reason.${reason}`)}</>;
    default:
      return <Words of={reason} />;
  }
}

function Live({ watching, settled }: { watching: Watching | undefined; settled: boolean }): JSX.Element | null {
  if (settled || watching === undefined) return null;
  return watching === 'lost' ? <span class="tag mind">{t('order.lost')}</span> : <span class="tag good live"><span class="live-dot" aria-hidden="true" />{t('order.live')}</span>;
}

function AnotherCard({ payment, onTried }: { payment: Payment; onTried: (payment: Payment) => void }): JSX.Element {
  const [token, setToken] = useState<string>(development.value?.gateway === 'simulated' ? SIMULATED[0] : '');
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem>();
  // One key for one try, until it is answered: a second click, or one after a lost answer, charges no second time.
  const key = useRef<{ token: string; key: string } | undefined>(undefined);
  // What the platform below is may be learned only now.
  useEffect(() => {
    if (development.value?.gateway === 'simulated') setToken((chosen) => chosen || SIMULATED[0]);
  }, [development.value]);
  const attempts = payment.attempts.length;
  const none = attempts >= MOST_ATTEMPTS;
  const retry = async (): Promise<void> => {
    if (busy || token.trim() === '') return;
    setBusy(true);
    setProblem(undefined);
    if (key.current?.token !== token) key.current = { token, key: newKey() };
    const answer = await shop.retry(payment.id, token.trim(), key.current.key);
    setBusy(false);
    if (answer.ok) {
      key.current = undefined;
      onTried(answer.value);
      keepFocus();
    } else {
      if (answer.problem.kind === 'refused') key.current = undefined;
      setProblem(answer.problem);
    }
  };
  return (
    <section class="another" aria-labelledby="another">
      <h2 id="another">{t('order.anotherCard')}</h2>
      <p class="soft">{none ? t('order.noMoreAttempts') : t('order.anotherCardText')}</p>
      {!none && (
        <form onSubmit={(event) => { event.preventDefault(); void retry(); }}>
          <CardChoice value={token} onChange={setToken} legend={t('order.anotherCard')} />
          {problem && <Notice tone="bad" live>{problem.code === 'not_failed' ? t('order.alreadyPaid') : saidOf(problem)}</Notice>}
          <button type="submit" class="button" aria-disabled={busy || token.trim() === ''}>{busy ? t('order.paying') : t('order.pay', { amount: money(payment.amount) })}</button>
        </form>
      )}
    </section>
  );
}

function CancelOrder({ order, onCancelled }: { order: Order; onCancelled: (order: Order) => void }): JSX.Element {
  const dialog = useRef<HTMLDialogElement>(null);
  const [reason, setReason] = useState('');
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem>();
  const key = useRef(newKey());
  const cancel = async (): Promise<void> => {
    if (busy) return;
    setBusy(true);
    setProblem(undefined);
    const text = reason.trim();
    const answer = await shop.cancel(order.id, text === '' ? undefined : text, key.current);
    setBusy(false);
    if (answer.ok) {
      dialog.current?.close();
      onCancelled(answer.value);
      keepFocus();
      toast(t('order.cancelled'));
    } else {
      if (answer.problem.kind === 'refused') key.current = newKey();
      setProblem(answer.problem);
    }
  };
  return (
    <>
      <p><button type="button" class="button quiet small" onClick={() => dialog.current?.showModal()}>{t('order.cancel')}</button></p>
      <dialog ref={dialog} aria-labelledby="cancel-title">
        <form class="dialog-form" onSubmit={(event) => { event.preventDefault(); void cancel(); }}>
          <h2 id="cancel-title">{t('order.cancelTitle')}</h2>
          <p class="soft">{order.status === 'confirmed' ? t('order.cancelPaid') : t('order.cancelUnpaid')}</p>
          <Field label={t('order.reason')}>
            {(given) => <input class="input" {...given} dir="auto" maxLength={500} value={reason} onInput={(event) => { setReason(event.currentTarget.value); key.current = newKey(); }} />}
          </Field>
          {problem && <Notice tone="bad" live>{problem.code === 'already_shipped' ? t('order.alreadyShipped') : saidOf(problem)}</Notice>}
          <div class="dialog-actions">
            <button type="button" class="button quiet" onClick={() => dialog.current?.close()}>{t('order.keep')}</button>
            <button type="submit" class="button bad" aria-disabled={busy}>{t('order.cancel')}</button>
          </div>
        </form>
      </dialog>
    </>
  );
}

/** The link is all a guest has of his order. */
function KeepLink({ guest }: { guest: boolean }): JSX.Element {
  const [copied, setCopied] = useState(false);
  const field = useRef<HTMLInputElement>(null);
  const link = location.origin + location.pathname;
  const copy = async (): Promise<void> => {
    try {
      await navigator.clipboard.writeText(link);
      setCopied(true);
    } catch {
      // No clipboard over plain HTTP, or not allowed: it is marked, to be copied by hand.
      field.current?.select();
    }
  };
  return (
    <div class="keep">
      <p class="small">{guest ? t('order.linkGuest') : t('order.linkOwn')}</p>
      <div class="keep-row">
        <input ref={field} class="input small" readOnly value={link} aria-label={t('order.link')} onFocus={(event) => event.currentTarget.select()} />
        <button type="button" class="button quiet small" onClick={() => void copy()}><Icon name="copy" size={18} />{t('order.copy')}</button>
      </div>
      <p class="small soft" role="status">{copied ? t('order.copied') : ''}</p>
    </div>
  );
}

function OrderBones(): JSX.Element {
  return (
    <div class="two order" role="status">
      <span class="unseen">{t('loading')}</span>
      <div class="order-head"><span class="bone w30" /><span class="bone w70 bone-title" /><span class="bone w50" /></div>
      <div class="order-main"><span class="bone w30" />{[0, 1, 2].map((one) => <span key={one} class="bone w70 bone-step" />)}</div>
      <div class="summary"><span class="bone w90" /><span class="bone w70" /></div>
    </div>
  );
}
