import { describe, expect, it } from 'vitest';
import * as timeline from '../src/timeline';
import type { Item, Message, Timeline } from '../src/timeline';

const ME = 'u-alice';

const from = (owner: string, n: number, more: Partial<Message> = {}): Message => ({
  kind: 'message',
  key: `m${n}${more.epoch ?? 'e1'}`,
  cacheID: n,
  epoch: 'e1',
  offset: n,
  ownerId: owner,
  username: owner.slice(2),
  text: `text ${n}`,
  at: n * 1000,
  status: 'sent',
  ...more,
});

const pending = (id: string, text: string): Message => ({
  kind: 'message',
  key: id,
  id,
  ownerId: ME,
  username: 'alice',
  text,
  at: 5,
  status: 'pending',
});

const put = (items: Timeline, ...messages: Message[]) => timeline.insert(items, messages, ME).items;
const texts = (items: Timeline) => items.map((i: Item) => (i.kind === 'gap' ? '--' : i.text));

describe('order and identity', () => {
  it('keeps the order of offsets, whatever the order of arrival', () => {
    expect(texts(put([], from('u-b', 3), from('u-b', 1), from('u-b', 2)))).toEqual([
      'text 1',
      'text 2',
      'text 3',
    ]);
  });

  it('takes each (epoch, offset) once', () => {
    const once = put([], from('u-b', 1), from('u-b', 2));
    expect(put(once, from('u-b', 2), from('u-b', 1))).toBe(once);
  });

  it('tells the same offset of two epochs apart', () => {
    const items = put([], from('u-b', 1), from('u-b', 1, { epoch: 'e2', at: 9000, text: 'new' }));
    expect(texts(items)).toEqual(['text 1', 'new']);
  });

  it('takes each whisper once by its number, but not after the numbers began anew', () => {
    const plain = { epoch: undefined, offset: undefined };
    const items = put([], from('u-b', 1, plain), from('u-b', 1, plain));
    expect(items).toHaveLength(1);
    expect(put(items, from('u-b', 1, { ...plain, at: 99_000 }))).toHaveLength(2);
  });

  it('stays bounded and keeps the latest', () => {
    const many = Array.from({ length: timeline.LIMIT + 50 }, (_, i) => from('u-b', i + 1));
    const items = put([], ...many);
    expect(items).toHaveLength(timeline.LIMIT);
    expect(texts(items).at(-1)).toBe(`text ${timeline.LIMIT + 50}`);
  });

  it('puts a message with an unreadable time at the end', () => {
    const odd = from('u-b', 9, { epoch: undefined, offset: undefined, at: NaN });
    expect(texts(put(put([], from('u-b', 1)), odd))).toEqual(['text 1', 'text 9']);
  });
});

describe('what this user sends', () => {
  const sent = timeline.addPending([], pending('a1', 'hi'));

  it('stays below what arrives meanwhile', () => {
    expect(texts(put(sent, from('u-b', 1)))).toEqual(['text 1', 'hi']);
  });

  it('is replaced by its echo in the same row, and confirmed by the ack', () => {
    const echoed = put(sent, from(ME, 1, { text: 'hi' }), from('u-b', 2));
    expect(texts(echoed)).toEqual(['hi', 'text 2']);
    expect(echoed[0]).toMatchObject({ key: 'a1', id: 'a1', status: 'pending', cacheID: 1 });
    const acked = timeline.settle(echoed, { id: 'a1', cacheID: 1, epoch: 'e1', offset: 1 });
    expect(acked[0]).toMatchObject({ key: 'a1', status: 'sent', id: undefined });
    expect(acked).toHaveLength(2);
  });

  it('is found by the ack when the server changed its text', () => {
    const echoed = put(sent, from(ME, 1, { text: 'h*' }));
    expect(texts(echoed)).toEqual(['h*', 'hi']);
    const acked = timeline.settle(echoed, { id: 'a1', cacheID: 1, epoch: 'e1', offset: 1 });
    expect(texts(acked)).toEqual(['h*']);
  });

  it('is settled by an ack without a frame, and takes the frame later', () => {
    const acked = timeline.settle(sent, { id: 'a1', cacheID: 4, epoch: 'e1', offset: 4 });
    expect(acked).toMatchObject([{ status: 'sent', cacheID: 4, text: 'hi' }]);
    expect(texts(put(acked, from(ME, 4, { text: 'hi!' })))).toEqual(['hi!']);
  });

  it('corrects a wrong guess: the echo was the one of another tab', () => {
    const guessed = put(sent, from(ME, 1, { text: 'hi' }));
    const both = put(guessed, from(ME, 2, { text: 'hi' }));
    const acked = timeline.settle(both, { id: 'a1', cacheID: 2, epoch: 'e1', offset: 2 });
    expect(acked).toMatchObject([
      { cacheID: 1, status: 'sent' },
      { cacheID: 2, status: 'sent' },
    ]);
  });

  it('is marked with the words of its error, tried again, or thrown away', () => {
    const problem = { code: 'muted', words: 'You are muted.', retryAt: 0 };
    const failed = timeline.fail(sent, 'a1', problem);
    expect(failed).toMatchObject([{ status: 'failed', problem }]);
    expect(timeline.waiting(failed)).toEqual([]);
    const again = timeline.retry(failed, 'a1', 77);
    expect(timeline.waiting(again)).toMatchObject([{ id: 'a1', at: 77 }]);
    expect(timeline.discard(failed, 'a1')).toEqual([]);
    expect(timeline.discard(sent, 'a1')).toHaveLength(1);
  });

  it('fails apart from a frame that was wrongly taken for its echo', () => {
    const guessed = put(sent, from(ME, 1, { text: 'hi' }));
    const failed = timeline.fail(guessed, 'a1', { code: 'x', words: 'x', retryAt: 0 });
    expect(failed).toMatchObject([
      { cacheID: 1, status: 'sent' },
      { id: 'a1', status: 'failed' },
    ]);
    expect(failed[1]!.cacheID).toBeUndefined();
    expect(new Set(failed.map((i) => i.key)).size).toBe(2);
  });
});

describe('edits, deletions, gaps', () => {
  const items = put([], from('u-b', 1), from('u-b', 2));

  it('changes and empties messages by number', () => {
    expect(timeline.edit(items, 2, 'new')[1]).toMatchObject({ text: 'new', edited: true });
    const removed = timeline.remove(items, 1);
    expect(removed[0]).toMatchObject({ text: '', deleted: true });
    expect(timeline.edit(removed, 1, 'back')[0]).toMatchObject({ text: '' });
    expect(put(removed, from('u-b', 1))).toBe(removed);
    expect(timeline.edit(items, 99, 'new')).toBe(items);
  });

  it('marks the place where messages may be missing, once', () => {
    const later = put(items, from('u-b', 1, { epoch: 'e2', at: 9000, text: 'new' }));
    const marked = timeline.addGap(later, items[1], 'gap');
    expect(texts(marked)).toEqual(['text 1', 'text 2', '--', 'new']);
    expect(timeline.addGap(marked, items[1], 'gap2')).toBe(marked);
    expect(texts(put(marked, from('u-b', 2, { epoch: 'e2', at: 9500 })))).toEqual([
      'text 1',
      'text 2',
      '--',
      'new',
      'text 2',
    ]);
  });
});
