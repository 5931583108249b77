// A reporter for node:test: JUnit's XML, a case a test, as ./shop test counts them. (Node has one of its own from version 21 on.)
const escaped = (text) => String(text).replace(/[^\t\n\r\x20-\ud7ff\ue000-\ufffd]/g, '').replace(/[&<>"]/g, (one) => `&#${one.charCodeAt(0)};`);

export default async function* junit(events) {
  yield '<?xml version="1.0" encoding="utf-8"?>\n<testsuites><testsuite name="browser">\n';
  for await (const { type, data } of events) {
    if (type !== 'test:pass' && type !== 'test:fail') continue;
    // A suite, and a file, end with an event of their own; what is in them was counted, unless they failed by themselves.
    const whole = data.details?.type === 'suite' || data.name === data.file || data.name.endsWith('.test.mjs');
    const cause = data.details?.error?.cause ?? data.details?.error;
    if (whole && (type === 'test:pass' || data.details?.error?.failureType === 'subtestsFailed')) continue;
    const inside = type === 'test:fail' ? `<failure>${escaped(cause?.stack ?? cause?.message ?? cause)}</failure>` : data.skip !== undefined && data.skip !== false ? '<skipped/>' : '';
    yield `<testcase name="${escaped(data.name)}" time="${(data.details?.duration_ms ?? 0) / 1000}">${inside}</testcase>\n`;
  }
  yield '</testsuite></testsuites>\n';
}
