// The chat: conversations, messages, people. On a narrow screen the sides are drawers over the
// middle; while one is open the rest of the page cannot be reached, and Escape closes it.

import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { unreadTotal } from '../state';
import type { Conversation, State } from '../state';
import { Composer } from './Composer';
import { ConnectionState, ConnectionStrip } from './ConnectionState';
import { useMedia, useSession } from './hooks';
import { Icon } from './Icon';
import { MessageList } from './MessageList';
import { Notices } from './Notices';
import { People } from './People';
import { Sidebar } from './Sidebar';

type Drawer = 'conversations' | 'people' | null;

export const NARROW = '(max-width: 719px)';
export const MEDIUM = '(max-width: 1079px)';

interface HeadProps {
  state: State;
  c: Conversation | undefined;
  drawer: Drawer;
  narrow: boolean;
  medium: boolean;
  open(drawer: Drawer): void;
}

function Head({ state, c, drawer, narrow, medium, open }: HeadProps) {
  const session = useSession();
  const elsewhere = unreadTotal(state) - (c?.unread ?? 0);
  const online = state.link.state === 'online';
  const away = c?.kind === 'user' && !state.people.has(c.peer);
  return (
    <header class="head-bar">
      {narrow && (
        <button
          type="button"
          class="icon-button"
          aria-label={elsewhere > 0 ? `Conversations, ${elsewhere} unread` : 'Conversations'}
          aria-expanded={drawer === 'conversations'}
          data-testid="open-conversations"
          onClick={() => open('conversations')}
        >
          <Icon name="menu" />
          {elsewhere > 0 && <span class="pip" />}
        </button>
      )}
      <div class="title">
        <h1>
          {c?.kind === 'channel' && (
            <span class="hash" aria-hidden="true">
              #
            </span>
          )}
          <bdi>{c?.title ?? ''}</bdi>
        </h1>
        <p class="about">
          {c?.kind === 'user'
            ? away
              ? 'Whispers · away'
              : 'Whispers · here now'
            : c?.info?.description}
        </p>
      </div>
      <ConnectionState link={state.link} />
      {c?.kind === 'channel' && c.joined === 'yes' && (
        <button
          type="button"
          class="quiet leave"
          data-testid="leave-button"
          disabled={!online}
          title={`Leave #${c.title}`}
          onClick={() => session.leaveChannel(c.key)}
        >
          Leave
        </button>
      )}
      {medium && (
        <button
          type="button"
          class="icon-button"
          aria-label={`People, ${state.people.size} here`}
          aria-expanded={drawer === 'people'}
          data-testid="open-people"
          onClick={() => open('people')}
        >
          <Icon name="people" />
        </button>
      )}
    </header>
  );
}

export function Chat({ state }: { state: State }) {
  const session = useSession();
  const narrow = useMedia(NARROW);
  const medium = useMedia(MEDIUM);
  const [drawer, setDrawer] = useState<Drawer>(null);
  const opener = useRef<HTMLElement | null>(null);
  const left = useRef<HTMLElement>(null);
  const right = useRef<HTMLElement>(null);
  const c = state.current === null ? undefined : state.conversations.get(state.current);
  const shown: Drawer =
    (drawer === 'conversations' && narrow) || (drawer === 'people' && medium) ? drawer : null;

  const open = (which: Drawer) => {
    opener.current = document.activeElement as HTMLElement | null;
    setDrawer(which);
  };
  const close = useCallback(() => setDrawer(null), []);

  // Focus goes into a drawer with it, and comes back unless it has found a better place meanwhile.
  useEffect(() => {
    const sides = [left.current, right.current];
    if (shown !== null) {
      sides[shown === 'conversations' ? 0 : 1]?.querySelector('button')?.focus();
      return;
    }
    const at = document.activeElement;
    if (at === null || at === document.body || sides.some((s) => s?.contains(at))) {
      opener.current?.focus();
    }
    opener.current = null;
  }, [shown]);

  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.key === 'Escape' && drawer !== null) close();
      if (!event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
      if (event.key !== 'ArrowUp' && event.key !== 'ArrowDown') return;
      event.preventDefault();
      session.step(event.key === 'ArrowUp' ? -1 : 1);
    };
    document.addEventListener('keydown', onKey);
    return () => document.removeEventListener('keydown', onKey);
  }, [drawer]);

  const side = (which: Drawer, drawn: boolean) =>
    `side side-${which}${drawn ? ' drawn' : ''}${shown === which ? ' open' : ''}`;
  return (
    <div class="chat">
      <aside
        ref={left}
        class={side('conversations', narrow)}
        aria-label="Channels and whispers"
        inert={shown === 'people' || (narrow && shown !== 'conversations')}
      >
        <Sidebar state={state} onChosen={close} />
      </aside>
      <main class="middle" inert={shown !== null}>
        <Head {...{ state, c, drawer: shown, narrow, medium, open }} />
        <ConnectionStrip link={state.link} />
        <Notices notices={state.notices} />
        {c ? (
          <>
            <MessageList key={c.key} c={c} selfId={state.self.id} />
            <Composer
              c={c}
              draft={state.drafts.get(c.key) ?? ''}
              typists={state.typists.get(c.key) ?? []}
              online={state.link.state === 'online'}
            />
          </>
        ) : (
          <p class="empty">There is no channel here yet.</p>
        )}
      </main>
      <aside
        ref={right}
        class={side('people', medium)}
        aria-label="People here"
        inert={shown === 'conversations' || (medium && shown !== 'people')}
      >
        <People people={state.people} selfId={state.self.id} onChosen={close} />
      </aside>
      {shown && <button type="button" class="veil" aria-label="Close" onClick={close} />}
    </div>
  );
}
