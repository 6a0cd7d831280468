/** A datastore or a folder asset, browsed like a file system; files are previewed as `aml preview` shows them. */

import { type ISignal, Signal } from '@lumino/signaling';
import type { Ended, Rest } from '../rest';

/** Entries of a folder that are listed. */
const MOST = '1000';
const ROWS = '50';

export interface Entry {
  name: string;
  folder: boolean;
  size: number | null;
  modified: string | null;
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
  busy = false;
  /** The file that is previewed, and its beginning. */
  file = '';
  preview: Ended | undefined;
  /** Where the picture is that is shown. */
  image = '';
  private readonly _changed = new Signal<this, void>(this);
  private _turn = 0;
  private _disposed = false;

  /**
   * @param root - As `aml ls` takes it: `workspaceblobstore/` or `azureml:iris:1`.
   * @param picture - Where a picture below the root can be fetched from; without it none is shown.
   */
  constructor(
    private readonly rest: Rest,
    private readonly workspace: string,
    readonly root: string,
    private readonly picture: ((path: string) => string) | undefined = undefined
  ) {}

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** Where something in the open folder lies, as `aml` takes it. */
  where(name = ''): string {
    const below = [...this.path, name].filter(one => one !== '').join('/');
    return below ? `${this.root}${this.root.endsWith('/') ? '' : '/'}${below}` : this.root;
  }

  /** Go to a folder below the root. */
  async go(path: string[]): Promise<void> {
    this.path = path;
    this.file = '';
    this.preview = undefined;
    this.image = '';
    await this._work(['ls', this.where(), '--max-results', MOST, '-o', 'json'], ended => {
      this.entries = JSON.parse(ended.output || '[]') as Entry[];
    });
  }

  /** Open a folder, or show the beginning of a file. */
  async open(entry: Entry): Promise<void> {
    if (entry.folder) {
      await this.go([...this.path, entry.name]);
      return;
    }
    this.file = entry.name;
    this.preview = undefined;
    this.image = '';
    if (this.picture && PICTURE.test(entry.name)) {
      this.image = this.picture([...this.path, entry.name].join('/'));
      this._emit();
      return;
    }
    await this._work(['preview', this.where(entry.name), '--rows', ROWS, '-o', 'json'], ended => {
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

  /** Run a verb; the answer to one that somebody has not waited for is dropped. */
  private async _work(words: string[], done: (ended: Ended) => void): Promise<void> {
    const turn = (this._turn += 1);
    this.busy = true;
    this.error = '';
    this._emit();
    try {
      const ended = await this.rest.run(this.workspace, words);
      if (turn !== this._turn) return;
      if (ended.code === 0) done(ended);
      else this.error = ended.error.trim() || ended.output;
    } catch (error) {
      if (turn === this._turn) this.error = (error as Error).message;
    }
    if (turn === this._turn) this.busy = false;
    this._emit();
  }

  private _emit(): void {
    if (!this._disposed) this._changed.emit();
  }
}

function quoted(text: string): string {
  return /\s/.test(text) ? `"${text}"` : text;
}
