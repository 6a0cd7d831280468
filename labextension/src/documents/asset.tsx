/** The page of an asset in the main area. */

import type { VNode } from 'preact';
import type { Live, News } from '../live';
import type { AssetModel } from '../model/asset';
import { snippet } from '../model/code';
import { Poll } from '../model/poll';
import { AssetView } from '../views/asset';
import { t } from '../views/text';
import { type Application, Page, type View } from './page';

/** Milliseconds between two looks at an asset in Azure, which tells of no changes. */
const AWAY = 30_000;
/** Milliseconds in which changes of jobs are gathered before a compute is looked at again. */
const GATHER = 1000;

export class AssetPage extends Page {
  private folder = '';
  private timer: ReturnType<typeof setTimeout> | undefined;
  private readonly poll = new Poll(AWAY, () => this.look());

  /**
   * @param sure - Asks the person before something is lost.
   * @param kept - Remembers which folder is open.
   */
  constructor(
    private readonly model: AssetModel,
    private readonly live: Live,
    private readonly place: string,
    application: Application,
    private readonly sure: (question: string) => Promise<boolean>,
    private readonly kept: (view: View) => void = () => undefined
  ) {
    super(application);
    model.changed.connect(this.changed, this);
    live.changed.connect(this.hear, this);
    void model.refresh();
    this.poll.looked();
  }

  override dispose(): void {
    if (this.isDisposed) return;
    clearTimeout(this.timer);
    this.live.changed.disconnect(this.hear, this);
    this.poll.dispose();
    this.model.dispose();
    super.dispose();
  }

  protected override seen(visible: boolean): void {
    this.poll.wanted = visible && this.place === 'AZURE';
  }

  protected view(): VNode {
    return (
      <AssetView
        model={this.model}
        place={this.place}
        busy={this.busy}
        actions={{
          verb: verb => void this.act(() => this.verb(verb)),
          code: () =>
            this.application.insert(snippet(this.model.section.noun, this.model.name, this.version())),
          insert: code => this.application.insert(code),
          look: () => void this.act(() => this.model.look()),
          open: (segment, name) => this.application.open(segment, name)
        }}
      />
    );
  }

  /** Fetch it anew; whether it could be had. */
  private async look(): Promise<boolean> {
    await this.model.refresh();
    return this.model.error === undefined;
  }

  private changed(): void {
    const path = this.model.files?.path;
    if (path && path.join('/') !== this.folder) {
      this.folder = path.join('/');
      this.kept({ files: path });
    }
    this.update();
  }

  private version(): string {
    return this.model.section.versioned ? this.model.chosen : '';
  }

  private async verb(verb: string): Promise<void> {
    const { model } = this;
    if (verb === 'delete' && !(await this.sure(t('Delete the %1 "%2"?', model.section.title, model.name))))
      return;
    await model.act(verb);
  }

  private hear(_: Live, news: News): void {
    const { model } = this;
    if (news.workspace !== model.workspace && !news.everything) return;
    const named = news.changes.some(
      one => one.kind === model.section.segment && one.name.split('/')[0] === model.name
    );
    if (named || news.everything) void model.refresh();
    else if (model.section.segment === 'computes' && news.changes.some(one => one.kind === 'jobs'))
      this.soon();
  }

  /** Look again in a while: jobs have begun or ended, which take the slots of a compute. */
  private soon(): void {
    if (!this.isVisible) return;
    this.timer ??= setTimeout(() => {
      this.timer = undefined;
      void this.model.refresh();
    }, GATHER);
  }
}
