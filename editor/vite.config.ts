import { defineConfig } from 'vite'

/** Builds the page to dist/editor, where the server finds it. `npm run build` calls it as `vite build editor`. */
export default defineConfig({
  base: './',
  build: {
    outDir: '../dist/editor',
    emptyOutDir: true,
    target: 'es2022',
    chunkSizeWarningLimit: 900,
    assetsInlineLimit: 0, // the content policy allows no data: fonts
    rolldownOptions: { checks: { eval: false } }, // litegraph evaluates arithmetic in its own number prompt, which the page replaces
  },
  server: {
    port: 18200,
    strictPort: true,
    proxy: Object.fromEntries(
      ['/api', '/patronus', '/view', '/ws'].map(path => [
        path,
        { target: 'http://127.0.0.1:8188', ws: path === '/ws', changeOrigin: true },
      ]),
    ),
  },
})
