/** An endpoint: deployments and traffic, how it does, test calls, log, jobs of a batch; followed while somebody looks. */

import type { VNode } from 'preact';
import type { News } from '../live';
import { EndpointModel, ONLINE } from '../model/endpoint';
import { MeasuresModel } from '../model/measures';
import { ContainerLog, ScoringModel } from '../model/scoring';
import { Fault } from '../views/basics';
import { type CardModels, EndpointCard } from '../views/endpoint_card';
import { t } from '../views/text';
import { anywidget } from './any';
import type { Drawing, Host } from './drawing';

/** Milliseconds in which changes are gathered before they are fetched. */
const GATHER = 250;
/** Apart from the fields of other cards in the page. */
let count = 0;

class EndpointDrawing implements Drawing {
  private readonly models: CardModels;
  private readonly id = `jp-AmlLab-tester-${(count += 1)}`;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private visible = false;
  private reading = false;

  constructor(private readonly host: Host) {
    const { rest, told } = host;
    const model = new EndpointModel(rest, told.workspace, told.segment || ONLINE, told.name ?? '');
    this.models = {
      model,
      scoring: new ScoringModel(model),
      measures: new MeasuresModel(rest, told.workspace, model.path, told.place),
      log: new ContainerLog(rest, told.workspace, model.path)
    };
    model.changed.connect(this.changed, this);
    for (const one of [this.models.scoring, this.models.measures, this.models.log])
      one.changed.connect(host.redraw, host);
    host.live.changed.connect(this.hear, this);
    if (host.eager) void model.refresh();
  }

  get ready(): boolean {
    return this.models.model.resource !== undefined;
  }

  view(): VNode {
    const { host, models, id } = this;
    const { model } = models;
    if (!model.resource) {
      if (!model.error) return <p class="jp-AmlLab-soft">{t('Loading…')}</p>;
      return <Fault error={model.error} retry={() => void model.refresh()} />;
    }
    const read = (shown: boolean): void => this.read(shown);
    return (
      <EndpointCard models={models} place={host.told.place} id={id} actions={{ open: host.open, read }} />
    );
  }

  seen(visible: boolean): void {
    this.visible = visible;
    this.models.model.seen(visible);
    this.look();
  }

  dispose(): void {
    clearTimeout(this.timer);
    this.host.live.changed.disconnect(this.hear, this);
    const { model, scoring, measures, log } = this.models;
    for (const one of [scoring, measures, log, model]) one.dispose();
  }

  /** Whether there is something that answers requests. */
  private get asked(): boolean {
    const { model } = this.models;
    return model.online && model.deployments.length > 0;
  }

  /** Follow what is shown: nothing is answered by an endpoint without deployments, and a log that is closed. */
  private look(): void {
    const { measures, log } = this.models;
    measures.seen(this.visible && this.asked);
    log.seen(this.visible && this.reading);
  }

  private read(shown: boolean): void {
    const { model, log } = this.models;
    this.reading = shown;
    if (shown) void log.choose(log.deployment || (model.deployments[0]?.name ?? ''));
    this.look();
  }

  private changed(): void {
    const { scoring } = this.models;
    if (this.asked) void scoring.begin();
    this.look();
    this.host.redraw();
  }

  private hear(_: unknown, news: News): void {
    const { model } = this.models;
    if (!(this.visible || this.host.eager) || (news.workspace !== model.workspace && !news.everything))
      return;
    const named = news.changes.some(
      one => model.concerns(one.kind, one.name) || (!model.online && one.kind === 'jobs')
    );
    if (!named && !news.everything) return;
    this.timer ??= setTimeout(() => {
      this.timer = undefined;
      void model.refresh();
    }, GATHER);
  }
}

export const mount = (host: Host): Drawing => new EndpointDrawing(host);

export default anywidget(mount);
