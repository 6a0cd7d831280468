/** The columns of a table: type, what is missing, spread, and the shape of their values; schemas side by side. */

import type { ComponentChildren, JSX } from 'preact';
import { cell, number } from '../format';
import type { Column, Extent, Profile as Found, ProfileModel, Schema as Difference } from '../model/profile';
import { Fault, Part, Table } from './basics';
import { t } from './text';

const WIDTH = 120;
const HEIGHT = 28;
/** Frequent values that are shown. */
const VALUES = 3;

/** The profile of a version, read when somebody asks for it. */
export function Profile({ model, version }: { model: ProfileModel; version: string }): JSX.Element {
  const read = (): void => void model.read(version);
  const { profile, fault } = model;
  return (
    <Part title={t('Profile')}>
      {fault?.of === 'profile' && <Fault error={new Error(fault.message)} retry={read} />}
      {profile ? (
        <ProfileTable profile={profile} />
      ) : (
        <button type="button" class="jp-AmlLab-button" disabled={model.busy !== ''} onClick={read}>
          {model.busy === 'profile' ? t('Reading…') : t('Profile the columns')}
        </button>
      )}
    </Part>
  );
}

/** One line a column. */
export function ProfileTable({ profile }: { profile: Found }): JSX.Element {
  const heads = [
    ...[t('column'), t('type'), t('count'), t('missing'), t('distinct')],
    ...[t('min'), t('mean'), t('max'), t('std'), t('values')]
  ];
  return (
    <>
      <p class="jp-AmlLab-soft">{extent(profile)}</p>
      {profile.columns.length === 0 ? (
        <p>{t('It has no columns.')}</p>
      ) : (
        <Table
          columns={heads}
          measures={[t('missing')]}
          rows={profile.columns.map((one, at) => ({ key: `${at}`, cells: cells(one) }))}
        />
      )}
    </>
  );
}

function cells(column: Column): ComponentChildren[] {
  const rounded = (value: number | null | undefined): number | string =>
    value === null || value === undefined ? '' : Number.isInteger(value) ? value : Number(number(value));
  const end = (value: number | string | undefined): number | string =>
    typeof value === 'number' ? rounded(value) : (value ?? '');
  return [
    column.name,
    column.infinite ? t('%1, %2 infinite', column.type, column.infinite) : column.type,
    column.count,
    column.missing ? t('%1 (%2 %)', column.missing, number(column.missing_percent)) : '',
    column.distinct,
    end(column.min),
    rounded(column.mean),
    end(column.max),
    rounded(column.std),
    column.histogram ? <Histogram key="h" column={column} /> : <Top key="t" column={column} />
  ];
}

/** How much was read. */
export function extent(found: Extent): string {
  const rows = found.rows === 1 ? t('1 row') : t('%1 rows', found.rows.toLocaleString('en'));
  const more = found.total === null ? t('more') : found.total.toLocaleString('en');
  const said = found.sample ? t('A sample: the first %1 of %2', rows, more) : rows;
  return found.files > 1 ? t('%1, %2 of %3 files', said, found.files_read, found.files) : said;
}

/** Bars over equal stretches from the lowest to the highest value. */
function Histogram({ column }: { column: Column }): JSX.Element {
  const { counts, edges } = column.histogram ?? { counts: [], edges: [] };
  const most = Math.max(...counts, 1);
  const wide = WIDTH / Math.max(counts.length, 1);
  const ends = [column.min ?? edges[0], column.max ?? edges.at(-1)].map(one =>
    Number.isInteger(one) ? String(one) : cell(one)
  );
  const label = t('%1 from %2 to %3: %4', column.name, ends[0], ends[1], counts.join(', '));
  return (
    <svg class="jp-AmlLab-bars" width={WIDTH} height={HEIGHT} role="img" aria-label={label}>
      {counts.map((count, at) => {
        const high = count === 0 ? 0 : Math.max((count / most) * (HEIGHT - 1), 1);
        return (
          <rect key={at} x={at * wide} y={HEIGHT - high} width={Math.max(wide - 1, 1)} height={high}>
            <title>{String(count)}</title>
          </rect>
        );
      })}
    </svg>
  );
}

/** The most frequent values, each with a bar of its share. */
function Top({ column }: { column: Column }): JSX.Element {
  return (
    <ul class="jp-AmlLab-top-values">
      {(column.top ?? []).slice(0, VALUES).map(({ value, count }) => (
        <li key={String(value)}>
          <svg class="jp-AmlLab-bars" width={40} height={10} aria-hidden="true">
            <rect width={Math.max((40 * count) / Math.max(column.count, 1), 1)} height={10} />
          </svg>
          <span class="jp-AmlLab-name" title={cell(value)}>
            {cell(value) || t('(empty)')}
          </span>
          <span class="jp-AmlLab-soft">{count}</span>
        </li>
      ))}
    </ul>
  );
}

/** Which columns came, went, or changed their type. */
export function Schema({ schema }: { schema: Difference }): JSX.Element {
  const rows = [
    ...schema.added.map(one => [one.name, t('+ added'), '', one.type]),
    ...schema.removed.map(one => [one.name, t('− removed'), one.type, '']),
    ...schema.changed.map(one => [one.name, t('≠ type changed'), one.from, one.to])
  ];
  const { from, to } = schema;
  const order = schema.reordered ? t(' The order is another one.') : '';
  return (
    <div class="jp-AmlLab-schema" role="status">
      <p>
        {t('Version %1: %2. Version %3: %4.', from.version, extent(from), to.version, extent(to))}
        {rows.length === 0 && ` ${t('The same %1 columns with the same types.', to.columns)}`}
        {order}
      </p>
      {rows.length > 0 && (
        <Table
          columns={[t('column'), t('change'), t('before'), t('after')]}
          rows={rows.map((one, at) => ({ key: `${at}`, cells: one }))}
        />
      )}
    </div>
  );
}
