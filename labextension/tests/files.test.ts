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

const KNOWN = {
  address: (path: string) => `fetch/${path}`,
  model: (path: string) => (path ? `runs:/j/${path}` : '')
};

test('pictures are shown where they can be fetched', async () => {
  const found = new FilesModel({} as Rest, '/w', 'azureml://jobs/j/', KNOWN);
  found.path = ['plots'];
  await found.open({ name: 'roc.png', folder: false, size: 9, modified: null });

  expect([found.file, found.image]).toEqual(['roc.png', 'fetch/plots/roc.png']);
  expect(found.address('a.txt')).toBe('fetch/plots/a.txt');
  expect(model({}).found.address('a.txt')).toBe('');
});

test('a picture that cannot be fetched is previewed like any file', async () => {
  const { found, asked } = model({ 'preview store/roc.png': '""' });
  await found.open({ name: 'roc.png', folder: false, size: 9, modified: null });

  expect([found.image, found.preview?.output, asked.length]).toEqual(['', '""', 1]);
});

test('a folder that is listed again stays open, and so does its file', async () => {
  const { found, asked } = model({ 'ls store/raw': FOLDER, 'preview store/raw/iris.csv': '[{"a":1}]' });
  await found.go(['raw']);
  await found.open({ name: 'iris.csv', folder: false, size: 12, modified: null });
  await found.refresh();

  expect(asked.map(words => words.slice(0, 2).join(' '))).toEqual([
    'ls store/raw',
    'preview store/raw/iris.csv',
    'ls store/raw'
  ]);
  expect([found.path, found.file, found.preview?.output]).toEqual([['raw'], 'iris.csv', '[{"a":1}]']);
});

test('a root that is not there is no fault, a folder that is gone is one', async () => {
  const { found } = model({});
  await found.go([]);
  expect([found.missing, found.error]).toEqual(['There is no such folder.', '']);
  await found.go(['raw']);
  expect([found.missing, found.error]).toEqual(['', 'There is no such folder.']);
});

const MODEL = JSON.stringify([{ name: 'MLmodel', folder: false, size: 9, modified: null }]);
const DESCRIBED = '{"flavors": [{"name": "sklearn", "version": "1.5"}]}';

function runs(answers: Record<string, string>): FilesModel {
  const run = async (_: string, words: string[]): Promise<Ended> => {
    const output = answers[words.slice(0, 2).join(' ')];
    return {
      code: output === undefined ? 3 : 0,
      output: output ?? '',
      error: output === undefined ? 'No.' : ''
    };
  };
  return new FilesModel({ run } as unknown as Rest, '/w', 'r/', KNOWN);
}

test('a folder with an MLmodel is described, and loaded by the code that is offered', async () => {
  const found = runs({ 'ls r/model': MODEL, 'preview r/model/MLmodel': DESCRIBED, 'ls r/': FOLDER });
  await found.go(['model']);

  expect(found.described?.flavors).toEqual([{ name: 'sklearn', version: '1.5' }]);
  expect(found.loader).toBe('import mlflow\n\nmodel = mlflow.pyfunc.load_model("runs:/j/model")');
  await found.go([]);
  expect([found.described, found.loader]).toEqual([undefined, '']);
});

test('the file that describes a model is shown as it is written', async () => {
  const found = runs({ 'ls r/': MODEL, 'preview r/MLmodel': DESCRIBED, 'cat r/MLmodel': '"flavors:"' });
  await found.go([]);
  await found.open({ name: 'MLmodel', folder: false, size: 9, modified: null });

  expect([found.preview?.output, found.described?.flavors.length]).toEqual(['"flavors:"', 1]);
});

test('a model that MLflow has no word for is described without code', async () => {
  const found = runs({ 'ls r/': MODEL, 'preview r/MLmodel': DESCRIBED });
  await found.go([]);

  expect([found.described?.flavors.length, found.loader]).toEqual([1, '']);
});

test('an answer that somebody has not waited for does not describe another folder', async () => {
  const waits: Record<string, (ended: Ended) => void> = {};
  const asked: string[] = [];
  const run = (_: string, words: string[]): Promise<Ended> => {
    const key = words.slice(0, 2).join(' ');
    asked.push(key);
    return new Promise(resolve => {
      waits[key] = resolve;
    });
  };
  const found = new FilesModel({ run } as unknown as Rest, '/w', 'r/', KNOWN);
  const first = found.go(['model']);
  const second = found.go(['other']);
  waits['ls r/model']?.({ code: 0, output: MODEL, error: '' });
  await first;
  waits['ls r/other']?.({ code: 0, output: FOLDER, error: '' });
  await second;

  expect(asked).toEqual(['ls r/model', 'ls r/other']);
  expect([found.entries?.length, found.described, found.busy]).toEqual([2, undefined, false]);
});
