import { useEffect, useRef, useState } from 'preact/hooks';
import type { JSX } from 'preact';
import { t } from '../i18n/words';
import { go, place } from '../router';
import { cutBytes, hrefOf, PAGE, readQuery, wholeShelf } from '../shelf_query';
import { Icon } from './icons';

/** After so many milliseconds without another key, what was typed is searched for. */
const REST = 160;

/** Searches as one types while the shelf is in view; elsewhere, on Enter, it goes there. */
export function SearchBox(): JSX.Element {
  const here = place.value;
  const onShelf = here.path === '/';
  const asked = onShelf ? (here.query.get('q') ?? '') : '';
  const [text, setText] = useState(asked);
  const resting = useRef<ReturnType<typeof setTimeout>>(undefined);
  const sought = useRef(asked);

  // Back and forward change what is asked for; what is being typed is not overwritten by its own search.
  useEffect(() => {
    if (asked !== sought.current) {
      clearTimeout(resting.current);
      sought.current = asked;
      setText(asked);
    }
  }, [asked, here.path]);
  useEffect(() => () => clearTimeout(resting.current), []);

  const search = (next: string): void => {
    clearTimeout(resting.current);
    const q = cutBytes(next, 200);
    sought.current = q;
    if (place.peek().path !== '/') {
      go(hrefOf({ ...wholeShelf, q }));
      return;
    }
    const before = readQuery(place.peek().query);
    if (before.q === q) return;
    // The first letter is an entry of the history, so that back leads to the shelf as it was; the next ones change that entry.
    // A search in relevance's order makes no sense without words.
    const sort = before.sort === 'relevance' && q === '' ? '' : before.sort;
    go(hrefOf({ ...before, q, sort, show: PAGE }), { replace: before.q !== '', still: true });
  };
  const type = (next: string): void => {
    setText(next);
    clearTimeout(resting.current);
    if (onShelf) resting.current = setTimeout(() => search(next), next === '' ? 0 : REST);
  };

  return (
    <form class="search" role="search" onSubmit={(event) => { event.preventDefault(); search(text); }}>
      <Icon name="search" size={20} />
      <input
        class="input" type="search" name="q" value={text} aria-label={t('search.label')} placeholder={t('search.label')}
        autocomplete="off" autocapitalize="off" spellcheck={false} enterkeyhint="search" dir="auto"
        onInput={(event) => type(event.currentTarget.value)}
      />
      {text !== '' && <button type="button" class="icon-button" aria-label={t('search.clear')} onClick={(event) => { type(''); event.currentTarget.form?.querySelector('input')?.focus(); }}><Icon name="close" size={18} /></button>}
    </form>
  );
}
