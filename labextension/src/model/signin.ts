/** Signing in to a profile of Azure: the server asks, the person agrees elsewhere, the page waits for it. */

import { type ISignal, Signal } from '@lumino/signaling';
import type { Rest, SignInState } from '../rest';

/** Milliseconds between two looks at a sign-in that waits for the person. */
const PAUSE = 1000;

export class SignInModel {
  state: SignInState | undefined;
  error: Error | undefined;
  private readonly _changed = new Signal<this, void>(this);
  private _timer: ReturnType<typeof setTimeout> | undefined;
  private _disposed = false;

  constructor(
    private readonly rest: Rest,
    readonly profile: string
  ) {}

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  get waiting(): boolean {
    return this.state?.state === 'waiting';
  }

  /** Begin, or join one that somebody is at. */
  begin(): Promise<void> {
    return this._ask(() => this.rest.signIn(this.profile));
  }

  /** End it. */
  cancel(): Promise<void> {
    return this._ask(() => this.rest.cancelSignIn(this.profile));
  }

  /** The sign-in itself goes on: it is the server's. */
  dispose(): void {
    this._disposed = true;
    clearTimeout(this._timer);
    Signal.clearData(this);
  }

  private async _ask(ask: () => Promise<SignInState>): Promise<void> {
    clearTimeout(this._timer);
    try {
      this.state = await ask();
      this.error = undefined;
    } catch (error) {
      this.error = error as Error;
    }
    if (this._disposed) return;
    clearTimeout(this._timer);
    if (this.waiting) {
      const look = (): Promise<SignInState> => this.rest.signInState(this.profile);
      this._timer = setTimeout(() => void this._ask(look), PAUSE);
    }
    this._changed.emit();
  }
}
