/** What Azure Monitor tells of an online endpoint's last hour: requests, errors and latencies, minute by minute. */

import { type ISignal, Signal } from '@lumino/signaling';
import type { Rest } from '../rest';
import type { Series } from './compare';
import { Poll } from './poll';

const API_VERSION = '2023-10-01';
const BELOW = 'providers/Microsoft.Insights/metrics';
/** Source: supported metrics of Microsoft.MachineLearningServices/workspaces/onlineEndpoints. */
const REQUESTS = 'RequestsPerMinute';
export const PERCENTILES = ['P50', 'P90', 'P99'] as const;
const LATENCY = 'RequestLatency_';
/** Of this machine alone: requests that took at most so many milliseconds, cumulative as in Prometheus. */
const BUCKETS = 'RequestLatencyBucket';
/** Series of one answer; Azure's own default is ten. */
const MOST = 200;
const MINUTE = 60_000;
/** Minutes that are shown, up to this one. */
const SHOWN = 60;
/** Milliseconds between two looks: Azure's figures come by the minute. */
const LOOK = { LOCAL: 5000, AZURE: 60_000 };

type Percentile = (typeof PERCENTILES)[number];

/** A metric, as Azure Monitor answers. Source: Microsoft.Insights/metrics, api-version 2023-10-01. */
interface Metric {
  name: { value: string };
  timeseries?: {
    metadatavalues?: { name: { value: string }; value: string }[];
    data?: { timeStamp: string; average?: number; total?: number }[];
  }[];
}

/** One value of a metric, with the dimensions that it was asked for; the minute counts from now, 0 and below. */
interface Value {
  metric: string;
  deployment: string;
  /** Such as `2xx`. */
  status: string;
  /** Upper end of a bucket in milliseconds. */
  le: number;
  minute: number;
  value: number;
}

/** How a deployment did; latencies in milliseconds, undefined where nothing was answered. */
export interface Figures {
  deployment: string;
  requests: number;
  /** Those that were answered with 4xx or 5xx. */
  errors: number;
  latency: Record<Percentile, number | undefined>;
}

/** How many requests took longer than `from` and at most `to` milliseconds. */
export interface Bar {
  from: number;
  to: number;
  count: number;
}

export class MeasuresModel {
  /** Whose pictures are drawn; empty for all together. */
  deployment = '';
  error: Error | undefined;
  private values: Value[] | undefined;
  private readonly _changed = new Signal<this, void>(this);
  private readonly _poll: Poll;

  /**
   * @param path - Of the endpoint below its workspace.
   * @param place - LOCAL or AZURE.
   */
  constructor(
    private readonly rest: Rest,
    private readonly workspace: string,
    private readonly path: string,
    private readonly place: string,
    private readonly now: () => number = Date.now
  ) {
    this._poll = new Poll(place === 'LOCAL' ? LOOK.LOCAL : LOOK.AZURE, () => this._look());
  }

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** Whether the service has answered. */
  get known(): boolean {
    return this.values !== undefined;
  }

  /** Whether nobody has asked the endpoint anything. */
  get quiet(): boolean {
    return this.figures.every(one => one.requests === 0);
  }

  /** One for each deployment that was asked, by name. */
  get figures(): Figures[] {
    const names = [...new Set((this.values ?? []).map(one => one.deployment))].sort();
    return names.map(name => figures(name, this._of(name))).filter(one => one.requests > 0);
  }

  /** Requests and errors per minute. */
  get requests(): Series[] {
    const found = this._of(this.deployment).filter(one => one.metric === REQUESTS);
    const last = Math.max(1 - SHOWN, ...found.map(one => one.minute));
    const minutes = Array.from({ length: last + SHOWN }, (_, at) => at + 1 - SHOWN);
    const drawn = (name: string, mark: number, which: Value[]): Series => ({
      name,
      mark,
      points: minutes.map(x => ({ x, y: sum(which.filter(one => one.minute === x)) }))
    });
    return [drawn('requests', 0, found), drawn('errors', 3, found.filter(failed))];
  }

  /** Percentiles of the latency, of the minutes that had requests. */
  get latencies(): Series[] {
    const values = this._of(this.deployment);
    return PERCENTILES.map((which, mark) => {
      const minutes = [...new Set(values.map(one => one.minute))].sort((one, other) => one - other);
      const points = minutes.flatMap(x => {
        const y = percentile(
          which,
          values.filter(one => one.minute === x)
        );
        return y === undefined ? [] : [{ x, y: Number(y.toPrecision(3)) }];
      });
      return { name: which.toLowerCase(), mark, points };
    });
  }

