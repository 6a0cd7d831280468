/** What is installed on this machine for a version of an environment, read when somebody asks for it. */

import { type ISignal, Signal } from '@lumino/signaling';
import { output, type Rest } from '../rest';

export interface Packages {
  name: string;
  /** Whether there is a Python that has them; else the first job builds it. */
  built: boolean;
  python: string;
  path: string;
  notes: string[];
  /** `asked` is the line of the environment that asks for it. */
  packages: { name: string; version: string; asked: string }[];
}

export class PackagesModel {
  found: Packages | undefined;
  busy = false;
  error: Error | undefined;
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

  /** Find out what a version has; an answer for one that is no longer shown is dropped. */
  async find(version: string): Promise<void> {
    const turn = (this._turn += 1);
    const words = ['environment', 'packages', '--name', this.name, '--version', version, '-o', 'json'];
    this.busy = true;
    this.error = undefined;
    this._emit();
    try {
      const ended = await this.rest.run(this.workspace, words);
      if (turn !== this._turn) return;
      this.found = JSON.parse(output(ended)) as Packages;
    } catch (error) {
      if (turn === this._turn) this.error = error as Error;
    }
    if (turn !== this._turn) return;
    this.busy = false;
    this._emit();
  }

  /** Forget it: another version is shown. */
  clear(): void {
    this._turn += 1;
    this.found = undefined;
    this.error = undefined;
    this.busy = false;
    this._emit();
  }

  dispose(): void {
    this._disposed = true;
    this._turn += 1;
    Signal.clearData(this);
  }

  private _emit(): void {
    if (!this._disposed) this._changed.emit();
  }
}
