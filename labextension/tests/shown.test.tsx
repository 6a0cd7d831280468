import { render, type VNode } from 'preact';
import { expect, test } from 'vitest';
import { described, LINES, ROWS, shown } from '../src/model/shown';
import { Lines, Model, Preview } from '../src/views/preview';

const EVIL = '<img src=x onerror="window.harmed=1">';
const DESCRIBED = {
  flavors: [
    { name: 'python_function', version: '3.11.2' },
    { name: EVIL, version: '' }
  ],
  inputs: [{ name: 'length', type: 'double', optional: false }],
  outputs: [{ name: '', type: 'int64 [-1]', optional: false }],
  params: [{ name: 't', type: 'float', optional: true }],
  mlflow_version: '2.19.0',
  utc_time_created: '2026-01-01 10:00:00.123456'
};

function drawn(node: VNode): HTMLElement {
  const box = document.createElement('div');
  document.body.append(box);
  render(node, box);
  return box;
}

test.each([
  ['a.csv', 9, [{ a: 1 }], { kind: 'table', rows: [{ a: 1 }], cut: false }],
  ['a.json', 9, '[{"a": 1}]', { kind: 'table', rows: [{ a: 1 }], cut: false }],
  ['a.json', 9, '[1, 2]', { kind: 'text', text: '[1, 2]', lines: false, bytes: false }],
  ['a.html', 9, '<b>x</b>\n', { kind: 'text', text: '<b>x</b>', lines: false, bytes: false }],
  ['a.bin', 9, '', { kind: 'binary' }],
  ['a.txt', 0, '', { kind: 'empty' }],
  ['a.txt', null, '', { kind: 'binary' }],
  ['a.txt', 9, '"quoted"', { kind: 'text', text: '"quoted"', lines: false, bytes: false }],
  ['a.txt', 300_000, 'x', { kind: 'text', text: 'x', lines: false, bytes: true }],
  ['a.ipynb', 9, [{ type: 'code', source: '1' }], { kind: 'cells', cells: [{ type: 'code', source: '1' }] }],
  [
    'a.csv',
    9,
    [{ type: 'code', source: '1' }],
    { kind: 'table', rows: [{ type: 'code', source: '1' }], cut: false }
  ],
  ['MLmodel', 9, DESCRIBED, { kind: 'model', described: DESCRIBED }]
])('of %s with %s bytes is shown what it is', (name, size, output, found) => {
  expect(shown(name, size, JSON.stringify(output))).toEqual(found);
});

test('what is left out is known', () => {
  const rows = Array.from({ length: ROWS }, (_, a) => ({ a }));
  expect(shown('a.csv', 9, JSON.stringify(rows))).toMatchObject({ cut: true });
  expect(shown('a.csv', 9, JSON.stringify(rows.slice(1)))).toMatchObject({ cut: false });
  expect(shown('a.txt', 9, JSON.stringify('\n'.repeat(LINES - 1)))).toMatchObject({ lines: true });
});

test('what is no JSON is text, and no model', () => {
  expect(shown('a.txt', 3, 'x y')).toMatchObject({ kind: 'text', text: 'x y' });
  expect(described('x y')).toBeUndefined();
  expect(described('{"flavors": 3}')).toBeUndefined();
});

test('lines have numbers that are no part of the text', () => {
  const box = drawn(<Lines text={`import os\n\n${EVIL}`} label="main.py" />);

  expect(box.querySelector('pre')?.textContent).toBe(`import os\n\n${EVIL}\n`);
  expect([...box.querySelectorAll('span')].map(one => one.getAttribute('data-line'))).toEqual([
    '1',
    '2',
    '3'
  ]);
  expect(box.querySelector('img')).toBeNull();
  expect(box.querySelector('pre')?.getAttribute('aria-label')).toBe('main.py');
});

test('a page is never drawn, only its text', () => {
  const box = drawn(<Preview name="a.html" size={40} output={JSON.stringify(`<h1>x</h1>${EVIL}`)} />);

  expect([box.querySelector('h1'), box.querySelector('img')]).toEqual([null, null]);
  expect(box.textContent).toContain('<h1>x</h1>');
});

test('a notebook is its cells, each with numbers of its own', () => {
  const cells = [
    { type: 'markdown', source: EVIL },
    { type: 'code', source: 'a = 1\nb = 2' }
  ];
  const box = drawn(<Preview name="fit.ipynb" size={40} output={JSON.stringify(cells)} />);

  expect([...box.querySelectorAll('li')].map(one => one.querySelectorAll('[data-line]').length)).toEqual([
    1, 2
  ]);
  expect(box.querySelector('pre[aria-label="Cell 2, code"]')?.textContent).toBe('a = 1\nb = 2\n');
  expect(box.querySelector('img')).toBeNull();
});

test('binary data say how many they are', () => {
  expect(drawn(<Preview name="a.bin" size={2048} output={'""'} />).textContent).toContain('2.0 KB of binary');
  expect(drawn(<Preview name="a.txt" size={0} output={'""'} />).textContent).toBe('The file is empty.');
});

test('a model of MLflow says its flavors, its signature and when it was made', () => {
  const box = drawn(<Model described={DESCRIBED} />);

  expect(box.textContent).toContain(`python_function 3.11.2, ${EVIL}`);
  const tables = [...box.querySelectorAll('section')].map(one => one.textContent);
  expect(tables).toEqual([
    'Takesnametypelengthdouble',
    'Givesnametype(no name)int64 [-1]',
    'Model parametersnametypetfloatoptional'
  ]);
  expect(box.querySelector('time')?.getAttribute('dateTime')).toBe('2026-01-01T10:00:00.123456Z');
  expect(box.querySelector('img')).toBeNull();
  const bare = { ...DESCRIBED, inputs: [], outputs: [], params: [] };
  expect(drawn(<Model described={bare} />).textContent).toContain('no signature');
});
