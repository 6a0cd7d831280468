/** An asset, a datastore, a compute: what it is, its versions, the beginning of what it holds. */

import type { ComponentChildren, JSX } from 'preact';
import { cell } from '../format';
import type { AssetModel } from '../model/asset';
import type { ProfileModel } from '../model/profile';
import { Badge, Content, Facts, Fault, Part, since, Table, Time } from './basics';
import { Compute, Environment, spaced } from './details';
import { Files } from './files';
import { Lineage } from './lineage';
import { Profile, Schema } from './profile';
import { t } from './text';

export { spaced } from './details';

export interface AssetActions {
  verb: (verb: string) => void;
  code: () => void;
  insert: (code: string) => void;
  look: () => void;
  open?: (segment: string, name: string) => void;
}

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d/;
const LEFT_OUT = new Set(['isArchived', 'isAnonymous', 'latestVersion', 'nextVersion', 'provisioningState']);

/** Properties that parts of their own tell. */
const TOLD: Record<string, string[]> = {
  environments: ['image', 'build', 'condaFile', 'osType'],
  computes: ['computeType', 'properties', 'provisioningErrors']
};

export function AssetView({
  model,
  place,
  busy,
  actions
}: {
  model: AssetModel;
  place: string;
  busy: boolean;
  actions: AssetActions;
}): JSX.Element {
  const shown = model.shown;
  const { segment } = model.section;
  if (!shown) {
    return model.error ? (
      <Fault error={model.error} retry={() => void model.refresh()} />
    ) : (
      <p class="jp-AmlLab-soft">{t('Loading…')}</p>
    );
  }
  return (
    <>
      {model.error && <Fault error={model.error} retry={() => void model.refresh()} />}
      <header class="jp-AmlLab-head">
        <div class="jp-AmlLab-title">
          <h2>{model.name}</h2>
          {model.versions.length > 0 && (
            <select aria-label={t('Version')} onChange={event => model.choose(event.currentTarget.value)}>
              {model.versions.map(one => (
                <option key={one.name} value={one.name} selected={one.name === model.chosen}>
                  {one.properties.isArchived === true
                    ? t('version %1 (archived)', one.name)
                    : t('version %1', one.name)}
                </option>
              ))}
            </select>
          )}
          <span class="jp-AmlLab-soft">{t(model.section.title)}</span>
          <Badge place={place} />
        </div>
        <div class="jp-AmlLab-actions">
          <button type="button" class="jp-AmlLab-button" onClick={actions.code}>
            {t('Insert code')}
          </button>
          {model.verbs.map(verb => (
            <button
              key={verb}
              type="button"
              class="jp-AmlLab-button"
              disabled={busy}
              onClick={() => actions.verb(verb)}
            >
              {t(verb.charAt(0).toUpperCase() + verb.slice(1))}
            </button>
          ))}
        </div>
      </header>
      <div class="jp-AmlLab-body">
        {segment === 'environments' && (
          <Environment
            held={shown.properties}
            packages={place === 'LOCAL' ? model.packages : undefined}
            version={model.chosen}
          />
        )}
        <div class="jp-AmlLab-flow">
          {segment === 'computes' && (
            <Compute
              held={shown.properties}
              workers={model.workers}
              place={place}
              open={(to, name) => actions.open?.(to, name)}
            />
          )}
          <Part title={t('Properties')}>
            <Facts pairs={facts(shown.properties, TOLD[segment])} />
          </Part>
          <Part title={t('History')}>
            <Facts
              pairs={[
                [t('created'), since(shown.systemData?.createdAt)],
                [t('by'), cell(shown.systemData?.createdBy)],
                [t('changed'), since(shown.systemData?.lastModifiedAt)],
                [t('id'), <code key="i">{shown.id}</code>]
              ]}
            />
          </Part>
        </div>
        {model.files && (
          <Part title={t('Files')}>
            <Files model={model.files} insert={actions.insert} />
          </Part>
        )}
        {model.section.segment === 'data' && !model.files && (
          <Preview model={model} look={actions.look} busy={busy} />
        )}
        {model.profile && <Profile model={model.profile} version={model.chosen} />}
        {model.lineage && (
          <Part title={t('Lineage')}>
            <Lineage
              model={model.lineage}
              find={() => void model.trace()}
              open={(segment, name) => actions.open?.(segment, name)}
            />
          </Part>
        )}
        {model.versions.length > 1 && <Versions model={model} />}
      </div>
    </>
  );
}

