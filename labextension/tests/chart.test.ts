import { expect, test } from 'vitest';
import { thin, ticks } from '../src/views/chart';

test.each([
  [0, 1],
  [0.13, 0.97],
  [-3, 12_000],
  [5, 5],
  [0, 0],
  [1e-9, 3e-9]
])('ticks from %s to %s are round, rise and cover', (low, high) => {
  const found = ticks(low, high);

  expect(found.length).toBeGreaterThan(1);
  expect(found.length).toBeLessThan(12);
  expect(found[0]).toBeLessThanOrEqual(low);
  expect(found.at(-1)).toBeGreaterThanOrEqual(high);
  for (let at = 1; at < found.length; at += 1) expect(found[at]).toBeGreaterThan(found[at - 1] ?? Infinity);
});

test('thinning keeps every spike, the order and both ends', () => {
  const points = Array.from({ length: 10_000 }, (_, x) => ({ x, y: x === 4321 ? 99 : Math.sin(x / 500) }));
  const found = thin(points);

  expect(found.length).toBeLessThanOrEqual(402);
  expect(Math.max(...found.map(one => one.y))).toBe(99);
  expect(found.at(-1)).toBe(points.at(-1));
  expect(found.map(one => one.x)).toEqual(found.map(one => one.x).toSorted((one, other) => one - other));
});
