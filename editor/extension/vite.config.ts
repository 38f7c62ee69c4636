import { defineConfig } from 'vite'

/** Builds our module for ComfyUI's page to dist/extension: one script and one style sheet, under names that do not change. */
export default defineConfig({
  publicDir: false,
  build: {
    outDir: '../../dist/extension',
    emptyOutDir: true,
    target: 'es2022',
    lib: { entry: 'patronus.tsx', formats: ['es'], fileName: () => 'patronus.js', cssFileName: 'patronus' },
  },
  // A library build leaves these to whoever uses it; this one is used as it is.
  define: { 'process.env.NODE_ENV': '"production"' },
})
