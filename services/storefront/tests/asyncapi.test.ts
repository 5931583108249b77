import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import { Ajv } from 'ajv';
import addFormats from 'ajv-formats';
import { expect, test } from 'vitest';

type Document = { asyncapi: string; operations: Record<string, { action: string }>; channels: Record<string, { address?: unknown }> };

// AsyncAPI's own schema of its documents, as the specification's authors publish it.
const specification = createRequire(import.meta.url)('@asyncapi/specs/schemas/3.0.0.json') as object;
const read = (): Document => JSON.parse(readFileSync(new URL('../../../docs/asyncapi.json', import.meta.url), 'utf8')) as Document;

// It carries draft 7's own schema with it, and keywords that draft 7 has not, such as `example`.
const ajv = new Ajv({ meta: false, validateSchema: false, strict: false, allErrors: true });
addFormats.default(ajv);
const valid = ajv.compile(specification);
const errorsOf = (document: object): string[] => (valid(document) ? [] : (valid.errors ?? []).map((error) => `${error.instancePath} ${error.message ?? ''}`));

test('docs/asyncapi.json is an AsyncAPI 3.0 document', () => {
  expect(errorsOf(read())).toEqual([]);
});

test('what is no such document is told apart', () => {
  const { operations, ...rest } = read();
  expect(errorsOf({ ...rest, operations: Object.fromEntries(Object.entries(operations).map(([name, one]) => [name, { ...one, action: 'publish' }])) })).not.toEqual([]);
  expect(errorsOf({ ...read(), asyncapi: '2.6.0' })).not.toEqual([]);
  expect(errorsOf({ ...read(), channels: { one: { address: 5 } } })).not.toEqual([]);
  expect(errorsOf({ ...read(), colour: 'red' })).not.toEqual([]);
});
