import { render, type VNode } from 'preact';
import { expect, test, vi } from 'vitest';
import { AssetModel } from '../src/model/asset';
import { type Profile as Found, ProfileModel, type Schema as Difference } from '../src/model/profile';
import type { Ended, Rest } from '../src/rest';
import { AssetView } from '../src/views/asset';
import { extent, Profile, ProfileTable, Schema } from '../src/views/profile';

const EVIL = '<img src=x onerror="window.harmed=1">';
const NOTHING = vi.fn();
const EXTENT = { rows: 3, total: 3, sample: false, files: 1, files_read: 1 };
const COLUMN = { count: 3, missing: 0, missing_percent: 0, distinct: 2 };
const PROFILE: Found = {
  ...EXTENT,
  name: 'iris:1',
  columns: [
    {
      ...COLUMN,
      name: 'x',
      type: 'number',
      missing: 1,
      missing_percent: 25,
      min: 0.123456789,
      max: 2952301,
      mean: 1,
      std: null,
      histogram: { edges: [0, 1, 2], counts: [1, 2] }
    },
    { ...COLUMN, name: 'day', type: 'date', min: '2026-01-01', max: '2026-01-03' },
    { ...COLUMN, name: 'town', type: 'text', top: [{ value: 'Kyïv', count: 2 }] },
    { ...COLUMN, name: 'ok', type: 'boolean', top: [{ value: true, count: 2 }] }
  ]
};
const SCHEMA: Difference = {
  name: 'iris',
  from: { ...EXTENT, version: '1', columns: 3 },
  to: { ...EXTENT, rows: 4, total: 4, version: '2', columns: 3 },
  added: [{ name: 'd', type: 'integer' }],
  removed: [{ name: 'b', type: 'text' }],
  changed: [{ name: 'a', from: 'integer', to: 'text' }],
  reordered: false
};

function drawn(node: VNode): HTMLElement {
  const box = document.createElement('div');
  document.body.append(box);
  render(node, box);
  return box;
}

function answering(...answers: (Partial<Ended> | Error)[]): { rest: Rest; asked: string[][] } {
  const asked: string[][] = [];
  const run = (_: string, words: string[]): Promise<Ended> => {
    asked.push(words);
    const answer = answers.shift();
    if (answer instanceof Error) return Promise.reject(answer);
    return Promise.resolve({ code: 0, output: '', error: '', ...answer });
  };
  return { rest: { run } as unknown as Rest, asked };
}

test('each column has its facts, numbers rounded and empty ones left out', () => {
  const box = drawn(<ProfileTable profile={PROFILE} />);
  const cells = [...box.querySelectorAll('tbody tr')].map(row =>
    [...row.querySelectorAll('td')].map(one => one.textContent)
  );

  expect(cells.map(one => one.slice(0, 9))).toEqual([
    ['x', 'number', '3', '1 (25 %)', '2', '0.12346', '1', '2952301', ''],
    ['day', 'date', '3', '', '2', '2026-01-01', '', '2026-01-03', ''],
    ['town', 'text', '3', '', '2', '', '', '', ''],
    ['ok', 'boolean', '3', '', '2', '', '', '', '']
  ]);
  expect(cells[2]?.[9]).toContain('Kyïv');
  expect(cells[3]?.[9]).toContain('yes');
});

test('the shape of the values is said in words', () => {
  const box = drawn(<ProfileTable profile={PROFILE} />);

  expect(box.querySelector('svg[role=img]')?.getAttribute('aria-label')).toBe(
    'x from 0.12346 to 2952301: 1, 2'
  );
  const bars = [...box.querySelectorAll('svg[role=img] rect')].map(one => Number(one.getAttribute('height')));
  expect(bars[1]).toBeGreaterThan((bars[0] ?? 0) * 1.8);
});

test.each([
  [{ ...EXTENT }, '3 rows'],
  [{ ...EXTENT, rows: 1, total: 1 }, '1 row'],
  [{ ...EXTENT, sample: true, total: null }, 'A sample: the first 3 rows of more'],
  [
    { ...EXTENT, rows: 100000, sample: true, total: 2000000 },
    'A sample: the first 100,000 rows of 2,000,000'
  ],
  [{ ...EXTENT, files: 4, files_read: 2 }, '3 rows, 2 of 4 files']
])('how much was read is said: %j', (found, said) => expect(extent(found)).toBe(said));

