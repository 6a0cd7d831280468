/** What `aml data profile` and `aml data diff` tell of a data asset: its columns, and how they changed. */

import { type ISignal, Signal } from '@lumino/signaling';
import type { Rest } from '../rest';

/** One column of a table. */
export interface Column {
  name: string;
  type: string;
  count: number;
  missing: number;
  missing_percent: number;
  distinct: number;
  infinite?: number;
  min?: number | string;
  max?: number | string;
  mean?: number;
  std?: number | null;
  /** One more edge than counts; of dates in seconds since 1970. */
  histogram?: { edges: number[]; counts: number[] };
  top?: { value: string | boolean; count: number }[];
}

/** How much of a table was read. */
export interface Extent {
  rows: number;
  /** Rows of the whole table, where that is known. */
  total: number | null;
  sample: boolean;
  files: number;
  files_read: number;
}

export interface Profile extends Extent {
  name: string;
  columns: Column[];
}

type Side = Extent & { version: string; columns: number };

/** How the columns of one version differ from those of another. */
export interface Schema {
  name: string;
  from: Side;
  to: Side;
  added: { name: string; type: string }[];
  removed: { name: string; type: string }[];
  changed: { name: string; from: string; to: string }[];
  reordered: boolean;
}

/** The profile of one version, and one comparison of schemas. */
export class ProfileModel {
  profile: Profile | undefined;
  schema: Schema | undefined;
  /** What is being read now: `profile`, or the version whose schema is compared; empty when nothing is. */
  busy = '';
  /** Why the last thing could not be read, and what it was. */
  fault: { of: string; message: string } | undefined;
  private readonly _changed = new Signal<this, void>(this);
  private _turn = 0;
  private _disposed = false;

  constructor(
    private readonly rest: Rest,
    private readonly workspace: string,
    private readonly name: string
  ) {}

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** Read the profile of a version. */
  read(version: string): Promise<void> {
    const words = ['data', 'profile', `${this.name}:${version}`];
    return this._work('profile', words, output => {
      this.profile = JSON.parse(output) as Profile;
    });
  }

  /** Compare the columns of two versions. */
  compare(before: string, after: string): Promise<void> {
    const words = ['data', 'diff', this.name, '--from', before, '--to', after];
    return this._work(after, words, output => {
      this.schema = JSON.parse(output) as Schema;
    });
  }

  /** Forget the profile: another version is shown. */
  clear(): void {
    this._turn += 1;
    this.busy = '';
    this.profile = undefined;
    this.fault = undefined;
    this._emit();
  }

  dispose(): void {
    this._disposed = true;
    this._turn += 1;
    Signal.clearData(this);
  }

  private async _work(of: string, words: string[], done: (output: string) => void): Promise<void> {
    const turn = (this._turn += 1);
    this.busy = of;
    this.fault = undefined;
    this._emit();
    try {
      const ended = await this.rest.run(this.workspace, [...words, '-o', 'json']);
      if (turn !== this._turn) return;
      if (ended.code === 0) done(ended.output);
      else this.fault = { of, message: ended.error.trim() || ended.output };
    } catch (error) {
      if (turn === this._turn) this.fault = { of, message: (error as Error).message };
    }
    if (turn !== this._turn) return;
    this.busy = '';
    this._emit();
  }

  private _emit(): void {
    if (!this._disposed) this._changed.emit();
  }
}
