/** Where things come from and where they go: the assets and jobs before and after a job or an asset. */

import { type ISignal, Signal } from '@lumino/signaling';
import { cell } from '../format';
import { aborted, type Page, type Resource, type Rest } from '../rest';
import type { Run } from './rows';

/** Jobs that are looked through for those that use something, the newest ones. */
export const NEWEST = 500;
const PAGE = '200';
/** Nodes of a column that are shown. */
export const SHOWN = 20;

export type Segment = 'jobs' | 'data' | 'models';

/** What an id or address names: an asset, an output of a job, or another place. */
export type Reference =
  | { sort: 'asset'; segment: 'data' | 'models'; name: string; version: string; registry: string }
  | { sort: 'output'; job: string; output: string }
  | { sort: 'place'; uri: string };

/** Something in the picture. */
export interface Node {
  id: string;
  /** `jobs`, `data`, `models`, `output` (files of a job) or `place` (an address). */
  kind: Segment | 'output' | 'place';
  /** What opens it; empty for what has no page. */
  name: string;
  title: string;
  note: string;
  status: string;
  /** From left, where everything begins. */
  column: number;
}

/** One thing and another that came of it; `label` says by which input or output. */
export interface Edge {
  from: string;
  to: string;
  label: string;
}

export interface Lineage {
  /** The node that it is all about. */
  own: string;
  nodes: Node[];
  edges: Edge[];
  /** How many nodes of each column are left out. */
  hidden: Map<number, number>;
}

/** A version of a data asset or model. */
export interface Asset {
  segment: 'data' | 'models';
  name: string;
  version: string;
}

const ASSET = /\/(data|models)\/([^/]+)\/versions\/([^/]+)$/;
const REGISTRY = /^azureml:\/\/registries\/([^/]+)\//;
const SHORT = /^azureml:([^:/@]+):([^:/@]+)$/;
const OUTPUT = /^azureml:\/\/jobs\/([^/]+)\/outputs\/([^/]+)/;
const AUTOMATIC = /^azureml_(.+)_output_(.+)$/;
const RUN = /^runs:\/+([^/]+)/;
const WRITTEN = /\/paths\/azureml\/([^/]+)\/([^/]+)/;
const ARTIFACTS = /\/ExperimentRun\/dcid\.([^/]+)/;

/**
 * What an id or address names.
 *
 * @param type - The job input's type, such as `mlflow_model`, for short ids.
 */
export function reference(uri: string, type = ''): Reference {
  const asset = ASSET.exec(uri);
  const short = SHORT.exec(uri);
  if (asset ?? short) {
    const kind = asset?.[1] ?? (type.endsWith('_model') ? 'models' : 'data');
    const [name, version] = asset ? [asset[2] ?? '', asset[3] ?? ''] : [short?.[1] ?? '', short?.[2] ?? ''];
    const own = AUTOMATIC.exec(name);
    if (own) return { sort: 'output', job: own[1] ?? '', output: own[2] ?? '' };
    const registry = REGISTRY.exec(uri)?.[1] ?? '';
    return { sort: 'asset', segment: kind as 'data' | 'models', name, version, registry };
  }
  const written = OUTPUT.exec(uri) ?? WRITTEN.exec(uri);
  if (written) return { sort: 'output', job: written[1] ?? '', output: written[2] ?? '' };
  const run = RUN.exec(uri) ?? ARTIFACTS.exec(uri);
  return run ? { sort: 'output', job: run[1] ?? '', output: 'artifacts' } : { sort: 'place', uri };
}

/** The inputs of a job that lie somewhere, those of a pipeline's steps and of an AutoML task too. */
export function inputs(held: Record<string, unknown>): { name: string; found: Reference }[] {
  type Given = Record<string, { uri?: string; jobInputType?: string; type?: string } | undefined>;
  const steps = Object.values((held.jobs ?? {}) as Record<string, { inputs?: Given } | undefined>);
  const task = (held.taskDetails ?? {}) as Given;
  const all = [held.inputs as Given | undefined, ...steps.map(step => step?.inputs), task];
  const seen = new Set<string>();
  return all.flatMap(given =>
    Object.entries(given ?? {}).flatMap(([name, one]) => {
      const uri = one?.uri;
      if (typeof uri !== 'string' || uri.includes('${{') || seen.has(uri)) return [];
      seen.add(uri);
      return [{ name, found: reference(uri, one?.jobInputType ?? one?.type) }];
    })
  );
}

/** The outputs of a job: what each became; `default` is what every job has. */
export function outputs(
  held: Record<string, unknown>,
  run: Run | undefined
): { name: string; found: Reference | undefined }[] {
  const asked = (held.outputs ?? {}) as Record<string, { uri?: string; assetName?: string } | undefined>;
  const made = (run?.outputs ?? {}) as Record<string, { assetId?: string } | undefined>;
  const names = [...new Set([...Object.keys(asked), ...Object.keys(made)])].filter(one => one !== 'default');
  return names.map(name => {
    const id = made[name]?.assetId;
    return { name, found: id ? reference(id) : undefined };
  });
}

