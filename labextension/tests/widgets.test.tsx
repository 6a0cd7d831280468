import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { anywidget } from '../src/widgets/any';
import { mount as browser } from '../src/widgets/datastore_browser';
import { mount as endpoint } from '../src/widgets/endpoint_tester';
import { mount as card } from '../src/widgets/job_card';
import { mount as graph } from '../src/widgets/pipeline_graph';
import { mount as explorer } from '../src/widgets/sweep_explorer';
import type { Model } from '../src/widgets/transports';

const W = '/subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces/w';

/** A kernel that answers as a workspace does, at once or never. */
class Kernel implements Model {
  readonly asked: string[] = [];
  busy = false;
  private heard: ((content: never) => void)[] = [];

  constructor(
    private readonly told: Record<string, unknown>,
    readonly bodies: [RegExp, unknown][],
    private readonly answers: Record<string, [number, string]> = {}
  ) {}

  get(name: string): unknown {
    return name === 'told' ? this.told : this.answers;
  }

  on(_: string, call: (content: never) => void): void {
    this.heard.push(call);
  }

  off(_: string, call: (content: never) => void): void {
    this.heard = this.heard.filter(one => one !== call);
  }

  send(content: unknown): void {
    const { ask } = content as { ask: { id: number; method: string; path: string; body: unknown } };
    const whole = `${ask.method} ${ask.path} ${JSON.stringify(ask.body)}`;
    this.asked.push(whole);
    if (this.busy) return;
    const found = this.bodies.find(([path]) => path.test(whole));
    if (!found && ask.path.includes('wait=')) return; // there is nothing yet
    const [status, text] = found ? [200, JSON.stringify(found[1])] : [404, '{"error":{"message":"gone"}}'];
    queueMicrotask(() => this.says({ answer: { id: ask.id, status, text } }));
  }

  says(content: unknown): void {
    for (const call of this.heard) call(content as never);
  }

  get listeners(): number {
    return this.heard.length;
  }
}

const see: ((visible: boolean) => void)[] = [];

beforeEach(() => {
  see.length = 0;
  vi.stubGlobal(
    'IntersectionObserver',
    class {
      constructor(call: (seen: { isIntersecting: boolean }[]) => void) {
        see.push(visible => call([{ isIntersecting: visible }]));
      }
      observe(): void {
        see.at(-1)?.(true);
      }
      disconnect(): void {
        return;
      }
    }
  );
});

const drawings: (() => void)[] = [];

/** Draw a widget, which is removed after the test at the latest: its clocks must not outlive the page. */
function drawn(mount: Parameters<typeof anywidget>[0], model: Kernel, el: HTMLElement): () => void {
  const remove = anywidget(mount).render({ model, el });
  drawings.push(remove);
  return () => {
    drawings.splice(drawings.indexOf(remove), 1);
    remove();
  };
}

afterEach(() => {
  for (const remove of drawings.splice(0)) remove();
  vi.unstubAllGlobals();
});

const LOG: [RegExp, unknown] = [
  /GET log/,
  { file: 'log', text: 'hello\n', offset: 0, next: 6, size: 6, final: true }
];

function job(type: string, more: Record<string, unknown> = {}): [RegExp, unknown][] {
  const properties = { jobType: type, status: 'Running', displayName: 'calm', ...more };
  return [
    [/cancel/, {}],
    [/GET arm.*jobs\/j\?/, { id: 'x', name: 'j', properties }],
    LOG,
    [/runs\/get/, { run: { info: { run_id: 'j', experiment_id: '1' }, data: {} } }],
    [/children/, { value: [] }],
    [/history.*runs\/j /, { runId: 'j', status: 'Running' }]
  ];
}

async function shown(element: HTMLElement, text: string): Promise<void> {
  await vi.waitFor(() => expect(element.textContent).toContain(text));
}

test('a card shows its job and cancels it; removed, it asks and hears nothing more', async () => {
  const kernel = new Kernel({ workspace: W, place: 'LOCAL', name: 'j' }, job('Command'));
  const element = document.createElement('div');
  const remove = drawn(card, kernel, element);
  await shown(element, 'hello');
  expect(element.textContent).toContain('LOCAL');
  expect(element.classList.contains('jp-AmlLab-alone')).toBe(true);

  [...element.querySelectorAll('button')].find(one => one.textContent === 'Cancel')?.click();
  await vi.waitFor(() => expect(kernel.asked.some(one => one.startsWith('POST arm'))).toBe(true));

  remove();
  const count = kernel.asked.length;
  kernel.says({ changed: null });
  await new Promise(resolve => setTimeout(resolve, 300));
  expect([kernel.asked.length, kernel.listeners, element.childElementCount]).toEqual([count, 0, 0]);
});

