import { describe, expect, test } from 'vitest';
import { Listing } from '../src/model/listing';
import { note, row, status, Tree } from '../src/model/rows';
import { type Page, type Resource, type Rest, RestError } from '../src/rest';

function job(number: number, status_ = 'Completed'): Resource {
  const name = `job${number}`;
  return { id: `/w/jobs/${name}`, name, properties: { jobType: 'Command', status: status_ } };
}

/** A service with jobs in pages of two, newest first. */
class Service {
  asked: string[] = [];
  broken = false;

  constructor(public jobs: Resource[]) {}

  rest(): Rest {
    return {
      arm: (_: string, path: string) => this.arm(path),
      follow: (link: string) => this.page(Number(new URL(link).searchParams.get('at'))),
      api: (_: string, __: string, path: string) => {
        this.asked.push(path);
        return Promise.resolve({
          value: [{ runId: 'child1', status: 'Running', runType: 'azureml.scriptrun' }]
        });
      }
    } as unknown as Rest;
  }

  private async arm(path: string): Promise<unknown> {
    this.asked.push(path);
    if (this.broken) throw new RestError(503, 'Busy', 'not now');
    if (path === 'jobs') return this.page(0);
    const found = this.jobs.find(one => `jobs/${one.name}` === path);
    if (!found) throw new RestError(404, 'NotFound', 'gone');
    return found;
  }

  private async page(at: number): Promise<Page<Resource>> {
    this.asked.push(`page ${at}`);
    const value = this.jobs.slice(at, at + 2);
    const nextLink = at + 2 < this.jobs.length ? `https://management.x/jobs?at=${at + 2}` : undefined;
    return { value, nextLink };
  }
}

function listing(service: Service): Listing {
  return new Listing(service.rest(), '/w', 'jobs');
}

describe('a list', () => {
  test('is read page by page to its end', async () => {
    const service = new Service([5, 4, 3, 2, 1].map(number => job(number)));
    const found = listing(service);
    for (let round = 0; round < 5; round += 1) await found.more();

    expect(found.items.map(one => one.name)).toEqual(['job5', 'job4', 'job3', 'job2', 'job1']);
    expect(found.done).toBe(true);
    expect(service.asked.filter(one => one.startsWith('page'))).toEqual(['page 0', 'page 2', 'page 4']);
  });

  test('asks for a page once, however often it is asked to', async () => {
    const service = new Service([job(1)]);
    const found = listing(service);
    await Promise.all([found.more(), found.more(), found.more()]);

    expect(service.asked).toEqual(['jobs', 'page 0']);
  });

  test('takes a new item in and keeps what lies behind the newest page', async () => {
    const service = new Service([4, 3, 2, 1].map(number => job(number)));
    const found = listing(service);
    await found.more();
    await found.more();
    service.jobs.unshift(job(5));
    await found.refresh(['job5']);

    expect(found.items.map(one => one.name)).toEqual(['job5', 'job4', 'job3', 'job2', 'job1']);
  });

  test('fetches a changed item by itself, wherever it stands', async () => {
    const service = new Service([4, 3, 2, 1].map(number => job(number, 'Running')));
    const found = listing(service);
    await found.more();
    await found.more();
    service.asked = [];
    service.jobs[3] = job(1, 'Failed');
    await found.refresh(['job1']);

    expect(service.asked).toEqual(['jobs/job1']);
    expect(status(found.items[3] as Resource)).toBe('Failed');
  });

  test('lets go of what was deleted', async () => {
    const service = new Service([job(2), job(1)]);
    const found = listing(service);
    await found.more();
    service.jobs.shift();
    await found.refresh(['job2']);

    expect(found.items.map(one => one.name)).toEqual(['job1']);
  });

  test('keeps what it has when the service is away, and says so', async () => {
    const service = new Service([job(1)]);
    const found = listing(service);
    await found.more();
    service.broken = true;
    await found.refresh();

    expect(found.error?.message).toBe('not now');
    expect(found.items).toHaveLength(1);
    service.broken = false;
    await found.refresh();
    expect(found.error).toBeUndefined();
  });

  test('a refresh in the middle of another is not lost', async () => {
    const service = new Service([job(1)]);
    const found = listing(service);
    await found.more();
    const first = found.refresh();
    service.jobs.unshift(job(2));
    await Promise.all([first, found.refresh(['job2'])]);

    expect(found.items.map(one => one.name)).toEqual(['job2', 'job1']);
  });
});

describe('rows', () => {
  test('say what tells a resource apart', () => {
    const of = (properties: Record<string, unknown>): Resource => ({ id: '/x', name: 'x', properties });
    expect(note(of({ latestVersion: '3', dataType: 'uri_file' }))).toBe('v3');
    expect(note(of({ computeType: 'AmlCompute' }))).toBe('AmlCompute');
    expect(status(of({ provisioningState: 'Succeeded' }))).toBe('');
    expect(status(of({ provisioningState: 'Failed' }))).toBe('Failed');
    expect(row(of({ displayName: 'Nice' })).title).toBe('Nice');
  });

  test('children stand below their parent while it is open', async () => {
    const parent: Resource = {
      id: '/w/jobs/p',
      name: 'p',
      properties: { jobType: 'Sweep', status: 'Running' }
    };
    const tree = new Tree(new Service([]).rest(), '/w');
    await tree.toggle(row(parent));

    expect(tree.rows([parent]).map(one => [one.name, one.depth])).toEqual([
      ['p', 0],
      ['child1', 1]
    ]);
    await tree.toggle(row(parent));
    expect(tree.rows([parent])).toHaveLength(1);
  });
});
