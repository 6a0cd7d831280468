import { render, type VNode } from 'preact';
import { describe, expect, test, vi } from 'vitest';
import { board, higher, task } from '../src/model/automl';
import { JobModel } from '../src/model/job';
import type { Run } from '../src/model/rows';
import type { Rest } from '../src/rest';
import { Leaderboard, TaskDetails } from '../src/views/automl';
import { JobBody, tabTitle } from '../src/views/job';

const EVIL = '<img src=x onerror="window.harmed=1">';
const DATA = '/subscriptions/s/resourceGroups/g/providers/M/workspaces/w/data/iris/versions/2';

/** An AutoML job as Azure tells of it, api-version 2024-10-01-preview. */
const HELD = {
  jobType: 'AutoML',
  status: 'Running',
  displayName: 'flowers',
  taskDetails: {
    taskType: 'Classification',
    primaryMetric: 'AUCWeighted',
    targetColumnName: 'species',
    trainingData: { jobInputType: 'mltable', uri: DATA },
    validationData: null,
    limitSettings: { maxTrials: 5, maxConcurrentTrials: 2, timeout: 'PT30M', enableEarlyTermination: true }
  }
};

/** A child as run history tells of it: numbers are texts. */
function child(number: number, algorithm: string, score?: string, more: Partial<Run> = {}): Run {
  const properties = {
    ...{ pipeline_id: `p${number}`, iteration: String(number), primary_metric: 'AUC_weighted' },
    ...{ goal: 'AUC_weighted_max', run_preprocessor: 'MaxAbsScaler', run_algorithm: algorithm },
    ...(score !== undefined && { score })
  };
  return {
    runId: `flowers_${number}`,
    status: 'Completed',
    startTimeUtc: '2026-01-01T00:00:00Z',
    endTimeUtc: '2026-01-01T00:00:12Z',
    properties,
    ...more
  };
}

const SETUP: Run = { runId: 'flowers_setup', status: 'Completed', properties: {} };
/** The newest first, as run history has them. */
const RUNS = [
  child(3, 'LightGBM', undefined, { status: 'Running', endTimeUtc: null }),
  child(2, 'SVM', 'nan', { status: 'Failed' }),
  child(1, 'LightGBM', '0.91'),
  child(0, 'LogisticRegression', '0.87'),
  SETUP
];

function drawn(node: VNode): HTMLElement {
  const box = document.createElement('div');
  render(node, box);
  return box;
}

function table(box: HTMLElement): string[][] {
  const rows = box.querySelector('table')?.querySelectorAll('tbody tr') ?? [];
  return [...rows].map(row => [...row.querySelectorAll('td')].map(one => one.textContent ?? ''));
}

describe('more is better', () => {
  test.each([
    ['AUC_weighted', true],
    ['AUCWeighted', true],
    ['accuracy', true],
    ['norm_macro_recall', true],
    ['average_precision_score_weighted', true],
    ['MeanAveragePrecision', true],
    ['r2_score', true],
    ['R2Score', true],
    ['spearman_correlation', true],
    ['IOU', true],
    ['normalized_root_mean_squared_error', false],
    ['NormalizedMeanAbsoluteError', false],
    ['log_loss', false],
    ['mean_absolute_percentage_error', false],
    ['mape', false],
    ['mae', false],
    ['mse', false],
    ['rmse', false]
  ])('of %s: %s', (metric, found) => expect(higher(metric)).toBe(found));

  test.each([
    ['my_score', 'my_score_min', false],
    ['my_error', 'my_error_max', true],
    ['accuracy', 'accuracy', true]
  ])('of %s, whose run says %s: %s', (metric, goal, found) => expect(higher(metric, goal)).toBe(found));
});

