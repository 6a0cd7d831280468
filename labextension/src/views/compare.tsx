/** Runs side by side: a column each, their curves over one pair of axes, their settings as parallel coordinates. */

import { Component, type ComponentChildren, type JSX } from 'preact';
import { final, number } from '../format';
import { axes, type Compared, histories, type Line, line, lines, setting } from '../model/compare';
import { Badge, Part, since, Status } from './basics';
import { colour, Curves, dash, Swatch } from './curves';
import { short, spent } from './job';
import { Parallel } from './parallel';
import { t } from './text';

/** Runs from which on parallel coordinates say more than the table. */
const SEVERAL = 3;
/** Digits behind the point that numbers of a line share at most. */
const DIGITS = 6;

export interface CompareActions {
  open: (name: string) => void;
  remove: (name: string) => void;
  code: () => void;
}

export interface CompareProps {
  runs: Compared[];
  place: string;
  actions: CompareActions;
}

interface State {
  only: boolean;
  metric: string;
}

export class Compare extends Component<CompareProps, State> {
  override state: State = { only: false, metric: '' };

  render({ runs, place, actions }: CompareProps): JSX.Element {
    const { only } = this.state;
    const running = runs.filter(run => run.status && !final(run.status)).length;
    return (
      <>
        <header class="jp-AmlLab-head">
          <div class="jp-AmlLab-title">
            <h2>{t('Comparison of %1 runs', runs.length)}</h2>
            <Badge place={place} />
            {running > 0 && <span class="jp-AmlLab-soft">{t('%1 still running', running)}</span>}
          </div>
          <div class="jp-AmlLab-actions">
            <button type="button" class="jp-AmlLab-button" onClick={actions.code}>
              {t('Insert code')}
            </button>
            <label class="jp-AmlLab-switch">
              <input
                type="checkbox"
                role="switch"
                checked={only}
                onChange={event => this.setState({ only: event.currentTarget.checked })}
              />{' '}
              {t('Only differences')}
            </label>
          </div>
        </header>
        <div class="jp-AmlLab-body">
          <Columns runs={runs} only={only} actions={actions} />
          <Histories runs={runs} />
          {this.settings(runs)}
        </div>
      </>
    );
  }

  /** Numeric settings and one metric, where there are enough runs. */
  private settings(runs: Compared[]): JSX.Element | null {
    const metrics = [...new Set(runs.flatMap(run => Object.keys(run.metrics)))].sort();
    const metric = metrics.includes(this.state.metric) ? this.state.metric : (metrics[0] ?? '');
    const measured = runs.filter(run => Number.isFinite(run.metrics[metric]));
    const names = axes(measured);
    if (runs.length < SEVERAL || measured.length < 2 || names.length === 0) return null;
    const ways = measured.map(run => ({
      key: run.name,
      title: `${run.title}: ${number(run.metrics[metric] ?? NaN)}`,
      values: [...names.map(name => setting(run, name)), run.metrics[metric]],
      class: 'jp-AmlLab-run',
      dash: dash(run.mark),
      mark: colour(run.mark)
    }));
    return (
      <Part title={t('Settings')}>
        <label>
          {t('Metric')}{' '}
          <select onChange={event => this.setState({ metric: event.currentTarget.value })}>
            {metrics.map(name => (
              <option key={name} value={name} selected={name === metric}>
                {name}
              </option>
            ))}
          </select>
        </label>
        <div class="jp-AmlLab-scroll" tabIndex={0} role="region" aria-label={t('Settings')}>
          <Parallel
            title={t('Settings and %1', metric)}
            label={t('%1 runs over %2', measured.length, [...names, metric].join(', '))}
            axes={[...names, metric]}
            ways={ways}
          />
        </div>
        <Legend runs={measured} />
      </Part>
    );
  }
}

function Legend({ runs }: { runs: Compared[] }): JSX.Element {
  return (
    <ul class="jp-AmlLab-legend">
      {runs.map(run => (
        <li key={run.name}>
          <Swatch mark={run.mark} />
          <span class="jp-AmlLab-name">{run.title}</span>
        </li>
      ))}
    </ul>
  );
}

function Histories({ runs }: { runs: Compared[] }): JSX.Element | null {
  const found = histories(runs);
  if (found.length === 0) return null;
  return (
    <Part title={t('Curves')}>
      <div class="jp-AmlLab-charts">
        {found.map(one => (
          <Curves
            key={one.key}
            title={one.key}
            axis={one.timed ? t('time, s') : t('step')}
            series={one.series}
          />
        ))}
      </div>
    </Part>
  );
}

/** A line and how its values are shown. */
interface Drawn {
  line: Line;
  cells: ComponentChildren[];
}

