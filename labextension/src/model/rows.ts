/** Rows of a list: any resource in one line, and the children of those that have some below them. */

import type { Page, Resource, Rest } from '../rest';
import { cell } from '../format';

/** What the panel shows in one line. */
export interface Row {
  key: string;
  name: string;
  title: string;
  note: string;
  status: string;
  time: string;
  depth: number;
  children: boolean;
  expanded: boolean;
  resource: Resource;
}

/** A run, as run history tells it. */
export interface Run {
  runId: string;
  displayName?: string | null;
  status: string;
  runType?: string;
  parentRunId?: string | null;
  createdUtc?: string;
  startTimeUtc?: string | null;
  endTimeUtc?: string | null;
  target?: string;
  experimentId?: string;
  properties?: Record<string, string>;
  tags?: Record<string, string>;
  inputs?: Record<string, unknown>;
  outputs?: Record<string, unknown>;
  error?: {
    error?: { code?: string; message?: string; details?: { code: string; message: string }[] };
  } | null;
  warnings?: { source?: string; message: string }[] | null;
}

const PARENTS = ['Sweep', 'Pipeline', 'AutoML'];
/** Job types of those run types whose jobs have children. */
const TYPES: Record<string, string> = {
  'azureml.PipelineRun': 'Pipeline',
  hyperdrive: 'Sweep',
  'azureml.HyperDriveRun': 'Sweep',
  automl: 'AutoML'
};
const KINDS = ['jobType', 'dataType', 'datastoreType', 'computeType', 'modelType', 'kind', 'authMode'];

/** The words that tell a resource apart from others of its type. */
export function note(resource: Resource): string {
  const held = resource.properties;
  const version = held.latestVersion;
  if (version) return `v${cell(version)}`;
  for (const key of KINDS) if (held[key]) return cell(held[key]);
  return '';
}

/** A job's or resource's own status; empty for what is simply there. */
export function status(resource: Resource): string {
  const held = resource.properties;
  if (held.jobType) return cell(held.status);
  const state = cell(held.provisioningState);
  return state === 'Succeeded' ? '' : state;
}

/** One row of a resource. */
export function row(resource: Resource, depth = 0, expanded = false): Row {
  const held = resource.properties;
  return {
    key: resource.id,
    name: resource.name,
    title: cell(held.displayName) || resource.name,
    note: note(resource),
    status: status(resource),
    time: resource.systemData?.createdAt ?? '',
    depth,
    children: PARENTS.includes(cell(held.jobType)),
    expanded,
    resource
  };
}

/** A child run as the resource of its job. */
export function job(run: Run, parent: Resource): Resource {
  return {
    id: `${parent.id.slice(0, parent.id.lastIndexOf('/'))}/${run.runId}`,
    name: run.runId,
    systemData: { createdAt: run.createdUtc },
    properties: {
      displayName: run.displayName,
      jobType: TYPES[run.runType ?? ''] ?? 'Command',
      status: run.status
    }
  };
}

/** Opened parents and their children. */
export class Tree {
  private readonly open = new Map<string, Resource[]>();

  constructor(
    private readonly rest: Rest,
    private readonly workspace: string
  ) {}

  /** Open or close a row; its children are fetched when it opens. */
  async toggle(of: Row): Promise<void> {
    if (this.open.delete(of.key)) return;
    await this.fetch(of.resource);
  }

  /** Fetch the children of what is open anew. */
  async refresh(resources: Resource[]): Promise<void> {
    const shown = resources.filter(one => this.open.has(one.id));
    await Promise.all(shown.map(one => this.fetch(one)));
  }

  /** The rows of a list with all that is open, top down. */
  rows(items: Resource[], depth = 0): Row[] {
    if (this.open.size === 0) return items.map(item => row(item, depth));
    return items.flatMap(item => {
      const below = this.open.get(item.id);
      const own = row(item, depth, below !== undefined);
      return below ? [own, ...this.rows(below, depth + 1)] : [own];
    });
  }

  private async fetch(resource: Resource): Promise<void> {
    const path = `runs/${resource.name}/children`;
    const page = await this.rest.api<Page<Run>>(this.workspace, 'history/v1.0', path, {
      query: { $top: '200' }
    });
    this.open.set(resource.id, page.value.map(run => job(run, resource)).reverse());
  }
}
