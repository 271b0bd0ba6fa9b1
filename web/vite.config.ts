// How the page is built. The daemon serves the result from memory under a Content-Security-Policy
// that forbids inline scripts and styles, so everything is emitted as a file and nothing is
// inlined.

import { loadEnv } from 'vite';
import { defineConfig } from 'vitest/config';

export default defineConfig(({ mode }) => {
  // `PARLEY_URL=http://127.0.0.1:9000 npm run dev` talks to another daemon than the default one.
  const daemon = loadEnv(mode, '.', 'PARLEY_')['PARLEY_URL'] ?? 'http://127.0.0.1:8080';
  // Host is kept, so that the daemon's Origin check passes.
  const proxied = { target: daemon, changeOrigin: false };
  return {
    base: './',
    esbuild: { jsx: 'automatic', jsxImportSource: 'preact' },
    build: {
      target: 'es2022',
      assetsInlineLimit: 0,
      modulePreload: { polyfill: false },
    },
    server: {
      proxy: {
        '/ws': { ...proxied, ws: true },
        '/ticket': proxied,
        '/discovery': proxied,
        '/healthz': proxied,
      },
    },
    test: {
      include: ['tests/**/*.test.{ts,tsx}'],
      environment: 'node',
    },
  };
});
