import { defineConfig } from 'vite'

/** Builds registerPatronus to one module without imports, dist/register/register.js, which the server hands to other pages. */
export default defineConfig({
  build: {
    outDir: '../../dist/register',
    emptyOutDir: true,
    target: 'es2022',
    lib: { entry: 'index.ts', formats: ['es'], fileName: () => 'register.js' },
  },
})
