import { render, type VNode } from 'preact';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { ContainerLog, ScoringModel } from '../src/model/scoring';
import { STARTER, starter } from '../src/model/starter';
import { Logs, pretty, Test } from '../src/views/scoring';
import { deployment, model, TWO, WORKSPACE } from './azure';

function drawn(node: VNode): HTMLElement {
  const box = document.createElement('div');
  document.body.append(box);
  render(node, box);
  return box;
}

afterEach(() => document.body.replaceChildren());

describe('a test call', () => {
  const ANSWER = {
    status: 200,
    headers: { 'azureml-model-deployment': 'green' },
    body: '{"label":"setosa"}',
    milliseconds: 12.5
  };

  test('goes to a deployment by its name, and shows what came back', async () => {
    const azure = TWO();
    azure.answers = [ANSWER];
    const found = await model(azure);
    const scoring = new ScoringModel(found);
    scoring.choose('green');
    scoring.type('{"input_data": [[1]]}');
    await scoring.send();

    const box = drawn(<Test model={found} scoring={scoring} id="one" />);
    expect(azure.asked.at(-1)).toEqual(['POST', 'invoke iris green {"input_data": [[1]]}']);
    expect(box.textContent).toContain('✓200');
    expect(box.textContent).toContain('12.5 ms');
    expect(box.textContent).toContain('served bygreen');
    expect(box.querySelector('pre')?.textContent).toBe('{\n  "label": "setosa"\n}');
    expect(box.textContent).toContain('p50 12.5 ms over 1 calls: those that this page has sent');
  });

  test('that is answered with an error is shown in full', async () => {
    const azure = TWO();
    azure.answers = [{ ...ANSWER, status: 424, body: 'Traceback\nValueError: no' }];
    const found = await model(azure);
    const scoring = new ScoringModel(found);
    await scoring.send();

    const box = drawn(<Test model={found} scoring={scoring} id="one" />);
    expect(box.querySelector('[data-tone=bad]')?.textContent).toBe('✗424');
    expect(box.querySelector('pre')?.textContent).toBe('Traceback\nValueError: no');
  });

  test('that has no answer tells why, and does not count as a latency', async () => {
    const found = await model(TWO());
    const scoring = new ScoringModel(found);
    await scoring.send();

    const box = drawn(<Test model={found} scoring={scoring} id="one" />);
    expect(box.querySelector('[role=alert]')?.textContent).toBe('It could not be reached.');
    expect([scoring.median, scoring.busy]).toEqual([undefined, false]);
  });

  test('is not sent while its body is no JSON', async () => {
    const azure = TWO();
    const found = await model(azure);
    const scoring = new ScoringModel(found);
    scoring.type('{"a": ');
    const box = drawn(<Test model={found} scoring={scoring} id="one" />);

    expect((box.querySelector('[type=submit]') as HTMLButtonElement).disabled).toBe(true);
    expect(box.querySelector('small')?.textContent).toContain('This is no JSON');
    box.querySelector('form')?.dispatchEvent(new Event('submit', { bubbles: true, cancelable: true }));
    expect(azure.asked.some(([method]) => method === 'POST')).toBe(false);
  });

  test('half of them took no longer than the median', async () => {
    const azure = TWO();
    azure.answers = [30, 10, 20, 40].map(milliseconds => ({ ...ANSWER, milliseconds }));
    const scoring = new ScoringModel(await model(azure));
    const medians = [];
    for (let call = 0; call < 4; call += 1) {
      await scoring.send();
      medians.push(scoring.median);
    }
    expect(medians).toEqual([30, 20, 20, 25]);
  });

  test('begins with the shape that the endpoint asks for, unless something has been typed', async () => {
    const azure = TWO();
    const schema = { type: 'object', properties: { Inputs: { $ref: '#/definitions/Rows' } } };
    const text = JSON.stringify({
      swagger: '2.0',
      definitions: {
        Rows: { type: 'array', items: { type: 'object', properties: { a: { type: 'integer' } } } }
      },
      paths: { '/': { get: {} }, '/score': { post: { parameters: [{ in: 'body', name: 'body', schema }] } } }
    });
    azure.document = { ...ANSWER, body: text };
    const found = await model(azure);
    const scoring = new ScoringModel(found);
    await scoring.begin();
    expect(JSON.parse(scoring.body)).toEqual({ Inputs: [{ a: 0 }] });

    const typed = new ScoringModel(found);
    typed.type('{"mine": 1}');
    await typed.begin();
    expect(typed.body).toBe('{"mine": 1}');
  });

  test('asks again what the endpoint takes once that may be known', async () => {
    const azure = TWO();
    const found = await model(azure);
    const scoring = new ScoringModel(found);
    await scoring.begin();
    azure.document = {
      ...ANSWER,
      body: JSON.stringify({
        paths: {
          '/score': { post: { parameters: [{ in: 'body', schema: { example: { input_data: [[1]] } } }] } }
        }
      })
    };
    await scoring.begin();
    expect(scoring.body).toBe(STARTER);

    azure.deployments = [deployment('blue', { provisioningState: 'Updating' })];
    await found.refresh();
    await scoring.begin();
    expect(JSON.parse(scoring.body)).toEqual({ input_data: [[1]] });
  });

  test.each([
    ['', STARTER],
    ['<html>', STARTER],
    ['{}', STARTER],
    ['{"paths": {"/score": {"post": {}}}}', STARTER],
    [
      '{"paths": {"/score": {"post": {"requestBody": {"content": {"application/json": {"schema": {"example": [1]}}}}}}}}',
      '[1]'
    ],
    [
      '{"definitions": {"A": {"$ref": "#/definitions/A"}}, "paths": {"/score": {"post": {"parameters": [{"in": "body", "schema": {"$ref": "#/definitions/A"}}]}}}}',
      STARTER
    ]
  ])('of the document %j', (document, found) => expect(starter(document)).toBe(found));

  test('text that is no JSON stays as it is', () => expect(pretty('a <b>')).toBe('a <b>'));
});

