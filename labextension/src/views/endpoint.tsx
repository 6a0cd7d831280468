/** An endpoint: what it is, its deployments, who gets its requests, and of a batch endpoint the jobs. */

import type { ComponentChildren, JSX } from 'preact';
import { cell } from '../format';
import type { Deployment, EndpointModel } from '../model/endpoint';
import type { Resource } from '../rest';
import { Badge, Facts, Fault, Part, since, Status, Table, Time } from './basics';
import { short } from './named';
import { t } from './text';
import { Traffic } from './traffic';

export interface EndpointActions {
  show: (segment: string, name: string) => void;
  code: () => void;
  /** Make a deployment of it. */
  deploy: () => void;
  copy: (text: string) => void;
  save: () => void;
  standardise: (deployment: string) => void;
  remove: () => void;
  refresh: () => void;
}

export type EndpointTab = 'overview' | 'metrics' | 'test' | 'logs' | 'jobs';

/** The parts of an endpoint's page: only those that it can have. */
export function endpointTabs(model: EndpointModel): [EndpointTab, string][] {
  const first: [EndpointTab, string] = ['overview', t('Overview')];
  if (!model.online) return [first, ['jobs', t('Jobs')]];
  return [first, ['metrics', t('Metrics')], ['test', t('Test')], ['logs', t('Logs')]];
}

/** Head of the page: state, name, place, and what can be done. */
export function EndpointHead({
  model,
  place,
  busy,
  actions
}: {
  model: EndpointModel;
  place: string;
  busy: boolean;
  actions: EndpointActions;
}): JSX.Element {
  return (
    <header class="jp-AmlLab-head">
      <div class="jp-AmlLab-title">
        {model.state && <Status value={model.gone ? t('Deleted') : model.state} />}
        <h2>{model.name}</h2>
        <span class="jp-AmlLab-soft">{model.online ? t('online endpoint') : t('batch endpoint')}</span>
        <Badge place={place} />
      </div>
      <div class="jp-AmlLab-actions">
        <button type="button" class="jp-AmlLab-button" onClick={actions.code}>
          {t('Insert code')}
        </button>
        {!model.gone && (
          <button type="button" class="jp-AmlLab-button" onClick={actions.deploy}>
            {t('New deployment')}
          </button>
        )}
        <button type="button" class="jp-AmlLab-button" disabled={busy} onClick={actions.refresh}>
          {t('Refresh')}
        </button>
        {!model.gone && model.state !== 'Deleting' && (
          <button type="button" class="jp-AmlLab-button" disabled={busy} onClick={actions.remove}>
            {t('Delete')}
          </button>
        )}
      </div>
    </header>
  );
}

/** What it is, its deployments and who of them answers. */
export function EndpointOverview({
  model,
  busy,
  actions
}: {
  model: EndpointModel;
  busy: boolean;
  actions: EndpointActions;
}): JSX.Element {
  return (
    <>
      {model.failure && (
        <Failure title={t('%1 failed.', model.name)} name={model.name} text={model.failure} />
      )}
      <About model={model} actions={actions} />
      <Part title={t('Deployments')}>
        <Deployments model={model} show={actions.show} />
      </Part>
      {model.deployments.length > 0 && model.online && (
        <Part title={t('Traffic')}>
          <Traffic model={model} busy={busy} save={actions.save} />
        </Part>
      )}
      {model.deployments.length > 0 && !model.online && (
        <Part title={t('Default deployment')}>
          <Standard model={model} busy={busy} save={actions.standardise} />
        </Part>
      )}
    </>
  );
}

function About({ model, actions }: { model: EndpointModel; actions: EndpointActions }): JSX.Element {
  const held = model.resource?.properties ?? {};
  const scoring = cell(held.scoringUri);
  return (
    <div class="jp-AmlLab-flow">
      <Part title={t('Endpoint')}>
        <Facts
          pairs={[
            [t('authentication'), cell(held.authMode)],
            [t('scoring URI'), scoring && <Address key="a" uri={scoring} copy={actions.copy} />],
            [t('swagger URI'), cell(held.swaggerUri) && <code key="s">{cell(held.swaggerUri)}</code>],
            [t('compute'), short(cell(held.compute))],
            [
              t('network'),
              cell(held.publicNetworkAccess) && t('public access: %1', cell(held.publicNetworkAccess))
            ],
            [t('description'), cell(held.description)],
            [t('tags'), cell(model.resource?.tags)]
          ]}
        />
      </Part>
      <Part title={t('History')}>
        <Facts
          pairs={[
            [t('created'), since(model.resource?.systemData?.createdAt)],
            [t('by'), cell(model.resource?.systemData?.createdBy)],
            [t('changed'), since(model.resource?.systemData?.lastModifiedAt)]
          ]}
        />
      </Part>
    </div>
  );
}

/** An address, and a button that copies it. */
export function Address({ uri, copy }: { uri: string; copy: (text: string) => void }): JSX.Element {
  return (
    <>
      <code>{uri}</code>{' '}
      <button
        type="button"
        class="jp-AmlLab-button"
        aria-label={t('Copy the scoring URI')}
        onClick={() => copy(uri)}
      >
        {t('Copy')}
      </button>
    </>
  );
}

/** The deployments, and why those failed or are unhealthy that are so. */
export function Deployments({
  model,
  show
}: {
  model: EndpointModel;
  show: ((segment: string, name: string) => void) | undefined;
}): JSX.Element {
  if (model.deployments.length === 0) {
    return <p class="jp-AmlLab-soft">{t('There are no deployments yet: nothing answers here.')}</p>;
  }
  return (
    <>
      <DeploymentsTable model={model} show={show} />
      {model.deployments.map(one => (
        <Trouble key={one.name} deployment={one} />
      ))}
    </>
  );
}

