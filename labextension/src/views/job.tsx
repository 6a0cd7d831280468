/** A job: what it is, how far it is, what it measured, what it wrote. */

import type { ComponentChildren, JSX } from 'preact';
import { cell, duration, final, number } from '../format';
import { board } from '../model/automl';
import { graph, sweep } from '../model/children';
import type { FilesModel } from '../model/files';
import { CURVES, type JobModel } from '../model/job';
import type { LineageModel } from '../model/lineage';
import type { Run } from '../model/rows';
import { Leaderboard, TaskDetails } from './automl';
import { Badge, Facts, Fault, Part, since, Status, Table } from './basics';
import { Chart, type Point } from './chart';
import { Code, Files } from './files';
import { Graph } from './graph';
import { Lineage } from './lineage';
import { Log } from './log';
import { named, short } from './named';
import { Comparing, Sweep, SweepFacts } from './sweep';
import { t } from './text';

export { short } from './named';

/** What a job's page can do. */
export interface JobActions {
  open: (name: string) => void;
  show: (segment: string, name: string) => void;
  cancel: () => void;
  rerun: () => void;
  archive: () => void;
  code: () => void;
  insert: (code: string) => void;
  compare?: (names: string[]) => void;
  /** Find out where its inputs came from, and who uses its outputs. */
  trace?: () => void;
}

export type JobTab = 'overview' | 'metrics' | 'children' | 'log' | 'files' | 'code' | 'lineage' | 'source';

/** The parts of a job's page: only those that it can have. */
export function tabs(model: JobModel): JobTab[] {
  const parent = model.type !== 'Command' && model.type !== 'Spark';
  const below: JobTab[] = parent ? ['children'] : [];
  return ['overview', 'metrics', ...below, 'log', 'files', 'code', 'lineage', 'source'];
}

/** The name of a part. */
export function tabTitle(tab: JobTab, model: JobModel): string {
  const titles: Record<JobTab, string> = {
    overview: t('Overview'),
    metrics: t('Metrics'),
    children: below(model.type),
    log: t('Log'),
    files: t('Files'),
    code: t('Code'),
    lineage: t('Lineage'),
    source: t('YAML')
  };
  return titles[tab];
}

/** What the children of a job are called. */
function below(type: string): string {
  if (type === 'Sweep') return t('Trials');
  if (type === 'AutoML') return t('Models');
  return type === 'Pipeline' ? t('Steps') : t('Children');
}

/** Head of the page: status, name, place, and what can be done. */
export function JobHead({
  model,
  place,
  busy,
  actions
}: {
  model: JobModel;
  place: string;
  busy: boolean;
  actions: JobActions;
}): JSX.Element {
  const archived = model.resource?.properties.isArchived === true;
  return (
    <header class="jp-AmlLab-head">
      <div class="jp-AmlLab-title">
        <Status value={model.status} />
        <h2>{model.title}</h2>
        {model.title !== model.name && <code>{model.name}</code>}
        <Badge place={place} />
      </div>
      <div class="jp-AmlLab-actions">
        {!model.final && (
          <button type="button" class="jp-AmlLab-button" disabled={busy} onClick={actions.cancel}>
            {t('Cancel')}
          </button>
        )}
        {model.final && (
          <button type="button" class="jp-AmlLab-button" disabled={busy} onClick={actions.rerun}>
            {t('Run again')}
          </button>
        )}
        {model.final && (
          <button type="button" class="jp-AmlLab-button" disabled={busy} onClick={actions.archive}>
            {archived ? t('Restore') : t('Archive')}
          </button>
        )}
        <button type="button" class="jp-AmlLab-button" onClick={actions.code}>
          {t('Insert code')}
        </button>
      </div>
    </header>
  );
}

