/** The mark of the panel: a flask of points that a line has found. */

import { LabIcon } from '@jupyterlab/ui-components';

const SVG = `<svg xmlns="http://www.w3.org/2000/svg" width="16" height="16" viewBox="0 0 24 24">
<g class="jp-icon3" fill="none" stroke="#616161" stroke-width="2" stroke-linecap="round" stroke-linejoin="round">
<path d="M3 20h18"/><path d="M4 16c4 0 5-9 9-9s4 3 7 3"/></g>
<g class="jp-icon3" fill="#616161"><circle cx="6" cy="11" r="1.6"/><circle cx="11" cy="13" r="1.6"/>
<circle cx="16" cy="4.5" r="1.6"/></g></svg>`;

export const icon = new LabIcon({ name: 'jupyter-aml:icon', svgstr: SVG });
