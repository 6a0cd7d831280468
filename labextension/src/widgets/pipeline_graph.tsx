/** The steps of a pipeline as a graph with live states. */

import { graph } from '../model/children';
import { Graph } from '../views/graph';
import { anywidget } from './any';
import { job } from './jobs';

export const mount = job((model, open) => (
  <Graph graph={graph(model.resource?.properties ?? {}, model.children)} open={open} />
));

export default anywidget(mount);
