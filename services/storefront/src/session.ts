import { computed, signal } from '@preact/signals';
import { passing, readStored, writeStored } from './storage';

/**
 * Who is signed in. This module is all the page knows of signing in, so that OpenID can take its place: it gives a token to the
 * client of the services, a name and a role to show, and the two ways in and out.
 *
 * Until then tokens come from the laptop's own form (`POST /development/sign-in`). A token is kept in sessionStorage: it lasts
 * over a reload, ends with the tab, and is not left behind on a shared machine as in localStorage. A script that got into the
 * page could read it in either; the Content-Security-Policy is what keeps such a script out. A tab that is opened from another one asks it
 * for its session over a BroadcastChannel, which only pages of this origin hear.
 */
export interface Session {
  readonly token: string;
  /** The customer's id in the services. */
  readonly sub: string;
  readonly role: 'customer' | 'admin';
}

export const session = signal<Session | undefined>(readStored(passing, 'session', isSession));
/** Signed in with a token that ran out, until somebody signs in again. */
export const ranOut = signal(false);
export const isAdmin = computed(() => session.value?.role === 'admin');
/** What is ordered now belongs to nobody: also an administrator's own order is a guest's. */
export const isGuest = computed(() => session.value?.role !== 'customer');

/** What is told of the platform below: `laptop` has the form, and the simulated gateway's cards. Undefined until it is known. */
export interface Development {
  readonly laptop: boolean;
  readonly gateway: string;
}
export const development = signal<Development | undefined | null>(undefined);

const ASK_AGAIN = 3000;

let asking: Promise<void> | undefined;
/** Asks until it is answered; a platform that is none of a developer's has no such path. */
export function learnDevelopment(): Promise<void> {
  asking ??= (async () => {
    try {
      const response = await fetch('/development', { headers: { Accept: 'application/json' } });
      if (response.status >= 500) throw new Error(`HTTP ${response.status}`);
      const said: unknown = response.ok ? await response.json() : undefined;
      development.value = isDevelopment(said) ? said : null;
    } catch {
      asking = undefined;
      setTimeout(() => void learnDevelopment(), ASK_AGAIN);
    }
  })();
  return asking;
}

export type SignedIn = 'in' | 'refused' | 'unreachable';

/** Signs in as anybody, where the platform below is a laptop's. */
export async function signIn(role: Session['role'], name: string): Promise<SignedIn> {
  try {
    const response = await fetch('/development/sign-in', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', Accept: 'application/json' },
      body: JSON.stringify({ role, name }),
    });
    if (!response.ok) return response.status >= 500 ? 'unreachable' : 'refused';
    const said = (await response.json()) as { token?: unknown };
    const next = typeof said.token === 'string' ? sessionOf(said.token) : undefined;
    if (!next) return 'refused';
    begin(next);
    tell({ kind: 'in', session: next });
    return 'in';
  } catch {
    return 'unreachable';
  }
}

export function signOut(): void {
  const sub = session.peek()?.sub;
  end();
  if (sub !== undefined) tell({ kind: 'out', sub });
}

/** The services no longer accept this token. */
export function expireSession(token: string): void {
  if (session.value?.token !== token) return;
  end();
  ranOut.value = true;
}

/** Reads a token for what it says of its owner; whether it is true is the services' to judge. */
export function sessionOf(token: string): Session | undefined {
  try {
    const claims: unknown = JSON.parse(decodeBase64Url(token.split('.')[1] ?? ''));
    if (typeof claims !== 'object' || claims === null) return undefined;
    const { sub, role } = claims as Record<string, unknown>;
    if (typeof sub !== 'string') return undefined;
    return { token, sub, role: role === 'admin' ? 'admin' : 'customer' };
  } catch {
    return undefined;
  }
}

function decodeBase64Url(text: string): string {
  const bytes = Uint8Array.from(atob(text.replace(/-/g, '+').replace(/_/g, '/')), (character) => character.charCodeAt(0));
  return new TextDecoder().decode(bytes);
}

function begin(next: Session): void {
  session.value = next;
  ranOut.value = false;
  writeStored(passing, 'session', next);
}

function end(): void {
  session.value = undefined;
  writeStored(passing, 'session', undefined);
}

function isSession(value: unknown): value is Session {
  if (typeof value !== 'object' || value === null) return false;
  const { token, sub, role } = value as Record<string, unknown>;
  return typeof token === 'string' && typeof sub === 'string' && (role === 'admin' || role === 'customer');
}

function isDevelopment(value: unknown): value is Development {
  return typeof value === 'object' && value !== null && 'laptop' in value && value.laptop === true && 'gateway' in value;
}

// --- the other tabs

type Told = { kind: 'ask' } | { kind: 'in'; session: Session } | { kind: 'out'; sub: string };
const tabs = typeof BroadcastChannel === 'undefined' ? undefined : new BroadcastChannel('session');
const tell = (said: Told): void => tabs?.postMessage(said);

tabs?.addEventListener('message', ({ data }: MessageEvent<Told>) => {
  if (data.kind === 'ask' && session.value) tell({ kind: 'in', session: session.value });
  if (data.kind === 'in' && !session.value && isSession(data.session)) begin(data.session);
  // A tab of another account stays signed in.
  if (data.kind === 'out' && session.value?.sub === data.sub) end();
});
if (!session.value) tell({ kind: 'ask' });
