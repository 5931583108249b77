import { useEffect, useState } from 'preact/hooks';
import type { JSX } from 'preact';
import { t } from '../i18n/words';
import { Icon } from './icons';

export const MOST_PIECES = 999;

interface Props {
  value: number;
  of: string;
  /** Told of a whole number from 1 to 999 once it is meant: a button, Enter, or leaving the field. */
  onChange: (value: number) => void;
  disabled?: boolean;
}

export function Quantity({ value, of, onChange, disabled = false }: Props): JSX.Element {
  const [text, setText] = useState(String(value));
  useEffect(() => setText(String(value)), [value]);
  const commit = (): void => {
    const wanted = /^\d{1,6}$/.test(text.trim()) ? Math.min(MOST_PIECES, Math.max(1, Number(text))) : value;
    setText(String(wanted));
    if (wanted !== value) onChange(wanted);
  };
  const step = (by: number): void => {
    const wanted = Math.min(MOST_PIECES, Math.max(1, value + by));
    if (wanted !== value) onChange(wanted);
  };
  return (
    <div class="quantity" role="group" aria-label={t('quantity.of', { name: of })}>
      <button type="button" class="icon-button" aria-label={t('quantity.less')} aria-disabled={disabled || value <= 1} onClick={() => { if (!disabled) step(-1); }}><Icon name="minus" size={18} /></button>
      <input
        class="num" type="text" inputmode="numeric" autocomplete="off" aria-label={t('quantity.label')} value={text} maxLength={4} readOnly={disabled}
        onInput={(event) => setText(event.currentTarget.value)} onBlur={commit}
        onKeyDown={(event) => { if (event.key === 'Enter') { event.preventDefault(); commit(); } }}
      />
      <button type="button" class="icon-button" aria-label={t('quantity.more')} aria-disabled={disabled || value >= MOST_PIECES} onClick={() => { if (!disabled) step(1); }}><Icon name="plus" size={18} /></button>
    </div>
  );
}
