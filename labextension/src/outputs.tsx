/** Other things than jobs in the outputs of cells: drawn by the page from REST, the static form where that fails. */

import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { type IRenderMime, IRenderMimeRegistry } from '@jupyterlab/rendermime';
import type { Message } from '@lumino/messaging';
import { Widget } from '@lumino/widgets';
import { render } from 'preact';
import { Live } from './live';
import { Rest } from './rest';
import { ServerTransport } from './server';
import { mount as automl } from './widgets/automl_leaderboard';
import { mount as files } from './widgets/datastore_browser';
import type { Drawing, Host, Mount, Told } from './widgets/drawing';
import { mount as endpoint } from './widgets/endpoint_tester';
import { mount as pipeline } from './widgets/pipeline_graph';
import { mount as comparison } from './widgets/run_comparison';
import { mount as sweep } from './widgets/sweep_explorer';

const MOUNTS: Record<string, Mount> = { automl, comparison, endpoint, files, pipeline, sweep };
const HTML = 'text/html';
/** Better than a widget's view (-10), for it needs no kernel. */
const RANK = -20;

/** The MIME type of a kind. */
export function mimeOf(kind: string): string {
  return `application/vnd.jupyter-aml.${kind}+json`;
}

/** What all outputs of a page share. */
export interface Surroundings {
  rest: Rest;
  live: Live;
  still: (output: IRenderMime.IMimeModel) => IRenderMime.IRenderer;
  open: (workspace: string, segment: string, name: string) => void;
  insert: (code: string) => void;
}

/** One output. */
export class DrawnOutput extends Widget implements IRenderMime.IRenderer {
  private drawing: Drawing | undefined;
  private frozen: IRenderMime.IRenderer | undefined;
  private observer: IntersectionObserver | undefined;
  private key = '';
  private readonly box = document.createElement('div');

  constructor(
    private readonly kind: string,
    private readonly around: Surroundings
  ) {
    super();
    this.addClass('jp-AmlLab-output');
    this.box.className = 'jp-AmlLab';
  }

  async renderModel(output: IRenderMime.IMimeModel): Promise<void> {
    const told = output.data[mimeOf(this.kind)] as unknown as Told;
    const key = JSON.stringify(told);
    if (key === this.key && this.drawing) return;
    this.key = key;
    this.release();
    await this.still(output); // until the service has answered, and where it does not
    const mount = MOUNTS[this.kind];
    if (this.isDisposed || !mount || !told.workspace) return;
    this.drawing = mount(this.host(told));
    this.watch();
  }

  override dispose(): void {
    if (this.isDisposed) return;
    this.release();
    this.frozen?.dispose();
    super.dispose();
  }

  protected override onAfterAttach(message: Message): void {
    super.onAfterAttach(message);
    this.watch();
  }

  protected override onBeforeDetach(message: Message): void {
    super.onBeforeDetach(message);
    this.observer?.disconnect();
  }

  private host(told: Told): Host {
    const { rest, live, open, insert } = this.around;
    return {
      told,
      rest,
      live,
      eager: false,
      redraw: () => this.draw(),
      open: (segment, name) => open(told.workspace, segment, name),
      insert
    };
  }

  private async still(output: IRenderMime.IMimeModel): Promise<void> {
    const frozen = this.around.still(output);
    await frozen.renderModel(output);
    this.frozen?.dispose();
    this.frozen = frozen;
    this.node.replaceChildren(frozen.node);
  }

  private draw(): void {
    if (!this.drawing?.ready || this.isDisposed) return;
    if (this.box.parentNode !== this.node) this.node.replaceChildren(this.box);
    render(this.drawing.view(), this.box);
  }

  /** Only what is in sight asks the service. */
  private watch(): void {
    this.observer?.disconnect();
    if (!this.drawing) return;
    this.observer = new IntersectionObserver(seen => {
      this.drawing?.seen(seen.at(-1)?.isIntersecting === true);
    });
    this.observer.observe(this.node);
  }

  private release(): void {
    this.observer?.disconnect();
    this.drawing?.dispose();
    this.drawing = undefined;
    render(null, this.box);
  }
}

/** The plugin: sweeps, pipelines, files and comparisons in outputs. */
export const outputs: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-aml:outputs',
  description: 'Live sweeps, pipelines, files and comparisons of Azure ML in the outputs of cells.',
  autoStart: true,
  requires: [IRenderMimeRegistry],
  activate: (app: JupyterFrontEnd, registry: IRenderMimeRegistry): void => {
    const rest = new Rest(new ServerTransport(app.serviceManager.serverSettings));
    let live: Live | undefined;
    for (const kind of Object.keys(MOUNTS)) {
      const factory: IRenderMime.IRendererFactory = {
        safe: true,
        mimeTypes: [mimeOf(kind)],
        createRenderer: options => {
          live ??= new Live(app.serviceManager.events, () => rest.state());
          return new DrawnOutput(kind, {
            rest,
            live,
            still: () => {
              const html = registry.getFactory(HTML);
              if (!html) throw new Error('JupyterLab draws no HTML.');
              return html.createRenderer({ ...options, mimeType: HTML });
            },
            open: (workspace, segment, name) =>
              void app.commands.execute('aml:open', { workspace, segment, name }),
            insert: code => void app.commands.execute('aml:insert', { code })
          });
        }
      };
      registry.addFactory(factory, RANK);
    }
  }
};
