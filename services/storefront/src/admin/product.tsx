import type { JSX } from 'preact';
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { newKey } from '../api/http';
import type { Problem } from '../api/problem';
import { shop, type Product } from '../api/shop';
import { exampleOf, money, number, time, typed } from '../i18n';
import { parseMoney } from '../money';
import { go } from '../router';
import { Blank, Failed, Field, Notice, Picture, saidOf, useTitle, Words } from '../ui/parts';
import { toast } from '../ui/toasts';
import { office } from './calls';
import { chosen, FIELDS, fieldsOf, same, threeWay, type FieldName, type Fields } from './merge';
import { Head, Panel } from './parts';
import { w } from './words';

const MOST = { name: 200, description: 4000, category: 100 } as const;
const MOST_AMOUNT = 1_000_000_000_000n;

/** As somebody types it. */
interface Draft {
  name: string;
  description: string;
  category: string;
  price: string;
  currency: string;
}
type Wrong = Partial<Record<keyof Draft | 'stock' | 'id', string>>;

const draftOf = ({ name, description, category, price }: Fields): Draft => ({ name, description, category, price: typed(price), currency: price.currency });

/** The draft as it is sent, or what is wrong with it. */
function readDraft(draft: Draft): { fields: Fields } | { wrong: Wrong } {
  const wrong: Wrong = {};
  for (const field of ['name', 'category'] as const) if (draft[field].trim() === '') wrong[field] = w('required');
  for (const field of ['name', 'description', 'category'] as const) if ([...draft[field]].length > MOST[field]) wrong[field] = w('product.tooLong', { most: MOST[field] });
  const currency = draft.currency.trim().toUpperCase();
  const known = /^[A-Z]{3}$/.test(currency);
  if (!known) wrong.currency = w('product.currencyWrong');
  const amount = known ? parseMoney(draft.price.trim(), currency) : undefined;
  if (draft.price.trim() === '') wrong.price = w('required');
  else if (known && amount === undefined) wrong.price = w('product.priceWrong', { currency, example: exampleOf(currency) });
  else if (amount !== undefined && amount > MOST_AMOUNT) wrong.price = w('product.priceHigh');
  if (Object.keys(wrong).length > 0 || amount === undefined) return { wrong };
  return { fields: { name: draft.name.trim(), description: draft.description, category: draft.category.trim(), price: { amount: Number(amount), currency } } };
}

/** The service's words at the fields that they are about. */
function wrongOf(problem: Problem): Wrong {
  const wrong: Wrong = {};
  for (const { pointer, detail } of problem.errors) {
    const [, head = '', part] = pointer.split('/');
    const field = head === 'price' ? (part === 'currency' ? 'currency' : 'price') : head;
    if (['name', 'description', 'category', 'price', 'currency', 'stock', 'id'].includes(field)) wrong[field as keyof Wrong] ??= detail;
  }
  return wrong;
}

function Inputs({ draft, wrong, onChange }: { draft: Draft; wrong: Wrong; onChange: (next: Draft) => void }): JSX.Element {
  const [categories, setCategories] = useState<readonly string[]>([]);
  useEffect(() => {
    void office.categories().then((answer) => answer.ok && setCategories(answer.value.items.map(({ name }) => name)));
  }, []);
  const change = (name: keyof Draft) => (event: { currentTarget: HTMLInputElement | HTMLTextAreaElement }): void => onChange({ ...draft, [name]: event.currentTarget.value });
  return (
    <>
      <Field label={w('product.name')} wrong={wrong.name}>
        {(given) => <input class="input" {...given} dir="auto" required value={draft.name} onInput={change('name')} />}
      </Field>
      <Field label={w('product.category')} wrong={wrong.category}>
        {(given) => <input class="input" {...given} dir="auto" required list="categories" value={draft.category} onInput={change('category')} />}
      </Field>
      <datalist id="categories">{categories.map((one) => <option key={one} value={one} />)}</datalist>
      <div class="field-pair">
        <Field label={w('product.price')} wrong={wrong.price} hint={w('product.priceHint', { example: exampleOf(draft.currency.trim().toUpperCase()) })}>
          {(given) => <input class="input" {...given} required inputMode="decimal" autocomplete="off" value={draft.price} onInput={change('price')} />}
        </Field>
        <Field label={w('product.currency')} wrong={wrong.currency}>
          {(given) => <input class="input" {...given} required maxLength={3} autocapitalize="characters" autocomplete="off" spellcheck={false} value={draft.currency} onInput={change('currency')} />}
        </Field>
      </div>
      <Field label={w('product.description')} wrong={wrong.description}>
        {(given) => <textarea class="input" {...given} dir="auto" rows={5} value={draft.description} onInput={change('description')} />}
      </Field>
    </>
  );
}

