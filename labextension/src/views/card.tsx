/** A job in a cell's output: status, what it measured, the end of its log, and Cancel. */

import type { ComponentChildren, JSX } from 'preact';
import { cell, number } from '../format';
import { board } from '../model/automl';
import { bestSoFar, type Sweep as Found, graph, sweep, type Trial } from '../model/children';
import type { JobModel } from '../model/job';
import { Badge, Facts, Status, Table } from './basics';
import { Chart } from './chart';
import { Graph } from './graph';
import { curve, spent } from './job';
import { ranked, stepped } from './sweep';
import { t } from './text';

/** Charts, lines of a log and trials that a card has room for. */
const CHARTS = 3;
const LINES = 12;
const TRIALS = 5;

export interface CardActions {
  cancel: () => void;
  open?: () => void;
  /** Show a child. */
  child: (name: string) => void;
}

export function Card({
  model,
  place,
  busy,
  said,
  actions,
  children
}: {
  model: JobModel;
  place: string;
  busy: boolean;
  said: string;
  actions: CardActions;
  /** What was opened in it. */
  children?: ComponentChildren;
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
      <Below model={model} open={actions.child} />
      {children}
      {model.log.error && <pre class="jp-AmlLab-pinned">{model.log.error}</pre>}
      {tail(model) && (
        <pre class="jp-AmlLab-code" aria-label={t('Log')}>
          {tail(model)}
        </pre>
      )}
    </div>
  );
}

/** The children of a job, as far as a card has room: the best trials of a sweep, the steps of a pipeline. */
function Below({ model, open }: { model: JobModel; open: (name: string) => void }): JSX.Element | null {
  const held = model.resource?.properties ?? {};
  if (model.type === 'Pipeline') return <Graph graph={graph(held, model.children)} open={open} />;
  if (model.children.length === 0) return null;
  if (model.type === 'AutoML') {
    const found = board(held, model.run, model.children, model.values);
    const algorithms = new Map(found.trials.map(one => [one.name, one.algorithm]));
    return (
      <Best
        found={found}
        axis={t('model')}
        columns={[t('best models')]}
        cells={trial => [algorithms.get(trial.name) || trial.title]}
        open={open}
      />
    );
  }
  if (model.type !== 'Sweep') return null;
  const found = sweep(held, model.children, model.values);
  const searched = Object.keys(ranked(found).find(one => one.value !== undefined)?.point ?? {});
  return (
    <Best
      found={found}
      axis={t('trial')}
      columns={[t('best trials'), ...searched]}
      cells={trial => [trial.title, ...Object.values(trial.point).map(cellOf)]}
      open={open}
    />
  );
}

/** How the search went, and the best that it has found. */
function Best({
  found,
  axis,
  columns,
  cells,
  open
}: {
  found: Found;
  axis: string;
  columns: string[];
  cells: (trial: Trial) => (number | string)[];
  open: (name: string) => void;
}): JSX.Element | null {
  const measured = ranked(found).filter(one => one.value !== undefined);
  if (measured.length === 0) return null;
  return (
    <div class="jp-AmlLab-flow">
      <Chart
        title={t('%1, best so far', found.metric)}
        points={stepped(bestSoFar(found))}
        dots={measured.map(one => ({ x: one.number, y: one.value ?? NaN }))}
        axis={axis}
        width={260}
        height={150}
      />
      <Table
        columns={[...columns, found.metric]}
        open={open}
        rows={measured.slice(0, TRIALS).map(one => ({
          key: one.name,
          cells: [...cells(one), cellOf(one.value)]
        }))}
      />
    </div>
  );
}

function cellOf(value: unknown): number | string {
  return typeof value === 'number' ? Number(number(value)) : cell(value);
}

/** The last lines of the log. */
function tail(model: JobModel): string {
  const whole = model.log.pieces.slice(-LINES).join('') + model.log.tail;
  return whole.trimEnd().split('\n').slice(-LINES).join('\n');
}
