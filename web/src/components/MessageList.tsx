// The messages of one conversation, in groups by day and author. Stays at the bottom while the
// reader is there; once he scrolled up it stays where he is and counts what arrives below.

import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import type { JSX } from 'preact';
import { dayKey, dayLabel } from '../format';
import type { Conversation } from '../state';
import type { Message, Timeline } from '../timeline';
import { useSession } from './hooks';
import { Icon } from './Icon';
import { memo } from './memo';
import { MessageRow } from './MessageRow';

const NEAR_PX = 60;
const GROUP_MS = 5 * 60_000;

function rows(items: Timeline, selfId: string, conversation: string, now: number): JSX.Element[] {
  const out: JSX.Element[] = [];
  let before: Message | null = null;
  let day = '';
  for (const item of items) {
    if (item.kind === 'gap') {
      out.push(
        <li key={item.key} class="divider missed" data-testid="missed-divider">
          <span>Some messages may be missing here</span>
        </li>,
      );
      before = null;
      continue;
    }
    const today = dayKey(item.at);
    if (today !== '' && today !== day) {
      out.push(
        <li key={`day${today}-${item.key}`} class="divider day">
          <span>{dayLabel(item.at, now)}</span>
        </li>,
      );
      day = today;
      before = null;
    }
    const head = before?.ownerId !== item.ownerId || !(item.at - before.at < GROUP_MS);
    out.push(
      <MessageRow
        key={item.key}
        message={item}
        head={head}
        own={item.ownerId === selfId}
        conversation={conversation}
      />,
    );
    before = item;
  }
  return out;
}

interface Props {
  c: Conversation;
  selfId: string;
}

export const MessageList = memo(function MessageList({ c, selfId }: Props) {
  const session = useSession();
  const box = useRef<HTMLDivElement>(null);
  const list = useRef<HTMLOListElement>(null);
  const sticks = useRef(true);
  const [below, setBelow] = useState(false);
  const last = c.items[c.items.length - 1];

  const report = () => session.seeing(sticks.current && document.visibilityState === 'visible');
  const toBottom = () => {
    if (box.current) box.current.scrollTop = box.current.scrollHeight;
  };
  const settle = (sticking: boolean) => {
    sticks.current = sticking;
    setBelow(!sticking);
    report();
  };

  // What one sends oneself is always shown.
  const sent = last?.kind === 'message' && last.status === 'pending' ? last.key : '';
  useLayoutEffect(() => {
    if (sent) settle(true);
  }, [sent]);

  useLayoutEffect(() => {
    if (sticks.current) toBottom();
  }, [c.items]);

  useEffect(() => {
    report();
    document.addEventListener('visibilitychange', report);
    const observer =
      typeof ResizeObserver === 'function'
        ? new ResizeObserver(() => {
            if (sticks.current) toBottom();
          })
        : null;
    for (const part of [box.current, list.current]) if (part) observer?.observe(part);
    return () => {
      document.removeEventListener('visibilitychange', report);
      observer?.disconnect();
    };
  }, []);

  const onScroll = () => {
    const at = box.current;
    if (!at) return;
    const near = at.scrollHeight - at.scrollTop - at.clientHeight < NEAR_PX;
    if (near !== sticks.current) settle(near);
  };

  return (
    <div class="log-frame">
      <div
        ref={box}
        class="log"
        role="log"
        aria-live="polite"
        aria-label={`Messages, ${c.kind === 'channel' ? 'channel' : 'whispers with'} ${c.title}`}
        tabIndex={0}
        data-testid="message-list"
        onScroll={onScroll}
      >
        {c.items.length === 0 && <Empty c={c} />}
        <ol ref={list} role="list">
          {rows(c.items, selfId, c.key, Date.now())}
        </ol>
      </div>
      {below && (
        <button
          type="button"
          class={c.unread > 0 ? 'jump news' : 'jump'}
          data-testid="new-messages"
          onClick={() => {
            settle(true);
            toBottom();
          }}
        >
          <Icon name="down" />
          {c.unread > 0 ? `${c.unread} new ${c.unread === 1 ? 'message' : 'messages'}` : 'Latest'}
        </button>
      )}
    </div>
  );
});

function Empty({ c }: { c: Conversation }) {
  return (
    <p class="empty">
      {c.kind === 'channel' ? (
        <>
          Nothing was said in <strong>#{c.title}</strong> yet.
        </>
      ) : (
        <>
          Only you and <bdi class="strong">{c.title}</bdi> see what is written here.
        </>
      )}
    </p>
  );
}
