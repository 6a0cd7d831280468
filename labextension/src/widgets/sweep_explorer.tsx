/** The trials of a sweep: best so far, the ways through the search space, the table. */

import { sweep } from '../model/children';
import { Sweep } from '../views/sweep';
import { anywidget } from './any';
import { job } from './jobs';

export const mount = job((model, open) => (
  <Sweep found={sweep(model.resource?.properties ?? {}, model.children, model.values)} open={open} />
));

export default anywidget(mount);
