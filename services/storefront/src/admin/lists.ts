import { useEffect, useRef, useState } from 'preact/hooks';
import type { Answer } from '../api/http';
import type { Problem } from '../api/problem';

interface Page<T> {
  readonly items: readonly T[];
  readonly nextCursor?: string;
}

export interface Listed<T, P> {
  /** Undefined until the first page is there. */
  readonly items: readonly T[] | undefined;
  /** The newest page as it came. */
  readonly page: P | undefined;
  readonly more: (() => void) | undefined;
  readonly busy: boolean;
  readonly problem: Problem | undefined;
  readonly again: () => void;
  readonly change: (edit: (items: readonly T[]) => readonly T[]) => void;
}

/** A list that comes in pages, begun anew whenever `asked` changes. What is on its way for an earlier one is given up. */
export function useList<T, P extends Page<T>>(asked: string, fetchPage: (cursor: string | undefined, signal: AbortSignal) => Promise<Answer<P>>): Listed<T, P> {
  const [state, setState] = useState<{ asked: string; items?: readonly T[]; page?: P; next?: string | undefined; problem?: Problem }>({ asked });
  const [busy, setBusy] = useState(false);
  const running = useRef<AbortController>(undefined);

  const load = async (cursor: string | undefined): Promise<void> => {
    running.current?.abort();
    const mine = (running.current = new AbortController());
    setBusy(true);
    const answer = await fetchPage(cursor, mine.signal);
    if (mine.signal.aborted) return;
    setBusy(false);
    setState((before) => {
      const items = cursor === undefined ? [] : (before.items ?? []);
      if (!answer.ok) return { asked, ...(before.items ? { items: before.items } : {}), ...(before.page ? { page: before.page } : {}), next: cursor, problem: answer.problem };
      return { asked, items: [...items, ...answer.value.items], page: answer.value, next: answer.value.nextCursor };
    });
  };
  useEffect(() => {
    void load(undefined);
    return () => running.current?.abort();
  }, [asked]);

  const { items, page, next, problem } = state;
  return {
    items, page, busy, problem,
    more: next === undefined || problem ? undefined : () => { if (!busy) void load(next); },
    again: () => void load(next),
    change: (edit) => setState((before) => (before.items ? { ...before, items: edit(before.items) } : before)),
  };
}
