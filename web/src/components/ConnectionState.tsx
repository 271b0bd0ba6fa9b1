// How the connection is doing: a word for the eye in the header, and a strip with the reason and a
// way on while there is none.

import { useEffect, useState } from 'preact/hooks';
import type { Link } from '../connection';
import { useSecondsUntil, useSession } from './hooks';

export function ConnectionState({ link }: { link: Link }) {
  const seconds = useSecondsUntil(link.state === 'waiting' ? link.until : 0);
  let words = 'offline';
  let tone = 'off';
  if (link.state === 'online') [words, tone] = ['online', 'on'];
  if (link.state === 'connecting') [words, tone] = ['connecting…', 'busy'];
  if (link.state === 'waiting') words = `offline, back in ${seconds} s`;
  return (
    <span class={`link link-${tone}`} data-testid="connection-state">
      <span class="link-words">{words}</span>
    </span>
  );
}

export function ConnectionStrip({ link }: { link: Link }) {
  const session = useSession();
  // The reason stays while the next attempt runs, so that the page does not jump.
  const [why, setWhy] = useState('');
  useEffect(() => {
    if (link.state === 'waiting' || link.state === 'stopped') setWhy(link.why);
    else if (link.state !== 'connecting') setWhy('');
  }, [link]);
  if (why === '' || link.state === 'online') return null;
  const signIn = link.state === 'stopped' && link.action === 'sign-in';
  let words = 'Reconnect now';
  if (link.state === 'connecting') words = 'Connecting…';
  if (link.state === 'stopped') words = signIn ? 'Sign in again' : 'Try again';
  return (
    <div class="strip" role="status">
      <span>{why}</span>
      <button
        type="button"
        disabled={link.state === 'connecting'}
        onClick={() => (signIn ? void session.signIn() : session.reconnect())}
      >
        {words}
      </button>
    </div>
  );
}
