import { render, type VNode } from 'preact';
import { describe, expect, test, vi } from 'vitest';
import {
  assetLineage,
  inputs,
  jobLineage,
  type Lineage as Found,
  LineageModel,
  NEWEST,
  outputs,
  reference,
  SHOWN
} from '../src/model/lineage';
import type { Resource, Rest } from '../src/rest';
import { Lineage, LineageGraph } from '../src/views/lineage';

const WORKSPACE =
  '/subscriptions/1/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces/w';
const IRIS = `${WORKSPACE}/data/iris/versions/1`;
const EVIL = '<img src=x onerror="window.harmed=1">';
const NOTHING = vi.fn();

function drawn(node: VNode): HTMLElement {
  const box = document.createElement('div');
  document.body.append(box);
  render(node, box);
  return box;
}

function job(name: string, given: Record<string, string> = {}, more: Record<string, unknown> = {}): Resource {
  const inputs = Object.fromEntries(Object.entries(given).map(([key, uri]) => [key, { uri }]));
  return {
    id: `${WORKSPACE}/jobs/${name}`,
    name,
    properties: { jobType: 'Command', status: 'Completed', inputs, ...more }
  };
}

function edges(found: Found): string[] {
  return found.edges.map(({ from, to, label }) => `${from} > ${to}${label ? ` (${label})` : ''}`);
}

describe('a reference', () => {
  test.each([
    [IRIS, '', 'data iris 1'],
    ['azureml://locations/local/workspaces/6d85/models/clf/versions/3', '', 'models clf 3'],
    ['azureml:iris:2', 'uri_file', 'data iris 2'],
    ['azureml:clf:2', 'mlflow_model', 'models clf 2'],
    ['azureml://jobs/fox/outputs/model', '', 'fox model'],
    ['azureml://jobs/fox/outputs/model/paths/a/b.csv', '', 'fox model'],
    ['azureml://locations/l/workspaces/w/data/azureml_fox_output_rows/versions/1', '', 'fox rows'],
    [
      'azureml://subscriptions/1/workspaces/w/datastores/workspaceblobstore/paths/azureml/fox/model/',
      '',
      'fox model'
    ],
    ['azureml://datastores/workspaceartifactstore/paths/ExperimentRun/dcid.fox/model', '', 'fox artifacts'],
    ['runs:/fox/model', '', 'fox artifacts'],
    ['https://example.org/iris.csv', '', 'https://example.org/iris.csv'],
    ['azureml://datastores/lake/paths/raw/iris.csv', '', 'azureml://datastores/lake/paths/raw/iris.csv']
  ])('%s is understood', (uri, type, meant) => {
    const found = reference(uri, type);
    const words =
      found.sort === 'asset'
        ? [found.segment, found.name, found.version]
        : found.sort === 'output'
          ? [found.job, found.output]
          : [found.uri];
    expect(words.join(' ')).toBe(meant);
  });

  test('to a registry says which', () => {
    const uri = 'azureml://registries/azureml/models/bert/versions/3';
    expect(reference(uri)).toMatchObject({ sort: 'asset', segment: 'models', registry: 'azureml' });
  });
});

test('inputs are those that lie somewhere, of steps and tasks too, each once', () => {
  const held = {
    inputs: { data: { uri: IRIS }, lr: { value: '0.1' } },
    jobs: {
      prep: { inputs: { raw: { uri: 'azureml:raw:1' }, same: { uri: IRIS } } },
      fit: { inputs: { rows: { uri: '${{parent.jobs.prep.outputs.rows}}' } } }
    },
    taskDetails: {
      taskType: 'Classification',
      trainingData: { uri: 'azureml:train:1', jobInputType: 'mltable' }
    }
  };
  expect(inputs(held).map(one => one.name)).toEqual(['data', 'raw', 'trainingData']);
});

