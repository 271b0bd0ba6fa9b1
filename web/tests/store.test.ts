import { describe, expect, it } from 'vitest';
import type { State } from '../src/state';
import { channels, neighbour, unreadTotal, whispers } from '../src/state';
import { reduce } from '../src/store';
import { alice, chat, feed, whisper } from './fixtures';

const CHANNELS = {
  channels: [
    { id: 2, name: 'random', sort_order: 2 },
    { id: 1, name: 'general', description: 'All and nothing', sort_order: 1 },
  ],
};
const USERS = {
  users: [
    { username: 'alice', id: 'u-alice', status: true },
    { username: 'bob', id: 'u-bob', status: true },
  ],
};

const greeted = feed(
  alice,
  ['bulk_chat_messages', { messages: [chat(1), chat(2)] }],
  ['active_channels', CHANNELS],
  ['bulk_private_messages', { messages: [whisper(1, 'bob', 'alice')] }],
  ['connected_users', USERS],
);

const items = (s: State, key: string) => s.conversations.get(key)?.items ?? [];
const general = (s: State) => s.conversations.get('channel:general')!;

describe('greeting', () => {
  it('fills channels in the order of the catalogue and opens the first', () => {
    expect(channels(greeted).map((c) => c.title)).toEqual(['general', 'random']);
    expect(greeted.current).toBe('channel:general');
    expect(general(greeted).joined).toBe('yes');
    expect(greeted.conversations.get('channel:random')?.joined).toBe('unknown');
    expect(greeted.people.size).toBe(2);
  });

  it('counts history as read', () => {
    expect(unreadTotal(greeted)).toBe(0);
    expect(whispers(greeted).map((c) => c.title)).toEqual(['bob']);
  });

  it('learns its own id where the name is all it had', () => {
    const s = feed({ ...alice, self: { id: 'alice', username: 'alice' } }, [
      'connected_users',
      USERS,
    ]);
    expect(s.self.id).toBe('u-alice');
  });
});

describe('catalogue', () => {
  it('renames, adds and removes channels', () => {
    const s = feed(greeted, [
      'active_channels',
      {
        channels: [
          { id: 1, name: 'Lobby', sort_order: 1 },
          { id: 3, name: 'new', sort_order: 2 },
        ],
      },
    ]);
    expect(channels(s).map((c) => c.title)).toEqual(['Lobby', 'new']);
    expect(s.current).toBe('channel:lobby');
    expect(items(s, 'channel:lobby')).toHaveLength(2);
  });

  it('keeps channels that were never listed', () => {
    const s = feed(
      greeted,
      ['chat_message', chat(1, { channel: 'backroom' })],
      ['active_channels', CHANNELS],
    );
    expect(channels(s).map((c) => c.title)).toEqual(['general', 'random', 'backroom']);
  });
});

describe('unread', () => {
  it('counts what others say elsewhere, until it is opened', () => {
    const s = feed(
      greeted,
      ['chat_message', chat(1, { channel: 'random' })],
      ['chat_message', chat(2, { channel: 'random', owner_id: 'u-alice' })],
      ['chat_message', chat(3)],
      ['private_chat_message', whisper(2, 'bob', 'alice')],
    );
    expect(s.conversations.get('channel:random')?.unread).toBe(1);
    expect(general(s).unread).toBe(0);
    expect(s.conversations.get('user:u-bob')?.unread).toBe(1);
    expect(unreadTotal(reduce(s, { type: 'open', key: 'channel:random' }))).toBe(1);
  });

  it('counts in the current conversation while nobody looks at its end', () => {
    const away = reduce(greeted, { type: 'seeing', value: false });
    const s = feed(away, ['chat_message', chat(3)]);
    expect(general(s).unread).toBe(1);
    expect(general(reduce(s, { type: 'seeing', value: true })).unread).toBe(0);
  });

  it('walks the conversations in the order of the sidebar, round and round', () => {
    expect(neighbour(greeted, 1)).toBe('channel:random');
    expect(neighbour(greeted, -1)).toBe('user:u-bob');
  });
});

