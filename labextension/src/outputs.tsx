/** Outputs of cells: drawn by the page from REST, whatever the kernel does; jobs are frozen when they have ended. */

import { ILabShell, type JupyterFrontEnd, type JupyterFrontEndPlugin } from '@jupyterlab/application';
import { type IRenderMime, IRenderMimeRegistry } from '@jupyterlab/rendermime';
import type { ReadonlyPartialJSONObject } from '@lumino/coreutils';
import type { Message } from '@lumino/messaging';
import { Widget } from '@lumino/widgets';
import { render } from 'preact';
import { Live } from './live';
import { Pool } from './model/job';
import { Rest } from './rest';
import { ServerTransport } from './server';
import { mount as automl } from './widgets/automl_leaderboard';
import { mount as files } from './widgets/datastore_browser';
import type { Drawing, Host, Mount, Told } from './widgets/drawing';
import { mount as endpoint } from './widgets/endpoint_tester';
import { mount as job } from './widgets/job_card';
import { mount as pipeline } from './widgets/pipeline_graph';
import { mount as comparison } from './widgets/run_comparison';
import { mount as sweep } from './widgets/sweep_explorer';

const MOUNTS: Record<string, Mount> = { automl, comparison, endpoint, files, job, pipeline, sweep };
/** Of what is frozen into the notebook when it has ended. */
const FROZEN = 'job';
const HTML = 'text/html';
/** Better than a widget's view (-10), for it needs no kernel. */
const RANK = -20;

/** What a kernel sends; `final` is there once a job has ended. */
type Sent = Told & { final?: unknown };

/** The MIME type of a kind. */
export function mimeOf(kind: string): string {
  return `application/vnd.jupyter-aml.${kind}+json`;
}

/** What all outputs of a page share. */
export interface Surroundings {
  rest: Rest;
  pool: Pool;
  live: Live;
  /** Draws a bundle's static form; takes out of it what could do harm where the notebook is not trusted. */
  still: () => IRenderMime.IRenderer;
  /** Where there are pages, as in JupyterLab; Notebook has none. */
  open: ((workspace: string, segment: string, name: string) => void) | undefined;
  insert: ((code: string) => void) | undefined;
}

/** One output. */
export class Output extends Widget implements IRenderMime.IRenderer {
  private output: IRenderMime.IMimeModel | undefined;
  private drawing: Drawing | undefined;
  private frozen: IRenderMime.IRenderer | undefined;
  private observer: IntersectionObserver | undefined;
  private key = '';
  private freezing = false;
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
    this.output = output;
    const sent = output.data[mimeOf(this.kind)] as unknown as Sent;
    const key = JSON.stringify(sent);
    if (key === this.key && this.drawing) {
      if (this.box.parentNode !== this.node) await this.still(output); // no service has answered; the kernel has
      return;
    }
    this.key = key;
    this.release();
    await this.still(output); // until the service has answered, and where it does not
    const mount = MOUNTS[this.kind];
    const ended = this.kind === FROZEN && !!sent.final;
    if (this.isDisposed || this.key !== key || ended || !mount || !sent.workspace) return;
    this.drawing = mount(this.host(sent));
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
    const { rest, pool, live, open, insert } = this.around;
    return {
      told,
      rest,
      pool,
      live,
      eager: false,
      redraw: () => this.draw(),
      open: open && ((segment, name) => open(told.workspace, segment, name)),
      insert
    };
  }

  /** Draw the static form, as the kernel or the server has drawn it. */
  private async still(output: IRenderMime.IMimeModel): Promise<void> {
    const frozen = this.around.still();
    await frozen.renderModel(output);
    if (this.isDisposed) {
      frozen.dispose();
      return;
    }
    this.frozen?.dispose();
    this.frozen = frozen;
    this.node.replaceChildren(frozen.node);
  }

  private draw(): void {
    const { drawing } = this;
    if (!drawing?.ready || this.isDisposed) return; // the static form stands until the service answers
    if (this.box.parentNode !== this.node) this.node.replaceChildren(this.box);
    render(drawing.view(), this.box);
    if (this.kind === FROZEN && drawing.ended) void this.freeze();
  }

  /** Put the final form into the notebook, so that it shows the same without us, the service and the kernel. */
  private async freeze(): Promise<void> {
    const { key, output } = this;
    if (this.freezing || !output) return;
    this.freezing = true;
    try {
      const { workspace, name = '' } = output.data[mimeOf(this.kind)] as unknown as Sent;
      const bundle = await this.around.rest.card(workspace, name);
      if (this.isDisposed || this.output !== output || this.key !== key) return; // the kernel was first
      output.setData({ data: bundle as never });
      await this.renderModel(output);
    } catch {
      // the live form stands; the server freezes it when the notebook is saved
    } finally {
      this.freezing = false;
    }
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

/** The plugin: cells' outputs of ours are drawn by the page itself. */
export const outputs: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-aml:outputs',
  description:
    'Live jobs, sweeps, pipelines, comparisons, files and endpoints of Azure ML in the outputs of cells.',
  autoStart: true,
  requires: [IRenderMimeRegistry],
  optional: [ILabShell],
  activate: (app: JupyterFrontEnd, registry: IRenderMimeRegistry, shell: ILabShell | null): void => {
    const rest = new Rest(new ServerTransport(app.serviceManager.serverSettings));
    const pool = new Pool(rest);
    let live: Live | undefined;
    const run = (command: string, given: ReadonlyPartialJSONObject): void =>
      void app.commands.execute(command, given);
    const around = (options: IRenderMime.IRendererOptions): Surroundings => ({
      rest,
      pool,
      live: (live ??= new Live(app.serviceManager.events, () => rest.state())),
      still: () => {
        const html = registry.getFactory(HTML);
        if (!html) throw new Error('JupyterLab draws no HTML.');
        return html.createRenderer({ ...options, mimeType: HTML });
      },
      open: shell ? (workspace, segment, name) => run('aml:open', { workspace, segment, name }) : undefined,
      insert: shell ? code => run('aml:insert', { code }) : undefined
    });
    for (const kind of Object.keys(MOUNTS)) {
      registry.addFactory(
        {
          safe: true,
          mimeTypes: [mimeOf(kind)],
          createRenderer: options => new Output(kind, around(options))
        },
        RANK
      );
    }
  }
};
