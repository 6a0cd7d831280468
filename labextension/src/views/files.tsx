/** Files of a datastore or a folder: where one is, what lies there, the beginning of a file. */

import type { JSX } from 'preact';
import { bytes } from '../format';
import type { FilesModel } from '../model/files';
import { Content, Fault, Time } from './basics';
import { t } from './text';

export function Files({ model, insert }: { model: FilesModel; insert: (code: string) => void }): JSX.Element {
  const entries = model.entries ?? [];
  return (
    <div class="jp-AmlLab-files">
      <nav aria-label={t('Folder')}>
        {['', ...model.path].map((name, at) => (
          <span key={at}>
            {at > 0 && ' / '}
            <button
              type="button"
              class="jp-AmlLab-link"
              onClick={() => void model.go(model.path.slice(0, at))}
            >
              {at === 0 ? model.root : name}
            </button>
          </span>
        ))}
        <span class="jp-AmlLab-soft" aria-live="polite">
          {model.busy ? t(' loading…') : ''}
        </span>
      </nav>
      {model.error && <Fault error={new Error(model.error)} retry={() => void model.go(model.path)} />}
      {model.entries && entries.length === 0 && !model.error && (
        <p class="jp-AmlLab-soft">{t('There is nothing in this folder.')}</p>
      )}
      {entries.length > 0 && (
        <div class="jp-AmlLab-scroll" tabIndex={0} role="region" aria-label={t('Files')}>
          <table class="jp-AmlLab-table">
            <thead>
              <tr>
                <th scope="col">{t('name')}</th>
                <th scope="col" data-number="true">
                  {t('size')}
                </th>
                <th scope="col">{t('changed')}</th>
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
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {model.file && (
        <section class="jp-AmlLab-part" aria-label={model.file}>
          <h3>{model.file}</h3>
          <div class="jp-AmlLab-actions">
            <button type="button" class="jp-AmlLab-button" onClick={() => insert(model.code(model.file))}>
              {t('Insert code that reads it')}
            </button>
          </div>
          {model.preview && <Content text={model.preview.output} />}
          {model.image && <img class="jp-AmlLab-picture" src={model.image} alt={model.file} />}
        </section>
      )}
    </div>
  );
}
