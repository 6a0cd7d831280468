/** Lineage as a graph from left to right: what something came from, and what came of it. */

import type { JSX } from 'preact';
import { tone } from '../format';
import {
  type Edge,
  type Lineage as Found,
  type LineageModel,
  NEWEST,
  type Node,
  type Segment
} from '../model/lineage';
import { Fault, Status } from './basics';
import { t } from './text';

const WIDTH = 190;
const HEIGHT = 52;
const ACROSS = 70;
const DOWN = 14;

/** The graph with what it rests on; `find` looks it up anew. */
export function Lineage({
  model,
  find,
  open
}: {
  model: LineageModel;
  find: () => void;
  open: (segment: Segment, name: string) => void;
}): JSX.Element {
  if (model.error) return <Fault error={model.error} retry={find} />;
  const { lineage } = model;
  if (!lineage) {
    return model.busy ? (
      <p class="jp-AmlLab-soft">{t('Looking through the newest jobs…')}</p>
    ) : (
      <button type="button" class="jp-AmlLab-button" onClick={find}>
        {t('Show what it came from and who uses it')}
      </button>
    );
  }
  return (
    <>
      <LineageGraph lineage={lineage} open={open} />
      <p class="jp-AmlLab-soft">
        {model.all
          ? t('Found in all %1 jobs of the workspace.', model.looked)
          : t('Found in the newest %1 jobs; older ones may use it, too.', NEWEST)}{' '}
        <button type="button" class="jp-AmlLab-link" disabled={model.busy} onClick={find}>
          {t('Look again')}
        </button>
      </p>
    </>
  );
}

/** The nodes in columns, each a button where it has a page. */
export function LineageGraph({
  lineage,
  open
}: {
  lineage: Found;
  open: (segment: Segment, name: string) => void;
}): JSX.Element {
  const used = [...new Set(lineage.nodes.map(node => node.column))];
  const columns = used.map(column => lineage.nodes.filter(node => node.column === column));
  const tallest = Math.max(...columns.map(nodes => nodes.length));
  const width = columns.length * (WIDTH + ACROSS) - ACROSS;
  const height = tallest * (HEIGHT + DOWN);
  const places = new Map<string, { x: number; y: number }>();
  columns.forEach((nodes, column) => {
    const top = (height - nodes.length * (HEIGHT + DOWN)) / 2;
    nodes.forEach((node, at) =>
      places.set(node.id, { x: column * (WIDTH + ACROSS), y: top + at * (HEIGHT + DOWN) })
    );
  });
  const more = [...lineage.hidden.values()].reduce((sum, count) => sum + count, 0);
  return (
    <>
      <div class="jp-AmlLab-scroll" tabIndex={0} role="group" aria-label={t('Lineage')}>
        <div class="jp-AmlLab-graph" style={{ width: `${width}px`, height: `${height}px` }}>
          <svg width={width} height={height} aria-hidden="true">
            {lineage.edges.map(edge => (
              <Arrow key={`${edge.from} ${edge.to}`} edge={edge} places={places} />
            ))}
          </svg>
          {lineage.nodes.map(node => (
            <Box
              key={node.id}
              node={node}
              own={node.id === lineage.own}
              place={places.get(node.id) ?? { x: 0, y: 0 }}
              open={open}
            />
          ))}
        </div>
      </div>
      {lineage.edges.length === 0 && <p>{t('Nothing that is known came before it, and nothing uses it.')}</p>}
      {more > 0 && <p class="jp-AmlLab-soft">{t('%1 more are not shown.', more)}</p>}
      <Sentences lineage={lineage} />
    </>
  );
}

function Arrow({
  edge,
  places
}: {
  edge: Edge;
  places: Map<string, { x: number; y: number }>;
}): JSX.Element | null {
  const [start, end] = [places.get(edge.from), places.get(edge.to)];
  if (!start || !end) return null;
  const [x1, y1, x2, y2] = [start.x + WIDTH, start.y + HEIGHT / 2, end.x, end.y + HEIGHT / 2];
  const bend = (x2 - x1) / 2;
  return (
    <path d={`M${x1},${y1} C${x1 + bend},${y1} ${x2 - bend},${y2} ${x2},${y2}`}>
      {edge.label && <title>{edge.label}</title>}
    </path>
  );
}

function Box({
  node,
  own,
  place,
  open
}: {
  node: Node;
  /** Whether it is what the lineage is of. */
  own: boolean;
  place: { x: number; y: number };
  open: (segment: Segment, name: string) => void;
}): JSX.Element {
  const segment = node.kind === 'output' || node.kind === 'place' ? undefined : node.kind;
  return (
    <button
      type="button"
      class="jp-AmlLab-node"
      data-tone={tone(node.status)}
      data-own={own}
      aria-current={own ? 'true' : undefined}
      disabled={!segment || !node.name}
      style={{ left: `${place.x}px`, top: `${place.y}px`, width: `${WIDTH}px`, height: `${HEIGHT}px` }}
      title={node.title}
      onClick={() => segment && open(segment, node.name)}
    >
      <span class="jp-AmlLab-name">{node.title}</span>
      <span class="jp-AmlLab-soft">
        {called(node)} {node.status && <Status value={node.status} />}
      </span>
    </button>
  );
}

/** What a node is, in a word. */
function called(node: Node): string {
  const words: Record<Node['kind'], string> = {
    jobs: t('job'),
    data: t('data'),
    models: t('model'),
    output: t('files'),
    place: t('address')
  };
  return node.kind !== 'jobs' && node.note ? `${words[node.kind]}, ${node.note}` : words[node.kind];
}

/** The edges in words, for those who do not see the graph. */
function Sentences({ lineage }: { lineage: Found }): JSX.Element {
  const titles = new Map(lineage.nodes.map(node => [node.id, `${called(node)} ${node.title}`]));
  return (
    <ul class="jp-AmlLab-unseen">
      {lineage.edges.map(({ from, to, label }) => (
        <li key={`${from} ${to}`}>
          {label
            ? t('%1 leads to %2, as %3', titles.get(from), titles.get(to), label)
            : t('%1 leads to %2', titles.get(from), titles.get(to))}
        </li>
      ))}
    </ul>
  );
}
