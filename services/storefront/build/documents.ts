// Makes pages of what the shop says of itself: the services' openapi.json, docs/asyncapi.json and the schemas of docs/events. They lie
// under /docs, with the documents themselves beside them. Plain HTML and one style sheet: no script, and nothing from elsewhere.
import { readFileSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Plugin } from 'vite';

type Json = string | number | boolean | null | Json[] | { [name: string]: Json };
type Part = { [name: string]: Json };

const root = new URL('../../../', import.meta.url);
const SERVICES = ['product', 'cart', 'order', 'payment'];
const METHODS = ['get', 'post', 'put', 'patch', 'delete'];

const read = (path: string): string => readFileSync(fileURLToPath(new URL(path, root)), 'utf8');
const part = (value: Json | undefined): Part => (value && typeof value === 'object' && !Array.isArray(value) ? value : {});
const list = (value: Json | undefined): Json[] => (Array.isArray(value) ? value : []);
const say = (value: Json | undefined): string => (value === undefined ? '' : String(value));
const escape = (text: string): string =>
  text.replace(/[&<>"']/g, (letter) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' })[letter]!);
const last = (reference: string): string => reference.slice(reference.lastIndexOf('/') + 1);
const slug = (text: string): string => text.replace(/[^A-Za-z0-9_-]+/g, '-').replace(/^-|-$/g, '');

/** A description's words; `code` between backticks, paragraphs between empty lines. */
export const inline = (text: string): string => escape(text).replace(/`([^`]+)`/g, '<code>$1</code>');
const prose = (text: Json | undefined): string =>
  say(text).split(/\n\n+/).filter(Boolean).map((each) => `<p>${inline(each)}</p>`).join('');

/** What a schema's values are, in a few words. */
export function kind(schema: Part): string {
  if (schema.$ref) {
    const name = last(say(schema.$ref)).replace(/\.json$/, '');
    return `<a href="#schema-${slug(name)}">${escape(name)}</a>`;
  }
  if (schema.const !== undefined) return `<code>${escape(JSON.stringify(schema.const))}</code>`;
  if (schema.enum) return list(schema.enum).map((each) => `<code>${escape(say(each))}</code>`).join(' or ');
  for (const word of ['oneOf', 'anyOf']) if (schema[word]) return list(schema[word]).map((each) => kind(part(each))).join(' or ');
  if (schema.allOf) return list(schema.allOf).map((each) => kind(part(each))).join(' with ');
  if (schema.type === 'array') return `list of ${kind(part(schema.items))}`;
  // What OpenAPI has no word for: a line of a stream, and the events of one.
  if (schema['x-line']) return `a line each: ${kind(part(schema['x-line']))}`;
  if (schema['x-events']) return `events: ${Object.entries(part(schema['x-events'])).map(([name, data]) => `<code>${escape(name)}</code> ${kind(part(data))}`).join(', ')}`;
  const types = Array.isArray(schema.type) ? schema.type.map(say) : [say(schema.type) || 'any'];
  return escape(types.join(' or ')) + (schema.format ? ` (${escape(say(schema.format))})` : '');
}

function limits(schema: Part): string {
  const words = Object.entries({
    minimum: 'at least', maximum: 'at most', exclusiveMinimum: 'above', minLength: 'length at least', maxLength: 'length at most',
    minItems: 'entries at least', maxItems: 'entries at most', default: 'otherwise', pattern: 'matches',
  }).flatMap(([name, word]) => (schema[name] === undefined ? [] : [`${word} <code>${escape(say(schema[name]))}</code>`]));
  return words.length ? `<span class="soft">${words.join(', ')}</span>` : '';
}

const about = (schema: Part, description: Json | undefined = schema.description): string =>
  [description ? inline(say(description)) : '', limits(schema)].filter(Boolean).join(' ');

function table(heads: string[], rows: string[][]): string {
  if (!rows.length) return '';
  // A table that is wider than its place is moved by keys too.
  return `<div class="table-place" tabindex="0" role="group" aria-label="${escape(heads.join(', '))}"><table><thead><tr>${heads
    .map((head) => `<th scope="col">${head}</th>`).join('')}</tr></thead><tbody>${rows
    .map((row) => `<tr>${row.map((cell, at) => (at ? `<td>${cell}</td>` : `<th scope="row">${cell}</th>`)).join('')}</tr>`).join('')}</tbody></table></div>`;
}

/** The members of an object's schema, those of objects within it too. */
export function members(schema: Part, before = ''): string[][] {
  const required = new Set(list(schema.required).map(say));
  return Object.entries(part(schema.properties)).flatMap(([name, value]) => {
    const own = part(value);
    const row = [`<code>${escape(before + name)}</code>`, kind(own), required.has(name) ? 'yes' : 'no', about(own)];
    const inner = own.type === 'array' ? part(own.items) : own;
    return [row, ...members(inner, `${before}${name}${own.type === 'array' ? '[]' : ''}.`)];
  });
}

const schema = (name: string, value: Part, level = 3): string =>
  `<section class="schema" id="schema-${slug(name)}"><h${level}>${escape(name)}</h${level}>${prose(value.description)}${
    value.properties ? table(['Member', 'What', 'Required', 'About'], members(value)) : `<p>${kind(value)} ${limits(value)}</p>`}</section>`;

function content(value: Json | undefined): string {
  return Object.entries(part(value)).map(([type, body]) => `<code>${escape(type)}</code> ${kind(part(part(body).schema))}`).join(', ');
}

function operation(document: Part, path: string, method: string, item: Part): string {
  const own = part(item[method]);
  const found = (each: Json | undefined): Part => {
    const given = part(each);
    if (!given.$ref) return given;
    return say(given.$ref).slice(2).split('/').reduce<Part>((at, step) => part(at[step]), document);
  };
  const parameters = [...list(item.parameters), ...list(own.parameters)].map(found);
  const needed = list(own.security).every((each) => Object.keys(part(each)).length);
  const body = found(own.requestBody);
  const answers = Object.entries(part(own.responses)).map(([status, value]) => {
    const answer = found(value);
    const headers = Object.keys(part(answer.headers)).map((name) => `<code>${escape(name)}</code>`).join(', ');
    return [status, inline(say(answer.description)) + (headers ? ` <span class="soft">Headers: ${headers}</span>` : ''), content(answer.content)];
  });
  return `<section class="operation" id="${slug(say(own.operationId))}"><h3><span class="method ${method}">${method.toUpperCase()}</span> <code>${
    escape(path)}</code></h3><p class="summary">${inline(say(own.summary))}</p>${prose(own.description)}${
    needed ? '<p class="soft">Needs a bearer token.</p>' : ''}${
    table(['Parameter', 'Where', 'What', 'Required', 'About'], parameters.map((each) => [
      `<code>${escape(say(each.name))}</code>`, escape(say(each.in)), kind(part(each.schema)), each.required ? 'yes' : 'no',
      about(part(each.schema), each.description ?? part(each.schema).description)]))}${
    own.requestBody ? `<p><strong>Body</strong>${body.required ? '' : ' (optional)'}: ${content(body.content)}</p>` : ''}${
    table(['Status', 'When', 'Body'], answers)}</section>`;
}

function frame(title: string, here: string, inside: string): string {
  const links = [['/docs', 'Overview'], ...SERVICES.map((name) => [`/docs/${name}`, titles()[name]!]), ['/docs/events', 'Events']] as const;
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>${escape(title)} · Documents</title>
<link rel="stylesheet" href="/docs/documents.css"></head>
<body><a class="skip" href="#main">Skip to the content</a><header><a href="/">The shop</a><nav aria-label="Documents"><ul>${links
    .map(([address, name]) => `<li><a href="${address}"${address === here ? ' aria-current="page"' : ''}>${escape(name!)}</a></li>`).join('')}</ul></nav></header>
<main id="main"><h1>${escape(title)}</h1>${inside}</main></body></html>
`;
}

