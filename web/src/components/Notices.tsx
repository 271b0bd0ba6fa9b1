// What the server says to this user outside any message, until it is dismissed.

import type { Notice } from '../state';
import { useSession } from './hooks';
import { Icon } from './Icon';

export function Notices({ notices }: { notices: readonly Notice[] }) {
  const session = useSession();
  return (
    <section class="notices" aria-label="Notices">
      {notices.map((n) => (
        <div
          key={n.key}
          class={`notice notice-${n.kind}`}
          data-testid="notice"
          role={n.kind === 'error' ? 'alert' : 'status'}
          title={n.code}
        >
          <p dir="auto">
            {n.text}
            {n.times > 1 && <span class="times"> ×{n.times}</span>}
          </p>
          <button
            type="button"
            class="icon-button"
            aria-label="Dismiss this notice"
            onClick={() => session.dismiss(n.key)}
          >
            <Icon name="close" />
          </button>
        </div>
      ))}
    </section>
  );
}
