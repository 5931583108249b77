import { useId } from 'preact/hooks';
import type { JSX } from 'preact';
import { t } from '../i18n/words';
import { development } from '../session';
import { Icon } from './icons';
import { Field } from './parts';

/** The simulated gateway decides by token: each is a card that behaves in its way. */
export const SIMULATED = ['tok_approve', 'tok_decline', 'tok_insufficient_funds', 'tok_flaky', 'tok_slow'] as const;

/**
 * What to pay with. Where the simulated gateway is set its cards are there to be clicked; elsewhere the gateway's own form will
 * give a token, and until there is one it is typed.
 */
export function CardChoice({ value, onChange, wrong, legend }: { value: string; onChange: (token: string) => void; wrong?: string | undefined; legend: string }): JSX.Element {
  const name = useId();
  const simulated = development.value?.gateway === 'simulated';
  if (development.value === undefined) return <div class="pay" aria-hidden="true">{SIMULATED.map((token) => <span key={token} class="pay-card bone" />)}</div>;
  if (!simulated) {
    return (
      <Field label={t('pay.token')} hint={t('pay.tokenHint')} wrong={wrong}>
        {(given) => <input class="input" {...given} value={value} maxLength={255} autocomplete="off" required onInput={(event) => onChange(event.currentTarget.value)} />}
      </Field>
    );
  }
  return (
    <fieldset>
      <legend class="unseen">{legend}</legend>
      <div class="pay">
        {SIMULATED.map((token) => (
          <label key={token} class="pay-card">
            <input type="radio" name={name} value={token} checked={value === token} onChange={() => onChange(token)} />
            <Icon name="card" />
            <span><strong>{t(`pay.${token}`)}</strong><span class="small soft">{t(`pay.${token}.text`)}</span></span>
          </label>
        ))}
      </div>
      {wrong !== undefined && <p class="wrong">{wrong}</p>}
    </fieldset>
  );
}
