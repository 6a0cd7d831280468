import { render, type VNode } from 'preact';
import { expect, test, vi } from 'vitest';
import type { News } from '../src/live';
import {
  axes,
  comparable,
  compared,
  CompareModel,
  type Compared,
  histories,
  line,
  lines
} from '../src/model/compare';
import { JobModel, Pool } from '../src/model/job';
import type { Rest } from '../src/rest';
import { framed } from '../src/views/chart';
import { aligned, Compare } from '../src/views/compare';
import { colour, Curves, dash, marker, nearest, value } from '../src/views/curves';

const EVIL = '<img src=x onerror="window.harmed=1">';
const NOTHING = vi.fn();
const ACTIONS = { open: NOTHING, remove: NOTHING, code: NOTHING };
const settled = (): Promise<void> => new Promise(resolve => setTimeout(resolve, 20));

function drawn(node: VNode): HTMLElement {
  const box = document.createElement('div');
  document.body.append(box);
  render(node, box);
  return box;
}

function run(name: string, more: Partial<Compared> = {}): Compared {
  return {
    name,
    title: name,
    status: 'Completed',
    type: 'Command',
    run: undefined,
    mark: 0,
    params: {},
    metrics: {},
    inputs: {},
    tags: {},
    curves: new Map(),
    error: '',
    ...more
  };
}

function points(
  key: string,
  values: number[],
  steps = true
): [string, Compared['curves'] extends Map<string, infer P> ? P : never] {
  return [key, values.map((value, at) => ({ key, value, step: steps ? at : 0, timestamp: 1000 * at }))];
}

const RUNS = [
  run('a', {
    mark: 0,
    params: { lr: '0.1', solver: 'sgd' },
    metrics: { auc: 0.9, loss: 2 },
    curves: new Map([points('auc', [0.5, 0.9])])
  }),
  run('b', {
    mark: 1,
    params: { lr: '0.01', solver: 'sgd' },
    metrics: { auc: 0.875 },
    curves: new Map([points('auc', [0.6, 0.8, 0.875])])
  }),
  run('c', { mark: 2, params: { lr: '1', solver: 'sgd' }, metrics: { auc: 0.7 }, status: 'Failed' })
];

test('a line differs where a value is another one or is not there', () => {
  expect(line('k', ['1', '1']).differs).toBe(false);
  expect(line('k', ['1', '2']).differs).toBe(true);
  expect(line('k', ['1', undefined]).differs).toBe(true);
  expect(line('k', [undefined, undefined]).differs).toBe(false);
});

test('the extent is that of numbers alone', () => {
  expect(line('k', ['0.1', 3, undefined]).extent).toEqual([0.1, 3]);
  expect(line('k', ['0.1', 'auto']).extent).toBeUndefined();
  expect(line('k', [NaN, 1]).extent).toBeUndefined();
  expect(line('k', [undefined]).extent).toBeUndefined();
});

test('lines are in the order of the runs, metrics by name', () => {
  expect(lines(RUNS, 'params').map(one => one.key)).toEqual(['lr', 'solver']);
  expect(lines(RUNS, 'metrics').map(one => [one.key, one.values])).toEqual([
    ['auc', [0.9, 0.875, 0.7]],
    ['loss', [2, undefined, undefined]]
  ]);
});

test('curves are over steps; a run without a history is a point', () => {
  const found = histories(RUNS);
  expect(found.map(one => [one.key, one.timed])).toEqual([['auc', false]]);
  expect(found[0]?.series.map(one => [one.name, one.mark, one.points.length])).toEqual([
    ['a', 0, 2],
    ['b', 1, 3],
    ['c', 2, 1]
  ]);
});

test('metrics without steps are drawn over the seconds since each run began to log', () => {
  const [only] = histories([run('a', { curves: new Map([points('loss', [3, 2, 1], false)]) })]);
  expect(only?.timed).toBe(true);
  expect(only?.series[0]?.points.map(one => one.x)).toEqual([0, 1, 2]);
});

test('only settings that are numbers in every run and not all the same have an axis', () => {
  expect(axes(RUNS)).toEqual(['lr']);
  expect(axes([...RUNS, run('d')])).toEqual([]);
  expect(axes([run('a', { inputs: { c: '1' } }), run('b', { inputs: { c: '2' } })])).toEqual(['c']);
});

test('two to twelve different jobs can be compared', () => {
  expect(comparable(['a', 'a'])).toEqual({ names: ['a'], fault: 'few' });
  expect(comparable(['a', 'b']).fault).toBe('');
  expect(comparable(Array.from({ length: 12 }, (_, at) => `j${at}`)).fault).toBe('');
  expect(comparable(Array.from({ length: 13 }, (_, at) => `j${at}`)).fault).toBe('many');
});

