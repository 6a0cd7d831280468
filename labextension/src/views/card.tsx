/** A job in a cell's output: status, what it measured, the end of its log, and Cancel. */

import type { JSX } from 'preact';
import { number } from '../format';
import type { JobModel } from '../model/job';
import { Badge, Facts, Status } from './basics';
import { Chart } from './chart';
import { curve, spent } from './job';
import { t } from './text';

/** Charts and lines of a log that a card has room for. */
const CHARTS = 3;
const LINES = 12;

export interface CardActions {
  cancel: () => void;
  open?: () => void;
}

export function Card({
  model,
  place,
  busy,
  said,
  actions
}: {
  model: JobModel;
  place: string;
  busy: boolean;
  said: string;
  actions: CardActions;
}): JSX.Element {
  const drawn = model.metrics.filter(one => (model.curves.get(one.key)?.length ?? 0) > 1).slice(0, CHARTS);
  const done = model.children.filter(one => one.status === 'Completed').length;
  return (
    <div class="jp-AmlLab-card">
      <div class="jp-AmlLab-title">
        <Status value={model.status} />
        <strong>{model.title}</strong>
        {model.title !== model.name && <code>{model.name}</code>}
        <Badge place={place} />
        <span class="jp-AmlLab-grow" />
        {actions.open && (
          <button type="button" class="jp-AmlLab-button" onClick={actions.open}>
            {t('Open')}
          </button>
        )}
        {!model.final && (
          <button type="button" class="jp-AmlLab-button" disabled={busy} onClick={actions.cancel}>
            {t('Cancel')}
          </button>
        )}
      </div>
      {said && (
        <p class="jp-AmlLab-failure" role="alert">
          {said}
        </p>
      )}
      <div class="jp-AmlLab-flow">
        <Facts
          pairs={[
            [t('type'), model.type],
            [t('duration'), spent(model.run)],
            [
              t('children'),
              model.children.length ? t('%1 of %2 completed', done, model.children.length) : ''
            ],
            ...model.params.map((one): [string, string] => [one.key, one.value])
          ]}
        />
        {model.metrics.length > 0 && (
          <Facts numeric pairs={model.metrics.slice(0, LINES).map(one => [one.key, number(one.value)])} />
        )}
        {drawn.map(one => {
          const { points, axis } = curve(model.curves.get(one.key) ?? []);
          return <Chart key={one.key} title={one.key} points={points} axis={axis} width={260} height={150} />;
        })}
      </div>
      {model.log.error && <pre class="jp-AmlLab-pinned">{model.log.error}</pre>}
      <pre class="jp-AmlLab-code" aria-label={t('Log')}>
        {tail(model)}
      </pre>
    </div>
  );
}

/** The last lines of the log. */
function tail(model: JobModel): string {
  const whole = model.log.pieces.slice(-LINES).join('') + model.log.tail;
  return whole.trimEnd().split('\n').slice(-LINES).join('\n');
}
