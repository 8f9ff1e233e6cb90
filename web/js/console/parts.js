/**
 * Parts that several pages of the console share.
 */

import { Problem } from '../api.js';
import { againAsTyped } from '../as-typed.js';
import { fill, h } from '../dom.js';
import { form } from '../forms.js';
import { clock, day, number, plural, t } from '../i18n.js';
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

/**
 * Views of a page beside each other, of which one is shown. Each has a URL.
 * @param {string} name for screen readers
 * @param {[string, string, boolean][]} entries each a page, what its link says, and whether it is the one that is shown
 */
export function views(name, entries) {
  return h(
    'nav',
    { class: 'views', 'aria-label': name },
    entries.map(([page, text, isShown]) =>
      h('a', { href: href(page), 'aria-current': isShown ? 'true' : undefined }, text),
    ),
  );
}

/** @param {'good' | 'bad' | 'warn' | 'plain'} kind @param {string} text */
export function badge(kind, text) {
  return h('span', { class: `badge ${kind}` }, text);
}

/** A day in a table, which stays in one line. @param {string} time RFC 3339 */
export function onDay(time) {
  return h('span', { class: 'word' }, day(time));
}

/** A time in a table: its day and its hour each stay in one line. @param {string | null | undefined} time RFC 3339 */
export function when(time) {
  if (!time) return '–';
  return [h('span', { class: 'word' }, day(time)), ' ', h('span', { class: 'word' }, clock(time))];
}

/** Values below each other. @param {string[]} values */
export function listed(values) {
  return values.length > 0 ? values.map((value) => h('div', {}, code(value))) : '–';
}

/**
 * A table. On narrow screens each row becomes a card, whose cells are named by their heads. Cells that are numbers stand
 * below each other at their last digit.
 * @param {string} caption for screen readers
 * @param {string[]} heads
 * @param {Child[][]} rows
 */
export function table(caption, heads, rows) {
  return tableOf(
    caption,
    heads,
    rows.map((cells) => row(heads, cells)),
  );
}

/** @param {string} caption @param {string[]} heads @param {Element[]} rows */
function tableOf(caption, heads, rows) {
  // A style that changes the display of a table's elements takes their roles from them, so these are named.
  const head = (/** @type {string} */ text, /** @type {number} */ index) => {
    const isNumber = rows.some(({ children }) => children[index]?.classList.contains('number'));
    return h('th', { scope: 'col', role: 'columnheader', class: isNumber && 'number' }, text);
  };
  return h(
    'div',
    { class: 'table-box' },
    h(
      'table',
      { class: 'table', role: 'table' },
      h('caption', { class: 'visually-hidden' }, caption),
      h('thead', { role: 'rowgroup' }, h('tr', { role: 'row' }, heads.map(head))),
      h('tbody', { role: 'rowgroup' }, rows),
    ),
  );
}

/** @param {string[]} heads @param {Child[]} cells */
function row(heads, cells) {
  const show = (/** @type {Child} */ cell, /** @type {number} */ index) => {
    const isNumber = typeof cell === 'number';
    const kind = index === 0 ? { scope: 'row', role: 'rowheader' } : { role: 'cell', class: isNumber && 'number' };
    const shown = h('div', {}, isNumber ? number(cell) : cell);
    return h(index === 0 ? 'th' : 'td', { ...kind, 'data-label': heads[index] }, shown);
  };
  return h('tr', { role: 'row', tabindex: -1 }, cells.map(show));
}

/** @typedef {{name: string, content: Child}} Details what is below a row, and what a screen reader says opens it */

let opened = 0;

/**
 * A row whose last cell opens another one below it, as wide as the table.
 * @param {string[]} heads @param {Child[]} cells @param {Details} details
 */
function rowWithDetails(heads, cells, { name, content }) {
  const id = `details-${(opened += 1)}`;
  const below = h(
    'tr',
    { id, class: 'details', role: 'row', hidden: true },
    h('td', { role: 'cell', colspan: heads.length }, content),
  );
  const press = () => {
    below.hidden = !below.hidden;
    button.setAttribute('aria-expanded', String(!below.hidden));
  };
  const about = { class: 'plain', 'aria-expanded': 'false', 'aria-controls': id, 'aria-label': name };
  const button = h('button', { type: 'button', ...about, on: { click: press } }, t('table.details'));
  return [row(heads, [...cells, button]), below];
}

/**
 * A table whose rows come in pages, of which the first is shown.
 * @param {object} what
 * @param {string} what.caption
 * @param {string[]} what.heads
 * @param {(item: any) => Child[]} what.cells
 * @param {(item: any) => Details} [what.details] of a row. The last column then has the button that opens them
 * @param {(cursor?: string) => Promise<{items: any[], next_cursor?: string | null}>} what.load
 * @param {string} what.none what is said if there is nothing
 */
export async function pagedTable({ caption, heads, cells, details, load, none }) {
  const first = await unlessWrong(load);
  if (first instanceof Node) return first;
  if (first.items.length === 0) return h('p', { class: 'empty' }, none);
  const rowsOf = (/** @type {any[]} */ items) =>
    items.flatMap((item) =>
      details ? rowWithDetails(heads, cells(item), details(item)) : [row(heads, cells(item))],
    );
  const shown = tableOf(caption, heads, rowsOf(first.items));
  const body = /** @type {HTMLElement} */ (shown.querySelector('tbody'));
  const said = h('p', { role: 'status', class: 'visually-hidden' });
  const more = h('div');
  const offer = (/** @type {string | null | undefined} */ cursor) =>
    fill(more, cursor && form({ fields: [], button: t('table.more'), primary: false, submit: () => follow(cursor) }));
  const follow = async (/** @type {string} */ cursor) => {
    const next = await load(cursor);
    const rows = rowsOf(next.items);
    body.append(...rows);
    fill(said, plural('table.added', next.items.length));
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
export function asking(label, question, after = () => againAsTyped()) {
  const press = async () => {
    if (await confirmed(question)) after();
  };
  return h('button', { type: 'button', class: question.danger && 'danger', on: { click: press } }, label);
}

/** The same for an act that destroys something or shuts a user out. @type {typeof asking} */
export function dangerous(label, question, after) {
  return asking(label, { ...question, danger: true }, after);
}

/** An id, in full: it is what commands and logs name. @param {string} id */
export function code(id) {
  return h('code', {}, id);
}