/** The first field with something wrong takes the focus, so that a screen reader says what it is. */
const focusWrong = (form: HTMLElement | null): void => {
  requestAnimationFrame(() => form?.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus());
};

const count = (text: string): number | undefined => (/^\d{1,10}$/.test(text.trim()) && Number(text) <= 1_000_000_000 ? Number(text) : undefined);

export function NewProductView(): JSX.Element {
  useTitle(w('product.new'));
  const [draft, setDraft] = useState<Draft>({ name: '', description: '', category: '', price: '', currency: 'EUR' });
  const [stock, setStock] = useState('');
  const [id, setId] = useState('');
  const [wrong, setWrong] = useState<Wrong>({});
  const [problem, setProblem] = useState<Problem>();
  const [busy, setBusy] = useState(false);
  const form = useRef<HTMLFormElement>(null);
  const key = useRef(newKey());
  useLeaveAsk(draft.name !== '' || draft.description !== '');

  const create = async (): Promise<void> => {
    if (busy) return;
    const read = readDraft(draft);
    const found: Wrong = 'wrong' in read ? { ...read.wrong } : {};
    if (count(stock) === undefined) found.stock = w('product.stockWrong');
    if (id.trim() !== '' && !/^[\w-]{1,64}$/.test(id.trim())) found.id = w('product.idWrong');
    setWrong(found);
    setProblem(undefined);
    if ('wrong' in read || Object.keys(found).length > 0) return focusWrong(form.current);
    setBusy(true);
    const answer = await office.create({ ...read.fields, price: { ...read.fields.price, amount: Number(read.fields.price.amount) }, stock: count(stock)!, ...(id.trim() && { id: id.trim() }) }, key.current);
    setBusy(false);
    if (answer.ok) {
      toast(<Words of={w('product.created', { name: answer.value.name })} />);
      return go(`/admin/products/${answer.value.id}`, { replace: true });
    }
    // Lost on the way: the same key again finds what was done.
    if (answer.problem.kind === 'refused') key.current = newKey();
    const fields = answer.problem.status === 409 ? { id: w('product.idTaken') } : wrongOf(answer.problem);
    setWrong(fields);
    if (Object.keys(fields).length > 0) focusWrong(form.current);
    else setProblem(answer.problem);
  };
  return (
    <>
      <Head title={w('product.new')} />
      <form ref={form} class="office-form" noValidate onSubmit={(event) => { event.preventDefault(); void create(); }} onInput={() => { key.current = newKey(); }}>
        <Inputs draft={draft} wrong={wrong} onChange={setDraft} />
        <Field label={w('product.stock')} wrong={wrong.stock}>
          {(given) => <input class="input short" {...given} required inputMode="numeric" autocomplete="off" value={stock} onInput={(event) => setStock(event.currentTarget.value)} />}
        </Field>
        <Field label={w('product.id')} wrong={wrong.id} hint={w('product.idHint')}>
          {(given) => <input class="input" {...given} autocapitalize="off" autocomplete="off" spellcheck={false} maxLength={64} value={id} onInput={(event) => setId(event.currentTarget.value)} />}
        </Field>
        {problem && <Notice tone="bad" live>{saidOf(problem)}</Notice>}
        <p><button type="submit" class="button" aria-disabled={busy}>{w('product.create')}</button></p>
      </form>
    </>
  );
}

