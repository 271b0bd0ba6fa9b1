// One message. All of it is text: names and messages are never read as markup.

import { fullTime, isoTime, shortTime, timeOfDay } from '../format';
import type { Message } from '../timeline';
import { Avatar } from './Avatar';
import { useSecondsUntil, useSession } from './hooks';
import { Icon } from './Icon';
import { memo } from './memo';

function Time({ at, class: name }: { at: number; class: 'when' | 'aside' }) {
  if (!isoTime(at)) return null;
  return (
    <time class={name} dateTime={isoTime(at)} title={fullTime(at)}>
      {name === 'aside' ? shortTime(at) : timeOfDay(at)}
    </time>
  );
}

function Failure({ message, conversation }: { message: Message; conversation: string }) {
  const session = useSession();
  const seconds = useSecondsUntil(message.problem?.retryAt ?? 0);
  const id = message.id ?? '';
  return (
    <div class="failure" title={message.problem?.code}>
      <Icon name="alert" />
      <span>Not sent: {message.problem?.words}</span>
      <button type="button" disabled={seconds > 0} onClick={() => session.retry(conversation, id)}>
        {seconds > 0 ? `Retry in ${seconds} s` : 'Retry'}
      </button>
      <button
        type="button"
        onClick={() => {
          session.takeBack(conversation, id);
          document.getElementById('composer')?.focus();
        }}
      >
        Edit
      </button>
      <button type="button" onClick={() => session.discard(conversation, id)}>
        Discard
      </button>
    </div>
  );
}

interface Props {
  message: Message;
  /** The first of a group by one author: shows name and picture. */
  head: boolean;
  own: boolean;
  conversation: string;
}

export const MessageRow = memo(function MessageRow({ message: m, head, own, conversation }: Props) {
  const classes = ['row', head && 'head', own && 'own', m.status].filter(Boolean).join(' ');
  if (m.deleted) {
    return (
      <li class={classes}>
        {head ? <Avatar id={m.ownerId} name={m.username} /> : <span class="gutter" />}
        <div class="body">
          {head && <bdi class="author">{m.username}</bdi>}
          <p class="text gone">This message was deleted.</p>
        </div>
      </li>
    );
  }
  return (
    <li class={classes} data-testid="message" data-author={m.username} data-status={m.status}>
      {head ? (
        <Avatar id={m.ownerId} name={m.username} />
      ) : (
        <span class="gutter">
          <Time at={m.at} class="aside" />
        </span>
      )}
      <div class="body">
        {head ? (
          <div class="byline">
            <bdi class="author">{m.username}</bdi>
            <Time at={m.at} class="when" />
          </div>
        ) : (
          <span class="hidden">{m.username}: </span>
        )}
        <p class="text" dir="auto">
          {m.text}
          {m.edited && <span class="edited"> (edited)</span>}
          {m.status === 'pending' && (
            <span class="pending-mark" title="Not confirmed yet">
              <Icon name="clock" />
              <span class="hidden">sending</span>
            </span>
          )}
        </p>
        {m.status === 'failed' && <Failure message={m} conversation={conversation} />}
      </div>
    </li>
  );
});