/** One part of the page. */
export function JobBody({
  model,
  tab,
  source,
  files,
  code,
  lineage,
  actions
}: {
  model: JobModel;
  tab: JobTab;
  files: FilesModel | undefined;
  /** The files of its code. */
  code?: FilesModel;
  lineage?: LineageModel;
  source: ComponentChildren;
  actions: JobActions;
}): JSX.Element {
  switch (tab) {
    case 'overview':
      return <Overview model={model} actions={actions} />;
    case 'metrics':
      return <Metrics model={model} />;
    case 'children':
      return (
        <Comparing.Provider value={actions.compare}>
          <Children model={model} open={actions.open} />
        </Comparing.Provider>
      );
    case 'log':
      return <Log log={model.log} grows={!model.logEnded} />;
    case 'files':
      return files ? <Files model={files} insert={actions.insert} /> : <></>;
    case 'code':
      return <Code held={model.resource?.properties ?? {}} model={code} insert={actions.insert} />;
    case 'lineage':
      return lineage ? <Lineage model={lineage} find={() => actions.trace?.()} open={actions.show} /> : <></>;
    case 'source':
      return <>{source}</>;
  }
}

function Overview({ model, actions }: { model: JobModel; actions: JobActions }): JSX.Element {
  const held = model.resource?.properties ?? {};
  const run = model.run;
  const parent = run?.parentRunId;
  return (
    <>
      <Failure run={run} />
      <div class="jp-AmlLab-flow">
        <Part title={t('Job')}>
          <Facts
            pairs={[
              [t('type'), model.type],
              [t('experiment'), cell(held.experimentName)],
              [t('compute'), named(cell(held.computeId), actions.show) || cell(run?.target)],
              [t('environment'), named(cell(held.environmentId ?? trial(held).environmentId), actions.show)],
              [t('created'), since(model.resource?.systemData?.createdAt)],
              [t('by'), cell(model.resource?.systemData?.createdBy)],
              [t('duration'), spent(run)],
              [
                t('parent'),
                parent && (
                  <button type="button" class="jp-AmlLab-link" onClick={() => actions.open(parent)}>
                    {parent}
                  </button>
                )
              ],
              [t('description'), cell(held.description)],
              [t('tags'), cell(held.tags)]
            ]}
          />
        </Part>
        {model.type === 'Sweep' && (
          <Part title={t('Search')}>
            <SweepFacts found={sweep(held, model.children, model.values)} open={actions.open} />
          </Part>
        )}
        {model.type === 'AutoML' && <TaskDetails held={held} show={actions.show} />}
        <Values title={t('Inputs')} found={inputs(held)} actions={actions} />
        <Values title={t('Outputs')} found={outputs(held, run)} actions={actions} />
        {model.params.length > 0 && (
          <Part title={t('Parameters')}>
            <Facts pairs={model.params.map(one => [one.key, one.value])} />
          </Part>
        )}
        {model.metrics.length > 0 && (
          <Part title={t('Metrics')}>
            <Facts numeric pairs={model.metrics.map(one => [one.key, number(one.value)])} />
          </Part>
        )}
      </div>
      {(held.command ?? trial(held).command) !== undefined && (
        <Part title={t('Command')}>
          <pre class="jp-AmlLab-code">{cell(held.command ?? trial(held).command)}</pre>
        </Part>
      )}
      {(run?.warnings ?? []).length > 0 && (
        <Part title={t('Notes')}>
          <ul>
            {(run?.warnings ?? []).map(one => (
              <li key={one.message}>{one.message}</li>
            ))}
          </ul>
        </Part>
      )}
    </>
  );
}

function Failure({ run }: { run: Run | undefined }): JSX.Element | null {
  const error = run?.error?.error;
  if (!error?.message) return null;
  const traceback = error.details?.find(one => one.code === 'Traceback')?.message;
  return (
    <section class="jp-AmlLab-failure" aria-label={t('Error')}>
      <p>{error.message}</p>
      {traceback && (
        <details>
          <summary>{t('Traceback')}</summary>
          <pre>{traceback}</pre>
        </details>
      )}
    </section>
  );
}

function Values({
  title,
  found,
  actions
}: {
  title: string;
  found: [string, string][];
  actions: JobActions;
}): JSX.Element | null {
  if (found.length === 0) return null;
  return (
    <Part title={title}>
      <Facts
        pairs={found.map(([name, value]) => {
          const asset = /\/data\/([^/]+)\/versions\/([^/]+)$/.exec(value);
          const label = asset?.[1] ? `${asset[1]}:${asset[2]}` : short(value);
          return [
            name,
            asset?.[1] ? (
              <button
                type="button"
                class="jp-AmlLab-link"
                onClick={() => actions.show('data', asset[1] ?? '')}
              >
                {label}
              </button>
            ) : (
              <span title={value}>{label}</span>
            )
          ];
        })}
      />
    </Part>
  );
}

