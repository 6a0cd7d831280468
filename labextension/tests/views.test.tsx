import { render, type VNode } from 'preact';
import { expect, test, vi } from 'vitest';
import { AssetModel } from '../src/model/asset';
import { FilesModel } from '../src/model/files';
import { JobModel } from '../src/model/job';
import { row } from '../src/model/rows';
import type { Resource, Rest, Section } from '../src/rest';
import { AssetView, difference } from '../src/views/asset';
import { curve, JobBody, JobHead, short, tabs } from '../src/views/job';
import { HEIGHT, Rows } from '../src/views/rows';

const EVIL = '<img src=x onerror="window.harmed=1"><script>window.harmed=1</script>';
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

function drawn(node: VNode): HTMLElement {
  const box = document.createElement('div');
  document.body.append(box);
  render(node, box);
  return box;
}

function evilJob(): JobModel {
  const model = new JobModel({} as Rest, '/w', EVIL);
  model.resource = {
    id: `/w/jobs/${EVIL}`,
    name: EVIL,
    systemData: { createdBy: EVIL },
    properties: {
      jobType: 'Sweep',
      status: EVIL,
      displayName: EVIL,
      description: EVIL,
      command: EVIL,
      experimentName: EVIL,
      tags: { [EVIL]: EVIL },
      inputs: { [EVIL]: { value: EVIL } },
      properties: { best_child_run_id: EVIL }
    }
  };
  model.run = {
    runId: EVIL,
    status: 'Failed',
    error: { error: { message: EVIL, details: [{ code: 'Traceback', message: EVIL }] } },
    warnings: [{ message: EVIL }]
  };
  model.params = [{ key: EVIL, value: EVIL }];
  model.metrics = [{ key: EVIL, value: 1, step: 2, timestamp: 0 }];
  model.curves.set(EVIL, [
    { key: EVIL, value: 1, step: 1, timestamp: 0 },
    { key: EVIL, value: 2, step: 2, timestamp: 0 }
  ]);
  model.children = [
    { runId: EVIL, status: EVIL, properties: { hyperparameters: JSON.stringify({ [EVIL]: EVIL }) } }
  ];
  model.log.append(`${EVIL}\nTraceback (most recent call last):\n  ${EVIL}\nE: ${EVIL}\nend\n`);
  return model;
}

test('nothing that a job is called or says becomes markup', () => {
  const model = evilJob();
  const files = new FilesModel({} as Rest, '/w', EVIL);
  files.entries = [{ name: EVIL, folder: false, size: 3, modified: null }];
  files.file = EVIL;
  files.preview = { code: 0, output: EVIL, error: '' };
  const parts = tabs(model);
  expect(parts).toContain('children');
  for (const tab of parts) {
    const box = drawn(
      <>
        <JobHead model={model} place="LOCAL" busy={false} actions={ACTIONS} />
        <JobBody model={model} tab={tab} source={<pre>{EVIL}</pre>} files={files} actions={ACTIONS} />
      </>
    );
    expect(box.querySelectorAll('img, script'), tab).toHaveLength(0);
    expect(box.textContent, tab).toContain('<img');
  }
  expect((window as unknown as { harmed?: number }).harmed).toBeUndefined();
});

test('nothing that an asset is called or says becomes markup', () => {
  const section: Section = {
    segment: 'data',
    title: 'data asset',
    versioned: true,
    noun: 'data',
    verbs: ['archive']
  };
  const model = new AssetModel({} as Rest, '/w', section, EVIL);
  model.resource = { id: EVIL, name: EVIL, properties: { latestVersion: '2' } };
  model.versions = ['2', '1'].map(name => ({
    id: name,
    name,
    properties: { dataUri: EVIL + name, tags: { a: EVIL } }
  }));
  model.chosen = '2';
  model.preview = { code: 0, output: JSON.stringify([{ [EVIL]: EVIL }]), error: '' };

  const box = drawn(
    <AssetView
      model={model}
      place="LOCAL"
      busy={false}
      actions={{ verb: NOTHING, code: NOTHING, insert: NOTHING, look: NOTHING }}
    />
  );

  expect(box.querySelectorAll('img, script')).toHaveLength(0);
  expect(box.textContent).toContain('<img');
});

function rows(count: number): ReturnType<typeof row>[] {
  return Array.from({ length: count }, (_, index) => {
    const resource: Resource = {
      id: `/w/jobs/j${index}`,
      name: `j${index}`,
      properties: { displayName: EVIL }
    };
    return row(resource);
  });
}

test('a list of any length has few rows in the page, and asks for more before its end', async () => {
  const settled = (): Promise<void> => new Promise(resolve => setTimeout(resolve, 20));
  vi.spyOn(HTMLElement.prototype, 'clientHeight', 'get').mockReturnValue(20 * HEIGHT);
  vi.spyOn(HTMLElement.prototype, 'clientWidth', 'get').mockReturnValue(300);
  const more = vi.fn();
  const box = drawn(
    <Rows label="Jobs" rows={rows(100_000)} done={false} open={NOTHING} toggle={NOTHING} more={more} />
  );

  await settled();
  const shown = box.querySelectorAll('[role=treeitem]');
  expect(shown.length).toBeGreaterThan(10);
  expect(shown.length).toBeLessThan(60);
  expect(box.querySelectorAll('img')).toHaveLength(0);
  expect(more).not.toHaveBeenCalled();

  const end = drawn(
    <Rows label="Jobs" rows={rows(30)} done={false} open={NOTHING} toggle={NOTHING} more={more} />
  );
  await settled();
  expect(end.querySelectorAll('[role=treeitem]').length).toBeGreaterThan(10);
  render(<Rows label="Jobs" rows={rows(31)} done={false} open={NOTHING} toggle={NOTHING} more={more} />, end);
  await settled();
  expect(more).toHaveBeenCalled();
});

test('the keyboard goes through the rows and opens one', async () => {
  const open = vi.fn();
  const box = drawn(<Rows label="Jobs" rows={rows(5)} done open={open} toggle={NOTHING} more={NOTHING} />);
  const tree = box.querySelector('[role=tree]') as HTMLElement;
  for (const key of ['ArrowDown', 'ArrowDown', 'End', 'ArrowUp', 'Enter']) {
    tree.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true }));
    await new Promise(resolve => setTimeout(resolve));
  }

  expect(open).toHaveBeenCalledTimes(1);
  expect(open.mock.calls[0]?.[0].name).toBe('j3');
});

test('a metric without steps is drawn over time', () => {
  const points = [1, 2, 3].map(second => ({ step: 0, timestamp: second * 1000, value: second }));

  expect(curve(points)).toEqual({ points: [0, 1, 2].map(x => ({ x, y: x + 1 })), axis: 'time, s' });
});

test.each([
  ['/subscriptions/1/resourceGroups/g/providers/M/workspaces/w/computes/cpu', 'cpu'],
  ['/subscriptions/1/resourceGroups/g/providers/M/workspaces/w/environments/e/versions/3', 'e:3'],
  ['azureml:AzureML-sklearn-1.5@latest', 'AzureML-sklearn-1.5@latest'],
  ['azureml://datastores/a/paths/folder/file.csv', 'file.csv']
])('%s is called %s', (id, name) => expect(short(id)).toBe(name));

test('versions tell what has changed', () => {
  expect(difference({ dataUri: 'a', tags: {} }, { dataUri: 'b', tags: {} })).toBe('data uri');
  expect(difference({ dataUri: 'a' }, { dataUri: 'a' })).toBe('—');
  expect(difference(undefined, { dataUri: 'a' })).toBe('');
});