test('twelve runs can be told apart without colours', () => {
  const looks = Array.from({ length: 12 }, (_, mark) => `${dash(mark)} ${marker(mark)}`);
  expect(new Set(looks).size).toBe(12);
  expect(new Set(Array.from({ length: 6 }, (_, mark) => colour(mark))).size).toBe(6);
});

test('the table says in words what differs, and the switch leaves only that', async () => {
  const box = drawn(<Compare runs={RUNS} place="LOCAL" actions={ACTIONS} />);
  const keys = (): string[] => [...box.querySelectorAll('th[scope=row]')].map(one => one.textContent);
  expect(keys()).toContain('lr≠ differs');
  expect(keys()).toContain('solver');

  box.querySelector<HTMLInputElement>('[role=switch]')?.click();
  await settled();

  expect(keys()).toContain('lr≠ differs');
  expect(keys().every(key => key.endsWith('differs'))).toBe(true);
});

test('numbers of a metric have their points below each other, and their range beside them', () => {
  expect(aligned([0.9, 0.875, 12])).toEqual(['0.900', '0.875', '12.000']);
  expect(aligned([1e-7, 2])).toEqual(['1e-7', '2']);
  const box = drawn(<Compare runs={RUNS} place="LOCAL" actions={ACTIONS} />);
  const auc = [...box.querySelectorAll('tr')].find(one => one.textContent.startsWith('auc'));
  expect([...(auc?.querySelectorAll('td') ?? [])].map(one => one.textContent)).toEqual([
    '0.900',
    '0.875',
    '0.700',
    '0.7 … 0.9'
  ]);
});

test('each metric with a history is one chart with a line and a name per run, alike in all charts', () => {
  const two = RUNS.map(one => ({ ...one, curves: new Map([points('auc', [1, 2]), points('loss', [3, 4])]) }));
  const box = drawn(<Compare runs={two} place="LOCAL" actions={ACTIONS} />);
  const charts = [...box.querySelectorAll('figure')].filter(one => one.querySelector('.jp-AmlLab-grid'));
  const marks = charts.map(one => [...one.querySelectorAll('polyline')].map(line => line.dataset.mark));
  expect(marks).toEqual([
    ['0', '1', '2'],
    ['0', '1', '2']
  ]);
  expect(charts[0]?.querySelector('ul')?.textContent).toContain('a');
  expect(charts[0]?.querySelector('svg')?.getAttribute('aria-label')).toContain('b: 2 at step 1');
});

test('parallel coordinates need three runs', () => {
  const label = (runs: Compared[]): number =>
    drawn(<Compare runs={runs} place="LOCAL" actions={ACTIONS} />).querySelectorAll(
      '[aria-label*="runs over"]'
    ).length;
  expect(label(RUNS.slice(0, 2))).toBe(0);
  expect(label(RUNS)).toBe(1);
});

test('the values under the pointer are those at the nearest step of any run', () => {
  const series = [
    { name: 'a', mark: 0, points: [0, 10].map(x => ({ x, y: x })) },
    { name: 'b', mark: 1, points: [0, 4].map(x => ({ x, y: 2 * x })) }
  ];
  const frame = framed(
    series.flatMap(one => one.points),
    400,
    200
  );
  const box = drawn(<Curves title="auc" axis="step" series={series} />);
  const svg = box.querySelector('svg') as SVGElement;
  const event = (x: number): MouseEvent =>
    ({ clientX: frame.px(x), currentTarget: svg }) as unknown as MouseEvent;
  expect([0.5, 3, 8].map(x => nearest(event(x), frame, series))).toEqual([0, 4, 10]);
  expect(series.map(one => value(one, 4))).toEqual(['–', '8']);
  expect(series.map(one => value(one, undefined))).toEqual(['10', '8']);
});

test('a run can be left out while more than two are there', () => {
  const remove = vi.fn();
  const box = drawn(<Compare runs={RUNS} place="LOCAL" actions={{ ...ACTIONS, remove }} />);
  box.querySelector<HTMLButtonElement>('[aria-label="Leave b out"]')?.click();
  expect(remove).toHaveBeenCalledWith('b');
  const two = drawn(<Compare runs={RUNS.slice(0, 2)} place="LOCAL" actions={ACTIONS} />);
  expect(two.querySelector('[aria-label="Leave b out"]')).toBeNull();
});

