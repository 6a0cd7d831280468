/** How many runs are chosen, and what can be done with them. */

import type { JSX } from 'preact';
import { comparable, MOST } from '../model/compare';
import type { Selection } from '../model/selection';
import { t } from './text';

/** A bar; nothing while fewer than two runs are chosen. */
export function Chosen({
  selection,
  compare,
  clear
}: {
  selection: Selection;
  compare: () => void;
  clear: () => void;
}): JSX.Element {
  const { fault } = comparable(selection.names);
  return (
    <div class="jp-AmlLab-chosen" role="status" data-shown={fault !== 'few'}>
      {fault !== 'few' && (
        <>
          <span>
            {fault === 'many'
              ? t('%1 selected; at most %2 can be compared', selection.size, MOST)
              : t('%1 selected', selection.size)}
          </span>
          <button type="button" class="jp-AmlLab-button" disabled={fault === 'many'} onClick={compare}>
            {t('Compare')}
          </button>
          <button type="button" class="jp-AmlLab-button" onClick={clear}>
            {t('Clear')}
          </button>
        </>
      )}
    </div>
  );
}
