/**
 * Parts that several pages of the console share.
 */

import { Problem } from '../api.js';
import { againAsTyped } from '../as-typed.js';
import { fill, h } from '../dom.js';
import { form } from '../forms.js';
import { plural, t } from '../i18n.js';
import { href } from '../router.js';
import { confirmed } from './dialog.js';

/** @typedef {import('../dom.js').Child} Child */

/** How many characters a heading has at its usual size: a webhook is called by its URL. */
const LONG = 40;

/**
 * A page: its heading, with what leads back and what can be done beside it, and its sections.
 * @param {string} title @param {{up?: [string, string], actions?: Child}} beside `up` is a page and its name
 * @param {...Child} children
 */
export function page(title, { up, actions }, ...children) {
  return h(
    'div',
    { class: 'stack' },
    up && h('p', { class: 'up' }, h('a', { href: href(up[0]) }, `← ${up[1]}`)),
    h('div', { class: 'heading' }, h('h1', { tabindex: -1, class: title.length > LONG && 'long' }, title), actions),
    ...children,
  );
}

/** A link that looks like a button. @param {string} to @param {string} text @param {{primary?: boolean}} [how] */
export function leading(to, text, { primary = false } = {}) {
  return h('a', { class: primary ? 'button primary' : 'button', href: href(to) }, text);
}

/** @param {'good' | 'bad' | 'warn' | 'plain'} kind @param {string} text */
export function badge(kind, text) {
  return h('span', { class: `badge ${kind}` }, text);
}

/**
 * A table. On narrow screens each row becomes a card, whose cells are named by their heads.
 * @param {string} caption for screen readers
 * @param {string[]} heads
 * @param {Child[][]} rows
 */
export function table(caption, heads, rows) {
  // A style that changes the display of a table's elements takes their roles from them, so these are named.
  const head = (/** @type {string} */ text) => h('th', { scope: 'col', role: 'columnheader' }, text);
  return h(
    'div',
    { class: 'table-box' },
    h(
      'table',
      { class: 'table', role: 'table' },
      h('caption', { class: 'visually-hidden' }, caption),
      h('thead', { role: 'rowgroup' }, h('tr', { role: 'row' }, heads.map(head))),
      h(
        'tbody',
        { role: 'rowgroup' },
        rows.map((cells) => row(heads, cells)),
      ),
    ),
  );
}

/** @param {string[]} heads @param {Child[]} cells */
function row(heads, cells) {
  const show = (/** @type {Child} */ cell, /** @type {number} */ index) => {
    const kind = index === 0 ? { scope: 'row', role: 'rowheader' } : { role: 'cell' };
    return h(index === 0 ? 'th' : 'td', { ...kind, 'data-label': heads[index] }, h('div', {}, cell));
  };
  return h('tr', { role: 'row', tabindex: -1 }, cells.map(show));
}

/**
 * A table whose rows come in pages, of which the first is shown.
 * @param {object} what
 * @param {string} what.caption
 * @param {string[]} what.heads
 * @param {(item: any) => Child[]} what.cells
 * @param {(cursor?: string) => Promise<{items: any[], next_cursor?: string | null}>} what.load
 * @param {string} what.none what is said if there is nothing
 */
export async function pagedTable({ caption, heads, cells, load, none }) {
  const first = await unlessWrong(load);
  if (first instanceof Node) return first;
  if (first.items.length === 0) return h('p', { class: 'empty' }, none);
  const shown = table(caption, heads, first.items.map(cells));
  const body = /** @type {HTMLElement} */ (shown.querySelector('tbody'));
  const said = h('p', { role: 'status', class: 'visually-hidden' });
  const more = h('div');
  const offer = (/** @type {string | null | undefined} */ cursor) =>
    fill(more, cursor && form({ fields: [], button: t('table.more'), primary: false, submit: () => follow(cursor) }));
  const follow = async (/** @type {string} */ cursor) => {
    const next = await load(cursor);
    const rows = next.items.map((item) => row(heads, cells(item)));
    body.append(...rows);
    fill(said, plural('table.added', rows.length));
    rows[0]?.focus();
    offer(next.next_cursor);
  };
  offer(first.next_cursor);
  return h('div', { class: 'stack' }, shown, more, said);
}

/**
 * Loads a list. A filter that the service does not accept is explained, and stays on the page.
 * @template T
 * @param {() => Promise<T>} load
 * @returns {Promise<T | Node>}
 */
async function unlessWrong(load) {
  try {
    return await load();
  } catch (problem) {
    if (!(problem instanceof Problem) || problem.code !== 'validation_failed') throw problem;
    const texts = problem.errors.map(({ pointer }) => t(`field${pointer.replaceAll('/', '.')}`));
    return h('p', { class: 'notice bad', role: 'alert' }, [t('filters.wrong'), ...texts].join(' '));
  }
}

/**
 * A button for an act that is asked about first. Afterwards the page is shown again.
 * @param {string} label
 * @param {Parameters<typeof confirmed>[0]} question
 * @param {() => unknown} [after]
 */
export function dangerous(label, question, after = () => againAsTyped()) {
  const press = async () => {
    if (await confirmed(question)) after();
  };
  return h('button', { type: 'button', class: 'danger', on: { click: press } }, label);
}

/** An id, in full: it is what commands and logs name. @param {string} id */
export function code(id) {
  return h('code', {}, id);
}