describe('whispers', () => {
  it('come under the other one, whoever wrote', () => {
    const s = feed(
      greeted,
      ['private_chat_message', whisper(2, 'alice', 'bob')],
      ['private_chat_message', whisper(2, 'alice', 'bob')],
      ['private_chat_message', whisper(3, 'carol', 'alice')],
    );
    expect(items(s, 'user:u-bob')).toHaveLength(2);
    expect(items(s, 'user:u-carol')).toHaveLength(1);
  });

  it('echo what was sent once', () => {
    const sent = reduce(greeted, {
      type: 'sent',
      key: 'user:u-bob',
      id: 'x1',
      text: 'psst',
      now: 1,
    });
    const s = feed(
      sent,
      ['private_chat_message', whisper(2, 'alice', 'bob', 'psst')],
      ['ack', { id: 'x1', cacheID: 2 }],
    );
    expect(items(s, 'user:u-bob').slice(1)).toMatchObject([{ text: 'psst', status: 'sent' }]);
  });
});

describe('answers', () => {
  const sent = reduce(greeted, {
    type: 'sent',
    key: 'channel:general',
    id: 'x1',
    text: 'hi',
    now: 5,
  });

  it('an ack settles, an error with an id fails its message', () => {
    const acked = feed(sent, ['ack', { id: 'x1', cacheID: 3, epoch: 'e1', offset: 3 }]);
    expect(items(acked, 'channel:general').at(-1)).toMatchObject({ status: 'sent', cacheID: 3 });
    const error = { id: 'x1', code: 'rate_limited', message: 'Slow down.', retry_after_ms: 2000 };
    const failed = feed(sent, ['error', error]);
    expect(items(failed, 'channel:general').at(-1)).toMatchObject({
      status: 'failed',
      problem: { code: 'rate_limited', words: 'Slow down.', retryAt: 3000 },
    });
    expect(failed.notices).toEqual([]);
    const draft = reduce(failed, { type: 'draft', key: 'channel:general', text: 'and' });
    const back = reduce(draft, { type: 'take-back', key: 'channel:general', id: 'x1' });
    expect(back.drafts.get('channel:general')).toBe('and\nhi');
    expect(items(back, 'channel:general')).toHaveLength(2);
  });

  it('an error without an id, or with one that nobody knows, is a notice', () => {
    const s = feed(
      greeted,
      ['error', { code: 'invalid_json', message: 'No JSON.' }],
      ['error', { id: 'who', code: 'muted', message: 'Muted.' }],
      ['error', { code: 'invalid_json', message: 'No JSON.' }],
      ['notice', { message: 'Restart at six.' }],
    );
    expect(s.notices.map((n) => [n.kind, n.text, n.times])).toEqual([
      ['error', 'Muted.', 1],
      ['error', 'No JSON.', 2],
      ['info', 'Restart at six.', 1],
    ]);
    const first = s.notices[0]!.key;
    expect(reduce(s, { type: 'dismiss', key: first }).notices).toHaveLength(2);
  });

  it('an ack tells under which name the server knows this user', () => {
    const s = feed(
      sent,
      ['chat_message', chat(3, { owner_id: 'u-ALICE', username: 'ALICE', message: 'hi' })],
      ['ack', { id: 'x1', cacheID: 3, epoch: 'e1', offset: 3 }],
    );
    expect(s.self).toEqual({ id: 'u-ALICE', username: 'ALICE' });
    expect(items(s, 'channel:general')).toHaveLength(3);
  });

  it('joins and leaves', () => {
    const key = 'channel:random';
    const asking = reduce(greeted, { type: 'request', kind: 'join', id: 'j', key });
    expect(asking.conversations.get(key)?.joined).toBe('asking');
    const joined = feed(asking, ['ack', { id: 'j' }]);
    expect(joined.conversations.get(key)).toMatchObject({ joined: 'yes', asked: true });
    const refused = feed(asking, ['error', { id: 'j', code: 'forbidden', message: 'Not you.' }]);
    expect(refused.conversations.get(key)).toMatchObject({ joined: 'no', joinProblem: 'Not you.' });
    const leaving = reduce(joined, { type: 'request', kind: 'leave', id: 'l', key });
    expect(feed(leaving, ['ack', { id: 'l' }]).conversations.get(key)).toMatchObject({
      joined: 'no',
      asked: false,
    });
  });
});

