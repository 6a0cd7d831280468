import { render, type VNode } from 'preact';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { MeasuresModel } from '../src/model/measures';
import { Histogram, Measures } from '../src/views/measures';
import { Azure, endpoint, WORKSPACE } from './azure';

const NOW = Date.parse('2026-01-01T12:00:30Z');
const MINUTE = 60_000;

type Points = [minute: number, value: number][];

function drawn(node: VNode): HTMLElement {
  const box = document.createElement('div');
  document.body.append(box);
  render(node, box);
  return box;
}

/** A series as Azure Monitor answers; minutes count from now. */
function series(dimensions: Record<string, string>, points: Points, key = 'average'): unknown {
  return {
    metadatavalues: Object.entries(dimensions).map(([value, told]) => ({ name: { value }, value: told })),
    data: points.map(([minute, value]) => ({
      timeStamp: new Date(Math.floor(NOW / MINUTE) * MINUTE + minute * MINUTE).toISOString(),
      [key]: value
    }))
  };
}

function latency(deployment: string, points: Points): unknown {
  return series({ deployment }, points);
}

/** Two deployments: blue answers quickly, green fails half of the time. */
function busy(): Azure {
  const azure = new Azure(endpoint());
  azure.metrics = {
    RequestsPerMinute: [
      series({ Deployment: 'blue', StatusCodeClass: '2xx' }, [
        [-2, 30],
        [-1, 10]
      ]),
      series({ Deployment: 'green', StatusCodeClass: '2xx' }, [[-1, 5]]),
      series({ Deployment: 'green', StatusCodeClass: '5xx' }, [[-1, 5]]),
      series({ Deployment: 'red', StatusCodeClass: '2xx' }, [[-1, 0]])
    ],
    RequestLatency_P50: [
      latency('blue', [
        [-2, 2],
        [-1, 6]
      ]),
      latency('green', [[-1, 10]]),
      latency('red', [[-1, 0]])
    ],
    RequestLatency_P90: [latency('blue', [[-2, 4]]), latency('green', [[-1, 20]])],
    RequestLatency_P99: [latency('blue', [[-2, 8]]), latency('green', [[-1, 40]])],
    RequestLatencyBucket: [
      ...[
        ['1', 0],
        ['2.5', 30],
        ['10', 40],
        ['100', 40],
        ['+Inf', 40]
      ].map(([le, count]) => series({ deployment: 'blue', le: String(le) }, [[-1, Number(count)]], 'total')),
      ...[
        ['10', 5],
        ['100', 10],
        ['+Inf', 10]
      ].map(([le, count]) => series({ deployment: 'green', le: String(le) }, [[-1, Number(count)]], 'total'))
    ]
  };
  return azure;
}

async function measures(azure: Azure, place = 'LOCAL'): Promise<MeasuresModel> {
  const found = new MeasuresModel(azure.rest(), WORKSPACE, 'onlineEndpoints/iris', place, () => NOW);
  await found.refresh();
  return found;
}

function cells(box: HTMLElement, row = 0): (string | null)[] {
  return [...(box.querySelectorAll('tbody tr')[row]?.querySelectorAll('td') ?? [])].map(
    one => one.textContent
  );
}

afterEach(() => {
  vi.useRealTimers();
  document.body.replaceChildren();
});

describe('what is asked', () => {
  test('are metrics of the endpoint with the dimensions that they have', async () => {
    const azure = busy();
    await measures(azure, 'AZURE');

    expect(new Set(azure.asked.map(([, path]) => path))).toEqual(
      new Set(['onlineEndpoints/iris/providers/Microsoft.Insights/metrics'])
    );
    expect(azure.measured.map(one => [one.metricnames, one.$filter])).toEqual([
      ['RequestsPerMinute', "deployment eq '*' and statusCodeClass eq '*'"],
      ['RequestLatency_P50,RequestLatency_P90,RequestLatency_P99', "deployment eq '*'"]
    ]);
    expect(azure.measured[0]).toMatchObject({ 'api-version': '2023-10-01', interval: 'PT1M' });
    expect(azure.measured[0]).not.toHaveProperty('timespan');
  });

  test('is the histogram, too, where this machine answers', async () => {
    const azure = busy();
    await measures(azure);

    expect(azure.measured[2]).toMatchObject({
      metricnames: 'RequestLatencyBucket',
      $filter: "deployment eq '*' and le eq '*'"
    });
  });

  test('is asked again and again, but only while somebody looks', async () => {
    vi.useFakeTimers();
    const azure = busy();
    const found = new MeasuresModel(azure.rest(), WORKSPACE, 'onlineEndpoints/iris', 'AZURE');
    await vi.advanceTimersByTimeAsync(200_000);
    expect(azure.measured).toHaveLength(0);

    found.seen(true);
    await vi.advanceTimersByTimeAsync(61_000);
    expect(azure.measured).toHaveLength(4);

    found.seen(false);
    await vi.advanceTimersByTimeAsync(600_000);
    expect(azure.measured).toHaveLength(4);
    found.dispose();
  });
});

