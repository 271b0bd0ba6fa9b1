// The right side: who is here. Choosing somebody opens the whispers with him. A drawer on a narrow
// screen.

import { useMemo } from 'preact/hooks';
import { sortPeople } from '../state';
import type { State } from '../state';
import { Avatar } from './Avatar';
import { useSession } from './hooks';
import { memo } from './memo';

// The server lists no more than that many.
const LISTED_MAX = 1000;

interface Props {
  people: State['people'];
  selfId: string;
  onChosen(): void;
}

export const People = memo(function People({ people, selfId, onChosen }: Props) {
  const session = useSession();
  const all = useMemo(() => sortPeople(people, selfId), [people, selfId]);
  return (
    <>
      <h2>
        Here now{' '}
        <span class="number">{all.length < LISTED_MAX ? all.length : `${LISTED_MAX}+`}</span>
      </h2>
      <ul data-testid="user-list">
        {all.map((p) => (
          <li key={p.id}>
            {p.id === selfId ? (
              <div class="entry self" data-testid={`user-${p.username}`}>
                <Avatar id={p.id} name={p.username} here />
                <bdi class="entry-name">{p.username}</bdi>
                <span class="you">you</span>
              </div>
            ) : (
              <button
                type="button"
                class="entry"
                data-testid={`user-${p.username}`}
                title={`Whisper to ${p.username}`}
                onClick={() => {
                  session.whisper(p);
                  onChosen();
                }}
              >
                <Avatar id={p.id} name={p.username} here />
                <bdi class="entry-name">{p.username}</bdi>
              </button>
            )}
          </li>
        ))}
      </ul>
    </>
  );
});
