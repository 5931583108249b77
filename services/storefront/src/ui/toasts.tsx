import { signal } from '@preact/signals';
import type { ComponentChildren, JSX } from 'preact';
import { t } from '../i18n/words';
import { Icon } from './icons';

interface Toast {
  readonly id: number;
  readonly content: ComponentChildren;
}

const toasts = signal<readonly Toast[]>([]);
let last = 0;

/**
 * Says what happened, at the bottom of the page, for as long as it takes to read it; `long` for one that can be acted on, `lasting`
 * for one that can be for so many milliseconds. Returns what takes it away.
 */
export function toast(content: ComponentChildren, { long, lasting }: { long?: boolean; lasting?: number } = {}): () => void {
  const id = ++last;
  toasts.value = [...toasts.value.slice(-2), { id, content }];
  setTimeout(() => drop(id), lasting ?? (long ? 12_000 : 6_000));
  return () => drop(id);
}

const drop = (id: number): void => {
  toasts.value = toasts.value.filter((one) => one.id !== id);
};

export function Toasts(): JSX.Element {
  return (
    <div class="toasts" role="status" aria-live="polite">
      {toasts.value.map(({ id, content }) => (
        <div class="toast" key={id}>
          <div>{content}</div>
          <button type="button" aria-label={t('close')} onClick={() => drop(id)}><Icon name="close" size={18} /></button>
        </div>
      ))}
    </div>
  );
}
