/** Files of a datastore or a folder: where one is, what lies there, the beginning of a file. */

import type { JSX } from 'preact';
import { bytes } from '../format';
import type { FilesModel } from '../model/files';
import { codeless } from '../model/snapshot';
import { Fault, Time } from './basics';
import { Model, Preview } from './preview';
import { t } from './text';

export function Files({ model, insert }: { model: FilesModel; insert: (code: string) => void }): JSX.Element {
  const entries = model.entries ?? [];
  const nothing = model.entries && entries.length === 0 && !model.error;
  return (
    <div class="jp-AmlLab-files">
      <Crumbs model={model} />
      {model.error && <Fault error={new Error(model.error)} retry={() => void model.go(model.path)} />}
      {model.missing && <p class="jp-AmlLab-soft">{t('There is nothing here yet.')}</p>}
      {nothing && !model.missing && <p class="jp-AmlLab-soft">{t('There is nothing in this folder.')}</p>}
      {model.described && (
        <section class="jp-AmlLab-part" aria-label={t('MLflow model')}>
          <h3>{t('MLflow model')}</h3>
          {model.loader && (
            <div class="jp-AmlLab-actions">
              <button type="button" class="jp-AmlLab-button" onClick={() => insert(model.loader)}>
                {t('Insert code that loads it')}
              </button>
            </div>
          )}
          <Model described={model.described} />
        </section>
      )}
      {entries.length > 0 && !model.missing && <Entries model={model} />}
      {model.file && <File model={model} insert={insert} />}
    </div>
  );
}

/** The code that a job runs. */
export function Code({
  held,
  model,
  insert
}: {
  held: Record<string, unknown>;
  model: FilesModel | undefined;
  insert: (code: string) => void;
}): JSX.Element {
  if (codeless(held) || model?.missing) return <p class="jp-AmlLab-soft">{t('This job has no code.')}</p>;
  return model ? <Files model={model} insert={insert} /> : <></>;
}

/** Where one is, each folder above as a button. */
function Crumbs({ model }: { model: FilesModel }): JSX.Element {
  return (
    <nav aria-label={t('Folder')}>
      {['', ...model.path].map((name, at) => (
        <span key={at}>
          {at > 0 && ' / '}
          <button
            type="button"
            class="jp-AmlLab-link"
            title={at === 0 ? model.root : undefined}
            onClick={() => void model.go(model.path.slice(0, at))}
          >
            {at === 0 ? model.title : name}
          </button>
        </span>
      ))}
      <button
        type="button"
        class="jp-AmlLab-button"
        disabled={model.busy}
        onClick={() => void model.refresh()}
      >
        {t('Refresh')}
      </button>
      <span class="jp-AmlLab-soft" aria-live="polite">
        {model.busy ? t(' loading…') : ''}
      </span>
    </nav>
  );
}

function Entries({ model }: { model: FilesModel }): JSX.Element {
  const entries = model.entries ?? [];
  const fetched = entries.some(entry => !entry.folder && model.address(entry.name));
  return (
    <div class="jp-AmlLab-scroll" tabIndex={0} role="region" aria-label={t('Files')}>
      <table class="jp-AmlLab-table">
        <thead>
          <tr>
            <th scope="col">{t('name')}</th>
            <th scope="col" data-number="true">
              {t('size')}
            </th>
            <th scope="col">{t('changed')}</th>
            {fetched && <th scope="col">{t('download')}</th>}
          </tr>
        </thead>
        <tbody>
          {entries.map(entry => (
            <tr key={entry.name} data-open={entry.name === model.file}>
              <td>
                <button type="button" class="jp-AmlLab-link" onClick={() => void model.open(entry)}>
                  {entry.folder ? `${entry.name}/` : entry.name}
                </button>
              </td>
              <td data-number="true">{entry.size === null ? '' : bytes(entry.size)}</td>
              <td>
                <Time iso={entry.modified ?? ''} />
              </td>
              {fetched && (
                <td>{!entry.folder && <Download name={entry.name} address={model.address(entry.name)} />}</td>
              )}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** Saves a file; the browser never shows it as a page. */
function Download({ name, address }: { name: string; address: string }): JSX.Element | null {
  if (!address) return null;
  return (
    <a class="jp-AmlLab-link" href={address} download={name} aria-label={t('Download %1', name)}>
      {t('Download')}
    </a>
  );
}

function File({ model, insert }: { model: FilesModel; insert: (code: string) => void }): JSX.Element {
  return (
    <section class="jp-AmlLab-part" aria-label={model.file}>
      <h3>{model.file}</h3>
      <div class="jp-AmlLab-actions">
        <button type="button" class="jp-AmlLab-button" onClick={() => insert(model.code(model.file))}>
          {t('Insert code that reads it')}
        </button>
      </div>
      {model.preview && <Preview name={model.file} size={model.size} output={model.preview.output} />}
      {model.image && <img class="jp-AmlLab-picture" src={model.image} alt={model.file} />}
    </section>
  );
}
