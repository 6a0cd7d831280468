/** The beginning of a file: a table, the cells of a notebook, an MLflow model, a text with the numbers of its lines. */

import type { JSX } from 'preact';
import { bytes } from '../format';
import { BYTES, type Column, type Described, LINES, ROWS, shown } from '../model/shown';
import { Content, Facts, Part, Table, Time } from './basics';
import { t } from './text';

/** What `aml preview -o json` says of a file. */
export function Preview({
  name,
  size,
  output
}: {
  name: string;
  size: number | null;
  output: string;
}): JSX.Element {
  const found = shown(name, size, output);
  switch (found.kind) {
    case 'table':
      return (
        <>
          {found.cut && <p class="jp-AmlLab-soft">{t('The first %1 rows.', ROWS)}</p>}
          <Content text={JSON.stringify(found.rows)} />
        </>
      );
    case 'cells':
      return <Cells cells={found.cells} />;
    case 'model':
      return <Model described={found.described} />;
    case 'text':
      return (
        <>
          {found.lines && <p class="jp-AmlLab-soft">{t('The first %1 lines.', LINES)}</p>}
          {!found.lines && found.bytes && <p class="jp-AmlLab-soft">{t('The first %1.', bytes(BYTES))}</p>}
          <Lines text={found.text} label={name} />
        </>
      );
    case 'empty':
      return <p class="jp-AmlLab-soft">{t('The file is empty.')}</p>;
    case 'binary':
      return (
        <p class="jp-AmlLab-soft">
          {size === null
            ? t('Binary data; there is no preview.')
            : t('%1 of binary data; there is no preview.', bytes(size))}
        </p>
      );
  }
}

/** Text as it stands, with the numbers of its lines, which are not copied with it. */
export function Lines({ text, label }: { text: string; label: string }): JSX.Element {
  const lines = text.split('\n');
  return (
    <pre
      class="jp-AmlLab-numbered"
      tabIndex={0}
      role="region"
      aria-label={label}
      style={{ '--aml-digits': String(lines.length).length }}
    >
      {lines.map((line, at) => (
        <span key={at} data-line={at + 1}>{`${line}\n`}</span>
      ))}
    </pre>
  );
}

function Cells({ cells }: { cells: { type: string; source: string }[] }): JSX.Element {
  return (
    <ol class="jp-AmlLab-cells">
      {cells.map(({ type, source }, at) => (
        <li key={at}>
          <span class="jp-AmlLab-soft">{t('%1 · %2', at + 1, type)}</span>
          <Lines text={source} label={t('Cell %1, %2', at + 1, type)} />
        </li>
      ))}
    </ol>
  );
}

/** An MLflow model: its flavors, its signature, what it was made with. */
export function Model({ described }: { described: Described }): JSX.Element {
  const { flavors, inputs, outputs, params } = described;
  const signed = inputs.length + outputs.length + params.length > 0;
  return (
    <>
      <Facts
        pairs={[
          [t('flavors'), flavors.map(({ name, version }) => `${name} ${version}`.trim()).join(', ')],
          [t('MLflow'), described.mlflow_version ?? ''],
          [t('created'), described.utc_time_created && <Time long iso={utc(described.utc_time_created)} />],
          [t('run'), described.run_id ?? '']
        ]}
      />
      {!signed && <p class="jp-AmlLab-soft">{t('The model has no signature.')}</p>}
      <div class="jp-AmlLab-flow">
        <Signature title={t('Takes')} columns={inputs} />
        <Signature title={t('Gives')} columns={outputs} />
        <Signature title={t('Model parameters')} columns={params} />
      </div>
    </>
  );
}

function Signature({ title, columns }: { title: string; columns: Column[] }): JSX.Element | null {
  if (columns.length === 0) return null;
  return (
    <Part title={title}>
      <Table
        columns={[t('name'), t('type'), '']}
        rows={columns.map(({ name, type, optional }, at) => ({
          key: String(at),
          cells: [name || t('(no name)'), type, optional ? t('optional') : '']
        }))}
      />
    </Part>
  );
}

/** MLflow writes `2026-01-01 10:00:00.123456`, in UTC. */
function utc(time: string): string {
  return /^[\d-]+ [\d:.]+$/.test(time) ? `${time.replace(' ', 'T')}Z` : time;
}
