/** The page of a job in the main area. */

import type { VNode } from 'preact';
import { final } from '../format';
import type { Live, News } from '../live';
import type { FilesModel } from '../model/files';
import type { JobModel } from '../model/job';
import { LineageModel } from '../model/lineage';
import { artifacts, codeless, snapshot } from '../model/snapshot';
import { output } from '../rest';
import { type JobActions, JobBody, JobFault, JobHead, type JobTab, tabs, tabTitle } from '../views/job';
import { Lines } from '../views/preview';
import { t } from '../views/text';
import { Tabs } from '../views/tabs';
import { type Application, Page, type View } from './page';

/** Milliseconds in which changes are gathered before they are fetched. */
const GATHER = 250;
/** Milliseconds between two looks at a job in Azure, which tells of no changes. */
const AWAY = 10_000;

export class JobPage extends Page {
  private tab: JobTab = 'overview';
  private source: string | undefined;
  private files: FilesModel | undefined;
  private snapshot: FilesModel | undefined;
  private readonly lineage: LineageModel;
  private remembered = '';
  private timer: ReturnType<typeof setTimeout> | undefined;
  private clock: ReturnType<typeof setInterval> | undefined;
  private look: ReturnType<typeof setInterval> | undefined;

  /**
   * @param view - What it showed before.
   * @param kept - Remembers what it shows.
   */
  constructor(
    private readonly model: JobModel,
    private readonly live: Live,
    private readonly place: string,
    application: Application,
    private readonly before: View = {},
    private readonly kept: (view: View) => void = () => undefined
  ) {
    super(application);
    this.lineage = new LineageModel(model.rest, model.workspace);
    this.lineage.changed.connect(this.update, this);
    model.changed.connect(this.changed, this);
    live.changed.connect(this.hear, this);
  }

  override dispose(): void {
    if (this.isDisposed) return;
    clearTimeout(this.timer);
    clearInterval(this.clock);
    clearInterval(this.look);
    this.live.changed.disconnect(this.hear, this);
    this.model.changed.disconnect(this.changed, this);
    this.model.seen(this, false);
    this.files?.dispose();
    this.snapshot?.dispose();
    this.lineage.dispose();
    this.model.dispose();
    super.dispose();
  }

  protected view(): VNode {
    const { model } = this;
    if (!model.resource) {
      return model.error ? <JobFault model={model} /> : <p class="jp-AmlLab-soft">{t('Loading…')}</p>;
    }
    return (
      <>
        <JobFault model={model} />
        <JobHead model={model} place={this.place} busy={this.busy} actions={this.actions} />
        <Tabs
          label={model.title}
          tabs={tabs(model).map(tab => [tab, tabTitle(tab, model)])}
          chosen={this.tab}
          choose={tab => this.choose(tab as JobTab)}
        >
          <JobBody
            model={model}
            tab={this.tab}
            source={this.yaml()}
            files={this.files}
            code={this.snapshot}
            lineage={this.lineage}
            actions={this.actions}
          />
        </Tabs>
      </>
    );
  }

  private readonly actions: JobActions = {
    open: name => this.application.open('jobs', name),
    show: (segment, name) => this.application.open(segment, name),
    compare: names => this.application.compare(names),
    trace: () => void this.trace(),
    cancel: () => void this.act(() => this.model.cancel()),
    rerun: () => void this.act(() => this.again()),
    archive: () =>
      void this.act(() => this.model.archive(this.model.resource?.properties.isArchived !== true)),
    insert: code => this.application.insert(code),
    code: () => this.application.insert(`job = %aml job show ${this.model.name}`)
  };

  /** Go to the part that was shown before, once it is known what there is. */
  private resume(): void {
    const { tab } = this.before;
    if (!tab || !this.model.resource) return;
    this.before.tab = undefined;
    if (tabs(this.model).includes(tab as JobTab)) this.choose(tab as JobTab);
  }

  private changed(): void {
    this.resume();
    this.application.titled(this.model.title, this.model.status);
    this.update();
  }

  /** The job as YAML, fetched when somebody asks for it. */
  private yaml(): VNode {
    if (this.source === undefined) return <p class="jp-AmlLab-soft">{t('Loading…')}</p>;
    return <Lines text={this.source.trimEnd()} label={t('YAML')} />;
  }

  private choose(tab: JobTab): void {
    this.tab = tab;
    this.keep();
    if (tab === 'files') this.browse();
    if (tab === 'code') this.read();
    if (tab === 'lineage') void this.trace();
    if (tab === 'source' && this.source === undefined) void this.fetch();
    this.update();
  }

  /** What the run has written, listed anew whenever its part is chosen. */
  private browse(): void {
    const { rest, workspace, name } = this.model;
    this.files ??= this.watched(artifacts(rest, workspace, name), this.before.files);
    void this.files.refresh();
  }

  /** The code that it runs, which never changes. */
  private read(): void {
    const { rest, workspace, name, resource } = this.model;
    if (this.snapshot?.entries || codeless(resource?.properties ?? {})) return;
    this.snapshot ??= this.watched(snapshot(rest, workspace, name), this.before.code);
    void this.snapshot.refresh();
  }

  private watched(files: FilesModel, path: string[] = []): FilesModel {
    files.path = path;
    files.changed.connect(this.walked, this);
    return files;
  }

  private walked(): void {
    this.keep();
    this.update();
  }

  /** Remember what is shown, when it is another part or folder than before. */
  private keep(): void {
    const { files, code } = this.before;
    const view: View = {
      tab: this.tab,
      files: this.files?.path ?? files,
      code: this.snapshot?.path ?? code
    };
    const text = JSON.stringify(view);
    if (text === this.remembered) return;
    this.remembered = text;
    this.kept(view);
  }

  private async trace(): Promise<void> {
    const { resource, run } = this.model;
    if (resource) await this.lineage.find({ sort: 'job', resource, run });
  }

  private async fetch(): Promise<void> {
    const { model } = this;
    try {
      const ended = await model.rest.run(model.workspace, ['job', 'show', model.name, '--as', 'yaml']);
      this.source = ended.code === 0 ? ended.output : ended.error;
    } catch (error) {
      this.source = (error as Error).message;
    }
    this.update();
  }

  private async again(): Promise<void> {
    const { model } = this;
    const ended = await model.rest.run(model.workspace, ['job', 'rerun', model.name, '-o', 'json']);
    const { name } = JSON.parse(output(ended)) as { name: string };
    this.application.open('jobs', name);
  }

  protected override seen(visible: boolean): void {
    this.model.seen(this, visible);
    clearInterval(this.clock);
    clearInterval(this.look);
    const away = visible && this.place === 'AZURE';
    this.look = away ? setInterval(() => !this.model.final && void this.model.refresh(), AWAY) : undefined;
    this.clock = visible ? setInterval(() => !final(this.model.status) && this.update(), 1000) : undefined;
    if (visible) this.update();
  }

  private hear(_: Live, news: News): void {
    const { model } = this;
    const ours = news.workspace === model.workspace || news.everything;
    if (!ours || !this.isVisible) return;
    const named = news.changes.some(one => one.name === model.name || one.name.startsWith(`${model.name}_`));
    const tracked = news.changes.length === 0 && !model.final;
    if (named || tracked || news.everything) {
      this.timer ??= setTimeout(() => {
        this.timer = undefined;
        void model.refresh();
      }, GATHER);
    }
  }
}
