import { render, type VNode } from 'preact';
import { expect, test, vi } from 'vitest';
import { AssetModel, browsed } from '../src/model/asset';
import { compute } from '../src/model/compute';
import { FilesModel } from '../src/model/files';
import { JobModel } from '../src/model/job';
import { artifacts, codeless, snapshot } from '../src/model/snapshot';
import type { Ended, Resource, Rest, Section } from '../src/rest';
import { AssetView } from '../src/views/asset';
import { Files } from '../src/views/files';
import { JobBody, tabs, tabTitle } from '../src/views/job';

const WORKSPACE =
  '/subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces/w';
const EVIL = '<img src=x onerror="window.harmed=1">';
const NOTHING = vi.fn();
const ACTIONS = {
  open: NOTHING,
  show: NOTHING,
  cancel: NOTHING,
  rerun: NOTHING,
  archive: NOTHING,
  code: NOTHING,
  insert: NOTHING
};
const CLUSTER = {
  computeType: 'AmlCompute',
  provisioningState: 'Succeeded',
  properties: {
    vmSize: 'STANDARD_DS3_V2',
    vmPriority: 'LowPriority',
    scaleSettings: { minNodeCount: 0, maxNodeCount: 4 },
    allocationState: 'Resizing',
    nodeStateCounts: { runningNodeCount: 1, idleNodeCount: 0, preparingNodeCount: 2 },
    errors: [{ error: { code: 'QuotaExceeded', message: 'There are no cores left.' } }]
  }
};

function drawn(node: VNode): HTMLElement {
  const box = document.createElement('div');
  document.body.append(box);
  render(node, box);
  return box;
}

function section(segment: string, noun: string, versioned: boolean): Section {
  return { segment, title: noun, versioned, noun, verbs: [] };
}

function job(properties: Record<string, unknown>): JobModel {
  const model = new JobModel({} as Rest, WORKSPACE, 'fox');
  model.resource = { id: `${WORKSPACE}/jobs/fox`, name: 'fox', properties };
  return model;
}

function body(model: JobModel, tab: 'overview' | 'code', show = NOTHING, code?: FilesModel): HTMLElement {
  return drawn(
    <JobBody model={model} tab={tab} source="" files={undefined} code={code} actions={{ ...ACTIONS, show }} />
  );
}

function button(box: HTMLElement, text: string): HTMLButtonElement | undefined {
  return [...box.querySelectorAll('button')].find(one => one.textContent === text);
}

test.each([
  [{ codeId: 'c' }, false],
  [{ trial: { codeId: 'c' } }, false],
  [{ trial: { componentId: 'c' } }, false],
  [{ componentId: 'c' }, false],
  [{ jobs: { one: {} } }, false],
  [{ command: 'echo hi' }, true],
  [{ trial: { command: 'echo hi' }, jobs: {} }, true],
  [{ codeId: null }, true]
])('a job with %o is without code: %s', (held, is) => {
  expect(codeless(held)).toBe(is);
});

test('a job has a part for its code, and one without code says so and asks nobody', () => {
  const model = job({ jobType: 'Command', command: 'echo hi' });

  expect(tabs(model)).toEqual(['overview', 'metrics', 'log', 'files', 'code', 'lineage', 'source']);
  expect([tabTitle('code', model), tabTitle('source', model)]).toEqual(['Code', 'YAML']);
  expect(body(model, 'code').textContent).toBe('This job has no code.');
});

test('the code of a pipeline whose steps have none is no fault', async () => {
  const run = async (): Promise<Ended> => ({ code: 3, output: '', error: 'The job fox has no code.' });
  const code = snapshot({ run } as unknown as Rest, WORKSPACE, 'fox');
  await code.go([]);
  const box = body(job({ jobType: 'Pipeline', jobs: { a: {} } }), 'code', NOTHING, code);

  expect(box.textContent).toBe('This job has no code.');
  expect(box.querySelector('[role=alert]')).toBeNull();
});

test('the code of a job is browsed where aml finds it', async () => {
  const asked: string[] = [];
  const run = async (_: string, words: string[]): Promise<Ended> => {
    asked.push(words.slice(0, 2).join(' '));
    const output =
      words[0] === 'ls' ? [{ name: 'main.py', folder: false, size: 9, modified: null }] : 'x = 1';
    return { code: 0, output: JSON.stringify(output), error: '' };
  };
  const code = snapshot({ run } as unknown as Rest, WORKSPACE, 'fox');
  await code.refresh();
  await code.open({ name: 'main.py', folder: false, size: 9, modified: null });
  const box = body(job({ jobType: 'Command', codeId: 'c' }), 'code', NOTHING, code);

  expect(asked).toEqual(['ls azureml://jobs/fox/code/', 'preview azureml://jobs/fox/code/main.py']);
  expect(box.querySelector('pre[aria-label="main.py"]')?.textContent).toBe('x = 1\n');
  expect(box.querySelector('a[download]')).toBeNull();
});

