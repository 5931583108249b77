import { signal } from '@preact/signals';
import { parseJson, writeJson } from './json';
import { problemOf, without, type Problem } from './problem';

/**
 * The one way to the services. An answer or a refusal is a value; nothing here throws.
 *
 * What is lost on the way is repeated: reads, and changes as well, because each carries an Idempotency-Key that a repeat keeps.
 * A refusal (4xx) is an answer and is not repeated, except where the service itself says when to come back (Retry-After).
 */
export type Answer<T> =
  | { readonly ok: true; readonly value: T; readonly status: number; readonly headers: Headers }
  | { readonly ok: false; readonly problem: Problem };

export interface Asked {
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>;
  /** Sent as JSON, unless it is a Blob, which goes as it is under its own type. */
  readonly body?: unknown;
  /** Names a change, so that it is made once however often it is sent. One is made up where none is given. */
  readonly key?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
  /** Milliseconds for one try, 15,000 if not given. */
  readonly patience?: number;
  /** How often to send it again when it is lost, 3 if not given. */
  readonly repeats?: number;
}

/** What the layer needs of the world; tests bring their own. */
export interface World {
  fetch(url: string, init: RequestInit): Promise<Response>;
  sleep(milliseconds: number, signal?: AbortSignal): Promise<void>;
  online(): boolean;
  random(): number;
  /** The bearer token of whoever is signed in. */
  token(): string | undefined;
  /** The services no longer accept the token. */
  expired(token: string): void;
}

/** Longest wait that a service's Retry-After is followed for; beyond it the caller is told. */
const LONGEST_WAIT_SECONDS = 10;

/** False once nothing came back, true again with the next answer: what the banner at the top shows. */
export const reachable = signal(true);

export type Method = 'GET' | 'POST' | 'PUT' | 'DELETE';
export type Client = <T>(method: Method, path: string, asked?: Asked) => Promise<Answer<T>>;

export function createClient(world: World): Client {
  return async function request<T>(method: Method, path: string, asked: Asked = {}): Promise<Answer<T>> {
    const url = path + searchOf(asked.query);
    const headers = new Headers({ Accept: 'application/json', ...asked.headers });
    if (method !== 'GET') headers.set('Idempotency-Key', asked.key ?? newKey());
    let body: BodyInit | undefined;
    if (asked.body instanceof Blob) {
      body = asked.body;
    } else if (asked.body !== undefined) {
      headers.set('Content-Type', 'application/json');
      body = writeJson(asked.body);
    }
    const token = world.token();
    if (token) headers.set('Authorization', `Bearer ${token}`);

    const repeats = asked.repeats ?? 3;
    for (let attempt = 0; ; ++attempt) {
      const answer = await once<T>(url, { method, headers, ...(body === undefined ? {} : { body }), cache: 'no-cache' }, asked);
      if (answer.ok) return answer;
      const { problem } = answer;

      if (problem.status === 401 && headers.has('Authorization')) {
        world.expired(token!);
        // What anybody may read is read without the token then.
        if (method !== 'GET') return answer;
        headers.delete('Authorization');
        continue;
      }
      const wait = waitBefore(problem, attempt, world.random());
      if (attempt >= repeats || wait === undefined) return answer;
      try {
        await world.sleep(wait, asked.signal);
      } catch {
        return { ok: false, problem: without('given_up', 'Nobody waits for the answer any more.') };
      }
    }
  };

  async function once<T>(url: string, init: RequestInit, asked: Asked): Promise<Answer<T>> {
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(), asked.patience ?? 15_000);
    const giveUp = (): void => late.abort();
    asked.signal?.addEventListener('abort', giveUp);
    try {
      if (asked.signal?.aborted) return failed(without('given_up', 'Nobody waits for the answer any more.'));
      const response = await world.fetch(url, { ...init, signal: late.signal });
      const text = await response.text();
      reachable.value = true;
      return read<T>(response, text);
    } catch {
      if (asked.signal?.aborted) return failed(without('given_up', 'Nobody waits for the answer any more.'));
      if (late.signal.aborted) return failed(without('late', 'No answer came in time.'));
      if (!world.online()) return failed(without('offline', 'This device is offline.'));
      reachable.value = false;
      return failed(without('unreachable', 'The shop does not answer.'));
    } finally {
      clearTimeout(timer);
      asked.signal?.removeEventListener('abort', giveUp);
    }
  }
}

function read<T>(response: Response, text: string): Answer<T> {
  const wait = retryAfterOf(response.headers.get('Retry-After'));
  let body: unknown;
  try {
    body = text === '' ? undefined : parseJson(text);
  } catch {
    if (response.ok) return failed({ ...without('unreadable', 'The answer is not JSON.'), status: response.status });
  }
  // 304 comes only to who asked with If-None-Match: nothing is new.
  if (response.ok || response.status === 304) {
    return { ok: true, value: body as T, status: response.status, headers: response.headers };
  }
  return failed(problemOf(response.status, body, wait));
}

function failed(problem: Problem): { readonly ok: false; readonly problem: Problem } {
  return { ok: false, problem };
}

/** Milliseconds until the next try, or undefined where another would do no better. */
function waitBefore(problem: Problem, attempt: number, random: number): number | undefined {
  const passing =
    problem.kind === 'unreachable' || problem.kind === 'late' || [502, 503, 504].includes(problem.status) || (problem.status === 429 && problem.retryAfter !== undefined);
  if (!passing) return undefined;
  if (problem.retryAfter !== undefined) return problem.retryAfter > LONGEST_WAIT_SECONDS ? undefined : problem.retryAfter * 1000;
  // Doubled each time, and spread so that clients do not come back all at once.
  return 300 * 2 ** attempt * (0.5 + random);
}

/** Seconds; the header may also be a date (RFC 9110). */
export function retryAfterOf(header: string | null, now = Date.now()): number | undefined {
  if (header === null) return undefined;
  if (/^\d{1,9}$/.test(header.trim())) return Number(header);
  const at = Date.parse(header);
  return Number.isNaN(at) ? undefined : Math.max(0, Math.ceil((at - now) / 1000));
}

function searchOf(query: Asked['query']): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query ?? {})) if (value !== undefined) search.set(name, String(value));
  const text = search.toString();
  return text === '' ? '' : `?${text}`;
}

/** 128 random bits. Not crypto.randomUUID, which a page that came over plain HTTP does not have. */
export function newKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

export function sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(new Error('given up'));
    const giveUp = (): void => {
      clearTimeout(timer);
      reject(new Error('given up'));
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', giveUp);
      resolve();
    }, milliseconds);
    signal?.addEventListener('abort', giveUp, { once: true });
  });
}