function Metrics({ model }: { model: JobModel }): JSX.Element {
  if (model.metrics.length === 0) return <p class="jp-AmlLab-soft">{t('No metric has been logged.')}</p>;
  const stepped = model.metrics.filter(one => one.step > 0 || (model.curves.get(one.key)?.length ?? 0) > 1);
  // One that is still on its way has its place already.
  const drawn = stepped.slice(0, CURVES).filter(one => model.curves.get(one.key)?.length !== 1);
  return (
    <>
      {stepped.length > CURVES && (
        <p class="jp-AmlLab-soft">
          {t('Drawn are the first %1 of %2 curves; all last values follow.', CURVES, stepped.length)}
        </p>
      )}
      <div class="jp-AmlLab-charts">
        {drawn.map(one => {
          const { points, axis } = curve(model.curves.get(one.key) ?? [one]);
          return <Chart key={one.key} title={one.key} points={points} axis={axis} />;
        })}
      </div>
      <Facts numeric pairs={model.metrics.map(one => [one.key, number(one.value)])} />
    </>
  );
}

/** Over its steps, or over seconds when every point has the same step. */
export function curve(found: { step: number; timestamp: number; value: number }[]): {
  points: Point[];
  axis: string;
} {
  const steps = new Set(found.map(one => one.step));
  if (steps.size > 1) {
    const points = found.map(one => ({ x: one.step, y: one.value })).sort((one, other) => one.x - other.x);
    return { points, axis: t('step') };
  }
  const first = found[0]?.timestamp ?? 0;
  return {
    points: found.map(one => ({ x: (one.timestamp - first) / 1000, y: one.value })),
    axis: t('time, s')
  };
}

function Children({ model, open }: { model: JobModel; open: (name: string) => void }): JSX.Element {
  const held = model.resource?.properties ?? {};
  if (model.type === 'Sweep') return <Sweep found={sweep(held, model.children, model.values)} open={open} />;
  if (model.type === 'AutoML') {
    return <Leaderboard found={board(held, model.run, model.children, model.values)} open={open} />;
  }
  const shown = [...model.children].reverse();
  return (
    <>
      {model.type === 'Pipeline' && <Graph graph={graph(held, model.children)} open={open} />}
      {shown.length === 0 ? (
        <p class="jp-AmlLab-soft">{t('There are no children yet.')}</p>
      ) : (
        <Table
          columns={[t('name'), t('status'), t('duration')]}
          measures={[t('duration')]}
          open={open}
          rows={shown.map(run => ({
            key: run.runId,
            cells: [run.displayName ?? run.runId, <Status key="s" value={run.status} />, spent(run)]
          }))}
        />
      )}
    </>
  );
}

/** A fault of the page itself, above what is still known. */
export function JobFault({ model }: { model: JobModel }): JSX.Element | null {
  return model.error ? <Fault error={model.error} retry={() => void model.refresh()} /> : null;
}

function trial(held: Record<string, unknown>): Record<string, unknown> {
  return (held.trial as Record<string, unknown> | undefined) ?? {};
}

function inputs(held: Record<string, unknown>): [string, string][] {
  const found = (held.inputs ?? {}) as Record<string, { uri?: string; value?: unknown }>;
  return Object.entries(found).map(([name, one]) => [name, cell(one.uri ?? one.value)]);
}

function outputs(held: Record<string, unknown>, run: Run | undefined): [string, string][] {
  const found = (held.outputs ?? {}) as Record<string, { uri?: string }>;
  const made = (run?.outputs ?? {}) as Record<string, { assetId?: string } | undefined>;
  const named = Object.entries(found).filter(([name]) => name !== 'default');
  return named.map(([name, one]) => [name, cell(one.uri) || cell(made[name]?.assetId)]);
}

/** How long a run has taken, until now while it runs. */
export function spent(run: Run | undefined): string {
  if (!run?.startTimeUtc) return '';
  const end = run.endTimeUtc ? Date.parse(run.endTimeUtc) : final(run.status) ? NaN : Date.now();
  const seconds = (end - Date.parse(run.startTimeUtc)) / 1000;
  return Number.isNaN(seconds) ? '' : duration(seconds);
}
