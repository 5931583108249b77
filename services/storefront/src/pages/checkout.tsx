import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { JSX } from 'preact';
import { addressOf, COUNTRIES, isDraft, likelyCountry, LONGEST, noAddress, wrongIn, type AddressDraft, type AddressField } from '../address';
import type { Problem } from '../api/problem';
import { cart, cartId, cartOrdered, cartProblem, loadCart } from '../cart';
import { pendingCheckout, placedOrders, placeOrder, resumeCheckout, type Outcome } from '../checkout';
import { useOnline } from '../frame';
import { locale } from '../i18n';
import { t } from '../i18n/words';
import { times } from '../money';
import { go } from '../router';
import { development, isGuest, learnDevelopment } from '../session';
import { passing, readStored, writeStored } from '../storage';
import { CardChoice, SIMULATED } from '../ui/cards';
import { CartLine, faultOf, type Fault } from '../ui/line';
import { Blank, Failed, Field, Notice, Picture, pictureOf, Price, saidOf, useTitle, Words } from '../ui/parts';

const FIELDS: readonly (readonly [field: AddressField, autocomplete: string])[] = [
  ['name', 'name'],
  ['line1', 'address-line1'],
  ['line2', 'address-line2'],
  ['postalCode', 'postal-code'],
  ['city', 'address-level2'],
  ['country', 'country'],
];

/** What was typed lasts over a reload, and no longer than the tab. */
const DRAFT = 'address';

