/** Test calls of an online endpoint: the body, who serves, the answer, the latencies. */

import type { VNode } from 'preact';
import { EndpointModel, ONLINE } from '../model/endpoint';
import { ScoringModel } from '../model/scoring';
import { Badge, Facts, Fault, Status } from '../views/basics';
import { Test } from '../views/scoring';
import { t } from '../views/text';
import { anywidget } from './any';
import type { Drawing, Host } from './drawing';

/** Apart from the fields of other testers in the page. */
let count = 0;

class TesterDrawing implements Drawing {
  private readonly model: EndpointModel;
  private readonly scoring: ScoringModel;
  private readonly id = `jp-AmlLab-tester-${(count += 1)}`;

  constructor(private readonly host: Host) {
    const { rest, told } = host;
    this.model = new EndpointModel(rest, told.workspace, ONLINE, told.name ?? '');
    this.scoring = new ScoringModel(this.model);
    this.model.changed.connect(this.changed, this);
    this.scoring.changed.connect(host.redraw, host);
    if (host.eager) void this.model.refresh();
  }

  get ready(): boolean {
    return this.model.resource !== undefined;
  }

  view(): VNode {
    const { model, host } = this;
    if (!model.resource) {
      if (!model.error) return <p class="jp-AmlLab-soft">{t('Loading…')}</p>;
      return <Fault error={model.error} retry={() => void model.refresh()} />;
    }
    return (
      <div class="jp-AmlLab-card">
        <div class="jp-AmlLab-title">
          <Status value={model.state} />
          <strong>{model.name}</strong>
          <Badge place={host.told.place} />
        </div>
        <Facts pairs={[[t('scoring URI'), String(model.resource.properties.scoringUri ?? '')]]} />
        {model.error && <Fault error={model.error} retry={() => void model.refresh()} />}
        <Test model={model} scoring={this.scoring} id={this.id} />
      </div>
    );
  }

  seen(visible: boolean): void {
    this.model.seen(visible);
  }

  dispose(): void {
    this.scoring.dispose();
    this.model.dispose();
  }

  private changed(): void {
    if (this.model.resource) void this.scoring.begin();
    this.host.redraw();
  }
}

export const mount = (host: Host): Drawing => new TesterDrawing(host);

export default anywidget(mount);