function Versions({ model }: { model: AssetModel }): JSX.Element {
  const { versions, profile } = model;
  const fault = profile?.fault;
  const columns = [t('version'), t('created'), t('changed against the one before')];
  return (
    <Part title={t('Versions')}>
      <Table
        columns={profile ? [...columns, t('schema')] : columns}
        rows={versions.map((one, index) => ({
          key: one.name,
          cells: [
            one.name,
            <Time key="t" iso={one.systemData?.createdAt ?? ''} />,
            difference(versions[index + 1]?.properties, one.properties),
            ...(profile ? [schemaButton(profile, versions[index + 1]?.name, one.name)] : [])
          ]
        }))}
        open={version => model.choose(version)}
      />
      {fault && fault.of !== 'profile' && <Fault error={new Error(fault.message)} />}
      {profile?.schema && <Schema schema={profile.schema} />}
    </Part>
  );
}

/** Compares the columns of a version with those of the one before; empty for the first version. */
function schemaButton(profile: ProfileModel, before: string | undefined, version: string): ComponentChildren {
  if (before === undefined) return '';
  return (
    <button
      type="button"
      class="jp-AmlLab-button"
      disabled={profile.busy !== ''}
      title={t('Compare the schema of version %1 with the version before', version)}
      onClick={() => void profile.compare(before, version)}
    >
      {profile.busy === version ? t('Reading…') : t('Compare schema with version %1', before)}
    </button>
  );
}

function Preview({ model, look, busy }: { model: AssetModel; look: () => void; busy: boolean }): JSX.Element {
  return (
    <Part title={t('Preview')}>
      {model.preview ? (
        <Content text={model.preview.code === 0 ? model.preview.output : model.preview.error} />
      ) : (
        <button type="button" class="jp-AmlLab-button" disabled={busy} onClick={look}>
          {t('Show the first rows')}
        </button>
      )}
    </Part>
  );
}

/** Properties that say something, nested ones as one line each; without those that another part tells. */
function facts(held: Record<string, unknown>, told: string[] = []): [string, ComponentChildren][] {
  return Object.entries(held)
    .filter(([key, value]) => !LEFT_OUT.has(key) && !told.includes(key) && !empty(value))
    .map(([key, value]) => [spaced(key), drawn(value)]);
}

/** A value as it is best read: times as how long ago, text of many lines as it stands, objects as facts of their own. */
function drawn(value: unknown): ComponentChildren {
  if (value !== null && typeof value === 'object' && !Array.isArray(value)) {
    return <Facts pairs={facts(value as Record<string, unknown>)} />;
  }
  const text = cell(value);
  if (TIME.test(text)) return since(text);
  return text.includes('\n') ? <pre class="jp-AmlLab-code">{text}</pre> : text;
}

function empty(value: unknown): boolean {
  if (value === null || value === undefined || value === '') return true;
  return typeof value === 'object' && Object.keys(value).length === 0;
}

/** Which properties differ from those of the version before. */
export function difference(
  before: Record<string, unknown> | undefined,
  after: Record<string, unknown>
): string {
  if (!before) return '';
  const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])].filter(
    key => !LEFT_OUT.has(key)
  );
  const other = keys.filter(key => JSON.stringify(before[key]) !== JSON.stringify(after[key]));
  return other.map(spaced).join(', ') || '—';
}
