import { retryAfterOf } from '../api/http';
import { parseJson } from '../api/json';
import { problemOf, without, type Problem } from '../api/problem';
import type { ImportedLine } from './calls';

/**
 * An import goes out in pieces, each a request of its own, and one after the other. A browser reads an answer only when its request
 * is sent whole, while the service answers line by line as it reads: a long file in one request would fill what lies between them.
 * A piece that was lost is sent again, which changes nothing that was done.
 */
export type Kind = 'application/x-ndjson' | 'text/csv';

export function kindOf(name: string): Kind | undefined {
  if (/\.(ndjson|jsonl)$/i.test(name)) return 'application/x-ndjson';
  return /\.csv$/i.test(name) ? 'text/csv' : undefined;
}

export const MOST_BYTES = 100 * 1024 * 1024;
const PIECE = 256 * 1024;

export interface Piece {
  readonly body: Blob;
  /** What is added to the lines that the service counts in this piece to have those of the file. */
  readonly before: number;
  /** Where the next one begins in the file. */
  readonly end: number;
  /** Lines of the file up to `end`. */
  readonly lines: number;
}

const NEWLINE = 10;
const QUOTE = 34;

/** Where a CSV file's header ends: the first line break outside of quotes. */
async function headerOf(file: Blob, size: number): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(await file.slice(0, size).arrayBuffer());
  let quoted = false;
  for (let i = 0; i < bytes.length; ++i) {
    if (bytes[i] === QUOTE) quoted = !quoted;
    else if (bytes[i] === NEWLINE && !quoted) return bytes.slice(0, i + 1);
  }
  return bytes;
}

const linesIn = (bytes: Uint8Array): number => bytes.reduce((sum, byte) => sum + (byte === NEWLINE ? 1 : 0), 0);

/** The file in pieces of whole records, from a byte on that a piece before ended at. CSV pieces have the file's header each. */
export async function* piecesOf(file: Blob, kind: Kind, from: { end: number; lines: number } = { end: 0, lines: 0 }, size = PIECE): AsyncGenerator<Piece> {
  const header = kind === 'text/csv' ? await headerOf(file, Math.max(size, 64 * 1024)) : undefined;
  let { end: at, lines } = from;
  while (at < file.size) {
    let bytes = new Uint8Array(await file.slice(at, at + size).arrayBuffer());
    let cut = at + bytes.length >= file.size ? bytes.length : lastRecordEnd(bytes, kind);
    // A record longer than a piece: what follows is taken along until it ends.
    for (let more = size * 2; cut === 0; more *= 2) {
      bytes = new Uint8Array(await file.slice(at, at + more).arrayBuffer());
      cut = at + bytes.length >= file.size ? bytes.length : lastRecordEnd(bytes, kind);
    }
    const records = bytes.slice(0, cut);
    const count = linesIn(records);
    const repeated = header && at > 0;
    yield {
      body: new Blob(repeated ? [header, records] : [records], { type: kind }),
      before: repeated ? lines - linesIn(header) : lines,
      end: at + cut,
      lines: lines + count,
    };
    at += cut;
    lines += count;
  }
}

function lastRecordEnd(bytes: Uint8Array, kind: Kind): number {
  if (kind !== 'text/csv') return bytes.lastIndexOf(NEWLINE) + 1;
  let quoted = false;
  let end = 0;
  for (let i = 0; i < bytes.length; ++i) {
    if (bytes[i] === QUOTE) quoted = !quoted;
    else if (bytes[i] === NEWLINE && !quoted) end = i + 1;
  }
  return end;
}

/** What an import has come to. */
export interface Tally {
  created: number;
  replaced: number;
  unchanged: number;
  refused: number;
}
export const nothing = (): Tally => ({ created: 0, replaced: 0, unchanged: 0, refused: 0 });

export interface Outside {
  fetch(url: string, init: RequestInit): Promise<Response>;
  sleep(milliseconds: number, signal?: AbortSignal): Promise<void>;
  token(): string | undefined;
}

export type Ended = { readonly how: 'done' | 'stopped' } | { readonly how: 'broken'; readonly problem: Problem };

const TRIES = 4;

/** Sends the file from `from` on and tells of each line as it is answered, and where it could go on after each piece. */
export async function importFile(
  file: Blob, kind: Kind, from: { end: number; lines: number },
  told: { line(line: ImportedLine): void; reached(point: { end: number; lines: number }): void },
  signal: AbortSignal, outside: Outside, size = PIECE,
): Promise<Ended> {
  for await (const piece of piecesOf(file, kind, from, size)) {
    // What a try that broke off has told of already is not told twice.
    let answered = 0;
    for (let attempt = 1; ; ++attempt) {
      if (signal.aborted) return { how: 'stopped' };
      let problem: Problem;
      try {
        const token = outside.token();
        const response = await outside.fetch('/products/import', {
          method: 'POST', body: piece.body, signal, cache: 'no-store',
          headers: { 'Content-Type': kind, Accept: 'application/x-ndjson', ...(token ? { Authorization: `Bearer ${token}` } : {}) },
        });
        if (response.ok && response.body) {
          let count = 0;
          for await (const text of linesOf(response.body)) {
            if (++count <= answered) continue;
            answered = count;
            const line = parseJson(text) as ImportedLine;
            told.line({ ...line, line: line.line + piece.before });
          }
          break;
        }
        problem = problemOf(response.status, await response.json().catch(() => undefined), retryAfterOf(response.headers.get('Retry-After')));
        if (![429, 502, 503, 504].includes(problem.status)) return { how: 'broken', problem };
      } catch {
        if (signal.aborted) return { how: 'stopped' };
        problem = without('unreachable', 'The shop does not answer.');
      }
      if (attempt >= TRIES) return { how: 'broken', problem };
      try {
        await outside.sleep(Math.min(10, problem.retryAfter ?? 2 ** (attempt - 1)) * 1000, signal);
      } catch {
        return { how: 'stopped' };
      }
    }
    told.reached({ end: piece.end, lines: piece.lines });
  }
  return { how: 'done' };
}

async function* linesOf(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let rest = '';
  try {
    for (;;) {
      const { done, value } = await reader.read();
      rest += decoder.decode(value, { stream: !done });
      const lines = rest.split('\n');
      rest = lines.pop()!;
      for (const line of lines) if (line !== '') yield line;
      if (done) {
        if (rest !== '') yield rest;
        return;
      }
    }
  } finally {
    void reader.cancel().catch(() => {});
  }
}