function facts(runs: Compared[]): Drawn[] {
  const of = (key: string, value: (run: Compared) => string | undefined): Line => line(key, runs.map(value));
  const type = of(t('type'), run => run.type);
  const lasted = of(t('duration'), run => spent(run.run));
  return [
    { line: of(t('status'), run => run.error || run.status), cells: states(runs) },
    { line: type, cells: plain(type) },
    { line: lasted, cells: plain(lasted) },
    { line: of(t('started'), run => run.run?.startTimeUtc ?? undefined), cells: times(runs) }
  ];
}

function Columns({
  runs,
  only,
  actions
}: {
  runs: Compared[];
  only: boolean;
  actions: CompareActions;
}): JSX.Element {
  const many = runs.length > 1;
  const drawn = (found: Line[], cells: (line: Line) => ComponentChildren[]): Drawn[] =>
    found.map(one => ({ line: one, cells: cells(one) }));
  const parts: [string, Drawn[]][] = [
    [t('Run'), facts(runs)],
    [t('Parameters'), drawn(lines(runs, 'params'), plain)],
    [t('Metrics'), drawn(lines(runs, 'metrics'), one => aligned(one.values as (number | undefined)[]))],
    [t('Inputs'), drawn(lines(runs, 'inputs'), inputs)],
    [t('Tags'), drawn(lines(runs, 'tags'), plain)]
  ];
  return (
    <div class="jp-AmlLab-scroll" tabIndex={0} role="region" aria-label={t('Comparison')}>
      <table class="jp-AmlLab-table jp-AmlLab-compare">
        <Heads runs={runs} actions={actions} />
        {parts.map(([title, found]) => {
          const shown = found.filter(one => !only || (many && one.line.differs));
          return shown.length === 0 ? null : (
            <tbody key={title}>
              <tr>
                <th scope="rowgroup" colSpan={runs.length + 2}>
                  <span>{title}</span>
                </th>
              </tr>
              {shown.map(one => (
                <Row key={one.line.key} {...one} marked={many && one.line.differs} />
              ))}
            </tbody>
          );
        })}
      </table>
    </div>
  );
}

function Heads({ runs, actions }: { runs: Compared[]; actions: CompareActions }): JSX.Element {
  return (
    <thead>
      <tr>
        <td />
        {runs.map(run => (
          <th key={run.name} scope="col">
            <Swatch mark={run.mark} />{' '}
            <button
              type="button"
              class="jp-AmlLab-link"
              title={run.name}
              onClick={() => actions.open(run.name)}
            >
              {run.title}
            </button>
            {runs.length > 2 && (
              <button
                type="button"
                class="jp-AmlLab-icon"
                title={t('Leave %1 out', run.title)}
                aria-label={t('Leave %1 out', run.title)}
                onClick={() => actions.remove(run.name)}
              >
                ×
              </button>
            )}
          </th>
        ))}
        <th scope="col">{t('range')}</th>
      </tr>
    </thead>
  );
}

function Row({
  line: found,
  cells,
  marked
}: {
  line: Line;
  cells: ComponentChildren[];
  marked: boolean;
}): JSX.Element {
  const [low, high] = found.extent ?? [0, 0];
  return (
    <tr data-differs={marked}>
      <th scope="row">
        {found.key}
        {marked && <span class="jp-AmlLab-differs">{t('≠ differs')}</span>}
      </th>
      {cells.map((cell, index) => (
        <td key={index} data-number={found.extent !== undefined}>
          {cell}
        </td>
      ))}
      <td class="jp-AmlLab-soft">{low < high && `${number(low)} … ${number(high)}`}</td>
    </tr>
  );
}

function plain(found: Line): ComponentChildren[] {
  return found.values.map(one => (one === undefined || one === '' ? <None /> : String(one)));
}

function inputs(found: Line): ComponentChildren[] {
  return found.values.map(one =>
    one === undefined ? <None /> : <span title={String(one)}>{short(String(one))}</span>
  );
}

function states(runs: Compared[]): ComponentChildren[] {
  return runs.map(run =>
    run.error ? (
      <span role="alert" class="jp-AmlLab-said">
        {run.error}
      </span>
    ) : run.status ? (
      <Status value={run.status} />
    ) : (
      t('Loading…')
    )
  );
}

function times(runs: Compared[]): ComponentChildren[] {
  return runs.map(run => since(run.run?.startTimeUtc) || <None />);
}

function None(): JSX.Element {
  return (
    <span class="jp-AmlLab-soft">
      <span aria-hidden="true">–</span>
      <span class="jp-AmlLab-unseen">{t('none')}</span>
    </span>
  );
}

/** Numbers with their points below each other: as many digits behind them as the longest needs. */
export function aligned(values: (number | undefined)[]): ComponentChildren[] {
  const texts = values.map(one => (one === undefined ? '' : number(one)));
  const plainly = texts.every(one => /^-?\d*\.?\d*$/.test(one));
  const digits = Math.min(Math.max(...texts.map(one => one.split('.')[1]?.length ?? 0)), DIGITS);
  return values.map((one, at) => {
    if (one === undefined) return <None />;
    return plainly ? one.toFixed(digits) : texts[at];
  });
}
