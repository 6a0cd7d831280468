/** What a page does with a live online endpoint: test calls, and the logs of its containers. */

import { type ISignal, Signal } from '@lumino/signaling';
import type { Rest, Scored } from '../rest';
import type { EndpointModel } from './endpoint';
import { clean } from './log';
import { Poll } from './poll';
import { STARTER, starter } from './starter';

/** Containers of a deployment. Source: ContainerType. */
export const CONTAINERS = ['InferenceServer', 'StorageInitializer'] as const;
/** Lines of a log's end. */
const TAIL = 500;
/** Milliseconds between two looks at a log. */
const LOOK = 2500;
/** Calls that are remembered. */
const MOST = 200;

/** A test call that was answered. */
export interface Call {
  number: number;
  milliseconds: number;
}

/** Test calls. */
export class ScoringModel {
  body = STARTER;
  /** Empty for whom the traffic chooses. */
  deployment = '';
  calls: Call[] = [];
  answer: Scored | undefined;
  /** Why there is no answer. */
  error: Error | undefined;
  busy = false;
  private readonly _changed = new Signal<this, void>(this);
  private _typed = false;
  private _begun = false;
  /** How the endpoint stood when it was asked last what it takes. */
  private _stood = '';
  private _count = 0;

  constructor(private readonly endpoint: EndpointModel) {}

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** Half of the calls took no longer than this; undefined before the first. */
  get median(): number | undefined {
    const sorted = this.calls.map(one => one.milliseconds).sort((one, other) => one - other);
    const middle = Math.floor(sorted.length / 2);
    const above = sorted[middle];
    const below = sorted[middle - 1];
    if (above === undefined || sorted.length % 2 === 1 || below === undefined) return above;
    return (above + below) / 2;
  }

  /** Where a body is no JSON: why. */
  get wrong(): string {
    try {
      JSON.parse(this.body);
      return '';
    } catch (error) {
      return (error as Error).message;
    }
  }

  type(body: string): void {
    this.body = body;
    this._typed = true;
    this._changed.emit();
  }

  choose(deployment: string): void {
    this.deployment = deployment;
    this._changed.emit();
  }

  /** Begin with a body in the shape that the endpoint asks for, where it tells and nothing has been typed. */
  async begin(): Promise<void> {
    const { resource, rest, workspace, name, deployments, traffic } = this.endpoint;
    const stood = JSON.stringify([traffic, deployments.map(one => [one.name, one.state, one.ready])]);
    if (this._begun || !resource?.properties.swaggerUri || stood === this._stood) return;
    this._stood = stood;
    try {
      const document = await rest.swagger(workspace, name);
      if (document.status !== 200) return; // nothing answers yet; it is asked again when that may have changed
      this._begun = true;
      if (!this._typed) this.body = starter(document.body);
    } catch {
      return; // it tells nothing of itself
    }
    this._changed.emit();
  }

  async send(): Promise<void> {
    const { rest, workspace, name } = this.endpoint;
    this.busy = true;
    this.error = undefined;
    this._changed.emit();
    try {
      this.answer = await rest.invoke(workspace, name, this.body, this.deployment);
      this._count += 1;
      const call = { number: this._count, milliseconds: this.answer.milliseconds };
      this.calls = [...this.calls, call].slice(-MOST);
    } catch (error) {
      this.answer = undefined;
      this.error = error as Error;
    } finally {
      this.busy = false;
      this._changed.emit();
    }
  }

  dispose(): void {
    Signal.clearData(this);
  }
}

/** The end of a container's log, followed while somebody looks. */
export class ContainerLog {
  deployment = '';
  container: string = CONTAINERS[0];
  text: string | undefined;
  error: Error | undefined;
  busy = false;
  private readonly _changed = new Signal<this, void>(this);
  private readonly _poll = new Poll(LOOK, () => this._look());
  private _asked = 0;

  constructor(
    private readonly rest: Rest,
    private readonly workspace: string,
    private readonly path: string
  ) {}

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** Show the log of another deployment or container. */
  async choose(deployment: string, container: string = this.container): Promise<void> {
    if (deployment !== this.deployment || container !== this.container) this.text = undefined;
    Object.assign(this, { deployment, container });
    await this.fetch();
  }

  /** Say whether somebody looks: the log is followed only then. */
  seen(visible: boolean): void {
    this._poll.wanted = visible;
  }

  async fetch(): Promise<void> {
    if (!this.deployment) return;
    this.busy = true;
    this._changed.emit();
    await this._look();
    this._poll.looked();
  }

  dispose(): void {
    this._poll.dispose();
    Signal.clearData(this);
  }

  /** Read it anew; whether that could be done. */
  private async _look(): Promise<boolean> {
    if (!this.deployment) return true;
    this._asked += 1;
    const asked = this._asked;
    let [text, error]: [string | undefined, Error | undefined] = [this.text, undefined];
    try {
      const path = `${this.path}/deployments/${this.deployment}/getLogs`;
      const body = { containerType: this.container, tail: TAIL };
      const found = await this.rest.arm<{ content?: string }>(this.workspace, path, { method: 'POST', body });
      text = clean(found.content ?? '');
    } catch (failure) {
      error = failure as Error;
    }
    if (asked !== this._asked) return true; // another one has been chosen
    const same = text === this.text && error?.message === this.error?.message && !this.busy;
    Object.assign(this, { text, error, busy: false });
    if (!same) this._changed.emit();
    return error === undefined;
  }
}
