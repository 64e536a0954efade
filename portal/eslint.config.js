import { readdirSync } from 'node:fs';
import hooks from 'eslint-plugin-react-hooks';
import { defineConfig } from 'eslint/config';
import ts from 'typescript-eslint';

const features = readdirSync(new URL('src/features', import.meta.url));
const noImport = (group, message) => ({ 'no-restricted-imports': ['error', { patterns: [{ group, message }] }] });

export default defineConfig(
  { ignores: ['dist', 'src/api/schema.d.ts'] },
  {
    files: ['**/*.{ts,tsx}'],
    extends: [ts.configs.strictTypeChecked, hooks.configs.flat['recommended-latest']],
    languageOptions: { parserOptions: { projectService: true } },
    rules: {
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
    },
  },
  ...features.map(feature => ({
    files: [`src/features/${feature}/**`],
    rules: noImport(features.filter(other => other !== feature).map(other => `**/${other}/*`), 'Features don’t import each other; what two of them need lives in src/app.'),
  })),
  { files: ['src/app/**'], ignores: ['src/app/App.tsx'], rules: noImport(['**/features/*'], 'The parts don’t know the pages; App.tsx alone does.') },
  { files: ['src/api/**'], rules: noImport(['**/features/*'], 'The API’s client knows no page.') },
);