/** Collects nodes and edges; a node that is there already keeps its column. */
class Picture {
  private readonly nodes = new Map<string, Node>();
  private readonly edges = new Map<string, Edge>();

  add(node: Node): string {
    if (!this.nodes.has(node.id)) this.nodes.set(node.id, node);
    return node.id;
  }

  join(from: string, to: string, label: string): void {
    const key = `${from}\n${to}`;
    const known = this.edges.get(key)?.label;
    const labels = known ? known.split(', ') : [];
    if (label && !labels.includes(label)) labels.push(label);
    if (from !== to) this.edges.set(key, { from, to, label: labels.join(', ') });
  }

  /** The picture, with at most SHOWN nodes in a column. */
  done(own: string): Lineage {
    const counts = new Map<number, number>();
    const hidden = new Map<number, number>();
    const nodes = [...this.nodes.values()].filter(({ column }) => {
      const count = (counts.get(column) ?? 0) + 1;
      counts.set(column, count);
      if (count > SHOWN) hidden.set(column, count - SHOWN);
      return count <= SHOWN;
    });
    const shown = new Set(nodes.map(node => node.id));
    const edges = [...this.edges.values()].filter(({ from, to }) => shown.has(from) && shown.has(to));
    return { own, nodes: nodes.sort((one, other) => one.column - other.column), edges, hidden };
  }
}

function jobNode(name: string, column: number, known?: Resource): Node {
  const held = known?.properties ?? {};
  return {
    id: `jobs:${name}`,
    kind: 'jobs',
    name,
    title: cell(held.displayName) || name,
    note: cell(held.jobType),
    status: cell(held.status),
    column
  };
}

function assetNode({ segment, name, version }: Asset, column: number, registry = ''): Node {
  return {
    id: `${segment}:${name}:${version}`,
    kind: segment,
    name: registry ? '' : name,
    title: `${name}:${version}`,
    note: registry,
    status: '',
    column
  };
}

function placeNode(kind: 'output' | 'place', id: string, title: string, column: number): Node {
  return { id: `${kind}:${id}`, kind, name: '', title, note: '', status: '', column };
}

/** The end of an address, by which a person knows it. */
function ending(uri: string): string {
  const parts = uri.split('/').filter(part => part !== '');
  return parts.at(-1) ?? uri;
}

/**
 * What went into a job, what came out of it, and who uses that.
 *
 * @param models - Versions of models that were registered from it.
 * @param jobs - Other jobs, of which some may use what it made.
 */
export function jobLineage(job: Resource, run: Run | undefined, models: Asset[], jobs: Resource[]): Lineage {
  const picture = new Picture();
  const own = picture.add(jobNode(job.name, 1, job));
  for (const { name, found } of inputs(job.properties)) {
    if (found.sort === 'asset') picture.join(picture.add(assetNode(found, 0, found.registry)), own, name);
    else if (found.sort === 'output') {
      const known = jobs.find(one => one.name === found.job);
      picture.join(picture.add(jobNode(found.job, 0, known)), own, `${found.output} → ${name}`);
    } else picture.join(picture.add(placeNode('place', found.uri, ending(found.uri), 0)), own, name);
  }
  const made = new Map<string, string>();
  for (const { name, found } of outputs(job.properties, run)) {
    const asset = found?.sort === 'asset' ? found : undefined;
    const node = asset ? assetNode(asset, 2) : placeNode('output', `${job.name}:${name}`, name, 2);
    picture.join(own, picture.add(node), asset ? name : '');
    made.set(name, node.id);
  }
  for (const model of models) picture.join(own, picture.add(assetNode(model, 2)), '');
  const assets = new Set([...made.values(), ...models.map(one => assetNode(one, 2).id)]);
  for (const other of jobs) {
    for (const { name, found } of other.name === job.name ? [] : inputs(other.properties)) {
      const direct = found.sort === 'output' && found.job === job.name;
      const from = direct
        ? (made.get(found.output) ?? own)
        : found.sort === 'asset'
          ? assetNode(found, 2).id
          : '';
      if (direct || assets.has(from)) picture.join(from, picture.add(jobNode(other.name, 3, other)), name);
    }
  }
  return picture.done(own);
}

/**
 * Which job made an asset, and which ones use it.
 *
 * @param held - ARM's properties of the version.
 * @param jobs - Jobs of which some may have made or used it.
 */
