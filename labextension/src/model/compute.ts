/** A compute as Azure's REST tells of it: its size, its state, its nodes. */

import { cell } from '../format';
import type { Resource, Rest } from '../rest';

/** A node of a cluster; here a slot that a job takes. */
export interface Worker {
  nodeId: string;
  nodeState: string;
  runId: string | null;
}

/** What a page says of a compute; what is not told is empty. */
export interface Told {
  type: string;
  size: string;
  priority: string;
  state: string;
  least: number | undefined;
  most: number | undefined;
  /** Nodes that are there, by what they do: none that is zero. */
  nodes: [string, number][];
  /** What the service says went wrong. */
  errors: string[];
  /** All else that it says of this kind of compute. */
  more: Record<string, unknown>;
}

const NODES = /^(\w+)NodeCount$/;
const SAID = new Set([
  ...['vmSize', 'vmPriority', 'scaleSettings', 'allocationState', 'state', 'nodeStateCounts', 'errors'],
  ...['currentNodeCount', 'targetNodeCount', 'allocationStateTransitionTime']
]);

/** What a compute's properties tell. */
export function compute(held: Record<string, unknown>): Told {
  const inner = (held.properties ?? {}) as Record<string, unknown>;
  const scale = (inner.scaleSettings ?? {}) as { minNodeCount?: number; maxNodeCount?: number };
  const counts = Object.entries((inner.nodeStateCounts ?? {}) as Record<string, number>);
  return {
    type: cell(held.computeType),
    size: cell(inner.vmSize),
    priority: cell(inner.vmPriority),
    state: cell(inner.allocationState ?? inner.state ?? held.provisioningState),
    least: scale.minNodeCount,
    most: scale.maxNodeCount,
    nodes: counts
      .filter(([key, count]) => count > 0 && NODES.test(key))
      .map(([key, count]) => [NODES.exec(key)?.[1] ?? key, count]),
    errors: errors(inner.errors ?? held.provisioningErrors),
    more: Object.fromEntries(Object.entries(inner).filter(([key]) => !SAID.has(key)))
  };
}

/** The nodes of a cluster; undefined where the service does not tell of them. */
export async function workers(
  rest: Rest,
  workspace: string,
  { name, properties }: Resource
): Promise<Worker[] | undefined> {
  if (properties.computeType !== 'AmlCompute') return undefined;
  try {
    const path = `computes/${name}/listNodes`;
    const found = await rest.arm<{ nodes?: Worker[] }>(workspace, path, { method: 'POST' });
    return found.nodes ?? [];
  } catch {
    return undefined;
  }
}

function errors(found: unknown): string[] {
  type Wrapped = { code?: string; message?: string; error?: { code?: string; message?: string } };
  if (!Array.isArray(found)) return [];
  return (found as Wrapped[]).map(one => one.error ?? one).map(one => one.message ?? one.code ?? '');
}
