import { render, type VNode } from 'preact';
import { expect, test, vi } from 'vitest';
import { row } from '../src/model/rows';
import { Selection } from '../src/model/selection';
import { Chosen } from '../src/views/chosen';
import { HEIGHT, Rows } from '../src/views/rows';
import { Comparing, Sweep } from '../src/views/sweep';

const NOTHING = vi.fn();
const settled = (): Promise<void> => new Promise(resolve => setTimeout(resolve, 20));

function drawn(node: VNode): HTMLElement {
  const box = document.createElement('div');
  document.body.append(box);
  render(node, box);
  return box;
}

const LIST = ['a', 'b', 'c', 'd', 'e'].map(name => ({ key: name, name }));
const at = (index: number): { key: string; name: string } => LIST[index] ?? { key: '', name: '' };

test('a selection grows by one and by ranges, from the row that was touched last', () => {
  const selection = new Selection();
  selection.toggle(at(1));
  selection.extend(at(3), LIST);
  expect(selection.names).toEqual(['b', 'c', 'd']);
  selection.toggle(at(2));
  expect(selection.names).toEqual(['b', 'd']);
  selection.clear();
  selection.touch('e');
  selection.extend(at(3), LIST);
  expect(selection.names).toEqual(['d', 'e']);
});

test('a range from a row that is gone is that one row', () => {
  const selection = new Selection();
  selection.touch('gone');
  selection.extend(at(2), LIST);
  expect(selection.names).toEqual(['c']);
});

test('rows are chosen by clicks with a key held, by Space, and let go by Escape', async () => {
  vi.spyOn(HTMLElement.prototype, 'clientHeight', 'get').mockReturnValue(20 * HEIGHT);
  vi.spyOn(HTMLElement.prototype, 'clientWidth', 'get').mockReturnValue(300);
  const rows = LIST.map(({ name }) => row({ id: name, name, properties: {} }));
  const select = vi.fn();
  const open = vi.fn();
  const box = drawn(
    <Rows
      label="Jobs"
      rows={rows}
      done
      open={open}
      toggle={NOTHING}
      more={NOTHING}
      selected={new Map([['b', 'b']])}
      select={select}
    />
  );
  await settled();
  const items = [...box.querySelectorAll<HTMLElement>('[role=treeitem]')];
  const click = (index: number, keys: MouseEventInit): void =>
    void items[index]?.dispatchEvent(new MouseEvent('click', { bubbles: true, ...keys }));
  click(0, { ctrlKey: true });
  click(2, { shiftKey: true });
  click(3, { metaKey: true });
  click(4, {});
  await settled();
  const tree = box.querySelector('[role=tree]') as HTMLElement;
  for (const key of [' ', 'Escape']) tree.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true }));

  expect(select.mock.calls.map(([how, one]) => [how, one?.name])).toEqual([
    ['toggle', 'a'],
    ['extend', 'c'],
    ['toggle', 'd'],
    ['open', 'e'],
    ['toggle', 'e'],
    ['clear', undefined]
  ]);
  expect(open.mock.calls.map(([one]) => one.name)).toEqual(['e']);
  expect(items.map(one => one.getAttribute('aria-selected'))).toEqual([
    'false',
    'true',
    'false',
    'false',
    'false'
  ]);
  expect(tree.getAttribute('aria-multiselectable')).toBe('true');
});

test('the bar appears with two, and refuses more than twelve in words', () => {
  const bar = (count: number): HTMLElement => {
    const selection = new Selection();
    for (let one = 0; one < count; one += 1) selection.toggle({ key: `${one}`, name: `${one}` });
    return drawn(<Chosen selection={selection} compare={NOTHING} clear={NOTHING} />);
  };
  expect(bar(1).textContent).toBe('');
  expect(bar(3).textContent).toBe('3 selectedCompareClear');
  expect(bar(13).textContent).toContain('at most 12 can be compared');
  expect(bar(13).querySelector('button')?.disabled).toBe(true);
});

test('trials of a sweep are chosen by their boxes and compared', async () => {
  const trials = ['s_0', 's_1'].map((name, number) => ({
    number,
    name,
    title: name,
    status: 'Completed',
    point: { lr: number },
    value: number,
    run: { runId: name, status: 'Completed' }
  }));
  const found = { metric: 'loss', goal: 'minimize' as const, trials, best: 's_0', planned: 2 };
  const compare = vi.fn();
  const box = drawn(
    <Comparing.Provider value={compare}>
      <Sweep found={found} open={NOTHING} />
    </Comparing.Provider>
  );
  for (const name of ['s_0', 's_1']) {
    box.querySelector<HTMLInputElement>(`[aria-label="Compare ${name}"]`)?.click();
    await settled();
  }
  [...box.querySelectorAll('button')].find(one => one.textContent === 'Compare')?.click();

  expect(compare).toHaveBeenCalledWith(['s_0', 's_1']);
  const alone = drawn(<Sweep found={found} open={NOTHING} />);
  expect(alone.querySelectorAll('input')).toHaveLength(0);
});
