// Makes docs/chat.png: the chat page in a browser, on a real daemon, with people in it.
//
//   PARLEYD=build/release/bin/parleyd node tests/e2e/tools/screenshot.mjs [file]
import { join } from 'node:path';
import { Person, launch } from '../lib/browser.mjs';
import { enter } from '../lib/client.mjs';
import { Daemon, root } from '../lib/daemon.mjs';

const file = process.argv[2] ?? join(root, 'docs', 'chat.png');
const ends = [];
const t = { after: (f) => ends.unshift(f) };

try {
    const d = await Daemon.start(t, {
        changes: {
            discovery: { name: 'Harbour' },
            'hub channels': { list: 'general, music, gaming, tech, off-topic' },
            'hub channels in general': { description: 'Everything and anything' },
            'hub channels in music': { description: 'What is playing' },
            'hub channels in off-topic': { description: 'All the rest' },
        },
    });
    const browser = await launch();
    t.after(() => browser.close());
    const ines = await Person.enter(t, browser, d.http, 'Inês', { deviceScaleFactor: 1, colorScheme: 'light', locale: 'en-GB' });
    const people = {};
    for (const name of ['Jonas', 'Amara', 'Kenji', 'Noor']) people[name] = await enter(t, d, name);
    for (const name of Object.keys(people)) await ines.by(`user-${name}`).waitFor();

    const say = async (name, text, channel = 'general') => {
        if (name === 'Inês') await ines.say(text);
        else await people[name].say(channel, text);
        if (channel === 'general') await ines.sees(text.split('\n')[0]);
    };
    await say('Jonas', 'Morning! Who is in for the boat on Saturday?');
    await say('Amara', 'Me! And I am bringing the good coffee this time.');
    await say('Inês', 'Count me in. What time do we have to be at the pier?');
    await say('Jonas', 'Nine sharp. The tide does not wait, and neither does the captain.');
    await say('Jonas', 'Five seats are taken, one is still free.');
    await say('Kenji', 'I take the last one, if nobody minds my singing.');
    await say('Amara', 'We all mind your singing. Come anyway.');
    await say('Inês', 'Then it is settled:\n– Amara: coffee, Kenji: no songs before noon\n– I bring pastéis de nata');
    await say('Noor', 'You will regret this when I post the photos.');

    await say('Kenji', 'The new patch is out', 'gaming');
    await say('Noor', 'Downloading it right now', 'gaming');
    await say('Amara', 'Does anybody know a tool that draws these graphs?', 'tech');
    await say('Jonas', 'gnuplot, always', 'tech');
    await say('Amara', 'Thanks!', 'tech');
    await people.Noor.ask({ type: 'private_chat_message', recipient_id: 'Inês', message: 'Shall we get Jonas a present for his birthday?' });
    await ines.by('channel-gaming').locator('.badge').waitFor();
    await ines.by('channel-tech').locator('.badge', { hasText: '3' }).waitFor();
    await ines.by('conversation-Noor').locator('.badge').waitFor();
    people.Amara.send({ type: 'typing', channel: 'general' });
    await ines.by('typing').getByText('Amara').waitFor();
    await ines.page.mouse.move(640, 40); // over no message
    await ines.page.screenshot({ path: file });
} finally {
    for (const end of ends) await end();
}
