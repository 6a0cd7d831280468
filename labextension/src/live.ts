/** What changes in the workspaces, as the server tells it: an event means "changed, fetch again". */

import type { Event, ServiceManager } from '@jupyterlab/services';
import { type ISignal, Signal } from '@lumino/signaling';

export const SCHEMA = 'https://schemas.jupyter-aml.org/workspace-changed/v1';

/** One thing that was written. */
export interface Change {
  kind: string;
  name: string;
  action: string;
}

/** What was written since the last event; `everything` when nobody knows what was. */
export interface News {
  workspace: string;
  changes: Change[];
  everything: boolean;
}

interface Told {
  instance: string;
  sequence: number;
  workspace: string;
  changes: Change[];
  more: boolean;
}

/** How often to ask whether an event was missed, while anybody looks; in milliseconds. */
const HEARTBEAT = 15_000;

/** Listens to the server, and notices what it has missed. */
export class Live {
  private readonly _changed = new Signal<this, News>(this);
  private _instance = '';
  private _sequence = 0;
  private _timer: ReturnType<typeof setInterval> | undefined;
  private _disposed = false;

  /**
   * @param events - Jupyter's own event stream.
   * @param state - Asks for the instance and sequence number of the latest event.
   * @param hidden - Whether nobody looks at the page.
   */
  constructor(
    private readonly events: Pick<Event.IManager, 'stream'> | ServiceManager.IManager['events'],
    private readonly state: () => Promise<{ instance: string; sequence: number }>,
    private readonly hidden: () => boolean = () => document.hidden
  ) {
    this.events.stream.connect(this._hear, this);
    this._timer = setInterval(() => void this.check(), HEARTBEAT);
    if (typeof document !== 'undefined') document.addEventListener('visibilitychange', this._seen);
  }

  get changed(): ISignal<this, News> {
    return this._changed;
  }

  /** Ask whether something was missed; all is fetched again if so. Nobody is asked while nobody looks. */
  async check(): Promise<void> {
    if (this.hidden() || this._disposed) return;
    try {
      const now = await this.state();
      const missed =
        this._instance !== '' && (now.instance !== this._instance || now.sequence > this._sequence);
      const first = this._instance === '';
      this._instance = now.instance;
      this._sequence = Math.max(now.sequence, missed || first ? 0 : this._sequence);
      if (missed) this._changed.emit({ workspace: '', changes: [], everything: true });
    } catch {
      // the server is away; the next look finds it
    }
  }

  dispose(): void {
    this._disposed = true;
    clearInterval(this._timer);
    this.events.stream.disconnect(this._hear, this);
    if (typeof document !== 'undefined') document.removeEventListener('visibilitychange', this._seen);
    Signal.clearData(this);
  }

  private readonly _seen = (): void => void this.check();

  private _hear(_: unknown, emission: Event.Emission): void {
    if (emission.schema_id !== SCHEMA) return;
    const told = emission as unknown as Told;
    const known = this._instance !== '';
    const gap = known && (told.instance !== this._instance || told.sequence > this._sequence + 1);
    const old = told.instance === this._instance && told.sequence <= this._sequence;
    this._instance = told.instance;
    if (old) return;
    this._sequence = told.sequence;
    if (gap) this._changed.emit({ workspace: '', changes: [], everything: true });
    else this._changed.emit({ workspace: told.workspace, changes: told.changes, everything: told.more });
  }
}
