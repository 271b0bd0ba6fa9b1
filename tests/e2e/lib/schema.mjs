// The shapes of all that the native protocol sends, to the letter: no other type, no member missing, none too many, none of another type.
import assert from 'node:assert/strict';

const text = (v) => typeof v === 'string';
const name = (v) => text(v) && v.length > 0;
const natural = (v) => Number.isSafeInteger(v) && v >= 0;
const cacheID = (v) => Number.isInteger(v) && v >= 1 && v < 2 ** 31; // the Qt client reads 32 bits
const time = (v) => text(v) && /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(v) && !Number.isNaN(Date.parse(v));
const code = (v) => ['invalid_json', 'unknown_type', 'invalid_message', 'too_large', 'unknown_channel', 'unknown_recipient', 'forbidden', 'rate_limited', 'muted', 'rejected', 'unavailable', 'internal'].includes(v);
const is = (wanted) => (v) => v === wanted;
const boolean = (v) => v === true || v === false;
const optional = (check) => Object.assign((v) => check(v), { optional: true });
const listOf = (shape, least = 0) => (v, at) => {
    assert.ok(Array.isArray(v) && v.length >= least, `${at} is a list of at least ${least}`);
    v.forEach((entry, i) => checkObject(entry, shape, `${at}[${i}]`));
    return true;
};

const place = { epoch: name, offset: natural };
const chat = { cacheID, owner_id: name, username: name, channel: name, message: name, authored_at: time, ...place };
const whisper = { cacheID, owner_id: name, username: name, recipient_id: name, recipient: name, message: name, authored_at: time };
const channel = { id: natural, name, description: optional(name), sort_order: natural };

const author = (frame) => frame.sender === frame.payload.username;
const server = (frame) => frame.sender === 'Server';

export const shapes = {
    bulk_chat_messages: [server, { messages: listOf(chat, 1) }],
    active_channels: [server, { channels: listOf(channel) }],
    bulk_private_messages: [server, { messages: listOf(whisper, 1) }],
    connected_users: [server, { users: listOf({ username: name, id: name, status: is(true) }) }],
    chat_message: [author, chat],
    private_chat_message: [author, whisper],
    typing: [author, { channel: name, owner_id: name, username: name, authored_at: time }],
    user_status: [server, { username: name, id: name, status: boolean }],
    ack: [server, { id: name, cacheID: optional(cacheID), epoch: optional(name), offset: optional(natural) }],
    error: [server, { id: optional(name), code, message: name, retry_after_ms: optional((v) => natural(v) && v > 0) }],
    resumed: [server, { channel: name, ...place, recovered: boolean }],
    token_expiring: [server, { expires_in: natural }],
    notice: [server, { message: name }],
};

function checkObject(v, shape, at) {
    assert.ok(typeof v === 'object' && v !== null && !Array.isArray(v), `${at} is an object, not ${JSON.stringify(v)}`);
    for (const [member, check] of Object.entries(shape)) {
        if (!Object.hasOwn(v, member)) {
            assert.ok(check.optional, `${at}.${member} is missing in ${JSON.stringify(v)}`);
            continue;
        }
        assert.ok(check(v[member], `${at}.${member}`), `${at}.${member} is ${JSON.stringify(v[member])}`);
    }
    for (const member of Object.keys(v)) assert.ok(Object.hasOwn(shape, member), `${at}.${member} should not be there`);
}

/** One frame, as parsed. */
export function checkFrame(frame) {
    checkObject(frame, { type: name, sender: name, payload: (v) => typeof v === 'object' }, 'frame');
    const shape = Object.hasOwn(shapes, frame.type) && shapes[frame.type];
    assert.ok(shape, `there is no type '${frame.type}'`);
    checkObject(frame.payload, shape[1], frame.type);
    assert.ok(shape[0](frame), `${frame.type}: sender is ${JSON.stringify(frame.sender)}`);
}

/** Every frame that this client gets, as text too; what is wrong fails the test at its end. */
export function watch(t, client) {
    const wrong = [];
    let frames = 0;
    client.socket.on('message', (data, binary) => {
        frames++;
        try {
            const raw = data.toString();
            const frame = JSON.parse(raw);
            assert.equal(binary, false, 'a text frame');
            assert.equal(JSON.stringify(frame), raw, 'one compact object, no member twice');
            checkFrame(frame);
        } catch (e) {
            wrong.push(e.message);
        }
    });
    for (const frame of client.frames) checkFrame(frame); // what came in before
    t.after(() => {
        assert.ok(frames + client.frames.length > 0, 'something came');
        assert.deepEqual(wrong, []);
    });
    return client;
}
