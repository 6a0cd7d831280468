import { render, type VNode } from 'preact';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { EndpointModel } from '../src/model/endpoint';
import { ContainerLog, ScoringModel } from '../src/model/scoring';
import { faults, percent, same } from '../src/model/traffic';
import { RestError } from '../src/rest';
import {
  BatchJobs,
  type EndpointActions,
  EndpointHead,
  EndpointOverview,
  endpointTabs
} from '../src/views/endpoint';
import { Logs, Test } from '../src/views/scoring';
import {
  Azure,
  batch,
  batchDeployment,
  type Body,
  deployment,
  endpoint,
  model,
  TWO,
  WORKSPACE
} from './azure';

const EVIL = '<img src=x onerror="window.harmed=1"><script>window.harmed=1</script>';

function drawn(node: VNode): HTMLElement {
  const box = document.createElement('div');
  document.body.append(box);
  render(node, box);
  return box;
}

function actions(): EndpointActions & Record<string, ReturnType<typeof vi.fn>> {
  const names = ['show', 'code', 'copy', 'save', 'standardise', 'remove', 'refresh'];
  return Object.fromEntries(names.map(name => [name, vi.fn()])) as ReturnType<typeof actions>;
}

function overview(found: EndpointModel, given = actions()): HTMLElement {
  return drawn(<EndpointOverview model={found} busy={false} actions={given} />);
}

function cells(box: HTMLElement, row = 0): string[] {
  const rows = box.querySelectorAll('table')[0]?.querySelectorAll('tbody tr') ?? [];
  return [...(rows[row]?.querySelectorAll('td') ?? [])].map(one => one.textContent ?? '');
}

function press(box: HTMLElement, label: string): void {
  const found = [...box.querySelectorAll('button')].find(one => one.textContent === label);
  if (!found) throw new Error(`There is no ${label}.`);
  found.click();
}

afterEach(() => {
  vi.useRealTimers();
  document.body.replaceChildren();
});

