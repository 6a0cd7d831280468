import { describe, expect, test } from 'vitest';
import { absolute, ago, blanks, bytes, cell, duration, final, icon, json, number, tone } from '../src/format';

describe('numbers', () => {
  test.each([
    [0, '0'],
    [42, '42'],
    [999999, '999999'],
    [0.123456789, '0.12346'],
    [1e-7, '1e-7'],
    [123456.789, '1.2346e+5'],
    [-0.5, '-0.5'],
    [NaN, 'nan'],
    [-Infinity, '-inf']
  ])('%s is written %s', (value, text) => expect(number(value)).toBe(text));

  test('points of a column stand below each other', () => {
    const found = blanks(['0.818', '4', '-12.5', '1e-7', 'nan']);

    expect(found).toEqual(['', '\u2008\u2007\u2007\u2007', '\u2007\u2007', '', '']);
    expect(blanks(['1', '20'])).toEqual(['', '']);
  });

  test.each([
    [0, '0 B'],
    [532, '532 B'],
    [1536, '1.5 KB'],
    [20 * 1024 ** 2, '20 MB'],
    [3 * 1024 ** 4, '3.0 TB']
  ])('%s bytes are %s', (value, text) => expect(bytes(value)).toBe(text));
});

describe('times', () => {
  test.each([
    [0.4199, '0.42 s'],
    [12.7, '12 s'],
    [185, '3 min 05 s'],
    [7800, '2 h 10 min'],
    [3 * 86400 + 4 * 3600, '3 d 4 h'],
    [-3, '0 s']
  ])('%s seconds are %s', (value, text) => expect(duration(value)).toBe(text));

  const now = Date.parse('2026-03-01T12:00:00Z');
  test.each([
    ['2026-03-01T11:59:30Z', 'now'],
    ['2026-03-01T12:05:00Z', 'now'],
    ['2026-03-01T11:15:00Z', '45 min'],
    ['2026-03-01T09:00:00Z', '3 h'],
    ['2026-02-20T12:00:00Z', '9 d'],
    ['2025-12-24T12:00:00Z', '2025-12-24'],
    ['', '']
  ])('%s was %s', (iso, text) => expect(ago(iso, now)).toBe(text));

  test('an absolute time says its day', () => {
    expect(absolute('2026-03-01T12:00:00Z')).toContain('2026');
    expect(absolute('nonsense')).toBe('');
  });
});

test('every status has an icon and a tone', () => {
  for (const status of ['Completed', 'Failed', 'Running', 'Queued', 'Canceled', 'Something']) {
    expect(icon(status)).toHaveLength(1);
    expect(['good', 'bad', 'busy', 'wait', 'still']).toContain(tone(status));
  }
  expect([final('Completed'), final('Running')]).toEqual([true, false]);
});

test('any value is one line', () => {
  expect(cell({ a: 1, b: [true, null, 'x'] })).toBe('a=1, b=yes, , x');
});

describe('JSON', () => {
  test('has rows of numbers on one line each', () => {
    const value = {
      input_data: {
        columns: ['a', 'b'],
        data: [
          [1, null],
          ['x, "y"', true]
        ]
      },
      none: {}
    };

    expect(json(value)).toBe(`{
  "input_data": {
    "columns": ["a", "b"],
    "data": [
      [1, null],
      ["x, \\"y\\"", true]
    ]
  },
  "none": {}
}`);
    expect(JSON.parse(json(value))).toEqual(value);
  });

  test.each([[[]], [{}], [null], ['text'], [1.5], [[[]]], [{ a: [{ b: [] }] }]])(
    '%j stays what it is',
    value => expect(JSON.parse(json(value))).toEqual(value)
  );
});