const openapi = (service: string): Part => part(JSON.parse(read(`services/${service}/openapi.json`)) as Json);
const titles = (): Record<string, string> => Object.fromEntries(SERVICES.map((name) => [name, say(part(openapi(name).info).title)]));

function operations(document: Part): [string, string, Part][] {
  return Object.entries(part(document.paths)).flatMap(([path, item]) =>
    METHODS.filter((method) => part(item)[method]).map((method): [string, string, Part] => [path, method, part(item)]));
}

function service(name: string): string {
  const document = openapi(name);
  const all = operations(document);
  const info = part(document.info);
  return frame(say(info.title), `/docs/${name}`, `${prose(info.description)}<p><a href="/docs/${name}.openapi.json">openapi.json</a></p>
<h2>Operations</h2><ul class="contents">${all.map(([path, method, item]) => `<li><a href="#${slug(say(part(item[method]).operationId))}"><span class="method ${method}">${
    method.toUpperCase()}</span> <code>${escape(path)}</code></a> ${inline(say(part(item[method]).summary))}</li>`).join('')}</ul>
${all.map(([path, method, item]) => operation(document, path, method, item)).join('\n')}
<h2>Schemas</h2>${Object.entries(part(part(document.components).schemas)).map(([each, value]) => schema(each, part(value))).join('\n')}`);
}

