/** The code of a job: the snapshot that it, its trials or its steps run. */

import { FilesModel } from './files';
import type { Rest } from '../rest';

/** Whether a job surely has no code: nothing in it could have some. */
export function codeless(held: Record<string, unknown>): boolean {
  const trial = (held.trial ?? {}) as Record<string, unknown>;
  const named = [held.codeId, held.componentId, trial.codeId, trial.componentId];
  return !named.some(Boolean) && Object.keys(held.jobs ?? {}).length === 0;
}

/** The files of a job's code, as `aml ls` lists them. */
export function snapshot(rest: Rest, workspace: string, job: string): FilesModel {
  return new FilesModel(rest, workspace, `azureml://jobs/${job}/code/`, { title: 'code' });
}

/** The files that a run has written. */
export function artifacts(rest: Rest, workspace: string, job: string): FilesModel {
  return new FilesModel(rest, workspace, `azureml://jobs/${job}/outputs/artifacts/paths/`, {
    address: path => rest.artifact(workspace, job, path),
    model: path => (path ? `runs:/${job}/${path}` : ''),
    title: 'artifacts'
  });
}
