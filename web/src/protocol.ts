// The native protocol as the page sees it: the type of every frame, and the guard through which
// each byte from the socket passes. The guard is tolerant (unknown members and types are ignored, a
// bad entry of a list is left out) but never wrong: whatever it returns has the types it claims.
// Members keep the names they have on the wire.

export type Epoch = string | number;

/** A place in a channel's order. */
export interface Position {
  epoch: Epoch;
  offset: number;
}

export interface ChatMessage {
  cacheID: number;
  owner_id: string;
  username: string;
  channel: string;
  message: string;
  authored_at: string;
  epoch?: Epoch;
  offset?: number;
}

export interface PrivateMessage {
  cacheID: number;
  owner_id: string;
  username: string;
  recipient_id: string;
  recipient: string;
  message: string;
  authored_at: string;
}

export interface ChannelInfo {
  id: number;
  name: string;
  description: string;
  sort_order: number;
}

export interface UserInfo {
  id: string;
  username: string;
  status: boolean;
}

export interface Ack {
  id: string;
  cacheID?: number;
  epoch?: Epoch;
  offset?: number;
}

export interface ErrorInfo {
  id?: string;
  code: string;
  message: string;
  retry_after_ms?: number;
}

export interface MessageEdited {
  cacheID: number;
  channel?: string;
  message: string;
}

export interface MessageDeleted {
  cacheIDs: number[];
  channel?: string;
}

interface Frame<T extends string, P> {
  type: T;
  sender: string;
  payload: P;
}

export type ServerFrame =
  | Frame<'bulk_chat_messages', { messages: ChatMessage[] }>
  | Frame<'active_channels', { channels: ChannelInfo[] }>
  | Frame<'bulk_private_messages', { messages: PrivateMessage[] }>
  | Frame<'connected_users', { users: UserInfo[] }>
  | Frame<'chat_message', ChatMessage>
  | Frame<'private_chat_message', PrivateMessage>
  | Frame<'user_status', UserInfo>
  | Frame<'ack', Ack>
  | Frame<'error', ErrorInfo>
  | Frame<'message_edited', MessageEdited>
  | Frame<'message_deleted', MessageDeleted>
  | Frame<'typing', { channel: string; owner_id: string; username: string }>
  | Frame<'notice', { message: string }>
  | Frame<'resumed', { channel: string; epoch?: Epoch; offset?: number; recovered: boolean }>
  | Frame<'token_expiring', { expires_in: number }>;

export type ClientFrame =
  | { type: 'chat_message'; channel: string; message: string; id: string }
  | { type: 'private_chat_message'; recipient_id: string; message: string; id: string }
  | { type: 'join_channel' | 'leave_channel'; channel: string; id: string }
  | { type: 'typing'; channel: string }
  | { type: 'resume'; channel: string; epoch: Epoch; offset: number; id: string }
  | { type: 'refresh'; token: string };

type Json = Record<string, unknown>;

const isObject = (v: unknown): v is Json =>
  typeof v === 'object' && v !== null && !Array.isArray(v);

// Own members only: a frame cannot reach what Object.prototype carries.
const member = (o: Json, name: string): unknown => (Object.hasOwn(o, name) ? o[name] : undefined);

const text = (o: Json, name: string): string | undefined => {
  const v = member(o, name);
  return typeof v === 'string' ? v : undefined;
};

const integer = (o: Json, name: string): number | undefined => {
  const v = member(o, name);
  return typeof v === 'number' && Number.isSafeInteger(v) && v >= 0 ? v : undefined;
};

const epochOf = (o: Json): Epoch | undefined => {
  const v = member(o, 'epoch');
  return typeof v === 'string' || (typeof v === 'number' && Number.isFinite(v)) ? v : undefined;
};

function list<T>(o: Json, name: string, read: (entry: Json) => T | null): T[] {
  const v = member(o, name);
  if (!Array.isArray(v)) return [];
  const out: T[] = [];
  for (const entry of v) {
    const item = isObject(entry) ? read(entry) : null;
    if (item !== null) out.push(item);
  }
  return out;
}

interface Authored {
  cacheID: number;
  owner_id: string;
  username: string;
  message: string;
  authored_at: string;
}

function authored(p: Json): Authored | null {
  const cacheID = integer(p, 'cacheID');
  const message = text(p, 'message');
  const username = text(p, 'username');
  if (cacheID === undefined || message === undefined || username === undefined) return null;
  const owner_id = text(p, 'owner_id') ?? username;
  return { cacheID, owner_id, username, message, authored_at: text(p, 'authored_at') ?? '' };
}

