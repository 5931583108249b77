// Writes the types of the four services' answers, from the descriptions that the services serve and their tests validate
// against: src/generated/<service>.d.ts. A contract that changes under the page no longer compiles.
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import openapiTS, { astToString } from 'openapi-typescript';
import ts from 'typescript';

const here = new URL('../', import.meta.url);
const services = process.env.SHOP_SERVICES_DIR ? new URL(`file://${process.env.SHOP_SERVICES_DIR}/`) : new URL('../', here);
const target = new URL('src/generated/', here);

// An amount has all of 64 bits; beyond 2^53 the page reads it as a BigInt (src/api/json.ts).
const amount = ts.factory.createUnionTypeNode([
  ts.factory.createKeywordTypeNode(ts.SyntaxKind.NumberKeyword),
  ts.factory.createKeywordTypeNode(ts.SyntaxKind.BigIntKeyword),
]);

await mkdir(target, { recursive: true });
for (const service of ['product', 'cart', 'order', 'payment']) {
  const document = JSON.parse(await readFile(new URL(`${service}/openapi.json`, services), 'utf8'));
  const nodes = await openapiTS(document, {
    transform: (_schema, { path }) => (path?.endsWith('/Money/amount') || path?.endsWith('/Money/properties/amount') ? amount : undefined),
  });
  const file = new URL(`${service}.d.ts`, target);
  const text = `// Written by build/types.mjs from services/${service}/openapi.json.\n${astToString(nodes)}`;
  const old = await readFile(file, 'utf8').catch(() => '');
  if (old !== text) await writeFile(fileURLToPath(file), text);
}
