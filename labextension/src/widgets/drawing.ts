/** What a widget draws, wherever it stands: as an anywidget in any notebook, or as an output that JupyterLab draws. */

import type { ISignal } from '@lumino/signaling';
import type { VNode } from 'preact';
import type { News } from '../live';
import type { Pool } from '../model/job';
import type { Rest } from '../rest';

/** What a widget is told at its birth. */
export interface Told {
  workspace: string;
  place: string;
  /** Of a job or an endpoint. */
  name?: string;
  /** Of the jobs that are compared. */
  names?: string[];
  /** Of files: where they lie, as `aml ls` takes it. */
  path?: string;
  /** Of an endpoint: its URL segment. */
  segment?: string;
}

/** Where changes are heard. */
export interface Heard {
  readonly changed: ISignal<unknown, News>;
}

/** What surrounds a drawing. */
export interface Host {
  readonly told: Told;
  readonly rest: Rest;
  readonly live: Heard;
  /** Where drawings of one page share the jobs that they show. */
  readonly pool?: Pool;
  /** Whether what is asked is there already: a kernel has sent it. Then what is out of sight is kept fresh as well. */
  readonly eager: boolean;
  /** Draw anew. */
  redraw(): void;
  /** Open a page of its own, where there are such. */
  open?: ((segment: string, name: string) => void) | undefined;
  /** Put code into the notebook, where that can be done. */
  insert?: ((code: string) => void) | undefined;
}

/** One drawing. */
export interface Drawing {
  /** Whether there is something to be seen: the service has answered. */
  readonly ready: boolean;
  /** Whether nothing more will change: the job has ended and its log is whole. */
  readonly ended?: boolean;
  view(): VNode;
  /** Say whether anybody looks. */
  seen(visible: boolean): void;
  dispose(): void;
}

/** Makes a drawing. */
export type Mount = (host: Host) => Drawing;