test('a card that is out of sight goes on reading the log that a busy kernel sends', async () => {
  const piece = (text: string, offset: number, final = false): [number, string] => {
    const next = offset + text.length;
    return [200, JSON.stringify({ file: 'log', text, offset, next, size: next, final })];
  };
  const kernel = new Kernel({ workspace: W, place: 'LOCAL', name: 'j' }, [
    [/GET log.*offset=-/, JSON.parse(piece('one\n', 0)[1])],
    ...job('Command').filter(one => one !== LOG)
  ]);
  const element = document.createElement('div');
  drawn(card, kernel, element);
  await shown(element, 'one');
  see.at(-1)?.(false);
  kernel.busy = true;

  const waits = (offset: number): string | undefined =>
    kernel.asked.find(one => one.includes(`offset=${offset}&wait`))?.replace(/ null$/, '');
  for (const [text, offset] of [
    ['two\n', 4],
    ['three\n', 8]
  ] as const) {
    await vi.waitFor(() => expect(waits(offset)).toBeDefined());
    kernel.says({ fresh: { [waits(offset) ?? '']: piece(text, offset) } });
    await shown(element, text.trim());
  }
});

test('a job that is gone says so and offers to try again', async () => {
  const kernel = new Kernel({ workspace: W, place: 'LOCAL', name: 'j' }, []);
  const element = document.createElement('div');
  drawn(card, kernel, element);

  await shown(element, 'gone');
  kernel.bodies.push(...job('Command'));
  element.querySelector('button')?.click();
  await shown(element, 'calm');
});

test('a busy kernel keeps what is out of sight fresh', async () => {
  const kernel = new Kernel({ workspace: W, place: 'LOCAL', name: 'j' }, job('Command'));
  const element = document.createElement('div');
  drawn(card, kernel, element);
  await shown(element, 'Running');
  kernel.busy = true;
  see[0]?.(false);

  const done = { jobType: 'Command', status: 'Completed', displayName: 'calm' };
  const fresh = Object.fromEntries(
    ['arm' + W + '/jobs/j?api-version=2024-10-01-preview'].map(path => [
      `GET ${path}`,
      [200, JSON.stringify({ id: 'x', name: 'j', properties: done })]
    ])
  );
  const same = [
    `GET api/history/v1.0${W}/runs/j`,
    `GET api/mlflow/v2.0${W}/api/2.0/mlflow/runs/get?run_id=j`
  ].map(name => [name, null]);
  kernel.says({
    fresh: { ...fresh, ...Object.fromEntries(same) },
    changed: [{ kind: 'jobs', name: 'j', action: 'x' }]
  });
  await shown(element, 'Completed');
});

test('a kernel that does not listen is said to be busy', async () => {
  const kernel = new Kernel({ workspace: W, place: 'LOCAL', name: 'j' }, job('Command'));
  const element = document.createElement('div');
  drawn(card, kernel, element);
  await shown(element, 'hello');
  kernel.busy = true;
  vi.useFakeTimers();
  [...element.querySelectorAll('button')].find(one => one.textContent === 'Cancel')?.click();
  await vi.advanceTimersByTimeAsync(2100);
  vi.useRealTimers();
  await shown(element, 'The kernel is busy');
});

test('a step that is clicked shows its card, once more hides it', async () => {
  const jobs = { prep: { type: 'command' }, train: { inputs: { a: '${{parent.jobs.prep.outputs.out}}' } } };
  const bodies = job('Pipeline', { jobs });
  const children = { value: [{ runId: 'j_prep', displayName: 'prep', status: 'Completed' }] };
  const inner: [RegExp, unknown] = [
    /GET arm.*jobs\/j_prep\?/,
    {
      id: 'y',
      name: 'j_prep',
      properties: { jobType: 'Command', status: 'Completed', displayName: 'prep step' }
    }
  ];
  const run: [RegExp, unknown] = [/history.*runs\/j_prep /, { runId: 'j_prep', status: 'Completed' }];
  const kernel = new Kernel({ workspace: W, place: 'LOCAL', name: 'j' }, [
    [/children/, children],
    inner,
    run,
    ...bodies
  ]);
  const element = document.createElement('div');
  drawn(graph, kernel, element);
  await shown(element, 'prep');
  const nodes = [...element.querySelectorAll<HTMLButtonElement>('.jp-AmlLab-node')];
  expect(nodes.map(one => one.disabled)).toEqual([false, true]);

  nodes[0]?.click();
  await shown(element, 'prep step');
  nodes[0]?.click();
  await vi.waitFor(() => expect(element.textContent).not.toContain('prep step'));
});

