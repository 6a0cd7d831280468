import { Signal } from '@lumino/signaling';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Live, type News, SCHEMA } from '../src/live';

class Server {
  readonly stream = new Signal<unknown, never>({});
  now = { instance: 'a', sequence: 5 };
  asked = 0;

  state = async (): Promise<{ instance: string; sequence: number }> => {
    this.asked += 1;
    return this.now;
  };

  tell(sequence: number, instance = 'a', changes = [{ kind: 'jobs', name: 'j', action: 'put' }]): void {
    this.stream.emit({
      schema_id: SCHEMA,
      instance,
      sequence,
      workspace: '/w',
      changes,
      more: false
    } as never);
  }
}

let server: Server;
let live: Live;
let news: News[];
let hidden: boolean;

beforeEach(() => {
  vi.useFakeTimers();
  server = new Server();
  hidden = false;
  live = new Live(server as never, server.state, () => hidden);
  news = [];
  live.changed.connect((_, one) => void news.push(one));
});

afterEach(() => {
  live.dispose();
  vi.useRealTimers();
});

describe('events', () => {
  test('are passed on with what they name', () => {
    server.tell(6);

    expect(news).toEqual([
      { workspace: '/w', changes: [{ kind: 'jobs', name: 'j', action: 'put' }], everything: false }
    ]);
  });

  test('of others are none of ours', () => {
    server.stream.emit({ schema_id: 'https://events.jupyter.org/x' } as never);
    expect(news).toEqual([]);
  });

  test('with a gap mean that everything may have changed', () => {
    server.tell(6);
    server.tell(9);
    expect(news.map(one => one.everything)).toEqual([false, true]);
  });

  test('of another server mean the same', () => {
    server.tell(6);
    server.tell(1, 'b');
    expect(news.map(one => one.everything)).toEqual([false, true]);
  });

  test('that come twice count once', () => {
    server.tell(6);
    server.tell(6);
    expect(news).toHaveLength(1);
  });
});

describe('what was missed', () => {
  test('is noticed by asking', async () => {
    server.tell(5);
    server.now = { instance: 'b', sequence: 2 };
    await vi.advanceTimersByTimeAsync(16_000);

    expect(news.at(-1)?.everything).toBe(true);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(news).toHaveLength(2);
  });

  test('is not asked for while nobody looks', async () => {
    hidden = true;
    const before = server.asked;
    await vi.advanceTimersByTimeAsync(120_000);
    expect(server.asked).toBe(before);
  });

  test('a server that is away is asked again', async () => {
    server.tell(5);
    server.state = () => Promise.reject(new Error('away'));
    await vi.advanceTimersByTimeAsync(20_000);
    expect(news).toHaveLength(1);
  });
});
