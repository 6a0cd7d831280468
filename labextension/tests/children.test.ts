import { describe, expect, test } from 'vitest';
import { bestSoFar, graph, sweep } from '../src/model/children';
import type { Run } from '../src/model/rows';
import { scale } from '../src/views/parallel';
import { ranked } from '../src/views/sweep';

function trial(number: number, lr: number, status = 'Completed'): Run {
  return { runId: `s_${number}`, status, properties: { hyperparameters: JSON.stringify({ lr }) } };
}

const HELD = {
  objective: { primaryMetric: 'loss', goal: 'minimize' },
  limits: { maxTotalTrials: 5 },
  properties: { best_child_run_id: 's_2' }
};
const RUNS = [trial(3, 0.4, 'Running'), trial(2, 0.1), trial(1, 0.3), trial(0, 0.2)];
const VALUES = new Map([
  ['s_0', 2],
  ['s_1', 3],
  ['s_2', 1]
]);

describe('a sweep', () => {
  const found = sweep(HELD, RUNS, VALUES);

  test('has its trials by number, with what they searched and measured', () => {
    expect(found.trials.map(one => [one.number, one.point.lr, one.value])).toEqual([
      [0, 0.2, 2],
      [1, 0.3, 3],
      [2, 0.1, 1],
      [3, 0.4, undefined]
    ]);
    expect([found.best, found.planned, found.goal]).toEqual(['s_2', 5, 'minimize']);
  });

  test('its best so far never gets worse', () => {
    expect(bestSoFar(found).map(one => one.y)).toEqual([2, 2, 1]);
    expect(bestSoFar({ ...found, goal: 'maximize' }).map(one => one.y)).toEqual([2, 3, 3]);
  });

  test('is ranked by its goal, trials without a value last', () => {
    expect(ranked(found).map(one => one.name)).toEqual(['s_2', 's_0', 's_1', 's_3']);
    expect(ranked({ ...found, goal: 'maximize' }).map(one => one.name)).toEqual(['s_1', 's_0', 's_2', 's_3']);
  });

  test('odd parameters do not stop it', () => {
    const odd: Run = { runId: 'x', status: 'Completed', properties: { hyperparameters: '{not json' } };
    expect(sweep({}, [odd], new Map()).trials[0]?.point).toEqual({});
  });
});

describe('an axis', () => {
  test('of numbers goes from the lowest to the highest', () => {
    const found = scale([2, 4, 3]);
    expect([found.low, found.high, found.place(2), found.place(3), found.place(4)]).toEqual([
      '2',
      '4',
      0,
      0.5,
      1
    ]);
  });

  test('over many powers of ten is logarithmic', () => {
    expect(scale([0.001, 0.1]).place(0.01)).toBeCloseTo(0.5);
  });

  test('of words has a place for each', () => {
    const found = scale(['relu', 'tanh', 'gelu']);
    expect(['gelu', 'relu', 'tanh'].map(found.place)).toEqual([0, 0.5, 1]);
  });

  test('of one value is in the middle', () => {
    expect(scale([7, 7]).place(7)).toBe(0.5);
    expect(scale(['a']).place('a')).toBe(0.5);
  });
});

describe('a pipeline', () => {
  const held = {
    jobs: {
      evaluate: { type: 'command', inputs: { model: { value: '${{parent.jobs.train.outputs.model}}' } } },
      prep: { type: 'command' },
      train: {
        type: 'sweep',
        inputs: { a: { value: '${{parent.jobs.prep.outputs.data}}' }, b: { value: '${{parent.inputs.lr}}' } }
      }
    }
  };
  const runs: Run[] = [
    { runId: 'p_train', status: 'Running', properties: { StepName: 'train' } },
    { runId: 'p_prep', status: 'Completed', properties: { StepName: 'prep', 'azureml.isreused': 'true' } }
  ];
  const found = graph(held, runs);

  test('has each step below what it needs', () => {
    expect(Object.fromEntries(found.nodes.map(one => [one.name, one.layer]))).toEqual({
      prep: 0,
      train: 1,
      evaluate: 2
    });
    expect(found.edges).toEqual([
      ['train', 'evaluate'],
      ['prep', 'train']
    ]);
  });

  test('has the state of each run, and of what has not begun', () => {
    expect(found.nodes.map(one => [one.name, one.status, one.run, one.reused])).toEqual([
      ['evaluate', 'NotStarted', '', false],
      ['prep', 'Completed', 'p_prep', true],
      ['train', 'Running', 'p_train', false]
    ]);
  });

  test('in a circle still ends', () => {
    const circle = {
      jobs: {
        a: { inputs: { x: '${{parent.jobs.b.outputs.y}}' } },
        b: { inputs: { x: '${{parent.jobs.a.outputs.y}}' } }
      }
    };
    expect(graph(circle, []).nodes).toHaveLength(2);
  });
});
