/** The traffic of an online endpoint: a slider and a number for each deployment, and what is missing to a hundred. */

import type { JSX } from 'preact';
import type { EndpointModel } from '../model/endpoint';
import { type Fault, faults, MIRRORED, sum, type Traffic as Shared } from '../model/traffic';
import { t } from './text';

export function Traffic({
  model,
  busy,
  save
}: {
  model: EndpointModel;
  busy: boolean;
  save: () => void;
}): JSX.Element {
  const shown = model.draft ?? model.traffic;
  const found = faults(shown);
  return (
    <form
      class="jp-AmlLab-traffic"
      onSubmit={event => {
        event.preventDefault();
        if (model.savable && !busy) save();
      }}
    >
      <div class="jp-AmlLab-scroll" tabIndex={0} role="region" aria-label={t('Traffic')}>
        <table class="jp-AmlLab-table">
          <thead>
            <tr>
              <th scope="col">{t('deployment')}</th>
              <th scope="col" colSpan={2}>
                {t('traffic, %')}
              </th>
              <th scope="col">{t('mirror, %')}</th>
            </tr>
          </thead>
          <tbody>
            {model.deployments.map(({ name }) => (
              <Share
                key={name}
                name={name}
                shown={shown}
                set={(kind, typed) => model.share(kind, name, typed)}
              />
            ))}
          </tbody>
        </table>
      </div>
      <div role="status">
        <p>{t('Sum: %1 %', sum(shown.live))}</p>
        {found.map(fault => (
          <p key={fault.kind} class="jp-AmlLab-status" data-tone="bad">
            <span aria-hidden="true">✗</span> {sentence(fault)}
          </p>
        ))}
        {found.length === 0 && sum(shown.live) === 0 && (
          <p class="jp-AmlLab-soft">{t('No deployment gets requests that do not name it.')}</p>
        )}
      </div>
      <div class="jp-AmlLab-actions">
        <button type="submit" class="jp-AmlLab-button jp-AmlLab-main" disabled={busy || !model.savable}>
          {t('Save traffic')}
        </button>
        {model.draft && (
          <button type="button" class="jp-AmlLab-button" disabled={busy} onClick={() => model.undo()}>
            {t('Undo')}
          </button>
        )}
      </div>
    </form>
  );
}

function Share({
  name,
  shown,
  set
}: {
  name: string;
  shown: Shared;
  set: (kind: keyof Shared, typed: string) => void;
}): JSX.Element {
  const field = (type: 'range' | 'number', part: keyof Shared, label: string): JSX.Element => (
    <td>
      <input
        type={type}
        min={0}
        max={part === 'live' ? 100 : MIRRORED}
        step={1}
        value={shown[part][name] ?? 0}
        aria-label={label}
        onInput={event => set(part, event.currentTarget.value)}
      />
    </td>
  );
  return (
    <tr>
      <th scope="row">{name}</th>
      {field('range', 'live', t('Traffic of %1, slider', name))}
      {field('number', 'live', t('Traffic of %1', name))}
      {field('number', 'mirror', t('Mirror of %1', name))}
    </tr>
  );
}

function sentence(fault: Fault): string {
  switch (fault.kind) {
    case 'short':
      return t('%1 % are missing to 100 %.', fault.by);
    case 'over':
      return t('%1 % are too much: the sum is to be 100 %, or 0 %.', fault.by);
    case 'mirrored':
      return t('At most %1 % of the requests can be mirrored.', MIRRORED);
    case 'mirrors':
      return t('Requests can be mirrored to one deployment only.');
    case 'both':
      return t('%1 gets either traffic or a mirror of it, not both.', fault.name);
  }
}
