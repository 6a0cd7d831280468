/** A job as a page sees it: read from Azure ML's REST, followed while it runs, steered by it. */

import { type ISignal, Signal } from '@lumino/signaling';
import { cell, final } from '../format';
import { aborted, type Page, type Piece, type Resource, type Rest } from '../rest';
import { plain } from './automl';
import { LogText } from './log';
import type { Run } from './rows';

/** Bytes of a log's end that are read first. */
const END = 200_000;
/** Seconds for which the server waits for more of a log. */
const WAIT = 10;
/** Requests of a page that may wait at the same time: a browser has six connections to a server in all. */
const WAITING = 2;
/** Milliseconds between two looks at a log for which there is no waiting. */
const LOOK = 700;
const MLFLOW = 'mlflow/v2.0';
const HISTORY = 'history/v1.0';
/** Curves that are fetched, and points of each. */
export const CURVES = 24;
const POINTS = '2000';

export interface Metric {
  key: string;
  value: number;
  step: number;
  timestamp: number;
}

/** By name; `layer_2` before `layer_10`. */
function named(one: { key: string }, other: { key: string }): number {
  return one.key.localeCompare(other.key, undefined, { numeric: true });
}

interface Tracked {
  run: {
    info?: { run_id: string; experiment_id?: string };
    data?: { metrics?: Metric[]; params?: { key: string; value: string }[] };
  };
}

/** One job. */
export class JobModel {
  resource: Resource | undefined;
  run: Run | undefined;
  metrics: Metric[] = [];
  params: { key: string; value: string }[] = [];
  curves = new Map<string, Metric[]>();
  children: Run[] = [];
  /** Of a sweep or AutoML: the metric of each child that has logged it, by name. */
  values = new Map<string, number>();
  readonly log = new LogText();
  logEnded = false;
  error: Error | undefined;
  private readonly _changed = new Signal<this, void>(this);
  private static _waiting = 0;
  private readonly _viewers = new Set<object>();
  private _following: AbortController | undefined;
  private _refreshing = false;
  private _again = false;
  private _experiment = '';
  private _offset: number | undefined;
  private _disposed = false;

  constructor(
    readonly rest: Rest,
    readonly workspace: string,
    readonly name: string
  ) {}

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  get status(): string {
    return cell(this.resource?.properties.status);
  }

  get type(): string {
    return cell(this.resource?.properties.jobType);
  }

  get title(): string {
    return cell(this.resource?.properties.displayName) || this.name;
  }

  get final(): boolean {
    return final(this.status);
  }

  /** Say whether a viewer looks; a log is followed only while one does. */
  seen(viewer: object, visible: boolean): void {
    const before = this._viewers.size;
    if (visible) this._viewers.add(viewer);
    else this._viewers.delete(viewer);
    if (before === 0 && this._viewers.size > 0) void this.refresh();
    if (this._viewers.size === 0) this._following?.abort();
  }

  /** Fetch everything anew that can have changed. */
  async refresh(): Promise<void> {
    if (this._refreshing) {
      this._again = true;
      return;
    }
    this._refreshing = true;
    try {
      do {
        this._again = false;
        await this._fetch();
      } while (this._again && !this._disposed);
      this.error = undefined;
    } catch (error) {
      if (!aborted(error)) this.error = error as Error;
    } finally {
      this._refreshing = false;
    }
    this._emit();
    if (this._viewers.size > 0 && !this._following) void this._follow();
  }

  /** Ask the service to cancel it; works while the kernel is busy. */
  async cancel(): Promise<void> {
    await this.rest.arm(this.workspace, `jobs/${this.name}/cancel`, { method: 'POST' });
    await this.refresh();
  }

  /** Archive or restore it. */
  async archive(archived: boolean): Promise<void> {
    const body = { properties: { isArchived: archived } };
    await this.rest.arm(this.workspace, `jobs/${this.name}`, { method: 'PATCH', body });
    await this.refresh();
  }

  dispose(): void {
    this._disposed = true;
    this._following?.abort();
    Signal.clearData(this);
  }

  private async _fetch(): Promise<void> {
    const [resource, run, tracked] = await Promise.all([
      this.rest.arm<Resource>(this.workspace, `jobs/${this.name}`),
      this.rest.api<Run>(this.workspace, HISTORY, `runs/${this.name}`),
      this._tracked()
    ]);
    Object.assign(this, { resource, run });
    const data = tracked?.run.data;
    this.metrics = (data?.metrics ?? []).sort(named);
    this.params = (data?.params ?? []).sort(named);
    this._experiment = tracked?.run.info?.experiment_id ?? '';
    this._emit();
    await Promise.all([this._curves(), this._children()]);
  }

