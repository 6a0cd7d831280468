/** How numbers, times, sizes and statuses are written for a person; as the cards of the notebook write them. */

const ICONS: Record<string, string> = {
  Completed: '✓',
  Succeeded: '✓',
  Healthy: '✓',
  Failed: '✗',
  Unhealthy: '✗',
  Canceled: '⊘',
  CancelRequested: '⊘',
  Running: '▶',
  Finalizing: '▶',
  Paused: '‖'
};
const TONES: Record<string, Tone> = {
  Completed: 'good',
  Succeeded: 'good',
  Healthy: 'good',
  Running: 'busy',
  Finalizing: 'busy',
  Failed: 'bad',
  Unhealthy: 'bad'
};
const WAITING = [
  ...['NotStarted', 'Starting', 'Provisioning', 'Preparing', 'Queued'],
  ...['Creating', 'Updating', 'Scaling', 'Deleting']
];
const FINAL = ['Completed', 'Failed', 'Canceled'];

export type Tone = 'good' | 'busy' | 'bad' | 'wait' | 'still';

/** One character for a status; a dot for those that only wait. */
export function icon(status: string): string {
  return ICONS[status] ?? (WAITING.includes(status) ? '●' : '○');
}

/** The colour class of a status. */
export function tone(status: string): Tone {
  return TONES[status] ?? (WAITING.includes(status) ? 'wait' : 'still');
}

/** Whether a job has ended. */
export function final(status: string): boolean {
  return FINAL.includes(status);
}

/** At most five significant digits. */
export function number(value: number): string {
  if (Number.isNaN(value)) return 'nan';
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf';
  if (Number.isInteger(value) && Math.abs(value) < 1e6) return String(value);
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-4 || size >= 1e5)) return value.toExponential(4).replace(/\.?0+e/, 'e');
  return String(Number(value.toPrecision(5)));
}

/** What to set behind each number of a column so that all points stand below each other. */
export function blanks(texts: string[]): string[] {
  const found = texts.map(text => /^-?\d+(?:\.(\d+))?$/.exec(text));
  const digits = found.map(one => one?.[1]?.length ?? 0);
  const most = digits.reduce((best, one) => Math.max(best, one), 0);
  return digits.map((own, at) => {
    if (!found[at] || own === most) return '';
    return (own === 0 ? '\u2008' : '') + '\u2007'.repeat(most - own);
  });
}

/** Bytes as `532 B`, `1.5 KB`, `20 MB`; powers of 1024. */
export function bytes(count: number): string {
  let left = count;
  for (const unit of ['B', 'KB', 'MB', 'GB']) {
    if (left < 1024)
      return unit === 'B' || left >= 10 ? `${left.toFixed(0)} ${unit}` : `${left.toFixed(1)} ${unit}`;
    left /= 1024;
  }
  return `${left.toFixed(1)} TB`;
}

/** Seconds as `0.42 s`, `12 s`, `3 min 05 s`, `2 h 10 min`, `3 d 4 h`. */
export function duration(seconds: number): string {
  if (seconds < 10) return `${Number(Math.max(seconds, 0).toPrecision(2))} s`;
  const whole = Math.floor(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, '0')} s`;
  if (whole < 86400)
    return `${Math.floor(whole / 3600)} h ${String(Math.floor((whole % 3600) / 60)).padStart(2, '0')} min`;
  return `${Math.floor(whole / 86400)} d ${Math.floor((whole % 86400) / 3600)} h`;
}

/** A time as `now`, `5 min`, `3 h`, `2 d`, or as its date when it is long ago. */
export function ago(iso: string, now: number = Date.now()): string {
  const then = Date.parse(iso);
  if (Number.isNaN(then)) return '';
  const seconds = Math.max((now - then) / 1000, 0);
  if (seconds < 60) return 'now';
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h`;
  if (seconds < 30 * 86400) return `${Math.floor(seconds / 86400)} d`;
  return new Date(then).toISOString().slice(0, 10);
}

/** A time in the reader's own zone, to the second. */
export function absolute(iso: string): string {
  const then = new Date(iso);
  return Number.isNaN(then.getTime()) ? '' : then.toLocaleString();
}

/** Any value as one short line. */
export function cell(value: unknown): string {
  if (value === null || value === undefined) return '';
  if (typeof value === 'number') return number(value);
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  if (Array.isArray(value)) return value.map(cell).join(', ');
  if (typeof value === 'object')
    return Object.entries(value)
      .map(([key, item]) => `${key}=${cell(item)}`)
      .join(', ');
  return String(value);
}

/** JSON with indents; a list of numbers, texts and the like stands on one line. */
export function json(value: unknown, indent = ''): string {
  const deeper = `${indent}  `;
  const block = (parts: string[], [open, close]: [string, string]): string =>
    `${open}\n${parts.map(one => deeper + one).join(',\n')}\n${indent}${close}`;
  if (Array.isArray(value)) {
    const nested = value.some(one => one !== null && typeof one === 'object');
    const parts = value.map(one => json(one, deeper));
    return nested ? block(parts, ['[', ']']) : `[${parts.join(', ')}]`;
  }
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  const parts = Object.entries(value).map(([name, one]) => `${JSON.stringify(name)}: ${json(one, deeper)}`);
  return parts.length > 0 ? block(parts, ['{', '}']) : '{}';
}
