import { Signal } from '@lumino/signaling';
import { expect, test } from 'vitest';
import type { Live } from '../src/live';
import { PanelModel } from '../src/model/panel';
import type { Rest, Section, Workspace } from '../src/rest';

function section(segment: string, places?: string[]): Section {
  return { segment, title: segment, versioned: false, noun: segment, verbs: [], places };
}

function workspace(name: string, place: Workspace['place']): Workspace {
  return { name, resourceGroup: 'g', id: `/${name}`, place, profile: '' };
}

function panel(segment: string): { model: PanelModel; asked: string[] } {
  const asked: string[] = [];
  const rest = {
    workspaces: () => Promise.resolve({ value: [workspace('here', 'LOCAL'), workspace('away', 'AZURE')] }),
    sections: () =>
      Promise.resolve({
        value: [section('jobs'), section('data', ['LOCAL', 'AZURE']), section('onlineEndpoints', ['AZURE'])]
      }),
    arm: (of: string, path: string) => {
      asked.push(`${of}/${path}`);
      return Promise.resolve({ value: [] });
    }
  } as unknown as Rest;
  const source = {};
  const live = { changed: new Signal(source) } as unknown as Live;
  return { model: new PanelModel(rest, live, () => Promise.resolve({ segment })), asked };
}

const offered = (model: PanelModel): string[] => model.offered.map(one => one.segment);

test('a workspace offers the sections of its place', async () => {
  const { model } = panel('jobs');
  await model.refresh();
  expect(offered(model)).toEqual(['jobs', 'data']);

  model.choose('/away');
  expect(offered(model)).toEqual(['jobs', 'data', 'onlineEndpoints']);
});

test('a section that the other workspace does not have is not opened there', async () => {
  const { model, asked } = panel('jobs');
  await model.refresh();
  model.choose('/away');
  model.open('onlineEndpoints');
  model.choose('/here');

  expect(model.opened).toBeUndefined();
  expect(asked).not.toContain('/here/onlineEndpoints');
  expect(asked).toContain('/away/onlineEndpoints');
});

test('a section that was open in Azure is not remembered for this machine', async () => {
  const { model, asked } = panel('onlineEndpoints');
  await model.refresh();

  expect(model.workspace?.id).toBe('/here');
  expect(asked).toEqual([]);
});