test('outputs are what was asked for and what was made, without the one that every job has', () => {
  const run = {
    runId: 'a',
    status: 'Completed',
    outputs: { m: { assetId: `${WORKSPACE}/models/clf/versions/1` } }
  };
  const found = outputs({ outputs: { m: {}, later: {}, default: {} } }, run);
  expect(found.map(one => [one.name, one.found?.sort])).toEqual([
    ['m', 'asset'],
    ['later', undefined]
  ]);
});

describe('the lineage of a job', () => {
  const own = job('fit', {
    data: IRIS,
    rows: 'azureml://jobs/prep/outputs/rows',
    web: 'https://e.org/x.csv'
  });
  const run = {
    runId: 'fit',
    status: 'Completed',
    outputs: {
      model: { assetId: `azureml://locations/l/workspaces/w/models/clf/versions/1` },
      report: { assetId: `azureml://locations/l/workspaces/w/data/azureml_fit_output_report/versions/1` }
    }
  };
  const others = [
    own,
    job('prep'),
    job('score', { model: `${WORKSPACE}/models/clf/versions/1` }),
    job('read', { it: 'azureml://jobs/fit/outputs/report' }),
    job('older', { model: `${WORKSPACE}/models/clf/versions/2` })
  ];
  const found = jobLineage(own, run, [{ segment: 'models', name: 'extra', version: '4' }], others);

  test('has what went in at the left, what came out and who uses it at the right', () => {
    expect(edges(found)).toEqual([
      'data:iris:1 > jobs:fit (data)',
      'jobs:prep > jobs:fit (rows → rows)',
      'place:https://e.org/x.csv > jobs:fit (web)',
      'jobs:fit > models:clf:1 (model)',
      'jobs:fit > output:fit:report',
      'jobs:fit > models:extra:4',
      'models:clf:1 > jobs:score (model)',
      'output:fit:report > jobs:read (it)'
    ]);
    expect(found.nodes.map(one => one.column)).toEqual([0, 0, 0, 1, 2, 2, 2, 3, 3]);
  });

  test('has no job that uses another version', () => {
    expect(found.nodes.some(one => one.name === 'older')).toBe(false);
  });
});

describe('the lineage of an asset', () => {
  const users = [job('one', { a: IRIS, b: IRIS }), job('two', { c: `${WORKSPACE}/data/iris/versions/2` })];

  test('has the jobs that use this version', () => {
    const found = assetLineage({ segment: 'data', name: 'iris', version: '1' }, {}, users);
    expect(edges(found)).toEqual(['data:iris:1 > jobs:one (a)']);
  });

  test.each([
    [{ jobName: 'fox' }, ''],
    [{ jobName: 'fox', modelUri: 'azureml://x/paths/azureml/fox/m/' }, 'm'],
    [{ modelUri: 'azureml://jobs/fox/outputs/m' }, 'm']
  ])('has the job that made it, by %j', (held, output) => {
    const found = assetLineage({ segment: 'models', name: 'clf', version: '1' }, held, []);
    expect(edges(found)).toEqual([`jobs:fox > models:clf:1${output ? ` (${output})` : ''}`]);
  });

  test('has the job that was to register it', () => {
    const asked = { outputs: { m: { assetName: 'clf', assetVersion: '1', jobOutputType: 'mlflow_model' } } };
    const jobs = [job('fox', {}, asked)];
    expect(edges(assetLineage({ segment: 'models', name: 'clf', version: '1' }, {}, jobs))).toHaveLength(1);
    expect(edges(assetLineage({ segment: 'models', name: 'clf', version: '2' }, {}, jobs))).toHaveLength(0);
    expect(edges(assetLineage({ segment: 'data', name: 'clf', version: '1' }, {}, jobs))).toHaveLength(0);
  });

  test('has the jobs that use the same files as an output', () => {
    const jobs = [
      job('next', { x: 'azureml://jobs/fox/outputs/rows' }),
      job('no', { x: 'azureml://jobs/fox/outputs/y' })
    ];
    const held = { dataUri: 'azureml://x/paths/azureml/fox/rows/' };
    expect(edges(assetLineage({ segment: 'data', name: 'rows', version: '1' }, held, jobs))).toEqual([
      'jobs:fox > data:rows:1 (rows)',
      'data:rows:1 > jobs:next (x)'
    ]);
  });

  test('of which many jobs make use shows some and counts the others', () => {
    const many = Array.from({ length: SHOWN + 5 }, (_, at) => job(`j${at}`, { a: IRIS }));
    const found = assetLineage({ segment: 'data', name: 'iris', version: '1' }, {}, many);
    expect(found.nodes).toHaveLength(SHOWN + 1);
    expect(found.edges).toHaveLength(SHOWN);
    expect(found.hidden.get(2)).toBe(5);
  });
});

