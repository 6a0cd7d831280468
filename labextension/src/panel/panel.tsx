/** The panel in the left sidebar: a workspace and what it holds. */

import type { Message } from '@lumino/messaging';
import type { JSX, VNode } from 'preact';
import { PreactWidget } from '../preact';
import type { PanelModel } from '../model/panel';
import type { Row } from '../model/rows';
import type { Section } from '../rest';
import { Badge } from '../views/basics';
import { Chosen } from '../views/chosen';
import { Beginning } from '../views/connect';
import { Nothing, Rows } from '../views/rows';
import { AzureFault } from '../views/signin';
import { t } from '../views/text';

/** What the panel asks of the application. */
export interface PanelActions {
  open: (segment: string, row: Row) => void;
  create: (noun: string) => void;
  drag: (segment: string, row: Row, event: DragEvent) => void;
  remember: (workspace: string, segment: string) => void;
  compare: (names: string[]) => void;
  /** Connect to a workspace, or sign in to a profile. */
  connect: (profile?: string) => void;
  /** Make the workspace of this machine. */
  make: () => void;
  /** Forget a profile, after a question. */
  forget: (profile: string) => void;
}

/** `onlineEndpoints` as `Online endpoints`. */
export function heading(segment: string): string {
  const words = segment.replace(/([a-z])([A-Z])/g, '$1 $2').toLowerCase();
  return words.charAt(0).toUpperCase() + words.slice(1);
}

export class Panel extends PreactWidget {
  constructor(
    private readonly model: PanelModel,
    private readonly actions: PanelActions
  ) {
    super();
    this.id = 'jupyter-aml';
    this.addClass('jp-AmlLab-panel');
    model.changed.connect(this.update, this);
    this.node.setAttribute('role', 'region');
    this.node.setAttribute('aria-label', 'Azure Machine Learning');
  }

  override dispose(): void {
    this.model.changed.disconnect(this.update, this);
    this.model.dispose();
    super.dispose();
  }

  protected override onAfterShow(message: Message): void {
    super.onAfterShow(message);
    this.model.visible = true;
    this.update();
  }

  protected override onAfterAttach(message: Message): void {
    super.onAfterAttach(message);
    if (this.isVisible) this.model.visible = true;
  }

  protected override onAfterHide(message: Message): void {
    super.onAfterHide(message);
    this.model.visible = false;
  }

  protected view(): VNode {
    const { model } = this;
    return (
      <>
        {this.top()}
        {model.error && this.fault(model.error, () => void model.refresh())}
        {!model.loaded && <p class="jp-AmlLab-soft jp-AmlLab-empty">{t('Looking for workspaces…')}</p>}
        {model.loaded && !model.error && model.workspaces.length === 0 && (
          <Beginning make={this.actions.make} connect={() => this.actions.connect()} />
        )}
        {model.workspace && model.offered.map(section => this.section(section))}
      </>
    );
  }

  private top(): JSX.Element {
    const { model } = this;
    return (
      <div class="jp-AmlLab-top">
        <select
          aria-label={t('Workspace')}
          hidden={model.workspaces.length === 0}
          title={model.workspace?.id}
          onChange={event => {
            model.choose(event.currentTarget.value);
            this.keep();
          }}
        >
          {model.workspaces.map(one => (
            <option key={one.id} value={one.id} selected={one.id === model.workspace?.id}>
              {one.profile ? `${one.profile} (${one.name})` : one.name} · {one.resourceGroup}
            </option>
          ))}
        </select>
        <span class="jp-AmlLab-tools">
          {model.workspace && <Badge place={model.workspace.place} />}
          <button
            type="button"
            class="jp-AmlLab-icon"
            title={t('Connect to a workspace…')}
            aria-label={t('Connect to a workspace…')}
            onClick={() => this.actions.connect()}
          >
            +
          </button>
          {this.forget()}
          <button
            type="button"
            class="jp-AmlLab-icon"
            title={t('Fetch everything anew')}
            aria-label={t('Fetch everything anew')}
            onClick={() => void model.refresh()}
          >
            ↻
          </button>
        </span>
      </div>
    );
  }

