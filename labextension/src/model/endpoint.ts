/** An endpoint: its deployments, its traffic and how it may be changed, followed while it is provisioned. */

import { type ISignal, Signal } from '@lumino/signaling';
import { cell } from '../format';
import { aborted, type Page, type Resource, type Rest } from '../rest';
import { faults, percent, same, some, told, type Traffic } from './traffic';

/** Segments of URLs whose resources are endpoints. */
export const ONLINE = 'onlineEndpoints';
export const ENDPOINTS = [ONLINE, 'batchEndpoints'];
/**
 * States that stay until somebody changes something.
 *
 * Source: EndpointProvisioningState and DeploymentProvisioningState; `Healthy` is this machine's own.
 */
const SETTLED = ['Succeeded', 'Failed', 'Canceled', 'Healthy'];
/** Milliseconds between two looks at what is being provisioned. */
const LOOK = 5000;
const JOBS = { service: 'mferp/managementfrontend', version: '2020-09-01-dataplanepreview' };
/** How the keys begin of what this machine tells of a deployment besides. */
const OWN = 'azureml.local.';
/** What the service says and nobody sets. */
const READ_ONLY = ['scoringUri', 'swaggerUri', 'provisioningState'];

/** A resource that has a place in Azure. */
interface Tracked extends Resource {
  location?: string;
  tags?: Record<string, string>;
  kind?: string;
  sku?: Record<string, unknown>;
  identity?: { type?: string; userAssignedIdentities?: Record<string, unknown> } | null;
}

/** What a person looks for in a deployment. */
export interface Deployment {
  name: string;
  state: string;
  model: string;
  environment: string;
  instance: string;
  count: number | undefined;
  /** Of a deployment on this machine: how its processes do, how many there are to be, and how many answer. */
  health: string;
  replicas: number;
  ready: number;
  /** Why it failed or is unhealthy, where that is known. */
  error: string;
}

/** How an operation stands. Source: ARM, `Azure-AsyncOperation`. */
interface Operation {
  error?: { message?: string; details?: { message?: string }[] } | null;
}

export class EndpointModel {
  resource: Tracked | undefined;
  deployments: Deployment[] = [];
  /** Of a batch endpoint. */
  jobs: Resource[] = [];
  jobsError: Error | undefined;
  error: Error | undefined;
  /** Why the endpoint itself failed. */
  failure = '';
  gone = false;
  /** What is to be saved; undefined while it is what the service has. */
  draft: Traffic | undefined;
  private readonly _changed = new Signal<this, void>(this);
  private readonly _failures = new Map<string, string>();
  private _held: Resource[] = [];
  /** The traffic that the draft began with. */
  private _base: Traffic | undefined;
  private _visible = false;
  private _timer: ReturnType<typeof setTimeout> | undefined;
  private _disposed = false;

  constructor(
    readonly rest: Rest,
    readonly workspace: string,
    readonly segment: string,
    readonly name: string
  ) {}

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  get online(): boolean {
    return this.segment === ONLINE;
  }

  /** Whether a change of this kind and name concerns it. */
  concerns(kind: string, name: string): boolean {
    const kinds = [this.segment, this.segment.replace('Endpoints', 'Deployments')];
    return kinds.includes(kind) && name.split('/')[0]?.toLowerCase() === this.name.toLowerCase();
  }

  get path(): string {
    return `${this.segment}/${this.name}`;
  }

  get state(): string {
    return cell(this.resource?.properties.provisioningState);
  }

  /** Whether nothing is being provisioned. */
  get settled(): boolean {
    const states = [this.state, ...this.deployments.flatMap(one => [one.state, one.health])];
    return this.gone || states.every(state => state === '' || SETTLED.includes(state));
  }

  /** The traffic that the service has. */
  get traffic(): Traffic {
    return told(this.resource?.properties ?? {});
  }

  /** Whether the draft may be saved. */
  get savable(): boolean {
    return !!this.draft && !same(this.draft, this.traffic) && faults(this.draft).length === 0;
  }

  /** Deployment of a batch endpoint that answers when none is named. */
  get standard(): string {
    const defaults = this.resource?.properties.defaults as { deploymentName?: string } | undefined;
    return defaults?.deploymentName ?? '';
  }

  /** Say whether somebody looks: what is being provisioned is followed only then. */
  seen(visible: boolean): void {
    const before = this._visible;
    this._visible = visible;
    if (!visible) clearTimeout(this._timer);
    else if (!before) void this.refresh();
  }

  async refresh(): Promise<void> {
    try {
      const [resource, held] = await Promise.all([
        this.rest.arm<Tracked>(this.workspace, this.path),
        this._all(`${this.path}/deployments`)
      ]);
      this.resource = resource;
      this._held = held;
      this.error = undefined;
      this.gone = false;
      await Promise.all([this._explain(), this._jobs()]);
    } catch (error) {
      this.gone = (error as { status?: number }).status === 404;
      if (!aborted(error)) this.error = error as Error;
    }
    this._emit();
    this._again();
  }

  /** Give a deployment so much of the requests, or of their copies. */
  share(kind: keyof Traffic, name: string, typed: string | number): void {
    if (!this.draft) this._base = this.traffic;
    const from = this.draft ?? this.traffic;
    this.draft = { ...from, [kind]: { ...from[kind], [name]: percent(typed) } };
    if (same(this.draft, this.traffic)) this.draft = undefined;
    this._emit();
  }

  /** Go back to the traffic that the service has. */
  undo(): void {
    this.draft = undefined;
    this._emit();
  }