describe('the figures', () => {
  test('are those of each deployment that was asked', async () => {
    const box = drawn(<Measures measures={await measures(busy())} id="one" />);

    expect(cells(box)).toEqual(['blue', '40', '0', '3', '4', '8']);
    expect(cells(box, 1)).toEqual(['green', '10', '50', '10', '20', '40']);
    expect(box.querySelectorAll('tbody tr')).toHaveLength(2);
  });

  test('of an endpoint that nobody has asked are none', async () => {
    const azure = new Azure(endpoint());
    azure.metrics = {
      RequestsPerMinute: [series({ deployment: 'blue', statusCodeClass: '2xx' }, [[-1, 0]])]
    };
    const box = drawn(<Measures measures={await measures(azure)} id="one" />);

    expect(box.textContent).toContain('No requests yet');
    expect(box.querySelector('table, svg')).toBeNull();
  });

  test('that cannot be had say why and can be asked for again', async () => {
    const azure = busy();
    azure.fails.metrics = new Error('Monitoring Reader is missing.');
    const found = await measures(azure);
    const box = drawn(<Measures measures={found} id="one" />);
    expect(box.querySelector('[role=alert]')?.textContent).toContain('Monitoring Reader is missing.');

    azure.fails = {};
    box.querySelector<HTMLButtonElement>('[role=alert] button')?.click();
    await vi.waitFor(() => expect(found.known).toBe(true));
    expect(found.error).toBeUndefined();
  });
});

describe('the pictures', () => {
  test('show requests and errors of the whole hour, and latencies where there are some', async () => {
    const found = await measures(busy());
    const [requests, errors] = found.requests;

    expect(requests?.points).toHaveLength(59);
    expect(requests?.points[0]).toEqual({ x: -59, y: 0 });
    expect(requests?.points.slice(-2)).toEqual([
      { x: -2, y: 30 },
      { x: -1, y: 20 }
    ]);
    expect(errors?.points.at(-1)).toEqual({ x: -1, y: 5 });
    expect(found.latencies[0]?.points).toEqual([
      { x: -2, y: 2 },
      { x: -1, y: 8 }
    ]);
  });

  test('are those of one deployment when it is chosen', async () => {
    const found = await measures(busy());
    const box = drawn(<Measures measures={found} id="one" />);
    const select = box.querySelector('select') as HTMLSelectElement;
    expect([...select.options].map(one => one.textContent)).toEqual(['all deployments', 'blue', 'green']);

    select.value = 'green';
    select.dispatchEvent(new Event('change', { bubbles: true }));
    expect(found.latencies[0]?.points).toEqual([{ x: -1, y: 10 }]);
    expect(found.histogram).toEqual([
      { from: 0, to: 10, count: 5 },
      { from: 10, to: 100, count: 5 }
    ]);
  });

  test('spread the latencies over bars without the empty ends', async () => {
    const found = await measures(busy());
    expect(found.histogram).toEqual([
      { from: 1, to: 2.5, count: 30 },
      { from: 2.5, to: 10, count: 15 },
      { from: 10, to: 100, count: 5 }
    ]);

    const box = drawn(<Measures measures={found} id="one" />);
    expect(box.querySelectorAll('rect.jp-AmlLab-bars')).toHaveLength(3);
    expect(box.querySelectorAll('figure')).toHaveLength(3);
    const said = [...box.querySelectorAll('svg')].at(-1)?.getAttribute('aria-label');
    expect(said).toBe('Requests by latency, ms. 1 to 2.5: 30; 2.5 to 10: 15; 10 to 100: 5');
  });

  test('have no histogram where the service tells of none', async () => {
    const found = await measures(busy(), 'AZURE');
    const box = drawn(<Measures measures={found} id="one" />);

    expect(found.histogram).toEqual([]);
    expect(box.querySelectorAll('figure')).toHaveLength(2);
  });

  test('add up deployments whose buckets have other ends', async () => {
    const azure = busy();
    azure.metrics.RequestLatencyBucket = [
      series({ deployment: 'blue', le: '10' }, [[-1, 4]], 'total'),
      series({ deployment: 'green', le: '20' }, [[-1, 3]], 'total')
    ];

    expect((await measures(azure)).histogram).toEqual([
      { from: 0, to: 10, count: 4 },
      { from: 10, to: 20, count: 3 }
    ]);
  });

  test('name a bar that has no upper end', () => {
    const bars = [
      { from: 0, to: 100, count: 1 },
      { from: 100, to: Infinity, count: 3 }
    ];
    expect(drawn(<Histogram title="x" bars={bars} />).textContent).toContain('> 100');
  });
});