/** A service with pages of 200 jobs. */
function service(count: number, models?: { name: string; version: string }[]): Rest {
  const page = (from: number): object => ({
    value: Array.from({ length: Math.min(200, count - from) }, (_, at) => job(`j${from + at}`, { a: IRIS })),
    nextLink: from + 200 < count ? String(from + 200) : null
  });
  return {
    arm: () => Promise.resolve(page(0)),
    follow: (link: string) => Promise.resolve(page(Number(link))),
    api: () => (models ? Promise.resolve({ model_versions: models }) : Promise.reject(new Error('501')))
  } as unknown as Rest;
}

const ASSET = { sort: 'asset', asset: { segment: 'data', name: 'iris', version: '1' }, held: {} } as const;

test('the newest jobs are looked through, and the page says so', async () => {
  const few = new LineageModel(service(250), '/w');
  await few.find(ASSET);
  expect([few.looked, few.all]).toEqual([250, true]);
  const many = new LineageModel(service(1000), '/w');
  await many.find(ASSET);
  expect([many.looked, many.all]).toEqual([NEWEST, false]);
  const box = drawn(<Lineage model={many} find={NOTHING} open={NOTHING} />);
  expect(box.textContent).toContain('newest 500 jobs');
});

test('models of a job are searched for; a service that cannot search is no fault', async () => {
  const subject = { sort: 'job', resource: job('x'), run: undefined } as const;
  const found = new LineageModel(service(0, [{ name: 'clf', version: '1' }]), '/w');
  await found.find(subject);
  expect(found.lineage?.nodes.map(one => one.id)).toEqual(['jobs:x', 'models:clf:1']);
  const without = new LineageModel(service(0), '/w');
  await without.find(subject);
  expect(without.error).toBeUndefined();
  expect(without.lineage?.nodes).toHaveLength(1);
});

test('what cannot be had is said, and can be tried again', async () => {
  const find = vi.fn();
  const rest = { arm: () => Promise.reject(new Error('The workspace is away.')) } as unknown as Rest;
  const model = new LineageModel(rest, '/w');
  await model.find(ASSET);
  const box = drawn(<Lineage model={model} find={find} open={NOTHING} />);
  expect(box.querySelector('[role=alert]')?.textContent).toContain('The workspace is away.');
  box.querySelector('button')?.click();
  expect(find).toHaveBeenCalled();
});

test('an answer that nobody waits for any more is dropped', async () => {
  const model = new LineageModel(service(3), '/w');
  const asked = model.find(ASSET);
  model.clear();
  await asked;
  expect(model.lineage).toBeUndefined();
  expect(model.busy).toBe(false);
});

test('nodes open what they stand for, in words too, and nothing becomes markup', () => {
  const open = vi.fn();
  const found = jobLineage(
    job(EVIL, { [EVIL]: IRIS, web: `https://e.org/${EVIL}` }, { displayName: EVIL, status: EVIL }),
    undefined,
    [],
    []
  );
  const box = drawn(<LineageGraph lineage={found} open={open} />);
  const buttons = [...box.querySelectorAll<HTMLButtonElement>('.jp-AmlLab-node')];
  buttons.find(one => one.textContent.includes('iris:1'))?.click();

  expect(open).toHaveBeenCalledWith('data', 'iris');
  expect(buttons.filter(one => one.disabled)).toHaveLength(1);
  expect(box.querySelectorAll('img')).toHaveLength(0);
  expect(box.querySelector('ul')?.textContent).toContain('data iris:1 leads to job <img');
});