export function assetLineage(asset: Asset, held: Record<string, unknown>, jobs: Resource[]): Lineage {
  const picture = new Picture();
  const own = picture.add(assetNode(asset, 1));
  const { job, output } = maker(asset, held, jobs);
  if (job) {
    const known = jobs.find(one => one.name === job);
    picture.join(picture.add(jobNode(job, 0, known)), own, output);
  }
  for (const other of jobs) {
    for (const { name, found } of inputs(other.properties)) {
      const same = found.sort === 'asset' && !found.registry && assetNode(found, 1).id === own;
      const files = found.sort === 'output' && found.job === job && found.output === output;
      if (same || files) picture.join(own, picture.add(jobNode(other.name, 2, other)), name);
    }
  }
  return picture.done(own);
}

/** The job that an asset came from: as it says itself, by where its files lie, or by what a job was to register. */
function maker(
  { segment, name, version }: Asset,
  held: Record<string, unknown>,
  jobs: Resource[]
): { job: string; output: string } {
  const found = reference(cell(held.dataUri ?? held.modelUri ?? held.path));
  const written = found.sort === 'output' ? found : undefined;
  const said = cell(held.jobName);
  if (said) return { job: said, output: written?.job === said ? written.output : '' };
  if (written) return written;
  for (const job of jobs) {
    const asked = (job.properties.outputs ?? {}) as Record<
      string,
      { assetName?: string; assetVersion?: string; jobOutputType?: string } | undefined
    >;
    for (const [output, one] of Object.entries(asked)) {
      const kind = one?.jobOutputType?.endsWith('_model') ? 'models' : 'data';
      if (one?.assetName === name && one.assetVersion === version && kind === segment) {
        return { job: job.name, output };
      }
    }
  }
  return { job: '', output: '' };
}

/** What a lineage is asked of. */
export type Subject =
  | { sort: 'job'; resource: Resource; run: Run | undefined }
  | { sort: 'asset'; asset: Asset; held: Record<string, unknown> };

/** The lineage of one thing, fetched when somebody asks for it. */
export class LineageModel {
  lineage: Lineage | undefined;
  /** How many jobs were looked through, and whether those were all. */
  looked = 0;
  all = false;
  busy = false;
  error: Error | undefined;
  private readonly _changed = new Signal<this, void>(this);
  private _turn = 0;
  private _disposed = false;

  constructor(
    private readonly rest: Rest,
    private readonly workspace: string
  ) {}

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** Find it out; an answer for something that nobody asks for any more is dropped. */
  async find(subject: Subject): Promise<void> {
    const turn = (this._turn += 1);
    this.busy = true;
    this.error = undefined;
    this._emit();
    try {
      const [{ jobs, all }, models] = await Promise.all([
        this._jobs(),
        subject.sort === 'job' ? this._models(subject.resource.name) : []
      ]);
      if (turn !== this._turn) return;
      this.lineage =
        subject.sort === 'job'
          ? jobLineage(subject.resource, subject.run, models, jobs)
          : assetLineage(subject.asset, subject.held, jobs);
      this.looked = jobs.length;
      this.all = all;
    } catch (error) {
      if (turn === this._turn && !aborted(error)) this.error = error as Error;
    }
    if (turn === this._turn) this.busy = false;
    this._emit();
  }

  /** Forget what was found. */
  clear(): void {
    this._turn += 1;
    this.busy = false;
    this.lineage = undefined;
    this._emit();
  }

  dispose(): void {
    this._disposed = true;
    this._turn += 1;
    Signal.clearData(this);
  }

  /** The newest jobs; the services tell of no other way from an asset to the jobs that use it. */
  private async _jobs(): Promise<{ jobs: Resource[]; all: boolean }> {
    const query = { $top: PAGE, listViewType: 'All' };
    let page = await this.rest.arm<Page<Resource>>(this.workspace, 'jobs', { query });
    const jobs = [...page.value];
    while (page.nextLink && jobs.length < NEWEST && !this._disposed) {
      page = await this.rest.follow<Resource>(page.nextLink);
      jobs.push(...page.value);
    }
    return { jobs: jobs.slice(0, NEWEST), all: !page.nextLink && jobs.length <= NEWEST };
  }

  /** The versions of models that were registered from a job; none where the service cannot search for them. */
  private async _models(job: string): Promise<Asset[]> {
    const path = 'api/2.0/mlflow/model-versions/search';
    const query = { filter: `run_id='${job}'`, max_results: '100' };
    try {
      const found = await this.rest.api<{ model_versions?: { name: string; version: string }[] }>(
        this.workspace,
        'mlflow/v2.0',
        path,
        { query }
      );
      return (found.model_versions ?? []).map(({ name, version }) => ({
        segment: 'models',
        name,
        version: String(version)
      }));
    } catch {
      return [];
    }
  }

  private _emit(): void {
    if (!this._disposed) this._changed.emit();
  }
}