/** Asks before the tab is closed over something that was not saved. */
function useLeaveAsk(dirty: boolean): void {
  useEffect(() => {
    if (!dirty) return;
    const ask = (event: BeforeUnloadEvent): void => event.preventDefault();
    addEventListener('beforeunload', ask);
    return () => removeEventListener('beforeunload', ask);
  }, [dirty]);
}

/** A product and the tag it was read under. */
interface Known {
  readonly product: Product;
  readonly tag: string;
}

async function read(id: string): Promise<{ known: Known } | { problem: Problem }> {
  const answer = await shop.product(id);
  return answer.ok ? { known: { product: answer.value, tag: answer.headers.get('ETag') ?? '*' } } : { problem: answer.problem };
}

export function ProductView({ productId = '' }: { productId?: string }): JSX.Element {
  const [known, setKnown] = useState<Known>();
  const [problem, setProblem] = useState<Problem>();
  const load = async (): Promise<void> => {
    setProblem(undefined);
    const found = await read(productId);
    if ('known' in found) setKnown(found.known);
    else setProblem(found.problem);
  };
  useEffect(() => void load(), [productId]);
  useTitle(known?.product.name ?? w('products.title'));
  if (problem?.status === 404) return <Blank icon="box" title={w('product.gone')}><a class="button" href="/admin/products">{w('products.title')}</a></Blank>;
  if (problem && !known) return <><Head title={w('products.title')} /><Failed problem={problem} again={() => void load()} /></>;
  if (!known) return <div class="rows" role="status"><span class="unseen">…</span><span class="bone w50 bone-title" /><span class="bone office-bone" /><span class="bone office-bone" /></div>;
  const { product } = known;
  return (
    <>
      <Head title={<Words of={product.name} />}>
        <a class="button quiet small" href={`/p/${product.id}`}>{w('product.see')}</a>
        <a class="button quiet small" href={`/admin/demand/${product.id}`}>{w('product.demand')}</a>
      </Head>
      <p class="small soft">{product.id} · {w('product.version', { version: product.version, at: time(product.updatedAt) })}</p>
      <div class="office-two">
        <Editor known={known} onKnown={setKnown} />
        <div class="office-column">
          <StockPanel known={known} onKnown={setKnown} />
          <PicturePanel known={known} onKnown={setKnown} />
        </div>
      </div>
    </>
  );
}

