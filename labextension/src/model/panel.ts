/** What the panel shows: a workspace, its sections, and the list of the one that is open. */

import { type ISignal, Signal } from '@lumino/signaling';
import type { Live, News } from '../live';
import { aborted, type Rest, type Section, type Workspace } from '../rest';
import { Listing } from './listing';
import { Poll } from './poll';
import { type Row, Tree } from './rows';
import { Selection } from './selection';

/** Milliseconds in which changes are gathered before they are fetched. */
const GATHER = 120;
/** Milliseconds between two looks at a list in Azure, which tells of no changes. */
const AWAY = 15_000;

/** The open section: its list and what is expanded in it. */
export class Opened {
  readonly listing: Listing;
  readonly tree: Tree;
  /** Of jobs: those that are chosen. */
  readonly selection = new Selection();
  filter = '';

  constructor(rest: Rest, workspace: string, segment: string) {
    this.listing = new Listing(rest, workspace, segment);
    this.tree = new Tree(rest, workspace);
  }

  /** The rows that match the filter. */
  rows(): Row[] {
    const rows = this.tree.rows(this.listing.items);
    const wanted = this.filter.trim().toLowerCase();
    if (!wanted) return rows;
    return rows.filter(row =>
      `${row.title} ${row.name} ${row.note} ${row.status}`.toLowerCase().includes(wanted)
    );
  }
}

/** Where a person was before. */
export interface Remembered {
  workspace?: string;
  segment?: string;
}

/** The model of the panel. */
export class PanelModel {
  workspaces: Workspace[] = [];
  workspace: Workspace | undefined;
  sections: Section[] = [];
  opened: Opened | undefined;
  error: Error | undefined;
  loaded = false;
  private readonly _changed = new Signal<this, void>(this);
  private _visible = false;
  private _dirty = true;
  private _remembered: Remembered | undefined;
  private _timer: ReturnType<typeof setTimeout> | undefined;
  private _names: Set<string> | undefined = new Set();
  private _places = false;
  private _disposed = false;
  private readonly _poll = new Poll(AWAY, () => this._look());

  /**
   * @param remember - ARM id of the workspace and segment of the section that were open before.
   */
  constructor(
    readonly rest: Rest,
    private readonly live: Live,
    private readonly remember: () => Promise<Remembered> = () => Promise.resolve({})
  ) {
    live.changed.connect(this._hear, this);
  }

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** The sections that a workspace of this place has. */
  get offered(): Section[] {
    const place = this.workspace?.place ?? '';
    return this.sections.filter(one => !one.places || one.places.includes(place));
  }

  /** Whether anybody looks: nothing is fetched while nobody does. */
  set visible(value: boolean) {
    this._visible = value;
    this._watch();
    if (value && this._dirty) void this.refresh();
  }

  /** Fetch everything anew. */
  async refresh(): Promise<void> {
    this._dirty = false;
    try {
      this._remembered ??= await this.remember().catch(() => ({}));
      const [workspaces, sections] = await Promise.all([
        this.rest.workspaces(),
        this.sections.length ? undefined : this.rest.sections()
      ]);
      this.workspaces = workspaces.value;
      if (sections) this.sections = sections.value;
      this.error = undefined;
      this._keep();
    } catch (error) {
      if (!aborted(error)) this.error = error as Error;
      this._dirty = true;
    }
    this.loaded = true;
    this._emit();
    await this.opened?.listing.refresh();
    this._poll.looked();
  }

  /** Go to a workspace that may be new. */
  async go(id: string): Promise<void> {
    await this.refresh();
    this.choose(id);
  }

  /** Go to another workspace. */
  choose(id: string): void {
    const found = this.workspaces.find(one => one.id === id);
    if (!found || found.id === this.workspace?.id) return;
    this.workspace = found;
    const segment = this.opened?.listing.segment;
    this._close();
    if (segment && this.offered.some(one => one.segment === segment)) this.open(segment);
    this._emit();
  }

