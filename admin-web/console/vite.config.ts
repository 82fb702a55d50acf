import vue from '@vitejs/plugin-vue'
import { defineConfig } from 'vitest/config'

// The page is served under a policy that allows nothing but its own files:
// no inlined asset (`data:`), no preload helper written into the page.
export default defineConfig({
  plugins: [vue()],
  build: {
    target: 'es2022',
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: true,
  },
  define: {
    __VUE_OPTIONS_API__: 'false',
    __VUE_PROD_DEVTOOLS__: 'false',
  },
  server: {
    proxy: { '/api': { target: 'http://127.0.0.1:8443', ws: true } },
  },
  test: {
    environment: 'happy-dom',
    include: ['tests/**/*.test.ts', 'src/**/*.test.ts'],
  },
})