describe('typing', () => {
  const typing = { channel: 'general', owner_id: 'u-bob', username: 'bob' };

  it('is shown for a while, not for oneself, and ends with the message', () => {
    const s = feed(greeted, ['typing', typing], ['typing', { ...typing, owner_id: 'u-alice' }]);
    expect(s.typists.get('channel:general')?.map((t) => t.username)).toEqual(['bob']);
    expect(reduce(s, { type: 'tick', now: 5999 })).toBe(s);
    expect(reduce(s, { type: 'tick', now: 6000 }).typists.size).toBe(0);
    expect(feed(s, ['chat_message', chat(3)]).typists.get('channel:general')).toEqual([]);
  });
});

describe('edits and deletions', () => {
  it('reach the channel that is named, or all', () => {
    const s = feed(
      greeted,
      ['message_edited', { cacheID: 1, channel: 'General', message: 'better' }],
      ['message_deleted', { ids: [2] }],
    );
    expect(items(s, 'channel:general')).toMatchObject([{ text: 'better' }, { deleted: true }]);
    expect(items(s, 'user:u-bob')).toMatchObject([{ text: 'whisper 1' }]);
  });
});

describe('resume', () => {
  const lost = reduce(greeted, { type: 'closed' });

  it('remembers from where, even when the next greeting brings newer messages', () => {
    expect(general(lost).resume?.from).toEqual({ epoch: 'e1', offset: 2 });
    const again = feed(lost, ['bulk_chat_messages', { messages: [chat(5), chat(6)] }]);
    expect(general(reduce(again, { type: 'closed' })).resume?.from).toEqual({
      epoch: 'e1',
      offset: 2,
    });
  });

  it('takes what was missed once and in order, and counts it as unread', () => {
    const elsewhere = reduce(lost, { type: 'open', key: 'channel:random' });
    const s = feed(
      elsewhere,
      ['bulk_chat_messages', { messages: [chat(1), chat(2), chat(4)] }],
      ['chat_message', chat(3)],
      ['chat_message', chat(4)],
      ['resumed', { channel: 'general', epoch: 'e1', offset: 4, recovered: true }],
    );
    expect(items(s, 'channel:general').map((i) => i.kind === 'message' && i.offset)).toEqual([
      1, 2, 3, 4,
    ]);
    expect(general(s)).toMatchObject({ unread: 2, resume: undefined, position: { offset: 4 } });
  });

  it('says so where messages may be missing', () => {
    const fresh = { epoch: 'e2', authored_at: '2026-01-06T00:00:00.000Z' };
    const s = feed(
      lost,
      ['bulk_chat_messages', { messages: [chat(1, fresh)] }],
      ['resumed', { channel: 'general', epoch: 'e2', offset: 1, recovered: false }],
    );
    expect(items(s, 'channel:general').map((i) => i.kind)).toEqual([
      'message',
      'message',
      'gap',
      'message',
    ]);
    expect(general(s).position).toEqual({ epoch: 'e2', offset: 1 });
  });

  it('takes a refused resume for a loss', () => {
    const asked = reduce(lost, {
      type: 'request',
      kind: 'resume',
      id: 'r',
      key: 'channel:general',
    });
    const s = feed(asked, ['error', { id: 'r', code: 'unknown_type', message: 'What?' }]);
    expect(items(s, 'channel:general').at(-1)?.kind).toBe('gap');
    expect(s.notices).toEqual([]);
  });

  it('forgets a channel that was left', () => {
    const leaving = reduce(greeted, {
      type: 'request',
      kind: 'leave',
      id: 'l',
      key: 'channel:general',
    });
    const s = reduce(feed(leaving, ['ack', { id: 'l' }]), { type: 'closed' });
    expect(general(s).resume).toBeUndefined();
  });
});
