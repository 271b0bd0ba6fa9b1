// The left side: channels, whispers, and the user himself. A drawer on a narrow screen.

import { count } from '../format';
import { channels, whispers } from '../state';
import type { Conversation, State } from '../state';
import { Avatar } from './Avatar';
import { useSession } from './hooks';
import { Icon, Mark } from './Icon';

interface EntryProps {
  c: Conversation;
  current: boolean;
  testid: string;
  here?: boolean;
  onOpen(): void;
}

function Entry({ c, current, testid, here, onOpen }: EntryProps) {
  const classes = [
    'entry',
    current && 'current',
    c.unread > 0 && 'unread',
    c.joined === 'no' && 'out',
  ];
  return (
    <li>
      <button
        type="button"
        class={classes.filter(Boolean).join(' ')}
        data-testid={testid}
        aria-current={current ? 'true' : undefined}
        title={c.info?.description || undefined}
        onClick={onOpen}
      >
        {c.kind === 'channel' ? (
          <span class="hash" aria-hidden="true">
            #
          </span>
        ) : (
          <Avatar id={c.peer} name={c.title} here={here} />
        )}
        <bdi class="entry-name">{c.title}</bdi>
        {c.unread > 0 && (
          <span class="badge">
            {count(c.unread)}
            <span class="hidden"> unread</span>
          </span>
        )}
      </button>
    </li>
  );
}

export function Sidebar({ state, onChosen }: { state: State; onChosen(): void }) {
  const session = useSession();
  const quiet = whispers(state);
  const entry = (c: Conversation, testid: string) => (
    <Entry
      key={c.key}
      c={c}
      testid={testid}
      current={c.key === state.current}
      here={c.kind === 'user' ? state.people.has(c.peer) : undefined}
      onOpen={() => {
        session.open(c.key);
        onChosen();
      }}
    />
  );
  return (
    <>
      <div class="brand">
        <Mark />
        <span class="brand-name">{state.serverName || 'Parley'}</span>
      </div>
      <nav class="lists" aria-label="Conversations">
        <h2>Channels</h2>
        <ul data-testid="channel-list">
          {channels(state).map((c) => entry(c, `channel-${c.title}`))}
        </ul>
        {quiet.length > 0 && (
          <>
            <h2>Whispers</h2>
            <ul>{quiet.map((c) => entry(c, `conversation-${c.title}`))}</ul>
          </>
        )}
      </nav>
      <div class="me">
        <Avatar
          id={state.self.id}
          name={state.self.username}
          here={state.link.state === 'online'}
        />
        <bdi class="me-name">{state.self.username}</bdi>
        <button
          type="button"
          class="icon-button"
          data-testid="sign-out"
          aria-label="Sign out"
          title="Sign out"
          onClick={session.signOut}
        >
          <Icon name="leave" />
        </button>
      </div>
    </>
  );
}