export function CheckoutView(): JSX.Element {
  useTitle(t('checkout.title'));
  const [draft, setDraft] = useState<AddressDraft>(() => readStored(passing, DRAFT, isDraft) ?? { ...noAddress, country: likelyCountry(navigator.languages) });
  const [touched, setTouched] = useState<ReadonlySet<AddressField>>(new Set());
  const [token, setToken] = useState<string>(SIMULATED[0]);
  const [state, setState] = useState<'filling' | 'sending' | 'open'>(() => (pendingCheckout(cartId.peek()) ? 'sending' : 'filling'));
  const [problem, setProblem] = useState<Problem>();
  const [faults, setFaults] = useState<ReadonlyMap<string, Fault>>(new Map());
  const [changed, setChanged] = useState(false);
  const [fromService, setFromService] = useState<Readonly<Record<string, string>>>({});
  const form = useRef<HTMLFormElement>(null);
  const alive = useRef(true);
  const online = useOnline();
  const now = cart.value;
  const id = cartId.value;

  useEffect(() => {
    void learnDevelopment();
    void loadCart();
    return () => {
      alive.current = false;
    };
  }, []);
  // The simulated gateway's cards are for where it is; elsewhere nothing is chosen beforehand.
  useEffect(() => {
    if (development.value === null) setToken('');
  }, [development.value]);

  const finish = async (outcome: Outcome | undefined): Promise<void> => {
    if (outcome?.kind === 'placed') {
      writeStored(passing, DRAFT, undefined);
      void cartOrdered();
      // Who has gone elsewhere meanwhile is not taken away from there.
      if (alive.current) go(`/o/${outcome.orderId}`, { replace: true });
      return;
    }
    if (!alive.current) return;
    if (!outcome) return setState('filling');
    setProblem(outcome.problem);
    if (outcome.kind === 'open') return setState('open');
    setState('filling');
    const before = cart.peek()?.items ?? [];
    await loadCart();
    const lines = cart.peek()?.items ?? before;
    const named = new Map<string, Fault>();
    const fields: Record<string, string> = {};
    for (const { pointer, detail, available } of outcome.problem.errors) {
      const line = /^\/items\/(\d+)$/.exec(pointer)?.[1];
      const item = line === undefined ? undefined : lines[Number(line)];
      if (item) named.set(item.productId, outcome.problem.code === 'items_unavailable' ? { kind: 'withdrawn' } : available === undefined ? { kind: 'scarce' } : { kind: 'scarce', available });
      const field = /^\/shippingAddress\/(\w+)$/.exec(pointer)?.[1];
      if (field) fields[field] = detail;
      if (pointer.startsWith('/paymentMethod')) fields.token = detail;
    }
    setFaults(named);
    setFromService(fields);
    requestAnimationFrame(() => document.querySelector<HTMLElement>('.line-fault button, [aria-invalid="true"], .checkout-said')?.focus());
  };

  // Whoever comes back in the middle finds out what became of it, without another click.
  useEffect(() => {
    if (id === '' || !pendingCheckout(id)) return;
    setState('sending');
    void resumeCheckout(id, isGuest.peek()).then(finish);
  }, [id]);
  useEffect(() => {
    if (state !== 'open' || !online) return;
    const timer = setTimeout(() => {
      setState('sending');
      void resumeCheckout(id, isGuest.peek()).then(finish);
    }, 3000);
    return () => clearTimeout(timer);
  }, [state, online, id]);

  const wrong = useMemo(() => wrongIn(draft), [draft]);
  const wrongText = (field: AddressField): string | undefined => {
    if (fromService[field]) return fromService[field];
    const what = touched.has(field) ? wrong[field] : undefined;
    return what === 'missing' ? t(`address.${field}.missing` as 'address.name.missing') : what === 'long' ? t('address.long', { count: LONGEST[field] }) : undefined;
  };
  const type = (field: AddressField, text: string): void => {
    const next = { ...draft, [field]: text };
    setDraft(next);
    setFromService({});
    writeStored(passing, DRAFT, next);
    // Said while typing only of what was complete already: nobody is told off for a first letter.
    if (text !== '') setTouched((before) => (wrongIn(next)[field] === 'long' ? new Set([...before, field]) : before));
  };

  const submit = async (): Promise<void> => {
    if (state === 'sending' || !now) return;
    setTouched(new Set(FIELDS.map(([field]) => field)));
    if (Object.keys(wrong).length > 0 || token.trim() === '') {
      requestAnimationFrame(() => form.current?.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus());
      return;
    }
    setProblem(undefined);
    setFaults(new Map());
    setChanged(false);
    setState('sending');
    // What is ordered is what is seen: a cart that another tab changed is shown first.
    if (!pendingCheckout(id)) {
      const shown = `${now.version} ${now.total.amount} ${now.total.currency}`;
      await loadCart();
      const fresh = cart.peek();
      if (fresh && fresh.items.length > 0 && `${fresh.version} ${fresh.total.amount} ${fresh.total.currency}` !== shown) {
        setState('filling');
        setChanged(true);
        return;
      }
    }
    await finish(await placeOrder(id, now.version, { paymentMethod: { token: token.trim() }, shippingAddress: addressOf(draft) }, isGuest.peek()));
  };

  if (!now && state !== 'sending') {
    if (cartProblem.value) return <div class="pad"><h1>{t('checkout.title')}</h1><Failed problem={cartProblem.value} again={() => void loadCart()} /></div>;
    return <div class="pad" role="status"><h1>{t('checkout.title')}</h1><span class="bone w50" /><span class="bone w70" /></div>;
  }
  if ((!now || now.items.length === 0) && state !== 'filling') {
    return (
      <Blank icon="clock" title={t('checkout.finishing')}>
        <p role="status">{state === 'open' && problem ? `${saidOf(problem)} ${t('checkout.open')}` : t('checkout.finishingText')}</p>
        {state === 'open' && <button type="button" class="button" onClick={() => { setState('sending'); void resumeCheckout(id, isGuest.peek()).then(finish); }}>{t('again')}</button>}
      </Blank>
    );
  }
  if (!now || now.items.length === 0) {
    const last = placedOrders().find((placed) => placed.cart === id);
    return (
      <Blank icon="bag" title={t('cart.empty')}>
        {last ? <p>{t('checkout.already')} <a href={`/o/${last.orderId}`}>{t('cart.lastOrder')}</a></p> : <p>{t('cart.emptyText')}</p>}
        <a class="button" href="/">{t('cart.look')}</a>
      </Blank>
    );
  }

  const faulty = now.items.filter((item) => faults.get(item.productId) ?? faultOf(item));
  const busy = state === 'sending';
  return (
    <form class="two checkout" ref={form} noValidate onSubmit={(event) => { event.preventDefault(); void submit(); }}>
      <h1>{t('checkout.title')}</h1>
      <div class="checkout-form">
        {faulty.length > 0 && (
          <section aria-labelledby="faulty">
            <h2 id="faulty">{t('cart.faulty', { count: faulty.length })}</h2>
            <ul class="lines">{faulty.map((item) => <CartLine key={item.productId} item={item} refused={stillRefused(faults.get(item.productId), item.quantity)} />)}</ul>
          </section>
        )}
        <fieldset class="fields">
          <legend><h2>{t('checkout.address')}</h2></legend>
          {FIELDS.map(([field, autocomplete]) => (
            <Field key={field} label={t(`address.${field}`)} wrong={wrongText(field)} class={`address-${field}`}>
              {(given) => field === 'country'
                ? (
                  <select class="select" {...given} autocomplete="country" value={draft.country} required onChange={(event) => type(field, event.currentTarget.value)} onBlur={() => setTouched(new Set([...touched, field]))}>
                    <option value="">{t('address.choose')}</option>
                    {countriesIn(locale()).map(([code, name]) => <option key={code} value={code}>{name}</option>)}
                  </select>
                )
                : <input class="input" {...given} autocomplete={autocomplete} dir="auto" value={draft[field]} required={field !== 'line2'} onInput={(event) => type(field, event.currentTarget.value)} onBlur={() => setTouched(new Set([...touched, field]))} />}
            </Field>
          ))}
        </fieldset>
        <section class="fields-pay" aria-labelledby="pay">
          <h2 id="pay">{t('checkout.pay')}</h2>
          {development.value?.gateway === 'simulated' && <p class="soft small">{t('pay.simulated')}</p>}
          <CardChoice value={token} onChange={setToken} legend={t('checkout.pay')} wrong={fromService.token ?? (touched.size === FIELDS.length && token.trim() === '' ? t('pay.missing') : undefined)} />
        </section>
      </div>
      <aside class="summary" aria-label={t('cart.summary')}>
        <ul class="summary-lines">
          {now.items.map((item) => (
            <li key={item.productId}>
              <Picture src={pictureOf(item.productId)} />
              <span class="clip"><Words of={item.name} /></span>
              <span class="small soft num">{item.quantity} ×</span>
              {item.available ? <Price of={times(item.unitPrice, item.quantity)} /> : <span class="soft">–</span>}
            </li>
          ))}
        </ul>
        <p class="small"><a href="/cart">{t('checkout.change')}</a></p>
        <dl class="sums"><div class="sum-total"><dt>{t('cart.total')}</dt><dd><Price of={now.total} /></dd></div></dl>
        <div class="checkout-said" role="status" tabIndex={-1}>
          {changed && <Notice tone="mind">{t('checkout.changed')}</Notice>}
          {problem && state !== 'sending' && <Notice tone={state === 'open' ? 'mind' : 'bad'}>{state === 'open' ? `${saidOf(problem)} ${t('checkout.open')}` : refusalOf(problem)}</Notice>}
        </div>
        <button type="submit" class="button wide" aria-disabled={busy}>{busy ? t('checkout.sending') : state === 'open' ? t('again') : t('checkout.place')}</button>
        <p class="small soft">{t('checkout.once')}</p>
      </aside>
    </form>
  );
}

const countries = new Map<string, readonly (readonly [code: string, name: string])[]>();

/** The countries by their names in a language, in its order. */
function countriesIn(language: string): readonly (readonly [code: string, name: string])[] {
  let named = countries.get(language);
  if (!named) {
    const names = new Intl.DisplayNames(language, { type: 'region' });
    const { compare } = new Intl.Collator(language);
    named = COUNTRIES.map((code) => [code, names.of(code) ?? code] as const).sort((a, b) => compare(a[1], b[1]));
    countries.set(language, named);
  }
  return named;
}

/** What the checkout said of a line holds until the line asks for no more than there is. */
function stillRefused(fault: Fault | undefined, quantity: number): Fault | undefined {
  return fault?.kind === 'scarce' && fault.available !== undefined && quantity <= fault.available ? undefined : fault;
}

function refusalOf(problem: Problem): string {
  switch (problem.code) {
    case 'out_of_stock':
      return t('checkout.scarce');
    case 'items_unavailable':
      return t('checkout.withdrawn');
    case 'empty_cart':
      return t('cart.empty');
    default:
      return saidOf(problem);
  }
}
