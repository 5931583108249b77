import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { go, place } from '../router';
import { w } from './words';

/** Changes one part of the address and stays where it is. An empty one leaves the address. */
export function setQuery(name: string, value: string): void {
  const query = new URLSearchParams(place.peek().query);
  if (value === '') query.delete(name);
  else query.set(name, value);
  const text = query.toString();
  go(`${place.peek().path}${text && `?${text}`}`, { replace: true, still: true });
}

/** What is typed for one part of the address, which follows so many milliseconds after the last letter. */
function useTyped(name: string, rest: number): [text: string, type: (text: string) => void] {
  const [text, setText] = useState(place.peek().query.get(name) ?? '');
  useEffect(() => {
    const timer = setTimeout(() => {
      if (text.trim() !== (place.peek().query.get(name) ?? '')) setQuery(name, text.trim());
    }, rest);
    return () => clearTimeout(timer);
  }, [text]);
  return [text, setText];
}

/** A search as one types. */
export function SearchField({ label }: { label: string }): JSX.Element {
  const [text, type] = useTyped('q', 200);
  return (
    <label class="filter wide">
      <span class="small soft">{label}</span>
      <input class="input" type="search" dir="auto" value={text} maxLength={200} onInput={(event) => type(event.currentTarget.value)} />
    </label>
  );
}

export function CustomerFilter(): JSX.Element {
  const [text, type] = useTyped('customer', 300);
  return (
    <label class="filter">
      <span class="small soft">{w('orders.customer')}</span>
      <input class="input" type="search" dir="auto" autocapitalize="off" spellcheck={false} value={text} onInput={(event) => type(event.currentTarget.value)} />
    </label>
  );
}
