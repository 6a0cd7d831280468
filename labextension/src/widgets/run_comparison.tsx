/** Runs side by side. */

import type { VNode } from 'preact';
import type { News } from '../live';
import { line } from '../model/code';
import { CompareModel } from '../model/compare';
import { Pool } from '../model/job';
import { Compare, type CompareActions } from '../views/compare';
import { t } from '../views/text';
import { anywidget } from './any';
import type { Drawing, Host } from './drawing';
import { Inner } from './jobs';

class ComparisonDrawing implements Drawing {
  private readonly model: CompareModel;
  private readonly inner: Inner;
  private code = '';
  private clock: ReturnType<typeof setInterval> | undefined;
  private visible = false;

  constructor(private readonly host: Host) {
    const { rest, told } = host;
    this.model = new CompareModel(host.pool ?? new Pool(rest), told.workspace, told.names ?? []);
    this.inner = new Inner(host);
    this.model.changed.connect(host.redraw, host);
    host.live.changed.connect(this.hear, this);
    if (host.eager) this.model.visible = true;
  }

  get ready(): boolean {
    return this.model.runs.every(run => run.status !== '' || run.error !== '');
  }

  view(): VNode {
    return (
      <div class="jp-AmlLab-card">
        <Compare runs={this.model.runs} place={this.host.told.place} actions={this.actions} />
        {this.code && (
          <pre class="jp-AmlLab-code" aria-label={t('Code that compares them')}>
            {this.code}
          </pre>
        )}
        {this.inner.view()}
      </div>
    );
  }

  seen(visible: boolean): void {
    this.visible = visible;
    this.model.visible = visible || this.host.eager;
    this.inner.seen(visible);
    clearInterval(this.clock);
    const tick = (): void => {
      if (!this.model.final) this.host.redraw();
    };
    this.clock = visible ? setInterval(tick, 1000) : undefined;
  }

  dispose(): void {
    clearInterval(this.clock);
    this.inner.dispose();
    this.host.live.changed.disconnect(this.hear, this);
    this.model.dispose();
  }

  private readonly actions: CompareActions = {
    open: name => this.inner.toggle(name),
    remove: name => this.model.remove(name),
    code: () => this.insert(line(['job', 'compare', ...this.model.names]))
  };

  private insert(code: string): void {
    if (this.host.insert) this.host.insert(code);
    else this.code = code;
    this.host.redraw();
  }

  private hear(_: unknown, news: News): void {
    if (this.visible || this.host.eager) this.model.hear(news);
  }
}

export const mount = (host: Host): Drawing => new ComparisonDrawing(host);

export default anywidget(mount);
