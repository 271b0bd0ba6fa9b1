// The chat page in a real browser, against the daemon that serves it. A console error, an exception or a violation of the Content-Security-Policy
// in any page fails the test.
import assert from 'node:assert/strict';
import { connect, createServer } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { Person, launch } from './lib/browser.mjs';
import { enter } from './lib/client.mjs';
import { Daemon } from './lib/daemon.mjs';
import { OpenIdProvider } from './lib/oidc.mjs';

const HOSTILE = '<img src=x onerror=alert(1)>';

/** A line to that port which can be cut, and mended. */
async function wire(t, to) {
    const sockets = new Set();
    const server = createServer((near) => {
        const far = connect(to, '127.0.0.1');
        for (const [a, b] of [[near, far], [far, near]]) {
            sockets.add(a.pipe(b) && a);
            a.on('error', () => {}).on('close', () => (b.destroy(), sockets.delete(a)));
        }
    });
    const listen = (port) => new Promise((done, fail) => server.once('error', fail).listen(port, '127.0.0.1', done));
    const cut = () => new Promise((done) => (server.close(done), sockets.forEach((s) => s.destroy())));
    await listen(0);
    const { port } = server.address();
    t.after(() => (server.listening ? cut() : undefined));
    return { port, cut, mend: () => listen(port) };
}

