/** What AutoML has tried: candidates ranked by the metric that it is all about. */

import { cell } from '../format';
import type { Sweep, Trial } from './children';
import type { Run } from './rows';

/** A model that was tried: how the data were prepared, and what learned from them. */
export interface Candidate extends Trial {
  algorithm: string;
}

/** The candidates; those without a place among them, such as the preparation, are `others`. */
export interface Board extends Sweep {
  trials: Candidate[];
  others: Run[];
}

/** What AutoML is to do. */
export interface Task {
  type: string;
  target: string;
  metric: string;
  training: string;
  validation: string;
  limits: [string, string][];
}

/** Of these less is better. Source: azureml-automl-core, the `_min` of a run's `goal`. */
const LOWER = /error|loss|deviation|perplexity|rmse|mape|^m[as]e$/i;
/** Runs that prepare, explain or distribute the work. */
const HELPERS = /_(setup|featurize|feature_?sweeping|preparation|worker_\d+|ModelExplain\w*|DataDriftRun)$/i;

/** The name of a metric as both `AUCWeighted` and `AUC_weighted` are written here. */
export function plain(metric: string): string {
  return metric.replaceAll('_', '').toLowerCase();
}

/** Whether more of a metric is better; `goal` is what a run says of it, such as `AUC_weighted_max`. */
export function higher(metric: string, goal = ''): boolean {
  const said = /_?(max|min)$/i.exec(goal)?.[1]?.toLowerCase();
  return said ? said === 'max' : !LOWER.test(metric);
}

/**
 * The candidates of an AutoML job.
 *
 * @param held - ARM's properties of the job.
 * @param own - Its run.
 * @param runs - Its children.
 * @param values - The metric of each child that has logged it, by name.
 */
export function board(
  held: Record<string, unknown>,
  own: Run | undefined,
  runs: Run[],
  values: Map<string, number> = new Map()
): Board {
  const found = [...runs].sort((one, other) => order(one) - order(other));
  const trials = found.filter(tried).map((run, at) => candidate(run, at, values));
  const says = (key: string): string => found.map(run => run.properties?.[key]).find(Boolean) ?? '';
  const metric = says('primary_metric') || own?.properties?.primary_metric || task(held).metric;
  const goal = higher(metric, says('goal')) ? 'maximize' : 'minimize';
  const board: Board = {
    metric,
    goal,
    trials,
    others: found.filter(run => !tried(run)),
    best: '',
    planned: limit(held)
  };
  return { ...board, best: told(held, own) || leader(board) };
}

/** What an AutoML job is to do. */
export function task(held: Record<string, unknown>): Task {
  const details = (held.taskDetails ?? {}) as Record<string, unknown>;
  const uri = (name: string): string => cell((details[name] as { uri?: string } | null | undefined)?.uri);
  const limits = Object.entries((details.limitSettings ?? {}) as Record<string, unknown>);
  return {
    type: cell(details.taskType),
    target: cell(details.targetColumnName),
    metric: cell(details.primaryMetric),
    training: uri('trainingData'),
    validation: uri('validationData'),
    limits: limits
      .filter(([, value]) => value !== null && value !== undefined)
      .map(([name, value]) => [name, cell(value)])
  };
}

function candidate(run: Run, at: number, values: Map<string, number>): Candidate {
  const held = run.properties ?? {};
  const score = held.score === undefined || held.score === '' ? NaN : Number(held.score);
  const value = Number.isFinite(score) ? score : values.get(run.runId);
  const words = [held.run_preprocessor, held.run_algorithm ?? held.model_name];
  return {
    number: number(run) ?? at,
    name: run.runId,
    title: run.displayName ?? run.runId,
    status: run.status,
    point: {},
    value: Number.isFinite(value) ? value : undefined,
    algorithm: words.filter(Boolean).join(', '),
    run
  };
}

/** Whether a run is a candidate, and no part of the work around them. */
function tried(run: Run): boolean {
  const held = run.properties ?? {};
  if (held.run_algorithm || held.pipeline_id || held.score) return true;
  return !HELPERS.test(run.runId);
}

function number(run: Run): number | undefined {
  const said = run.properties?.iteration ?? /_(\d+)$/.exec(run.runId)?.[1];
  return said !== undefined && /^\d+$/.test(said) ? Number(said) : undefined;
}

function order(run: Run): number {
  return number(run) ?? Date.parse(run.createdUtc ?? '');
}

function limit(held: Record<string, unknown>): number | undefined {
  const details = (held.taskDetails ?? {}) as { limitSettings?: { maxTrials?: number } | null };
  return details.limitSettings?.maxTrials;
}

/** The best one as the service names it, in one of the places in which it does. */
function told(held: Record<string, unknown>, own: Run | undefined): string {
  const arm = (held.properties ?? {}) as Record<string, string | undefined>;
  const all = { ...arm, ...own?.properties, ...own?.tags };
  return (
    all.automl_best_child_run_id ?? all.best_child_run_id ?? last(all.best_child_by_primary_metric) ?? ''
  );
}

/** The name itself, or the last one of the story of the best: `{"run_id": [...], "metric_value": [...]}`. */
function last(text: string | undefined): string | undefined {
  if (!text?.startsWith('{')) return text;
  try {
    return (JSON.parse(text) as { run_id?: string[] }).run_id?.at(-1);
  } catch {
    return undefined;
  }
}

/** The best of what has been measured, while the service has not said. */
function leader({ trials, goal }: Sweep): string {
  const sign = goal === 'maximize' ? 1 : -1;
  const measured = trials.filter(one => one.value !== undefined && one.status === 'Completed');
  const best = measured.reduce<Trial | undefined>(
    (found, one) => (!found || sign * ((one.value ?? 0) - (found.value ?? 0)) > 0 ? one : found),
    undefined
  );
  return best?.name ?? '';
}
