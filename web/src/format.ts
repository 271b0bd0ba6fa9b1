// How times, names and counts read. Dates follow the browser's language. No state, no DOM.

const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' });
const full = new Intl.DateTimeFormat(undefined, { dateStyle: 'full', timeStyle: 'medium' });
const weekday = new Intl.DateTimeFormat(undefined, {
  weekday: 'long',
  day: 'numeric',
  month: 'long',
});
const withYear = new Intl.DateTimeFormat(undefined, { dateStyle: 'long' });
const relative = new Intl.RelativeTimeFormat(undefined, { numeric: 'auto' });

const known = (at: number): boolean => Number.isFinite(at) && Math.abs(at) <= 8.64e15;

export const timeOfDay = (at: number): string => (known(at) ? clock.format(at) : '');

/** The time without "AM" or "PM", for the narrow gutter beside a message. */
export const shortTime = (at: number): string =>
  !known(at)
    ? ''
    : clock
        .formatToParts(at)
        .filter((part) => part.type !== 'dayPeriod')
        .map((part) => part.value)
        .join('')
        .trim();
export const fullTime = (at: number): string => (known(at) ? full.format(at) : '');
export const isoTime = (at: number): string => (known(at) ? new Date(at).toISOString() : '');

const midnight = (at: number): number => new Date(at).setHours(0, 0, 0, 0);

/** Equal for two times of the same local day; empty for a time that is not known. */
export const dayKey = (at: number): string => (known(at) ? String(midnight(at)) : '');

const capital = (s: string): string => s.charAt(0).toLocaleUpperCase() + s.slice(1);

/** "Today", "Yesterday", "Monday, June 3", "June 3, 2019". */
export function dayLabel(at: number, now: number): string {
  const days = Math.round((midnight(at) - midnight(now)) / 86_400_000);
  if (days === 0 || days === -1) return capital(relative.format(days, 'day'));
  const sameYear = new Date(at).getFullYear() === new Date(now).getFullYear();
  return (sameYear ? weekday : withYear).format(at);
}

/** "alice is typing…", condensed when there are many. */
export function typingLine(names: readonly string[]): string {
  const [a, b] = names;
  if (a === undefined) return '';
  if (b === undefined) return `${a} is typing…`;
  if (names.length === 2) return `${a} and ${b} are typing…`;
  if (names.length === 3) return `${a}, ${b} and ${names[2]} are typing…`;
  return `${a}, ${b} and ${names.length - 2} others are typing…`;
}

export const count = (n: number): string => (n > 99 ? '99+' : String(n));

/** At most two letters that stand for a name. */
export function initials(name: string): string {
  const words = name.match(/[\p{L}\p{N}]+/gu) ?? [name];
  return words
    .slice(0, 2)
    .map((word) => [...word][0] ?? '')
    .join('')
    .toLocaleUpperCase();
}

export const HUES = 10;

/** A colour of its own for each user: one of HUES, always the same for the same id. */
export function hueOf(id: string): number {
  let hash = 2166136261;
  for (let i = 0; i < id.length; i++) hash = Math.imul(hash ^ id.charCodeAt(i), 16777619);
  return (hash >>> 0) % HUES;
}