  /** How the latencies spread, without the empty ends; empty where the service does not tell. */
  get histogram(): Bar[] {
    const found = this._of(this.deployment).filter(one => one.metric === BUCKETS);
    const ends = [...new Set(found.map(one => one.le))].sort((one, other) => one - other);
    const counts = [...new Set(found.map(one => one.deployment))].map(name => reached(name, found));
    const below = ends.map(end => counts.reduce((all, count) => all + count(end), 0));
    const bars = ends.map((to, at) => ({
      from: ends[at - 1] ?? 0,
      to,
      count: (below[at] ?? 0) - (below[at - 1] ?? 0)
    }));
    const some = bars.map(one => one.count > 0);
    return bars.slice(Math.max(some.indexOf(true), 0), some.lastIndexOf(true) + 1);
  }

  choose(deployment: string): void {
    this.deployment = deployment;
    this._changed.emit();
  }

  /** Say whether somebody looks: only then the service is asked. */
  seen(visible: boolean): void {
    this._poll.wanted = visible;
  }

  async refresh(): Promise<void> {
    await this._look();
    this._poll.looked();
  }

  dispose(): void {
    this._poll.dispose();
    Signal.clearData(this);
  }

  private _of(deployment: string): Value[] {
    return (this.values ?? []).filter(one => deployment === '' || one.deployment === deployment);
  }

  private async _look(): Promise<boolean> {
    try {
      const found = await Promise.all([
        this._ask(REQUESTS, 'Average', 'statusCodeClass'),
        this._ask(PERCENTILES.map(one => LATENCY + one).join(','), 'Average'),
        this.place === 'LOCAL' ? this._ask(BUCKETS, 'Total', 'le') : []
      ]);
      this.values = found.flat();
      this.error = undefined;
    } catch (error) {
      this.error = error as Error;
    }
    this._changed.emit();
    return this.error === undefined;
  }

  /** Metrics that have the same dimensions; without a timespan it is the last hour. */
  private async _ask(metricnames: string, aggregation: string, dimension = ''): Promise<Value[]> {
    const filter = ['deployment', ...(dimension ? [dimension] : [])]
      .map(one => `${one} eq '*'`)
      .join(' and ');
    const query = {
      'api-version': API_VERSION,
      ...{ metricnames, aggregation, interval: 'PT1M', top: String(MOST), $filter: filter }
    };
    const path = `${this.path}/${BELOW}`;
    const { value } = await this.rest.arm<{ value: Metric[] }>(this.workspace, path, { query });
    return value.flatMap(one => flat(one, Math.floor(this.now() / MINUTE)));
  }
}

function flat(metric: Metric, now: number): Value[] {
  return (metric.timeseries ?? []).flatMap(({ metadatavalues = [], data = [] }) => {
    const dimension = (wanted: string): string =>
      metadatavalues.find(one => one.name.value.toLowerCase() === wanted)?.value ?? '';
    const le = dimension('le');
    return data.map(one => ({
      metric: metric.name.value,
      deployment: dimension('deployment'),
      status: dimension('statuscodeclass'),
      le: /inf/i.test(le) ? Infinity : Number(le),
      minute: Math.floor(Date.parse(one.timeStamp) / MINUTE) - now,
      value: one.average ?? one.total ?? 0
    }));
  });
}

function failed(one: Value): boolean {
  return /^[45]/.test(one.status);
}

function sum(values: Value[]): number {
  return values.reduce((found, one) => found + one.value, 0);
}

/** How many requests of a deployment took at most so long, whichever ends its buckets have. */
function reached(deployment: string, buckets: Value[]): (end: number) => number {
  const counts = new Map<number, number>();
  for (const one of buckets)
    if (one.deployment === deployment) counts.set(one.le, (counts.get(one.le) ?? 0) + one.value);
  return end => Math.max(0, ...[...counts].filter(([le]) => le <= end).map(([, count]) => count));
}

function figures(deployment: string, values: Value[]): Figures {
  const asked = values.filter(one => one.metric === REQUESTS);
  const latency = PERCENTILES.map(which => [which, percentile(which, values)] as const);
  return {
    deployment,
    requests: sum(asked),
    errors: sum(asked.filter(failed)),
    latency: Object.fromEntries(latency) as Figures['latency']
  };
}

/** The mean of a percentile over minutes and deployments, each with the weight of its requests. */
function percentile(which: Percentile, values: Value[]): number | undefined {
  const key = (one: Value): string => `${one.minute} ${one.deployment}`;
  const weights = new Map<string, number>();
  for (const one of values)
    if (one.metric === REQUESTS) weights.set(key(one), (weights.get(key(one)) ?? 0) + one.value);
  let [weighted, whole] = [0, 0];
  for (const one of values) {
    const weight = one.metric === LATENCY + which ? (weights.get(key(one)) ?? 0) : 0;
    weighted += weight * one.value;
    whole += weight;
  }
  return whole > 0 ? weighted / whole : undefined;
}
