/** Requests to the server extension: Azure ML's REST as raw pages, logs by offset, verbs as `aml` runs them. */

const API_VERSION = '2024-10-01-preview';
const MANAGEMENT = /^https:\/\/management\./;

/** A workspace that the server knows. */
export interface Workspace {
  name: string;
  resourceGroup: string;
  id: string;
  place: 'LOCAL' | 'AZURE';
  profile: string;
}

/** An ARM resource, as far as all of them are alike. */
export interface Resource {
  id: string;
  name: string;
  type?: string;
  systemData?: { createdAt?: string; createdBy?: string; lastModifiedAt?: string };
  properties: Record<string, unknown>;
}

/** A page of a list. */
export interface Page<T> {
  value: T[];
  nextLink?: string | null;
}

/** A piece of a log; offsets are in bytes. */
export interface Piece {
  file: string;
  text: string;
  offset: number;
  next: number;
  size: number;
  final: boolean;
}

/** How a verb ended. */
export interface Ended {
  code: number;
  output: string;
  error: string;
}

/** One value that a verb takes. */
export interface Value {
  name: string;
  help: string;
  kind: 'text' | 'int' | 'float' | 'bool' | 'switch' | 'path' | 'pair' | 'object';
  metavar: string;
  choices: string[];
  required: boolean;
  completes: string;
  default?: unknown;
  many?: boolean;
}

/** A verb of the command table. */
export interface Verb {
  name: string;
  summary: string;
  line: string;
  cell: boolean;
  body: string;
  positionals: Value[];
  flags: Value[];
  examples: string[];
}

/** A noun of the command table. */
export interface Noun {
  name: string;
  summary: string;
  verbs: Verb[];
}

/** A resource type that a workspace lists. */
export interface Section {
  segment: string;
  title: string;
  versioned: boolean;
  noun: string;
  verbs: string[];
  /** Where workspaces have it, `LOCAL` or `AZURE`; everywhere when it is not said. */
  places?: string[];
}

/** What an online endpoint answered; `body` is its text. */
export interface Scored {
  status: number;
  headers: Record<string, string>;
  body: string;
  milliseconds: number;
}

/** What was connected to. */
export interface Connected {
  id: string;
  place: 'LOCAL' | 'AZURE';
  profile: string;
  target: string;
}

/** How far a sign-in has come. */
export interface SignInState {
  state: 'none' | 'waiting' | 'done' | 'failed';
  way: string;
  url: string;
  code: string;
  message: string;
  expires: string;
  /** ARM id of the workspace, once it is done. */
  workspace: string;
}

/** A refusal: what the service said. */
export class RestError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string
  ) {
    super(message);
    this.name = 'RestError';
  }
}

/** One request, by its path below the service's address. */
export interface Ask {
  method: string;
  path: string;
  body?: unknown;
  signal?: AbortSignal;
}

/** What came back. */
export interface Answer {
  status: number;
  text: string;
  /** What the status is called. */
  reason?: string;
}

/** What carries requests: a server, or a kernel. */
export interface Transport {
  send(ask: Ask): Promise<Answer>;
  /** The address at which a browser can fetch a path by itself; empty where there is none. */
  address(path: string): string;
}

/** What a page asks of the service, whoever carries it. */
export class Rest {
  constructor(private readonly transport: Transport) {}

  workspaces(signal?: AbortSignal): Promise<Page<Workspace>> {
    return this.send<Page<Workspace>>('GET', 'workspaces', { signal });
  }

  sections(): Promise<Page<Section>> {
    return this.send<Page<Section>>('GET', 'sections');
  }

  commands(): Promise<Page<Noun>> {
    return this.send<Page<Noun>>('GET', 'commands');
  }

  /** Instance and sequence number of the latest event. */
  state(): Promise<{ instance: string; sequence: number }> {
    return this.send('GET', 'state');
  }

  /** Something below a workspace in Resource Manager, such as `jobs/x`. */
  arm<T>(
    workspace: string,
    path: string,
    more: { method?: string; query?: Record<string, string>; body?: unknown; signal?: AbortSignal } = {}
  ): Promise<T> {
    const query = new URLSearchParams({ 'api-version': API_VERSION, ...more.query });
    return this.send<T>(more.method ?? 'GET', `arm${quoted(workspace)}/${quoted(path)}?${query}`, more);
  }

  /** Something of a workspace's own services, such as `history/v1.0` and `runs/x`. */
  api<T>(
    workspace: string,
    service: string,
    path: string,
    more: { method?: string; query?: Record<string, string>; body?: unknown; signal?: AbortSignal } = {}
  ): Promise<T> {
    const query = more.query ? `?${new URLSearchParams(more.query)}` : '';
    return this.send<T>(
      more.method ?? 'GET',
      `api/${service}${quoted(workspace)}/${quoted(path)}${query}`,
      more
    );
  }

