/** Requests to the server extension: Azure ML's REST as raw pages, logs by offset, verbs as `aml` runs them. */

import { ServerConnection } from '@jupyterlab/services';

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

/** The way to one server. */
export class Rest {
  constructor(readonly settings: ServerConnection.ISettings = ServerConnection.makeSettings()) {}

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
    return `${this.settings.baseUrl}jupyter-aml/api/mlflow/v2.0${quoted(workspace)}/get-artifact?${query}`;
  }

  /** The static forms of a job's card, as a notebook keeps them. */
  card(workspace: string, job: string): Promise<Record<string, unknown>> {
    return this.send('GET', `card?${new URLSearchParams({ workspace, job })}`);
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
    const init: RequestInit = { method, signal: more.signal };
    if (more.body !== undefined) {
      init.body = JSON.stringify(more.body);
      init.headers = { 'Content-Type': 'application/json' };
    }
    const url = `${this.settings.baseUrl}jupyter-aml/${path}`;
    const answer = await ServerConnection.makeRequest(url, init, this.settings);
    const text = await answer.text();
    if (!answer.ok) throw refusal(answer.status, text, answer.statusText);
    return (text ? JSON.parse(text) : undefined) as T;
  }
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
  const inner = error instanceof ServerConnection.NetworkError ? (error.cause ?? error) : error;
  return inner instanceof Error && (inner.name === 'AbortError' || /abort/i.test(inner.message));
}

function quoted(path: string): string {
  return path.split('/').map(encodeURIComponent).join('/');
}
