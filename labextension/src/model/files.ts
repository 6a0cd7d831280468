/** A datastore or a folder asset, browsed like a file system; files are previewed as `aml preview` shows them. */

import { type ISignal, Signal } from '@lumino/signaling';
import type { Ended, Rest } from '../rest';
import { type Described, described, LINES, ROWS } from './shown';

/** Entries of a folder that are listed. */
const MOST = '1000';
/** Exit code of `aml` when something does not exist. */
const MISSING = 3;
/** What MLflow describes a model in. */
const MODEL = 'MLmodel';

export interface Entry {
  name: string;
  folder: boolean;
  size: number | null;
  modified: string | null;
}

/** What else is known of the files below a root. */
export interface Known {
  /** Where a file can be fetched from, for pictures and downloads. */
  address?: (path: string) => string;
  /** What MLflow calls a model in a folder, such as `runs:/fox/model`; empty where it has no word for it. */
  model?: (path: string) => string;
  /** How a person calls the root; by default as `aml` does. */
  title?: string;
}

const PICTURE = /\.(png|jpe?g|gif|webp|svg)$/i;

/** Readers of pandas by the end of a file's name. */
const READERS: Record<string, string> = {
  csv: 'read_csv',
  tsv: 'read_table',
  parquet: 'read_parquet',
  json: 'read_json',
  jsonl: 'read_json'
};

export class FilesModel {
  /** Folders below the root, outermost first. */
  path: string[] = [];
  entries: Entry[] | undefined;
  error = '';
  /** Why there is nothing at the root; empty while there is something. */
  missing = '';
  busy = false;
  /** The file that is previewed, its bytes and its beginning. */
  file = '';
  size: number | null = null;
  preview: Ended | undefined;
  /** Where the picture is that is shown. */
  image = '';
  /** The MLflow model that the open folder is. */
  described: Described | undefined;
  private readonly _changed = new Signal<this, void>(this);
  private _turn = 0;
  private _disposed = false;

  /** @param root - As `aml ls` takes it: `workspaceblobstore/` or `azureml:iris:1`. */
  constructor(
    private readonly rest: Rest,
    private readonly workspace: string,
    readonly root: string,
    private readonly known: Known = {}
  ) {}

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** How a person calls the root. */
  get title(): string {
    return this.known.title ?? this.root;
  }

  /** Where something in the open folder lies, as `aml` takes it. */
  where(name = ''): string {
    const below = this._below(name);
    return below ? `${this.root}${this.root.endsWith('/') ? '' : '/'}${below}` : this.root;
  }

  /** Where a file of the open folder can be fetched from; empty where it cannot. */
  address(name: string): string {
    return this.known.address?.(this._below(name)) ?? '';
  }

  /** Code that loads the model in the open folder; empty where there is none that MLflow can name. */
  get loader(): string {
    const uri = this.described ? this.known.model?.(this._below('')) : '';
    return uri ? `import mlflow\n\nmodel = mlflow.pyfunc.load_model(${JSON.stringify(uri)})` : '';
  }

  /** Go to a folder below the root. */
  async go(path: string[]): Promise<void> {
    this.path = path;
    this.described = undefined;
    this._close();
    await this._list();
  }

  /** List the open folder again; what is open stays open. */
  async refresh(): Promise<void> {
    await this._list();
  }

  /** Open a folder, or show the beginning of a file; of a model that is described already, how that is written. */
  async open(entry: Entry): Promise<void> {
    if (entry.folder) {
      await this.go([...this.path, entry.name]);
      return;
    }
    this._close();
    this.file = entry.name;
    this.size = entry.size;
    if (PICTURE.test(entry.name)) this.image = this.address(entry.name);
    if (this.image) {
      this._emit();
      return;
    }
    const told = this.described !== undefined && entry.name === MODEL;
    const words = told ? ['cat', this.where(MODEL), '-o', 'json'] : this._previewed(entry.name);
    await this._work(words, ended => {
      this.preview = ended;
    });
  }

  /** Code that reads a file: with pandas what pandas reads, else by `aml cat`. */
  code(name: string): string {
    const where = this.where(name);
    const reader = READERS[name.slice(name.lastIndexOf('.') + 1).toLowerCase()];
    const store = /^([\w-]+)\/(.+)$/.exec(where);
    if (!reader || !store || this.root.startsWith('azureml:')) return `%aml cat ${quoted(where)}`;
    const more = name.toLowerCase().endsWith('.jsonl') ? ', lines=True' : '';
    const url = `azureml://datastores/${store[1]}/paths/${store[2]}`;
    return `import pandas as pd\n\ndf = pd.${reader}(${JSON.stringify(url)}${more})`;
  }

  dispose(): void {
    this._disposed = true;
    Signal.clearData(this);
  }

  private _below(name: string): string {
    return [...this.path, name].filter(one => one !== '').join('/');
  }

  private _close(): void {
    this.file = '';
    this.size = null;
    this.preview = undefined;
    this.image = '';
  }

  private _previewed(name: string): string[] {
    return ['preview', this.where(name), '--rows', String(ROWS), '--lines', String(LINES), '-o', 'json'];
  }

  /** List the open folder; one that is an MLflow model is described as well. */
  private async _list(): Promise<void> {
    const listed = await this._work(['ls', this.where(), '--max-results', MOST, '-o', 'json'], ended => {
      this.entries = JSON.parse(ended.output || '[]') as Entry[];
    });
    const model = this.entries?.some(one => one.name === MODEL && !one.folder) ?? false;
    if (!listed || !model || this.described) return;
    await this._work(this._previewed(MODEL), ended => {
      this.described = described(ended.output);
    });
  }

  /** Run a verb, and whether it was done; the answer to one that somebody has not waited for is dropped. */
  private async _work(words: string[], done: (ended: Ended) => void): Promise<boolean> {
    const turn = (this._turn += 1);
    let good = false;
    this.busy = true;
    this.error = '';
    this.missing = '';
    this._emit();
    try {
      const ended = await this.rest.run(this.workspace, words);
      if (turn !== this._turn) return false;
      good = ended.code === 0;
      const said = ended.error.trim() || ended.output;
      if (good) done(ended);
      else if (ended.code === MISSING && words[0] === 'ls' && this.path.length === 0) this.missing = said;
      else this.error = said;
    } catch (error) {
      good = false;
      if (turn === this._turn) this.error = (error as Error).message;
    }
    if (turn === this._turn) this.busy = false;
    this._emit();
    return good;
  }

  private _emit(): void {
    if (!this._disposed) this._changed.emit();
  }
}

function quoted(text: string): string {
  return /\s/.test(text) ? `"${text}"` : text;
}
