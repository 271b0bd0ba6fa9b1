// Which screen is shown, and what the window's title says.

import { useEffect } from 'preact/hooks';
import type { Session } from '../session';
import { unreadTotal } from '../state';
import type { State } from '../state';
import type { Store } from '../store';
import { Chat } from './Chat';
import { SessionProvider, useStore } from './hooks';
import { Entering, Loading, SignIn, Unreachable } from './SignIn';

function ScreenOf({ state }: { state: State }) {
  const { screen } = state;
  switch (screen.name) {
    case 'loading':
      return <Loading state={state} />;
    case 'unreachable':
      return <Unreachable why={screen.why} />;
    case 'sign-in':
      return <SignIn state={state} screen={screen} />;
    case 'chat':
      return state.entered ? <Chat state={state} /> : <Entering state={state} />;
  }
}

export function App({ store, session }: { store: Store; session: Session }) {
  const state = useStore(store);
  const unread = unreadTotal(state);
  const name = state.serverName || 'Parley';
  useEffect(() => {
    document.title = unread > 0 ? `(${unread}) ${name}` : name;
  }, [unread, name]);
  return (
    <SessionProvider value={session}>
      <ScreenOf state={state} />
    </SessionProvider>
  );
}
