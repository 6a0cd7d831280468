/** Azure Machine Learning in JupyterLab. */

import { ILayoutRestorer, type JupyterFrontEnd, type JupyterFrontEndPlugin } from '@jupyterlab/application';
import {
  Dialog,
  ICommandPalette,
  MainAreaWidget,
  Notification,
  showDialog,
  WidgetTracker
} from '@jupyterlab/apputils';
import { ILauncher } from '@jupyterlab/launcher';
import { INotebookTracker } from '@jupyterlab/notebook';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { IStateDB } from '@jupyterlab/statedb';
import { ITranslator } from '@jupyterlab/translation';
import type { ReadonlyPartialJSONObject } from '@lumino/coreutils';
import { AssetPage } from './documents/asset';
import { ConnectPage } from './documents/connect';
import { ComparePage } from './documents/compare';
import { EndpointPage } from './documents/endpoint';
import { FormPage } from './documents/form';
import { JobPage } from './documents/job';
import type { Application, View } from './documents/page';
import { icon } from './icon';
import { Live } from './live';
import { AssetModel } from './model/asset';
import { snippet } from './model/code';
import { ConnectModel } from './model/connect';
import { comparable, CompareModel, MOST } from './model/compare';
import { EndpointModel, ENDPOINTS } from './model/endpoint';
import { JobModel, Pool } from './model/job';
import { PanelModel } from './model/panel';
import { outputs } from './outputs';
import { Panel } from './panel/panel';
import type { PreactWidget } from './preact';
import { Rest, type Section, type Verb, type Workspace } from './rest';
import { ServerTransport } from './server';
import { speak, t } from './views/text';

const ID = 'jupyter-aml:panel';
const REMEMBERED = 'jupyter-aml:place';

/** Commands, for the palette, key bindings and other extensions. */
/** Nouns whose forms the palette opens. */
const CREATED = [
  ...['job', 'data', 'datastore', 'model', 'environment', 'compute'],
  ...['online-endpoint', 'online-deployment', 'batch-endpoint', 'batch-deployment']
];
const COMMANDS = {
  show: 'aml:show-panel',
  open: 'aml:open',
  create: 'aml:new',
  connect: 'aml:connect',
  insert: 'aml:insert',
  refresh: 'aml:refresh',
  compare: 'aml:compare'
};

interface Place extends ReadonlyPartialJSONObject {
  workspace: string;
  segment: string;
  name: string;
  view?: View;
}

interface Chosen extends ReadonlyPartialJSONObject {
  workspace: string;
  names: string[];
  /** Of a page that was open before. */
  id?: string;
}

/** All that the documents share. */
class Desk {
  readonly rest: Rest;
  readonly live: Live;
  readonly tracker = new WidgetTracker<MainAreaWidget<PreactWidget>>({ namespace: 'jupyter-aml' });
  readonly comparisons = new WidgetTracker<MainAreaWidget<ComparePage>>({
    namespace: 'jupyter-aml-compare'
  });
  private readonly pool: Pool;
  private sections: Promise<Section[]> | undefined;

  constructor(
    private readonly app: JupyterFrontEnd,
    private readonly notebooks: INotebookTracker | null
  ) {
    this.rest = new Rest(new ServerTransport(app.serviceManager.serverSettings));
    this.live = new Live(app.serviceManager.events, () => this.rest.state());
    this.pool = new Pool(this.rest);
  }

  /** Open the page of a resource, or go to it when it is open. */
  async open(place: Place): Promise<void> {
    const id = `aml-${place.segment}-${place.name}-${place.workspace}`;
    const held = this.tracker.find(one => one.id === id);
    if (held) {
      this.app.shell.activateById(held.id);
      return;
    }
    const titled = (title: string, status: string): void => {
      main.title.label = title;
      main.title.caption = status ? `${title}: ${status}` : title;
    };
    const kept = (view: View): void => {
      places.set(main, { ...place, view });
      void this.tracker.save(main);
    };
    const content = await this.page(place, titled, kept);
    const main = this.frame(id, place.name, content);
    await this.tracker.add(main);
    places.set(main, place);
    await this.tracker.save(main);
  }

  /** Open the comparison of some jobs, or go to it when it is open. */
  async compare({ workspace, names: given, id }: Chosen): Promise<void> {
    const { names, fault } = comparable(given);
    if (fault) throw new Error(t('Between 2 and %1 jobs can be compared; these are %2.', MOST, names.length));
    const held = this.comparisons.find(({ content: { model } }) => {
      return model.workspace === workspace && model.names.join() === names.join();
    });
    if (held) {
      this.app.shell.activateById(held.id);
      return;
    }
    const badge = (await this.find(workspace))?.place ?? 'LOCAL';
    const model = new CompareModel(this.pool, workspace, names);
    const application: Application = { ...this.application(workspace), titled: () => undefined };
    const kept = (): void => void this.comparisons.save(main);
    const content = new ComparePage(model, this.live, badge, application, kept);
    const main = this.frame(id ?? `aml-compare-${Date.now().toString(36)}`, t('Comparison'), content);
    await this.comparisons.add(main);
  }