test('nothing that a run is called or says becomes markup', () => {
  const evil = run(EVIL, {
    title: EVIL,
    status: EVIL,
    type: EVIL,
    params: { [EVIL]: EVIL },
    metrics: { [EVIL]: 1 },
    inputs: { [EVIL]: EVIL },
    tags: { [EVIL]: EVIL },
    curves: new Map([points(EVIL, [1, 2])])
  });
  const box = drawn(<Compare runs={[evil, { ...evil, error: EVIL }]} place="LOCAL" actions={ACTIONS} />);
  expect(box.querySelectorAll('img')).toHaveLength(0);
  expect(box.textContent).toContain('<img');
});

/** A service with jobs of any name, that counts what it is asked. */
function service(status: (name: string) => string): { rest: Rest; asked: string[] } {
  const asked: string[] = [];
  const rest = {
    arm: (_: string, path: string) => {
      const name = path.replace('jobs/', '');
      asked.push(name);
      if (status(name) === 'gone') return Promise.reject(new Error(`There is no job ${name}.`));
      const properties = {
        status: status(name),
        jobType: 'Command',
        displayName: 'same',
        tags: { team: 'x' },
        inputs: { data: { uri: '/w/data/iris/versions/1' }, lr: { value: '0.1' } }
      };
      return Promise.resolve({ id: name, name, properties });
    },
    api: (_: string, service: string) =>
      Promise.resolve(service.startsWith('history') ? { runId: 'x', status: 'x' } : { run: { data: {} } })
  };
  return { rest: rest as unknown as Rest, asked };
}

const NEWS: News = { workspace: '/w', changes: [], everything: false };

test('a comparison reads its runs when it is seen, and follows those that run', async () => {
  const { rest, asked } = service(name => (name === 'b' ? 'Running' : 'Completed'));
  const model = new CompareModel(new Pool(rest), '/w', ['a', 'b', 'c']);
  await settled();
  expect(asked).toEqual([]);

  model.visible = true;
  await settled();
  expect(asked).toEqual(['a', 'b', 'c']);
  expect(model.final).toBe(false);

  await model.refresh();
  expect(asked).toEqual(['a', 'b', 'c', 'b']);
  vi.useFakeTimers();
  model.hear(NEWS);
  model.hear({ ...NEWS, workspace: '/other' });
  model.hear({ ...NEWS, changes: [{ kind: 'jobs', name: 'c', action: 'write' }] });
  await vi.advanceTimersByTimeAsync(300);
  vi.useRealTimers();
  expect(asked.slice(4).sort()).toEqual(['b', 'c']);
});

test('nothing is fetched while nobody looks, and what was missed is fetched then', async () => {
  const { rest, asked } = service(() => 'Running');
  const model = new CompareModel(new Pool(rest), '/w', ['a', 'b']);
  model.visible = true;
  await settled();
  model.visible = false;
  model.hear({ ...NEWS, changes: [{ kind: 'jobs', name: 'b', action: 'write' }] });
  await new Promise(resolve => setTimeout(resolve, 300));
  expect(asked).toEqual(['a', 'b']);

  model.visible = true;
  await settled();
  expect(asked).toEqual(['a', 'b', 'b']);
});

test('runs keep their colours when one is left out, and are called by name when titles are the same', async () => {
  const { rest } = service(() => 'Completed');
  const model = new CompareModel(new Pool(rest), '/w', ['a', 'b', 'c']);
  model.visible = true;
  await settled();
  model.remove('a');

  expect(model.runs.map(one => [one.title, one.mark])).toEqual([
    ['b', 1],
    ['c', 2]
  ]);
  expect(model.names).toEqual(['b', 'c']);
  expect(model.runs[0]?.inputs).toEqual({ data: '/w/data/iris/versions/1', lr: '0.1' });
});

test('a run that cannot be had says why, beside the others', async () => {
  const { rest } = service(name => (name === 'a' ? 'gone' : 'Completed'));
  const model = new CompareModel(new Pool(rest), '/w', ['a', 'b']);
  model.visible = true;
  await settled();
  const box = drawn(<Compare runs={model.runs} place="LOCAL" actions={ACTIONS} />);

  expect(box.querySelector('[role=alert]')?.textContent).toBe('There is no job a.');
  expect(box.textContent).toContain('Completed');
});

test('numbers that MLflow writes as words are numbers', () => {
  const job = new JobModel({} as Rest, '/w', 'a');
  job.metrics = [{ key: 'loss', value: 'NaN' as unknown as number, step: 0, timestamp: 0 }];
  expect(compared(job, 0).metrics.loss).toBeNaN();
});