test('what a run has written is downloaded from where the server keeps it, never shown as a page', () => {
  const artifact = vi.fn((_: string, name: string, path: string) => `/get?run=${name}&path=${path}`);
  const files = artifacts({ artifact } as unknown as Rest, WORKSPACE, 'fox');
  files.path = ['out'];
  files.entries = [
    { name: 'page.html', folder: false, size: 9, modified: null },
    { name: 'more', folder: true, size: null, modified: null }
  ];
  const links = [...drawn(<Files model={files} insert={NOTHING} />).querySelectorAll('a')];

  expect(
    links.map(one => [one.getAttribute('href'), one.getAttribute('download'), one.getAttribute('aria-label')])
  ).toEqual([['/get?run=fox&path=out/page.html', 'page.html', 'Download page.html']]);
});

test('compute and environment of a job lead to their pages; those of a registry have none', () => {
  const show = vi.fn();
  const held = {
    jobType: 'Command',
    computeId: `${WORKSPACE}/computes/cluster`,
    environmentId: `${WORKSPACE}/environments/sklearn/versions/7`
  };
  const box = body(job(held), 'overview', show);
  button(box, 'cluster')?.click();
  button(box, 'sklearn:7')?.click();
  expect(show.mock.calls).toEqual([
    ['computes', 'cluster'],
    ['environments', 'sklearn']
  ]);

  const registry = 'azureml://registries/azureml/environments/sklearn-1.5/versions/7';
  const other = body(job({ jobType: 'Command', environmentId: registry }), 'overview');
  expect(other.querySelector('button')).toBeNull();
  expect(other.textContent).toContain('sklearn-1.5:7');
  expect(other.textContent).not.toContain('compute');
});

test('a compute tells its size, its state and what its nodes do', () => {
  expect(compute(CLUSTER)).toMatchObject({
    type: 'AmlCompute',
    size: 'STANDARD_DS3_V2',
    state: 'Resizing',
    least: 0,
    most: 4,
    nodes: [
      ['running', 1],
      ['preparing', 2]
    ],
    errors: ['There are no cores left.'],
    more: {}
  });
  const instance = {
    computeType: 'ComputeInstance',
    properties: { state: 'Stopped', sshPublicAccess: 'Disabled' }
  };
  expect(compute(instance)).toMatchObject({ state: 'Stopped', most: undefined, nodes: [], errors: [] });
  expect(compute(instance).more).toEqual({ sshPublicAccess: 'Disabled' });
  expect(compute({ provisioningState: 'Failed', properties: null })).toMatchObject({
    state: 'Failed',
    more: {}
  });
});

async function computePage(
  nodes: () => Promise<unknown>
): Promise<{ box: HTMLElement; open: typeof NOTHING }> {
  const asked = vi.fn(async (_: string, path: string, more?: { method?: string }) => {
    if (path !== 'computes/cluster/listNodes') return { id: '', name: 'cluster', properties: CLUSTER };
    expect(more?.method).toBe('POST');
    return nodes();
  });
  const model = new AssetModel(
    { arm: asked } as unknown as Rest,
    WORKSPACE,
    section('computes', 'compute', false),
    'cluster'
  );
  await model.refresh();
  expect(model.error).toBeUndefined();
  const open = vi.fn();
  const actions = { verb: NOTHING, code: NOTHING, insert: NOTHING, look: NOTHING, open };
  return { box: drawn(<AssetView model={model} place="AZURE" busy={false} actions={actions} />), open };
}

test('the jobs that a cluster runs lead to their pages', async () => {
  const { box, open } = await computePage(async () => ({
    nodes: [
      { nodeId: 'n1', nodeState: 'running', runId: 'fox' },
      { nodeId: 'n2', nodeState: 'idle', runId: null }
    ]
  }));

  expect(box.textContent).toContain('0 to 4');
  expect(box.textContent).toContain('1 running, 2 preparing');
  expect(box.querySelector('[role=alert]')?.textContent).toBe('There are no cores left.');
  expect(box.querySelectorAll('tbody tr').length).toBe(1);
  button(box, 'fox')?.click();
  expect(open.mock.calls).toEqual([['jobs', 'fox']]);
});

test('a cluster whose nodes nobody may list is shown without them', async () => {
  const { box } = await computePage(() => Promise.reject(new Error('403')));

  expect(box.textContent).toContain('STANDARD_DS3_V2');
  expect(box.textContent).not.toContain('Running jobs');
});