  /** Open a form for a verb, with the values that are known already. */
  async form(
    noun: string,
    name: string,
    workspace: Workspace,
    known: Record<string, string> = {}
  ): Promise<void> {
    const table = await this.rest.commands();
    const verb: Verb | undefined = table.value
      .find(one => one.name === noun)
      ?.verbs.find(one => one.name === name);
    if (!verb) throw new Error(t('There is no verb "%1" of "%2".', name, noun));
    const actions = {
      insert: (code: string) => this.insert(code),
      done: () => undefined,
      kernel: () => this.notebooks?.currentWidget?.sessionContext.session?.kernel?.name ?? ''
    };
    const content = new FormPage(this.rest, workspace, noun, verb, actions, known);
    this.frame(`aml-form-${noun}-${name}-${Date.now()}`, t('New %1', noun), content);
  }

  /** Open the page that connects, or signs in to a profile. */
  connect(profile: string, connected: (workspace: string) => void): void {
    const content = new ConnectPage(new ConnectModel(this.rest, profile), {
      insert: code => this.insert(code),
      say: (message, kind) => this.say(message, kind),
      connected
    });
    this.frame(`aml-connect-${Date.now()}`, profile ? t('Sign in to %1', profile) : t('Connect'), content);
  }

  /** Put code into the active notebook, below the active cell. */
  insert(code: string): void {
    const notebook = this.notebooks?.currentWidget?.content;
    const model = notebook?.model;
    if (!notebook || !model) {
      this.say(t('Open a notebook first: the code goes below its active cell.'), 'error');
      return;
    }
    const at = notebook.activeCellIndex + 1;
    model.sharedModel.insertCell(at, { cell_type: 'code', source: code });
    notebook.activeCellIndex = at;
    this.app.shell.activateById(this.notebooks?.currentWidget?.id ?? '');
    this.say(t('The code stands in a new cell.'), 'success');
  }

  /** Tell the person something that needs no answer. */
  say(message: string, kind: 'success' | 'error' = 'success'): void {
    if (kind === 'error') Notification.error(message, { autoClose: 8000 });
    else Notification.success(message, { autoClose: 3000 });
  }

  /** What every page of a workspace can ask for. */
  private application(workspace: string): Omit<Application, 'titled'> {
    const failed = (error: Error): void => this.say(error.message, 'error');
    return {
      open: (segment, name) => void this.open({ workspace, segment, name }).catch(failed),
      compare: names => void this.compare({ workspace, names }).catch(failed),
      insert: code => this.insert(code),
      create: (noun, known) => void this.create(workspace, noun, known).catch(failed),
      say: (message, kind) => this.say(message, kind)
    };
  }

  private async create(workspace: string, noun: string, known: Record<string, string>): Promise<void> {
    const found = await this.find(workspace);
    if (found) await this.form(noun, 'create', found, known);
  }

  /** A workspace that the server knows. */
  private async find(workspace: string): Promise<Workspace | undefined> {
    return (await this.rest.workspaces()).value.find(one => one.id === workspace);
  }

  private async page(
    place: Place,
    titled: (title: string, status: string) => void,
    kept: (view: View) => void
  ): Promise<PreactWidget> {
    const { view = {} } = place;
    const application: Application = { ...this.application(place.workspace), titled };
    const badge = (await this.find(place.workspace))?.place ?? 'LOCAL';
    if (place.segment === 'jobs') {
      const model = new JobModel(this.rest, place.workspace, place.name);
      return new JobPage(model, this.live, badge, application, { ...view }, kept);
    }
    if (ENDPOINTS.includes(place.segment)) {
      const model = new EndpointModel(this.rest, place.workspace, place.segment, place.name);
      return new EndpointPage(model, this.live, badge, application, sure);
    }
    this.sections ??= this.rest.sections().then(page => page.value);
    const section = (await this.sections).find(one => one.segment === place.segment);
    if (!section) throw new Error(t('A workspace has no "%1".', place.segment));
    const model = new AssetModel(this.rest, place.workspace, section, place.name, view.files);
    return new AssetPage(model, this.live, badge, application, sure, kept);
  }

  private frame<T extends PreactWidget>(id: string, title: string, content: T): MainAreaWidget<T> {
    const main = new MainAreaWidget({ content });
    main.id = id;
    content.id = `${id}-content`;
    main.title.label = title;
    main.title.icon = icon;
    main.title.closable = true;
    main.toolbar.hide();
    this.app.shell.add(main, 'main');
    this.app.shell.activateById(main.id);
    return main;
  }
}

/** What a page shows, for the next time that JupyterLab is opened. */
const places = new WeakMap<MainAreaWidget<PreactWidget>, Place>();

async function sure(question: string, label = t('Delete')): Promise<boolean> {
  const answer = await showDialog({
    title: question,
    buttons: [Dialog.cancelButton(), Dialog.warnButton({ label })]
  });
  return answer.button.accept;
}

