/** Drawings of one job: followed while somebody looks, cancelled where it stands. */

import type { VNode } from 'preact';
import type { News } from '../live';
import { type JobModel, Pool } from '../model/job';
import { Badge, Fault, Status } from '../views/basics';
import { Card } from '../views/card';
import { t } from '../views/text';
import type { Drawing, Host, Mount } from './drawing';

/** Milliseconds in which changes are gathered before they are fetched. */
const GATHER = 250;
/** Milliseconds that a kernel which is not busy does not need to answer. */
const LATE = 2000;

/** What is drawn of a job below its head; `open` shows a child. */
export type Part = (model: JobModel, open: (name: string) => void) => VNode;

export class JobDrawing implements Drawing {
  readonly model: JobModel;
  private readonly pool: Pool;
  private readonly inner: Inner;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private clock: ReturnType<typeof setInterval> | undefined;
  private busy = false;
  private said = '';
  private visible = false;

  /**
   * @param part - What is drawn of it; without one its card.
   */
  constructor(
    private readonly host: Host,
    name: string,
    private readonly part: Part | undefined = undefined
  ) {
    this.pool = host.pool ?? new Pool(host.rest);
    this.model = this.pool.get(host.told.workspace, name);
    this.inner = new Inner(host);
    this.model.changed.connect(host.redraw, host);
    host.live.changed.connect(this.hear, this);
    if (host.eager) this.model.seen(this, true);
  }

  get ready(): boolean {
    return this.model.resource !== undefined;
  }

  get ended(): boolean {
    return this.model.final && this.model.logEnded;
  }

  view(): VNode {
    const { model, host } = this;
    if (!model.resource) {
      if (!model.error) return <p class="jp-AmlLab-soft">{t('Loading…')}</p>;
      return <Fault error={model.error} retry={() => void model.refresh()} />;
    }
    if (this.part) return this.whole(this.part(model, name => this.inner.toggle(name)));
    const cancel = (): void => void this.cancel();
    const open = host.open && ((): void => host.open?.('jobs', model.name));
    return (
      <Card
        model={model}
        place={host.told.place}
        busy={this.busy}
        said={this.said}
        actions={{ cancel, open, child: name => this.inner.toggle(name) }}
      >
        {this.inner.view()}
      </Card>
    );
  }

  seen(visible: boolean): void {
    this.visible = visible;
    this.model.seen(this, visible || this.host.eager);
    this.inner.seen(visible);
    clearInterval(this.clock);
    const tick = (): void => {
      if (!this.model.final) this.host.redraw();
    };
    this.clock = visible ? setInterval(tick, 1000) : undefined;
  }

  dispose(): void {
    clearTimeout(this.timer);
    clearInterval(this.clock);
    this.inner.dispose();
    this.host.live.changed.disconnect(this.hear, this);
    this.model.changed.disconnect(this.host.redraw, this.host);
    this.model.seen(this, false);
    this.pool.release(this.model);
  }

  /** Head, body, and the child that was chosen. */
  private whole(body: VNode): VNode {
    const { model } = this;
    return (
      <div class="jp-AmlLab-card">
        <div class="jp-AmlLab-title">
          <Status value={model.status} />
          <strong>{model.title}</strong>
          {model.title !== model.name && <code>{model.name}</code>}
          <Badge place={this.host.told.place} />
          <span class="jp-AmlLab-grow" />
          {!model.final && (
            <button
              type="button"
              class="jp-AmlLab-button"
              disabled={this.busy}
              onClick={() => void this.cancel()}
            >
              {t('Cancel')}
            </button>
          )}
        </div>
        {this.said && (
          <p class="jp-AmlLab-failure" role="alert">
            {this.said}
          </p>
        )}
        {body}
        {this.inner.view()}
      </div>
    );
  }

  private async cancel(): Promise<void> {
    const { host, model } = this;
    const tell = (busy: boolean, said = ''): void => {
      Object.assign(this, { busy, said });
      host.redraw();
    };
    tell(true);
    const late = t('The kernel is busy: the job is cancelled as soon as it listens.');
    const timer = host.eager ? setTimeout(() => tell(true, late), LATE) : undefined;
    try {
      await model.cancel();
      clearTimeout(timer);
      tell(false);
    } catch (error) {
      clearTimeout(timer);
      tell(false, t('It could not be cancelled: %1', (error as Error).message));
    }
  }

  private hear(_: unknown, news: News): void {
    const { host, model } = this;
    if (!(this.visible || host.eager) || (news.workspace !== model.workspace && !news.everything)) return;
    const named = news.changes.length === 0 || news.changes.some(one => one.name.startsWith(model.name));
    if (model.final && model.logEnded && !named) return;
    if (!named && !news.everything) return;
    this.timer ??= setTimeout(() => {
      this.timer = undefined;
      void model.refresh();
    }, GATHER);
  }
}

/** A job that is looked at inside another drawing. */
export class Inner {
  private drawing: JobDrawing | undefined;
  private visible = false;

  constructor(private readonly host: Host) {}

  /** Show a job: on a page of its own where there are such, else below; once more hides it. */
  toggle(name: string): void {
    const { host, drawing } = this;
    if (host.open) {
      host.open('jobs', name);
      return;
    }
    drawing?.dispose();
    this.drawing = drawing?.model.name === name ? undefined : new JobDrawing(host, name);
    this.drawing?.seen(this.visible);
    host.redraw();
  }

  view(): VNode | undefined {
    return this.drawing?.view();
  }

  seen(visible: boolean): void {
    this.visible = visible;
    this.drawing?.seen(visible);
  }

  dispose(): void {
    this.drawing?.dispose();
  }
}

/** A drawing of a job. */
export function job(part: Part | undefined = undefined): Mount {
  return host => new JobDrawing(host, host.told.name ?? '', part);
}