function Trouble({
  deployment: { name, state, health, error }
}: {
  deployment: Deployment;
}): JSX.Element | null {
  if (state === 'Failed') return <Failure title={t('%1 failed.', name)} name={name} text={error} />;
  if (health !== 'Unhealthy') return null;
  return <Failure title={t('%1 is unhealthy.', name)} name={name} text={error} />;
}

function DeploymentsTable({
  model,
  show
}: {
  model: EndpointModel;
  show: ((segment: string, name: string) => void) | undefined;
}): JSX.Element {
  const { live, mirror } = model.traffic;
  const instance = model.online ? t('instance type') : t('compute');
  const columns = [t('name'), t('state'), t('model'), t('environment'), instance, t('instances')];
  const shares = (one: Deployment): ComponentChildren[] =>
    model.online
      ? [<Share key="t" percent={live[one.name] ?? 0} />, <Share key="c" percent={mirror[one.name] ?? 0} />]
      : [one.name === model.standard ? t('★ default') : ''];
  const traffic = model.online ? [t('traffic, %'), t('mirror, %')] : [];
  return (
    <Table
      columns={[...columns, ...(model.online ? traffic : [''])]}
      measures={[t('instances'), ...traffic]}
      rows={model.deployments.map(one => ({
        key: one.name,
        cells: [
          one.name,
          <State key="s" deployment={one} />,
          <Asset key="m" id={one.model} segment="models" show={show} />,
          <Asset key="e" id={one.environment} segment="environments" show={show} />,
          one.instance,
          instances(one),
          ...shares(one)
        ]
      }))}
    />
  );
}

/** How it stands; once it is made, how its processes do where that is known. */
function State({ deployment: { state, health } }: { deployment: Deployment }): JSX.Element {
  return <Status value={state === 'Succeeded' && health && health !== 'Healthy' ? health : state} />;
}

/** How many there are, and how many of their processes answer where not all do. */
function instances({ count, ready, replicas }: Deployment): ComponentChildren {
  return ready < replicas ? t('%1 of %2 ready', ready, replicas) : (count ?? '');
}

/** A percentage, with a bar. */
function Share({ percent }: { percent: number }): JSX.Element {
  return (
    <span class="jp-AmlLab-share">
      <svg class="jp-AmlLab-bars" width={40} height={10} aria-hidden="true">
        <rect width={0.4 * percent} height={10} />
      </svg>
      <span>{percent}</span>
    </span>
  );
}

/** What a workspace has registered opens its page; anything else is only told. */
function Asset({
  id,
  segment,
  show
}: {
  id: string;
  segment: string;
  show: ((segment: string, name: string) => void) | undefined;
}): JSX.Element {
  const name = new RegExp(`^/subscriptions/.*/workspaces/[^/]+/${segment}/([^/]+)/versions/[^/]+$`, 'i').exec(
    id
  )?.[1];
  if (!name || !show) return <span title={id}>{short(id)}</span>;
  return (
    <button type="button" class="jp-AmlLab-link" title={id} onClick={() => show(segment, name)}>
      {short(id)}
    </button>
  );
}

/** Why something failed, in full. */
export function Failure({ title, name, text }: { title: string; name: string; text: string }): JSX.Element {
  return (
    <section class="jp-AmlLab-failure" aria-label={t('Why %1 failed', name)}>
      <p>{title}</p>
      {text ? <pre>{text}</pre> : <p>{t('The service does not say why; its logs may.')}</p>}
    </section>
  );
}

/** Which deployment answers when none is named. */
function Standard({
  model,
  busy,
  save
}: {
  model: EndpointModel;
  busy: boolean;
  save: (deployment: string) => void;
}): JSX.Element {
  return (
    <form
      class="jp-AmlLab-title"
      onSubmit={event => {
        event.preventDefault();
        const chosen = new FormData(event.currentTarget).get('deployment');
        if (typeof chosen === 'string' && chosen && chosen !== model.standard) save(chosen);
      }}
    >
      <select name="deployment" aria-label={t('Default deployment')}>
        {!model.standard && <option value="">{t('none')}</option>}
        {model.deployments.map(({ name }) => (
          <option key={name} value={name} selected={name === model.standard}>
            {name}
          </option>
        ))}
      </select>
      <button type="submit" class="jp-AmlLab-button jp-AmlLab-main" disabled={busy}>
        {t('Save')}
      </button>
    </form>
  );
}

/** The jobs of a batch endpoint. */
export function BatchJobs({
  model,
  show
}: {
  model: EndpointModel;
  show: ((segment: string, name: string) => void) | undefined;
}): JSX.Element {
  if (model.jobsError) return <Fault error={model.jobsError} retry={() => void model.refresh()} />;
  if (model.jobs.length === 0) {
    return <p class="jp-AmlLab-soft">{t('Nobody has invoked it yet.')}</p>;
  }
  return (
    <Table
      columns={[t('job'), t('status'), t('created')]}
      {...(show && { open: (name: string) => show('jobs', name) })}
      rows={model.jobs.map((one: Resource) => ({
        key: one.name,
        cells: [
          cell(one.properties.displayName) || one.name,
          <Status key="s" value={cell(one.properties.status)} />,
          <Time key="t" iso={one.systemData?.createdAt ?? ''} />
        ]
      }))}
    />
  );
}