test('a sweep without trials says so', async () => {
  const held = { objective: { primaryMetric: 'loss', goal: 'Minimize' } };
  const kernel = new Kernel({ workspace: W, place: 'AZURE', name: 'j' }, [
    [/runs\/search/, { runs: [] }],
    ...job('Sweep', held)
  ]);
  const element = document.createElement('div');
  drawn(explorer, kernel, element);
  await shown(element, 'There are no trials yet.');
  expect(element.textContent).toContain('AZURE');
});

test('files are listed once they are seen; code that reads one is shown where nobody can insert it', async () => {
  const entries = [{ name: 'a.csv', folder: false, size: 12, modified: null }];
  const kernel = new Kernel({ workspace: W, place: 'LOCAL', path: 'store/' }, [
    [/"ls"/, { code: 0, output: JSON.stringify(entries), error: '' }],
    [/"preview"/, { code: 0, output: '[{"x":1}]', error: '' }]
  ]);
  const element = document.createElement('div');
  drawn(browser, kernel, element);
  await shown(element, 'a.csv');

  [...element.querySelectorAll('button')].find(one => one.textContent === 'a.csv')?.click();
  await shown(element, 'Insert code');
  [...element.querySelectorAll('button')].find(one => one.textContent?.startsWith('Insert code'))?.click();
  await shown(element, 'pd.read_csv');
});

const LIST: [RegExp, unknown] = [
  /deployments\?/,
  {
    value: [
      {
        name: 'blue',
        sku: { capacity: 1 },
        properties: { provisioningState: 'Succeeded', model: 'm', properties: {} }
      }
    ]
  }
];
const SCORED = { status: 200, headers: {}, body: '[1]', milliseconds: 3 };

function endpoints(segment: string, properties: Record<string, unknown>): [RegExp, unknown][] {
  return [
    LIST,
    [new RegExp(`${segment}/iris\\?`), { id: 'e', name: 'iris', properties }],
    [/jobs\?/, { value: [{ name: 'batchjob-1', properties: { status: 'Completed' } }] }],
    [/Insights/, { value: [] }],
    [/getLogs/, { content: 'ready' }],
    [/invoke/, SCORED]
  ];
}

test('an endpoint shows its deployments, is asked, and shows its log when that is opened', async () => {
  const properties = {
    provisioningState: 'Succeeded',
    scoringUri: 'http://127.0.0.1:1/score',
    traffic: { blue: 100 }
  };
  const kernel = new Kernel(
    { workspace: W, place: 'LOCAL', name: 'iris', segment: 'onlineEndpoints' },
    endpoints('onlineEndpoints', properties)
  );
  const element = document.createElement('div');
  const remove = drawn(endpoint, kernel, element);
  await shown(element, 'http://127.0.0.1:1/score');
  await shown(element, 'No requests yet');
  expect(element.querySelector('tbody tr')?.textContent).toContain('blue');
  expect(kernel.asked.some(one => one.includes('getLogs'))).toBe(false);

  element.querySelector('form')?.dispatchEvent(new Event('submit', { bubbles: true, cancelable: true }));
  await shown(element, '3 ms');

  const log = element.querySelector('details') as HTMLDetailsElement;
  log.open = true;
  log.dispatchEvent(new Event('toggle'));
  await shown(element, 'ready');
  remove();
  expect([kernel.listeners, element.childElementCount]).toEqual([0, 0]);
});

test('an endpoint that is changed elsewhere is fetched anew', async () => {
  const properties = { provisioningState: 'Succeeded', scoringUri: 'u' };
  const bodies = endpoints('onlineEndpoints', properties);
  const kernel = new Kernel({ workspace: W, place: 'LOCAL', name: 'iris' }, bodies);
  const element = document.createElement('div');
  const remove = drawn(endpoint, kernel, element);
  await shown(element, 'Succeeded');
  properties.provisioningState = 'Updating';
  kernel.says({ changed: [{ kind: 'onlineDeployments', name: 'other/blue', action: 'put' }] });
  await new Promise(resolve => setTimeout(resolve, 300));
  expect(element.textContent).not.toContain('Updating');

  kernel.says({ changed: [{ kind: 'onlineDeployments', name: 'iris/blue', action: 'put' }] });
  await shown(element, 'Updating');
  remove();
});

test('a batch endpoint shows its jobs, and has nothing to be tested', async () => {
  const properties = { provisioningState: 'Succeeded', defaults: { deploymentName: 'blue' } };
  const kernel = new Kernel(
    { workspace: W, place: 'LOCAL', name: 'iris', segment: 'batchEndpoints' },
    endpoints('batchEndpoints', properties)
  );
  const element = document.createElement('div');
  const remove = drawn(endpoint, kernel, element);
  await shown(element, 'batchjob-1');
  await shown(element, '★ default');

  expect(element.querySelector('form, details')).toBeNull();
  expect(kernel.asked.some(one => /Insights|invoke/.test(one))).toBe(false);
  remove();
});