async function environmentPage(
  place: string,
  ended: Ended
): Promise<{ model: AssetModel; box: () => HTMLElement }> {
  const version = {
    id: '',
    name: '2',
    properties: { image: `${EVIL}:1`, condaFile: 'name: x\ndependencies:\n- pip\n', description: 'mine' }
  };
  const arm = async (_: string, path: string): Promise<unknown> =>
    path.endsWith('/versions')
      ? { value: [version] }
      : { id: '', name: 'e', properties: { latestVersion: '2' } };
  const run = vi.fn(async () => ended);
  const rest = { arm, run } as unknown as Rest;
  const model = new AssetModel(rest, WORKSPACE, section('environments', 'environment', true), 'e');
  await model.refresh();
  const actions = { verb: NOTHING, code: NOTHING, insert: NOTHING, look: NOTHING };
  return {
    model,
    box: () => drawn(<AssetView model={model} place={place} busy={false} actions={actions} />)
  };
}

test('an environment shows its image, its conda file and what is installed for it here', async () => {
  const found = {
    name: 'e:2',
    built: true,
    python: '3.11.2',
    path: '/x/python',
    notes: [EVIL],
    packages: [{ name: 'numpy', version: '2.0', asked: 'numpy>1' }]
  };
  const { model, box } = await environmentPage('LOCAL', {
    code: 0,
    output: JSON.stringify(found),
    error: ''
  });
  const before = box();
  expect(before.querySelector('pre[aria-label="Conda file"]')?.textContent).toBe(
    'name: x\ndependencies:\n- pip\n'
  );
  expect(before.textContent?.match(/dependencies/g)?.length).toBe(1);
  expect(button(before, 'Show what is installed')).toBeDefined();

  await model.packages?.find('2');
  const after = box();
  expect(after.querySelector('tbody tr')?.textContent).toBe('numpy2.0numpy>1');
  expect(after.textContent).toContain('3.11.2 · /x/python');
  expect(after.querySelector('img')).toBeNull();
  model.choose('2');
  expect(model.packages?.found).toBeUndefined();
});

test('an environment that is not built here says so; a refusal can be tried again', async () => {
  const found = { name: 'e:2', built: false, python: '3.11', path: '', notes: [], packages: [] };
  const { model, box } = await environmentPage('LOCAL', {
    code: 0,
    output: JSON.stringify(found),
    error: ''
  });
  await model.packages?.find('2');
  expect(box().textContent).toContain('not yet: the first job that names it builds it');

  const refused = await environmentPage('LOCAL', { code: 1, output: '', error: 'It is no conda file.' });
  await refused.model.packages?.find('2');
  expect(refused.box().querySelector('[role=alert]')?.textContent).toBe('It is no conda file.Try again');
});

test('what is installed in Azure is not asked for', async () => {
  const { box } = await environmentPage('AZURE', { code: 0, output: '', error: '' });

  expect(button(box(), 'Show what is installed')).toBeUndefined();
});

test.each([
  [
    'models',
    { modelType: 'mlflow_model', modelUri: 'azureml://jobs/j/outputs/m' },
    'azureml://jobs/j/outputs/m'
  ],
  ['models', { modelType: 'custom_model', modelUri: 'azureml://d/x.bin' }, ''],
  ['models', { modelType: 'mlflow_model' }, ''],
  ['data', { dataType: 'uri_folder' }, 'azureml:a:3'],
  ['data', { dataType: 'uri_file' }, ''],
  ['datastores', {}, 'a/'],
  ['environments', {}, '']
])('files of %s with %o begin at "%s"', (segment, held, root) => {
  expect(browsed(segment, 'a', '3', held).root).toBe(root);
});

test('a model asset is loaded by its name and version', () => {
  const { known } = browsed('models', 'a', '3', { modelType: 'mlflow_model', modelUri: 'u' });

  expect([known.model?.(''), known.model?.('data')]).toEqual(['models:/a/3', '']);
});

test('a page that is opened again goes to the folder that was open, once', async () => {
  const asked: string[] = [];
  const rest = {
    arm: async (): Promise<Resource> => ({ id: '', name: 'store', properties: {} }),
    run: async (_: string, words: string[]): Promise<Ended> => {
      asked.push(words[1] ?? '');
      return { code: 0, output: '[]', error: '' };
    }
  } as unknown as Rest;
  const model = new AssetModel(rest, WORKSPACE, section('datastores', 'datastore', false), 'store', [
    'raw',
    '2026'
  ]);
  await model.refresh();
  await model.files?.go([]);
  await model.refresh();

  expect(asked).toEqual(['store/raw/2026', 'store/']);
});
