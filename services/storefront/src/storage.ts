/**
 * The browser's storage as a place that may be full, forbidden or filled by an older page: reading gives undefined then, and
 * writing is given up, since nothing here is more than a convenience or the shop's own to know. (The idempotency key of a
 * checkout under way is lost with it; a cart that was checked out is empty then, so a second order does not come of it.)
 */
export function readStored<T>(place: () => Storage, name: string, isValid: (value: unknown) => value is T): T | undefined {
  try {
    const text = place().getItem(name);
    if (text === null) return undefined;
    const value: unknown = JSON.parse(text);
    return isValid(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

export function writeStored(place: () => Storage, name: string, value: unknown): void {
  try {
    if (value === undefined) place().removeItem(name);
    else place().setItem(name, JSON.stringify(value));
  } catch {
    // Nothing to be done about it.
  }
}

export const isText = (value: unknown): value is string => typeof value === 'string';

/** For good, and shared by all tabs. */
export const kept = (): Storage => localStorage;
/** Until the tab is closed. */
export const passing = (): Storage => sessionStorage;