  /**
   * Save the draft, unless somebody else has changed the traffic since it was begun; the next time it is saved.
   *
   * Source: OnlineEndpointOperations.begin_create_or_update of the SDK: the whole body, without zeros.
   *
   * @returns Whether it was saved.
   */
  async save(): Promise<boolean> {
    const { draft } = this;
    if (!draft) return false;
    const before = this._base ?? this.traffic;
    const now = await this.rest.arm<Tracked>(this.workspace, this.path);
    if (!same(before, told(now.properties))) {
      this.resource = now;
      this._base = this.traffic;
      this._emit();
      return false;
    }
    await this._put(now, { traffic: some(draft.live), mirrorTraffic: some(draft.mirror) });
    this.draft = undefined;
    await this.refresh();
    return true;
  }

  /** Let another deployment answer when none is named. */
  async standardise(deploymentName: string): Promise<void> {
    const now = await this.rest.arm<Tracked>(this.workspace, this.path);
    await this._put(now, { defaults: { deploymentName } });
    await this.refresh();
  }

  /** Delete it with all its deployments; it is gone when the service says so. */
  async remove(): Promise<void> {
    await this.rest.arm(this.workspace, this.path, { method: 'DELETE' });
    await this.refresh();
  }

  dispose(): void {
    this._disposed = true;
    clearTimeout(this._timer);
    Signal.clearData(this);
  }

  private async _put(now: Tracked, changes: Record<string, unknown>): Promise<void> {
    await this.rest.arm(this.workspace, this.path, { method: 'PUT', body: written(now, changes) });
  }

  /** All pages of a list. */
  private async _all(path: string): Promise<Resource[]> {
    let page = await this.rest.arm<Page<Resource>>(this.workspace, path);
    const found = [...page.value];
    while (page.nextLink) {
      page = await this.rest.follow<Resource>(page.nextLink);
      found.push(...page.value);
    }
    return found;
  }

  /** Ask why that which has failed has. */
  private async _explain(): Promise<void> {
    const why = (one: Resource): Promise<string> => this._why(one);
    const [failure, ...errors] = await Promise.all(
      [this.resource, ...this._held].map(one => (one ? why(one) : ''))
    );
    this.failure = failure ?? '';
    this.deployments = this._held.map((one, at) => deployment(one, errors[at] ?? ''));
  }

  private async _why(resource: Resource): Promise<string> {
    const more = (resource.properties.properties ?? {}) as { AzureAsyncOperationUri?: string };
    const link = more.AzureAsyncOperationUri;
    if (resource.properties.provisioningState !== 'Failed' || !link) return '';
    const known = this._failures.get(link);
    if (known !== undefined) return known;
    try {
      const { error } = (await this.rest.follow(link)) as unknown as Operation;
      const said = [error?.message, ...(error?.details ?? []).map(one => one.message)];
      this._failures.set(link, said.filter(Boolean).join('\n'));
    } catch {
      return ''; // the operation has been forgotten; the logs may tell
    }
    return this._failures.get(link) ?? '';
  }

  /** The jobs of a batch endpoint; without them the rest still stands. */
  private async _jobs(): Promise<void> {
    if (this.online) return;
    try {
      const query = { 'api-version': JOBS.version };
      const page = await this.rest.api<Page<Resource>>(this.workspace, JOBS.service, `${this.path}/jobs`, {
        query
      });
      this.jobs = page.value;
      this.jobsError = undefined;
    } catch (error) {
      if (!aborted(error)) this.jobsError = error as Error;
    }
  }

  /** Look again in a while, as long as something is being provisioned and somebody looks. */
  private _again(): void {
    clearTimeout(this._timer);
    if (!this._visible || this._disposed || this.settled) return;
    this._timer = setTimeout(() => {
      if (document.hidden) this._again();
      else void this.refresh();
    }, LOOK);
  }

  private _emit(): void {
    if (!this._disposed) this._changed.emit();
  }
}

/** The body of a PUT that changes some properties of a resource. */
export function written(now: Tracked, changes: Record<string, unknown>): unknown {
  const { location, tags, kind, sku, identity } = now;
  const kept = Object.entries(now.properties).filter(([key]) => !READ_ONLY.includes(key));
  const users = Object.keys(identity?.userAssignedIdentities ?? {}).map(id => [id, {}]);
  const who = identity?.type && {
    type: identity.type,
    ...(users.length > 0 && { userAssignedIdentities: Object.fromEntries(users) as Record<string, object> })
  };
  return {
    ...{ location, tags, kind, sku },
    ...(who && { identity: who }),
    properties: { ...Object.fromEntries(kept), ...changes }
  };
}

function deployment(resource: Tracked, error: string): Deployment {
  const held = resource.properties;
  const resources = (held.resources ?? {}) as { instanceType?: string; instanceCount?: number };
  const told = (held.properties ?? {}) as Record<string, string | undefined>;
  const component = (held.deploymentConfiguration as { componentId?: unknown } | undefined)?.componentId;
  const compute = cell(held.compute);
  return {
    name: resource.name,
    state: cell(held.provisioningState),
    model: asset(held.model ?? component),
    environment: asset(held.environmentId),
    instance:
      cell(held.instanceType ?? resources.instanceType) || compute.slice(compute.lastIndexOf('/') + 1),
    count: (resource.sku?.capacity as number | undefined) ?? resources.instanceCount,
    health: told[`${OWN}state`] ?? '',
    replicas: Number(told[`${OWN}replicas`] ?? 0),
    ready: Number(told[`${OWN}ready`] ?? 0),
    error: error || (told[`${OWN}error`] ?? '')
  };
}

/** An id, or what a reference refers to. */
function asset(given: unknown): string {
  const reference = given as { assetId?: string; path?: string } | string | null | undefined;
  return typeof reference === 'string' ? reference : (reference?.assetId ?? reference?.path ?? '');
}
