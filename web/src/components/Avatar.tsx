// A user's letters on his colour; `here` adds the dot that says whether he is online.

import { hueOf, initials } from '../format';

export function Avatar({ id, name, here }: { id: string; name: string; here?: boolean }) {
  return (
    <span class={`avatar hue-${hueOf(id)}`} aria-hidden="true">
      {initials(name)}
      {here !== undefined && <span class={here ? 'dot dot-on' : 'dot dot-off'} />}
    </span>
  );
}
