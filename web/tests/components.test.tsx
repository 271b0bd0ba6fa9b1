// @vitest-environment jsdom
import { render } from 'preact';
import { act } from 'preact/test-utils';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { App } from '../src/components/App';
import type { Session } from '../src/session';
import { parseFrame } from '../src/protocol';
import { createStore } from '../src/store';
import type { Store } from '../src/store';
import { chat, whisper, wire } from './fixtures';

const EVIL = '<img src=x onerror=alert(1)>';
let store: Store;
let session: Record<keyof Session, ReturnType<typeof vi.fn>>;
let root: HTMLElement;

const get = (id: string) => root.querySelector<HTMLElement>(`[data-testid="${id}"]`);
const all = (id: string) => [...root.querySelectorAll<HTMLElement>(`[data-testid="${id}"]`)];

async function say(type: string, payload: object): Promise<void> {
  const frame = parseFrame(wire(type, payload));
  if (!frame) throw new Error(`not a frame: ${type}`);
  await act(async () => {
    store.dispatch({ type: 'frame', frame, now: Date.now() });
    await new Promise((done) => setTimeout(done, 30));
  });
}

beforeEach(async () => {
  window.matchMedia = (query) =>
    ({
      matches: query.includes('hover'),
      addEventListener() {},
      removeEventListener() {},
    }) as never;
  root = document.body.appendChild(document.createElement('div'));
  store = createStore();
  session = new Proxy({} as typeof session, {
    get: (target, name: keyof Session) => (target[name] ??= vi.fn()),
  });
  await act(() => {
    render(<App store={store} session={session as unknown as Session} />, root);
  });
});

afterEach(() => {
  render(null, root);
  root.remove();
});

async function enter(): Promise<void> {
  await act(() => {
    store.dispatch({ type: 'self', person: { id: 'u-alice', username: 'alice' } });
    store.dispatch({ type: 'screen', screen: { name: 'chat' } });
    store.dispatch({ type: 'link', link: { state: 'online' } });
    store.dispatch({ type: 'opened' });
  });
  await say('active_channels', { channels: [{ id: 1, name: 'general', sort_order: 1 }] });
  await say('connected_users', {
    users: [
      { id: 'u-alice', username: 'alice', status: true },
      { id: 'u-bob', username: EVIL, status: true },
    ],
  });
}

describe('the door', () => {
  it('asks for a name of 1 to 64 bytes', async () => {
    await act(() => store.dispatch({ type: 'screen', screen: { name: 'sign-in', mode: 'name' } }));
    const input = get('name-input') as HTMLInputElement;
    const button = get('enter-button') as HTMLButtonElement;
    const type = (value: string) =>
      act(() => {
        input.value = value;
        input.dispatchEvent(new Event('input', { bubbles: true }));
      });
    expect(button.disabled).toBe(true);
    await type('x'.repeat(65));
    expect(button.disabled).toBe(true);
    await type('é'.repeat(33));
    expect(button.disabled).toBe(true);
    await type('é'.repeat(32));
    expect(button.disabled).toBe(false);
    button.click();
    expect(session.enter).toHaveBeenCalledWith('é'.repeat(32));
  });
});

describe('the chat', () => {
  beforeEach(enter);

  it('shows names and messages as text only', async () => {
    await say('chat_message', chat(1, { username: EVIL, message: `${EVIL}<b>x</b>` }));
    await say('private_chat_message', whisper(1, EVIL, 'alice'));
    await say('notice', { message: EVIL });
    expect(root.querySelector('img, b, script')).toBeNull();
    expect(get('message')?.textContent).toContain(`${EVIL}<b>x</b>`);
    expect(get('message')?.dataset['author']).toBe(EVIL);
    const entries = [...get('user-list')!.querySelectorAll<HTMLElement>('[data-testid]')];
    expect(entries.map((e) => e.dataset['testid'])).toEqual(['user-alice', `user-${EVIL}`]);
  });

  it('has no style in an attribute, which the content policy would refuse', async () => {
    await say('chat_message', chat(1));
    const html = root.innerHTML.replace(/<textarea[^>]*>/g, '');
    expect(html).not.toMatch(/\sstyle=/);
  });

  it('groups by author', async () => {
    for (const n of [1, 2]) await say('chat_message', chat(n));
    await say('chat_message', chat(3, { owner_id: 'u-carol', username: 'carol' }));
    expect(all('message').map((m) => m.classList.contains('head'))).toEqual([true, false, true]);
    expect(get('message')?.querySelector('time')?.dateTime).toBe('2026-01-05T12:00:01.000Z');
  });

  it('sends with Enter, not with Shift+Enter nor while composing', async () => {
    const area = get('composer') as HTMLTextAreaElement;
    const press = (init: KeyboardEventInit) =>
      act(() => void area.dispatchEvent(new KeyboardEvent('keydown', { bubbles: true, ...init })));
    await act(() => {
      area.value = 'hello';
      area.dispatchEvent(new Event('input', { bubbles: true }));
    });
    expect(session.typing).toHaveBeenCalledWith('channel:general');
    await press({ key: 'Enter', shiftKey: true });
    await press({ key: 'Enter', isComposing: true });
    expect(session.send).not.toHaveBeenCalled();
    await press({ key: 'Enter' });
    expect(session.send).toHaveBeenCalledWith('channel:general', 'hello');
    expect(session.draft).toHaveBeenLastCalledWith('channel:general', '');
  });

  it('offers another try for what failed', async () => {
    await act(() =>
      store.dispatch({
        type: 'sent',
        key: 'channel:general',
        id: 'x1',
        text: 'hi',
        now: Date.now(),
      }),
    );
    await say('error', {
      id: 'x1',
      code: 'rate_limited',
      message: 'Too fast.',
      retry_after_ms: 3_600_000,
    });
    expect(get('message')?.textContent).toContain('Not sent: Too fast.');
    const [again, edit, discard] = [...get('message')!.querySelectorAll('button')];
    expect(again!.disabled).toBe(true);
    expect(again!.textContent).toMatch(/^Retry in 3(600|5\d\d) s$/); // it counts down
    discard!.click();
    expect(session.discard).toHaveBeenCalledWith('channel:general', 'x1');
    edit!.click();
    expect(session.takeBack).toHaveBeenCalledWith('channel:general', 'x1');
  });

  it('says how the connection is', async () => {
    expect(get('connection-state')?.textContent).toBe('online');
    const link = {
      state: 'waiting',
      until: Date.now() + 9000,
      why: 'The connection was lost.',
    } as const;
    await act(() => store.dispatch({ type: 'link', link }));
    expect(get('connection-state')?.textContent).toMatch(/^offline, back in \d s$/);
    expect(root.querySelector('.strip')?.textContent).toContain('The connection was lost.');
    root.querySelector<HTMLButtonElement>('.strip button')!.click();
    expect(session.reconnect).toHaveBeenCalled();
  });

  it('walks the conversations with Alt and the arrows', async () => {
    const press = (key: string) =>
      act(() => void document.dispatchEvent(new KeyboardEvent('keydown', { key, altKey: true })));
    await press('ArrowDown');
    await press('ArrowUp');
    expect(session.step.mock.calls).toEqual([[1], [-1]]);
  });
});
