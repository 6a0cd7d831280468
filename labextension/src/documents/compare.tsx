/** The page of a comparison in the main area. */

import type { VNode } from 'preact';
import type { Live, News } from '../live';
import { line } from '../model/code';
import type { CompareModel } from '../model/compare';
import { Compare, type CompareActions } from '../views/compare';
import { type Application, Page } from './page';

/** Milliseconds between two looks at runs in Azure, which tells of no changes. */
const AWAY = 10_000;

export class ComparePage extends Page {
  private look: ReturnType<typeof setInterval> | undefined;
  private clock: ReturnType<typeof setInterval> | undefined;

  /**
   * @param kept - Remembers which runs are left, for the next time that JupyterLab is opened.
   */
  constructor(
    readonly model: CompareModel,
    private readonly live: Live,
    private readonly place: string,
    application: Application,
    private readonly kept: () => void
  ) {
    super(application);
    model.changed.connect(this.update, this);
    live.changed.connect(this.hear, this);
  }

  override dispose(): void {
    if (this.isDisposed) return;
    this.seen(false);
    this.live.changed.disconnect(this.hear, this);
    this.model.changed.disconnect(this.update, this);
    this.model.dispose();
    super.dispose();
  }

  protected view(): VNode {
    return <Compare runs={this.model.runs} place={this.place} actions={this.actions} />;
  }

  private readonly actions: CompareActions = {
    open: name => this.application.open('jobs', name),
    remove: name => {
      this.model.remove(name);
      this.kept();
    },
    code: () => this.application.insert(line(['job', 'compare', ...this.model.names]))
  };

  protected override seen(visible: boolean): void {
    clearInterval(this.look);
    clearInterval(this.clock);
    this.model.visible = visible;
    if (!visible) return;
    if (this.place === 'AZURE')
      this.look = setInterval(() => !this.model.final && void this.model.refresh(), AWAY);
    this.clock = setInterval(() => !this.model.final && this.update(), 1000);
    this.update();
  }

  private hear(_: Live, news: News): void {
    this.model.hear(news);
  }
}
