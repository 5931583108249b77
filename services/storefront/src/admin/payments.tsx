import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { time } from '../i18n';
import { Failed, Price, useTitle } from '../ui/parts';
import { office, type LedgerEntry } from './calls';
import { sumsOf } from './ledger';
import { useRounds } from './lists';
import { Head, Panel, shortNumber } from './parts';
import { w } from './words';

const SHOWN = 100;

interface Read {
  readonly entries: readonly LedgerEntry[];
  /** The cursor of the last page that was asked for: what is new comes on the page that it names. */
  readonly at: string | undefined;
  /** Entries before that page. */
  readonly before: number;
  readonly more: boolean;
}

export function PaymentsView(): JSX.Element {
  useTitle(w('ledger.title'));
  const [read, setRead] = useState<Read>({ entries: [], at: undefined, before: 0, more: true });
  const [shown, setShown] = useState(SHOWN);
  const { busy, problem, read: load } = useRounds<Read>(setRead, async (so, signal) => {
    const answer = await office.ledger(so.at, { signal });
    if (!answer.ok) return answer;
    const { items, nextCursor } = answer.value;
    // The last page is read again when there may be more on it: what it had before is replaced.
    const entries = [...so.entries.slice(0, so.before), ...items];
    const more = nextCursor !== undefined;
    return { ...answer, value: { so: more ? { entries, at: nextCursor, before: entries.length, more } : { entries, at: so.at, before: so.before, more }, more } };
  });
  useEffect(() => load(read), []);

  const sums = sumsOf(read.entries);
  const newest = read.entries.slice(-shown).reverse();
  return (
    <>
      <Head title={w('ledger.title')}>
        {!busy && !read.more && <button type="button" class="button quiet small" onClick={() => load(read)}>{w('ledger.fresh')}</button>}
      </Head>
      <p class="small soft" role="status">
        {busy && read.entries.length === 0 ? w('ledger.reading') : read.more && !busy ? w('ledger.partial', { count: read.entries.length }) : w('ledger.entries', { count: read.entries.length })}
      </p>
      {problem && <Failed problem={problem} again={() => load(read)} />}
      {read.more && !busy && !problem && <p class="more"><button type="button" class="button quiet small" onClick={() => load(read)}>{w('ledger.on')}</button></p>}
      {sums.length > 0 && (
        <Panel id="sums" title={w('ledger.sums')}>
          <div class="table-place" role="group" aria-labelledby="sums" tabIndex={0}>
            <table class="table">
              <thead><tr><th scope="col">{w('ledger.currency')}</th><th scope="col" class="right">{w('ledger.charged')}</th><th scope="col" class="right">{w('ledger.refunded')}</th><th scope="col" class="right">{w('ledger.net')}</th></tr></thead>
              <tbody>
                {sums.map(({ currency, charged, refunded, net }) => (
                  <tr key={currency}><th scope="row">{currency}</th><td class="right"><Price of={charged} /></td><td class="right"><Price of={refunded} /></td><td class="right strong"><Price of={net} /></td></tr>
                ))}
              </tbody>
            </table>
          </div>
        </Panel>
      )}
      {newest.length > 0 && (
        <Panel id="entries" title={w('ledger.list')}>
          <div class="table-place" role="group" aria-labelledby="entries" tabIndex={0}>
            <table class="table">
              <thead><tr><th scope="col">{w('ledger.at')}</th><th scope="col">{w('ledger.kind')}</th><th scope="col">{w('ledger.order')}</th><th scope="col" class="right">{w('ledger.amount')}</th></tr></thead>
              <tbody>
                {newest.map((entry) => (
                  <tr key={`${entry.key} ${entry.kind}`}>
                    <td class="num">{time(entry.at)}</td>
                    <td>{w(`ledger.${entry.kind}`)}</td>
                    <td><a class="num" href={`/admin/orders/${entry.orderId}`} aria-label={w('order.title', { number: shortNumber(entry.orderId) })}>{shortNumber(entry.orderId)}</a></td>
                    <td class="right"><Price of={entry.amount} /></td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
          {shown < read.entries.length && <p class="more"><button type="button" class="button quiet small" onClick={() => setShown(shown + SHOWN)}>{w('more')}</button></p>}
        </Panel>
      )}
      {read.entries.length === 0 && !busy && !problem && <p class="soft office-none">{w('ledger.none')}</p>}
    </>
  );
}
