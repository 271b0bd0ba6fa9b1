// What several components share: the store as a hook, a ticking clock, and the session's context.

import { createContext } from 'preact';
import { useContext, useEffect, useState } from 'preact/hooks';
import type { Session } from '../session';
import type { State } from '../state';
import type { Store } from '../store';

const SessionContext = createContext<Session | null>(null);
export const SessionProvider = SessionContext.Provider;

export function useSession(): Session {
  const session = useContext(SessionContext);
  if (!session) throw new Error('No session around this component.');
  return session;
}

// A burst of frames becomes one drawing; what the user does is drawn at once.
const GATHER_MS = 16;

export function useStore(store: Store): State {
  const [state, set] = useState(store.get);
  useEffect(() => {
    let timer: number | undefined;
    const update = () => {
      clearTimeout(timer);
      timer = undefined;
      set(store.get());
    };
    const stop = store.subscribe((event) => {
      if (event.type === 'frame') timer ??= window.setTimeout(update, GATHER_MS);
      else update();
    });
    update();
    return () => {
      stop();
      clearTimeout(timer);
    };
  }, [store]);
  return state;
}

/** Whole seconds until a moment, counting down to 0. */
export function useSecondsUntil(until: number): number {
  const left = () => Math.max(0, Math.ceil((until - Date.now()) / 1000));
  const [seconds, set] = useState(left);
  useEffect(() => {
    set(left());
    if (until <= Date.now()) return;
    const timer = setInterval(() => set(left()), 200);
    return () => clearInterval(timer);
  }, [until]);
  return seconds;
}

/** Does the window match a media query, now and after it changed? */
export function useMedia(query: string): boolean {
  const [matches, set] = useState(() => window.matchMedia(query).matches);
  useEffect(() => {
    const list = window.matchMedia(query);
    const update = () => set(list.matches);
    update();
    list.addEventListener('change', update);
    return () => list.removeEventListener('change', update);
  }, [query]);
  return matches;
}
