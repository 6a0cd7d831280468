/** Bundles each widget into one module beside its Python, and their style sheet: nothing is fetched when they run. */

import { build } from 'esbuild';
import { readFileSync } from 'node:fs';

const NAMES = [
  'automl_leaderboard',
  'connect_form',
  'datastore_browser',
  'endpoint_tester',
  'job_card',
  'pipeline_graph',
  'run_comparison',
  'sweep_explorer'
];
const TARGET = '../jupyter_aml/widgets';
const common = { bundle: true, minify: true, logLevel: 'warning', charset: 'utf8', legalComments: 'none' };

await build({
  ...common,
  entryPoints: Object.fromEntries(NAMES.map(name => [`${name}/widget`, `src/widgets/${name}.tsx`])),
  outdir: TARGET,
  format: 'esm',
  platform: 'browser',
  target: 'es2022',
  tsconfig: 'tsconfig.json'
});
await build({
  ...common,
  stdin: {
    contents: ['style/alone.css', 'style/index.css'].map(file => readFileSync(file, 'utf8')).join('\n'),
    loader: 'css'
  },
  outfile: `${TARGET}/widget.css`
});
