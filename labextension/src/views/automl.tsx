/** What AutoML has tried: the best so far, a leaderboard, and what it was asked to do. */

import type { JSX } from 'preact';
import { number } from '../format';
import { type Board, task } from '../model/automl';
import { bestSoFar } from '../model/children';
import type { Run } from '../model/rows';
import { spaced } from './asset';
import { Facts, Part, Status, Table } from './basics';
import { Chart } from './chart';
import { short, spent } from './job';
import { ranked, stepped } from './sweep';
import { t } from './text';

/** What is made of the candidates at the end does not count as one. */
const ENSEMBLE = /^(Voting|Stack)Ensemble$/;

/** The candidates, the best first. */
export function Leaderboard({ found, open }: { found: Board; open: (name: string) => void }): JSX.Element {
  if (found.trials.length === 0) {
    return (
      <>
        <p class="jp-AmlLab-soft">{t('No model has been tried yet.')}</p>
        <Others runs={found.others} open={open} />
      </>
    );
  }
  const measured = found.trials.flatMap(one =>
    one.value === undefined ? [] : [{ x: one.number, y: one.value }]
  );
  return (
    <>
      <p>{said(found)}</p>
      {measured.length > 0 && (
        <div class="jp-AmlLab-charts">
          <Chart
            title={t('%1, best so far', found.metric)}
            points={stepped(bestSoFar(found))}
            dots={measured}
            axis={t('model')}
          />
        </div>
      )}
      <Ranking found={found} open={open} />
      <Others runs={found.others} open={open} />
    </>
  );
}

function Ranking({ found, open }: { found: Board; open: (name: string) => void }): JSX.Element {
  const algorithms = new Map(found.trials.map(one => [one.name, one.algorithm]));
  return (
    <Table
      columns={[t('rank'), t('algorithm'), found.metric || t('metric'), t('duration'), t('status'), '']}
      measures={[t('duration')]}
      rows={ranked(found).map((trial, at) => ({
        key: trial.name,
        cells: [
          trial.value === undefined ? '' : at + 1,
          <button key="a" type="button" class="jp-AmlLab-link" onClick={() => open(trial.name)}>
            {algorithms.get(trial.name) || trial.title}
          </button>,
          trial.value === undefined ? '' : Number(number(trial.value)),
          spent(trial.run),
          <Status key="s" value={trial.status} />,
          trial.name === found.best ? t('★ best') : ''
        ]
      }))}
    />
  );
}

/** How far it is, in a sentence. */
function said(found: Board): string {
  const done = found.trials.filter(one => one.status === 'Completed' && !ENSEMBLE.test(one.algorithm)).length;
  const wanted = found.goal === 'maximize' ? t('higher is better') : t('lower is better');
  return found.planned
    ? t('%1 of at most %2 models completed; of %3, %4.', done, found.planned, found.metric, wanted)
    : t('%1 models completed; of %2, %3.', done, found.metric, wanted);
}

/** What prepares, explains and distributes the work. */
function Others({ runs, open }: { runs: Run[]; open: (name: string) => void }): JSX.Element | null {
  if (runs.length === 0) return null;
  return (
    <details>
      <summary>{t('Other runs: %1', runs.length)}</summary>
      <Table
        columns={[t('name'), t('status'), t('duration')]}
        measures={[t('duration')]}
        open={open}
        rows={runs.map(run => ({
          key: run.runId,
          cells: [run.displayName ?? run.runId, <Status key="s" value={run.status} />, spent(run)]
        }))}
      />
    </details>
  );
}

/** What an AutoML job was asked to do. */
export function TaskDetails({
  held,
  show
}: {
  held: Record<string, unknown>;
  show: (segment: string, name: string) => void;
}): JSX.Element {
  const found = task(held);
  return (
    <Part title={t('Task')}>
      <Facts
        pairs={[
          [t('task'), found.type],
          [t('target column'), found.target],
          [t('primary metric'), found.metric],
          [t('training data'), <Data key="t" uri={found.training} show={show} />],
          [t('validation data'), found.validation && <Data key="v" uri={found.validation} show={show} />],
          ...found.limits.map(([name, value]): [string, string] => [spaced(name), value])
        ]}
      />
    </Part>
  );
}

/** A data asset opens its page; any other address is only told. */
function Data({ uri, show }: { uri: string; show: (segment: string, name: string) => void }): JSX.Element {
  const name = (/\/data\/([^/]+)\/versions\/[^/]+$/.exec(uri) ?? /^azureml:([^:/]+):[^:/]+$/.exec(uri))?.[1];
  if (!name) return <span title={uri}>{short(uri)}</span>;
  return (
    <button type="button" class="jp-AmlLab-link" title={uri} onClick={() => show('data', name)}>
      {short(uri)}
    </button>
  );
}
