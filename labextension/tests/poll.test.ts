import { Widget } from '@lumino/widgets';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { AssetPage } from '../src/documents/asset';
import type { Application } from '../src/documents/page';
import type { Live } from '../src/live';
import type { AssetModel } from '../src/model/asset';
import { PanelModel } from '../src/model/panel';
import { Poll } from '../src/model/poll';
import { type Rest, RestError } from '../src/rest';

const NOTHING = vi.fn();

/** Let what was answered be handled. */
async function settled(): Promise<void> {
  for (let round = 0; round < 10; round += 1) await Promise.resolve();
}

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
  document.body.replaceChildren();
});

describe('looking again and again', () => {
  test('happens while it is wanted and the page is seen, and never else', async () => {
    let hidden = false;
    const look = vi.fn(() => Promise.resolve(true));
    const poll = new Poll(15_000, look, () => hidden);
    poll.looked();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(look).not.toHaveBeenCalled();

    poll.wanted = true;
    await vi.advanceTimersByTimeAsync(45_100);
    expect(look).toHaveBeenCalledTimes(4); // what is old at once, then every 15 s
    hidden = true;
    document.dispatchEvent(new Event('visibilitychange'));
    await vi.advanceTimersByTimeAsync(600_000);
    expect(look).toHaveBeenCalledTimes(4);
    hidden = false;
    document.dispatchEvent(new Event('visibilitychange'));
    await vi.advanceTimersByTimeAsync(10);
    expect(look).toHaveBeenCalledTimes(5);
    poll.dispose();
    await vi.advanceTimersByTimeAsync(600_000);
    expect(look).toHaveBeenCalledTimes(5);
  });

  test('is slower after errors, up to a limit, and as before once it goes well', async () => {
    let good = false;
    const times: number[] = [];
    const poll = new Poll(15_000, () => {
      times.push(Date.now());
      return good ? Promise.resolve(true) : Promise.reject(new Error('away'));
    });
    poll.looked();
    poll.wanted = true;
    await vi.advanceTimersByTimeAsync(15_000 * (1 + 2 + 4 + 8 + 16 + 16));
    good = true;
    await vi.advanceTimersByTimeAsync(15_000 * (16 + 1));
    poll.dispose();

    const pauses = times.slice(1).map((time, at) => (time - (times[at] ?? 0)) / 15_000);
    expect(pauses).toEqual([2, 4, 8, 16, 16, 16, 1]);
  });

  test('a slow answer is waited for', async () => {
    let answer = (): void => undefined;
    const look = vi.fn(() => new Promise<boolean>(resolve => (answer = () => resolve(true))));
    const poll = new Poll(1000, look);
    poll.looked();
    poll.wanted = true;
    await vi.advanceTimersByTimeAsync(30_000);
    expect(look).toHaveBeenCalledOnce();
    answer();
    await vi.advanceTimersByTimeAsync(1000);
    expect(look).toHaveBeenCalledTimes(2);
    poll.dispose();
  });
});

describe('the panel', () => {
  function panel(place: 'LOCAL' | 'AZURE'): { model: PanelModel; asked: string[]; broken: { now: boolean } } {
    const asked: string[] = [];
    const broken = { now: false };
    const sections = ['jobs', 'data'].map(segment => ({
      segment,
      title: '',
      versioned: false,
      noun: '',
      verbs: []
    }));
    const rest = {
      workspaces: () =>
        Promise.resolve({ value: [{ id: '/w', name: 'w', resourceGroup: 'g', place, profile: 'p' }] }),
      sections: () => Promise.resolve({ value: sections }),
      arm: (_: string, path: string) => {
        asked.push(path);
        return broken.now
          ? Promise.reject(new RestError(401, 'x', 'Nobody'))
          : Promise.resolve({ value: [] });
      }
    } as unknown as Rest;
    const live = { changed: { connect: NOTHING, disconnect: NOTHING } } as unknown as Live;
    return { model: new PanelModel(rest, live), asked, broken };
  }

  async function shown(model: PanelModel): Promise<void> {
    model.visible = true;
    await vi.advanceTimersByTimeAsync(0);
  }

  test('fetches what is open in Azure anew while it is seen', async () => {
    const { model, asked } = panel('AZURE');
    await shown(model);
    asked.length = 0;
    await vi.advanceTimersByTimeAsync(31_000);
    expect(asked).toEqual(['jobs', 'jobs']);

    model.open('data');
    await settled();
    asked.length = 0;
    await vi.advanceTimersByTimeAsync(15_000);
    expect(asked).toEqual(['data']);
    model.visible = false;
    await vi.advanceTimersByTimeAsync(600_000);
    expect(asked).toEqual(['data']);
    model.visible = true;
    model.open('data');
    await vi.advanceTimersByTimeAsync(600_000);
    expect(asked, 'nothing is open').toEqual(['data']);
    model.dispose();
  });

  test('asks less often while Azure refuses, and says what it said', async () => {
    const { model, asked, broken } = panel('AZURE');
    await shown(model);
    broken.now = true;
    asked.length = 0;
    await vi.advanceTimersByTimeAsync(15_000 * 7);

    expect(asked).toHaveLength(3);
    expect(model.opened?.listing.error?.message).toBe('Nobody');
    model.dispose();
  });

  test('leaves a local workspace to its events', async () => {
    const { model, asked } = panel('LOCAL');
    await shown(model);
    asked.length = 0;
    await vi.advanceTimersByTimeAsync(600_000);

    expect(asked).toEqual([]);
    model.dispose();
  });
});

describe('the page of an asset', () => {
  function page(place: string): { page: AssetPage; refresh: ReturnType<typeof vi.fn> } {
    const signal = { connect: NOTHING, disconnect: NOTHING };
    const refresh = vi.fn(() => Promise.resolve());
    const model = {
      changed: signal,
      refresh,
      dispose: NOTHING,
      section: { title: '' },
      versions: [],
      verbs: []
    };
    const live = { changed: signal } as unknown as Live;
    const application = {
      open: NOTHING,
      insert: NOTHING,
      say: NOTHING,
      titled: NOTHING
    } as unknown as Application;
    const made = new AssetPage(model as unknown as AssetModel, live, place, application, () =>
      Promise.resolve(true)
    );
    Widget.attach(made, document.body);
    return { page: made, refresh };
  }

  test('in Azure is fetched anew every 30 s while it is seen', async () => {
    const { page: made, refresh } = page('AZURE');
    await vi.advanceTimersByTimeAsync(61_000);
    expect(refresh).toHaveBeenCalledTimes(3);
    made.hide();
    await vi.advanceTimersByTimeAsync(600_000);
    expect(refresh).toHaveBeenCalledTimes(3);
    made.show();
    await vi.advanceTimersByTimeAsync(10);
    expect(refresh).toHaveBeenCalledTimes(4);
    made.dispose();
    await vi.advanceTimersByTimeAsync(600_000);
    expect(refresh).toHaveBeenCalledTimes(4);
  });

  test('on this machine waits for its events', async () => {
    const { page: made, refresh } = page('LOCAL');
    await vi.advanceTimersByTimeAsync(600_000);
    expect(refresh).toHaveBeenCalledTimes(1);
    made.dispose();
  });
});
