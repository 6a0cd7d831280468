/** The form that connects a notebook; only its kernel can do that. */

import type { VNode } from 'preact';
import { ConnectModel } from '../model/connect';
import { ConnectForm } from '../views/connect';
import { t } from '../views/text';
import { anywidget } from './any';
import type { Drawing, Host } from './drawing';

/** Apart from the fields of other forms in the page. */
let count = 0;

class ConnectDrawing implements Drawing {
  readonly ready = true;
  private readonly model: ConnectModel;
  private readonly id = `jp-AmlLab-connect-${(count += 1)}`;

  constructor(host: Host) {
    this.model = new ConnectModel(host.rest);
    this.model.changed.connect(host.redraw, host);
  }

  view(): VNode {
    return (
      <div class="jp-AmlLab-card">
        <ConnectForm
          id={this.id}
          model={this.model}
          done={t('✓ Connected: the notebook works in this workspace now.')}
          actions={{ copy: text => void navigator.clipboard.writeText(text) }}
        />
      </div>
    );
  }

  seen(): void {
    // it asks for nothing until it is sent
  }

  dispose(): void {
    this.model.dispose();
  }
}

export const mount = (host: Host): Drawing => new ConnectDrawing(host);

export default anywidget(mount, { kernel: true });
