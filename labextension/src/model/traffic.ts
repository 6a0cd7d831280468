/** How an online endpoint shares its requests among its deployments: what is to be saved, and what speaks against it. */

/** Whole percent by the name of a deployment. */
export type Shares = Record<string, number>;

/** Requests that are answered, and copies of requests that are only looked at. */
export interface Traffic {
  live: Shares;
  mirror: Shares;
}

/** What speaks against saving; `by` is in percent. */
export type Fault =
  | { kind: 'short' | 'over'; by: number }
  | { kind: 'mirrored'; by: number }
  | { kind: 'mirrors' }
  | { kind: 'both'; name: string };

const FULL = 100;
/** Source: Azure ML, "Perform safe rollout of new deployments": of one deployment, and at most half. */
export const MIRRORED = 50;

/** A whole percent of what was typed, from 0 to 100. */
export function percent(typed: string | number): number {
  const value = Math.round(Number(typed));
  return Number.isFinite(value) ? Math.min(Math.max(value, 0), FULL) : 0;
}

export function sum(shares: Shares): number {
  return Object.values(shares).reduce((found, one) => found + one, 0);
}

/** What speaks against saving it; live traffic sums to 100, or to 0 where nobody is to be served. */
export function faults({ live, mirror }: Traffic): Fault[] {
  const found: Fault[] = [];
  const total = sum(live);
  if (total > FULL) found.push({ kind: 'over', by: total - FULL });
  else if (total !== 0 && total < FULL) found.push({ kind: 'short', by: FULL - total });
  const mirrors = Object.keys(some(mirror));
  if (mirrors.length > 1) found.push({ kind: 'mirrors' });
  const most = Math.max(0, ...Object.values(mirror));
  if (most > MIRRORED) found.push({ kind: 'mirrored', by: most - MIRRORED });
  const both = mirrors.find(name => (live[name] ?? 0) > 0);
  if (both) found.push({ kind: 'both', name: both });
  return found;
}

/** Those that get something, as Azure keeps them. */
export function some(shares: Shares): Shares {
  return Object.fromEntries(Object.entries(shares).filter(([, value]) => value > 0));
}

/** Whether two say the same, whoever gets nothing. */
export function same(one: Traffic, other: Traffic): boolean {
  return alike(one.live, other.live) && alike(one.mirror, other.mirror);
}

function alike(one: Shares, other: Shares): boolean {
  const names = new Set([...Object.keys(one), ...Object.keys(other)]);
  return [...names].every(name => (one[name] ?? 0) === (other[name] ?? 0));
}

/** The traffic that an endpoint's properties tell. */
export function told(held: Record<string, unknown>): Traffic {
  return { live: (held.traffic ?? {}) as Shares, mirror: (held.mirrorTraffic ?? {}) as Shares };
}