describe('a leaderboard', () => {
  const found = board(HELD, undefined, RUNS);

  test('has the models, and apart from them what prepares the work', () => {
    expect(found.trials.map(one => [one.number, one.algorithm, one.value])).toEqual([
      [0, 'MaxAbsScaler, LogisticRegression', 0.87],
      [1, 'MaxAbsScaler, LightGBM', 0.91],
      [2, 'MaxAbsScaler, SVM', undefined],
      [3, 'MaxAbsScaler, LightGBM', undefined]
    ]);
    expect(found.others.map(one => one.runId)).toEqual(['flowers_setup']);
    expect([found.metric, found.goal, found.planned]).toEqual(['AUC_weighted', 'maximize', 5]);
  });

  test.each([
    ['nobody, so it is the best one measured', undefined, {}, 'flowers_1'],
    ['a tag of the run', { tags: { automl_best_child_run_id: 'flowers_0' } }, {}, 'flowers_0'],
    ['a property of the job', undefined, { best_child_run_id: 'flowers_0' }, 'flowers_0'],
    ['a property of the run', { properties: { best_child_by_primary_metric: 'flowers_0' } }, {}, 'flowers_0'],
    [
      'the story of the best',
      {
        properties: {
          best_child_by_primary_metric: '{"run_id": ["flowers_1", "flowers_0"], "final": [false, true]}'
        }
      },
      {},
      'flowers_0'
    ],
    ['a broken story', { properties: { best_child_by_primary_metric: '{"run_id' } }, {}, 'flowers_1']
  ])('knows the best from %s', (_, own, properties, best) => {
    const run = own && ({ runId: 'flowers', status: 'Completed', ...own } as Run);
    expect(board({ ...HELD, properties }, run, RUNS).best).toBe(best);
  });

  test('of an error has the smallest first', () => {
    const errors = [child(0, 'A', '0.3'), child(1, 'B', '0.1'), child(2, 'C', '0.2')].map(run => ({
      ...run,
      properties: { ...run.properties, goal: '', primary_metric: 'normalized_root_mean_squared_error' }
    }));
    const ranked = board({}, undefined, errors);

    expect([ranked.goal, ranked.best]).toEqual(['minimize', 'flowers_1']);
    const names = table(drawn(<Leaderboard found={ranked} open={vi.fn()} />)).map(row => row[1]);
    expect(names).toEqual(['MaxAbsScaler, B', 'MaxAbsScaler, C', 'MaxAbsScaler, A']);
  });

  test('takes what was logged where a run does not have its score', () => {
    const runs = [child(0, 'A'), child(1, 'B', '')];
    const values = new Map([
      ['flowers_0', 0.5],
      ['flowers_1', 0.75]
    ]);

    expect(board(HELD, undefined, runs, values).trials.map(one => one.value)).toEqual([0.5, 0.75]);
  });

  test('is ranked, those without a value last and without a rank', () => {
    const open = vi.fn();
    const box = drawn(<Leaderboard found={found} open={open} />);

    const shown = table(box);
    expect(shown.slice(0, 3)).toEqual([
      ['1', 'MaxAbsScaler, LightGBM', '0.91', '12 s', '✓Completed', '★ best'],
      ['2', 'MaxAbsScaler, LogisticRegression', '0.87', '12 s', '✓Completed', ''],
      ['', 'MaxAbsScaler, SVM', '', '12 s', '✗Failed', '']
    ]);
    expect(shown[3]?.[4]).toBe('▶Running');
    expect(box.textContent).toContain('2 of at most 5 models completed; of AUC_weighted, higher is better.');
    expect(box.querySelector('figcaption')?.textContent).toContain('AUC_weighted, best so far');
    expect(box.querySelector('summary')?.textContent).toBe('Other runs: 1');
    (box.querySelector('tbody button') as HTMLButtonElement).click();
    expect(open).toHaveBeenCalledWith('flowers_1');
  });

  test('does not count what is made of the models at the end', () => {
    const ended = child(1, 'VotingEnsemble', '0.9');
    ended.properties = { ...ended.properties, run_preprocessor: '' };
    const limited = { ...HELD, taskDetails: { ...HELD.taskDetails, limitSettings: { maxTrials: 1 } } };
    const box = drawn(
      <Leaderboard found={board(limited, undefined, [child(0, 'A', '0.8'), ended])} open={vi.fn()} />
    );

    expect(box.textContent).toContain('1 of at most 1 models completed');
    expect(table(box)[0]?.[1]).toBe('VotingEnsemble');
  });

  test('of nothing yet says so, and shows what goes on', () => {
    const box = drawn(<Leaderboard found={board(HELD, undefined, [SETUP])} open={vi.fn()} />);

    expect(box.textContent).toContain('No model has been tried yet.');
    expect(box.textContent).toContain('flowers_setup');
  });

  test('nothing in it becomes markup', () => {
    const run = { ...child(0, EVIL, '0.5'), runId: EVIL, displayName: EVIL, status: EVIL };
    const evil = board({}, undefined, [{ ...run, properties: { ...run.properties, primary_metric: EVIL } }]);
    const box = drawn(<Leaderboard found={evil} open={vi.fn()} />);

    expect(box.querySelectorAll('img, script')).toHaveLength(0);
    expect(box.textContent).toContain('<img');
  });
});

