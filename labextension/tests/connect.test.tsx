import { render, type VNode } from 'preact';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { ConnectModel, type Fields, faults, target, typed } from '../src/model/connect';
import { SignInModel } from '../src/model/signin';
import { type Rest, RestError, type SignInState } from '../src/rest';
import { Beginning, ConnectForm } from '../src/views/connect';
import { AzureFault, SignIn } from '../src/views/signin';

const GUID = '5c4b3a29-0000-4000-8000-00000000cccc';
const EVIL = '<img src=x onerror="window.harmed=1">';
const NOTHING = vi.fn();
const STATE: SignInState = {
  state: 'waiting',
  way: 'device-code',
  url: '',
  code: '',
  message: '',
  expires: '',
  workspace: ''
};

function fields(more: Partial<Fields>): Fields {
  return { ...new ConnectModel({} as Rest).fields, ...more };
}

function azure(more: Partial<Fields> = {}): Fields {
  return fields({
    where: 'azure',
    subscription: GUID,
    group: 'rg',
    workspace: 'ws',
    profile: 'prod',
    ...more
  });
}

function drawn(node: VNode): HTMLElement {
  const box = document.createElement('div');
  document.body.append(box);
  render(node, box);
  return box;
}

/** Let what was answered be handled. */
async function settled(): Promise<void> {
  for (let round = 0; round < 10; round += 1) await Promise.resolve();
}

/** A server whose sign-in goes through these states, one with every question. */
function server(...states: Partial<SignInState>[]): { rest: Rest; asked: unknown[] } {
  const asked: unknown[] = [];
  const next = (what: string) => (profile: string) => {
    asked.push(`${what} ${profile}`);
    return Promise.resolve({ ...STATE, ...(states.length > 1 ? states.shift() : states[0]) });
  };
  const rest = {
    connect: (given: Record<string, string>) => {
      asked.push(given);
      const away = given.target?.startsWith('local') !== true;
      const { profile = '', target } = given;
      return Promise.resolve({ id: '/w', place: away ? 'AZURE' : 'LOCAL', profile, target });
    },
    signIn: next('begin'),
    signInState: next('look'),
    cancelSignIn: (profile: string) => {
      asked.push(`cancel ${profile}`);
      return Promise.resolve({ ...STATE, state: 'none' });
    }
  };
  return { rest: rest as unknown as Rest, asked };
}

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
  document.body.replaceChildren();
});

describe('what is filled in', () => {
  test.each([
    [fields({ local: 'clinic' }), '%aml connect local:clinic'],
    [fields({ local: '~/my work' }), '%aml connect "local:~/my work"'],
    [azure(), `%aml connect azure:${GUID}/rg/ws --save prod`],
    [azure({ subscription: 'My Sub' }), '%aml connect "azure:My Sub/rg/ws" --save prod'],
    [azure({ by: 'config' }), '%aml connect config --save prod'],
    [azure({ by: 'config', config: 'sub/config.json' }), '%aml connect config:sub/config.json --save prod'],
    [
      azure({ way: 'device-code', tenant: 'contoso.example', client: GUID, cloud: 'AzureChinaCloud' }),
      `%aml connect azure:${GUID}/rg/ws --sign-in device-code --tenant contoso.example --client-id ${GUID} ` +
        '--cloud AzureChinaCloud --save prod'
    ],
    [fields({ way: 'cli', profile: 'prod' }), '%aml connect local:local']
  ])('is a line of a notebook', (given, line) => {
    expect(typed(given)).toBe(line);
    expect(faults(given)).toEqual({});
    expect(line).toContain(target(given));
  });

  test('stands as a word in the line while it is missing', () => {
    expect(typed(fields({ local: '' }))).toBe('%aml connect local:NAME');
    expect(typed(azure({ subscription: '', group: '' }))).toBe(
      '%aml connect azure:SUBSCRIPTION/RESOURCE_GROUP/ws --save prod'
    );
  });

  test.each([
    [fields({ local: '' }), 'local', 'Give a name or a folder'],
    [fields({ local: 'a b' }), 'local', '2 to 33 letters'],
    [azure({ subscription: '' }), 'subscription', 'GUID or the name'],
    [azure({ subscription: GUID.slice(1) }), 'subscription', 'not whole'],
    [azure({ subscription: 'a/b' }), 'subscription', 'slash'],
    [azure({ group: '' }), 'group', 'resource group'],
    [azure({ group: 'a/b' }), 'group', 'up to 90 letters'],
    [azure({ workspace: '' }), 'workspace', 'name of the workspace'],
    [azure({ workspace: 'w s' }), 'workspace', '2 to 33 letters'],
    [azure({ client: 'me' }), 'client', 'GUID'],
    [azure({ tenant: 'https://x' }), 'tenant', 'GUID or a domain'],
    [azure({ profile: '' }), 'profile', 'Give a name'],
    [azure({ profile: 'Config' }), 'profile', 'none of local'],
    [azure({ by: 'config', profile: 'a b', group: '' }), 'profile', 'up to 64 letters']
  ])('is refused in words where it cannot be', (given, field, words) => {
    const found = faults(given);
    expect(Object.keys(found)).toEqual([field]);
    expect(found[field as keyof Fields]).toContain(words);
  });
});

