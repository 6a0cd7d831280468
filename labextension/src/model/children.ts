/** What stands below a job: the trials of a sweep, the steps of a pipeline as a graph. */

import { cell } from '../format';
import type { Run } from './rows';

/** A trial: a point of the search space and what came of it. */
export interface Trial {
  number: number;
  name: string;
  title: string;
  status: string;
  point: Record<string, unknown>;
  value: number | undefined;
  run: Run;
}

/** A sweep's trials and what they are measured by. */
export interface Sweep {
  metric: string;
  goal: 'minimize' | 'maximize';
  trials: Trial[];
  best: string;
  planned: number | undefined;
}

/** A step of a pipeline; `run` is empty while it has not begun. */
export interface Node {
  name: string;
  type: string;
  status: string;
  run: string;
  /** How many runs it has had, as the body of a loop. */
  runs: number;
  reused: boolean;
  layer: number;
  place: number;
}

/** A pipeline's steps, and which of them needs which. */
export interface Graph {
  nodes: Node[];
  edges: [string, string][];
}

/** The searched parameters of a trial. */
export function point(run: Run): Record<string, unknown> {
  try {
    const found: unknown = JSON.parse(run.properties?.hyperparameters ?? run.tags?.hyperparameters ?? '{}');
    return found && typeof found === 'object' && !Array.isArray(found)
      ? (found as Record<string, unknown>)
      : {};
  } catch {
    return {};
  }
}

/**
 * The trials of a sweep, by their number.
 *
 * @param held - ARM's properties of the sweep.
 * @param runs - Its children.
 * @param values - The metric of each child that has logged it, by name.
 */
export function sweep(held: Record<string, unknown>, runs: Run[], values: Map<string, number>): Sweep {
  const objective = (held.objective ?? {}) as { primaryMetric?: string; goal?: string };
  const own = (held.properties ?? {}) as { best_child_run_id?: string };
  const limits = (held.limits ?? {}) as { maxTotalTrials?: number };
  const trials = runs.map((run, at): Trial => {
    const last = run.runId.slice(run.runId.lastIndexOf('_') + 1);
    return {
      number: /^\d+$/.test(last) ? Number(last) : runs.length - 1 - at,
      name: run.runId,
      title: run.displayName ?? run.runId,
      status: run.status,
      point: point(run),
      value: values.get(run.runId),
      run
    };
  });
  return {
    metric: objective.primaryMetric ?? '',
    goal: objective.goal?.toLowerCase() === 'maximize' ? 'maximize' : 'minimize',
    trials: trials.sort((one, other) => one.number - other.number),
    best: own.best_child_run_id ?? '',
    planned: limits.maxTotalTrials
  };
}

/** The best value up to each trial that has one. */
export function bestSoFar(found: Sweep): { x: number; y: number }[] {
  const better = found.goal === 'maximize' ? Math.max : Math.min;
  let best: number | undefined;
  return found.trials.flatMap(trial => {
    if (trial.value === undefined || Number.isNaN(trial.value)) return [];
    best = best === undefined ? trial.value : better(best, trial.value);
    return [{ x: trial.number, y: best }];
  });
}

const NEEDS = /\$\{\{\s*parent\.jobs\.([^.}\s]+)\./g;

/**
 * The steps of a pipeline in layers: each below all that it needs.
 *
 * @param held - ARM's properties of the pipeline.
 * @param runs - Its children.
 */
export function graph(held: Record<string, unknown>, runs: Run[]): Graph {
  const jobs = (held.jobs ?? {}) as Record<string, Record<string, unknown>>;
  const names = Object.keys(jobs);
  const edges = names.flatMap(name =>
    [...needs(jobs[name] ?? {})]
      .filter(other => other !== name && names.includes(other))
      .map((other): [string, string] => [other, name])
  );
  const layers = layered(names, edges);
  const filled = new Map<number, number>();
  const nodes = names.map((name): Node => {
    const own = runs.filter(run => step(run) === name);
    const latest = own[0];
    const layer = layers.get(name) ?? 0;
    const place = filled.get(layer) ?? 0;
    filled.set(layer, place + 1);
    return {
      name,
      type: cell(jobs[name]?.type) || 'command',
      status: latest?.status ?? 'NotStarted',
      run: latest?.runId ?? '',
      runs: own.length,
      reused: latest?.properties?.['azureml.isreused']?.toLowerCase() === 'true',
      layer,
      place
    };
  });
  return { nodes, edges };
}

function step(run: Run): string {
  return run.properties?.StepName ?? run.displayName ?? run.runId;
}

/** The steps that a step names, wherever in its inputs, condition or order. */
function needs(job: Record<string, unknown>): Set<string> {
  const text = JSON.stringify(job);
  return new Set([...text.matchAll(NEEDS)].map(match => match[1] ?? ''));
}

/** The longest way from the beginning to each; what goes in circles stays where it is met first. */
function layered(names: string[], edges: [string, string][]): Map<string, number> {
  const found = new Map(names.map(name => [name, 0]));
  for (let round = 0; round < names.length; round += 1) {
    let moved = false;
    for (const [from, to] of edges) {
      const least = (found.get(from) ?? 0) + 1;
      if ((found.get(to) ?? 0) < least && least < names.length) {
        found.set(to, least);
        moved = true;
      }
    }
    if (!moved) break;
  }
  return found;
}
