import { describe, expect, it } from 'vitest';
import { channelKey, parseFrame } from '../src/protocol';
import { chat, wire, whisper } from './fixtures';

describe('parseFrame reads what the protocol knows', () => {
  it('reads a chat message with its place in the channel', () => {
    const frame = parseFrame(wire('chat_message', chat(7), 'bob'));
    expect(frame).toEqual({ type: 'chat_message', sender: 'bob', payload: chat(7) });
  });

  it('takes numbers as well as strings for an epoch', () => {
    const frame = parseFrame(
      wire('resumed', { channel: 'a', epoch: 5, offset: 1, recovered: true }),
    );
    expect(frame?.payload).toEqual({ channel: 'a', epoch: 5, offset: 1, recovered: true });
  });

  it('reads whispers, users, acks and errors', () => {
    expect(parseFrame(wire('private_chat_message', whisper(1, 'bob', 'alice')))).not.toBeNull();
    expect(
      parseFrame(wire('user_status', { username: 'x', id: 'u', status: false }))?.payload,
    ).toEqual({
      username: 'x',
      id: 'u',
      status: false,
    });
    expect(parseFrame(wire('ack', { id: 'a' }))?.payload).toMatchObject({ id: 'a' });
    expect(parseFrame(wire('error', { code: 'muted', message: 'No.' }))?.payload).toMatchObject({
      code: 'muted',
      message: 'No.',
    });
  });

  it('gives an error without words some', () => {
    const frame = parseFrame(wire('error', { code: 'internal' }));
    expect(frame?.type === 'error' && frame.payload.message).toContain('internal');
  });

  it('reads one deleted message or many', () => {
    expect(parseFrame(wire('message_deleted', { cacheID: 3 }))?.payload).toMatchObject({
      cacheIDs: [3],
    });
    expect(parseFrame(wire('message_deleted', { ids: [1, 2] }))?.payload).toMatchObject({
      cacheIDs: [1, 2],
    });
  });
});

describe('parseFrame refuses or repairs hostile input', () => {
  const nothing: [string, unknown][] = [
    ['no text', new ArrayBuffer(8)],
    ['no JSON', '{"type":'],
    ['an array', '[]'],
    ['null', 'null'],
    ['a number', '7'],
    ['no type', '{"payload":{}}'],
    ['a type of another kind', '{"type":["chat_message"],"payload":{}}'],
    ['an unknown type', wire('launch', {})],
    ['a type from the prototype', wire('constructor', {})],
    ['__proto__ as type', '{"type":"__proto__","payload":{}}'],
    ['toString as type', wire('toString', {})],
    ['no payload', '{"type":"chat_message"}'],
    ['payload null', '{"type":"chat_message","payload":null}'],
    ['payload a list', '{"type":"chat_message","payload":[]}'],
    ['a message without an id', wire('chat_message', chat(1, { cacheID: undefined }))],
    ['a message with a fraction for an id', wire('chat_message', chat(1, { cacheID: 1.5 }))],
    ['a message with a text for an id', wire('chat_message', chat(1, { cacheID: '1' }))],
    ['a message whose text is an object', wire('chat_message', chat(1, { message: {} }))],
    ['a message without a channel', wire('chat_message', chat(1, { channel: '' }))],
    ['a user without a name', wire('user_status', { id: 'x' })],
    ['a deletion of nothing', wire('message_deleted', { ids: ['x', null] })],
    ['an empty notice', wire('notice', {})],
  ];
  it.each(nothing)('nothing from %s', (_, data) => {
    expect(parseFrame(data)).toBeNull();
  });

  it('leaves broken entries out of a list', () => {
    const messages = [chat(1), null, 7, [], { channel: 'x' }, chat(2, { username: 9 }), chat(3)];
    const frame = parseFrame(wire('bulk_chat_messages', { messages }));
    expect(
      frame?.type === 'bulk_chat_messages' && frame.payload.messages.map((m) => m.cacheID),
    ).toEqual([1, 3]);
  });

  it('takes a list that is none for an empty one', () => {
    expect(parseFrame(wire('connected_users', { users: 'all' }))?.payload).toEqual({ users: [] });
    expect(parseFrame(wire('active_channels', {}))?.payload).toEqual({ channels: [] });
  });

  it('does not read members that the prototype lends', () => {
    const frame = parseFrame('{"type":"user_status","payload":{"__proto__":{"username":"eve"}}}');
    expect(frame).toBeNull();
  });

  it('drops an offset or epoch of the wrong kind', () => {
    const frame = parseFrame(wire('chat_message', chat(1, { epoch: {}, offset: -1 })));
    expect(frame?.type === 'chat_message' && frame.payload.epoch).toBeUndefined();
    expect(frame?.type === 'chat_message' && frame.payload.offset).toBeUndefined();
  });

  it('does not fail on deep nesting', () => {
    const deep = `${'['.repeat(5000)}${']'.repeat(5000)}`;
    expect(parseFrame(`{"type":"notice","payload":{"message":${deep}}}`)).toBeNull();
  });
});

it('channel names match without regard to the case of ASCII letters, as on the server', () => {
  expect(channelKey('ÄRGER')).toBe('channel:Ärger');
  expect(channelKey('General')).toBe(channelKey('general'));
});
