/** What the pages of the main area share: one thing is done at a time, and what is refused is said. */

import type { Message } from '@lumino/messaging';
import { PreactWidget } from '../preact';

/** What a page asks of the application. */
export interface Application {
  open: (segment: string, name: string) => void;
  compare: (names: string[]) => void;
  insert: (code: string) => void;
  /** Open the form for a new thing of a noun, with what is known of it already. */
  create: (noun: string, known: Record<string, string>) => void;
  say: (message: string, kind?: 'success' | 'error') => void;
  titled: (title: string, status: string) => void;
}

/** What a page shows of its object, for the next time that JupyterLab is opened. */
export type View = {
  tab?: string;
  /** Folders that are open. */
  files?: string[];
  code?: string[];
};

export abstract class Page extends PreactWidget {
  /** Whether something is being done. */
  protected busy = false;

  constructor(protected readonly application: Application) {
    super();
    this.addClass('jp-AmlLab-page');
  }

  /** Called when the page comes into sight, and when it leaves it. */
  protected abstract seen(visible: boolean): void;

  protected override onAfterShow(message: Message): void {
    super.onAfterShow(message);
    this.seen(true);
  }

  protected override onAfterAttach(message: Message): void {
    super.onAfterAttach(message);
    if (this.isVisible) this.seen(true);
  }

  protected override onBeforeHide(message: Message): void {
    super.onBeforeHide(message);
    this.seen(false);
  }

  /** Do something for the person; an error of it is told. */
  protected async act(work: () => Promise<void>): Promise<void> {
    this.busy = true;
    this.update();
    try {
      await work();
    } catch (error) {
      this.application.say((error as Error).message, 'error');
    } finally {
      this.busy = false;
      this.update();
    }
  }
}
