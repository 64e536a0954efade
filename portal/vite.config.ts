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
  'attribute-editor', 'collection-preferences', 'autosuggest', 'cards', 'drawer', 'features-notification-drawer', 'list', 'pie-chart', 'slider', 'tabs', 'tree-view',
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

/** Icons of Cloudscape's that no component of a page shows; they come in one file for all. Whoever shows one takes it from this list. */
const UNUSED_ICONS = `
  anchor-link angle-left-double angle-right-double announcement at-symbol audio-full audio-half audio-off backward-10-seconds bug
  call caret-left-filled caret-right-filled caret-up closed-caption closed-caption-unavailable command-prompt contact convert-code
  delete-marker edit-gen-ai envelope exit-full-screen face-happy face-happy-filled face-neutral face-neutral-filled
  face-sad face-sad-filled file-open flag folder folder-open forward-10-seconds full-screen globe grid-view group-active heart
  heart-filled insert-row internal-link light-dark list-view location-pin map microphone microphone-off mini-player multiscreen
  notification pause play redo script search-gen-ai security send shrink side-bar sign-out slash star
  star-filled star-half stop-circle subtract-minus suggestions suggestions-gen-ai support thumbs-down thumbs-down-filled thumbs-up
  thumbs-up-filled ticket transcript unlocked upload-download user-profile-active video-camera-off video-camera-on
  video-camera-unavailable video-off video-on video-unavailable view-full view-horizontal view-vertical zoom-in zoom-out
  zoom-to-fit
`.trim().split(/\s+/);

function usedIcons(): Plugin {
  const used = new Set<string>();
  return {
    name: 'used-icons',
    transform(code, id) {
      if (!id.includes('/icon/generated/icons.js')) {
        if (id.includes('/portal/src/') || id.includes('@cloudscape-design/components/'))
          UNUSED_ICONS.filter(name => code.includes(`'${name}'`) || code.includes(`"${name}"`)).forEach(name => used.add(name));
        return null;
      }
      const end = code.search(/^\};/m);
      const [head = '', ...icons] = code.slice(0, end).split(/^ {4}(?="[a-z0-9-]+": )/m);
      const named = new Map(icons.map(icon => [/^"([^"]+)"/.exec(icon)?.[1] ?? '', icon]));
      if (!UNUSED_ICONS.every(name => named.delete(name))) this.error('Cloudscape has other icons now: see UNUSED_ICONS in vite.config.ts.');
      return { code: `${head}${[...named.values()].join('')}${code.slice(end)}`, map: null };
    },
    buildEnd() {
      if (used.size) this.error(`The icons ${[...used].join(', ')} are used: take them from UNUSED_ICONS in vite.config.ts, or nothing is shown.`);
    },
  };
}

/** What the entry needs at once, by its imports: one file, which is smaller and comes sooner than thirty. */
const atOnce = new Set<string>();

function firstLoad(): Plugin {
  return {
    name: 'first-load',
    buildEnd() {
      const open = [...this.getModuleIds()].filter(id => this.getModuleInfo(id)?.isEntry);
      for (let id = open.pop(); id; id = open.pop()) {
        if (atOnce.has(id)) continue;
        atOnce.add(id);
        open.push(...(this.getModuleInfo(id)?.importedIds ?? []));
      }
    },
  };
}

export default defineConfig({
  plugins: [react(), usedWords(), usedIcons(), firstLoad(), fontsAsFiles()],
  // Cloudscape's words are parsed already, so that the parser has nothing to do in a browser.
  resolve: { alias: [{ find: /^@formatjs\/icu-messageformat-parser$/, replacement: '@formatjs/icu-messageformat-parser/lib/no-parser.js' }] },
  build: { chunkSizeWarningLimit: 1000, rollupOptions: { output: { advancedChunks: { groups: [{ name: 'first', test: (id: string) => atOnce.has(id) && !id.endsWith('.css') }] } } } },
});