const panel: JupyterFrontEndPlugin<void> = {
  id: ID,
  description: 'The panel of Azure Machine Learning, and the pages of what it lists.',
  autoStart: true,
  requires: [IStateDB],
  optional: [ILayoutRestorer, ICommandPalette, ILauncher, ISettingRegistry, ITranslator, INotebookTracker],
  activate: (
    app: JupyterFrontEnd,
    state: IStateDB,
    restorer: ILayoutRestorer | null,
    palette: ICommandPalette | null,
    launcher: ILauncher | null,
    settings: ISettingRegistry | null,
    translator: ITranslator | null,
    notebooks: INotebookTracker | null
  ): void => {
    speak(translator?.load('jupyter_aml'));
    const desk = new Desk(app, notebooks);
    const remembered = async (): Promise<Partial<Place>> =>
      ((await state.fetch(REMEMBERED)) ?? {}) as Partial<Place>;
    const model = new PanelModel(desk.rest, desk.live, remembered);
    const widget = new Panel(model, {
      open: (segment, row) => {
        if (model.workspace)
          void desk.open({ workspace: model.workspace.id, segment, name: row.name }).catch(failed);
      },
      create: noun => void app.commands.execute(COMMANDS.create, { noun }),
      connect: profile => void app.commands.execute(COMMANDS.connect, profile ? { profile } : {}),
      make: () =>
        void desk.rest
          .connect({ target: 'local' })
          .then(made => model.go(made.id))
          .catch(failed),
      forget: profile => void forget(profile).catch(failed),
      drag: (segment, row, event) => {
        const noun = model.sections.find(one => one.segment === segment)?.noun ?? '';
        event.dataTransfer?.setData('text/plain', snippet(noun, row.name));
        if (event.dataTransfer) event.dataTransfer.effectAllowed = 'copy';
      },
      remember: (workspace, segment) => void state.save(REMEMBERED, { workspace, segment }),
      compare: names => {
        if (model.workspace) void desk.compare({ workspace: model.workspace.id, names }).catch(failed);
      }
    });
    const failed = (error: Error): void => desk.say(error.message, 'error');
    const forget = async (profile: string): Promise<void> => {
      const question = t('Forget the profile "%1"? The workspace in Azure stays as it is.', profile);
      if (!(await sure(question, t('Forget')))) return;
      await desk.rest.forget(profile);
      await model.refresh();
    };
    widget.title.icon = icon;
    widget.title.caption = 'Azure Machine Learning';
    app.shell.add(widget, 'left', { rank: 500 });
    restorer?.add(widget, 'jupyter-aml');

    app.commands.addCommand(COMMANDS.show, {
      label: t('Show the Azure ML Panel'),
      caption: t('Jobs, data, models and all else of a workspace'),
      icon,
      execute: () => app.shell.activateById(widget.id)
    });
    app.commands.addCommand(COMMANDS.refresh, {
      label: t('Refresh the Azure ML Panel'),
      execute: () => model.refresh()
    });
    app.commands.addCommand(COMMANDS.open, {
      label: t('Open an Object of an Azure ML Workspace'),
      execute: given => desk.open(given as Place)
    });
    app.commands.addCommand(COMMANDS.insert, {
      label: t('Insert Code below the Active Cell'),
      isVisible: given => typeof given.code === 'string',
      execute: given => desk.insert(String(given.code))
    });
    app.commands.addCommand(COMMANDS.compare, {
      label: t('Compare Azure ML Jobs'),
      isVisible: given => Array.isArray(given.names),
      execute: given => desk.compare(given as Chosen)
    });
    app.commands.addCommand(COMMANDS.create, {
      label: given => (given.noun ? t('New Azure ML %1…', given.noun) : t('New in the Azure ML Workspace…')),
      icon,
      execute: async given => {
        if (!model.workspace) await model.refresh();
        if (!model.workspace) {
          desk.connect('', id => void model.go(id));
          return;
        }
        await desk.form(String(given.noun ?? 'job'), 'create', model.workspace).catch(failed);
      }
    });
    app.commands.addCommand(COMMANDS.connect, {
      label: t('Connect to an Azure ML Workspace…'),
      caption: t('One on this machine, or one in Azure'),
      icon,
      execute: given => desk.connect(String(given.profile ?? ''), id => void model.go(id))
    });
    const category = t('Azure ML');
    palette?.addItem({ command: COMMANDS.show, category });
    palette?.addItem({ command: COMMANDS.refresh, category });
    palette?.addItem({ command: COMMANDS.connect, category });
    for (const noun of CREATED) {
      palette?.addItem({ command: COMMANDS.create, category, args: { noun } });
    }
    launcher?.add({ command: COMMANDS.show, category: t('Other'), rank: 1 });
    if (restorer) {
      void restorer.restore(desk.tracker, {
        command: COMMANDS.open,
        args: one => places.get(one) ?? {},
        name: one => one.id
      });
      void restorer.restore(desk.comparisons, {
        command: COMMANDS.compare,
        args: ({ id, content: { model } }) => ({ id, workspace: model.workspace, names: model.names }),
        name: one => one.id
      });
    }
    if (settings) {
      void Promise.all([settings.load(ID), app.restored]).then(([held]) => {
        if (held.get('openAtStart').composite === true) app.shell.activateById(widget.id);
      });
    }
  }
};

export default [panel, outputs];
