/**
 * Parts that several pages share.
 */

import { fill, h } from '../dom.js';
import { t } from '../i18n.js';
import { href } from '../router.js';

/** A page with one section. @param {string} title @param {...import('../dom.js').Child} children */
export function card(title, ...children) {
  return h('div', { class: 'card narrow' }, h('h1', { tabindex: -1 }, title), ...children);
}

/** A page with several sections. @param {string} title @param {...import('../dom.js').Child} children */
export function stack(title, ...children) {
  return h('div', { class: 'stack' }, h('h1', { tabindex: -1 }, title), ...children);
}

/** One of several sections on a page. @param {string} title @param {...import('../dom.js').Child} children */
export function section(title, ...children) {
  return h('section', { class: 'card' }, h('h2', {}, title), h('div', { class: 'body' }, ...children));
}

/** Links to other pages. @param {[string, string][]} ways each a page and the text of the link */
export function links(...ways) {
  return h(
    'ul',
    { class: 'links' },
    ways.map(([page, text]) => h('li', {}, link(page, text))),
  );
}

/** @param {string} page @param {string} text @param {string} [look] a class */
export function link(page, text, look) {
  return h('a', { href: href(page), class: look }, text);
}

/** Names with their values. @param {[import('../dom.js').Child, import('../dom.js').Child][]} entries */
export function facts(...entries) {
  return h(
    'dl',
    { class: 'facts' },
    entries.map(([name, value]) => [h('dt', {}, name), h('dd', {}, value)]),
  );
}

/** A button that copies a text, and says that it did. @param {string} text @param {string} label */
export function copyButton(text, label) {
  const said = h('span', { role: 'status', class: 'quiet small' });
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      fill(said, t('copied'));
    } catch {
      // Some browsers do not let pages use the clipboard. The user can still select and copy the text.
      fill(said, t('copy.failed'));
    }
  };
  return [h('button', { type: 'button', on: { click: copy } }, label), said];
}

/** Offers a text as a file to download. @param {string} name @param {string} type @param {string} text */
export function download(name, type, text) {
  const url = URL.createObjectURL(new Blob([text], { type }));
  h('a', { href: url, download: name }).click();
  // Not at once: the browser may not have started to read it.
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

/**
 * Replaces a form whose next step is in a mail.
 * @param {string} title
 * @param {...import('../dom.js').Child} children
 */
export function sent(title, ...children) {
  return [h('h1', { tabindex: -1 }, title), ...children];
}

/**
 * Replaces the content of a card and moves the focus to the new content.
 * @param {Element} element
 * @param {...import('../dom.js').Child} children
 */
export function turn(element, ...children) {
  fill(element, ...children);
  element.querySelector('h1')?.focus();
}
