import { expect, test } from 'vitest';
import { FilesModel } from '../src/model/files';
import type { Ended, Rest } from '../src/rest';

const FOLDER = JSON.stringify([
  { name: 'raw', folder: true, size: null, modified: null },
  { name: 'iris.csv', folder: false, size: 12, modified: null }
]);

function model(answers: Record<string, string>, root = 'store/'): { found: FilesModel; asked: string[][] } {
  const asked: string[][] = [];
  const run = async (_: string, words: string[]): Promise<Ended> => {
    asked.push(words);
    const output = answers[words.slice(0, 2).join(' ')];
    return output === undefined
      ? { code: 3, output: '', error: 'There is no such folder.' }
      : { code: 0, output, error: '' };
  };
  return { found: new FilesModel({ run } as unknown as Rest, '/w', root), asked };
}

test('folders are opened one below the other, files are previewed', async () => {
  const { found, asked } = model({
    'ls store/': FOLDER,
    'ls store/raw': '[]',
    'preview store/iris.csv': '[{"a":1}]'
  });
  await found.go([]);
  expect(found.entries?.map(one => one.name)).toEqual(['raw', 'iris.csv']);

  await found.open({ name: 'iris.csv', folder: false, size: 12, modified: null });
  expect([found.file, found.preview?.output]).toEqual(['iris.csv', '[{"a":1}]']);
  await found.open({ name: 'raw', folder: true, size: null, modified: null });
  expect([found.where(), found.entries, found.file]).toEqual(['store/raw', [], '']);
  expect(asked.at(-1)?.slice(0, 2)).toEqual(['ls', 'store/raw']);
});

test('what is refused is said, and what was there stays', async () => {
  const { found } = model({ 'ls store/': FOLDER });
  await found.go([]);
  await found.go(['gone']);

  expect([found.error, found.busy, found.entries?.length]).toEqual(['There is no such folder.', false, 2]);
});

test.each([
  ['store/', 'a.csv', 'import pandas as pd\n\ndf = pd.read_csv("azureml://datastores/store/paths/a.csv")'],
  [
    'store/',
    'a.jsonl',
    'import pandas as pd\n\ndf = pd.read_json("azureml://datastores/store/paths/a.jsonl", lines=True)'
  ],
  ['store/', 'a b.png', '%aml cat "store/a b.png"'],
  ['azureml:iris:1', 'a.csv', '%aml cat azureml:iris:1/a.csv']
])('of %s, %s is read by code that fits', (root, name, code) => {
  expect(model({}, root).found.code(name)).toBe(code);
});

test('pictures are shown where they can be fetched', async () => {
  const found = new FilesModel({} as Rest, '/w', 'azureml://jobs/j/', path => `fetch/${path}`);
  found.path = ['plots'];
  await found.open({ name: 'roc.png', folder: false, size: 9, modified: null });

  expect([found.file, found.image]).toEqual(['roc.png', 'fetch/plots/roc.png']);
});