function Editor({ known, onKnown }: { known: Known; onKnown: (next: Known) => void }): JSX.Element {
  // What the edit began from. It stays while somebody else changes the product, so that his change can be told from ours.
  const [base, setBase] = useState<Fields>(fieldsOf(known.product));
  const [draft, setDraft] = useState<Draft>(draftOf(base));
  const [wrong, setWrong] = useState<Wrong>({});
  const [problem, setProblem] = useState<Problem>();
  const [said, setSaid] = useState('');
  const [busy, setBusy] = useState(false);
  const [clash, setClash] = useState<{ mine: Fields; theirs: Known }>();
  const form = useRef<HTMLFormElement>(null);
  const pristine = useMemo(() => JSON.stringify(draftOf(base)), [base]);
  const dirty = JSON.stringify(draft) !== pristine;
  useLeaveAsk(dirty);

  // A new picture or count has a new tag, but leaves these fields; what nobody edits here follows what came.
  useEffect(() => {
    if (!dirty) {
      setBase(fieldsOf(known.product));
      setDraft(draftOf(fieldsOf(known.product)));
    }
  }, [known]);

  const saved = (product: Product, tag: string | null): void => {
    setClash(undefined);
    setBase(fieldsOf(product));
    setDraft(draftOf(fieldsOf(product)));
    onKnown({ product, tag: tag ?? '*' });
    setSaid(w('product.saved'));
  };

  /** Saves on top of `on`, unless the fields were changed since `from` by somebody else. */
  const send = async (mine: Fields, from: Fields, on: Known): Promise<void> => {
    setBusy(true);
    setProblem(undefined);
    setSaid('');
    let now = on;
    for (let attempt = 0; ; ++attempt) {
      const merged = threeWay(from, mine, fieldsOf(now.product));
      if (merged.foreign.length > 0) {
        setBusy(false);
        return setClash({ mine, theirs: now });
      }
      const { imageUrl } = now.product;
      const body = { ...mine, price: { currency: mine.price.currency, amount: Number(mine.price.amount) }, ...(imageUrl && { imageUrl }) };
      const answer = await office.replace(now.product.id, body, now.tag, newKey());
      if (answer.ok) {
        setBusy(false);
        return saved(answer.value, answer.headers.get('ETag'));
      }
      if (answer.problem.status !== 412 || attempt >= 5) {
        setBusy(false);
        const fields = wrongOf(answer.problem);
        setWrong(fields);
        if (Object.keys(fields).length > 0) focusWrong(form.current);
        else setProblem(answer.problem);
        return;
      }
      // Something changed: often only the stock, by a sale, which is no reason to ask anybody.
      const found = await read(now.product.id);
      if ('problem' in found) {
        setBusy(false);
        return setProblem(found.problem);
      }
      now = found.known;
    }
  };
  const submit = (): void => {
    if (busy) return;
    const found = readDraft(draft);
    setWrong('wrong' in found ? found.wrong : {});
    if ('wrong' in found) return focusWrong(form.current);
    if (FIELDS.every((field) => same(found.fields, base, field))) {
      setDraft(draftOf(base));
      return setSaid(w('product.nothing'));
    }
    void send(found.fields, base, known);
  };

  if (clash) {
    return (
      <Merge mine={clash.mine} base={base} theirs={clash.theirs} busy={busy}
        onSave={(fields) => void send(fields, fieldsOf(clash.theirs.product), clash.theirs)}
        onDrop={() => {
          saved(clash.theirs.product, clash.theirs.tag);
          setSaid('');
        }}
        problem={problem} />
    );
  }
  return (
    <Panel id="details" title={w('product.details')}>
      <form ref={form} class="office-form" noValidate onSubmit={(event) => { event.preventDefault(); submit(); }}>
        <Inputs draft={draft} wrong={wrong} onChange={(next) => { setDraft(next); setSaid(''); }} />
        {problem && <Notice tone="bad" live>{saidOf(problem)}</Notice>}
        <div class="form-end">
          <button type="submit" class="button" aria-disabled={busy}>{w('save')}</button>
          {dirty && <button type="button" class="button quiet" onClick={() => { setDraft(draftOf(base)); setWrong({}); }}>{w('cancel')}</button>}
          <span class="small soft" role="status">{said}</span>
        </div>
      </form>
    </Panel>
  );
}

function Merge({ mine, base, theirs, busy, problem, onSave, onDrop }: {
  mine: Fields; base: Fields; theirs: Known; busy: boolean; problem: Problem | undefined; onSave: (fields: Fields) => void; onDrop: () => void;
}): JSX.Element {
  const others = fieldsOf(theirs.product);
  const merged = threeWay(base, mine, others);
  const [wanted, setWanted] = useState<ReadonlySet<FieldName>>(new Set());
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    // What only they changed is theirs at first; what both did is mine.
    setWanted(new Set(merged.foreign.filter((field) => same(base, mine, field))));
    heading.current?.focus();
  }, [theirs]);
  const shown = (fields: Fields, field: FieldName): string => {
    const value = fields[field];
    return typeof value === 'string' ? value || w('merge.empty') : money(value);
  };
  const choose = (field: FieldName, take: boolean): void => {
    const next = new Set(wanted);
    if (take) next.add(field);
    else next.delete(field);
    setWanted(next);
  };
  return (
    <section class="panel mind-panel" aria-labelledby="merge">
      <h2 id="merge" tabIndex={-1} ref={heading}>{w('merge.title')}</h2>
      <p>{w('merge.text')}</p>
      <form class="office-form" onSubmit={(event) => { event.preventDefault(); if (!busy) onSave(chosen(mine, others, wanted)); }}>
        {merged.foreign.map((field) => (
          <fieldset class="choice" key={field}>
            <legend class="label">{w(`product.${field}`)}</legend>
            {([false, true] as const).map((take) => (
              <label key={String(take)} class="choice-one">
                <input type="radio" name={`merge-${field}`} checked={wanted.has(field) === take} onChange={() => choose(field, take)} />
                <span><span class="small soft">{w(take ? 'merge.theirs' : 'merge.mine')}</span><br /><Words of={shown(take ? others : mine, field)} class="choice-words" /></span>
              </label>
            ))}
          </fieldset>
        ))}
        {problem && <Notice tone="bad" live>{saidOf(problem)}</Notice>}
        <div class="form-end">
          <button type="submit" class="button" aria-disabled={busy}>{w('merge.save')}</button>
          <button type="button" class="button quiet" onClick={onDrop}>{w('merge.drop')}</button>
        </div>
      </form>
    </section>
  );
}

