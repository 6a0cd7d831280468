/** What a page says of an environment and of a compute, beyond names and values. */

import type { ComponentChildren, JSX } from 'preact';
import { cell } from '../format';
import { compute, type Worker } from '../model/compute';
import type { PackagesModel } from '../model/packages';
import { Facts, Fault, Part, Status, Table } from './basics';
import { Lines } from './preview';
import { t } from './text';

/** An environment: its image or build context, its conda file, what is installed for it here. */
export function Environment({
  held,
  packages,
  version
}: {
  held: Record<string, unknown>;
  /** Where somebody knows what is installed. */
  packages: PackagesModel | undefined;
  version: string;
}): JSX.Element {
  const build = (held.build ?? {}) as { contextUri?: string; dockerfilePath?: string };
  const conda = cell(held.condaFile);
  return (
    <>
      <Part title={t('Image')}>
        <Facts
          pairs={[
            [t('image'), held.image ? <code>{cell(held.image)}</code> : ''],
            [t('build context'), build.contextUri ? <code>{build.contextUri}</code> : ''],
            [t('Dockerfile'), build.dockerfilePath ?? ''],
            [t('operating system'), cell(held.osType)]
          ]}
        />
      </Part>
      {conda && (
        <Part title={t('Conda file')}>
          <Lines text={conda.trimEnd()} label={t('Conda file')} />
        </Part>
      )}
      {packages && <Installed model={packages} version={version} />}
    </>
  );
}

function Installed({ model, version }: { model: PackagesModel; version: string }): JSX.Element {
  const { found } = model;
  return (
    <Part title={t('Python packages on this machine')}>
      {model.error && <Fault error={model.error} retry={() => void model.find(version)} />}
      {!found && !model.error && (
        <button
          type="button"
          class="jp-AmlLab-button"
          disabled={model.busy}
          onClick={() => void model.find(version)}
        >
          {model.busy ? t('Looking…') : t('Show what is installed')}
        </button>
      )}
      {found && (
        <>
          <Facts
            pairs={[
              [t('Python'), found.built ? t('%1 · %2', found.python, found.path) : ''],
              [t('built'), found.built ? '' : t('not yet: the first job that names it builds it')]
            ]}
          />
          {found.notes.map(note => (
            <p key={note}>{note}</p>
          ))}
          {found.packages.length === 0 ? (
            <p class="jp-AmlLab-soft">{t('There are none.')}</p>
          ) : (
            <div class="jp-AmlLab-tall">
              <Table
                columns={[t('package'), t('version'), t('asked for')]}
                rows={found.packages.map(one => ({
                  key: one.name,
                  cells: [one.name, one.version, one.asked]
                }))}
              />
            </div>
          )}
        </>
      )}
    </Part>
  );
}

/** A compute: its size, its state, its slots, and the jobs that take them. */
export function Compute({
  held,
  workers,
  place,
  open
}: {
  held: Record<string, unknown>;
  workers: Worker[] | undefined;
  place: string;
  open: (segment: string, name: string) => void;
}): JSX.Element {
  const told = compute(held);
  const running = (workers ?? []).filter(one => one.runId);
  return (
    <>
      <Part title={t('Compute')}>
        <Facts
          pairs={[
            [t('type'), told.type],
            [t('state'), told.state && <Status value={told.state} />],
            [t('size'), told.size],
            [t('priority'), told.priority],
            [place === 'LOCAL' ? t('slots') : t('nodes'), slots(told.least, told.most)],
            [t('in use'), told.nodes.map(([what, count]) => `${count} ${what}`).join(', ')],
            ...Object.entries(told.more).map(([key, value]): [string, ComponentChildren] => [
              spaced(key),
              cell(value)
            ])
          ]}
        />
        {told.errors.map(one => (
          <Fault key={one} error={new Error(one)} />
        ))}
      </Part>
      {workers && (
        <Part title={t('Running jobs')}>
          {running.length === 0 ? (
            <p class="jp-AmlLab-soft">{t('No job runs on it now.')}</p>
          ) : (
            <Table
              columns={[t('job'), place === 'LOCAL' ? t('slot') : t('node'), t('state')]}
              open={name => open('jobs', name)}
              rows={running.map(one => ({
                key: one.runId ?? '',
                cells: [one.runId, one.nodeId, one.nodeState]
              }))}
            />
          )}
        </Part>
      )}
    </>
  );
}

function slots(least: number | undefined, most: number | undefined): string {
  if (most === undefined) return '';
  return least === undefined || least === most ? String(most) : t('%1 to %2', least, most);
}

/** `dataType` as `data type`. */
export function spaced(key: string): string {
  return key.replace(/([a-z])([A-Z])/g, '$1 $2').toLowerCase();
}
