/** A list of any length: only the rows in sight are in the page, and the keyboard reaches all of them. */

import {
  elementScroll,
  observeElementOffset,
  observeElementRect,
  Virtualizer,
  type VirtualizerOptions
} from '@tanstack/virtual-core';
import { Component, type JSX } from 'preact';
import type { Row } from '../model/rows';
import { Status, Time } from './basics';
import { t } from './text';

/** Height of a row in pixels. */
export const HEIGHT = 24;
/** Rows before the end at which more is asked for. */
const AHEAD = 40;
const PAGE = 15;

export interface RowsProps {
  label: string;
  rows: Row[];
  /** Whether nothing follows the last row. */
  done: boolean;
  open: (row: Row) => void;
  toggle: (row: Row) => void;
  more: () => void;
  drag?: (row: Row, event: DragEvent) => void;
  /** Rows that are chosen, by key; without `select` the active row is the selected one. */
  selected?: ReadonlyMap<string, string>;
  /** Choose a row, all rows up to it, or none any more. */
  select?: (how: 'toggle' | 'extend' | 'open' | 'clear', row?: Row) => void;
}

/** The rows as a tree of one or more levels. */
export class Rows extends Component<RowsProps, { active: string }> {
  private box: HTMLDivElement | null = null;
  private virtual: Virtualizer<HTMLDivElement, Element> | undefined;
  private cleanup: (() => void) | undefined;
  override state = { active: '' };

  override componentDidMount(): void {
    this.virtual = new Virtualizer(this.options());
    this.cleanup = this.virtual._didMount();
    this.virtual._willUpdate();
    this.forceUpdate();
  }

  override componentDidUpdate(): void {
    this.virtual?._willUpdate();
    this.ahead();
  }

  override componentWillUnmount(): void {
    this.cleanup?.();
  }

  render({ label, rows }: RowsProps): JSX.Element {
    this.virtual?.setOptions(this.options());
    const active = rows.findIndex(row => row.key === this.state.active);
    const seen = this.virtual?.getVirtualItems() ?? [];
    return (
      <div
        ref={box => {
          this.box = box;
        }}
        class="jp-AmlLab-rows"
        role="tree"
        tabIndex={0}
        aria-label={label}
        aria-multiselectable={this.props.select ? true : undefined}
        aria-activedescendant={
          active >= 0 && seen.some(one => one.index === active) ? this.id(active) : undefined
        }
        onKeyDown={this.press}
      >
        <div role="presentation" style={{ height: `${rows.length * HEIGHT}px`, position: 'relative' }}>
          {seen.map(({ index, start }) => {
            const row = rows[index];
            return row ? this.one(row, index, start, index === active) : null;
          })}
        </div>
      </div>
    );
  }

  private one(row: Row, index: number, start: number, active: boolean): JSX.Element {
    const { toggle, drag, select, selected } = this.props;
    return (
      <div
        key={row.key}
        id={this.id(index)}
        class="jp-AmlLab-row"
        role="treeitem"
        aria-level={row.depth + 1}
        aria-expanded={row.children ? row.expanded : undefined}
        aria-selected={select ? selected?.has(row.key) === true : active}
        data-active={active}
        data-selected={selected?.has(row.key) === true}
        data-key={row.key}
        draggable={drag !== undefined}
        title={row.title === row.name ? row.name : `${row.title}\n${row.name}`}
        style={{ height: `${HEIGHT}px`, top: `${start}px`, paddingLeft: `${8 + 14 * row.depth}px` }}
        onClick={event => this.click(row, event)}
        onDragStart={event => drag?.(row, event)}
      >
        <span
          class="jp-AmlLab-twisty"
          aria-hidden="true"
          onClick={event => {
            if (!row.children) return;
            event.stopPropagation();
            toggle(row);
          }}
        >
          {row.children ? (row.expanded ? '▾' : '▸') : ''}
        </span>
        {row.status && <Status value={row.status} short />}
        <span class="jp-AmlLab-text">
          <span class="jp-AmlLab-name">{row.title}</span>
          <span class="jp-AmlLab-soft">{row.note}</span>
        </span>
        <span class="jp-AmlLab-time">
          <Time iso={row.time} />
        </span>
      </div>
    );
  }

  /** Open a row, or choose it while a key is held. */
  private click(row: Row, event: MouseEvent): void {
    const { open, select } = this.props;
    this.setState({ active: row.key });
    if (select && event.shiftKey) select('extend', row);
    else if (select && (event.ctrlKey || event.metaKey)) select('toggle', row);
    else {
      select?.('open', row);
      open(row);
    }
  }

  private id(index: number): string {
    return `aml-row-${this.props.label}-${index}`.replace(/\s+/g, '-');
  }

  private options(): VirtualizerOptions<HTMLDivElement, Element> {
    return {
      count: this.props.rows.length,
      getScrollElement: () => this.box,
      estimateSize: () => HEIGHT,
      overscan: 10,
      scrollToFn: elementScroll,
      observeElementRect,
      observeElementOffset,
      onChange: () => this.forceUpdate()
    };
  }

  /** Ask for more before the end comes into sight. */
  private ahead(): void {
    const last = this.virtual?.getVirtualItems().at(-1)?.index ?? -1;
    if (!this.props.done && last >= 0 && last + AHEAD >= this.props.rows.length) this.props.more();
  }

  private readonly press = (event: KeyboardEvent): void => {
    const { rows, open, toggle, select, selected } = this.props;
    const at = rows.findIndex(row => row.key === this.state.active);
    const row = rows[at];
    const moves: Record<string, number> = {
      ArrowDown: at + 1,
      ArrowUp: Math.max(at - 1, 0),
      Home: 0,
      End: rows.length - 1,
      PageDown: at + PAGE,
      PageUp: at - PAGE
    };
    const to = moves[event.key];
    if (to !== undefined) this.go(Math.min(Math.max(to, 0), rows.length - 1));
    else if (row && select && event.key === ' ') select(event.shiftKey ? 'extend' : 'toggle', row);
    else if (select && selected?.size && event.key === 'Escape') select('clear');
    else if (row && (event.key === 'Enter' || event.key === ' ')) open(row);
    else if (row?.children && event.key === (row.expanded ? 'ArrowLeft' : 'ArrowRight')) toggle(row);
    else return;
    event.preventDefault();
    event.stopPropagation();
  };

  private go(index: number): void {
    const row = this.props.rows[index];
    if (!row) return;
    this.virtual?.scrollToIndex(index);
    this.setState({ active: row.key });
  }
}

/** What stands in place of rows. */
export function Nothing({ filtered }: { filtered: boolean }): JSX.Element {
  return (
    <p class="jp-AmlLab-soft jp-AmlLab-empty">
      {filtered ? t('Nothing matches.') : t('There is nothing here yet.')}
    </p>
  );
}