describe('traffic', () => {
  test.each([
    [{ a: 60, b: 40 }, {}, []],
    [{ a: 0, b: 0 }, {}, []],
    [{}, {}, []],
    [{ a: 60, b: 30 }, {}, [{ kind: 'short', by: 10 }]],
    [{ a: 60, b: 60 }, {}, [{ kind: 'over', by: 20 }]],
    [{ a: 100 }, { b: 50 }, []],
    [{ a: 100 }, { b: 51 }, [{ kind: 'mirrored', by: 1 }]],
    [{ a: 100 }, { b: 10, c: 10 }, [{ kind: 'mirrors' }]],
    [{ a: 100 }, { a: 10 }, [{ kind: 'both', name: 'a' }]]
  ])('%j with the mirror %j', (live, mirror, found) => {
    expect(faults({ live, mirror } as Parameters<typeof faults>[0])).toEqual(found);
  });

  test('is the same whether or not zeros are named', () => {
    expect(same({ live: { a: 100 }, mirror: {} }, { live: { a: 100, b: 0 }, mirror: { c: 0 } })).toBe(true);
    expect(same({ live: { a: 100 }, mirror: {} }, { live: { a: 90, b: 10 }, mirror: {} })).toBe(false);
  });

  test.each([
    ['33.4', 33],
    ['-1', 0],
    ['101', 100],
    ['', 0],
    ['x', 0]
  ])('%j is %i percent', (typed, found) => expect(percent(typed)).toBe(found));

  test('is saved as the whole body, without zeros and without what nobody sets', async () => {
    const azure = TWO();
    const found = await model(azure);
    found.share('live', 'blue', 100);
    expect(found.savable).toBe(false);
    found.share('live', 'green', 0);
    found.share('mirror', 'green', 10);
    expect(found.savable).toBe(true);

    expect(await found.save()).toBe(true);

    expect(azure.sent).toEqual([
      {
        location: 'westeurope',
        kind: 'Managed',
        tags: { team: 'flowers' },
        sku: undefined,
        identity: { type: 'SystemAssigned' },
        properties: {
          authMode: 'Key',
          description: 'Which flower it is',
          properties: { 'azureml.onlineendpointid': 'x' },
          publicNetworkAccess: 'Enabled',
          traffic: { blue: 100 },
          mirrorTraffic: { green: 10 }
        }
      }
    ]);
    expect(found.draft).toBeUndefined();
    expect([found.state, found.settled]).toEqual(['Updating', false]);
  });

  test('that somebody else has changed is shown before it is overwritten', async () => {
    const azure = TWO();
    const found = await model(azure);
    found.share('live', 'blue', 0);
    found.share('live', 'green', 100);
    azure.endpoint = endpoint({ traffic: { blue: 50, green: 50 } });
    await found.refresh();

    expect(await found.save()).toBe(false);
    expect(azure.sent).toHaveLength(0);
    expect(found.traffic.live).toEqual({ blue: 50, green: 50 });
    expect(found.draft?.live).toEqual({ blue: 0, green: 100 });

    expect(await found.save()).toBe(true);
    expect((azure.sent[0]?.properties as { traffic: object }).traffic).toEqual({ green: 100 });
  });

  test('that is refused stays as it was typed', async () => {
    const azure = TWO();
    const found = await model(azure);
    found.share('live', 'blue', 100);
    found.share('live', 'green', 0);
    azure.fails.PUT = new RestError(409, 'Conflict', 'It is in Updating provisioning state.');

    await expect(found.save()).rejects.toThrow('Updating provisioning state');
    expect(found.draft?.live).toEqual({ blue: 100, green: 0 });
  });

  test('says what is missing, and can be saved only when it is whole and other', async () => {
    const found = await model(TWO());
    const given = actions();
    const box = overview(found, given);
    const again = (): void => render(<EndpointOverview model={found} busy={false} actions={given} />, box);
    const save = (): HTMLButtonElement =>
      box.querySelector('.jp-AmlLab-traffic [type=submit]') as HTMLButtonElement;
    const field = (label: string): HTMLInputElement =>
      box.querySelector(`[aria-label="${label}"]`) as HTMLInputElement;
    const type = (label: string, value: string): void => {
      field(label).value = value;
      field(label).dispatchEvent(new Event('input', { bubbles: true }));
      again();
    };
    expect(save().disabled).toBe(true);
    expect(field('Traffic of blue').value).toBe('90');

    type('Traffic of blue', '40');
    expect(box.textContent).toContain('Sum: 50 %');
    expect(box.textContent).toContain('50 % are missing to 100 %.');
    expect(save().disabled).toBe(true);

    type('Traffic of green, slider', '60');
    expect(field('Traffic of green').value).toBe('60');
    expect(save().disabled).toBe(false);
    box.querySelector('form')?.dispatchEvent(new Event('submit', { bubbles: true, cancelable: true }));
    expect(given.save).toHaveBeenCalledTimes(1);

    press(box, 'Undo');
    again();
    expect(field('Traffic of blue').value).toBe('90');
    expect(save().disabled).toBe(true);
  });
});

