import { expect, test } from 'vitest';
import { clean, firstError, LogText } from '../src/model/log';

test('whole lines come as pieces, the unfinished one as tail', () => {
  const log = new LogText();
  log.append('one\ntw');
  log.append('o\nthr');

  expect(log.pieces).toEqual(['one\n', 'two\n']);
  expect(log.tail).toBe('thr');
});

test('colours go, progress bars keep their last state', () => {
  expect(clean('\u001b[31mred\u001b[0m\r\n 10%\r 50%\r100%\nend')).toBe('red\n100%\nend');
});

test('the first traceback is the error, and what follows does not replace it', () => {
  const log = new LogText();
  log.append('start\nTraceback (most recent call last):\n  File "a.py", line 1\n');
  log.append('ValueError: bad\nmore\nKeyError: other\n');

  expect(log.error).toBe('Traceback (most recent call last):\n  File "a.py", line 1\nValueError: bad');
});

test('a line that says error is one, unless it says there is none', () => {
  expect(firstError('0 errors found\nall fine').text).toBe('');
  expect(firstError('x\nRuntimeError: no\ny').text).toBe('RuntimeError: no');
});

test('a long traceback keeps its head and its end', () => {
  const middle = Array.from({ length: 50 }, (_, index) => `  frame ${index}`);
  const found = firstError(
    ['Traceback (most recent call last):', ...middle, 'E: end', 'after', ''].join('\n')
  );

  expect(found.text.split('\n')).toHaveLength(14);
  expect(found.text.endsWith('E: end')).toBe(true);
  expect(found.whole).toBe(true);
});

test('a log without end stays small, and says what it has let go', () => {
  const log = new LogText();
  const line = `${'x'.repeat(99)}\n`;
  for (let count = 0; count < 200; count += 1) log.append(line.repeat(100));

  const kept = log.pieces.join('').length;
  expect(kept).toBeLessThanOrEqual(400_000);
  expect(kept + log.skipped).toBe(2_000_000);
  expect(log.first + log.pieces.length).toBe(200);
});

test('a log that begins anew has new pieces', () => {
  const log = new LogText();
  log.append('a\n');
  const before = log.first + log.pieces.length;
  log.reset(7);
  log.append('b\n');

  expect(log.first).toBeGreaterThanOrEqual(before);
  expect([log.pieces, log.skipped]).toEqual([['b\n'], 7]);
});
