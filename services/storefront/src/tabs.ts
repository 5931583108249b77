/** Lets one tab after the other do something. Without locks (a page over plain HTTP) only within this tab. */
const lines = new Map<string, Promise<unknown>>();

export function oneAtATime<T>(name: string, work: () => Promise<T>): Promise<T> {
  if (navigator.locks) return navigator.locks.request(name, work) as Promise<T>;
  const next = (lines.get(name) ?? Promise.resolve()).then(work, work);
  lines.set(name, next.catch(() => {}));
  return next;
}
