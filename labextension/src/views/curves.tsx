/** One metric of several runs: a line each, told apart by colour, dash and marker, with a legend. */

import { Component, type JSX } from 'preact';
import { number } from '../format';
import type { Series } from '../model/compare';
import { Axes, finite, type Frame, framed, thin } from './chart';
import { t } from './text';

/** Colours, dashes and markers; together they tell twelve runs apart also without colours. */
const COLOURS = 6;
const DASHES = [undefined, '6 3', '2 2.5', '9 3 2 3'];
const MARKERS = [
  'M-3,0a3,3 0 1 0 6,0a3,3 0 1 0 -6,0',
  'M-2.7,-2.7h5.4v5.4h-5.4z',
  'M0,-3.6L3.4,2.6H-3.4z',
  'M0,-3.8L3.8,0L0,3.8L-3.8,0z',
  'M0,3.6L3.4,-2.6H-3.4z',
  'M-3.4,-1h2.4v-2.4h2v2.4h2.4v2h-2.4v2.4h-2v-2.4h-2.4z'
];
/** Markers on a line. */
const SPOTS = 6;
const WIDTH = 400;
const HEIGHT = 200;

/** The dashes of a run's lines. */
export function dash(mark: number): string | undefined {
  return DASHES[mark % DASHES.length];
}

/** Which of the theme's colours a run has. */
export function colour(mark: number): number {
  return mark % COLOURS;
}

/** The shape of a run's markers. */
export function marker(mark: number): string {
  return MARKERS[mark % MARKERS.length] ?? '';
}

/** How a run is drawn, beside its name. */
export function Swatch({ mark }: { mark: number }): JSX.Element {
  return (
    <svg class="jp-AmlLab-swatch" width={32} height={12} aria-hidden="true">
      <line
        x1={1}
        x2={31}
        y1={6}
        y2={6}
        class="jp-AmlLab-run"
        data-mark={colour(mark)}
        stroke-dasharray={dash(mark)}
      />
      <path d={marker(mark)} transform="translate(16,6)" class="jp-AmlLab-spot" data-mark={colour(mark)} />
    </svg>
  );
}

export interface CurvesProps {
  title: string;
  axis: string;
  series: Series[];
}

/** The chart of one metric; under the pointer it tells the values at the nearest step. */
export class Curves extends Component<CurvesProps, { at: number | undefined }> {
  override state = { at: undefined as number | undefined };

  render({ title, axis, series }: CurvesProps): JSX.Element {
    const shown = series.map(one => ({ ...one, points: finite(one.points) }));
    const frame = framed(
      shown.flatMap(one => one.points),
      WIDTH,
      HEIGHT
    );
    const { at } = this.state;
    return (
      <figure class="jp-AmlLab-chart">
        <figcaption>
          {title} <span class="jp-AmlLab-soft">{at === undefined ? t('last') : `${axis} ${number(at)}`}</span>
        </figcaption>
        <svg
          viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
          width={WIDTH}
          height={HEIGHT}
          role="img"
          aria-label={said(title, axis, shown)}
          onMouseMove={event => this.setState({ at: nearest(event, frame, shown) })}
          onMouseLeave={() => this.setState({ at: undefined })}
        >
          <Axes frame={frame} axis={axis} />
          {at !== undefined && (
            <line
              x1={frame.px(at)}
              x2={frame.px(at)}
              y1={frame.py(frame.upright[0] ?? 0)}
              y2={frame.py(frame.upright.at(-1) ?? 1)}
              class="jp-AmlLab-axis"
            />
          )}
          {shown.map(one => (
            <Curve key={one.mark} series={one} frame={frame} />
          ))}
        </svg>
        <ul class="jp-AmlLab-legend">
          {shown.map(one => (
            <li key={one.mark}>
              <Swatch mark={one.mark} />
              <span class="jp-AmlLab-name">{one.name}</span>
              <span>{value(one, at)}</span>
            </li>
          ))}
        </ul>
      </figure>
    );
  }
}

function Curve({ series, frame }: { series: Series; frame: Frame }): JSX.Element {
  const { px, py } = frame;
  const drawn = thin(series.points);
  const every = Math.max(1, Math.ceil(drawn.length / SPOTS));
  const first = drawn.length > SPOTS ? series.mark % every : 0;
  const line = drawn.map(one => `${px(one.x).toFixed(1)},${py(one.y).toFixed(1)}`).join(' ');
  return (
    <g>
      {drawn.length > 1 && (
        <polyline
          points={line}
          class="jp-AmlLab-run"
          data-mark={colour(series.mark)}
          stroke-dasharray={dash(series.mark)}
        />
      )}
      {drawn
        .filter((_, index) => index % every === first)
        .map((one, index) => (
          <path
            key={index}
            d={marker(series.mark)}
            transform={`translate(${px(one.x).toFixed(1)},${py(one.y).toFixed(1)})`}
            class="jp-AmlLab-spot"
            data-mark={colour(series.mark)}
          />
        ))}
    </g>
  );
}

/** The value of a run at a step, or its last one; a run has none where it has logged none at that step. */
export function value(series: Series, at: number | undefined): string {
  const found = at === undefined ? series.points.at(-1) : series.points.find(one => one.x === at);
  return found ? number(found.y) : '–';
}

/** The step of any run that is nearest to the pointer. */
export function nearest(event: MouseEvent, frame: Frame, series: Series[]): number | undefined {
  const box = (event.currentTarget as Element).getBoundingClientRect();
  const x = ((event.clientX - box.left) * frame.width) / (box.width || frame.width);
  let best: number | undefined;
  for (const { points } of series)
    for (const one of points)
      if (best === undefined || Math.abs(frame.px(one.x) - x) < Math.abs(frame.px(best) - x)) best = one.x;
  return best;
}

function said(title: string, axis: string, series: Series[]): string {
  const ends = series.map(one => {
    const last = one.points.at(-1);
    return last ? t('%1: %2 at %3 %4', one.name, number(last.y), axis, number(last.x)) : one.name;
  });
  return `${title}. ${ends.join('; ')}`;
}