test('a profile is read when somebody asks for it, and what is refused is said', async () => {
  const { rest, asked } = answering(
    { code: 1, error: 'iris.txt is no table.' },
    { output: JSON.stringify(PROFILE) }
  );
  const model = new ProfileModel(rest, '/w', 'iris');
  const box = drawn(<Profile model={model} version="1" />);
  model.changed.connect(() => render(<Profile model={model} version="1" />, box));
  const press = async (): Promise<void> => {
    box.querySelector('button')?.click();
    await new Promise(resolve => setTimeout(resolve));
  };

  await press();
  expect(box.querySelector('[role=alert]')?.textContent).toContain('iris.txt is no table.');
  await press();
  expect(box.querySelectorAll('tbody tr')).toHaveLength(4);
  expect(asked[1]).toEqual(['data', 'profile', 'iris:1', '-o', 'json']);
});

test('a profile of a version that is not shown any more is dropped', async () => {
  const { rest } = answering({ output: JSON.stringify(PROFILE) });
  const model = new ProfileModel(rest, '/w', 'iris');
  const reading = model.read('1');
  model.clear();
  await reading;

  expect([model.profile, model.busy]).toEqual([undefined, '']);
});

test('the service that is away is no silent failure', async () => {
  const { rest } = answering(new Error('Nobody answers.'));
  const model = new ProfileModel(rest, '/w', 'iris');
  await model.compare('1', '2');

  expect(model.fault).toEqual({ of: '2', message: 'Nobody answers.' });
  expect(model.busy).toBe('');
});

test('two versions are told apart by words', () => {
  const box = drawn(<Schema schema={SCHEMA} />);

  expect(box.textContent).toContain('Version 1: 3 rows. Version 2: 4 rows.');
  expect([...box.querySelectorAll('tbody tr')].map(one => one.textContent)).toEqual([
    'd+ addedinteger',
    'b− removedtext',
    'a≠ type changedintegertext'
  ]);
  const same = { ...SCHEMA, added: [], removed: [], changed: [], reordered: true };
  expect(drawn(<Schema schema={same} />).textContent).toContain('The same 3 columns with the same types.');
});

test('each version but the first can be compared with the one before', async () => {
  const section = { segment: 'data', title: 'data asset', versioned: true, noun: 'data', verbs: [] };
  const { rest, asked } = answering({ output: JSON.stringify(SCHEMA) });
  const model = new AssetModel(rest, '/w', section, 'iris');
  model.resource = { id: 'iris', name: 'iris', properties: { latestVersion: '2' } };
  model.versions = ['2', '1'].map(name => ({ id: name, name, properties: { dataUri: name } }));
  model.chosen = '2';
  const actions = { verb: NOTHING, code: NOTHING, insert: NOTHING, look: NOTHING };
  const view = (): VNode => <AssetView model={model} place="LOCAL" busy={false} actions={actions} />;
  const box = drawn(view());
  model.changed.connect(() => render(view(), box));
  const buttons = [...box.querySelectorAll('button')].filter(one =>
    one.textContent.startsWith('Compare schema')
  );

  expect(buttons).toHaveLength(1);
  buttons[0]?.click();
  await new Promise(resolve => setTimeout(resolve));
  expect(asked).toEqual([['data', 'diff', 'iris', '--from', '1', '--to', '2', '-o', 'json']]);
  expect(box.textContent).toContain('+ added');
});

test('nothing that a table holds becomes markup', () => {
  const column = { ...COLUMN, name: EVIL, type: EVIL, min: EVIL, top: [{ value: EVIL, count: 1 }] };
  const change = { name: EVIL, type: EVIL, from: EVIL, to: EVIL };
  const side = { ...EXTENT, version: EVIL, columns: 1 };
  const schema = { ...SCHEMA, from: side, to: side, added: [change], removed: [change], changed: [change] };
  const box = drawn(
    <>
      <ProfileTable profile={{ ...PROFILE, columns: [column] }} />
      <Schema schema={schema} />
    </>
  );

  expect(box.querySelectorAll('img')).toHaveLength(0);
  expect(box.textContent).toContain('<img');
});
