import type { JSX } from 'preact';

/** Line drawings of 24 by 24, of the text's colour. They say nothing to a screen reader: the words beside them do. */
const PATHS = {
  bag: 'M6 8h12l1 12H5L6 8zm3 0V6.5a3 3 0 0 1 6 0V8',
  person: 'M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8zm-7 8a7 7 0 0 1 14 0',
  search: 'M10.5 17a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13zm5-1.5L20 20',
  close: 'M6 6l12 12M18 6L6 18',
  check: 'M5 12.5l4.5 4.5L19 7.5',
  minus: 'M6 12h12',
  plus: 'M12 6v12M6 12h12',
  back: 'M14 6l-6 6 6 6',
  more: 'M10 6l6 6-6 6',
  cup: 'M4 9h13v5a5 5 0 0 1-5 5H9a5 5 0 0 1-5-5V9zm13 1.5h1.5a2.5 2.5 0 0 1 0 5H16.6M8 5.5V3.5M12.5 5.5V3.5',
  card: 'M3 6.5h18v11H3zM3 10h18M6.5 14.5h4',
  box: 'M4 8l8-4 8 4v9l-8 4-8-4V8zm0 0l8 4 8-4M12 12v9',
  cross: 'M7.5 7.5l9 9M16.5 7.5l-9 9',
  clock: 'M12 20a8 8 0 1 0 0-16 8 8 0 0 0 0 16zm0-12.5V12l3 2',
  truck: 'M3 6.5h11v10H3zM14 10h4l3 3.5v3h-7zM7 19a1.7 1.7 0 1 0 0-3.4A1.7 1.7 0 0 0 7 19zm10 0a1.7 1.7 0 1 0 0-3.4 1.7 1.7 0 0 0 0 3.4z',
  coin: 'M12 20a8 8 0 1 0 0-16 8 8 0 0 0 0 16zm2.8-10.5A3 3 0 0 0 9.5 11v2a3 3 0 0 0 5.3 1.5M8 12h4',
  copy: 'M8 8h11v11H8zM5 16V5h11',
  trash: 'M5 7h14M10 7V4.5h4V7M7 7l1 13h8l1-13M10.5 10.5v6M13.5 10.5v6',
  sun: 'M12 16a4 4 0 1 0 0-8 4 4 0 0 0 0 8zm0-13v2M12 19v2M3 12h2M19 12h2M5.6 5.6l1.5 1.5M16.9 16.9l1.5 1.5M18.4 5.6l-1.5 1.5M7.1 16.9l-1.5 1.5',
  offline: 'M4 4l16 16M8.5 15.5a5 5 0 0 1 7 0M5.5 12a9 9 0 0 1 4-2.4M13.5 9.3A9 9 0 0 1 18.5 12M12 19h.01',
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name, size = 24 }: { name: IconName; size?: number }): JSX.Element {
  return (
    <svg width={size} height={size} viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="1.6" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
    </svg>
  );
}
