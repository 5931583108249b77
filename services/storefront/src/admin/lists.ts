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

/** So many pages are read before somebody is asked whether to go on: the catalog has no list by stock, and the ledger no sums. */
const PAGES_AT_ONCE = 20;

/**
 * Reads on, page by page, from what is known `so` far, which `show` is told after each page. What is on its way for an earlier call of
 * `read` is given up; so it is by what `read` returns, for an effect's end.
 */
export function useRounds<T>(
  show: (so: T) => void, step: (so: T, signal: AbortSignal) => Promise<Answer<{ so: T; more: boolean }>>,
): { busy: boolean; problem: Problem | undefined; read: (from: T) => () => void } {
  const [busy, setBusy] = useState(true);
  const [problem, setProblem] = useState<Problem>();
  const running = useRef<AbortController>(undefined);

  const run = async (from: T): Promise<void> => {
    running.current?.abort();
    const mine = (running.current = new AbortController());
    setBusy(true);
    setProblem(undefined);
    let so = from;
    for (let page = 0; page < PAGES_AT_ONCE; ++page) {
      const answer = await step(so, mine.signal);
      if (mine.signal.aborted) return;
      if (!answer.ok) {
        setProblem(answer.problem);
        break;
      }
      so = answer.value.so;
      show(so);
      if (!answer.value.more) break;
    }
    setBusy(false);
  };
  const read = (from: T): (() => void) => {
    void run(from);
    return () => running.current?.abort();
  };
  return { busy, problem, read };
}