describe('an online endpoint', () => {
  test('shows its deployments with what they run and what they get', async () => {
    const given = actions();
    const box = overview(await model(TWO()), given);

    expect(cells(box)).toEqual([
      'blue',
      '✓Succeeded',
      'iris:3',
      'sklearn:7',
      'Standard_DS3_v2',
      '2',
      '90',
      '0'
    ]);
    expect(cells(box, 1).at(-2)).toBe('10');
    press(box, 'iris:3');
    expect(given.show).toHaveBeenCalledWith('models', 'iris');
  });

  test('has its addresses, its way of authentication and a button that copies', async () => {
    const given = actions();
    const box = overview(await model(TWO()), given);

    expect(box.textContent).toContain('authenticationKey');
    expect(box.textContent).toContain('swagger.json');
    press(box, 'Copy');
    expect(given.copy).toHaveBeenCalledWith('https://iris.westeurope.inference.ml.azure.com/score');
  });

  test('draws what each deployment gets as a bar beside the number', async () => {
    const box = overview(await model(TWO()));

    expect([...box.querySelectorAll('.jp-AmlLab-share rect')].map(one => one.getAttribute('width'))).toEqual([
      ...['36', '0'],
      ...['4', '0']
    ]);
  });

  test('on this machine tells how the processes of a deployment do, and why they do not', async () => {
    const told = {
      'azureml.local.state': 'Unhealthy',
      'azureml.local.ready': '1',
      'azureml.local.replicas': '4',
      'azureml.local.error': 'init() raised ValueError: no model'
    };
    const fine = {
      'azureml.local.state': 'Healthy',
      'azureml.local.ready': '4',
      'azureml.local.replicas': '4'
    };
    const azure = new Azure(endpoint(), [
      deployment('blue', { properties: told }),
      deployment('green', { properties: fine })
    ]);
    const found = await model(azure);
    const box = overview(found);

    expect(cells(box).slice(1, 2)).toEqual(['✗Unhealthy']);
    expect(cells(box)[5]).toBe('1 of 4 ready');
    expect([cells(box, 1)[1], cells(box, 1)[5]]).toEqual(['✓Succeeded', '2']);
    expect(box.querySelector('.jp-AmlLab-failure')?.textContent).toBe(
      'blue is unhealthy.init() raised ValueError: no model'
    );
    expect(found.settled).toBe(false);
  });

  test('is concerned by changes of itself and of its deployments', async () => {
    const found = await model(TWO());

    expect(found.concerns('onlineEndpoints', 'iris')).toBe(true);
    expect(found.concerns('onlineDeployments', 'Iris/blue')).toBe(true);
    expect(found.concerns('onlineDeployments', 'other/blue')).toBe(false);
    expect(found.concerns('jobs', 'iris')).toBe(false);
  });

  test('without deployments says so and has no traffic', async () => {
    const box = overview(await model(new Azure(endpoint({ traffic: {} }), [])));

    expect(box.textContent).toContain('There are no deployments yet');
    expect(box.querySelector('.jp-AmlLab-traffic')).toBeNull();
  });

  test('tells why a deployment has failed, in full, and asks once', async () => {
    const broken = deployment('green', { provisioningState: 'Failed' });
    const azure = new Azure(endpoint(), [deployment('blue'), broken]);
    const { AzureAsyncOperationUri: link } = broken.properties.properties as Record<string, string>;
    azure.operations[link ?? ''] = {
      status: 'Failed',
      error: {
        code: 'BadArgument',
        message: 'User container crashed.',
        details: [{ message: 'No module named x' }]
      }
    };
    const found = await model(azure);
    await found.refresh();

    const failure = overview(found).querySelector('.jp-AmlLab-failure');
    expect(failure?.textContent).toBe('green failed.User container crashed.\nNo module named x');
    expect(azure.asked.filter(([, path]) => path === link)).toHaveLength(1);
  });

  test('whose failure nobody explains points to the logs', async () => {
    const azure = new Azure(endpoint(), [deployment('blue', { provisioningState: 'Failed' })]);

    expect(overview(await model(azure)).textContent).toContain('its logs may');
  });

  test('is looked at again while it is provisioned and somebody looks', async () => {
    vi.useFakeTimers();
    const azure = new Azure(endpoint(), [deployment('blue', { provisioningState: 'Creating' })]);
    const found = new EndpointModel(azure.rest(), WORKSPACE, 'onlineEndpoints', 'iris');
    const asked = (): number => azure.asked.filter(([, path]) => path === 'onlineEndpoints/iris').length;
    found.seen(true);
    await vi.advanceTimersByTimeAsync(5000);
    expect(asked()).toBe(2);

    found.seen(false);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(asked()).toBe(2);

    azure.deployments = [deployment('blue')];
    found.seen(true);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(asked()).toBe(3);
    expect(found.settled).toBe(true);
  });

  test('is not looked at again when nobody looks any more once it has answered', async () => {
    vi.useFakeTimers();
    const azure = new Azure(endpoint(), [deployment('blue', { provisioningState: 'Creating' })]);
    const found = new EndpointModel(azure.rest(), WORKSPACE, 'onlineEndpoints', 'iris');
    found.seen(true);
    found.seen(false);
    await vi.advanceTimersByTimeAsync(60_000);

    expect(azure.asked.filter(([, path]) => path === 'onlineEndpoints/iris')).toHaveLength(1);
  });

  test('that is deleted is followed until it is gone', async () => {
    vi.useFakeTimers();
    const azure = TWO();
    const found = new EndpointModel(azure.rest(), WORKSPACE, 'onlineEndpoints', 'iris');
    found.seen(true);
    await vi.advanceTimersByTimeAsync(0);
    await found.remove();
    expect([found.state, found.gone]).toEqual(['Deleting', false]);

    azure.endpoint = undefined;
    await vi.advanceTimersByTimeAsync(5000);
    expect(found.gone).toBe(true);
    expect(found.error?.message).toBe('The endpoint was not found.');
    const box = drawn(<EndpointHead model={found} place="AZURE" busy={false} actions={actions()} />);
    expect(box.textContent).toContain('Deleted');
    expect([...box.querySelectorAll('button')].map(one => one.textContent)).not.toContain('Delete');
  });

  test('keeps what it has when the service is away, and says so', async () => {
    const azure = TWO();
    const found = await model(azure);
    azure.fails.GET = new RestError(503, 'Busy', 'not now');
    await found.refresh();

    expect(found.error?.message).toBe('not now');
    expect(found.deployments).toHaveLength(2);
    azure.fails = {};
    await found.refresh();
    expect(found.error).toBeUndefined();
  });
});

