/** How a widget reaches its workspace: by Jupyter Server where that knows it, else by the kernel that made it. */

import type { Answer, Ask, Transport } from '../rest';

/** The model of a widget, as far as anywidget promises it. */
export interface Model {
  get(key: string): unknown;
  on(event: string, call: (content: never) => void): void;
  off(event: string, call: (content: never) => void): void;
  send(content: unknown): void;
}

/** What a kernel sends. */
export interface Sent {
  answer?: { id: number; status: number; text: string };
  /** Everything that was asked before: what is new of it; null where it is as it was. */
  fresh?: Record<string, [number, string] | null>;
}

/** Milliseconds after which what is known already stands for what a kernel does not answer. */
const PATIENCE = 3000;

/** One question by which a kernel knows it again. */
export function key({ method, path, body }: Ask): string {
  return body === undefined ? `${method} ${path}` : `${method} ${path} ${JSON.stringify(body)}`;
}

/** Asks the kernel by messages; a kernel that is busy sends by itself what has changed. */
export class KernelTransport implements Transport {
  private readonly known = new Map<string, Answer>();
  /** Answers that have come by themselves and nobody has taken yet. */
  private readonly ready = new Set<string>();
  private readonly waiting = new Map<number, { key: string; answer: (found: Answer) => void }>();
  private turn = 0;

  constructor(private readonly model: Model) {
    const answers = (model.get('answers') ?? {}) as Record<string, [number, string]>;
    for (const [name, found] of Object.entries(answers)) this.take(name, found);
    model.on('msg:custom', this.hear);
  }

  /** Whether a question has waited for longer than a kernel needs that is not busy. */
  get late(): boolean {
    return this.waiting.size > 0;
  }

  send(ask: Ask): Promise<Answer> {
    const name = key(ask);
    const held = this.known.get(name);
    if (held && this.ready.delete(name)) return Promise.resolve(held);
    const id = (this.turn += 1);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        const stale = this.known.get(name);
        if (stale && ask.method === 'GET' && !ask.path.startsWith('log?')) end(stale);
      }, PATIENCE);
      const end = (found: Answer): void => {
        clearTimeout(timer);
        this.waiting.delete(id);
        resolve(found);
      };
      ask.signal?.addEventListener('abort', () => {
        clearTimeout(timer);
        this.waiting.delete(id);
        reject(new DOMException('Nobody waits any more: abort.', 'AbortError'));
      });
      this.waiting.set(id, { key: name, answer: end });
      try {
        this.model.send({
          ask: { id, method: ask.method, path: ask.path, body: ask.body ?? null, key: name }
        });
      } catch (error) {
        if (held) end(held);
        else {
          clearTimeout(timer);
          this.waiting.delete(id);
          reject(error as Error);
        }
      }
    });
  }

  address(): string {
    return '';
  }

  dispose(): void {
    this.model.off('msg:custom', this.hear);
    this.waiting.clear();
  }

  private take(name: string, [status, text]: [number, string]): void {
    this.known.set(name, { status, text });
    this.ready.add(name);
  }

  private readonly hear = (sent: Sent): void => {
    if (sent.answer) {
      const { id, status, text } = sent.answer;
      const asked = this.waiting.get(id);
      if (!asked) return;
      this.known.set(asked.key, { status, text });
      this.ready.delete(asked.key);
      asked.answer({ status, text });
    }
    for (const [name, found] of Object.entries(sent.fresh ?? {})) {
      if (found) this.take(name, found);
      else if (this.known.has(name)) this.ready.add(name);
      this.settle(name);
    }
  };

  /** Answer whoever waits for what has just come by itself. */
  private settle(name: string): void {
    const found = this.known.get(name);
    if (!found) return;
    for (const asked of [...this.waiting.values()].filter(one => one.key === name)) {
      this.ready.delete(name);
      asked.answer(found);
    }
  }
}

/** Asks Jupyter Server from a page that it has served. */
export class PageTransport implements Transport {
  constructor(
    private readonly base: string,
    private readonly token = ''
  ) {}

  async send({ method, path, body, signal }: Ask): Promise<Answer> {
    const headers: Record<string, string> = {};
    if (this.token) headers.Authorization = `token ${this.token}`;
    const xsrf = /(?:^|; )_xsrf=([^;]*)/.exec(document.cookie)?.[1];
    if (xsrf) headers['X-XSRFToken'] = xsrf;
    if (body !== undefined) headers['Content-Type'] = 'application/json';
    const sent = body === undefined ? undefined : JSON.stringify(body);
    const init = {
      method,
      headers,
      body: sent,
      signal,
      credentials: 'same-origin',
      cache: 'no-store'
    } as const;
    const answer = await fetch(this.address(path), init);
    return { status: answer.status, text: await answer.text(), reason: answer.statusText };
  }

  address(path: string): string {
    return `${this.base}jupyter-aml/${path}`;
  }
}

/** The server of the page, if it says where it is. */
export function server(): PageTransport | undefined {
  try {
    const found = document.getElementById('jupyter-config-data')?.textContent;
    const { baseUrl, token } = JSON.parse(found ?? '{}') as { baseUrl?: string; token?: string };
    return baseUrl ? new PageTransport(baseUrl, token) : undefined;
  } catch {
    return undefined;
  }
}

/** The better of both ways: the server, if it knows the workspace; it answers while the kernel is busy or gone. */
export class EitherTransport implements Transport {
  private readonly chosen: Promise<Transport>;
  private page: PageTransport | undefined;

  constructor(
    private readonly kernel: KernelTransport,
    workspace: string,
    model: Model,
    found: PageTransport | undefined = server()
  ) {
    this.chosen = found ? this.choose(found, workspace, model) : Promise.resolve(kernel);
  }

  async send(ask: Ask): Promise<Answer> {
    return (await this.chosen).send(ask);
  }

  address(path: string): string {
    return this.page?.address(path) ?? '';
  }

  private async choose(found: PageTransport, workspace: string, model: Model): Promise<Transport> {
    try {
      const { status, text } = await found.send({ method: 'GET', path: 'workspaces' });
      if (status !== 200) return this.kernel;
      const known = (JSON.parse(text) as { value: { id: string }[] }).value;
      if (!known.some(one => one.id.toLowerCase() === workspace.toLowerCase())) return this.kernel;
    } catch {
      return this.kernel;
    }
    this.page = found;
    model.send({ mode: 'page' });
    return found;
  }
}
