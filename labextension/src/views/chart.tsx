/** A line chart: axes with round ticks, one line; drawn from points, in the colours of the theme. */

import type { JSX } from 'preact';
import { number } from '../format';

export interface Point {
  x: number;
  y: number;
}

export const LEFT = 52;
export const RIGHT = 10;
const TOP = 8;
const BOTTOM = 26;
const MOST = 400;

/** Round numbers (1, 2, 2.5 or 5 times a power of ten) that cover a range with about `count` steps. */
export function ticks(low: number, high: number, count = 4): number[] {
  let [from, to] = [low, high];
  if (to - from <= 1e-9 * Math.max(Math.abs(from), Math.abs(to))) {
    const pad = Math.abs(from) * 0.1 || 1;
    [from, to] = [from - pad, to + pad];
  }
  const raw = (to - from) / count;
  const power = 10 ** Math.floor(Math.log10(raw));
  const factor = [1, 2, 2.5, 5, 10].find(one => one * power >= raw * 0.999) ?? 10;
  const step = factor * power;
  const first = Math.floor(from / step + 1e-9);
  const last = Math.ceil(to / step - 1e-9);
  return Array.from({ length: last - first + 1 }, (_, index) =>
    Number(((first + index) * step).toPrecision(12))
  );
}

/** At most about `most` points; each stretch keeps its lowest and highest, so that no spike is lost. */
export function thin(points: Point[], most = MOST): Point[] {
  if (points.length <= most) return points;
  const span = Math.ceil(points.length / (most / 2));
  const kept: Point[] = [];
  for (let start = 0; start < points.length; start += span) {
    const chunk = points.slice(start, start + span);
    const low = chunk.reduce((best, one) => (one.y < best.y ? one : best));
    const high = chunk.reduce((best, one) => (one.y > best.y ? one : best));
    kept.push(...(low === high ? [low] : low.x < high.x ? [low, high] : [high, low]));
  }
  const end = points.at(-1);
  if (end && kept.at(-1) !== end) kept.push(end);
  return kept;
}

/** The points that can be drawn. */
export function finite(points: Point[]): Point[] {
  return points.filter(one => Number.isFinite(one.x) && Number.isFinite(one.y));
}

/** Where points stand in a picture, and the ticks of its axes. */
export interface Frame {
  width: number;
  height: number;
  px: (value: number) => number;
  py: (value: number) => number;
  upright: number[];
  along: number[];
}

/** A frame that holds all of some points. */
export function framed(points: Point[], width: number, height: number): Frame {
  const xs = points.map(one => one.x);
  const ys = points.map(one => one.y);
  const low = xs.length ? minimum(xs) : 0;
  const high = xs.length ? maximum(xs) : 1;
  const upright = ticks(ys.length ? minimum(ys) : 0, ys.length ? maximum(ys) : 1);
  const bottom = upright[0] ?? 0;
  const top = upright.at(-1) ?? 1;
  const from = low === high ? low - 0.5 : low;
  const to = low === high ? high + 0.5 : high;
  const whole = xs.every(Number.isInteger);
  return {
    width,
    height,
    px: value => LEFT + ((value - from) / (to - from)) * (width - LEFT - RIGHT),
    py: value => height - BOTTOM - ((value - bottom) / (top - bottom)) * (height - BOTTOM - TOP),
    upright,
    along: ticks(from, to).filter(one => one >= from && one <= to && (!whole || Number.isInteger(one)))
  };
}

/** Lines across a picture of that width, each with its value at the left. */
export function Rungs({ width, py, upright }: Pick<Frame, 'width' | 'py' | 'upright'>): JSX.Element {
  return (
    <>
      {upright.map(one => (
        <g key={one}>
          <line x1={LEFT} x2={width - RIGHT} y1={py(one)} y2={py(one)} class="jp-AmlLab-grid" />
          <text x={LEFT - 6} y={py(one) + 3} text-anchor="end">
            {number(one)}
          </text>
        </g>
      ))}
    </>
  );
}

/** Grid, ticks and the name of the axis along the bottom. */
export function Axes({ frame, axis }: { frame: Frame; axis: string }): JSX.Element {
  const { width, height, px, py, upright, along } = frame;
  return (
    <>
      <Rungs width={width} py={py} upright={upright} />
      {along.map(one => (
        <text key={one} x={px(one)} y={height - BOTTOM + 13} text-anchor="middle">
          {number(one)}
        </text>
      ))}
      <text x={width - RIGHT} y={height - 2} text-anchor="end">
        {axis}
      </text>
    </>
  );
}

/** One metric over its steps. */
export function Chart({
  title,
  points,
  dots = [],
  axis = 'step',
  width = 320,
  height = 180
}: {
  title: string;
  points: Point[];
  /** More points, each by itself. */
  dots?: Point[];
  axis?: string;
  width?: number;
  height?: number;
}): JSX.Element {
  const shown = finite(points);
  const apart = thin(finite(dots));
  const frame = framed([...shown, ...apart], width, height);
  const { px, py } = frame;
  const line = thin(shown)
    .map(one => `${px(one.x).toFixed(1)},${py(one.y).toFixed(1)}`)
    .join(' ');
  const last = shown.at(-1);
  const said = last ? `${title}: ${number(last.y)} at ${axis} ${number(last.x)}` : title;
  return (
    <figure class="jp-AmlLab-chart">
      <figcaption>
        {title} {last && <span>{number(last.y)}</span>}
      </figcaption>
      <svg viewBox={`0 0 ${width} ${height}`} width={width} height={height} role="img" aria-label={said}>
        <Axes frame={frame} axis={axis} />
        {apart.map((one, index) => (
          <circle key={index} cx={px(one.x)} cy={py(one.y)} r={2.5} class="jp-AmlLab-dot" opacity={0.5} />
        ))}
        {shown.length > 1 ? (
          <polyline points={line} class="jp-AmlLab-line" />
        ) : (
          last && <circle cx={px(last.x)} cy={py(last.y)} r={3} class="jp-AmlLab-dot" />
        )}
      </svg>
    </figure>
  );
}

function minimum(values: number[]): number {
  return values.reduce((best, one) => (one < best ? one : best));
}

function maximum(values: number[]): number {
  return values.reduce((best, one) => (one > best ? one : best));
}
