// The page's entry: gives the session the real browser (fetch, WebSocket, storage, clock) and
// renders.

import { render } from 'preact';
import type { Keep } from './auth';
import { App } from './components/App';
import type { Clock, Socket } from './connection';
import { createSession } from './session';
import { createStore } from './store';
import './style.css';

// Storage may be forbidden or full; then this tab forgets on reload, and that is all.
function tabStorage(): Keep {
  const fallback = new Map<string, string>();
  const full = (name: string) => `parley.${name}`;
  return {
    get(name) {
      try {
        return sessionStorage.getItem(full(name)) ?? fallback.get(name) ?? null;
      } catch {
        return fallback.get(name) ?? null;
      }
    },
    set(name, value) {
      try {
        sessionStorage.setItem(full(name), value);
      } catch {
        fallback.set(name, value);
      }
    },
    remove(name) {
      fallback.delete(name);
      try {
        sessionStorage.removeItem(full(name));
      } catch {
        // Nothing was kept there.
      }
    },
  };
}

const clock: Clock = {
  now: () => Date.now(),
  after: (ms, run) => window.setTimeout(run, ms),
  cancel: (timer) => window.clearTimeout(timer),
};

const store = createStore();
const session = createSession(store, {
  fetch: (input, init) => window.fetch(input, init),
  keep: tabStorage(),
  crypto: window.crypto,
  clock,
  redirectUri: `${location.origin}/`,
  location,
  go: (url) => location.assign(url),
  cleanAddress: () => history.replaceState(null, '', location.pathname),
  socket: (url, protocols) => new WebSocket(url, protocols) as Socket,
  random: Math.random,
});

window.addEventListener('offline', () => session.networkLost());
window.addEventListener('online', () => session.networkBack());

const root = document.getElementById('app');
if (root) render(<App store={store} session={session} />, root);
void session.start();
