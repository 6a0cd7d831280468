/** Several runs side by side: what they were given, what they measured, and where they differ. */

import { type ISignal, Signal } from '@lumino/signaling';
import { cell } from '../format';
import type { News } from '../live';
import type { JobModel, Metric, Pool } from './job';
import type { Run } from './rows';

/** Runs that are compared at most: of more, neither columns nor lines can be told apart. */
export const MOST = 12;
/** Milliseconds in which changes are gathered before they are fetched. */
const GATHER = 250;
/** Metrics whose curves are drawn. */
const DRAWN = 24;

type Values<T> = Record<string, T>;

/** One run, as far as it is compared. */
export interface Compared {
  name: string;
  title: string;
  status: string;
  type: string;
  run: Run | undefined;
  /** Which colour, dash and marker it has in every picture. */
  mark: number;
  params: Values<string>;
  metrics: Values<number>;
  inputs: Values<string>;
  tags: Values<string>;
  curves: Map<string, Metric[]>;
  /** Why it cannot be shown; empty when it can. */
  error: string;
}

/** One line of the comparison: a value of each run, undefined where the run has none. */
export interface Line {
  key: string;
  values: (string | number | undefined)[];
  differs: boolean;
  /** Lowest and highest, where all values are numbers. */
  extent: [number, number] | undefined;
}

/** A line of a picture. */
export interface Series {
  name: string;
  mark: number;
  points: { x: number; y: number }[];
}

/** A metric over its steps, one series a run. */
export interface History {
  key: string;
  timed: boolean;
  series: Series[];
}

/** Of a list of names those that can be compared, each once. */
export function comparable(names: string[]): { names: string[]; fault: 'few' | 'many' | '' } {
  const found = [...new Set(names.filter(name => name !== ''))];
  return { names: found, fault: found.length < 2 ? 'few' : found.length > MOST ? 'many' : '' };
}

/** The lines of one part of the runs, in the order of their first occurrence. */
export function lines(runs: Compared[], part: 'params' | 'metrics' | 'inputs' | 'tags'): Line[] {
  const keys = [...new Set(runs.flatMap(run => Object.keys(run[part])))];
  if (part === 'metrics') keys.sort();
  return keys.map(key =>
    line(
      key,
      runs.map(run => run[part][key])
    )
  );
}

/** One line: runs differ where a value is another one or is not there. */
export function line(key: string, values: (string | number | undefined)[]): Line {
  const numbers = values.filter(one => one !== undefined).map(numeric);
  const finite = numbers.filter(one => Number.isFinite(one));
  const all = numbers.length > 0 && numbers.every(one => !Number.isNaN(one)) && finite.length > 0;
  return {
    key,
    values,
    differs: new Set(values.map(one => (one === undefined ? one : String(one)))).size > 1,
    extent: all ? [Math.min(...finite), Math.max(...finite)] : undefined
  };
}

/** A number, or what was written as one; NaN for anything else. */
export function numeric(value: unknown): number {
  if (typeof value === 'number') return value;
  return typeof value === 'string' && value.trim() !== '' ? Number(value) : NaN;
}

/** The metrics that have a history in any run; over steps, else over seconds since the first point. */
export function histories(runs: Compared[]): History[] {
  const long = (run: Compared, key: string): boolean => (run.curves.get(key)?.length ?? 0) > 1;
  const keys = [...new Set(runs.flatMap(run => [...run.curves.keys()]))];
  const drawn = keys.filter(key => runs.some(run => long(run, key))).sort();
  return drawn.slice(0, DRAWN).map(key => {
    const timed = runs.every(run => new Set(run.curves.get(key)?.map(one => one.step)).size < 2);
    const series = runs.map(run => ({ ...named(run), points: points(run, key, timed) }));
    return { key, timed, series: series.filter(one => one.points.length > 0) };
  });
}

function named(run: Compared): { name: string; mark: number } {
  return { name: run.title, mark: run.mark };
}

function points(run: Compared, key: string, timed: boolean): { x: number; y: number }[] {
  const found = run.curves.get(key) ?? [];
  const first = found[0]?.timestamp ?? 0;
  const own = found.map(one => ({
    x: timed ? (one.timestamp - first) / 1000 : one.step,
    y: Number(one.value)
  }));
  if (own.length > 0) return own.sort((one, other) => one.x - other.x);
  const value = run.metrics[key];
  return value === undefined ? [] : [{ x: 0, y: value }];
}

/** The settings that are numbers in every one of some runs and not the same in all: parameters, else inputs. */
export function axes(runs: Compared[]): string[] {
  const keys = [...new Set(runs.flatMap(run => [...Object.keys(run.params), ...Object.keys(run.inputs)]))];
  return keys.filter(key => {
    const values = runs.map(run => setting(run, key));
    return values.every(Number.isFinite) && new Set(values).size > 1;
  });
}