describe('the form', () => {
  test('says nothing of faults before it was sent, and sends nothing while there are some', async () => {
    const { rest, asked } = server({});
    const model = new ConnectModel(rest);
    model.set('where', 'azure');
    expect(model.faults).toEqual({});

    expect(await model.send()).toEqual(['subscription', 'group', 'workspace', 'profile']);
    expect(asked).toEqual([]);
    const box = drawn(<ConnectForm id="f" model={model} actions={{ insert: NOTHING, copy: NOTHING }} />);
    const input = box.querySelector('#f-group') as HTMLInputElement;
    expect(input.getAttribute('aria-invalid')).toBe('true');
    const help = box.querySelector(`#${input.getAttribute('aria-describedby')}`);
    expect(help?.textContent).toContain('✗ Give the name of the resource group.');
  });

  test('makes a local workspace', async () => {
    const { rest, asked } = server({});
    const model = new ConnectModel(rest);
    model.set('local', ' ./work ');
    await model.send();

    expect(asked).toEqual([{ target: 'local:./work' }]);
    expect([model.done, model.signIn]).toEqual(['/w', undefined]);
  });

  test('keeps a profile called as the workspace, and signs in', async () => {
    const { rest, asked } = server({}, { code: 'C0DE' }, { state: 'done', workspace: '/real' });
    const model = new ConnectModel(rest);
    for (const [name, value] of Object.entries(azure({ profile: '' }))) {
      if (name !== 'profile') model.set(name as keyof Fields, value as never);
    }
    await model.send();
    expect(model.done).toBeUndefined();
    await vi.advanceTimersByTimeAsync(3000);

    const own = { profile: 'ws', signIn: 'auto', tenant: '', client: '', cloud: 'AzureCloud', instead: '' };
    expect(asked).toEqual([{ target: `azure:${GUID}/rg/ws`, ...own }, 'begin ws', 'look ws', 'look ws']);
    expect(model.done).toBe('/real');
  });

  test('can be corrected after a sign-in that failed, under the same name', async () => {
    const { rest, asked } = server({ state: 'failed', message: 'There is no such workspace.' });
    const model = new ConnectModel(rest);
    model.fields = azure();
    await model.send();
    await settled();
    await model.back();
    model.set('workspace', 'right');
    await model.send();

    expect(asked.at(-2)).toMatchObject({
      target: `azure:${GUID}/rg/right`,
      profile: 'prod',
      instead: `azure:${GUID}/rg/ws`
    });
  });

  test('a name that was chosen is kept', () => {
    const model = new ConnectModel({} as Rest);
    model.set('profile', 'mine');
    model.set('workspace', 'ws');
    expect(model.fields.profile).toBe('mine');
  });

  test('says what the server refuses', async () => {
    const rest = { connect: () => Promise.reject(new Error(EVIL)) } as unknown as Rest;
    const model = new ConnectModel(rest);
    await model.send();
    const box = drawn(<ConnectForm id="f" model={model} actions={{ insert: NOTHING, copy: NOTHING }} />);

    expect(model.busy).toBe(false);
    expect(box.querySelector('[role=alert]')?.textContent).toContain(EVIL);
    expect(box.querySelector('img')).toBeNull();
  });

  test('every control has a label', () => {
    const model = new ConnectModel({} as Rest);
    model.set('where', 'azure');
    const box = drawn(<ConnectForm id="f" model={model} actions={{ insert: NOTHING, copy: NOTHING }} />);
    const controls = [...box.querySelectorAll<HTMLInputElement>('input, select')];

    expect(controls.length).toBeGreaterThan(8);
    for (const control of controls) {
      const label = control.closest('label') ?? box.querySelector(`label[for="${control.id}"]`);
      expect(label?.textContent, control.outerHTML).toBeTruthy();
    }
  });
});

