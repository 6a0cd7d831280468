/** A drawing as an anywidget: one module, no CDN, whatever the notebook's front end. */

import { Signal } from '@lumino/signaling';
import { render } from 'preact';
import type { Change, News } from '../live';
import { Rest } from '../rest';
import type { Host, Mount, Told } from './drawing';
import { EitherTransport, KernelTransport, type Model } from './transports';

/** Milliseconds between two looks where nobody tells of changes. */
const LOOK = 10_000;

/** What the kernel tells of changes in the workspace. */
class Heard {
  readonly changed = new Signal<this, News>(this);

  constructor(
    private readonly model: Model,
    private readonly workspace: string
  ) {
    model.on('msg:custom', this.hear);
  }

  /** As if everything had changed. */
  all(): void {
    this.changed.emit({ workspace: this.workspace, changes: [], everything: true });
  }

  dispose(): void {
    this.model.off('msg:custom', this.hear);
    Signal.clearData(this);
  }

  private readonly hear = (sent: { changed?: Change[] | null }): void => {
    if (sent.changed === undefined) return;
    const changes = sent.changed ?? [];
    this.changed.emit({ workspace: this.workspace, changes, everything: sent.changed === null });
  };
}

/** Whether the page has JupyterLab's colours. */
function themed(): boolean {
  return getComputedStyle(document.body).getPropertyValue('--jp-layout-color1') !== '';
}

interface Given {
  model: Model;
  el: HTMLElement;
}

/**
 * What a module of anywidget exports. Source: anywidget's front-end module, `render`.
 */
export function anywidget(
  mount: Mount,
  /** Whether only the kernel can answer. */
  { kernel: only = false } = {}
): { render: (given: Given) => () => void } {
  return {
    render({ model, el }) {
      const told = model.get('told') as Told;
      const kernel = new KernelTransport(model);
      const live = new Heard(model, told.workspace);
      el.classList.add('jp-AmlLab', 'jp-AmlLab-output');
      if (!themed()) el.classList.add('jp-AmlLab-alone');
      let gone = false;
      const carrier = only ? kernel : new EitherTransport(kernel, told.workspace, model);
      const host: Host = {
        told,
        rest: new Rest(carrier),
        live,
        get eager() {
          return carrier.address('') === '';
        },
        redraw: () => {
          if (!gone) render(drawing.view(), el);
        }
      };
      const drawing = mount(host);
      const observer = new IntersectionObserver(seen => drawing.seen(seen.at(-1)?.isIntersecting === true));
      observer.observe(el);
      host.redraw();
      const clock = setInterval(() => {
        if (!document.hidden) live.all();
      }, LOOK);
      return () => {
        gone = true;
        clearInterval(clock);
        observer.disconnect();
        drawing.dispose();
        live.dispose();
        kernel.dispose();
        render(null, el);
      };
    }
  };
}
