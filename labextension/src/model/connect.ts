/** What a person fills in to connect: checked before it is sent, and written as the line that it stands for. */

import { type ISignal, Signal } from '@lumino/signaling';
import type { Connected, Rest } from '../rest';
import { t } from '../views/text';
import { line } from './code';
import { SignInModel } from './signin';

/** Ways to sign in to Azure. */
export const WAYS = [
  'auto',
  'cli',
  'browser',
  'device-code',
  'managed-identity',
  'service-principal'
] as const;
export const CLOUDS = ['AzureCloud', 'AzureChinaCloud', 'AzureUSGovernment'] as const;

/** What was filled in; the names of the switches are those of the form. */
export interface Fields {
  where: 'local' | 'azure';
  /** Name of a local workspace, or a folder: one has a slash, or begins like one. */
  local: string;
  by: 'names' | 'config';
  subscription: string;
  group: string;
  workspace: string;
  config: string;
  way: string;
  tenant: string;
  client: string;
  cloud: string;
  profile: string;
}

export type Faults = Partial<Record<keyof Fields, string>>;

const EMPTY: Fields = {
  where: 'local',
  local: 'local',
  by: 'names',
  subscription: '',
  group: '',
  workspace: '',
  config: '',
  way: 'auto',
  tenant: '',
  client: '',
  cloud: 'AzureCloud',
  profile: ''
};
const GUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
/** Hexadecimal digits and dashes, of a length that no name has by chance. */
const NEARLY_GUID = /^[0-9a-f-]{30,}$/i;
const LOCAL = /^[A-Za-z0-9][A-Za-z0-9_-]{1,32}$/;
const GROUP = /^[\w.()-]{0,89}[\w()-]$/u;
const PROFILE = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
const RESERVED = ['local', 'azure', 'config'];

/** Whether what names a local workspace is a folder. */
export function folder(text: string): boolean {
  return text.includes('/') || ['.', '..'].includes(text) || text.startsWith('~');
}

/** The place as `connect` takes it. */
export function target(fields: Fields): string {
  if (fields.where === 'local') return `local:${fields.local}`;
  if (fields.by === 'config') return fields.config ? `config:${fields.config}` : 'config';
  return `azure:${fields.subscription}/${fields.group}/${fields.workspace}`;
}

/** The line of a notebook that does the same. */
export function typed(fields: Fields): string {
  const words = ['connect', target(named(fields))];
  const add = (flag: string, value: string): void => {
    if (value) words.push(`--${flag}`, value);
  };
  if (fields.where === 'azure') {
    add('sign-in', fields.way === 'auto' ? '' : fields.way);
    add('tenant', fields.tenant);
    add('client-id', fields.client);
    add('cloud', fields.cloud === 'AzureCloud' ? '' : fields.cloud);
    add('save', fields.profile);
  }
  return line(words);
}

/** The fields with words in place of the names that are missing yet. */
function named(fields: Fields): Fields {
  return {
    ...fields,
    local: fields.local || 'NAME',
    subscription: fields.subscription || 'SUBSCRIPTION',
    group: fields.group || 'RESOURCE_GROUP',
    workspace: fields.workspace || 'WORKSPACE'
  };
}

/** What cannot be, in words, by field. */
export function faults(fields: Fields): Faults {
  return fields.where === 'local' ? localFaults(fields) : azureFaults(fields);
}

function localFaults({ local }: Fields): Faults {
  if (!local) return { local: t('Give a name or a folder.') };
  if (folder(local) || LOCAL.test(local)) return {};
  return {
    local: t(
      'A name has 2 to 33 letters, digits, dashes and underscores; a folder has a slash, such as ./work.'
    )
  };
}

function azureFaults(fields: Fields): Faults {
  const found: Faults = fields.by === 'names' ? nameFaults(fields) : {};
  if (!fields.profile) found.profile = t('Give a name to keep it by.');
  else if (!PROFILE.test(fields.profile) || RESERVED.includes(fields.profile.toLowerCase()))
    found.profile = t(
      'A name to keep it by has up to 64 letters, digits, dots, dashes and underscores, and is none of local, azure, config.'
    );
  if (fields.client && !GUID.test(fields.client)) found.client = t('A client id is a GUID.');
  if (/[\s/]/.test(fields.tenant)) found.tenant = t('A tenant is a GUID or a domain.');
  return found;
}