/** A numeric setting of a run. */
export function setting(run: Compared, key: string): number {
  return numeric(run.params[key] ?? run.inputs[key]);
}

/** What a page has of a job, as a run to compare. */
export function compared(model: JobModel, mark: number): Compared {
  const held = model.resource?.properties ?? {};
  const given = (held.inputs ?? {}) as Record<string, { uri?: string; value?: unknown } | undefined>;
  const tags = (held.tags ?? {}) as Record<string, unknown>;
  return {
    name: model.name,
    title: model.title,
    status: model.status,
    type: model.type,
    run: model.run,
    mark,
    params: Object.fromEntries(model.params.map(one => [one.key, one.value])),
    metrics: Object.fromEntries(model.metrics.map(one => [one.key, Number(one.value)])),
    inputs: Object.fromEntries(
      Object.entries(given).map(([key, one]) => [key, cell(one?.uri ?? one?.value)])
    ),
    tags: Object.fromEntries(Object.entries(tags).map(([key, one]) => [key, cell(one)])),
    curves: model.curves,
    error: model.error && !model.resource ? model.error.message : ''
  };
}

/** Titles that tell the runs apart: of several with the same one the names. */
export function distinct(runs: Compared[]): Compared[] {
  const counts = new Map<string, number>();
  for (const run of runs) counts.set(run.title, (counts.get(run.title) ?? 0) + 1);
  return runs.map(run => ((counts.get(run.title) ?? 0) > 1 ? { ...run, title: run.name } : run));
}

/** The runs of a comparison, alive while any of them runs. */
export class CompareModel {
  private readonly _changed = new Signal<this, void>(this);
  private readonly _jobs: { model: JobModel; mark: number }[];
  private readonly _stale = new Set<JobModel>();
  private _timer: ReturnType<typeof setTimeout> | undefined;
  private _visible = false;
  private _disposed = false;

  /**
   * @param names - At most MOST jobs.
   */
  constructor(
    private readonly pool: Pool,
    readonly workspace: string,
    names: string[]
  ) {
    this._jobs = names.slice(0, MOST).map((name, mark) => ({ model: pool.get(workspace, name), mark }));
    for (const { model } of this._jobs) {
      model.changed.connect(this._emit, this);
      this._stale.add(model);
    }
  }

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  get names(): string[] {
    return this._jobs.map(({ model }) => model.name);
  }

  get runs(): Compared[] {
    return distinct(this._jobs.map(({ model, mark }) => compared(model, mark)));
  }

  /** Whether every run has ended. */
  get final(): boolean {
    return this._jobs.every(({ model }) => model.final);
  }

  /** Whether anybody looks: nothing is fetched while nobody does. */
  set visible(value: boolean) {
    this._visible = value;
    if (value) void this._fetch();
  }

  /** Fetch the runs that have not ended anew, or all of them. */
  async refresh(all = false): Promise<void> {
    for (const { model } of this._jobs) if (all || !model.final) this._stale.add(model);
    await this._fetch();
  }

  /** Leave a run out; the others keep their colours. */
  remove(name: string): void {
    const at = this._jobs.findIndex(({ model }) => model.name === name);
    if (at < 0) return;
    const [gone] = this._jobs.splice(at, 1);
    if (gone) this._release(gone.model);
    this._emit();
  }

  /** An event: the runs that it may be about are fetched again. */
  hear(news: News): void {
    if (news.workspace !== this.workspace && !news.everything) return;
    for (const { model } of this._jobs) {
      const named = news.changes.some(({ name }) => name === model.name || name.startsWith(`${model.name}_`));
      const tracked = news.changes.length === 0 && !model.final;
      if (named || tracked || news.everything) this._stale.add(model);
    }
    if (this._visible && this._stale.size > 0) this._timer ??= setTimeout(() => void this._fetch(), GATHER);
  }

  dispose(): void {
    if (this._disposed) return;
    this._disposed = true;
    clearTimeout(this._timer);
    for (const { model } of this._jobs) this._release(model);
    Signal.clearData(this);
  }

  private _release(model: JobModel): void {
    model.changed.disconnect(this._emit, this);
    this._stale.delete(model);
    this.pool.release(model);
  }

  private async _fetch(): Promise<void> {
    clearTimeout(this._timer);
    this._timer = undefined;
    const stale = [...this._stale];
    this._stale.clear();
    await Promise.all(stale.map(model => model.refresh()));
  }

  private _emit(): void {
    if (!this._disposed) this._changed.emit();
  }
}
