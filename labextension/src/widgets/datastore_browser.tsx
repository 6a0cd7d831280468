/** Files of a datastore, an asset or a job. */

import type { VNode } from 'preact';
import { FilesModel } from '../model/files';
import { Files } from '../views/files';
import { t } from '../views/text';
import { anywidget } from './any';
import type { Drawing, Host } from './drawing';

class FilesDrawing implements Drawing {
  private readonly model: FilesModel;
  private code = '';
  private begun = false;

  constructor(private readonly host: Host) {
    this.model = new FilesModel(host.rest, host.told.workspace, host.told.path ?? '');
    this.model.changed.connect(host.redraw, host);
  }

  get ready(): boolean {
    return this.model.entries !== undefined;
  }

  view(): VNode {
    return (
      <div class="jp-AmlLab-card">
        <Files model={this.model} insert={code => this.insert(code)} />
        {this.code && (
          <pre class="jp-AmlLab-code" aria-label={t('Code that reads it')}>
            {this.code}
          </pre>
        )}
      </div>
    );
  }

  seen(visible: boolean): void {
    if (!visible || this.begun) return;
    this.begun = true;
    void this.model.go([]);
  }

  dispose(): void {
    this.model.dispose();
  }

  private insert(code: string): void {
    if (this.host.insert) this.host.insert(code);
    else this.code = code;
    this.host.redraw();
  }
}

export const mount = (host: Host): Drawing => new FilesDrawing(host);

export default anywidget(mount);
