/** Parts of a page, one of which is shown; arrow keys go from one to the next. */

import type { ComponentChildren, JSX } from 'preact';

export function Tabs({
  label,
  tabs,
  chosen,
  choose,
  children
}: {
  label: string;
  tabs: [string, string][];
  chosen: string;
  choose: (tab: string) => void;
  children: ComponentChildren;
}): JSX.Element {
  const press = (event: KeyboardEvent): void => {
    const step = event.key === 'ArrowRight' ? 1 : event.key === 'ArrowLeft' ? -1 : 0;
    if (!step) return;
    event.preventDefault();
    const at = tabs.findIndex(([key]) => key === chosen);
    const to = tabs[(at + step + tabs.length) % tabs.length];
    if (!to) return;
    choose(to[0]);
    const list = (event.currentTarget as HTMLElement).parentElement;
    list?.querySelectorAll<HTMLElement>('[role=tab]')[(at + step + tabs.length) % tabs.length]?.focus();
  };
  return (
    <>
      <div class="jp-AmlLab-tabs" role="tablist" aria-label={label}>
        {tabs.map(([key, title]) => (
          <button
            key={key}
            type="button"
            role="tab"
            aria-selected={key === chosen}
            tabIndex={key === chosen ? 0 : -1}
            onClick={() => choose(key)}
            onKeyDown={press}
          >
            {title}
          </button>
        ))}
      </div>
      <div
        class="jp-AmlLab-body"
        role="tabpanel"
        tabIndex={0}
        aria-label={tabs.find(([key]) => key === chosen)?.[1]}
      >
        {children}
      </div>
    </>
  );
}
