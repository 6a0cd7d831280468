/** A Lumino widget whose content Preact draws. */

import type { Message } from '@lumino/messaging';
import { Widget } from '@lumino/widgets';
import { render, type VNode } from 'preact';

export abstract class PreactWidget extends Widget {
  constructor() {
    super();
    this.addClass('jp-AmlLab');
  }

  /** What is to be seen now. */
  protected abstract view(): VNode;

  override dispose(): void {
    if (this.isDisposed) return;
    render(null, this.node);
    super.dispose();
  }

  protected override onAfterAttach(message: Message): void {
    super.onAfterAttach(message);
    this.update();
  }

  protected override onUpdateRequest(): void {
    if (!this.isDisposed) render(this.view(), this.node);
  }
}
