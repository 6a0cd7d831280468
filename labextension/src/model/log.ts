/** A log as it grows: whole lines in pieces, the unfinished line, and the first error. */

/** Colours and moves of a terminal. */
const ANSI = new RegExp(`${String.fromCharCode(27)}\\[[0-9;?]*[ -/]*[@-~]`, 'g');
const ERROR = /^(?:\S*\s)?(?:[\w.]*(?:Error|Exception)\b|ERROR\b|FATAL\b|error:|fatal:).*/;
const NO_ERROR = /\b(?:0|no) errors?\b/i;
const TRACEBACK = 'Traceback (most recent call last):';
/** Characters that are kept; what lies before them is let go, and said. */
const MOST = 400_000;
/** Characters in which an error is looked for anew. */
const WINDOW = 64_000;
const SHOWN = 14;

/** A log without terminal colours, and with progress bars reduced to their last state. */
export function clean(text: string): string {
  const without = text.replace(ANSI, '').replaceAll('\r\n', '\n');
  if (!without.includes('\r')) return without;
  return without
    .split('\n')
    .map(line => line.replace(/\r+$/, '').split('\r').at(-1) ?? '')
    .join('\n');
}

/** The first traceback, else the first line that says error, else nothing; and whether it is whole. */
export function firstError(text: string): { text: string; whole: boolean } {
  const lines = text.split('\n');
  const start = lines.findIndex(line => line.trim() === TRACEBACK);
  if (start < 0) {
    const line = lines.find(one => ERROR.test(one) && !NO_ERROR.test(one)) ?? '';
    return { text: line, whole: false };
  }
  let end = start + 1;
  while (end < lines.length && /^(\s|$)/.test(lines[end] ?? '')) end += 1;
  const found = lines.slice(start, end + 1);
  const shown = found.length > SHOWN ? [found[0], '  …', ...found.slice(2 - SHOWN)] : found;
  return { text: shown.join('\n').trimEnd(), whole: end < lines.length - 1 };
}

/** The text of a log so far. */
export class LogText {
  /** Whole lines, as they came; `first` is the number of the first piece that is still kept. */
  pieces: string[] = [];
  first = 0;
  /** The line that is not finished. */
  tail = '';
  /** Characters that were let go, or never read, before the first piece. */
  skipped = 0;
  error = '';
  private kept = 0;
  private window = '';
  private whole = false;

  /** Begin anew, with so many bytes unread before it. */
  reset(skipped = 0): void {
    Object.assign(this, { pieces: [], tail: '', error: '', kept: 0, window: '', whole: false, skipped });
    this.first += 1_000_000;
  }

  /** Take in what came. */
  append(text: string): void {
    if (!text) return;
    const whole = this.tail + text;
    const cut = whole.lastIndexOf('\n') + 1;
    this.tail = whole.slice(cut);
    const lines = clean(whole.slice(0, cut));
    if (!lines) return;
    this.pieces.push(lines);
    this.kept += lines.length;
    this.look(lines);
    while (this.kept > MOST && this.pieces.length > 1) {
      const gone = this.pieces.shift() ?? '';
      this.kept -= gone.length;
      this.skipped += gone.length;
      this.first += 1;
    }
  }

  private look(lines: string): void {
    if (this.whole) return;
    this.window = (this.window + lines).slice(-WINDOW);
    const found = firstError(this.window);
    if (found.text && (!this.error || found.text.startsWith(TRACEBACK))) this.error = found.text;
    this.whole = found.whole;
  }
}
