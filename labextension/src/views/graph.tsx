/** A pipeline as a graph: each step below those that it needs, with its state. */

import type { JSX } from 'preact';
import { tone } from '../format';
import type { Graph as Found, Node } from '../model/children';
import { Status } from './basics';
import { t } from './text';

const WIDTH = 180;
const HEIGHT = 52;
const ACROSS = 24;
const DOWN = 36;

/** The steps and what they hand on. */
export function Graph({ graph, open }: { graph: Found; open: (run: string) => void }): JSX.Element {
  const layers = Math.max(...graph.nodes.map(node => node.layer), 0) + 1;
  const widest = Math.max(...graph.nodes.map(node => node.place), 0) + 1;
  const width = widest * (WIDTH + ACROSS);
  const height = layers * (HEIGHT + DOWN) - DOWN;
  const counts = new Map<number, number>();
  for (const node of graph.nodes) counts.set(node.layer, (counts.get(node.layer) ?? 0) + 1);
  const at = (node: Node): { x: number; y: number } => ({
    x:
      (width - (counts.get(node.layer) ?? 1) * (WIDTH + ACROSS)) / 2 +
      node.place * (WIDTH + ACROSS) +
      ACROSS / 2,
    y: node.layer * (HEIGHT + DOWN)
  });
  const places = new Map(graph.nodes.map(node => [node.name, at(node)]));
  return (
    <div class="jp-AmlLab-scroll" tabIndex={0} role="group" aria-label={t('Steps')}>
      <div class="jp-AmlLab-graph" style={{ width: `${width}px`, height: `${height}px` }}>
        <svg width={width} height={height} aria-hidden="true">
          {graph.edges.map(([from, to]) => {
            const start = places.get(from);
            const end = places.get(to);
            if (!start || !end) return null;
            const [x1, y1] = [start.x + WIDTH / 2, start.y + HEIGHT];
            const [x2, y2] = [end.x + WIDTH / 2, end.y];
            const bend = (y2 - y1) / 2;
            return (
              <path
                key={`${from} ${to}`}
                d={`M${x1},${y1} C${x1},${y1 + bend} ${x2},${y2 - bend} ${x2},${y2}`}
              />
            );
          })}
        </svg>
        {graph.nodes.map(node => {
          const { x, y } = places.get(node.name) ?? { x: 0, y: 0 };
          const after = graph.edges.filter(([, to]) => to === node.name).map(([from]) => from);
          return (
            <button
              key={node.name}
              type="button"
              class="jp-AmlLab-node"
              data-tone={tone(node.status)}
              disabled={!node.run}
              style={{ left: `${x}px`, top: `${y}px`, width: `${WIDTH}px`, height: `${HEIGHT}px` }}
              title={after.length ? t('%1, after %2', node.name, after.join(', ')) : node.name}
              onClick={() => open(node.run)}
            >
              <span class="jp-AmlLab-name">{node.name}</span>
              <span class="jp-AmlLab-soft">
                <Status value={node.status} /> {node.runs > 1 ? `× ${node.runs}` : ''}{' '}
                {node.reused ? t('reused') : ''}
              </span>
            </button>
          );
        })}
      </div>
    </div>
  );
}