function StockPanel({ known: { product, tag }, onKnown }: { known: Known; onKnown: (next: Known) => void }): JSX.Element {
  const [change, setChange] = useState('');
  const [counted, setCounted] = useState('');
  const [wrong, setWrong] = useState<{ change?: string; counted?: string }>({});
  const [said, setSaid] = useState('');
  const [busy, setBusy] = useState(false);
  const key = useRef(newKey());

  const refresh = async (): Promise<Product | undefined> => {
    const found = await read(product.id);
    if (!('known' in found)) return undefined;
    onKnown(found.known);
    return found.known.product;
  };
  const apply = async (): Promise<void> => {
    if (busy) return;
    const delta = /^[+-]?\d{1,9}$/.test(change.trim()) ? Number(change) : 0;
    setSaid('');
    if (delta === 0) return setWrong({ change: w('stock.changeWrong') });
    setWrong({});
    setBusy(true);
    const answer = await office.changeStock(product.id, delta, key.current);
    setBusy(false);
    if (answer.ok || answer.problem.kind === 'refused') key.current = newKey();
    if (!answer.ok) {
      const now = answer.problem.status === 409 ? await refresh() : undefined;
      return setWrong({ change: now ? w('stock.held', { reserved: now.reserved }) : saidOf(answer.problem) });
    }
    setChange('');
    onKnown({ product: answer.value, tag: answer.headers.get('ETag') ?? tag });
    setSaid(w('stock.done', { stock: answer.value.stock }));
  };
  /** A count holds for the moment at which it was made: if the stock has moved since it was shown, it is no longer true. */
  const take = async (): Promise<void> => {
    if (busy) return;
    const stock = count(counted);
    setSaid('');
    if (stock === undefined) return setWrong({ counted: w('product.stockWrong') });
    setWrong({});
    setBusy(true);
    const { name, description, category, price, imageUrl } = product;
    const answer = await office.replace(product.id, { name, description, category, price: { currency: price.currency, amount: Number(price.amount) }, stock, ...(imageUrl && { imageUrl }) }, tag, newKey());
    if (answer.ok) {
      setBusy(false);
      setCounted('');
      onKnown({ product: answer.value, tag: answer.headers.get('ETag') ?? '*' });
      return setSaid(w('stock.done', { stock: answer.value.stock }));
    }
    const now = answer.problem.status === 412 ? await refresh() : undefined;
    setBusy(false);
    setWrong({ counted: now ? w('stock.moved', { stock: now.stock }) : saidOf(answer.problem) });
  };
  return (
    <Panel id="stock" title={w('product.stock')}>
      <dl class="stock-facts">
        <div><dt class="small soft">{w('stock.shelf')}</dt><dd class="num">{number(product.stock)}</dd></div>
        <div><dt class="small soft">{w('stock.reserved')}</dt><dd class="num">{number(product.reserved)}</dd></div>
        <div><dt class="small soft">{w('stock.available')}</dt><dd class="num">{number(product.available)}</dd></div>
      </dl>
      <form class="action" noValidate onSubmit={(event) => { event.preventDefault(); void apply(); }}>
        <Field label={w('stock.change')} hint={w('stock.changeHint')} wrong={wrong.change}>
          {(given) => <input class="input" {...given} inputMode="text" autocomplete="off" value={change} onInput={(event) => { setChange(event.currentTarget.value); key.current = newKey(); }} />}
        </Field>
        <button type="submit" class="button quiet small" aria-disabled={busy}>{w('stock.apply')}</button>
      </form>
      <form class="action" noValidate onSubmit={(event) => { event.preventDefault(); void take(); }}>
        <Field label={w('stock.take')} wrong={wrong.counted}>
          {(given) => <input class="input" {...given} inputMode="numeric" autocomplete="off" value={counted} onInput={(event) => setCounted(event.currentTarget.value)} />}
        </Field>
        <button type="submit" class="button quiet small" aria-disabled={busy}>{w('stock.set')}</button>
      </form>
      <p class="small soft" role="status">{said}</p>
    </Panel>
  );
}

