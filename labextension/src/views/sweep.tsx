/** A sweep: the best so far, the ways through the search space, and its trials. */

import { Component, createContext, type JSX } from 'preact';
import { cell, number } from '../format';
import { bestSoFar, type Sweep as Found, type Trial } from '../model/children';
import { Selection } from '../model/selection';
import { Facts, Status, Table } from './basics';
import { Chart, type Point } from './chart';
import { Chosen } from './chosen';
import { spent } from './job';
import { Parallel } from './parallel';
import { t } from './text';

/** Lines beyond which nothing more could be seen. */
const MOST = 500;

export function Sweep({ found, open }: { found: Found; open: (name: string) => void }): JSX.Element {
  if (found.trials.length === 0) return <p class="jp-AmlLab-soft">{t('There are no trials yet.')}</p>;
  const names = [...new Set(found.trials.flatMap(trial => Object.keys(trial.point)))];
  const done = found.trials.filter(trial => trial.status === 'Completed').length;
  return (
    <>
      <p>
        {found.planned
          ? t('%1 of %2 trials completed; %3 is to be %4d.', done, found.planned, found.metric, found.goal)
          : t('%1 trials completed; %2 is to be %3d.', done, found.metric, found.goal)}
      </p>
      <div class="jp-AmlLab-charts">
        <Chart
          title={t('%1, best so far', found.metric)}
          points={stepped(bestSoFar(found))}
          dots={found.trials.flatMap(one =>
            one.value === undefined ? [] : [{ x: one.number, y: one.value }]
          )}
          axis={t('trial')}
          height={220}
        />
        <Coordinates found={found} names={names} />
      </div>
      <Trials found={found} names={names} open={open} />
    </>
  );
}

/** Compares runs by their names; without it nothing can be chosen. */
export const Comparing = createContext<((names: string[]) => void) | undefined>(undefined);

/** The trials, some of which can be chosen and compared. */
class Trials extends Component<{ found: Found; names: string[]; open: (name: string) => void }> {
  static override contextType = Comparing;
  declare context: ((names: string[]) => void) | undefined;
  private readonly selection = new Selection();

  render(): JSX.Element {
    const { found, names, open } = this.props;
    const compare = this.context;
    const { selection } = this;
    const picked = compare ? [t('compare')] : [];
    return (
      <>
        {compare && (
          <Chosen
            selection={selection}
            compare={() => {
              compare(selection.names);
              this.change(() => selection.clear());
            }}
            clear={() => this.change(() => selection.clear())}
          />
        )}
        <Table
          columns={[
            t('trial'),
            ...picked,
            t('status'),
            ...names,
            found.metric || t('metric'),
            t('duration'),
            ''
          ]}
          measures={[t('duration')]}
          open={open}
          rows={ranked(found).map(trial => ({
            key: trial.name,
            cells: [
              trial.title,
              ...picked.map(() => this.box(trial)),
              <Status key="s" value={trial.status} />,
              ...names.map(name => shown(trial.point[name])),
              trial.value === undefined ? '' : shown(trial.value),
              spent(trial.run),
              trial.name === found.best ? t('★ best') : ''
            ]
          }))}
        />
      </>
    );
  }

  private box(trial: Trial): JSX.Element {
    const row = { key: trial.name, name: trial.name };
    return (
      <input
        key="c"
        type="checkbox"
        aria-label={t('Compare %1', trial.title)}
        checked={this.selection.chosen.has(trial.name)}
        onChange={() => this.change(() => this.selection.toggle(row))}
      />
    );
  }

  private change(how: () => void): void {
    how();
    this.forceUpdate();
  }
}

/** What a sweep is after, and the best that it has found. */
export function SweepFacts({ found, open }: { found: Found; open: (name: string) => void }): JSX.Element {
  const best = found.trials.find(trial => trial.name === found.best);
  const link = best && (
    <button type="button" class="jp-AmlLab-link" onClick={() => open(best.name)}>
      {best.title}
    </button>
  );
  return (
    <Facts
      pairs={[
        [t('objective'), t('%1 %2', found.goal, found.metric)],
        [
          t('trials'),
          found.planned ? t('%1 of %2', found.trials.length, found.planned) : found.trials.length
        ],
        [t('best trial'), link],
        [t('best %1', found.metric), best?.value === undefined ? '' : number(best.value)],
        ...Object.entries(best?.point ?? {}).map(([name, value]): [string, string] => [name, cell(value)])
      ]}
    />
  );
}

/** As stairs: what was best stays so until something better comes. */
export function stepped(points: Point[]): Point[] {
  return points.flatMap((one, at) => {
    const before = points[at - 1];
    return before && before.y !== one.y ? [{ x: one.x, y: before.y }, one] : [one];
  });
}

/** The best first; trials without a value as they came, at the end. */
export function ranked(found: Found): Trial[] {
  const sign = found.goal === 'maximize' ? -1 : 1;
  return [...found.trials].sort((one, other) => {
    if (one.value === undefined || other.value === undefined) {
      return Number(one.value === undefined) - Number(other.value === undefined) || one.number - other.number;
    }
    return sign * (one.value - other.value) || one.number - other.number;
  });
}

/** Each trial as a line over one axis a parameter; the best ones are darkest and on top. */
function Coordinates({ found, names }: { found: Found; names: string[] }): JSX.Element | null {
  const measured = ranked(found)
    .filter(trial => trial.value !== undefined)
    .slice(0, MOST);
  if (measured.length < 2 || names.length === 0) return null;
  const axes = [...names, found.metric];
  const ways = [...measured].reverse().map((trial, at) => ({
    key: trial.name,
    title: `${trial.title}: ${number(trial.value ?? NaN)}`,
    values: [...names.map(name => trial.point[name]), trial.value],
    class: trial.name === found.best ? 'jp-AmlLab-line jp-AmlLab-best' : 'jp-AmlLab-line',
    opacity: trial.name === found.best ? 1 : 0.12 + (0.5 * (at + 1)) / measured.length
  }));
  const label = t('%1 trials over %2', measured.length, axes.join(', '));
  return <Parallel title={t('Search space')} label={label} axes={axes} ways={ways} />;
}

function shown(value: unknown): number | string {
  return typeof value === 'number'
    ? Number(number(value))
    : value === undefined || value === null
      ? ''
      : String(value);
}
