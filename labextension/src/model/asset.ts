/** A resource that is no job: an asset with its versions, a datastore, a compute. */

import { type ISignal, Signal } from '@lumino/signaling';
import { cell } from '../format';
import { type Worker, workers } from './compute';
import { FilesModel, type Known } from './files';
import { LineageModel } from './lineage';
import { PackagesModel } from './packages';
import { ProfileModel } from './profile';
import { aborted, type Ended, output, type Page, type Resource, type Rest, type Section } from '../rest';

/** Verbs of `aml` that need no more than a name. */
const SIMPLE = ['archive', 'restore', 'start', 'stop', 'restart', 'delete'];

export class AssetModel {
  resource: Resource | undefined;
  versions: Resource[] = [];
  chosen = '';
  preview: Ended | undefined;
  /** What lies in it, of a datastore or a folder. */
  files: FilesModel | undefined;
  /** Of data: its columns. */
  readonly profile: ProfileModel | undefined;
  /** Of data and models: where it came from, and who uses it. */
  readonly lineage: LineageModel | undefined;
  /** Of environments: what is installed for them on this machine. */
  readonly packages: PackagesModel | undefined;
  /** Of a cluster: its nodes. */
  workers: Worker[] | undefined;
  error: Error | undefined;
  gone = false;
  private readonly _changed = new Signal<this, void>(this);
  private _disposed = false;
  private _chose = false;
  private _before: string[];

  constructor(
    readonly rest: Rest,
    readonly workspace: string,
    readonly section: Section,
    readonly name: string,
    before: string[] = []
  ) {
    this._before = before;
    const { segment } = section;
    if (segment === 'data') this.profile = new ProfileModel(rest, workspace, name);
    if (segment === 'data' || segment === 'models') this.lineage = new LineageModel(rest, workspace);
    if (segment === 'environments') this.packages = new PackagesModel(rest, workspace, name);
    this.packages?.changed.connect(this._emit, this);
    this.profile?.changed.connect(this._emit, this);
    this.lineage?.changed.connect(this._emit, this);
  }

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** The version that is shown, or the resource itself. */
  get shown(): Resource | undefined {
    return this.versions.find(one => one.name === this.chosen) ?? this.resource;
  }

  /** The verbs that a button can have now. */
  get verbs(): string[] {
    const archived = this.shown?.properties.isArchived === true;
    const held = this.section.verbs.filter(verb => SIMPLE.includes(verb));
    return held.filter(verb => verb !== (archived ? 'archive' : 'restore'));
  }

  async refresh(): Promise<void> {
    try {
      const path = `${this.section.segment}/${this.name}`;
      this.resource = await this.rest.arm<Resource>(this.workspace, path);
      if (this.section.versioned) {
        const query = { listViewType: 'All' };
        const page = await this.rest.arm<Page<Resource>>(this.workspace, `${path}/versions`, { query });
        this.versions = page.value;
        const latest = cell(this.resource.properties.latestVersion);
        const known = this.versions.some(one => one.name === this.chosen);
        if (!this._chose || !known) this.chosen = latest || (page.value[0]?.name ?? '');
      }
      if (this.section.segment === 'computes') {
        this.workers = await workers(this.rest, this.workspace, this.resource);
      }
      this.error = undefined;
      this.gone = false;
      this._browse();
    } catch (error) {
      this.gone = (error as { status?: number }).status === 404;
      if (!aborted(error)) this.error = error as Error;
    }
    this._emit();
  }

  /** Show another version. */
  choose(version: string): void {
    this.chosen = version;
    this._chose = true;
    this.preview = undefined;
    this.packages?.clear();
    this.profile?.clear();
    this.lineage?.clear();
    this._browse();
    this._emit();
  }

  /** The beginning of what the asset holds, as a table. */
  async look(): Promise<void> {
    const path = `azureml:${this.name}:${this.chosen}`;
    this.preview = await this.rest.run(this.workspace, ['preview', path, '--rows', '50', '-o', 'json']);
    this._emit();
  }

  /** Find out where the shown version came from, and who uses it. */
  async trace(): Promise<void> {
    const { segment } = this.section;
    if (segment !== 'data' && segment !== 'models') return;
    const asset = { segment, name: this.name, version: this.chosen } as const;
    await this.lineage?.find({ sort: 'asset', asset, held: this.shown?.properties ?? {} });
  }

  /** Do what a verb of `aml` does; an error of it is thrown. */
  async act(verb: string): Promise<void> {
    const name = this.section.versioned ? ['--version', this.chosen] : [];
    const words = [this.section.noun, verb, '--name', this.name, ...name];
    output(await this.rest.run(this.workspace, verb === 'delete' ? [...words, '--yes'] : words));
    await this.refresh();
  }

  dispose(): void {
    this._disposed = true;
    this.files?.dispose();
    this.packages?.dispose();
    this.profile?.dispose();
    this.lineage?.dispose();
    Signal.clearData(this);
  }

  /** Begin to browse what is shown, where there is something to browse; what is browsed already stays as it is. */
  private _browse(): void {
    const { root, known } = browsed(
      this.section.segment,
      this.name,
      this.chosen,
      this.shown?.properties ?? {}
    );
    if ((this.files?.root ?? '') === root) return;
    this.files?.dispose();
    this.files = root ? new FilesModel(this.rest, this.workspace, root, known) : undefined;
    if (!this.files) return;
    this.files.changed.connect(this._emit, this);
    void this.files.go(this._before);
    this._before = [];
  }

  private _emit(): void {
    if (!this._disposed) this._changed.emit();
  }
}

/** Models that are folders; others may be single files. */
const FOLDERS = ['mlflow_model', 'triton_model'];

/** Where the files of an asset or a datastore begin; empty where there are none to browse. */
export function browsed(
  segment: string,
  name: string,
  version: string,
  held: Record<string, unknown>
): { root: string; known: Known } {
  if (segment === 'datastores') return { root: `${name}/`, known: {} };
  if (segment === 'data' && held.dataType === 'uri_folder')
    return { root: `azureml:${name}:${version}`, known: {} };
  const uri = cell(held.modelUri);
  if (segment !== 'models' || !FOLDERS.includes(cell(held.modelType)) || !uri) return { root: '', known: {} };
  const model = (path: string): string => (path ? '' : `models:/${name}/${version}`);
  return { root: uri, known: { model, title: `${name}:${version}` } };
}
