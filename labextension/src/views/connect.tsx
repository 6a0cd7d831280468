/** Connecting: the form for a workspace here or in Azure, and what a person does to sign in. */

import type { ComponentChildren, JSX } from 'preact';
import { CLOUDS, type ConnectModel, type Fields, WAYS } from '../model/connect';
import { Badge, Fault } from './basics';
import { SignIn } from './signin';
import { t } from './text';

/** What the form asks of the page. */
export interface ConnectActions {
  /** Without it the line is only shown. */
  insert?: (code: string) => void;
  copy: (text: string) => void;
}

interface Given {
  /** What the ids of the controls begin with. */
  id: string;
  model: ConnectModel;
}

export function ConnectForm({
  id,
  model,
  actions,
  done = t('✓ Connected: the panel shows the workspace.')
}: Given & { actions: ConnectActions; done?: string }): JSX.Element {
  const azure = model.fields.where === 'azure' || model.signIn !== undefined;
  return (
    <form
      class="jp-AmlLab-form"
      noValidate
      onSubmit={event => {
        event.preventDefault();
        void model.send().then(wrong => go(id, wrong[0]));
      }}
    >
      <header class="jp-AmlLab-head">
        <div class="jp-AmlLab-title">
          <h2>{model.signIn ? t('Sign in to %1', model.signIn.profile) : t('Connect to a workspace')}</h2>
          <Badge place={azure ? 'AZURE' : 'LOCAL'} />
        </div>
      </header>
      <div class="jp-AmlLab-body">
        {model.signIn ? (
          <SignIn model={model.signIn} copy={actions.copy} back={() => void model.back()} />
        ) : model.connected ? (
          <p class="jp-AmlLab-success" role="status">
            {done}
          </p>
        ) : (
          <Filling id={id} model={model} insert={actions.insert} />
        )}
      </div>
    </form>
  );
}

/** Go to the field that is at fault. */
function go(id: string, name: keyof Fields | undefined): void {
  const found = name && document.getElementById(`${id}-${name}`);
  if (!found) return;
  const more = found.closest('details');
  if (more) more.open = true;
  found.focus();
}

function Filling({ id, model, insert }: Given & { insert: ConnectActions['insert'] }): JSX.Element {
  const { where } = model.fields;
  return (
    <>
      <Choice
        id={id}
        model={model}
        name="where"
        legend={t('Where it is')}
        choices={[
          ['local', t('A workspace on this machine')],
          ['azure', t('A workspace in Azure')]
        ]}
      />
      {where === 'local' ? (
        <Text
          id={id}
          model={model}
          name="local"
          label={t('Name or folder')}
          help={t('A folder has a slash, such as ./work. It is made when it is not there.')}
        />
      ) : (
        <Azure id={id} model={model} />
      )}
      <p class="jp-AmlLab-soft">{t('In a notebook this line goes there:')}</p>
      <pre class="jp-AmlLab-code" aria-live="polite">
        {model.line}
      </pre>
      <div class="jp-AmlLab-actions">
        <button type="submit" class="jp-AmlLab-button jp-AmlLab-main" disabled={model.busy}>
          {model.busy ? t('Connecting…') : where === 'azure' ? t('Save and sign in') : t('Connect')}
        </button>
        {insert && (
          <button type="button" class="jp-AmlLab-button" onClick={() => insert(model.line)}>
            {t('Insert code')}
          </button>
        )}
      </div>
      {model.error && <Fault error={model.error} />}
    </>
  );
}

function Azure({ id, model }: Given): JSX.Element {
  const own = { id, model };
  return (
    <>
      <Choice
        {...own}
        name="by"
        legend={t('Which one')}
        choices={[
          ['names', t('By its names')],
          ['config', t('By a config.json')]
        ]}
      />
      {model.fields.by === 'config' ? (
        <Text
          {...own}
          name="config"
          label={t('File or folder')}
          help={t(
            'As the Azure portal gives it out. Left empty, it is looked for in the folder of the server.'
          )}
        />
      ) : (
        <>
          <Text
            {...own}
            name="subscription"
            label={t('Subscription')}
            help={t('Its GUID, or its name.')}
            needed
          />
          <Text {...own} name="group" label={t('Resource group')} needed />
          <Text {...own} name="workspace" label={t('Workspace')} needed />
        </>
      )}
      <Text
        {...own}
        name="profile"
        label={t('Keep it as')}
        help={t('The name of the profile: notebooks go there with it. It holds no secret.')}
        needed
      />
      <Select
        {...own}
        name="way"
        label={t('Way to sign in')}
        choices={WAYS}
        help={explained(model.fields.way)}
      />
      <details class="jp-AmlLab-more">
        <summary>{t('More')}</summary>
        <Text
          {...own}
          name="tenant"
          label={t('Tenant')}
          help={t("GUID or domain; else the subscription's.")}
        />
        <Text
          {...own}
          name="client"
          label={t('Client id')}
          help={t('GUID of the application or managed identity that signs in; empty for a person.')}
        />
        <Select {...own} name="cloud" label={t('Cloud')} choices={CLOUDS} help="" />
      </details>
    </>
  );
}