describe('the task', () => {
  test('is told with its limits', () => {
    expect(task(HELD)).toEqual({
      type: 'Classification',
      target: 'species',
      metric: 'AUCWeighted',
      training: DATA,
      validation: '',
      limits: [
        ['maxTrials', '5'],
        ['maxConcurrentTrials', '2'],
        ['timeout', 'PT30M'],
        ['enableEarlyTermination', 'yes']
      ]
    });
    expect(task({}).limits).toEqual([]);
  });

  test.each([
    [DATA, 'iris:2'],
    ['azureml:iris:2', 'iris:2']
  ])('links to the training data %s', (uri, label) => {
    const show = vi.fn();
    const held = { taskDetails: { ...HELD.taskDetails, trainingData: { uri } } };
    const box = drawn(<TaskDetails held={held} show={show} />);
    const link = box.querySelector('button') as HTMLButtonElement;

    expect(link.textContent).toBe(label);
    link.click();
    expect(show).toHaveBeenCalledWith('data', 'iris');
  });

  test('tells an address that is no asset', () => {
    const held = { taskDetails: { trainingData: { uri: 'azureml://datastores/raw/paths/iris/' } } };
    const box = drawn(<TaskDetails held={held} show={vi.fn()} />);

    expect(box.querySelector('button')).toBeNull();
    expect(box.querySelector('dd')?.textContent).toContain('iris');
  });
});

describe('the page of an AutoML job', () => {
  const ACTIONS = Object.fromEntries(
    ['open', 'show', 'cancel', 'rerun', 'archive', 'code', 'insert'].map(name => [name, vi.fn()])
  ) as unknown as Parameters<typeof JobBody>[0]['actions'];

  function served(): JobModel {
    const answers: Record<string, unknown> = {
      'runs/flowers': { runId: 'flowers', status: 'Running' },
      'runs/flowers/children': { value: [child(0, 'LightGBM'), child(1, 'SVM')] },
      'api/2.0/mlflow/runs/get': { run: { info: { run_id: 'flowers', experiment_id: '7' } } },
      'api/2.0/mlflow/runs/search': {
        runs: [
          { info: { run_id: 'flowers_0' }, data: { metrics: [{ key: 'AUC_weighted', value: 0.6 }] } },
          { info: { run_id: 'flowers_1' }, data: { metrics: [{ key: 'accuracy', value: 0.9 }] } }
        ]
      }
    };
    const rest = {
      arm: () => Promise.resolve({ id: '/w/jobs/flowers', name: 'flowers', properties: HELD }),
      api: (_: string, __: string, path: string) => Promise.resolve(answers[path])
    };
    return new JobModel(rest as unknown as Rest, '/w', 'flowers');
  }

  test('has the leaderboard, with what the models have logged of the metric, however it is written', async () => {
    const model = served();
    await model.refresh();
    const box = drawn(
      <JobBody model={model} tab="children" source={undefined} files={undefined} actions={ACTIONS} />
    );

    expect(tabTitle('children', model)).toBe('Models');
    expect(table(box).map(row => row.slice(0, 3))).toEqual([
      ['1', 'MaxAbsScaler, LightGBM', '0.6'],
      ['', 'MaxAbsScaler, SVM', '']
    ]);
  });

  test('tells its task in the overview', async () => {
    const model = served();
    await model.refresh();
    const box = drawn(
      <JobBody model={model} tab="overview" source={undefined} files={undefined} actions={ACTIONS} />
    );

    expect(box.textContent).toContain('target columnspecies');
    expect(box.textContent).toContain('max trials5');
  });
});
