/**
 * Makes elements. Strings become text nodes only, so no text can be interpreted as markup, wherever it comes from.
 */

/** @typedef {Node | string | number | false | null | undefined} Leaf */
/** @typedef {Leaf | Leaf[] | (Leaf | Leaf[])[]} Child lists may contain lists */

/**
 * Makes an element.
 * @param {string} tag
 * @param {Record<string, any>} [attributes] `on` contains listeners by event; `true` sets an attribute, `false` and
 *   `undefined` omit it.
 * @param {...Child} children
 * @returns {any} an element of that tag
 */
export function h(tag, attributes = {}, ...children) {
  return furnish(document.createElement(tag), attributes, children);
}

/** The name of SVG's elements. It is a name only: nothing is loaded from there. */
const SVG = 'http://www.w3.org/2000/svg';

/**
 * Makes an element of a drawing.
 * @param {string} tag @param {Record<string, any>} [attributes] as of `h` @param {...Child} children
 * @returns {any}
 */
export function svg(tag, attributes = {}, ...children) {
  return furnish(document.createElementNS(SVG, tag), attributes, children);
}

/** @param {Element} element @param {Record<string, any>} attributes @param {Child[]} children */
function furnish(element, attributes, children) {
  const { on = {}, ...rest } = attributes;
  for (const [name, value] of Object.entries(rest)) {
    if (value === true) element.setAttribute(name, '');
    else if (value !== false && value !== undefined && value !== null) element.setAttribute(name, String(value));
  }
  for (const [event, listener] of Object.entries(on)) element.addEventListener(event, listener);
  element.append(...nodes(element, children));
  return element;
}

/** Replaces the content of an element. @param {Element} element @param {...Child} children */
export function fill(element, ...children) {
  element.replaceChildren(...nodes(element, children));
}

/** @param {Element} element @param {Child[]} children @returns {(Node | string)[]} */
function nodes(element, children) {
  return children
    .flat(Infinity)
    .filter((child) => child !== false && child !== null && child !== undefined)
    .map((child) => (child instanceof Node ? child : unbroken(element, String(child))));
}

/** Elements that contain text only, or show it as it is. */
const VERBATIM = 'option, textarea, pre, code';

/** An address of a mailbox, or the word for a mail. */
const UNBROKEN = /([^\s@]+@[^\s@]+|\b[Ee]-[Mm]ail)/u;

/**
 * Browsers break lines after hyphens. What is read as one word stays in one line.
 * @param {Element} element @param {string} text
 * @returns {Node | string}
 */
function unbroken(element, text) {
  if (!(element instanceof HTMLElement) || element.matches(VERBATIM) || !UNBROKEN.test(text)) return text;
  const parts = text.split(UNBROKEN).filter((part) => part !== '');
  const made = parts.map((part) => {
    const node = document.createTextNode(part);
    return UNBROKEN.test(part) ? h('span', { class: part.includes('@') ? 'whole' : 'word' }, node) : node;
  });
  // One element: the parts of a text in a flexible box would lose the blanks between them.
  return h('span', {}, made);
}