  /** The page that a `nextLink` stands for, through the server, whoever the link names. */
  follow<T>(link: string, signal?: AbortSignal): Promise<Page<T>> {
    const url = new URL(link);
    const surface = MANAGEMENT.test(link) ? 'arm' : 'api';
    return this.send<Page<T>>('GET', `${surface}${url.pathname}${url.search}`, { signal });
  }

  log(
    workspace: string,
    job: string,
    given: { file?: string; offset?: number; wait?: number; signal?: AbortSignal } = {}
  ): Promise<Piece> {
    const query = new URLSearchParams({ workspace, job, offset: String(given.offset ?? 0) });
    if (given.file) query.set('file', given.file);
    if (given.wait) query.set('wait', String(given.wait));
    return this.send<Piece>('GET', `log?${query}`, given);
  }

  /** Where a file lies that a run has written, for a picture. */
  artifact(workspace: string, job: string, path: string): string {
    const query = new URLSearchParams({ run_id: job, path });
    return this.transport.address(`api/mlflow/v2.0${quoted(workspace)}/get-artifact?${query}`);
  }

  /** The static forms of a job's card, as a notebook keeps them. */
  card(workspace: string, job: string): Promise<Record<string, unknown>> {
    return this.send('GET', `card?${new URLSearchParams({ workspace, job })}`);
  }

  /** Ask an online endpoint through the server, which has its key; by its traffic when no deployment is named. */
  invoke(workspace: string, name: string, body: string, deployment = ''): Promise<Scored> {
    const asked = { workspace, segment: 'onlineEndpoints', name, deployment, body };
    return this.send<Scored>('POST', 'invoke', { body: asked });
  }

  /** What an online endpoint says of its requests: a swagger document as text. */
  swagger(workspace: string, name: string): Promise<Scored> {
    const query = new URLSearchParams({ workspace, segment: 'onlineEndpoints', name });
    return this.send<Scored>('GET', `invoke?${query}`);
  }

  /** Make a workspace on this machine, or keep one in Azure as a profile. */
  connect(asked: Record<string, string>): Promise<Connected> {
    return this.send<Connected>('POST', 'connect', { body: asked });
  }

  /** Forget a profile; its workspace stays as it is. */
  forget(profile: string): Promise<void> {
    return this.send('DELETE', `connect?${new URLSearchParams({ profile })}`);
  }

  /** Begin to sign in to a profile of Azure. */
  signIn(profile: string): Promise<SignInState> {
    return this.send<SignInState>('POST', 'sign-in', { body: { profile } });
  }

  signInState(profile: string): Promise<SignInState> {
    return this.send<SignInState>('GET', `sign-in?${new URLSearchParams({ profile })}`);
  }

  cancelSignIn(profile: string): Promise<SignInState> {
    return this.send<SignInState>('DELETE', `sign-in?${new URLSearchParams({ profile })}`);
  }

  /** Run a verb as `aml` does. */
  run(workspace: string, words: string[], more: { body?: string; kernel?: string } = {}): Promise<Ended> {
    return this.send<Ended>('POST', 'commands', { body: { workspace, words, ...more } });
  }

  private async send<T>(
    method: string,
    path: string,
    more: { body?: unknown; signal?: AbortSignal } = {}
  ): Promise<T> {
    const { body, signal } = more;
    const { status, text, reason } = await this.transport.send({ method, path, body, signal });
    if (status >= 400) throw refusal(status, text, reason ?? '');
    return (text ? JSON.parse(text) : undefined) as T;
  }
}

/**
 * What a verb has written; what it said is thrown when it did not go well.
 */
export function output(ended: Ended): string {
  if (ended.code !== 0) throw new Error(ended.error.trim() || ended.output);
  return ended.output;
}

/** The error that an answer of 400 or above stands for. */
export function refusal(status: number, text: string, otherwise: string): RestError {
  try {
    const found = JSON.parse(text) as { error?: { code?: string; message?: string }; message?: string };
    const message = found.error?.message ?? found.message ?? otherwise;
    return new RestError(status, found.error?.code ?? '', message);
  } catch {
    return new RestError(status, '', otherwise || `The server answered ${status}.`);
  }
}

/** Whether an error only says that nobody waits for the answer any more. */
export function aborted(error: unknown): boolean {
  return error instanceof Error && (error.name === 'AbortError' || /abort/i.test(error.message));
}

function quoted(path: string): string {
  return path.split('/').map(encodeURIComponent).join('/');
}