describe('a sign-in', () => {
  test('shows the code with a link that tells the page nothing, until it is done', async () => {
    const url = 'https://login.microsoftonline.com/device';
    const { rest } = server({ code: 'C0DE', url }, { state: 'done', message: 'kept in a file' });
    const model = new SignInModel(rest, 'prod');
    const copy = vi.fn();
    await model.begin();
    const box = drawn(<SignIn model={model} copy={copy} back={NOTHING} />);

    expect(box.querySelector('a')?.getAttribute('href')).toBe(url);
    expect(box.querySelector('a')?.rel).toContain('noopener');
    box.querySelector<HTMLButtonElement>('li button')?.click();
    expect(copy).toHaveBeenCalledWith('C0DE');
    await vi.advanceTimersByTimeAsync(1000);
    render(<SignIn model={model} copy={copy} back={NOTHING} />, box);
    expect(box.textContent).toContain('Signed in');
    expect(box.textContent).toContain('kept in a file');
    expect(box.textContent).not.toContain('C0DE');
  });

  test('asks no more once it is done, cancelled or left', async () => {
    const done = server({ state: 'done' });
    await new SignInModel(done.rest, 'p').begin();
    const cancelled = server({});
    const model = new SignInModel(cancelled.rest, 'p');
    await model.begin();
    await model.cancel();
    const left = server({});
    const gone = new SignInModel(left.rest, 'p');
    await gone.begin();
    gone.dispose();
    await vi.advanceTimersByTimeAsync(60_000);

    expect(done.asked).toEqual(['begin p']);
    expect(cancelled.asked).toEqual(['begin p', 'cancel p']);
    expect(left.asked).toEqual(['begin p']);
  });

  test('says why it failed, and begins anew', async () => {
    const { rest, asked } = server({ state: 'failed', message: EVIL }, { state: 'done' });
    const model = new SignInModel(rest, 'p');
    await model.begin();
    const box = drawn(<SignIn model={model} copy={NOTHING} back={NOTHING} />);
    expect(box.querySelector('[role=alert]')?.textContent).toContain(EVIL);
    expect(box.querySelector('img')).toBeNull();
    box.querySelector<HTMLButtonElement>('[role=alert] button')?.click();
    await settled();

    expect(asked).toEqual(['begin p', 'begin p']);
    expect(model.state?.state).toBe('done');
  });

  test('an address that is none is no link', async () => {
    const { rest } = server({ code: 'C', url: 'javascript:alert(1)' });
    const model = new SignInModel(rest, 'p');
    await model.begin();

    expect(drawn(<SignIn model={model} copy={NOTHING} back={NOTHING} />).querySelector('a')).toBeNull();
  });
});

test('where nobody has signed in, a button does it; other refusals can be tried again', () => {
  const signIn = vi.fn();
  const retry = vi.fn();
  const needed = drawn(
    <AzureFault error={new RestError(401, 'x', 'Nobody')} retry={retry} signIn={signIn} />
  );
  const other = drawn(<AzureFault error={new RestError(503, 'x', 'Busy')} retry={retry} signIn={signIn} />);
  needed.querySelector('button')?.click();
  other.querySelector('button')?.click();

  expect(needed.querySelector('button')?.textContent).toBe('Sign in');
  expect([signIn.mock.calls.length, retry.mock.calls.length]).toEqual([1, 1]);
});

test('without a workspace one click makes one', () => {
  const make = vi.fn();
  const box = drawn(<Beginning make={make} connect={NOTHING} />);
  [...box.querySelectorAll('button')].find(one => one.textContent?.startsWith('Make'))?.click();
  expect(make).toHaveBeenCalledOnce();
});
