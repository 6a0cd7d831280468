import { afterEach, expect, test, vi } from 'vitest';
import golden from './asks.json';
import { JobModel } from '../src/model/job';
import { type Answer, type Ask, Rest, type Transport } from '../src/rest';
import { EitherTransport, key, KernelTransport, type Model, PageTransport } from '../src/widgets/transports';

const WORKSPACE =
  '/subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces/w';

/** A widget's model whose kernel is a test. */
class Kernel implements Model {
  readonly sent: { ask?: Ask & { id: number; key: string }; mode?: string }[] = [];
  private heard: ((content: never) => void)[] = [];

  constructor(private readonly answers: Record<string, [number, string]> = {}) {}

  get(name: string): unknown {
    return name === 'answers' ? this.answers : undefined;
  }

  on(_: string, call: (content: never) => void): void {
    this.heard.push(call);
  }

  off(_: string, call: (content: never) => void): void {
    this.heard = this.heard.filter(one => one !== call);
  }

  send(content: unknown): void {
    this.sent.push(content as (typeof this.sent)[number]);
  }

  says(content: unknown): void {
    for (const call of this.heard) call(content as never);
  }
}

const ASK: Ask = { method: 'GET', path: 'arm/w/jobs/x' };

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
  document.getElementById('jupyter-config-data')?.remove();
});

test('what was sent ahead is taken once, then the kernel is asked', async () => {
  const kernel = new Kernel({ [key(ASK)]: [200, 'ahead'] });
  const carried = new KernelTransport(kernel);

  expect((await carried.send(ASK)).text).toBe('ahead');
  expect(kernel.sent).toEqual([]);
  const second = carried.send(ASK);
  const id = kernel.sent[0]?.ask?.id;
  kernel.says({ answer: { id: 99, status: 200, text: 'for somebody else' } });
  kernel.says({ answer: { id, status: 200, text: 'asked' } });
  expect((await second).text).toBe('asked');
});

test('a busy kernel answers by what it sends of itself', async () => {
  const kernel = new Kernel({ [key(ASK)]: [200, 'old'] });
  const carried = new KernelTransport(kernel);
  await carried.send(ASK);
  const waiting = carried.send(ASK);

  kernel.says({ fresh: { [key(ASK)]: [200, 'new'] } });
  expect((await waiting).text).toBe('new');
  kernel.says({ fresh: { [key(ASK)]: null } });
  expect((await carried.send(ASK)).text).toBe('new');
  expect(kernel.sent.length).toBe(1);
});

test('a kernel that is gone leaves what was known; what was not known waits', async () => {
  vi.useFakeTimers();
  const kernel = new Kernel({ [key(ASK)]: [200, 'old'] });
  const carried = new KernelTransport(kernel);
  await carried.send(ASK);
  const known = carried.send(ASK);
  let other: Answer | undefined;
  void carried.send({ method: 'GET', path: 'arm/w/jobs/y' }).then(found => (other = found));

  await vi.advanceTimersByTimeAsync(3100);
  expect((await known).text).toBe('old');
  expect([other, carried.late]).toEqual([undefined, true]);
});

test('nobody waits for what was aborted', async () => {
  const carried = new KernelTransport(new Kernel());
  const abort = new AbortController();
  const asked = carried.send({ ...ASK, signal: abort.signal });
  abort.abort();

  await expect(asked).rejects.toThrow(/abort/);
  expect(carried.late).toBe(false);
});

function page(known: string[], status = 200): Ask[] {
  const asked: Ask[] = [];
  vi.stubGlobal('fetch', async (path: string, init: RequestInit) => {
    asked.push({ method: String(init.method), path });
    const value = known.map(id => ({ id }));
    return new Response(JSON.stringify({ value, text: 'server' }), { status });
  });
  return asked;
}

test('the server is asked where it knows the workspace, and the kernel is told so', async () => {
  const asked = page([WORKSPACE.toUpperCase()]);
  const kernel = new Kernel();
  const carried = new EitherTransport(
    new KernelTransport(kernel),
    WORKSPACE,
    kernel,
    new PageTransport('/user/')
  );

  expect((await carried.send(ASK)).text).toContain('server');
  expect(asked.map(one => one.path)).toEqual([
    '/user/jupyter-aml/workspaces',
    '/user/jupyter-aml/arm/w/jobs/x'
  ]);
  expect(kernel.sent).toEqual([{ mode: 'page' }]);
  expect(carried.address('x')).toBe('/user/jupyter-aml/x');
});

test.each([
  ['of another store', ['/subscriptions/other'], 200],
  ['without our extension', [], 404]
])('a server %s leaves it to the kernel', async (_, known, status) => {
  page(known, status);
  const kernel = new Kernel({ [key(ASK)]: [200, 'kernel'] });
  const carried = new EitherTransport(new KernelTransport(kernel), WORKSPACE, kernel, new PageTransport('/'));

  expect((await carried.send(ASK)).text).toBe('kernel');
  expect(carried.address('x')).toBe('');
});

test('what a kernel sends ahead is what a page asks first of a sweep', async () => {
  const asked: string[] = [];
  const held = { jobType: 'Sweep', status: 'Completed', objective: { primaryMetric: 'val loss/min' } };
  const metrics = [
    { key: 'val loss/min', value: 1, step: 3, timestamp: 1 },
    { key: 'once', value: 1, step: 0, timestamp: 1 }
  ];
  const bodies: [RegExp, unknown][] = [
    [/runs\/get\?/, { run: { info: { run_id: 'calm_hat', experiment_id: '7' }, data: { metrics } } }],
    [/^arm/, { id: 'x', name: 'calm_hat', properties: held }],
    [/children/, { value: [] }],
    [/^log/, { file: 'log', text: '', offset: 0, next: 0, size: 0, final: true }],
    [/./, { runId: 'calm_hat', status: 'Completed' }]
  ];
  const transport: Transport = {
    send: async ask => {
      asked.push(key(ask));
      return { status: 200, text: JSON.stringify(bodies.find(([path]) => path.test(ask.path))?.[1]) };
    },
    address: () => ''
  };
  const model = new JobModel(new Rest(transport), WORKSPACE, 'calm_hat');
  model.seen({}, true);
  await vi.waitFor(() => expect(model.logEnded).toBe(true));

  expect([...new Set(asked)].sort()).toEqual(golden);
});