const MOST_PICTURE = 512 * 1024;
const PICTURES = ['image/svg+xml', 'image/png', 'image/jpeg', 'image/webp'];

function PicturePanel({ known: { product }, onKnown }: { known: Known; onKnown: (next: Known) => void }): JSX.Element {
  const [file, setFile] = useState<File>();
  const [wrong, setWrong] = useState('');
  const [busy, setBusy] = useState(false);
  const preview = useMemo(() => (file ? URL.createObjectURL(file) : ''), [file]);
  useEffect(() => () => { if (preview) URL.revokeObjectURL(preview); }, [preview]);

  /** The input forgets it at once: the same file, once it is mended, may be chosen again. */
  const choose = (chosenFile: File | undefined): void => {
    if (!chosenFile) return;
    const said = !PICTURES.includes(chosenFile.type) ? w('picture.wrongType') : chosenFile.size > MOST_PICTURE ? w('picture.tooLarge', { size: Math.ceil(chosenFile.size / 1024) }) : '';
    setWrong(said);
    setFile(said === '' ? chosenFile : undefined);
  };
  const done = (): void => setFile(undefined);
  const use = async (): Promise<void> => {
    if (!file || busy) return;
    setBusy(true);
    setWrong('');
    const answer = await office.picture(product.id, file, newKey());
    if (!answer.ok) {
      setBusy(false);
      const { code } = answer.problem;
      return setWrong(code === 'active_picture' ? w('picture.active') : code === 'invalid_picture' ? w('picture.invalid') : saidOf(answer.problem));
    }
    const found = await read(product.id);
    setBusy(false);
    done();
    if ('known' in found) onKnown(found.known);
    toast(w('picture.saved'));
  };
  return (
    <Panel id="picture" title={w('picture.title')}>
      <div class="picture-place">
        {file ? <span class="picture"><img src={preview} alt={w('picture.preview')} width="400" height="400" /></span> : <Picture src={product.imageUrl} eager />}
      </div>
      {file && <p class="small soft">{w('picture.preview')}</p>}
      <div class="form-end">
        <label class={`button quiet small file-button ${busy ? 'off' : ''}`}>
          {w('picture.choose')}
          <input class="unseen" type="file" accept={PICTURES.join(',')} disabled={busy} onChange={(event) => { choose(event.currentTarget.files?.[0]); event.currentTarget.value = ''; }} />
        </label>
        {file && <button type="button" class="button small" aria-disabled={busy} onClick={() => void use()}>{w('picture.use')}</button>}
        {file && <button type="button" class="button quiet small" onClick={done}>{w('cancel')}</button>}
      </div>
      <p class="small soft">{w('picture.hint')}</p>
      {wrong && <Notice tone="bad" live>{wrong}</Notice>}
    </Panel>
  );
}
