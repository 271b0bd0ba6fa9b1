// The door: a name where the server asks for nothing more, else the way to its sign-in service.
// Also what is shown before the first connection stands.

import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import type { Screen, State } from '../state';
import { NAME_MAX, fits } from '../session';
import { ConnectionState } from './ConnectionState';
import { useSession } from './hooks';
import { Mark } from './Icon';

function Card({ title, children }: { title: string; children: ComponentChildren }) {
  return (
    <main class="door">
      <div class="card">
        <Mark />
        <h1>{title}</h1>
        {children}
      </div>
    </main>
  );
}

export function SignIn({ state, screen }: { state: State; screen: Screen & { name: 'sign-in' } }) {
  const session = useSession();
  const [name, setName] = useState(screen.username ?? '');
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => field.current?.focus(), []);
  const title = state.serverName || 'Parley';
  const problem = screen.problem && (
    <p class="problem" role="alert">
      {screen.problem}
    </p>
  );

  if (screen.mode === 'oidc') {
    return (
      <Card title={title}>
        <p class="lead">Sign in to join the conversation.</p>
        {problem}
        <button
          type="button"
          class="primary wide"
          data-testid="enter-button"
          onClick={() => void session.signIn()}
        >
          Sign in
        </button>
      </Card>
    );
  }

  const tooLong = !fits(name.trim());
  return (
    <Card title={title}>
      <p class="lead">Choose a name to join the conversation.</p>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          session.enter(name);
        }}
      >
        <label for="name">Your name</label>
        <input
          ref={field}
          id="name"
          data-testid="name-input"
          value={name}
          maxLength={NAME_MAX * 2}
          autocomplete="nickname"
          autocapitalize="off"
          spellcheck={false}
          required
          aria-invalid={tooLong || undefined}
          aria-describedby="name-hint"
          onInput={(event) => setName(event.currentTarget.value)}
        />
        <p id="name-hint" class={tooLong ? 'hint problem' : 'hint'}>
          {tooLong ? 'That name is too long.' : 'This is how others will see you.'}
        </p>
        {problem}
        <button
          class="primary wide"
          data-testid="enter-button"
          disabled={tooLong || name.trim() === ''}
        >
          Enter
        </button>
      </form>
    </Card>
  );
}

export function Loading({ state }: { state: State }) {
  return (
    <Card title={state.serverName || 'Parley'}>
      <p class="lead" role="status">
        One moment…
      </p>
    </Card>
  );
}

export function Unreachable({ why }: { why: string }) {
  const session = useSession();
  return (
    <Card title="Parley">
      <p class="problem" role="alert">
        {why}
      </p>
      <button type="button" class="primary wide" onClick={() => void session.start()}>
        Try again
      </button>
    </Card>
  );
}

/** Between the door and the chat. */
export function Entering({ state }: { state: State }) {
  const session = useSession();
  return (
    <Card title={state.serverName || 'Parley'}>
      <p class="lead">
        Entering as <bdi class="strong">{state.self.username || 'yourself'}</bdi>
      </p>
      <ConnectionState link={state.link} />
      {state.link.state === 'waiting' && <p class="hint">{state.link.why}</p>}
      <div class="buttons">
        {state.link.state === 'waiting' && (
          <button type="button" class="primary" onClick={session.reconnect}>
            Try now
          </button>
        )}
        <button type="button" class="quiet" data-testid="sign-out" onClick={session.signOut}>
          Cancel
        </button>
      </div>
    </Card>
  );
}
