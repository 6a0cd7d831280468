/** The card of a job. */

import { anywidget } from './any';
import { job } from './jobs';

export const mount = job();

export default anywidget(mount);
