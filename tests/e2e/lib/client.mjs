// A WebSocket client that keeps what it got, and waits for what is to come. Nothing is thrown away: `next` takes from the queue of one type.
import WebSocket from 'ws';
import { patience } from './daemon.mjs';

export class Client {
    frames = []; // all that ever came, parsed, in order
    #untaken = new Map(); // by type
    #waiting = new Set();
    #asked = new Map(); // by id
    #endings = new Set(); // of those who wait, for when the connection ends

    /** Connects and resolves when the handshake is done; a refused one rejects with { status, body }. */
    static open(t, url, { protocols, headers, ca, raw = false } = {}) {
        const c = new Client();
        const options = { headers, perMessageDeflate: false, ca, skipUTF8Validation: true };
        c.socket = protocols ? new WebSocket(url, protocols, options) : new WebSocket(url, options);
        c.closed = new Promise((r) =>
            c.socket.on('close', (code, reason) => {
                for (const give_up of [...c.#endings]) give_up(`the connection was closed with ${code} ${reason}`);
                r({ code, reason: reason.toString() });
            }),
        );
        c.socket.on('message', (data, binary) => c.#take(raw ? data : JSON.parse(data.toString()), binary));
        t?.after(() => c.socket.terminate());
        return new Promise((done, fail) => {
            c.socket.on('open', () => done(c));
            c.socket.on('error', (e) => fail(e)); // after open: the close tells
            c.socket.on('unexpected-response', (request, response) => {
                let body = '';
                response.on('data', (d) => (body += d));
                response.on('end', () => fail(Object.assign(new Error(`refused: ${response.statusCode}`), { status: response.statusCode, body, headers: response.headers })));
            });
        });
    }

    #take(frame) {
        this.frames.push(frame);
        const asked = (frame.type === 'ack' || frame.type === 'error') && this.#asked.get(frame.payload.id);
        if (asked) return asked(frame);
        for (const w of this.#waiting)
            if (w.wants(frame)) {
                this.#waiting.delete(w);
                return w.done(frame);
            }
        if (!this.#untaken.has(frame.type)) this.#untaken.set(frame.type, []);
        this.#untaken.get(frame.type).push(frame);
    }

    #timed(what, ms, begin, end) {
        return new Promise((done, fail) => {
            const give_up = (why) => {
                clearTimeout(timer);
                this.#endings.delete(give_up);
                end();
                fail(new Error(`no '${what}': ${why}; got: ${this.frames.map((f) => f.type).slice(-20).join(', ')}`));
            };
            const timer = setTimeout(() => give_up(`not in ${ms} ms`), ms);
            this.#endings.add(give_up);
            begin((frame) => (clearTimeout(timer), this.#endings.delete(give_up), done(frame)));
        });
    }

    /** The earliest frame of that type that was not taken yet and fits; waits for it. */
    next(type, fits = () => true, ms = patience) {
        const wants = (f) => f.type === type && fits(f.payload, f);
        const there = this.#untaken.get(type) ?? [];
        const i = there.findIndex(wants);
        if (i >= 0) return Promise.resolve(there.splice(i, 1)[0]);
        const w = { wants };
        return this.#timed(type, ms, (done) => ((w.done = done), this.#waiting.add(w)), () => this.#waiting.delete(w));
    }

    of(type) {
        return this.frames.filter((f) => f.type === type).map((f) => f.payload);
    }

    send(message) {
        this.socket.send(typeof message === 'string' ? message : JSON.stringify(message));
    }

    /** Sends with an id and waits for its ack (the payload) or error (thrown, with .payload). */
    async ask(message, id = `${Math.random()}`, ms = patience) {
        const key = message.id ?? id;
        const answer = await this.#timed(`answer to ${key}`, ms, (done) => {
            this.#asked.set(key, (frame) => (this.#asked.delete(key), done(frame)));
            this.send({ id, ...message });
        }, () => this.#asked.delete(key));
        if (answer.type === 'error') throw Object.assign(new Error(`${answer.payload.code}: ${answer.payload.message}`), { payload: answer.payload });
        return answer.payload;
    }

    say(channel, message, id) {
        return this.ask({ type: 'chat_message', channel, message }, id);
    }

    /** A round trip through the hub: what was sent to this client before has arrived when it is done. */
    async settle() {
        await this.ask({ type: 'leave_channel', channel: 'no such channel' }).catch(() => {});
    }

    close(code, reason) {
        this.socket.close(code, reason);
        return this.closed;
    }
}

/** Under `open`: enters by name, and has its greeting. */
export async function enter(t, daemon, name, options) {
    const c = await Client.open(t, `${daemon.ws}?name=${encodeURIComponent(name)}`, options);
    c.name = name;
    await c.next('connected_users');
    return c;
}
