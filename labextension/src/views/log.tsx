/** A log that grows: its first error stays in sight, and a thousand lines a second do not block the page. */

import { Component, type JSX } from 'preact';
import { bytes } from '../format';
import { clean, type LogText } from '../model/log';
import { t } from './text';

/** Pixels from the end within which the log is followed. */
export const NEAR = 40;

/** The log; it follows its end until somebody scrolls up. */
export class Log extends Component<{ log: LogText; grows: boolean }> {
  private box: HTMLPreElement | null = null;
  private readonly tail = document.createTextNode('');
  private first = 0;
  private count = 0;

  override componentDidMount(): void {
    this.draw();
  }

  override componentDidUpdate(): void {
    this.draw();
  }

  render({ log }: { log: LogText; grows: boolean }): JSX.Element {
    return (
      <div class="jp-AmlLab-log">
        {log.error && (
          <pre class="jp-AmlLab-pinned" aria-label={t('First error')}>
            {log.error}
          </pre>
        )}
        {log.skipped > 0 && (
          <p class="jp-AmlLab-soft">{t('The first %1 are left out.', bytes(log.skipped))}</p>
        )}
        <pre
          ref={box => {
            this.box = box;
          }}
          class="jp-AmlLab-lines"
          tabIndex={0}
          role="log"
          aria-live="off"
          aria-label={t('Log')}
        />
        <p class="jp-AmlLab-soft">{this.said()}</p>
      </div>
    );
  }

  /** How far it is. */
  private said(): string {
    const { log, grows } = this.props;
    const nothing = log.pieces.length === 0 && !log.tail;
    if (grows) return nothing ? t('Waiting for the log…') : t('More to come…');
    return nothing ? t('Nothing has been logged.') : '';
  }

  /** Append what is new as text, and let go what the log has let go. */
  private draw(): void {
    const { log } = this.props;
    const box = this.box;
    if (!box) return;
    const follows = box.scrollHeight - box.scrollTop - box.clientHeight < NEAR;
    if (log.first >= this.first + this.count) {
      box.replaceChildren(this.tail);
      this.first = log.first;
      this.count = 0;
    }
    for (; this.first < log.first; this.first += 1, this.count -= 1) box.firstChild?.remove();
    for (const piece of log.pieces.slice(this.count)) {
      box.insertBefore(document.createTextNode(piece), this.tail);
      this.count += 1;
    }
    this.tail.data = clean(log.tail);
    if (follows) box.scrollTop = box.scrollHeight;
  }
}
