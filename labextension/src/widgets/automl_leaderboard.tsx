/** What AutoML has tried, the best first. */

import { board } from '../model/automl';
import { Leaderboard } from '../views/automl';
import { anywidget } from './any';
import { job } from './jobs';

export const mount = job((model, open) => (
  <Leaderboard
    found={board(model.resource?.properties ?? {}, model.run, model.children, model.values)}
    open={open}
  />
));

export default anywidget(mount);
