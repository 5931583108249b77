import { gzipSync } from 'node:zlib';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Plugin } from 'vite';
import { defineConfig } from 'vitest/config';
import { documentPages } from './build/documents';

/** What a first view may cost on the wire: index.html, its scripts, styles and fonts, compressed. */
const FIRST_VIEW_BYTES = 120 * 1024;

/** Compresses what compresses, for a server that sends files as they lie there, and fails a build whose first view is too heavy. */
function compressAndWeigh(): Plugin {
  return {
    name: 'compress-and-weigh',
    apply: 'build',
    writeBundle(options, bundle) {
      const first = new Set<string>(['index.html']);
      const visit = (name: string): void => {
        const chunk = bundle[name];
        if (first.has(name) || chunk?.type !== 'chunk') return;
        first.add(name);
        chunk.imports.forEach(visit);
        chunk.viteMetadata?.importedCss.forEach((css) => first.add(css));
      };
      for (const [name, part] of Object.entries(bundle)) {
        if (part.type === 'chunk' && part.isEntry) visit(name);
        if (name.endsWith('.woff2')) first.add(name);
      }
      let weight = 0;
      for (const name of Object.keys(bundle)) {
        const file = join(options.dir!, name);
        const content = readFileSync(file);
        const packed = /\.(html|js|css|svg|txt|json)$/.test(name) ? gzipSync(content, { level: 9 }) : undefined;
        if (packed) writeFileSync(`${file}.gz`, packed);
        if (first.has(name)) weight += (packed ?? content).length;
      }
      const said = `first view: ${(weight / 1024).toFixed(1)} KB of ${FIRST_VIEW_BYTES / 1024} KB compressed (${[...first].join(', ')})`;
      if (weight > FIRST_VIEW_BYTES) this.error(said);
      else console.log(said);
    },
  };
}

/** What the page is made of may be passed on with its licences: they lie beside it. */
function licences(...packages: string[]): Plugin {
  return {
    name: 'licences',
    apply: 'build',
    generateBundle() {
      const texts = packages.map((name) => {
        const folder = fileURLToPath(new URL(`node_modules/${name}`, import.meta.url));
        const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
        if (!file) this.error(`${name} has no licence`);
        return `${name}\n\n${readFileSync(join(folder, file), 'utf8').trim()}\n`;
      });
      this.emitFile({ type: 'asset', fileName: 'assets/licences.txt', source: texts.join('\n---\n\n') });
    },
  };
}

const api = process.env.SHOP_GATEWAY_URL ?? 'http://127.0.0.1:8080';

export default defineConfig({
  plugins: [documentPages(), licences('preact', '@preact/signals', '@preact/signals-core', 'lossless-json', '@fontsource-variable/figtree'), compressAndWeigh()],
  esbuild: { jsx: 'automatic', jsxImportSource: 'preact', legalComments: 'none' },
  build: {
    target: 'es2022',
    // Everything is a file of its own: the page's Content-Security-Policy knows no data: address.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    emptyOutDir: true,
  },
  server: {
    host: '127.0.0.1',
    // The services' paths, as the gateway tells them apart: the page's own begin otherwise (/p/, /o/, /cart, /checkout).
    proxy: Object.fromEntries(
      ['/products', '/categories', '/carts', '/orders', '/demand', '/payments', '/development'].map((path) => [
        `^${path}(/|\\?|$)`,
        { target: api, changeOrigin: true },
      ]),
    ),
  },
  test: { environment: 'node', include: ['tests/**/*.test.ts'], setupFiles: ['tests/setup.ts'] },
});
