import { expect, it } from 'vitest';
import {
  HUES,
  count,
  dayLabel,
  hueOf,
  initials,
  isoTime,
  timeOfDay,
  typingLine,
} from '../src/format';

it('condenses who is typing', () => {
  expect(typingLine([])).toBe('');
  expect(typingLine(['alice'])).toBe('alice is typing…');
  expect(typingLine(['alice', 'bob'])).toBe('alice and bob are typing…');
  expect(typingLine(['a', 'b', 'c'])).toBe('a, b and c are typing…');
  expect(typingLine(['a', 'b', 'c', 'd', 'e'])).toBe('a, b and 3 others are typing…');
});

it('finds letters in any name', () => {
  expect(initials('alice')).toBe('A');
  expect(initials('Anneliese von Tal')).toBe('AV');
  expect(initials('<img src=x>')).toBe('IS');
  expect(initials('😀')).toBe('😀');
  expect(initials('')).toBe('');
});

it('names days and survives times that are none', () => {
  const now = new Date(2026, 0, 5, 12).getTime();
  const day = 86_400_000;
  expect(dayLabel(now, now)).not.toBe(dayLabel(now - day, now));
  expect(dayLabel(now - 500 * day, now)).toContain('2024');
  for (const bad of [NaN, Infinity, 9e15]) expect([timeOfDay(bad), isoTime(bad)]).toEqual(['', '']);
});

it('gives the same user the same colour', () => {
  expect(hueOf('u-bob')).toBe(hueOf('u-bob'));
  for (const id of ['', 'a', 'ü', 'x'.repeat(500)]) expect(hueOf(id)).toBeLessThan(HUES);
});

it('keeps counters short', () => expect([count(7), count(100)]).toEqual(['7', '99+']));
