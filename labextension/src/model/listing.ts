/** A list of a workspace, read page by page, and kept fresh. */

import { type ISignal, Signal } from '@lumino/signaling';
import { aborted, type Page, type Resource, type Rest } from '../rest';

/** Items of a page, where the service lets us choose. */
const PAGE = '200';
/** Of so many named changes each is fetched by itself; of more, the pages anew. */
const SINGLE = 20;

/** One list, such as the jobs of a workspace. */
export class Listing {
  items: Resource[] = [];
  done = false;
  loading = false;
  error: Error | undefined;
  private readonly _changed = new Signal<this, void>(this);
  private _next: string | undefined;
  private _abort: AbortController | undefined;
  private _again = false;

  /**
   * @param query - More parameters, such as `listViewType`.
   */
  constructor(
    private readonly rest: Rest,
    readonly workspace: string,
    readonly segment: string,
    private readonly query: Record<string, string> = {}
  ) {}

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** Fetch the next page, unless one is on its way or none is left. */
  async more(): Promise<void> {
    if (this.loading || this.done) return;
    const abort = this._begin();
    try {
      const page = this._next
        ? await this.rest.follow<Resource>(this._next, abort.signal)
        : await this._first(abort.signal);
      const known = new Set(this.items.map(item => item.id));
      this._end(page, [...this.items, ...page.value.filter(item => !known.has(item.id))]);
    } catch (error) {
      this._fail(error, abort);
    }
    await this._repeat();
  }

  /** Fetch what was changed, or the newest page when nobody knows what was. */
  async refresh(names: string[] | undefined = undefined): Promise<void> {
    if (this.loading) {
      this._again = true;
      return;
    }
    const known = new Map(this.items.map(item => [item.name, item]));
    const single = names?.every(name => known.has(name)) && names.length <= SINGLE;
    const abort = this._begin();
    try {
      if (single && names) await this._refetch(names, abort.signal);
      else await this._newest(abort.signal);
    } catch (error) {
      this._fail(error, abort);
    }
    await this._repeat();
  }

  dispose(): void {
    this._abort?.abort();
    Signal.clearData(this);
  }

  private _first(signal: AbortSignal): Promise<Page<Resource>> {
    const query = { $top: PAGE, ...this.query };
    return this.rest.arm<Page<Resource>>(this.workspace, this.segment, { query, signal });
  }

  /** The newest page in place of what it covers; what lies behind it stays. */
  private async _newest(signal: AbortSignal): Promise<void> {
    const page = await this._first(signal);
    const fresh = new Set(page.value.map(item => item.id));
    const last = page.value.at(-1);
    const cut = page.nextLink && last ? this.items.findIndex(item => item.id === last.id) : -1;
    if (cut < 0) {
      this._end(page, page.value);
      return;
    }
    const behind = this.items.slice(cut + 1).filter(item => !fresh.has(item.id));
    this.items = [...page.value, ...behind];
    this._settle();
  }

  /** Each by itself: no page of a long list is read again because one job has ended. */
  private async _refetch(names: string[], signal: AbortSignal): Promise<void> {
    const found = await Promise.all(names.map(name => this._one(name, signal)));
    const fresh = new Map(names.map((name, index) => [name, found[index]]));
    this.items = this.items.flatMap(item => {
      if (!fresh.has(item.name)) return [item];
      const one = fresh.get(item.name);
      return one ? [one] : [];
    });
    this._settle();
  }

  private async _one(name: string, signal: AbortSignal): Promise<Resource | undefined> {
    try {
      const one = await this.rest.arm<Resource>(this.workspace, `${this.segment}/${name}`, { signal });
      const archived = one.properties.isArchived === true && this.query.listViewType !== 'All';
      return archived ? undefined : one;
    } catch (error) {
      if ((error as { status?: number }).status === 404) return undefined;
      throw error;
    }
  }

  private _begin(): AbortController {
    this.loading = true;
    this._abort = new AbortController();
    this._changed.emit();
    return this._abort;
  }

  private _end(page: Page<Resource>, items: Resource[]): void {
    this.items = items;
    this._next = page.nextLink ?? undefined;
    this.done = !page.nextLink;
    this._settle();
  }

  private _settle(): void {
    this.loading = false;
    this.error = undefined;
    this._changed.emit();
  }

  private _fail(error: unknown, abort: AbortController): void {
    this.loading = false;
    if (!abort.signal.aborted && !aborted(error)) this.error = error as Error;
    this._changed.emit();
  }

  private async _repeat(): Promise<void> {
    if (!this._again || this._abort?.signal.aborted) return;
    this._again = false;
    await this.refresh();
  }
}