describe('logs', () => {
  test('are those of the chosen deployment and container', async () => {
    const azure = TWO();
    const found = await model(azure);
    const log = new ContainerLog(azure.rest(), WORKSPACE, found.path);
    await log.choose('green');
    expect(log.text).toBe('log of green InferenceServer');
    await log.choose('green', 'StorageInitializer');

    const box = drawn(<Logs model={found} log={log} id="one" />);
    expect(box.querySelector('[role=log]')?.textContent).toBe('log of green StorageInitializer');
    expect(azure.asked.at(-1)).toEqual(['POST', 'onlineEndpoints/iris/deployments/green/getLogs']);
  });

  test('are followed while somebody looks, without colours of a terminal', async () => {
    vi.useFakeTimers();
    let line = 0;
    const arm = vi.fn(() => Promise.resolve({ content: `\u001b[32mline ${(line += 1)}\u001b[0m\n` }));
    const log = new ContainerLog({ arm } as never, WORKSPACE, 'onlineEndpoints/iris');
    await log.choose('blue');
    const told = vi.fn();
    log.changed.connect(told);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(log.text).toBe('line 1\n');

    log.seen(true);
    await vi.advanceTimersByTimeAsync(5100);
    expect(log.text).toBe('line 4\n');
    expect([log.busy, told.mock.calls.length]).toEqual([false, 3]);

    log.seen(false);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(arm).toHaveBeenCalledTimes(4);
    log.dispose();
    vi.useRealTimers();
  });

  test('that cannot be had can be asked for again', async () => {
    const azure = TWO();
    const found = await model(azure);
    const log = new ContainerLog(azure.rest(), WORKSPACE, found.path);
    azure.fails.POST = new Error('The container has not begun.');
    await log.choose('blue');
    const box = drawn(<Logs model={found} log={log} id="one" />);
    expect(box.querySelector('[role=alert]')?.textContent).toContain('has not begun');

    azure.fails = {};
    box.querySelector<HTMLButtonElement>('[role=alert] button')?.click();
    await vi.waitFor(() => expect(log.text).toBe('log of blue InferenceServer'));
    expect(log.error).toBeUndefined();
  });

  test('of a deployment that was left do not come late', async () => {
    let slow: (found: { content: string }) => void = () => undefined;
    const rest = {
      arm: (_: string, path: string) =>
        path.includes('slow')
          ? new Promise(resolve => (slow = resolve))
          : Promise.resolve({ content: 'fast' })
    };
    const log = new ContainerLog(rest as never, WORKSPACE, 'onlineEndpoints/iris');
    const first = log.choose('slow');
    await log.choose('quick');
    slow({ content: 'late' });
    await first;

    expect([log.text, log.busy]).toEqual(['fast', false]);
  });
});