  /** What MLflow knows of it; a job that never ran has no run. */
  private async _tracked(): Promise<Tracked | undefined> {
    try {
      return await this.rest.api<Tracked>(this.workspace, MLFLOW, 'api/2.0/mlflow/runs/get', {
        query: { run_id: this.name }
      });
    } catch (error) {
      if ((error as { status?: number }).status === 404) return undefined;
      throw error;
    }
  }

  private async _curves(): Promise<void> {
    const wanted = this.metrics.filter(one => one.step > 0 || this.curves.has(one.key)).slice(0, CURVES);
    const stale = wanted.filter(one => {
      const last = this.curves.get(one.key)?.at(-1);
      return last?.step !== one.step || last.timestamp !== one.timestamp;
    });
    await Promise.all(
      stale.map(async one => {
        const path = 'api/2.0/mlflow/metrics/get-history';
        const query = { run_id: this.name, metric_key: one.key, max_results: POINTS };
        const found = await this.rest.api<{ metrics?: Metric[] }>(this.workspace, MLFLOW, path, { query });
        this.curves.set(one.key, found.metrics ?? []);
      })
    );
  }

  private async _children(): Promise<void> {
    if (this.type === 'Command' || this.type === 'Spark') return;
    const path = `runs/${this.name}/children`;
    const page = await this.rest.api<Page<Run>>(this.workspace, HISTORY, path, { query: { $top: '1000' } });
    this.children = page.value;
    if (this.type === 'Sweep' || this.type === 'AutoML') await this._values();
  }

  /** What each child has logged of the metric that it is all about. */
  private async _values(): Promise<void> {
    const held = this.resource?.properties;
    const objective = (held?.objective ?? held?.taskDetails) as { primaryMetric?: string } | undefined;
    if (!this._experiment || !objective?.primaryMetric) return;
    const found = await this.rest.api<{ runs?: Tracked['run'][] }>(
      this.workspace,
      MLFLOW,
      'api/2.0/mlflow/runs/search',
      {
        method: 'POST',
        body: {
          experiment_ids: [this._experiment],
          filter: `tags.mlflow.parentRunId = '${this.name}'`,
          max_results: 1000
        }
      }
    );
    const wanted = plain(objective.primaryMetric);
    for (const run of found.runs ?? []) {
      const value = run.data?.metrics?.find(one => plain(one.key) === wanted)?.value;
      if (run.info && value !== undefined) this.values.set(run.info.run_id, Number(value));
    }
  }

  /** Read the log to its end, and wait for more while the job runs and somebody looks. */
  private async _follow(): Promise<void> {
    const abort = new AbortController();
    this._following = abort;
    try {
      while (!abort.signal.aborted && !this.logEnded) {
        const begun = this._offset !== undefined;
        const piece = await this._piece(begun, abort.signal);
        if (!begun || piece.offset !== this._offset) this.log.reset(piece.offset);
        this.log.append(piece.text);
        this._offset = piece.next;
        this.logEnded = piece.final && piece.next >= piece.size;
        this._emit();
        if (this._viewers.size === 0) break;
      }
    } catch (error) {
      if (!abort.signal.aborted && !aborted(error)) this.error = error as Error;
      this._emit();
    } finally {
      if (this._following === abort) this._following = undefined;
    }
  }

  /** The next piece of the log: waited for where a connection is free, else looked for now and then. */
  private async _piece(begun: boolean, signal: AbortSignal): Promise<Piece> {
    const given = { offset: this._offset ?? -END, signal };
    if (!begun) return this.rest.log(this.workspace, this.name, given);
    if (JobModel._waiting >= WAITING) {
      await new Promise(resolve => setTimeout(resolve, LOOK));
      return this.rest.log(this.workspace, this.name, given);
    }
    JobModel._waiting += 1;
    try {
      return await this.rest.log(this.workspace, this.name, { ...given, wait: WAIT });
    } finally {
      JobModel._waiting -= 1;
    }
  }

  private _emit(): void {
    if (!this._disposed) this._changed.emit();
  }
}

/** The jobs of a page: whoever shows the same one shares it. */
export class Pool {
  private readonly held = new Map<string, { model: JobModel; users: number }>();

  constructor(private readonly rest: Rest) {}

  /** The model of a job; each `get` needs one `release`. */
  get(workspace: string, name: string): JobModel {
    const key = `${workspace}\n${name}`;
    let found = this.held.get(key);
    if (!found) {
      found = { model: new JobModel(this.rest, workspace, name), users: 0 };
      this.held.set(key, found);
    }
    found.users += 1;
    return found.model;
  }

  release(model: JobModel): void {
    const key = `${model.workspace}\n${model.name}`;
    const found = this.held.get(key);
    if (!found || found.model !== model) return;
    found.users -= 1;
    if (found.users > 0) return;
    this.held.delete(key);
    model.dispose();
  }
}
