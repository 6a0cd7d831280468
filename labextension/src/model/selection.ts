/** Rows of a list that a person has chosen, in the order in which they were. */

/** What is needed of a row. */
interface Row {
  key: string;
  name: string;
}

export class Selection {
  /** Names of the chosen rows, by their keys. */
  readonly chosen = new Map<string, string>();
  private _anchor = '';

  get size(): number {
    return this.chosen.size;
  }

  get names(): string[] {
    return [...new Set(this.chosen.values())];
  }

  /** Choose a row, or no longer. */
  toggle(row: Row): void {
    if (!this.chosen.delete(row.key)) this.chosen.set(row.key, row.name);
    this._anchor = row.key;
  }

  /** Choose all rows from the last one that was touched to this one. */
  extend(row: Row, rows: Row[]): void {
    const to = rows.findIndex(one => one.key === row.key);
    const found = rows.findIndex(one => one.key === this._anchor);
    const from = found < 0 ? to : found;
    for (const one of rows.slice(Math.min(from, to), Math.max(from, to) + 1))
      this.chosen.set(one.key, one.name);
  }

  /** Where a range begins: the row that was opened last. */
  touch(key: string): void {
    this._anchor = key;
  }

  clear(): void {
    this.chosen.clear();
  }
}
