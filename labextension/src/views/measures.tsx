/** How an online endpoint did in the last hour: requests, errors and latencies, in figures and in pictures. */

import type { ComponentChildren, JSX } from 'preact';
import { number } from '../format';
import { type Bar, type Figures, type MeasuresModel, PERCENTILES } from '../model/measures';
import { Fault, Table } from './basics';
import { LEFT, RIGHT, Rungs, ticks } from './chart';
import { Curves } from './curves';
import { t } from './text';

/** Of a histogram: pixels, as its neighbours have, and labels along the bottom. */
const WIDTH = 400;
const HEIGHT = 200;
const [TOP, BOTTOM] = [8, 26];
const LABELS = 5;

/** All that is known of it; `id` sets its field apart from those of other pages. */
export function Measures({ measures, id }: { measures: MeasuresModel; id: string }): JSX.Element {
  const { error } = measures;
  const fault = error && <Fault error={error} retry={() => void measures.refresh()} />;
  if (!measures.known) return fault ?? <p class="jp-AmlLab-soft">{t('Loading…')}</p>;
  if (measures.quiet) return fault ?? <p class="jp-AmlLab-soft">{t('No requests yet in the last hour.')}</p>;
  return (
    <>
      {fault}
      <FiguresTable figures={measures.figures} />
      <Which measures={measures} id={`${id}-measured`} />
      <div class="jp-AmlLab-charts">
        <Curves title={t('Latency, ms')} axis={t('minute')} series={measures.latencies} />
        <Curves title={t('Requests per minute')} axis={t('minute')} series={requests(measures)} />
        <Histogram title={t('Requests by latency, ms')} bars={measures.histogram} />
      </div>
    </>
  );
}

/** One line a deployment. */
function FiguresTable({ figures }: { figures: Figures[] }): JSX.Element {
  const columns = [t('deployment'), t('requests'), t('errors, %')];
  const cells = ({ deployment, requests, errors, latency }: Figures): ComponentChildren[] => [
    deployment,
    rounded(requests),
    rounded((100 * errors) / requests),
    ...PERCENTILES.map(which => rounded(latency[which]))
  ];
  return (
    <>
      <Table
        columns={[...columns, ...PERCENTILES.map(which => t('%1, ms', which.toLowerCase()))]}
        rows={figures.map(one => ({ key: one.deployment, cells: cells(one) }))}
      />
      <p class="jp-AmlLab-soft">
        {t('In the last hour. Latencies are means over its minutes, weighted by their requests.')}
      </p>
    </>
  );
}

function rounded(value: number | undefined): number | '' {
  return value === undefined ? '' : Number(value.toPrecision(3));
}

function Which({ measures, id }: { measures: MeasuresModel; id: string }): JSX.Element | null {
  const { figures, deployment } = measures;
  if (figures.length < 2) return null;
  return (
    <div class="jp-AmlLab-title jp-AmlLab-which">
      <label for={id}>{t('Pictures of')}</label>
      <select id={id} onChange={event => measures.choose(event.currentTarget.value)}>
        <option value="" selected={deployment === ''}>
          {t('all deployments')}
        </option>
        {figures.map(one => (
          <option key={one.deployment} value={one.deployment} selected={deployment === one.deployment}>
            {one.deployment}
          </option>
        ))}
      </select>
    </div>
  );
}

/** Requests and errors by the names that a reader knows. */
function requests(measures: MeasuresModel): MeasuresModel['requests'] {
  const names = [t('requests'), t('errors')];
  return measures.requests.map((one, at) => ({ ...one, name: names[at] ?? one.name }));
}

/** Requests by their latency; nothing where the service does not tell. */
export function Histogram({ title, bars }: { title: string; bars: Bar[] }): JSX.Element | null {
  if (bars.length === 0) return null;
  const upright = ticks(0, Math.max(...bars.map(one => one.count)));
  const top = upright.at(-1) ?? 1;
  const wide = (WIDTH - LEFT - RIGHT) / bars.length;
  const py = (count: number): number => HEIGHT - BOTTOM - (count / top) * (HEIGHT - BOTTOM - TOP);
  const every = Math.ceil(bars.length / LABELS);
  const said = bars.map(one => t('%1 to %2: %3', number(one.from), number(one.to), one.count));
  return (
    <figure class="jp-AmlLab-chart">
      <figcaption>{title}</figcaption>
      <svg
        viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
        width={WIDTH}
        height={HEIGHT}
        role="img"
        aria-label={`${title}. ${said.join('; ')}`}
      >
        <Rungs width={WIDTH} py={py} upright={upright} />
        {bars.map((one, at) => (
          <g key={one.to}>
            <rect
              class="jp-AmlLab-bars"
              x={LEFT + at * wide}
              y={py(one.count)}
              width={Math.max(wide - 1, 1)}
              height={HEIGHT - BOTTOM - py(one.count)}
            >
              <title>{said[at]}</title>
            </rect>
            {at % every === every - 1 && (
              <text x={LEFT + (at + 1) * wide} y={HEIGHT - BOTTOM + 13} text-anchor="middle">
                {one.to === Infinity ? `> ${number(one.from)}` : number(one.to)}
              </text>
            )}
          </g>
        ))}
        <text x={WIDTH - RIGHT} y={HEIGHT - 2} text-anchor="end">
          {t('at most, ms')}
        </text>
      </svg>
    </figure>
  );
}