function explained(way: string): string {
  const words: Record<string, string> = {
    auto: t('What needs nobody is tried first; then you are asked, here.'),
    cli: t('What `az login` has kept on the machine of the server.'),
    browser: t('A window of the browser, where the server is on this machine; else a code.'),
    'device-code': t('This page shows a code to type in at an address of Microsoft.'),
    'managed-identity': t('The identity of the machine of the server, in Azure.'),
    'service-principal': t('AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET of the server.')
  };
  return words[way] ?? '';
}

/** Two or more that exclude each other. */
function Choice({
  id,
  model,
  name,
  legend,
  choices
}: Given & { name: 'where' | 'by'; legend: string; choices: [string, string][] }): JSX.Element {
  return (
    <fieldset class="jp-AmlLab-choice">
      <legend>{legend}</legend>
      {choices.map(([value, label]) => (
        <label key={value}>
          <input
            type="radio"
            name={`${id}-${name}`}
            value={value}
            checked={model.fields[name] === value}
            onChange={() => model.set(name, value as never)}
          />{' '}
          {label}
        </label>
      ))}
    </fieldset>
  );
}

interface Labelled extends Given {
  name: Exclude<keyof Fields, 'where' | 'by'>;
  label: string;
  help?: string;
}

function Text({ id, model, name, label, help, needed }: Labelled & { needed?: boolean }): JSX.Element {
  const own = `${id}-${name}`;
  const fault = model.faults[name];
  return (
    <Field id={own} label={label} help={help} fault={fault} needed={needed}>
      <input
        id={own}
        type="text"
        spellcheck={false}
        autocomplete="off"
        value={model.fields[name]}
        aria-required={needed}
        aria-invalid={fault !== undefined}
        aria-describedby={`${own}-help`}
        onInput={event => model.set(name, event.currentTarget.value)}
      />
    </Field>
  );
}

function Select({
  id,
  model,
  name,
  label,
  help,
  choices
}: Labelled & { choices: readonly string[] }): JSX.Element {
  const own = `${id}-${name}`;
  return (
    <Field id={own} label={label} help={help}>
      <select
        id={own}
        aria-describedby={`${own}-help`}
        onChange={event => model.set(name, event.currentTarget.value)}
      >
        {choices.map(choice => (
          <option key={choice} value={choice} selected={choice === model.fields[name]}>
            {choice}
          </option>
        ))}
      </select>
    </Field>
  );
}

function Field({
  id,
  label,
  help,
  fault,
  needed,
  children
}: {
  id: string;
  label: string;
  help?: string;
  fault?: string;
  needed?: boolean;
  children: ComponentChildren;
}): JSX.Element {
  return (
    <div class="jp-AmlLab-field">
      <label for={id}>
        {label}
        {needed && <span title={t('Needed')}> *</span>}
      </label>
      {children}
      <small id={`${id}-help`}>{fault ? <span class="jp-AmlLab-wrong">✗ {fault}</span> : help}</small>
    </div>
  );
}

/** What stands where no workspace is yet. */
export function Beginning({ make, connect }: { make: () => void; connect: () => void }): JSX.Element {
  return (
    <div class="jp-AmlLab-empty">
      <p>{t('There is no workspace yet.')}</p>
      <div class="jp-AmlLab-actions">
        <button type="button" class="jp-AmlLab-button jp-AmlLab-main" onClick={make}>
          {t('Make one on this machine')}
        </button>
        <button type="button" class="jp-AmlLab-button" onClick={connect}>
          {t('Connect…')}
        </button>
      </div>
    </div>
  );
}
