import type { JSX } from 'preact';

/** The back office: all of /admin. */
export default function Admin(): JSX.Element {
  return <main id="content" tabIndex={-1} />;
}
