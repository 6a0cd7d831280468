/** Looking again and again at what tells of no changes, such as a list in Azure, while somebody looks at it. */

/** How often the pause is doubled at most, when looks fail. */
const DOUBLINGS = 4;

export class Poll {
  private _wanted = false;
  private _looking = false;
  private _last = 0;
  private _failures = 0;
  private _disposed = false;
  private _timer: ReturnType<typeof setTimeout> | undefined;

  /**
   * @param every - Milliseconds between two looks; more of them after looks that failed.
   * @param look - Fetches what is shown; whether it could be had.
   * @param hidden - Whether nobody looks at the page: then nothing is fetched.
   */
  constructor(
    private readonly every: number,
    private readonly look: () => Promise<boolean>,
    private readonly hidden: () => boolean = () => document.hidden
  ) {
    if (typeof document !== 'undefined') document.addEventListener('visibilitychange', this._plan);
  }

  /** Whether what is fetched is shown. */
  set wanted(value: boolean) {
    if (value === this._wanted) return;
    this._wanted = value;
    this._plan();
  }

  /** It has just been fetched by other means. */
  looked(): void {
    this._last = Date.now();
    this._failures = 0;
    this._plan();
  }

  dispose(): void {
    this._disposed = true;
    clearTimeout(this._timer);
    if (typeof document !== 'undefined') document.removeEventListener('visibilitychange', this._plan);
  }

  private readonly _plan = (): void => {
    clearTimeout(this._timer);
    if (this._disposed || this._looking || !this._wanted || this.hidden()) return;
    const pause = this.every * 2 ** Math.min(this._failures, DOUBLINGS);
    this._timer = setTimeout(() => void this._go(), Math.max(this._last + pause - Date.now(), 0));
  };

  private async _go(): Promise<void> {
    this._looking = true;
    const good = await this.look().catch(() => false);
    this._looking = false;
    this._last = Date.now();
    this._failures = good ? 0 : this._failures + 1;
    this._plan();
  }
}
