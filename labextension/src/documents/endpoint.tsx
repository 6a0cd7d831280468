/** The page of an endpoint in the main area. */

import { Clipboard } from '@jupyterlab/apputils';
import type { VNode } from 'preact';
import type { Live, News } from '../live';
import { line } from '../model/code';
import type { EndpointModel } from '../model/endpoint';
import { MeasuresModel } from '../model/measures';
import { ContainerLog, ScoringModel } from '../model/scoring';
import { Fault } from '../views/basics';
import {
  BatchJobs,
  type EndpointActions,
  EndpointHead,
  EndpointOverview,
  type EndpointTab,
  endpointTabs
} from '../views/endpoint';
import { Measures } from '../views/measures';
import { Logs, Test } from '../views/scoring';
import { Tabs } from '../views/tabs';
import { t } from '../views/text';
import { type Application, Page } from './page';

/** Milliseconds in which changes are gathered before they are fetched. */
const GATHER = 250;

export class EndpointPage extends Page {
  private tab: EndpointTab = 'overview';
  private readonly scoring: ScoringModel;
  private readonly log: ContainerLog;
  private readonly measures: MeasuresModel;
  private timer: ReturnType<typeof setTimeout> | undefined;

  /**
   * @param sure - Asks the person before something is lost.
   */
  constructor(
    private readonly model: EndpointModel,
    private readonly live: Live,
    private readonly place: string,
    application: Application,
    private readonly sure: (question: string) => Promise<boolean>
  ) {
    super(application);
    this.scoring = new ScoringModel(model);
    this.log = new ContainerLog(model.rest, model.workspace, model.path);
    this.measures = new MeasuresModel(model.rest, model.workspace, model.path, place);
    for (const one of [this.scoring, this.log, this.measures]) one.changed.connect(this.redraw, this);
    model.changed.connect(this.changed, this);
    live.changed.connect(this.hear, this);
  }

  override dispose(): void {
    if (this.isDisposed) return;
    clearTimeout(this.timer);
    this.live.changed.disconnect(this.hear, this);
    for (const one of [this.scoring, this.log, this.measures, this.model]) one.dispose();
    super.dispose();
  }

  protected override seen(visible: boolean): void {
    this.model.seen(visible);
    this.measures.seen(visible && this.tab === 'metrics');
    this.log.seen(visible && this.tab === 'logs');
  }

  protected view(): VNode {
    const { model } = this;
    const fault = model.error && <Fault error={model.error} retry={this.actions.refresh} />;
    if (!model.resource) return fault ?? <p class="jp-AmlLab-soft jp-AmlLab-empty">{t('Loading…')}</p>;
    return (
      <>
        {fault}
        <EndpointHead model={model} place={this.place} busy={this.busy} actions={this.actions} />
        <Tabs
          label={model.name}
          tabs={endpointTabs(model)}
          chosen={this.tab}
          choose={tab => this.choose(tab as EndpointTab)}
        >
          {this.body()}
        </Tabs>
      </>
    );
  }

  private readonly actions: EndpointActions = {
    show: (segment, name) => this.application.open(segment, name),
    code: () => this.application.insert(this.code()),
    deploy: () => {
      const noun = this.model.online ? 'online-deployment' : 'batch-deployment';
      this.application.create(noun, { 'endpoint-name': this.model.name });
    },
    copy: text => {
      Clipboard.copyToSystem(text);
      this.application.say(t('Copied.'));
    },
    save: () => void this.act(() => this.save()),
    standardise: deployment => void this.act(() => this.model.standardise(deployment)),
    remove: () => void this.act(() => this.remove()),
    refresh: () => void this.act(() => this.model.refresh())
  };

  private body(): VNode {
    const { model } = this;
    switch (this.tab) {
      case 'overview':
        return <EndpointOverview model={model} busy={this.busy} actions={this.actions} />;
      case 'metrics':
        return <Measures measures={this.measures} id={this.id} />;
      case 'test':
        return <Test model={model} scoring={this.scoring} id={this.id} />;
      case 'logs':
        return <Logs model={model} log={this.log} id={this.id} />;
      case 'jobs':
        return <BatchJobs model={model} show={this.actions.show} />;
    }
  }

  /** The line that asks the endpoint. */
  private code(): string {
    const { online, name } = this.model;
    return online
      ? line(['online-endpoint', 'invoke', '--name', name, '--request-file', 'request.json'])
      : line(['batch-endpoint', 'invoke', '--name', name, '--input', 'azureml:DATA@latest']);
  }

  private choose(tab: EndpointTab): void {
    this.tab = tab;
    if (tab === 'test') void this.scoring.begin();
    if (tab === 'logs') void this.log.choose(this.log.deployment || (this.model.deployments[0]?.name ?? ''));
    this.seen(this.isVisible);
    this.update();
  }

  private async save(): Promise<void> {
    if (await this.model.save()) {
      this.application.say(t('The traffic was saved.'));
    } else {
      const said = t(
        'Somebody else has changed the traffic: look at the deployments, then save again or undo.'
      );
      this.application.say(said, 'error');
    }
  }

  private async remove(): Promise<void> {
    const { model } = this;
    const question = t('Delete the endpoint "%1" with %2 deployments?', model.name, model.deployments.length);
    if (await this.sure(question)) await model.remove();
  }

  private changed(): void {
    if (this.tab === 'test') void this.scoring.begin();
    this.application.titled(this.model.name, this.model.state);
    this.update();
  }

  private redraw(): void {
    this.update();
  }

  private hear(_: Live, news: News): void {
    const { model } = this;
    if ((news.workspace !== model.workspace && !news.everything) || !this.isVisible) return;
    const named = news.changes.some(
      one => model.concerns(one.kind, one.name) || (this.tab === 'jobs' && one.kind === 'jobs')
    );
    if (!named && !news.everything) return;
    this.timer ??= setTimeout(() => {
      this.timer = undefined;
      void model.refresh();
    }, GATHER);
  }
}