describe('a batch endpoint', () => {
  const JOB: Body = {
    id: 'x',
    name: 'batchjob-1',
    systemData: { createdAt: '2026-01-01T00:00:00Z' },
    properties: { status: 'Completed' }
  };
  const BATCH = (): Azure => new Azure(batch(), [batchDeployment('first'), batchDeployment('second')], [JOB]);

  test('shows its deployments, and which of them answers', async () => {
    const found = await model(BATCH(), 'batchEndpoints', 'nightly');
    const box = overview(found);

    expect(cells(box)).toEqual(['first', '✓Succeeded', 'iris:3', '', 'cpu', '4', '★ default']);
    expect(cells(box, 1).at(-1)).toBe('');
    expect(endpointTabs(found).map(([tab]) => tab)).toEqual(['overview', 'jobs']);
    expect(box.querySelector('.jp-AmlLab-traffic')).toBeNull();
  });

  test('lets another deployment answer', async () => {
    const azure = BATCH();
    const found = await model(azure, 'batchEndpoints', 'nightly');
    const given = actions();
    const box = overview(found, given);
    (box.querySelector('select') as HTMLSelectElement).value = 'second';
    box.querySelector('form')?.dispatchEvent(new Event('submit', { bubbles: true, cancelable: true }));
    expect(given.standardise).toHaveBeenCalledWith('second');

    await found.standardise('second');
    expect((azure.sent[0]?.properties as { defaults: object }).defaults).toEqual({
      deploymentName: 'second'
    });
  });

  test('lists its jobs, which open their pages', async () => {
    const azure = BATCH();
    const found = await model(azure, 'batchEndpoints', 'nightly');
    const show = vi.fn();
    const box = drawn(<BatchJobs model={found} show={show} />);

    expect(azure.asked.at(-1)?.[1]).toBe(
      'mferp/managementfrontend/batchEndpoints/nightly/jobs?api-version=2020-09-01-dataplanepreview'
    );
    press(box, 'batchjob-1');
    expect(show).toHaveBeenCalledWith('jobs', 'batchjob-1');
  });

  test('stands without its jobs when they cannot be had', async () => {
    const azure = BATCH();
    azure.fails.jobs = new Error('no jobs now');
    const found = await model(azure, 'batchEndpoints', 'nightly');

    expect(found.deployments).toHaveLength(2);
    expect(drawn(<BatchJobs model={found} show={vi.fn()} />).textContent).toContain('no jobs now');
  });
});

test('nothing that an endpoint is called or says becomes markup', async () => {
  const evil = endpoint({ description: EVIL, scoringUri: EVIL, swaggerUri: EVIL, traffic: { [EVIL]: 50 } });
  const azure = new Azure({ ...evil, name: EVIL, tags: { a: EVIL } }, [
    deployment(EVIL, { model: EVIL, environmentId: EVIL, instanceType: EVIL, provisioningState: EVIL }),
    deployment('broken', { provisioningState: 'Failed' })
  ]);
  azure.answers = [
    { status: 500, headers: { 'azureml-model-deployment': EVIL }, body: EVIL, milliseconds: 1 }
  ];
  const found = await model(azure, 'onlineEndpoints', EVIL);
  const scoring = new ScoringModel(found);
  await scoring.send();
  const log = new ContainerLog(azure.rest(), WORKSPACE, found.path);
  log.text = EVIL;

  const box = drawn(
    <>
      <EndpointHead model={found} place="AZURE" busy={false} actions={actions()} />
      <EndpointOverview model={found} busy={false} actions={actions()} />
      <Test model={found} scoring={scoring} id="one" />
      <Logs model={found} log={log} id="two" />
    </>
  );

  expect(box.querySelectorAll('img, script')).toHaveLength(0);
  expect(box.textContent).toContain('<img');
  expect((window as unknown as { harmed?: number }).harmed).toBeUndefined();
});
