/** An endpoint in a cell's output: address, deployments, traffic, how it does, test calls and log; of a batch the jobs. */

import type { JSX } from 'preact';
import { cell } from '../format';
import type { EndpointModel } from '../model/endpoint';
import type { MeasuresModel } from '../model/measures';
import type { ContainerLog, ScoringModel } from '../model/scoring';
import { Badge, Facts, Fault, Part, Status } from './basics';
import { BatchJobs, Deployments, Failure } from './endpoint';
import { Measures } from './measures';
import { Logs, Test } from './scoring';
import { t } from './text';

export interface CardModels {
  model: EndpointModel;
  scoring: ScoringModel;
  measures: MeasuresModel;
  log: ContainerLog;
}

export interface CardActions {
  /** Open its page, where there are such. */
  open?: ((segment: string, name: string) => void) | undefined;
  /** The log was opened or closed. */
  read: (open: boolean) => void;
}

/** The whole of it; `id` sets its fields apart from those of other cards. */
export function EndpointCard({
  models,
  place,
  id,
  actions
}: {
  models: CardModels;
  place: string;
  id: string;
  actions: CardActions;
}): JSX.Element {
  const { model } = models;
  const { open } = actions;
  const held = model.resource?.properties ?? {};
  return (
    <div class="jp-AmlLab-card">
      <div class="jp-AmlLab-title">
        <Status value={model.gone ? t('Deleted') : model.state} />
        <strong>{model.name}</strong>
        <Badge place={place} />
        <span class="jp-AmlLab-grow" />
        {open && (
          <button type="button" class="jp-AmlLab-button" onClick={() => open(model.segment, model.name)}>
            {t('Open')}
          </button>
        )}
      </div>
      <Facts
        pairs={[
          [t('scoring URI'), cell(held.scoringUri) && <code key="u">{cell(held.scoringUri)}</code>],
          [t('authentication'), cell(held.authMode)]
        ]}
      />
      {model.error && <Fault error={model.error} retry={() => void model.refresh()} />}
      {model.failure && (
        <Failure title={t('%1 failed.', model.name)} name={model.name} text={model.failure} />
      )}
      <Deployments model={model} show={undefined} />
      {!model.online && (
        <Part title={t('Jobs')}>
          <BatchJobs model={model} show={open} />
        </Part>
      )}
      {model.online && model.deployments.length > 0 && <Online models={models} id={id} read={actions.read} />}
    </div>
  );
}

/** What can be asked of an online endpoint that has deployments. */
function Online({
  models: { model, scoring, measures, log },
  id,
  read
}: {
  models: CardModels;
  id: string;
  read: (open: boolean) => void;
}): JSX.Element {
  return (
    <>
      <Part title={t('Requests')}>
        <Measures measures={measures} id={id} />
      </Part>
      <Part title={t('Test')}>
        <Test model={model} scoring={scoring} id={id} />
      </Part>
      <details class="jp-AmlLab-more" onToggle={event => read(event.currentTarget.open)}>
        <summary>{t('Log')}</summary>
        <Logs model={model} log={log} id={`${id}-log`} />
      </details>
    </>
  );
}
