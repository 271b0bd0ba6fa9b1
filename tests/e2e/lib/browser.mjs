// A real browser (Debian's chromium), and pages that keep what went wrong in them.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { chromium } from 'playwright-core';
import { patience } from './daemon.mjs';

const executablePath = process.env.CHROMIUM ?? ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((p) => existsSync(p));

export function launch() {
    return chromium.launch({
        executablePath,
        headless: true,
        timeout: patience,
        args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--no-first-run'],
    });
}

/** A person at a browser of his own: `p.page`, and shorthands for what the page offers. */
export class Person {
    problems = []; // console errors, exceptions, dialogs, violations of the Content-Security-Policy
    outage = false; // the server is away on purpose: that the network fails is no problem

    static async open(t, browser, url, options = {}) {
        const p = new Person();
        p.context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
        p.context.setDefaultTimeout(patience);
        await p.context.addInitScript(() => {
            document.addEventListener('securitypolicyviolation', (e) => console.error(`CSP: ${e.violatedDirective} ${e.blockedURI}`));
        });
        p.page = await p.context.newPage();
        p.page.on('console', (m) => {
            if (m.type() !== 'error' && m.type() !== 'warning') return;
            if (p.outage && /net::ERR_|WebSocket connection|status of 503/.test(m.text())) return;
            p.problems.push(`${m.type()}: ${m.text()} (${m.location().url})`);
        });
        p.page.on('pageerror', (e) => p.problems.push(`exception: ${e.message}`));
        p.page.on('dialog', (d) => (p.problems.push(`dialog: ${d.message()}`), d.dismiss()));
        t?.after(async () => {
            await p.context.close();
            assert.deepEqual(p.problems, []);
        });
        await p.page.goto(url);
        return p;
    }

    /** Under `open`: signs in by name. */
    static async enter(t, browser, url, name, options) {
        const p = await Person.open(t, browser, url, options);
        await p.by('name-input').fill(name);
        await p.by('enter-button').click();
        await p.online();
        p.name = name;
        return p;
    }

    by(testid) {
        return this.page.getByTestId(testid);
    }

    async online() {
        await this.by('channel-list').waitFor();
        await this.by('connection-state').getByText('online', { exact: true }).waitFor();
    }

    async say(text) {
        await this.by('composer').fill(text);
        await this.by('composer').press('Enter');
    }

    /** Waits for a message with exactly this text; of that author and with that status if they are given. */
    async sees(text, { author, status } = {}) {
        let all = this.by('message').filter({ has: this.page.locator('.text', { hasText: text }) });
        if (author !== undefined) all = all.and(this.page.locator(`[data-author=${JSON.stringify(author)}]`));
        if (status !== undefined) all = all.and(this.page.locator(`[data-status=${JSON.stringify(status)}]`));
        await all.last().waitFor();
        return all.last();
    }

    async opens(testid) {
        await this.by(testid).click();
    }
}
