/** An online and a batch endpoint as Azure tells of them, api-version 2024-10-01-preview. */

import { EndpointModel } from '../src/model/endpoint';
import type { Resource, Rest, Scored } from '../src/rest';

export const WORKSPACE =
  '/subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces/w';
const OPERATION =
  'https://management.azure.com/subscriptions/s/providers/Microsoft.MachineLearningServices/locations/westeurope/mfeOperationsStatus/odidp:1';
const WRITTEN = {
  createdAt: '2026-01-01T00:00:00.0000000Z',
  createdBy: 'Ada Lovelace',
  createdByType: 'User',
  lastModifiedAt: '2026-01-02T00:00:00.0000000Z'
};

export type Body = Resource & Record<string, unknown>;

export function endpoint(properties: Record<string, unknown> = {}): Body {
  return {
    id: `${WORKSPACE}/onlineEndpoints/iris`,
    name: 'iris',
    type: 'Microsoft.MachineLearningServices/workspaces/onlineEndpoints',
    location: 'westeurope',
    kind: 'Managed',
    tags: { team: 'flowers' },
    identity: { type: 'SystemAssigned', principalId: 'p', tenantId: 't' },
    systemData: WRITTEN,
    properties: {
      authMode: 'Key',
      description: 'Which flower it is',
      properties: { 'azureml.onlineendpointid': 'x' },
      provisioningState: 'Succeeded',
      publicNetworkAccess: 'Enabled',
      scoringUri: 'https://iris.westeurope.inference.ml.azure.com/score',
      swaggerUri: 'https://iris.westeurope.inference.ml.azure.com/swagger.json',
      traffic: { blue: 90, green: 10 },
      mirrorTraffic: {},
      ...properties
    }
  };
}

export function deployment(name: string, properties: Record<string, unknown> = {}): Body {
  return {
    id: `${WORKSPACE}/onlineEndpoints/iris/deployments/${name}`,
    name,
    type: 'Microsoft.MachineLearningServices/workspaces/onlineEndpoints/deployments',
    location: 'westeurope',
    sku: { name: 'Default', tier: 'Standard', capacity: 2 },
    systemData: WRITTEN,
    properties: {
      endpointComputeType: 'Managed',
      model: `${WORKSPACE}/models/iris/versions/3`,
      environmentId: `${WORKSPACE}/environments/sklearn/versions/7`,
      instanceType: 'Standard_DS3_v2',
      provisioningState: 'Succeeded',
      scaleSettings: { scaleType: 'Default' },
      properties: { AzureAsyncOperationUri: `${OPERATION}${name}?api-version=2024-10-01-preview` },
      ...properties
    }
  };
}

export function batch(): Body {
  return {
    id: `${WORKSPACE}/batchEndpoints/nightly`,
    name: 'nightly',
    location: 'westeurope',
    systemData: WRITTEN,
    properties: {
      authMode: 'AADToken',
      defaults: { deploymentName: 'first' },
      provisioningState: 'Succeeded',
      scoringUri: 'https://nightly.westeurope.inference.ml.azure.com/jobs'
    }
  };
}

export function batchDeployment(name: string): Body {
  return {
    id: `${WORKSPACE}/batchEndpoints/nightly/deployments/${name}`,
    name,
    systemData: WRITTEN,
    properties: {
      compute: `${WORKSPACE}/computes/cpu`,
      model: { referenceType: 'Id', assetId: `${WORKSPACE}/models/iris/versions/3` },
      resources: { instanceCount: 4 },
      provisioningState: 'Succeeded'
    }
  };
}

/** Azure, as far as a page of an endpoint asks it. */
export class Azure {
  asked: [string, string][] = [];
  sent: Record<string, unknown>[] = [];
  fails: Record<string, Error> = {};
  operations: Record<string, unknown> = {};
  answers: Scored[] = [];
  /** Series by the name of their metric. */
  metrics: Record<string, unknown[]> = {};
  /** Queries for metrics. */
  measured: Record<string, string>[] = [];
  document: Scored = { status: 404, headers: {}, body: '', milliseconds: 1 };

  constructor(
    public endpoint: Body | undefined,
    public deployments: Body[] = [],
    public jobs: Body[] = []
  ) {}

  rest(): Rest {
    return {
      arm: (
        _: string,
        path: string,
        more: { method?: string; body?: Record<string, unknown>; query?: Record<string, string> } = {}
      ) =>
        path.endsWith('/metrics')
          ? this.monitor(path, more.query ?? {})
          : this.arm(more.method ?? 'GET', path, more.body),
      api: (_: string, service: string, path: string, more: { query?: Record<string, string> }) => {
        this.asked.push(['GET', `${service}/${path}?${new URLSearchParams(more.query)}`]);
        return this.fails.jobs ? Promise.reject(this.fails.jobs) : Promise.resolve({ value: this.jobs });
      },
      follow: (link: string) => {
        this.asked.push(['GET', link]);
        const found = this.operations[link];
        return found ? Promise.resolve(found) : Promise.reject(new Error('gone'));
      },
      invoke: (_: string, name: string, body: string, deployment: string) => {
        this.asked.push(['POST', `invoke ${name} ${deployment} ${body}`]);
        const found = this.answers.shift();
        return found ? Promise.resolve(found) : Promise.reject(new Error('It could not be reached.'));
      },
      swagger: () => Promise.resolve(this.document)
    } as unknown as Rest;
  }

  private monitor(path: string, query: Record<string, string>): Promise<unknown> {
    this.asked.push(['GET', path]);
    this.measured.push(query);
    if (this.fails.metrics) return Promise.reject(this.fails.metrics);
    const names = query.metricnames?.split(',') ?? [];
    return Promise.resolve({
      value: names.map(value => ({ name: { value }, timeseries: this.metrics[value] ?? [] }))
    });
  }

  private async arm(method: string, path: string, body?: Record<string, unknown>): Promise<unknown> {
    this.asked.push([method, path]);
    const fails = this.fails[method];
    if (fails) throw fails;
    if (path.endsWith('/deployments')) return { value: this.deployments };
    if (path.endsWith('/getLogs'))
      return { content: `log of ${path.split('/').at(-2)} ${String(body?.containerType)}` };
    if (!this.endpoint) throw Object.assign(new Error('The endpoint was not found.'), { status: 404 });
    if (method === 'DELETE') this.endpoint.properties.provisioningState = 'Deleting';
    if (method === 'PUT' && body) {
      this.sent.push(body);
      const properties = { ...this.endpoint.properties, ...(body.properties as object) };
      this.endpoint = { ...this.endpoint, properties: { ...properties, provisioningState: 'Updating' } };
    }
    return structuredClone(this.endpoint);
  }
}

/** A model that has been fetched. */
export async function model(
  azure: Azure,
  segment = 'onlineEndpoints',
  name = 'iris'
): Promise<EndpointModel> {
  const found = new EndpointModel(azure.rest(), WORKSPACE, segment, name);
  await found.refresh();
  return found;
}

/** Two deployments that share the traffic. */
export const TWO = (): Azure => new Azure(endpoint(), [deployment('blue'), deployment('green')]);