  /** Open a section, or close it when it is open. */
  open(segment: string): void {
    const same = this.opened?.listing.segment === segment;
    this._close();
    if (!same && this.workspace) {
      this.opened = new Opened(this.rest, this.workspace.id, segment);
      this.opened.listing.changed.connect(this._emit, this);
      void this.opened.listing.more();
      this._poll.looked();
    }
    this._emit();
  }

  /** Show only what holds these words. */
  filter(text: string): void {
    if (this.opened) this.opened.filter = text;
    this._emit();
  }

  /** Expand or collapse a row. */
  async toggle(row: Row): Promise<void> {
    try {
      await this.opened?.tree.toggle(row);
    } catch (error) {
      this.error = error as Error;
    }
    this._emit();
  }

  /** Choose a row, all rows up to it, or none any more. */
  select(how: 'toggle' | 'extend' | 'open' | 'clear', row?: Row): void {
    const opened = this.opened;
    if (!opened) return;
    const { selection } = opened;
    if (how === 'clear') selection.clear();
    else if (row && how === 'toggle') selection.toggle(row);
    else if (row && how === 'extend') selection.extend(row, opened.rows());
    else if (row) selection.touch(row.key);
    this._emit();
  }

  dispose(): void {
    this._disposed = true;
    clearTimeout(this._timer);
    this._poll.dispose();
    this.live.changed.disconnect(this._hear, this);
    this._close();
    Signal.clearData(this);
  }

  /** The workspace that was shown, else the one that was remembered, else the first. */
  private _keep(): void {
    const wanted = this.workspace?.id ?? this._remembered?.workspace;
    const found = this.workspaces.find(one => one.id === wanted) ?? this.workspaces[0];
    if (found?.id !== this.workspace?.id) this._close();
    this.workspace = found;
    if (!this.opened && found && this.sections.length) {
      const segment = this._remembered?.segment ?? 'jobs';
      if (this.offered.some(one => one.segment === segment)) this.open(segment);
    }
  }

  private _close(): void {
    this.opened?.listing.dispose();
    this.opened = undefined;
  }

  private _hear(_: Live, news: News): void {
    const elsewhere = news.workspace !== '' && news.workspace !== this.workspace?.id;
    if (elsewhere && !news.everything) return;
    if (news.workspace === '') this._places = true;
    const segment = this.opened?.listing.segment;
    const names = news.changes.filter(one => one.kind === segment).map(one => one.name.split('/')[0] ?? '');
    if (news.everything) this._names = undefined;
    else for (const name of names) this._names?.add(name);
    if (!this._visible) {
      this._dirty ||= this._places || this._names === undefined || this._names.size > 0;
      return;
    }
    this._timer ??= setTimeout(() => void this._fetch(), GATHER);
  }

  /** Fetch what the events have named. */
  private async _fetch(): Promise<void> {
    this._timer = undefined;
    const names = this._names;
    const places = this._places;
    this._names = new Set();
    this._places = false;
    if (places || names === undefined) {
      await this.refresh();
      return;
    }
    const opened = this.opened;
    if (!opened || names.size === 0) return;
    await opened.listing.refresh([...names]);
    await this._children(opened);
  }

  private async _children(opened: Opened): Promise<void> {
    try {
      await opened.tree.refresh(opened.listing.items);
    } catch {
      // children that cannot be had stay as they were
    }
    this._emit();
  }

  /** Fetch the newest page of what is open; whether it could be had. */
  private async _look(): Promise<boolean> {
    const opened = this.opened;
    if (!opened) return true;
    await opened.listing.refresh();
    if (opened.listing.error) return false;
    await this._children(opened);
    return true;
  }

  /** Look again and again at what is open in Azure, while the panel is seen. */
  private _watch(): void {
    this._poll.wanted = this._visible && this.opened !== undefined && this.workspace?.place === 'AZURE';
  }

  private _emit(): void {
    this._watch();
    if (!this._disposed) this._changed.emit();
  }
}
