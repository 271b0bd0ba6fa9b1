// Where one writes. Enter sends, Shift+Enter starts a new line; each conversation keeps its own
// draft.

import { useEffect, useLayoutEffect, useRef } from 'preact/hooks';
import { typingLine } from '../format';
import type { Conversation, Typist } from '../state';
import { useMedia, useSession } from './hooks';
import { Icon } from './Icon';

const TALLEST_PX = 200;

interface Props {
  c: Conversation;
  draft: string;
  typists: readonly Typist[];
  online: boolean;
}

export function Composer({ c, draft: text, typists, online }: Props) {
  const session = useSession();
  const field = useRef<HTMLTextAreaElement>(null);
  const mouse = useMedia('(hover: hover) and (pointer: fine)');
  const label = c.kind === 'channel' ? `Message #${c.title}` : `Whisper to ${c.title}`;

  // On a phone, focus would push the keyboard up each time a channel is opened.
  useEffect(() => {
    if (mouse) field.current?.focus();
  }, [c.key]);

  useLayoutEffect(() => {
    const area = field.current;
    if (!area) return;
    area.style.height = 'auto';
    area.style.height = `${Math.min(area.scrollHeight, TALLEST_PX)}px`;
  }, [text, c.key]);

  const send = () => {
    const value = field.current?.value ?? text;
    if (value.trim() === '') return;
    session.send(c.key, value);
    session.draft(c.key, '');
    field.current?.focus();
  };

  const shut = c.kind === 'channel' && c.joined === 'no';
  return (
    <div class="compose">
      <p class="typing" data-testid="typing" aria-live="off">
        {typingLine(typists.map((t) => t.username))}
      </p>
      {shut ? (
        <div class="shut">
          <p role="status">{c.joinProblem ?? `You are not in #${c.title}.`}</p>
          <button
            type="button"
            class="primary"
            data-testid="join-button"
            disabled={!online}
            onClick={() => session.join(c.key)}
          >
            Join
          </button>
        </div>
      ) : (
        <form
          class="box"
          onSubmit={(event) => {
            event.preventDefault();
            send();
          }}
        >
          <textarea
            ref={field}
            id="composer"
            rows={1}
            value={text}
            placeholder={label}
            aria-label={label}
            dir="auto"
            enterkeyhint="send"
            data-testid="composer"
            onInput={(event) => {
              const { value } = event.currentTarget;
              session.draft(c.key, value);
              if (value.trim() !== '') session.typing(c.key);
            }}
            onKeyDown={(event) => {
              if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
              event.preventDefault();
              send();
            }}
          />
          <button
            class="send"
            aria-label="Send"
            title="Send"
            data-testid="send-button"
            disabled={text.trim() === ''}
          >
            <Icon name="send" />
          </button>
        </form>
      )}
    </div>
  );
}