function events(): string {
  const document = part(JSON.parse(read('docs/asyncapi.json')) as Json);
  const messages = part(part(document.components).messages);
  const file = (name: string): Part => part(JSON.parse(read(`docs/events/${name}.json`)) as Json);
  const link = (reference: string): string => `<a href="#${slug(last(reference))}">${escape(last(reference))}</a>`;
  const all = Object.values(part(document.operations)).map(part);
  const who = (channel: string, action: string): string =>
    all.filter((each) => each.action === action && last(say(part(each.channel).$ref)) === channel).map((each) => escape(say(part(list(each.tags)[0]).name))).join(', ');
  const channels = Object.entries(part(document.channels)).map(([name, value]) => {
    const each = part(value);
    const uses = [who(name, 'send') && `sent by ${who(name, 'send')}`, who(name, 'receive') && `received by ${who(name, 'receive')}`].filter(Boolean).join('; ');
    return `<section id="channel-${slug(name)}"><h3><code>${escape(say(each.address))}</code></h3>${prose(each.description)}${uses ? `<p class="soft">${uses}</p>` : ''}<ul class="contents">${
      Object.keys(part(each.messages)).map((message) => `<li>${link(message)} ${inline(say(part(messages[message]).title))}</li>`).join('')}</ul></section>`;
  });
  const types = Object.entries(messages).map(([name, value]) => {
    const data = part(part(file(name).properties).data);
    const source = say(part(part(file(name).properties).source).const);
    return `<section class="operation" id="${slug(name)}"><h3><code>${escape(name)}</code></h3><p class="summary">${inline(say(part(value).title))}</p>${
      prose(part(value).summary)}<p class="soft">From ${escape(source)}. <a href="/docs/events/${name}.json">JSON Schema</a></p>${
      table(['Member of data', 'What', 'Required', 'About'], members(data))}</section>`;
  });
  const envelope = file('envelope');
  const info = part(document.info);
  return frame(say(info.title), '/docs/events', `${prose(info.description)}<p><a href="/docs/asyncapi.json">asyncapi.json</a></p>
<h2>Channels</h2>${channels.join('\n')}
<h2>Envelope</h2>${prose(envelope.description)}${table(['Member', 'What', 'Required', 'About'], members(envelope))}
<h2>Events</h2>${types.join('\n')}
<h2>Schemas</h2>${Object.entries(part(file('common').$defs)).map(([name, value]) => schema(name, part(value))).join('\n')}`);
}

function overview(): string {
  return frame('What the shop says of itself', '/docs', `<p>Four services answer over HTTP, and tell each other what happened by events. The tests hold every request, answer
and event to these documents.</p>${SERVICES.map((name) => {
    const document = openapi(name);
    return `<section><h2><a href="/docs/${name}">${escape(titles()[name]!)}</a></h2>${prose(part(document.info).description)}<ul class="contents">${operations(document)
      .filter(([, method, item]) => !list(part(item[method]).tags).includes('service'))
      .map(([path, method, item]) => `<li><a href="/docs/${name}#${slug(say(part(item[method]).operationId))}"><span class="method ${method}">${method.toUpperCase()}</span> <code>${
        escape(path)}</code></a> ${inline(say(part(item[method]).summary))}</li>`).join('')}</ul></section>`;
  }).join('')}<section><h2><a href="/docs/events">Events</a></h2><p>Topics, queues and the schema of every event.</p></section>`);
}

