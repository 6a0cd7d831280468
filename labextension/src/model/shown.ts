/** What is shown of a file's beginning: what `aml preview -o json` says, told apart by the file's name. */

/** Rows of a table and lines of a text that are asked for; bytes of a text that `aml preview` reads. */
export const ROWS = 50;
export const LINES = 2000;
export const BYTES = 256 * 1024;

/** A cell of a notebook. */
export interface Cell {
  type: string;
  source: string;
}

/** A part of a model's signature. */
export interface Column {
  name: string;
  type: string;
  optional: boolean;
}

/** An MLflow model, as its file MLmodel describes it. */
export interface Described {
  flavors: { name: string; version: string }[];
  inputs: Column[];
  outputs: Column[];
  params: Column[];
  mlflow_version?: string;
  utc_time_created?: string;
  run_id?: string;
}

export type Shown =
  | { kind: 'table'; rows: Record<string, unknown>[]; cut: boolean }
  | { kind: 'cells'; cells: Cell[] }
  | { kind: 'model'; described: Described }
  | { kind: 'text'; text: string; lines: boolean; bytes: boolean }
  | { kind: 'binary' }
  | { kind: 'empty' };

/**
 * What to show of a file.
 *
 * @param size - Its bytes; null when nobody has said.
 * @param output - Rows or a text as JSON.
 */
export function shown(name: string, size: number | null, output: string): Shown {
  const found = parsed(output);
  if (Array.isArray(found)) return listed(name, found as unknown[]);
  if (isDescribed(found)) return { kind: 'model', described: found };
  const text = typeof found === 'string' ? found : output;
  if (text === '') return { kind: size === 0 ? 'empty' : 'binary' };
  const rows = /\.json$/i.test(name) ? parsed(text) : undefined;
  if (isRows(rows)) return { kind: 'table', rows, cut: false };
  return {
    kind: 'text',
    text: text.replace(/\n$/, ''),
    lines: text.split('\n').length >= LINES,
    bytes: size !== null && size > BYTES
  };
}

/** The MLflow model that an output describes; undefined for anything else. */
export function described(output: string): Described | undefined {
  const found = parsed(output);
  return isDescribed(found) ? found : undefined;
}

function listed(name: string, found: unknown[]): Shown {
  if (/\.ipynb$/i.test(name) && found.every(isCell)) return { kind: 'cells', cells: found };
  if (isRows(found)) return { kind: 'table', rows: found, cut: found.length >= ROWS };
  return { kind: 'text', text: JSON.stringify(found, null, 2), lines: false, bytes: false };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isRows(found: unknown): found is Record<string, unknown>[] {
  return (
    Array.isArray(found) &&
    found.length > 0 &&
    found.every(row => typeof row === 'object' && row !== null && !Array.isArray(row))
  );
}

function isCell(found: unknown): found is Cell {
  const { type, source } = (found ?? {}) as Partial<Cell>;
  return typeof type === 'string' && typeof source === 'string';
}

function isDescribed(found: unknown): found is Described {
  return Array.isArray((found as Partial<Described> | null | undefined)?.flavors);
}
