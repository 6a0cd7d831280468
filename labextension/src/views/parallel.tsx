/** Parallel coordinates: a line for each run or trial over one axis a setting. */

import type { JSX } from 'preact';
import { number } from '../format';

const WIDTH = 640;
const HEIGHT = 220;
const TOP = 30;
const BOTTOM = 22;
const SIDE = 60;
/** Pixels of an axis' own; more axes make the picture wider. */
const LEAST = 84;

/** One line over all axes. */
export interface Way {
  key: string;
  /** What is said of it on hover. */
  title: string;
  /** Its value on each axis. */
  values: unknown[];
  opacity?: number;
  class?: string;
  dash?: string;
  mark?: number;
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

/** The lines, the last one on top. */
export function Parallel({
  title,
  label,
  axes,
  ways
}: {
  title: string;
  /** What the picture is, for those who do not see it. */
  label: string;
  axes: string[];
  ways: Way[];
}): JSX.Element {
  const width = Math.max(WIDTH, (axes.length - 1) * LEAST + 2 * SIDE);
  const scales = axes.map((_, axis) => scale(ways.map(way => way.values[axis])));
  const x = (axis: number): number => SIDE + (axis * (width - 2 * SIDE)) / Math.max(axes.length - 1, 1);
  const y = (place: number): number => HEIGHT - BOTTOM - place * (HEIGHT - TOP - BOTTOM);
  const at = (way: Way, axis: number): string =>
    `${x(axis).toFixed(1)},${y(scales[axis]?.place(way.values[axis]) ?? 0).toFixed(1)}`;
  return (
    <figure class="jp-AmlLab-chart">
      <figcaption>{title}</figcaption>
      <svg viewBox={`0 0 ${width} ${HEIGHT}`} width={width} height={HEIGHT} role="img" aria-label={label}>
        {ways.map(way => (
          <polyline
            key={way.key}
            class={way.class ?? 'jp-AmlLab-line'}
            data-mark={way.mark}
            opacity={way.opacity}
            stroke-dasharray={way.dash}
            points={axes.map((_, axis) => at(way, axis)).join(' ')}
          >
            <title>{way.title}</title>
          </polyline>
        ))}
        {axes.map((name, axis) => (
          <g key={name}>
            <line x1={x(axis)} x2={x(axis)} y1={y(0)} y2={y(1)} class="jp-AmlLab-axis" />
            <text x={x(axis)} y={10} text-anchor="middle">
              {name.length > 18 ? `${name.slice(0, 17)}…` : name}
            </text>
            <text x={x(axis)} y={TOP - 5} text-anchor="middle">
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