const STYLE = `
*, ::before, ::after { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 400 var(--t-text) / 1.55 var(--face); overflow-wrap: anywhere; min-width: 20rem; }
header { display: flex; flex-wrap: wrap; gap: var(--s2) var(--s5); align-items: center; padding: var(--s3) var(--gutter); border-bottom: 1px solid var(--line); }
nav ul { display: flex; flex-wrap: wrap; gap: var(--s1) var(--s4); margin: 0; padding: 0; list-style: none; }
header a { display: inline-block; padding: var(--s2) 0; color: var(--ink); }
a { color: var(--accent); text-underline-offset: 0.2em; }
a[aria-current] { font-weight: 650; }
main { max-width: var(--page); margin: 0 auto; padding: var(--s5) var(--gutter) var(--s8); }
h1 { font-size: var(--t-display); line-height: 1.15; margin: 0 0 var(--s4); }
h2 { font-size: var(--t-title); margin: var(--s7) 0 var(--s3); }
h3 { font-size: var(--t-lead); margin: 0 0 var(--s2); }
p { max-width: 50rem; margin: 0 0 var(--s3); }
code { font-size: 0.925em; }
.soft { color: var(--ink-soft); }
.summary { font-weight: 600; }
.operation, .schema { margin: 0 0 var(--s4); padding: var(--s4); border: 1px solid var(--line); border-radius: var(--round); background: var(--raised); scroll-margin-top: var(--s4); }
.method { display: inline-block; min-width: 3.6rem; font-size: var(--t-small); font-weight: 650; color: var(--accent); }
.method.delete { color: var(--bad); }
.method.post, .method.put { color: var(--mind); }
.contents { margin: 0 0 var(--s4); padding: 0; list-style: none; }
.contents li { padding: var(--s1) 0; }
.table-place { overflow-x: auto; margin: 0 0 var(--s3); }
table { width: 100%; border-collapse: collapse; font-size: 0.9375rem; overflow-wrap: normal; }
th, td { padding: var(--s2) var(--s4) var(--s2) 0; text-align: start; vertical-align: top; border-bottom: 1px solid var(--line); }
thead th { font-size: var(--t-small); color: var(--ink-soft); }
tbody th { font-weight: 550; }
td:last-child { min-width: 14rem; }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
.skip { position: fixed; inset: var(--s2) auto auto var(--s2); padding: var(--s2) var(--s4); background: var(--accent); color: var(--on-accent); transform: translateY(-200%); }
.skip:focus { transform: none; }
`;

/** Path under the page's folder → what lies there. */
export function documents(): Map<string, string> {
  // The page's colours and sizes; not its font, which is a file of another name in every build.
  const tokens = read('services/storefront/src/styles/tokens.css').replace(/@font-face\s*\{[^}]*\}/, '');
  return new Map([
    ['docs/index.html', overview()],
    ['docs/events.html', events()],
    ['docs/documents.css', tokens + STYLE],
    ['docs/asyncapi.json', read('docs/asyncapi.json')],
    ...SERVICES.flatMap((name): [string, string][] => [
      [`docs/${name}.html`, service(name)],
      [`docs/${name}.openapi.json`, read(`services/${name}/openapi.json`)],
    ]),
    ...readdirSync(fileURLToPath(new URL('docs/events/', root))).map((name): [string, string] => [`docs/events/${name}`, read(`docs/events/${name}`)]),
  ]);
}

export function documentPages(): Plugin {
  return {
    name: 'documents',
    apply: 'build',
    generateBundle() {
      for (const [fileName, source] of documents()) this.emitFile({ type: 'asset', fileName, source });
    },
  };
}
