/** The page that connects to a workspace, and signs in to one in Azure. */

import type { VNode } from 'preact';
import type { ConnectModel } from '../model/connect';
import { PreactWidget } from '../preact';
import { ConnectForm } from '../views/connect';
import { t } from '../views/text';

/** What the page asks of the application. */
export interface Connecting {
  insert: (code: string) => void;
  say: (message: string, kind?: 'success' | 'error') => void;
  /** A workspace can be used now. */
  connected: (workspace: string) => void;
}

export class ConnectPage extends PreactWidget {
  private told: string | undefined;

  constructor(
    private readonly model: ConnectModel,
    private readonly application: Connecting
  ) {
    super();
    this.addClass('jp-AmlLab-page');
    model.changed.connect(this.changed, this);
  }

  override dispose(): void {
    if (this.isDisposed) return;
    this.model.changed.disconnect(this.changed, this);
    this.model.dispose();
    super.dispose();
  }

  protected view(): VNode {
    return (
      <ConnectForm
        id={this.id}
        model={this.model}
        actions={{ insert: code => this.application.insert(code), copy: text => void this.copy(text) }}
      />
    );
  }

  private async copy(text: string): Promise<void> {
    try {
      await navigator.clipboard.writeText(text);
      this.application.say(t('The code is in the clipboard.'));
    } catch {
      this.application.say(t('The browser does not allow it: select the code and copy it.'), 'error');
    }
  }

  private changed(): void {
    this.update();
    const { done } = this.model;
    if (done && done !== this.told) this.application.connected(done);
    this.told = done;
  }
}
