/** What ids and addresses are called, and the pages that they name. */

import type { ComponentChildren } from 'preact';

/** A compute or an environment of a workspace; those of registries have no page here. */
const OWN = /\/workspaces\/[^/]+\/(computes|environments)\/([^/]+)(?:\/versions\/[^/]+)?$/;

/** A resource that an id names: a button that shows its page where it has one, else what it is called. */
export function named(id: string, show: (segment: string, name: string) => void): ComponentChildren {
  const [, segment, name] = OWN.exec(id) ?? [];
  if (!segment || !name) return short(id);
  return (
    <button type="button" class="jp-AmlLab-link" title={id} onClick={() => show(segment, name)}>
      {short(id)}
    </button>
  );
}

/** The end of a long id or address: what a person calls it. */
export function short(id: string): string {
  const version = /\/([^/]+)\/versions\/([^/]+)$/.exec(id);
  if (version) return `${version[1]}:${version[2]}`;
  if (id.startsWith('azureml://')) return id.slice(id.lastIndexOf('/', id.length - 2) + 1);
  return id.startsWith('/subscriptions/') ? id.slice(id.lastIndexOf('/') + 1) : id.replace(/^azureml:/, '');
}