function nameFaults({ subscription, group, workspace }: Fields): Faults {
  const found: Faults = {};
  if (!subscription) found.subscription = t('Give the GUID or the name of the subscription.');
  else if (subscription.includes('/')) found.subscription = t('No slash stands in a subscription.');
  else if (NEARLY_GUID.test(subscription) && !GUID.test(subscription))
    found.subscription = t('This GUID is not whole: it has 32 digits in five groups.');
  if (!group) found.group = t('Give the name of the resource group.');
  else if (!GROUP.test(group))
    found.group = t('A resource group has up to 90 letters, digits, dots, dashes, underscores and brackets.');
  if (!workspace) found.workspace = t('Give the name of the workspace.');
  else if (!LOCAL.test(workspace))
    found.workspace = t('A workspace has 2 to 33 letters, digits, dashes and underscores.');
  return found;
}

/** The form: what is filled in, and what became of it. */
export class ConnectModel {
  fields: Fields = { ...EMPTY };
  /** Whether faults are shown: not before the form was sent once. */
  tried = false;
  busy = false;
  error: Error | undefined;
  connected: Connected | undefined;
  /** The sign-in to the profile in Azure. */
  signIn: SignInModel | undefined;
  private readonly _changed = new Signal<this, void>(this);
  private _disposed = false;
  private _named = false;
  /** What the profile was kept as before it was corrected. */
  private _instead = '';

  /**
   * @param profile - One that is kept already, to be signed in to.
   */
  constructor(
    private readonly rest: Rest,
    profile = ''
  ) {
    if (profile) this._sign(profile);
  }

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  get faults(): Faults {
    return this.tried ? faults(this._trimmed()) : {};
  }

  get line(): string {
    return typed(this._trimmed());
  }

  /** ARM id of the workspace that was connected to; undefined before. */
  get done(): string | undefined {
    if (!this.signIn) return this.connected?.id;
    return this.signIn.state?.state === 'done' ? this.signIn.state.workspace : undefined;
  }

  /** Fill in a field; the profile's name follows the workspace's until it is filled in itself. */
  set<K extends keyof Fields>(name: K, value: Fields[K]): void {
    this.fields = { ...this.fields, [name]: value };
    if (name === 'profile') this._named = value !== '';
    if (name === 'workspace' && !this._named) this.fields.profile = this.fields.workspace;
    this._emit();
  }

  /** Send it, unless something cannot be; the names of the fields at fault. */
  async send(): Promise<(keyof Fields)[]> {
    this.tried = true;
    const wrong = Object.keys(this.faults) as (keyof Fields)[];
    if (wrong.length || this.busy) {
      this._emit();
      return wrong;
    }
    this.busy = true;
    this.error = undefined;
    this._emit();
    try {
      this.connected = await this.rest.connect(this._asked());
      this._named = true; // what is corrected later keeps its name
      if (this.connected.place === 'AZURE') this._sign(this.connected.profile);
    } catch (error) {
      this.error = error as Error;
    }
    this.busy = false;
    this._emit();
    return [];
  }

  /** Go back to the form. */
  async back(): Promise<void> {
    if (this.signIn?.waiting) await this.signIn.cancel();
    this.signIn?.dispose();
    this.signIn = undefined;
    this._instead = this.connected?.target ?? '';
    this.connected = undefined;
    this._emit();
  }

  dispose(): void {
    this._disposed = true;
    this.signIn?.dispose();
    Signal.clearData(this);
  }

  private _sign(profile: string): void {
    this.signIn?.dispose();
    this.signIn = new SignInModel(this.rest, profile);
    this.signIn.changed.connect(this._emit, this);
    void this.signIn.begin();
  }

  private _asked(): Record<string, string> {
    const fields = this._trimmed();
    const place = { target: target(fields) };
    if (fields.where === 'local') return place;
    const { profile, way, tenant, client, cloud } = fields;
    return { ...place, profile, signIn: way, tenant, client, cloud, instead: this._instead };
  }

  private _trimmed(): Fields {
    const pairs = Object.entries(this.fields).map(([key, value]) => [key, (value as string).trim()]);
    return Object.fromEntries(pairs) as unknown as Fields;
  }

  private _emit(): void {
    if (!this._disposed) this._changed.emit();
  }
}