describe('the chat page', () => {
    let browser;
    before(async () => (browser = await launch()));
    after(() => browser.close());

    it('two people sign in, chat, whisper, and see each other type and leave', async (t) => {
        const d = await Daemon.start(t);
        const ann = await Person.enter(t, browser, d.http, 'ann');
        const bob = await Person.enter(t, browser, d.http, 'bob');
        await ann.by('user-bob').waitFor();
        await bob.by('user-ann').waitFor();
        assert.deepEqual(await ann.by('channel-list').locator('bdi').allTextContents(), ['general', 'gaming', 'tech']);

        await ann.say('hello, bob');
        await ann.sees('hello, bob', { author: 'ann', status: 'sent' });
        await bob.sees('hello, bob', { author: 'ann' });
        await bob.say('two\tthings: é \u{1f600} &amp; "quotes"');
        await ann.sees('&amp; "quotes"', { author: 'bob' });

        await bob.by('composer').pressSequentially('some');
        await ann.by('typing').getByText('bob').waitFor();

        // Another channel: a counter, until one looks.
        await bob.opens('channel-tech');
        await bob.say('over here');
        await ann.by('channel-tech').locator('.badge').waitFor();
        assert.match(await ann.by('channel-tech').locator('.badge').textContent(), /^1\b/);
        await ann.opens('channel-tech');
        await ann.sees('over here');
        await ann.by('channel-tech').locator('.badge').waitFor({ state: 'detached' });

        await ann.opens('user-bob');
        await ann.say('between us');
        await ann.sees('between us', { status: 'sent' });
        await bob.by('conversation-ann').locator('.badge').waitFor();
        await bob.opens('conversation-ann');
        await bob.sees('between us', { author: 'ann' });
        assert.equal(await bob.by('message').count(), 1);

        await bob.by('sign-out').click();
        await bob.by('name-input').waitFor();
        await ann.by('user-bob').waitFor({ state: 'detached' });

        // A newcomer is shown what was said.
        const cat = await Person.enter(t, browser, d.http, 'cat');
        await cat.sees('hello, bob', { author: 'ann' });
        await cat.page.reload();
        await cat.online();
        await cat.sees('hello, bob', { author: 'ann' });
    });

    it('names and messages are text, whatever they look like', async (t) => {
        const d = await Daemon.start(t);
        const ann = await Person.enter(t, browser, d.http, 'ann');
        const eve = await Person.enter(t, browser, d.http, HOSTILE);
        await ann.by('user-list').getByText(HOSTILE, { exact: true }).waitFor();
        for (const text of [HOSTILE, '<script>alert(2)</script>', '<b>bold</b> [x](javascript:alert(3)) {{4}}', '"><svg onload=alert(5)>']) {
            await eve.say(text);
            const row = await ann.sees(text, { author: HOSTILE });
            assert.equal(await row.locator('.text').textContent(), text);
        }
        const raw = await enter(t, d, 'raw');
        await raw.say('general', '\u202eright to left\u202c');
        await ann.sees('right to left');
        await eve.opens('user-ann');
        await eve.say(HOSTILE);
        await ann.by(`conversation-${HOSTILE}`).click();
        await ann.sees(HOSTILE);
        for (const p of [ann, eve]) {
            assert.equal(await p.page.locator('img, script:not([src]), svg[onload], [onerror], [style*="expression"]').count(), 0);
            assert.equal(await p.page.evaluate(() => document.querySelectorAll('b').length), 0);
        }
    });

    it('what is refused is said in words, and can be mended', async (t) => {
        const d = await Daemon.start(t, { changes: { 'hub rate_limit': { messages: 2, window: '8s', burst: 2 } } });
        const ann = await Person.enter(t, browser, d.http, 'ann');
        await ann.say('x'.repeat(1001));
        const row = ann.by('message').and(ann.page.locator('[data-status=failed]'));
        await row.waitFor();
        assert.match(await row.textContent(), /Not sent: .*1,?000/);
        await row.getByRole('button', { name: 'Discard' }).click();
        await row.waitFor({ state: 'detached' });

        for (let i = 0; i < 3; i++) await ann.say(`m${i}`);
        await row.waitFor();
        assert.match(await row.textContent(), /m2.*Not sent: \S+/s);
        const retry = row.getByRole('button', { name: 'Retry', exact: true });
        await retry.click(); // waits until it may be pressed
        await ann.sees('m2', { status: 'sent' });

        // A name that is taken for good is no chat; nor is one that is too long.
        const other = await Person.open(t, browser, d.http);
        await other.by('name-input').fill('é'.repeat(33));
        await other.page.getByText('That name is too long.').waitFor();
        assert.ok(await other.by('enter-button').isDisabled());
    });

    for (const signal of ['SIGTERM', 'SIGKILL'])
        it(`survives a restart of the server (${signal}): comes back by itself, sends what waited, says that something is missing`, async (t) => {
            const d = await Daemon.start(t, { changes: { server: { drain: '1s' } } });
            const ann = await Person.enter(t, browser, d.http, 'ann');
            const bob = await Person.enter(t, browser, d.http, 'bob');
            await ann.say('before');
            await bob.sees('before');
            ann.outage = bob.outage = true;
            await d.terminate(signal);
            await ann.by('connection-state').getByText('offline').waitFor();
            await ann.say('written while it was away');
            await ann.sees('written while it was away', { status: 'pending' });
            await d.restart();
            await ann.online();
            await bob.online();
            await ann.sees('written while it was away', { status: 'sent' });
            await bob.sees('written while it was away', { author: 'ann' });
            await bob.by('missed-divider').waitFor(); // history is in memory: the new server cannot know what was missed
            ann.outage = bob.outage = false;
            await bob.sees('before');
            await bob.say('after');
            await ann.sees('after', { author: 'bob' });
            const texts = await ann.by('message').locator('.text').allTextContents();
            assert.deepEqual(texts.filter((x) => x.includes('written')), ['written while it was away'], 'once');
            await ann.by('user-bob').waitFor();
        });

    it('a cut of the network: what was missed comes by itself, without a divider', async (t) => {
        const d = await Daemon.start(t);
        const line = await wire(t, d.port);
        const ann = await Person.enter(t, browser, `http://127.0.0.1:${line.port}`, 'ann');
        const bob = await enter(t, d, 'bob');
        await bob.say('general', 'seen');
        await ann.sees('seen');
        ann.outage = true;
        await line.cut();
        await bob.next('user_status', (p) => p.id === 'ann' && !p.status);
        for (let i = 0; i < 3; i++) await bob.say('general', `missed ${i}`);
        await ann.say('kept for later');
        await ann.by('connection-state').getByText('offline').waitFor();
        assert.equal(await ann.page.getByText('missed').count(), 0);
        await line.mend();
        for (let i = 0; i < 3; i++) await ann.sees(`missed ${i}`, { author: 'bob' });
        await ann.online();
        await bob.next('chat_message', (p) => p.message === 'kept for later');
        await ann.sees('kept for later', { status: 'sent' });
        assert.equal(await ann.by('missed-divider').count(), 0);
        assert.equal(await ann.by('message').count(), 5);
        ann.outage = false;
    });

    it('one signs in at the OpenID provider, by the code flow with PKCE, and stays signed in over a reload', async (t) => {
        const op = await OpenIdProvider.start(t, { tls: false }); // a page of http://127.0.0.1 goes to http there
        op.users.set('u-ann', { username: 'Ann', roles: [] });
        const d = await Daemon.start(t, {
            base: 'parley.ini',
            changes: {
                'auth jwt': op.options(),
                discovery: { auth_url: `${op.issuer}/auth`, token_url: `${op.issuer}/token`, chat_client: 'ChatClient' },
            },
        });
        await d.logged('jwt_keys');
        const ann = await Person.open(t, browser, d.http);
        await ann.by('enter-button').click();
        await ann.page.waitForURL(`${op.issuer}/interaction/**`);
        await ann.page.getByLabel('Name').fill('u-ann');
        await ann.page.getByRole('button', { name: 'Sign in' }).click();
        await ann.online();
        assert.equal(new URL(ann.page.url()).search, '', 'code and state are gone from the address bar');
        await ann.by('user-Ann').waitFor();
        await ann.say('signed in');
        await ann.sees('signed in', { author: 'Ann', status: 'sent' });
        const kept = await ann.page.evaluate(() => JSON.stringify([{ ...sessionStorage }, { ...localStorage }, document.cookie]));
        assert.ok(!kept.includes('eyJ'), 'the access token is in memory alone');
        await ann.page.reload();
        await ann.online();
        await ann.sees('signed in', { author: 'Ann' });
        assert.equal(op.count('/auth'), 1, 'not asked again');
        assert.equal(op.count('/token'), 2);
        await ann.by('sign-out').click();
        await ann.by('enter-button').waitFor();
        assert.ok(!d.raw.includes('eyJ'));

        // An answer to a sign-in that this tab did not begin is not taken.
        await ann.page.goto(`${d.http}/?code=x&state=y`);
        await ann.page.getByRole('alert').waitFor();
        assert.match(await ann.page.getByRole('alert').textContent(), /not started in this tab/);
    });
});
