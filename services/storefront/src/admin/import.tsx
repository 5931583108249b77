import type { JSX } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { sleep } from '../api/http';
import { number } from '../i18n';
import { session } from '../session';
import { Notice, saidOf, useTitle } from '../ui/parts';
import type { ImportedLine } from './calls';
import { importFile, kindOf, MOST_BYTES, nothing, type Ended, type Tally } from './importing';
import { Head, Panel } from './parts';
import { w } from './words';

const COLUMNS = 'id, name, description, category, price.amount, price.currency, stock, imageUrl';
const ERRORS_SHOWN = 200;

interface Run {
  readonly file: File;
  readonly tally: Tally;
  readonly refused: readonly ImportedLine[];
  readonly reached: { readonly end: number; readonly lines: number };
  readonly lines: number;
  readonly ended?: Ended | undefined;
}

export function ImportView(): JSX.Element {
  useTitle(w('import.title'));
  const [file, setFile] = useState<File>();
  const [wrong, setWrong] = useState<string>();
  const [run, setRun] = useState<Run>();
  const running = useRef<AbortController>(undefined);
  useEffect(() => () => running.current?.abort(), []);
  const busy = run !== undefined && run.ended === undefined;
  useEffect(() => {
    if (!busy) return;
    const ask = (event: BeforeUnloadEvent): void => event.preventDefault();
    addEventListener('beforeunload', ask);
    return () => removeEventListener('beforeunload', ask);
  }, [busy]);

  /** The input forgets it at once: the same file, once it is mended, may be chosen again. */
  const choose = (chosen: File | undefined): void => {
    if (!chosen) return;
    setRun(undefined);
    setFile(chosen);
    setWrong(!kindOf(chosen.name) ? w('import.wrongType') : chosen.size > MOST_BYTES ? w('import.tooLarge') : undefined);
  };
  const begin = async (from?: Run): Promise<void> => {
    if (!file || busy) return;
    const mine = (running.current = new AbortController());
    const tally = { ...(from?.tally ?? nothing()) };
    const refused = [...(from?.refused ?? [])];
    let reached = from?.reached ?? { end: 0, lines: 0 };
    let lines = from?.lines ?? 0;
    const show = (ended?: Ended): void => setRun({ file, tally: { ...tally }, refused: [...refused], reached, lines, ended });
    // Thousands of lines a second are drawn a few times a second.
    let drawn = 0;
    const told = new Set(refused.map(({ line }) => line));
    const counted = from?.lines ?? 0;
    show();
    const ended = await importFile(file, kindOf(file.name)!, reached, {
      line: (line) => {
        lines = Math.max(lines, line.line);
        if (line.line > counted) ++tally[line.status];
        if (line.status === 'refused' && !told.has(line.line)) refused.push(line);
        if (Date.now() - drawn > 150) {
          drawn = Date.now();
          show();
        }
      },
      reached: (point) => {
        reached = point;
        show();
      },
    }, mine.signal, { fetch: (url, init) => fetch(url, init), sleep, token: () => session.peek()?.token });
    if (running.current === mine) show(ended);
  };

  return (
    <>
      <Head title={w('import.title')} />
      <p class="soft office-lead">{w('import.lead')}</p>
      <p class="small soft">{w('import.columns', { columns: COLUMNS })}</p>
      <div class="chooser">
        <label class={`button quiet file-button ${busy ? 'off' : ''}`}>
          {w('import.choose')}
          <input class="unseen" type="file" accept=".ndjson,.jsonl,.csv" disabled={busy} onChange={(event) => { choose(event.currentTarget.files?.[0]); event.currentTarget.value = ''; }} />
        </label>
        {file && !wrong && !busy && !run && <button type="button" class="button" onClick={() => void begin()}>{w('import.begin', { name: file.name })}</button>}
        {busy && <button type="button" class="button bad" onClick={() => running.current?.abort()}>{w('import.stop')}</button>}
        {run?.ended && run.ended.how !== 'done' && <button type="button" class="button" onClick={() => void begin(run)}>{w('import.goOn')}</button>}
      </div>
      {wrong && <Notice tone="bad" live>{wrong}</Notice>}
      {run && <Progress run={run} />}
      {run && run.refused.length > 0 && <Refused lines={run.refused} />}
    </>
  );
}

function Progress({ run }: { run: Run }): JSX.Element {
  const done = run.ended?.how === 'done';
  const share = done ? 1 : run.file.size === 0 ? 0 : run.reached.end / run.file.size;
  const counts = ['created', 'replaced', 'unchanged', 'refused'] as const;
  return (
    <div class="import-progress">
      <progress value={share} max={1} aria-label={w('import.progress')} />
      <p class="small soft num">{w('import.running', { percent: Math.floor(share * 100), lines: run.lines })}</p>
      <ul class="tiles four-tiles">
        {counts.map((one) => (
          <li key={one} class={`tile ${one === 'refused' && run.tally.refused > 0 ? 'bad' : ''}`}><span class="tile-number num">{number(run.tally[one])}</span><span class="small soft">{w(`import.${one}`)}</span></li>
        ))}
      </ul>
      <div role="status">
        {run.ended?.how === 'done' && <Notice tone="good">{w('import.done')}</Notice>}
        {run.ended?.how === 'stopped' && <Notice tone="mind">{w('import.stopped')}</Notice>}
        {run.ended?.how === 'broken' && (
          <Notice tone="bad">{run.ended.problem.kind === 'refused' && run.ended.problem.status < 500 ? w('import.refusedAll', { why: [saidOf(run.ended.problem), ...run.ended.problem.errors.map(({ detail }) => detail)].join(' ') }) : w('import.broken')}</Notice>
        )}
      </div>
    </div>
  );
}

function Refused({ lines }: { lines: readonly ImportedLine[] }): JSX.Element {
  return (
    <Panel id="refused" title={w('import.errors')}>
      <div class="table-place" role="group" aria-labelledby="refused" tabIndex={0}>
        <table class="table">
          <thead><tr><th scope="col" class="right">{w('import.line')}</th><th scope="col">{w('import.where')}</th><th scope="col">{w('import.why')}</th></tr></thead>
          <tbody>
            {lines.slice(0, ERRORS_SHOWN).flatMap(({ line, errors }) => (errors ?? [{ pointer: '', detail: '' }]).map(({ pointer, detail }, index) => (
              <tr key={`${line} ${index}`}><td class="right num">{number(line)}</td><td>{pointer.replace(/^\//, '').replaceAll('/', '.') || '–'}</td><td>{detail}</td></tr>
            )))}
          </tbody>
        </table>
      </div>
      {lines.length > ERRORS_SHOWN && <p class="small soft">{w('import.moreErrors', { count: lines.length - ERRORS_SHOWN })}</p>}
    </Panel>
  );
}
