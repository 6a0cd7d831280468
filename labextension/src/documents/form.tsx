/** A form for one verb of the command table: it shows the line that it will run, and runs it. */

import type { JSX, VNode } from 'preact';
import { line, words } from '../model/code';
import { PreactWidget } from '../preact';
import type { Ended, Rest, Value, Verb } from '../rest';
import { Badge } from '../views/basics';
import { t } from '../views/text';

/** What a form needs of the application. */
export interface FormActions {
  insert: (code: string) => void;
  done: (ended: Ended) => void;
  /** Name of the kernel of the notebook in use, whose interpreter a job gets; empty without one. */
  kernel: () => string;
}

/** Flags that a form has no use for: they say how a terminal shows the result, or what needs Docker. */
const LEFT_OUT = new Set(['web', 'stream', 'wait', 'var', 'no-wait', 'local']);
/** What is asked first. */
const FIRST = ['name', 'endpoint-name', 'path', 'file', 'type', 'version'];
/** Nouns that run with the Python of the notebook in use. */
const RUN = ['job', 'online-deployment', 'batch-deployment'];

/** Help with what stands in backticks as code. */
function coded(text: string): VNode[] {
  return text.split('`').map((part, at) => (at % 2 ? <code key={at}>{part}</code> : <>{part}</>));
}

export class FormPage extends PreactWidget {
  private readonly values: Map<string, string | boolean>;
  private body = '';
  private ended: Ended | undefined;
  private running = false;
  private more = false;

  constructor(
    private readonly rest: Rest,
    private readonly workspace: { id: string; name: string; place: string },
    private readonly noun: string,
    private readonly verb: Verb,
    private readonly actions: FormActions,
    known: Record<string, string> = {}
  ) {
    super();
    this.values = new Map(Object.entries(known));
    this.addClass('jp-AmlLab-page');
  }

  protected view(): VNode {
    const { verb } = this;
    const flags = verb.flags.filter(flag => !LEFT_OUT.has(flag.name));
    const first = flags.filter(flag => flag.required || FIRST.includes(flag.name));
    const rest = flags.filter(flag => !first.includes(flag));
    return (
      <form
        class="jp-AmlLab-form"
        onSubmit={event => {
          event.preventDefault();
          void this.submit();
        }}
      >
        <header class="jp-AmlLab-head">
          <div class="jp-AmlLab-title">
            <h2>{verb.name === 'create' ? t('New %1', this.noun) : `${this.noun} ${verb.name}`}</h2>
            <Badge place={this.workspace.place} />
          </div>
          <p>{verb.summary}</p>
          {this.workspace.place === 'AZURE' && (
            <p>
              {t('It is done in Azure, in the workspace %1, and may cost money there.', this.workspace.name)}
            </p>
          )}
        </header>
        <div class="jp-AmlLab-body">
          {first.map(flag => this.field(flag))}
          {this.yaml()}
          {rest.length > 0 && (
            <details
              open={this.more}
              onToggle={event => {
                this.more = event.currentTarget.open;
              }}
            >
              <summary>{t('More')}</summary>
              {rest.map(flag => this.field(flag))}
            </details>
          )}
          <p class="jp-AmlLab-soft">{t('This will run:')}</p>
          <pre class="jp-AmlLab-code" aria-live="polite">
            {this.typed()}
          </pre>
          <div class="jp-AmlLab-actions">
            <button type="submit" class="jp-AmlLab-button jp-AmlLab-main" disabled={this.running}>
              {this.running ? t('Running…') : t('Run')}
            </button>
            <button type="button" class="jp-AmlLab-button" onClick={() => this.actions.insert(this.typed())}>
              {t('Insert code')}
            </button>
          </div>
          {this.ended && this.result(this.ended)}
        </div>
      </form>
    );
  }