  /** What lets go of a workspace in Azure. */
  private forget(): JSX.Element | null {
    const { workspace } = this.model;
    if (workspace?.place !== 'AZURE') return null;
    const words = t('Forget the profile %1…', workspace.profile);
    return (
      <button
        type="button"
        class="jp-AmlLab-icon"
        title={words}
        aria-label={words}
        onClick={() => this.actions.forget(workspace.profile)}
      >
        ✕
      </button>
    );
  }

  /** A refusal; one of Azure with a way to sign in. */
  private fault(error: Error, retry: () => void): JSX.Element {
    const { workspace } = this.model;
    const azure = workspace?.place === 'AZURE';
    const signIn = azure ? () => this.actions.connect(workspace.profile) : undefined;
    return <AzureFault error={error} retry={retry} signIn={signIn} />;
  }

  private section(section: Section): JSX.Element {
    const { model, actions } = this;
    const opened = model.opened?.listing.segment === section.segment ? model.opened : undefined;
    const title = t(heading(section.segment));
    return (
      <section key={section.segment} class="jp-AmlLab-section" data-open={opened !== undefined}>
        <div class="jp-AmlLab-heading">
          <button
            type="button"
            class="jp-AmlLab-fold"
            aria-expanded={opened !== undefined}
            onClick={() => {
              model.open(section.segment);
              this.keep();
            }}
          >
            <span aria-hidden="true">{opened ? '▾' : '▸'}</span> {title}
          </button>
          {section.verbs.includes('create') && (
            <button
              type="button"
              class="jp-AmlLab-icon"
              title={t('New: %1', section.noun)}
              aria-label={t('New: %1', section.noun)}
              onClick={() => actions.create(section.noun)}
            >
              +
            </button>
          )}
        </div>
        {opened && this.body(section, title)}
      </section>
    );
  }

  private body(section: Section, title: string): JSX.Element {
    const { model, actions } = this;
    const opened = model.opened;
    if (!opened) return <></>;
    const { listing } = opened;
    const rows = opened.rows();
    const filtered = opened.filter.trim() !== '';
    const jobs = section.segment === 'jobs';
    return (
      <>
        <div class="jp-AmlLab-filter">
          <input
            type="search"
            placeholder={t('Filter')}
            aria-label={t('Filter %1', title)}
            value={opened.filter}
            onInput={event => model.filter(event.currentTarget.value)}
          />
          <span class="jp-AmlLab-soft" aria-live="polite">
            {rows.length}
            {listing.done ? '' : '+'}
          </span>
        </div>
        {listing.error && this.fault(listing.error, () => void listing.refresh())}
        {rows.length === 0 && listing.loading && (
          <p class="jp-AmlLab-soft jp-AmlLab-empty">{t('Loading…')}</p>
        )}
        {rows.length === 0 && !listing.loading && !listing.error && listing.done && (
          <Nothing filtered={filtered} />
        )}
        {jobs && (
          <Chosen
            selection={opened.selection}
            compare={() => {
              actions.compare(opened.selection.names);
              model.select('clear');
            }}
            clear={() => model.select('clear')}
          />
        )}
        <Rows
          label={title}
          rows={rows}
          done={listing.done || listing.error !== undefined}
          open={row => actions.open(section.segment, row)}
          toggle={row => void model.toggle(row)}
          more={() => void listing.more()}
          drag={(row, event) => actions.drag(section.segment, row, event)}
          selected={opened.selection.chosen}
          select={jobs ? (how, row) => model.select(how, row) : undefined}
        />
      </>
    );
  }

  private keep(): void {
    const { model } = this;
    if (model.workspace) this.actions.remember(model.workspace.id, model.opened?.listing.segment ?? '');
  }
}
