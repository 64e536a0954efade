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

export default defineConfig({ plugins: [react(), fontsAsFiles()], build: { chunkSizeWarningLimit: 900 } });
