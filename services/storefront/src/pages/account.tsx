import { useEffect, useState } from 'preact/hooks';
import type { JSX } from 'preact';
import type { Problem } from '../api/problem';
import { shop, type Order } from '../api/shop';
import { placedOrders } from '../checkout';
import { time } from '../i18n';
import { t } from '../i18n/words';
import { development, isAdmin, learnDevelopment, ranOut, session, signIn, signOut, type Session } from '../session';
import { Failed, Field, Notice, Price, useTitle, Words } from '../ui/parts';

export function AccountView(): JSX.Element {
  const who = session.value;
  useTitle(t('nav.account'));
  useEffect(() => void learnDevelopment(), []);
  return (
    <div class="narrow account">
      {who
        ? (
          <>
            <div class="account-head">
              <h1>{t('account.hello')} <Words of={who.sub} /></h1>
              <div class="account-tools">
                {isAdmin.value && <a class="button quiet small" href="/admin">{t('nav.admin')}</a>}
                <button type="button" class="button quiet small" onClick={signOut}>{t('account.signOut')}</button>
              </div>
            </div>
            <History who={who} key={who.sub} />
          </>
        )
        : (
          <>
            <h1>{t('account.title')}</h1>
            {ranOut.value && <Notice tone="mind">{t('problem.signedOut')}</Notice>}
            <SignIn />
            <GuestOrders />
          </>
        )}
    </div>
  );
}

function SignIn(): JSX.Element {
  const [name, setName] = useState('');
  const [role, setRole] = useState<Session['role']>('customer');
  const [state, setState] = useState<'typing' | 'asking' | 'refused' | 'unreachable' | 'missing'>('typing');
  if (development.value === undefined) return <p role="status"><span class="unseen">{t('loading')}</span><span class="bone w50" /></p>;
  if (development.value === null) return <p class="soft">{t('account.noSignIn')}</p>;
  const submit = async (): Promise<void> => {
    if (state === 'asking') return;
    if (name.trim() === '') return setState('missing');
    setState('asking');
    const outcome = await signIn(role, name.trim());
    if (outcome !== 'in') setState(outcome);
  };
  return (
    <form class="sign-in" noValidate onSubmit={(event) => { event.preventDefault(); void submit(); }}>
      <p class="soft">{t('account.laptop')}</p>
      <Field label={t('account.name')} wrong={state === 'missing' ? t('account.nameMissing') : undefined}>
        {(given) => <input class="input" {...given} value={name} maxLength={64} autocomplete="username" autocapitalize="off" spellcheck={false} dir="auto" required onInput={(event) => { setName(event.currentTarget.value); setState('typing'); }} />}
      </Field>
      <fieldset class="roles">
        <legend class="label">{t('account.role')}</legend>
        {(['customer', 'admin'] as const).map((one) => (
          <label key={one} class="check"><input type="radio" name="role" value={one} checked={role === one} onChange={() => setRole(one)} />{t(`account.role.${one}`)}</label>
        ))}
      </fieldset>
      {(state === 'refused' || state === 'unreachable') && <Notice tone="bad" live>{state === 'refused' ? t('account.refused') : t('problem.unreachable')}</Notice>}
      <button type="submit" class="button" aria-disabled={state === 'asking'}>{t('account.signIn')}</button>
    </form>
  );
}

const PAGE = 20;

function History({ who }: { who: Session }): JSX.Element {
  const [orders, setOrders] = useState<readonly Order[]>();
  const [next, setNext] = useState<string>();
  const [problem, setProblem] = useState<Problem>();
  const [busy, setBusy] = useState(false);
  const load = async (cursor?: string): Promise<void> => {
    setBusy(true);
    const answer = await shop.orders({ customerId: who.sub, limit: PAGE, ...(cursor === undefined ? {} : { cursor }) });
    setBusy(false);
    if (!answer.ok) return setProblem(answer.problem);
    setProblem(undefined);
    setOrders((before) => [...(cursor === undefined ? [] : (before ?? [])), ...answer.value.items]);
    setNext(answer.value.nextCursor);
  };
  useEffect(() => void load(), []);
  return (
    <section aria-labelledby="history">
      <h2 id="history">{t('account.orders')}</h2>
      {problem && <Failed problem={problem} again={() => void load(orders ? next : undefined)} />}
      {!orders && !problem && <ul class="orders" aria-hidden="true">{[0, 1, 2].map((one) => <li key={one} class="bone bone-row" />)}</ul>}
      {orders?.length === 0 && <p class="soft">{t('account.noOrders')}</p>}
      {orders && orders.length > 0 && <ul class="orders">{orders.map((order) => <OrderRow key={order.id} order={order} />)}</ul>}
      {next !== undefined && <p class="more"><button type="button" class="button quiet" aria-disabled={busy} onClick={() => { if (!busy) void load(next); }}>{t('account.moreOrders')}</button></p>}
    </section>
  );
}

const TONES: Readonly<Record<Order['status'], string>> = { created: 'tag', payment_failed: 'tag bad', confirmed: 'tag good', cancelled: 'tag', shipped: 'tag good' };

function OrderRow({ order }: { order: Order }): JSX.Element {
  const names = order.lines.map(({ name }) => name).join(', ');
  return (
    <li>
      <a class="order-row" href={`/o/${order.id}`}>
        <span class="order-row-names clip"><Words of={names} /></span>
        <span class="small soft num">{time(order.history[0]!.at)}</span>
        <span class={TONES[order.status]}>{t(`status.${order.status}`)}</span>
        <Price of={order.total} />
      </a>
    </li>
  );
}

/** What was ordered from this browser without an account. */
function GuestOrders(): JSX.Element | null {
  const orders = placedOrders().filter(({ guest }) => guest);
  if (orders.length === 0) return null;
  return (
    <section aria-labelledby="guest-orders">
      <h2 id="guest-orders">{t('account.guestOrders')}</h2>
      <ul class="orders">
        {orders.map(({ orderId, at }) => (
          <li key={orderId}><a class="order-row" href={`/o/${orderId}`}><span class="order-row-names num">{t('order.title', { number: orderId.slice(-8).toUpperCase() })}</span><span class="small soft num">{time(new Date(at).toISOString())}</span></a></li>
        ))}
      </ul>
    </section>
  );
}