function chatMessage(p: Json): ChatMessage | null {
  const base = authored(p);
  const channel = text(p, 'channel');
  if (!base || !channel) return null;
  return { ...base, channel, epoch: epochOf(p), offset: integer(p, 'offset') };
}

function privateMessage(p: Json): PrivateMessage | null {
  const base = authored(p);
  const recipient_id = text(p, 'recipient_id');
  if (!base || !recipient_id) return null;
  return { ...base, recipient_id, recipient: text(p, 'recipient') ?? recipient_id };
}

function channelInfo(p: Json): ChannelInfo | null {
  const id = integer(p, 'id');
  const name = text(p, 'name');
  if (id === undefined || !name) return null;
  return {
    id,
    name,
    description: text(p, 'description') ?? '',
    sort_order: integer(p, 'sort_order') ?? id,
  };
}

function userInfo(p: Json): UserInfo | null {
  const username = text(p, 'username');
  if (!username) return null;
  return { id: text(p, 'id') ?? username, username, status: member(p, 'status') !== false };
}

type Payloads = { [F in ServerFrame as F['type']]: (p: Json) => F['payload'] | null };

const readers: Payloads = {
  bulk_chat_messages: (p) => ({ messages: list(p, 'messages', chatMessage) }),
  active_channels: (p) => ({ channels: list(p, 'channels', channelInfo) }),
  bulk_private_messages: (p) => ({ messages: list(p, 'messages', privateMessage) }),
  connected_users: (p) => ({ users: list(p, 'users', userInfo) }),
  chat_message: chatMessage,
  private_chat_message: privateMessage,
  user_status: userInfo,
  ack: (p) => {
    const id = text(p, 'id');
    if (id === undefined) return null;
    return { id, cacheID: integer(p, 'cacheID'), epoch: epochOf(p), offset: integer(p, 'offset') };
  },
  error: (p) => {
    const code = text(p, 'code') ?? 'internal';
    return {
      id: text(p, 'id'),
      code,
      message: text(p, 'message') || `The server answered: ${code}.`,
      retry_after_ms: integer(p, 'retry_after_ms'),
    };
  },
  message_edited: (p) => {
    const cacheID = integer(p, 'cacheID');
    const message = text(p, 'message');
    if (cacheID === undefined || message === undefined) return null;
    return { cacheID, channel: text(p, 'channel'), message };
  },
  message_deleted: (p) => {
    const one = integer(p, 'cacheID');
    const many = member(p, 'ids') ?? member(p, 'cacheIDs');
    const cacheIDs = Array.isArray(many) ? many.filter(Number.isSafeInteger) : [];
    if (one !== undefined) cacheIDs.push(one);
    return cacheIDs.length > 0 ? { cacheIDs, channel: text(p, 'channel') } : null;
  },
  typing: (p) => {
    const channel = text(p, 'channel');
    const username = text(p, 'username');
    if (!channel || !username) return null;
    return { channel, username, owner_id: text(p, 'owner_id') ?? username };
  },
  notice: (p) => {
    const message = text(p, 'message');
    return message ? { message } : null;
  },
  resumed: (p) => {
    const channel = text(p, 'channel');
    if (!channel) return null;
    const recovered = member(p, 'recovered') === true;
    return { channel, epoch: epochOf(p), offset: integer(p, 'offset'), recovered };
  },
  token_expiring: (p) => ({ expires_in: integer(p, 'expires_in') ?? 0 }),
};

/** Read one text frame; null when it is not one that the page knows. */
export function parseFrame(data: unknown): ServerFrame | null {
  if (typeof data !== 'string') return null;
  let value: unknown;
  try {
    value = JSON.parse(data);
  } catch {
    return null;
  }
  if (!isObject(value)) return null;
  const type = text(value, 'type');
  const payload = member(value, 'payload');
  if (type === undefined || !Object.hasOwn(readers, type) || !isObject(payload)) return null;
  const read = readers[type as ServerFrame['type']] as (p: Json) => unknown;
  const result = read(payload);
  if (result === null) return null;
  return { type, sender: text(value, 'sender') ?? '', payload: result } as ServerFrame;
}

/** Channel names match without regard to case, as the server compares them: ASCII letters alone. */
export const channelKey = (name: string): string =>
  `channel:${name.replace(/[A-Z]+/g, (letters) => letters.toLowerCase())}`;
export const userKey = (id: string): string => `user:${id}`;
