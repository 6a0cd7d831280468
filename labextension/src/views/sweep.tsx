/** A sweep: the best so far, the ways through the search space, and its trials. */

import type { JSX } from 'preact';
import { number } from '../format';
import { bestSoFar, type Sweep as Found, type Trial } from '../model/children';
import { Status, Table } from './basics';
import { Chart, type Point } from './chart';
import { spent } from './job';
import { t } from './text';

const WIDTH = 640;
const HEIGHT = 220;
const TOP = 26;
const BOTTOM = 22;
const SIDE = 60;
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
        />
        <Coordinates found={found} names={names} />
      </div>
      <Table
        columns={[t('trial'), t('status'), ...names, found.metric || t('metric'), t('duration'), '']}
        open={open}
        rows={ranked(found).map(trial => ({
          key: trial.name,
          cells: [
            trial.title,
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

/** As stairs: what was best stays so until something better comes. */
function stepped(points: Point[]): Point[] {
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

/** Where a value lies between the lowest and the highest of its axis, from 0 to 1; words have a place each. */
export function scale(values: unknown[]): { place: (value: unknown) => number; low: string; high: string } {
  const numbers = values.filter((one): one is number => typeof one === 'number' && Number.isFinite(one));
  if (numbers.length === values.length && numbers.length > 0) {
    const low = Math.min(...numbers);
    const high = Math.max(...numbers);
    const logarithmic = low > 0 && high / low > 50;
    const of = (value: number): number => (logarithmic ? Math.log(value) : value);
    const span = of(high) - of(low);
    return {
      place: value => (span === 0 ? 0.5 : (of(Number(value)) - of(low)) / span),
      low: number(low),
      high: number(high)
    };
  }
  const words = [...new Set(values.map(String))].sort();
  return {
    place: value => (words.length < 2 ? 0.5 : words.indexOf(String(value)) / (words.length - 1)),
    low: words[0] ?? '',
    high: words.at(-1) ?? ''
  };
}

/** Each trial as a line over one axis a parameter; the best ones are darkest and on top. */
function Coordinates({ found, names }: { found: Found; names: string[] }): JSX.Element | null {
  const measured = ranked(found)
    .filter(trial => trial.value !== undefined)
    .slice(0, MOST);
  if (measured.length < 2 || names.length === 0) return null;
  const axes = [...names, found.metric];
  const of = (trial: Trial, axis: number): unknown =>
    axis < names.length ? trial.point[names[axis] ?? ''] : trial.value;
  const scales = axes.map((_, axis) => scale(measured.map(trial => of(trial, axis))));
  const x = (axis: number): number => SIDE + (axis * (WIDTH - 2 * SIDE)) / (axes.length - 1);
  const y = (place: number): number => HEIGHT - BOTTOM - place * (HEIGHT - TOP - BOTTOM);
  return (
    <figure class="jp-AmlLab-chart">
      <figcaption>{t('Search space')}</figcaption>
      <svg
        viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
        width={WIDTH}
        height={HEIGHT}
        role="img"
        aria-label={t('%1 trials over %2', measured.length, axes.join(', '))}
      >
        {[...measured].reverse().map((trial, at) => (
          <polyline
            key={trial.name}
            class={trial.name === found.best ? 'jp-AmlLab-line jp-AmlLab-best' : 'jp-AmlLab-line'}
            opacity={trial.name === found.best ? 1 : 0.12 + (0.5 * (at + 1)) / measured.length}
            points={axes
              .map(
                (_, axis) =>
                  `${x(axis).toFixed(1)},${y(scales[axis]?.place(of(trial, axis)) ?? 0).toFixed(1)}`
              )
              .join(' ')}
          >
            <title>{`${trial.title}: ${number(trial.value ?? NaN)}`}</title>
          </polyline>
        ))}
        {axes.map((name, axis) => (
          <g key={name}>
            <line x1={x(axis)} x2={x(axis)} y1={y(0)} y2={y(1)} class="jp-AmlLab-axis" />
            <text x={x(axis)} y={12} text-anchor="middle">
              {name.length > 18 ? `${name.slice(0, 17)}…` : name}
            </text>
            <text x={x(axis)} y={TOP - 3} text-anchor="middle">
              {scales[axis]?.high}
            </text>
            <text x={x(axis)} y={HEIGHT - 8} text-anchor="middle">
              {scales[axis]?.low}
            </text>
          </g>
        ))}
      </svg>
    </figure>
  );
}

function shown(value: unknown): number | string {
  return typeof value === 'number'
    ? Number(number(value))
    : value === undefined || value === null
      ? ''
      : String(value);
}
