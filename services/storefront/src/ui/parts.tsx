import type { ComponentChildren, ComponentType, JSX } from 'preact';
import { useEffect, useId, useState } from 'preact/hooks';
import type { Problem } from '../api/problem';
import { money } from '../i18n';
import type { Money } from '../money';
import { t } from '../i18n/words';
import { Icon, type IconName } from './icons';

/** Words that somebody else wrote: never markup, in their own direction, and broken where they are too long. */
export function Words({ of, class: className }: { of: string; class?: string }): JSX.Element {
  return <bdi dir="auto" class={className}>{of}</bdi>;
}

export function Price({ of, class: className = '' }: { of: Money; class?: string }): JSX.Element {
  return <span class={`num ${className}`}>{money(of)}</span>;
}

/** A product's picture. One from another host is not loaded (the page's Content-Security-Policy forbids it): a cup stands for it. */
export function Picture({ src, eager = false }: { src: string; eager?: boolean }): JSX.Element {
  const [broken, setBroken] = useState('');
  const own = src !== '' && isOwn(src);
  return (
    <span class="picture">
      {own && broken !== src
        ? <img src={src} alt="" width="400" height="400" loading={eager ? 'eager' : 'lazy'} decoding="async" onError={() => setBroken(src)} />
        : <Icon name="cup" size={64} />}
    </span>
  );
}

function isOwn(address: string): boolean {
  try {
    return new URL(address, location.href).origin === location.origin;
  } catch {
    return false;
  }
}

/** Where the picture of a product lies whose description is not at hand. */
export const pictureOf = (productId: string): string => `/products/${encodeURIComponent(productId)}/image`;

export function Notice({ tone = 'plain', children, action, live = false }: { tone?: 'plain' | 'bad' | 'mind' | 'good'; children: ComponentChildren; action?: ComponentChildren; live?: boolean }): JSX.Element {
  return (
    <div class={`notice ${tone}`} role={live ? (tone === 'bad' ? 'alert' : 'status') : undefined}>
      <div>{children}</div>
      {action}
    </div>
  );
}

/** A whole view that has nothing to show, and says what to do about it. */
export function Blank({ icon, title, children }: { icon: IconName; title: string; children?: ComponentChildren }): JSX.Element {
  return (
    <div class="blank">
      <Icon name={icon} size={56} />
      <h1>{title}</h1>
      {children}
    </div>
  );
}

/** What to say of a problem that has no words of its own where it came up. */
export function saidOf(problem: Problem): string {
  switch (problem.kind) {
    case 'offline':
      return t('problem.offline');
    case 'unreachable':
      return t('problem.unreachable');
    case 'late':
      return t('problem.late');
    case 'unreadable':
    case 'given_up':
      return t('problem.odd');
    case 'refused':
      if (problem.status === 429) return t('problem.busy', { count: Math.max(1, problem.retryAfter ?? 1) });
      if (problem.status >= 500) return t('problem.unreachable');
      if (problem.status === 401) return t('problem.signedOut');
      if (problem.status === 403) return t('problem.forbidden');
      return problem.detail;
  }
}

/** Whether another try may do better by itself. */
const passes = ({ kind, status }: Problem): boolean => kind === 'offline' || kind === 'unreachable' || kind === 'late' || status >= 500;

/** A part of a view that did not come. It is asked for again by itself when the connection is back, and now and then. */
export function Failed({ problem, again }: { problem: Problem; again: () => void }): JSX.Element {
  useEffect(() => {
    if (!passes(problem)) return;
    const timer = setInterval(() => { if (navigator.onLine && !document.hidden) again(); }, 5000);
    addEventListener('online', again);
    return () => {
      clearInterval(timer);
      removeEventListener('online', again);
    };
  }, [problem]);
  return (
    <Notice tone="bad" live action={<button type="button" class="button quiet small" onClick={again}>{t('again')}</button>}>
      {saidOf(problem)}
    </Notice>
  );
}

interface FieldProps {
  label: string;
  hint?: ComponentChildren;
  wrong?: string | undefined;
  /** The input, told its id and what describes it. */
  children: (given: { id: string; 'aria-describedby': string | undefined; 'aria-invalid': boolean }) => JSX.Element;
  class?: string;
}

/** A label, its input, and what is wrong with it. */
export function Field({ label, hint, wrong, children, class: className = '' }: FieldProps): JSX.Element {
  const id = useId();
  const described = [hint ? `${id}-hint` : '', wrong ? `${id}-wrong` : ''].filter(Boolean).join(' ');
  return (
    <div class={`field ${className}`}>
      <label for={id}>{label}</label>
      {children({ id, 'aria-describedby': described || undefined, 'aria-invalid': wrong !== undefined })}
      {hint && <p class="hint" id={`${id}-hint`}>{hint}</p>}
      {wrong !== undefined && <p class="wrong" id={`${id}-wrong`}>{wrong}</p>}
    </div>
  );
}

export function useTitle(title: string): void {
  useEffect(() => {
    document.title = title === '' ? t('shop') : `${title} · ${t('shop')}`;
  }, [title]);
}

/** A view in a file of its own, fetched when it is first gone to. */
export function lazy<P extends object>(load: () => Promise<{ default: ComponentType<P> }>): ComponentType<P> {
  let loaded: ComponentType<P> | undefined;
  return function Lazy(props: P): JSX.Element {
    const [, setState] = useState<'loading' | 'here' | 'failed'>(loaded ? 'here' : 'loading');
    const [failed, setFailed] = useState(false);
    const fetchIt = (): void => {
      setFailed(false);
      load().then(
        ({ default: view }) => {
          loaded = view;
          setState('here');
        },
        () => setFailed(true),
      );
    };
    useEffect(() => {
      if (!loaded) fetchIt();
    }, []);
    if (loaded) {
      const View = loaded as ComponentType<object>;
      return <View {...props} />;
    }
    // The file may be gone because a newer page has taken this one's place: loading the page again finds it.
    if (failed) return <Blank icon="offline" title={t('problem.page')}><button type="button" class="button" onClick={() => location.reload()}>{t('again')}</button></Blank>;
    return <div class="blank" role="status"><span class="unseen">{t('loading')}</span></div>;
  };
}