  /** A YAML body, for verbs that read a file: what is typed here stands in its place. */
  private yaml(): JSX.Element | null {
    if (!this.reads()) return null;
    const id = `${this.id}-body`;
    return (
      <div class="jp-AmlLab-field">
        <label for={id}>{t('YAML')}</label>
        <textarea
          id={id}
          rows={12}
          spellcheck={false}
          value={this.body}
          placeholder={t('The content of a file as az ml reads it, in place of --file')}
          onInput={event => {
            this.body = event.currentTarget.value;
            this.update();
          }}
        />
      </div>
    );
  }

  private field(flag: Value): JSX.Element {
    const id = `${this.id}-${flag.name}`;
    const value = this.values.get(flag.name);
    const set = (given: string | boolean): void => {
      this.values.set(flag.name, given);
      this.update();
    };
    const help = `${id}-help`;
    return (
      <div class="jp-AmlLab-field" key={flag.name}>
        <label for={id}>
          {flag.name}
          {flag.required && <span title={t('Needed')}> *</span>}
        </label>
        {flag.kind === 'switch' ? (
          <input
            id={id}
            type="checkbox"
            checked={value === true}
            aria-describedby={help}
            onChange={event => set(event.currentTarget.checked)}
          />
        ) : flag.choices.length > 0 ? (
          <select id={id} aria-describedby={help} onChange={event => set(event.currentTarget.value)}>
            <option value="" />
            {flag.choices.map(choice => (
              <option key={choice} value={choice} selected={choice === value}>
                {choice}
              </option>
            ))}
          </select>
        ) : flag.many ? (
          <textarea
            id={id}
            rows={2}
            spellcheck={false}
            value={typeof value === 'string' ? value : ''}
            placeholder={t('%1, one a line', flag.metavar)}
            aria-describedby={help}
            onInput={event => set(event.currentTarget.value)}
          />
        ) : (
          <input
            id={id}
            type={flag.kind === 'int' || flag.kind === 'float' ? 'number' : 'text'}
            step={flag.kind === 'float' ? 'any' : undefined}
            spellcheck={false}
            value={typeof value === 'string' ? value : ''}
            placeholder={flag.metavar}
            aria-describedby={help}
            onInput={event => set(event.currentTarget.value)}
          />
        )}
        <small id={help}>{coded(flag.help)}</small>
      </div>
    );
  }

  private result(ended: Ended): JSX.Element {
    const good = ended.code === 0;
    return (
      <div class={good ? 'jp-AmlLab-success' : 'jp-AmlLab-fault'} role={good ? 'status' : 'alert'}>
        <p>{good ? t('Done.') : t('It was refused.')}</p>
        <pre class="jp-AmlLab-code">{[ended.error, ended.output].filter(text => text.trim()).join('\n')}</pre>
      </div>
    );
  }

  private reads(): boolean {
    return this.verb.flags.some(flag => flag.name === 'file');
  }

  private words(): string[] {
    const flags = this.verb.flags.map(flag => ({
      name: flag.name,
      kind: flag.kind,
      value: this.values.get(flag.name) ?? ''
    }));
    const found = words(this.noun, this.verb.name, [], flags);
    return this.body.trim() && !this.values.get('file') ? [...found, '--file', '-'] : found;
  }

  /** The cell that does the same: with a body it is a cell magic. */
  private typed(): string {
    const found = this.words();
    if (!this.body.trim()) return line(found);
    return `%${line(found.filter((one, at) => one !== '-' && !(one === '--file' && found[at + 1] === '-')))}\n${this.body}`;
  }

  private async submit(): Promise<void> {
    this.running = true;
    this.update();
    try {
      const body = this.body.trim() ? this.body : undefined;
      const kernel = (RUN.includes(this.noun) && this.actions.kernel()) || undefined;
      this.ended = await this.rest.run(this.workspace.id, this.words(), { body, kernel });
      if (this.ended.code === 0) this.actions.done(this.ended);
    } catch (error) {
      this.ended = { code: 1, output: '', error: (error as Error).message };
    } finally {
      this.running = false;
      this.update();
    }
  }
}
