/** Small drawings that all others use. */

import type { ComponentChildren, JSX } from 'preact';
import { absolute, ago, blanks, cell, icon, tone } from '../format';
import { t } from './text';

/** A status as icon and word. */
export function Status({ value, short = false }: { value: string; short?: boolean }): JSX.Element {
  return (
    <span class="jp-AmlLab-status" data-tone={tone(value)} title={value}>
      <span aria-hidden="true">{icon(value)}</span>
      <span class={short ? 'jp-AmlLab-unseen' : ''}>{value}</span>
    </span>
  );
}

/** Where something lies: LOCAL or AZURE. */
export function Badge({ place }: { place: string }): JSX.Element {
  return (
    <span class="jp-AmlLab-badge" data-place={place}>
      {place}
    </span>
  );
}

/** A time, how long ago; the whole of it on hover. */
export function Time({ iso, long = false }: { iso: string; long?: boolean }): JSX.Element | null {
  if (!iso) return null;
  const since = ago(iso);
  const past = long && /^\d+ (min|h|d)$/.test(since);
  return (
    <time dateTime={iso} title={absolute(iso)}>
      {past ? t('%1 ago', since) : since}
    </time>
  );
}

/** A time among facts: nothing when it is not known, so that its name is left out as well. */
export function since(iso: string | null | undefined): JSX.Element | '' {
  return iso ? <Time long iso={iso} /> : '';
}

/** Names and values, one pair a line; pairs without a value are left out. */
export function Facts({
  pairs,
  numeric = false
}: {
  pairs: [string, ComponentChildren][];
  numeric?: boolean;
}): JSX.Element {
  const shown = pairs.filter(([, value]) => value !== '' && value !== null && value !== undefined);
  const behind = numeric ? blanks(shown.map(([, value]) => String(value))) : [];
  return (
    <dl class="jp-AmlLab-facts" data-numeric={numeric}>
      {shown.map(([name, value], at) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd data-behind={behind[at] || undefined}>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

/** A titled part of a page; nothing when it is empty. */
export function Part({ title, children }: { title: string; children: ComponentChildren }): JSX.Element {
  return (
    <section class="jp-AmlLab-part">
      <h3>{title}</h3>
      {children}
    </section>
  );
}

/** What went wrong, and a way to try again. */
export function Fault({ error, retry }: { error: Error; retry?: () => void }): JSX.Element {
  return (
    <div class="jp-AmlLab-fault" role="alert">
      <p>{error.message}</p>
      {retry && (
        <button type="button" class="jp-AmlLab-button" onClick={retry}>
          {t('Try again')}
        </button>
      )}
    </div>
  );
}

function kind(cell: ComponentChildren): string {
  return cell === '' ? '' : typeof cell;
}

function plain(cell: ComponentChildren): string {
  return typeof cell === 'number' ? String(cell) : '';
}

/** A table; numbers stand at the right, with their points below each other. */
export function Table({
  columns,
  rows,
  open,
  measures = []
}: {
  columns: string[];
  rows: { key: string; cells: ComponentChildren[] }[];
  open?: (key: string) => void;
  /** Columns of numbers with a unit: they stand at the right, too. */
  measures?: string[];
}): JSX.Element {
  const measured = columns.map(column => measures.includes(column));
  const numeric = columns.map(
    (_, at) =>
      measured[at] || (rows.length > 0 && rows.every(row => ['number', ''].includes(kind(row.cells[at]))))
  );
  const behind = columns.map((_, at) => blanks(rows.map(row => plain(row.cells[at]))));
  return (
    <div class="jp-AmlLab-scroll" tabIndex={0} role="region" aria-label={t('Table')}>
      <table class="jp-AmlLab-table">
        <thead>
          <tr>
            {columns.map((column, at) => (
              <th key={column} scope="col" data-number={numeric[at]}>
                {column}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row, at) => (
            <tr key={row.key}>
              {row.cells.map((cell, index) => (
                <td
                  key={columns[index]}
                  data-number={measured[index] || typeof cell === 'number'}
                  data-behind={behind[index]?.[at] || undefined}
                >
                  {index === 0 && open ? (
                    <button type="button" class="jp-AmlLab-link" onClick={() => open(row.key)}>
                      {cell}
                    </button>
                  ) : (
                    cell
                  )}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** Rows as a table; anything else as it stands. */
export function Content({ text }: { text: string }): JSX.Element {
  try {
    const found: unknown = JSON.parse(text);
    if (typeof found === 'string') return <pre class="jp-AmlLab-code">{found}</pre>;
    const rows = Array.isArray(found) ? (found as Record<string, unknown>[]) : [];
    if (rows.length && rows.every(row => row && typeof row === 'object' && !Array.isArray(row))) {
      const columns = [...new Set(rows.flatMap(row => Object.keys(row)))];
      return (
        <Table
          columns={columns}
          rows={rows.map((row, index) => ({
            key: String(index),
            cells: columns.map(
              name => (typeof row[name] === 'number' ? row[name] : cell(row[name])) as ComponentChildren
            )
          }))}
        />
      );
    }
  } catch {
    // it is text
  }
  return <pre class="jp-AmlLab-code">{text}</pre>;
}
