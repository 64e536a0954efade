import react from '@vitejs/plugin-react';
import { defineConfig, type Plugin } from 'vite';

/** Cloudscape's global styles hold their fonts inside; as files of their own a browser loads only those it shows. */
function fontsAsFiles(): Plugin {
  return {
    name: 'fonts-as-files',
    generateBundle(_, bundle) {
      for (const file of Object.values(bundle)) {
        if (file.type !== 'asset' || !file.fileName.endsWith('.css')) continue;
        file.source = String(file.source).replace(/url\(data:font\/woff2;base64,([A-Za-z0-9+/=]+)\)/g, (_whole, content: string) => {
          const reference = this.emitFile({ type: 'asset', name: 'font.woff2', source: Uint8Array.from(atob(content), each => each.charCodeAt(0)) });
          return `url(/${this.getFileName(reference)})`;
        });
      }
    },
  };
}

/** Components of Cloudscape's that no page has; whoever takes one into use takes it from this list. */
const UNUSED = [
  'annotation-context', 'app-layout', 'code-editor', 'date-range-picker', 'prompt-input', 'property-filter', 's3-resource-selector',
  'split-panel', 'tag-editor', 'tutorial-panel', 'wizard',
];

/** Cloudscape's own words come in one file for every component; those of components that no page has are left out. */
function usedWords(): Plugin {
  const used: string[] = [];
  return {
    name: 'used-words',
    transform(code, id) {
      if (id.includes('/portal/src/'))
        used.push(...UNUSED.filter(name => code.includes(`@cloudscape-design/components/${name}`)));
      if (!id.includes('/i18n/messages/all.en')) return null;
      const words = JSON.parse(code.slice(code.indexOf('{'), code.lastIndexOf('}') + 1)) as Record<string, Record<string, Record<string, unknown>>>;
      for (const languages of Object.values(words))
        for (const components of Object.values(languages))
          for (const name of UNUSED) Reflect.deleteProperty(components, name);
      return { code: `export default ${JSON.stringify(words)}`, map: null };
    },
    buildEnd() {
      if (used.length) this.error(`${used.join(', ')} is used: take it from UNUSED in vite.config.ts, or it has no words.`);
    },
  };
}

export default defineConfig({
  plugins: [react(), usedWords(), fontsAsFiles()],
  // Cloudscape's words are parsed already, so that the parser has nothing to do in a browser.
  resolve: { alias: [{ find: /^@formatjs\/icu-messageformat-parser$/, replacement: '@formatjs/icu-messageformat-parser/no-parser.js' }] },
  build: { chunkSizeWarningLimit: 900 },
});
