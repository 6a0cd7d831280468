/** Jobs in the outputs of cells: alive while they run, whatever the kernel does; frozen when they have ended. */

import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { type IRenderMime, IRenderMimeRegistry } from '@jupyterlab/rendermime';
import type { Message } from '@lumino/messaging';
import { Widget } from '@lumino/widgets';
import { render } from 'preact';
import { final } from './format';
import { Live, type News } from './live';
import { type JobModel, Pool } from './model/job';
import { Rest } from './rest';
import { ServerTransport } from './server';
import { Card } from './views/card';
import { t } from './views/text';

/** What a kernel sends of a job; `final` is there once it has ended. */
export const MIME = 'application/vnd.jupyter-aml.job+json';
const HTML = 'text/html';
/** Better than a widget's view (-10), for it needs no kernel. */
const RANK = -20;
const GATHER = 250;

interface Told {
  workspace: string;
  place: string;
  name: string;
  final?: object | null;
}

/** What all cards of a page share. */
export interface Shared {
  rest: Rest;
  pool: Pool;
  live: Live;
  /** Draws a bundle's static form; takes out of it what could do harm where the notebook is not trusted. */
  still: (model: IRenderMime.IMimeModel) => IRenderMime.IRenderer;
  open: ((told: { workspace: string; name: string }) => void) | undefined;
}

/** One output. */
export class JobOutput extends Widget implements IRenderMime.IRenderer {
  private model: JobModel | undefined;
  private output: IRenderMime.IMimeModel | undefined;
  private told: Told | undefined;
  private frozen: IRenderMime.IRenderer | undefined;
  private observer: IntersectionObserver | undefined;
  private readonly box = document.createElement('div');
  private timer: ReturnType<typeof setTimeout> | undefined;
  private clock: ReturnType<typeof setInterval> | undefined;
  private busy = false;
  private said = '';
  private freezing = false;

  constructor(private readonly shared: Shared) {
    super();
    this.addClass('jp-AmlLab-output');
    this.box.className = 'jp-AmlLab';
  }

  async renderModel(output: IRenderMime.IMimeModel): Promise<void> {
    this.output = output;
    this.told = output.data[MIME] as unknown as Told;
    if (this.told.final || !this.told.workspace) {
      await this.still();
      return;
    }
    if (this.model?.name === this.told.name && this.model.workspace === this.told.workspace) return;
    await this.still(); // until the service has answered
    this.follow(this.told);
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

  /** Draw the static form, as the kernel or the server has drawn it. */
  private async still(): Promise<void> {
    const { output } = this;
    if (!output) return;
    this.release();
    const frozen = this.shared.still(output);
    await frozen.renderModel(output);
    if (this.isDisposed) {
      frozen.dispose();
      return;
    }
    this.frozen?.dispose();
    this.frozen = frozen;
    this.node.replaceChildren(frozen.node);
  }

  /** Read the job from the service, and draw it anew whenever it changes. */
  private follow(told: Told): void {
    this.model = this.shared.pool.get(told.workspace, told.name);
    this.model.changed.connect(this.draw, this);
    this.shared.live.changed.connect(this.hear, this);
    this.clock = setInterval(() => this.draw(), 1000);
    this.watch();
  }

  private release(): void {
    this.observer?.disconnect();
    clearTimeout(this.timer);
    clearInterval(this.clock);
    this.shared.live.changed.disconnect(this.hear, this);
    if (this.model) {
      this.model.changed.disconnect(this.draw, this);
      this.model.seen(this, false);
      this.shared.pool.release(this.model);
    }
    this.model = undefined;
    render(null, this.box);
  }

  /** Only what is in sight asks the service. */
  private watch(): void {
    this.observer?.disconnect();
    if (!this.model) return;
    this.observer = new IntersectionObserver(seen => {
      this.model?.seen(this, seen.at(-1)?.isIntersecting === true);
    });
    this.observer.observe(this.node);
  }

  private draw(): void {
    const { model, told } = this;
    if (!model?.resource || !told) return; // the static form stands until the service answers
    if (this.box.parentNode !== this.node) this.node.replaceChildren(this.box);
    const open = this.shared.open;
    render(
      <Card
        model={model}
        place={told.place}
        busy={this.busy}
        said={this.said}
        actions={{
          cancel: () => void this.cancel(),
          open: open && (() => open(told)),
          child: name => open?.({ ...told, name })
        }}
      />,
      this.box
    );
    if (final(model.status) && model.logEnded) void this.freeze();
  }

  private async cancel(): Promise<void> {
    this.busy = true;
    this.said = '';
    this.draw();
    try {
      await this.model?.cancel();
    } catch (error) {
      this.said = t('It could not be cancelled: %1', (error as Error).message);
    }
    this.busy = false;
    this.draw();
  }

  /** Put the final form into the notebook, so that it shows the same without us, the service and the kernel. */
  private async freeze(): Promise<void> {
    const { told, output } = this;
    if (this.freezing || !told || !output) return;
    this.freezing = true;
    try {
      const bundle = await this.shared.rest.card(told.workspace, told.name);
      if (this.isDisposed || this.output !== output || this.told?.final) return; // the kernel was first
      output.setData({ data: bundle as never });
      await this.renderModel(output);
    } catch {
      // the live form stands; the server freezes it when the notebook is saved
    } finally {
      this.freezing = false;
    }
  }

  private hear(_: Live, news: News): void {
    const { model } = this;
    if (!model || (news.workspace !== model.workspace && !news.everything)) return;
    const named = news.changes.length === 0 || news.changes.some(one => one.name.startsWith(model.name));
    if (!named && !news.everything) return;
    this.timer ??= setTimeout(() => {
      this.timer = undefined;
      void this.model?.refresh();
    }, GATHER);
  }
}

/** The plugin: cells' outputs of ours are drawn by the page itself. */
export const renderer: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-aml:renderer',
  description: 'Live cards of Azure ML jobs in the outputs of cells.',
  autoStart: true,
  requires: [IRenderMimeRegistry],
  activate: (app: JupyterFrontEnd, registry: IRenderMimeRegistry): void => {
    const rest = new Rest(new ServerTransport(app.serviceManager.serverSettings));
    const pool = new Pool(rest);
    let live: Live | undefined;
    const factory: IRenderMime.IRendererFactory = {
      safe: true,
      mimeTypes: [MIME],
      createRenderer: options => {
        live ??= new Live(app.serviceManager.events, () => rest.state());
        return new JobOutput({
          rest,
          pool,
          live,
          still: () => {
            const html = registry.getFactory(HTML);
            if (!html) throw new Error('JupyterLab draws no HTML.');
            return html.createRenderer({ ...options, mimeType: HTML });
          },
          open: ({ workspace, name }) =>
            void app.commands.execute('aml:open', { workspace, segment: 'jobs', name })
        });
      }
    };
    registry.addFactory(factory, RANK);
  }
};
