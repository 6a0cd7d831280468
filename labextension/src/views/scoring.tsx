/** A live online endpoint: test calls with their latencies, and the logs of its containers. */

import { Component, type JSX } from 'preact';
import { json, number } from '../format';
import type { EndpointModel } from '../model/endpoint';
import { CONTAINERS, type ContainerLog, type ScoringModel } from '../model/scoring';
import type { Scored } from '../rest';
import { Facts, Fault, Part } from './basics';
import { Chart } from './chart';
import { NEAR } from './log';
import { t } from './text';

/** Header of an answer that names the deployment that served. */
const SERVED = 'azureml-model-deployment';

/** A form for test calls; `id` sets its fields apart from those of other pages. */
export function Test({
  model,
  scoring,
  id
}: {
  model: EndpointModel;
  scoring: ScoringModel;
  id: string;
}): JSX.Element {
  const { wrong } = scoring;
  const body = `${id}-body`;
  const which = `${id}-deployment`;
  return (
    <>
      <form
        onSubmit={event => {
          event.preventDefault();
          if (!scoring.busy && !wrong) void scoring.send();
        }}
      >
        <div class="jp-AmlLab-field">
          <label for={which}>{t('Deployment')}</label>
          <select id={which} onChange={event => scoring.choose(event.currentTarget.value)}>
            <option value="" selected={scoring.deployment === ''}>
              {t('by the traffic')}
            </option>
            {model.deployments.map(({ name }) => (
              <option key={name} value={name} selected={scoring.deployment === name}>
                {name}
              </option>
            ))}
          </select>
        </div>
        <div class="jp-AmlLab-field">
          <label for={body}>{t('Body, JSON')}</label>
          <textarea
            id={body}
            rows={10}
            spellcheck={false}
            value={scoring.body}
            aria-describedby={`${body}-help`}
            aria-invalid={wrong !== ''}
            onInput={event => scoring.type(event.currentTarget.value)}
          />
          <small id={`${body}-help`}>{wrong && t('This is no JSON: %1', wrong)}</small>
        </div>
        <div class="jp-AmlLab-actions">
          <button
            type="submit"
            class="jp-AmlLab-button jp-AmlLab-main"
            disabled={scoring.busy || wrong !== '' || model.deployments.length === 0}
          >
            {scoring.busy ? t('Sending…') : t('Send')}
          </button>
        </div>
      </form>
      <div class="jp-AmlLab-answer" aria-live="polite">
        {scoring.error && <Fault error={scoring.error} />}
        {scoring.answer && <Reply answer={scoring.answer} />}
      </div>
      <Latency scoring={scoring} />
    </>
  );
}

function Reply({ answer }: { answer: Scored }): JSX.Element {
  const good = answer.status < 400;
  return (
    <Part title={t('Answer')}>
      <Facts
        pairs={[
          [
            t('status'),
            <span key="s" class="jp-AmlLab-status" data-tone={good ? 'good' : 'bad'}>
              <span aria-hidden="true">{good ? '✓' : '✗'}</span>
              <span>{answer.status}</span>
            </span>
          ],
          [t('latency'), t('%1 ms', number(answer.milliseconds))],
          [t('served by'), answer.headers[SERVED]]
        ]}
      />
      <pre class="jp-AmlLab-code" tabIndex={0} aria-label={t('Body of the answer')}>
        {pretty(answer.body)}
      </pre>
    </Part>
  );
}

function Latency({ scoring }: { scoring: ScoringModel }): JSX.Element | null {
  const { calls, median } = scoring;
  if (median === undefined) return null;
  return (
    <Part title={t('Latency')}>
      <div class="jp-AmlLab-charts">
        <Chart
          title={t('Test calls, ms')}
          points={calls.map(one => ({ x: one.number, y: one.milliseconds }))}
          axis={t('call')}
        />
      </div>
      <p class="jp-AmlLab-soft">
        {t(
          'p50 %1 ms over %2 calls: those that this page has sent, from Jupyter Server to the endpoint and back.',
          number(median),
          calls.length
        )}
      </p>
    </Part>
  );
}

/** JSON with indents; anything else as it stands. */
export function pretty(text: string): string {
  try {
    return json(JSON.parse(text));
  } catch {
    return text;
  }
}

/** The log of one container of a deployment. */
export function Logs({
  model,
  log,
  id
}: {
  model: EndpointModel;
  log: ContainerLog;
  id: string;
}): JSX.Element {
  if (model.deployments.length === 0) {
    return <p class="jp-AmlLab-soft">{t('There are no deployments yet.')}</p>;
  }
  return (
    <div class="jp-AmlLab-log">
      <div class="jp-AmlLab-title">
        <label for={`${id}-of`}>{t('Deployment')}</label>
        <select id={`${id}-of`} onChange={event => void log.choose(event.currentTarget.value)}>
          {model.deployments.map(({ name }) => (
            <option key={name} value={name} selected={name === log.deployment}>
              {name}
            </option>
          ))}
        </select>
        <label for={`${id}-container`}>{t('Container')}</label>
        <select
          id={`${id}-container`}
          onChange={event => void log.choose(log.deployment, event.currentTarget.value)}
        >
          {CONTAINERS.map(name => (
            <option key={name} value={name} selected={name === log.container}>
              {name}
            </option>
          ))}
        </select>
        <button type="button" class="jp-AmlLab-button" disabled={log.busy} onClick={() => void log.fetch()}>
          {t('Refresh the log')}
        </button>
      </div>
      {log.error && <Fault error={log.error} retry={() => void log.fetch()} />}
      <End
        text={log.text === undefined ? (log.error ? '' : t('Loading…')) : log.text || t('The log is empty.')}
      />
    </div>
  );
}

/** The end of a text; it is followed until somebody scrolls up. */
class End extends Component<{ text: string }> {
  private box: HTMLPreElement | null = null;
  private follows = true;

  override componentDidMount(): void {
    this.scroll();
  }

  override componentDidUpdate(): void {
    this.scroll();
  }

  render({ text }: { text: string }): JSX.Element {
    const { box } = this;
    if (box) this.follows = box.scrollHeight - box.scrollTop - box.clientHeight < NEAR;
    return (
      <pre
        ref={found => {
          this.box = found;
        }}
        class="jp-AmlLab-lines"
        role="log"
        tabIndex={0}
        aria-live="off"
        aria-label={t('Log')}
      >
        {text}
      </pre>
    );
  }

  private scroll(): void {
    if (this.box && this.follows) this.box.scrollTop = this.box.scrollHeight;
  }
}
