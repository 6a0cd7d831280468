/** Requests through Jupyter Server, with its settings and its sign-in. */

import { ServerConnection } from '@jupyterlab/services';
import { aborted, type Answer, type Ask, type Transport } from './rest';
import { t } from './views/text';

/** Browsers say no more than `Failed to fetch`. */
function unreached(error: unknown): never {
  if (error instanceof ServerConnection.NetworkError && !aborted(error)) {
    throw new Error(t('Jupyter Server does not answer. Is it still running?'), { cause: error });
  }
  throw error;
}

export class ServerTransport implements Transport {
  constructor(private readonly settings: ServerConnection.ISettings = ServerConnection.makeSettings()) {}

  async send({ method, path, body, signal }: Ask): Promise<Answer> {
    const init: RequestInit = { method, signal };
    if (body !== undefined) {
      init.body = JSON.stringify(body);
      init.headers = { 'Content-Type': 'application/json' };
    }
    const answer = await ServerConnection.makeRequest(this.address(path), init, this.settings).catch(
      unreached
    );
    return { status: answer.status, text: await answer.text(), reason: answer.statusText };
  }

  address(path: string): string {
    return `${this.settings.baseUrl}jupyter-aml/${path}`;
  }
}
