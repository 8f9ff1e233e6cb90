/**
 * Small plots of counts: bars, each of which is an hour or a day.
 */

import { h, svg } from '../dom.js';
import { number, t } from '../i18n.js';
import { table } from './parts.js';

/** The size of the drawing, in its own units. Its style says how large it is shown. */
const WIDTH = 360;
const HEIGHT = 96;
/** The least height of a bar that is not empty, so that one of a few is seen beside one of thousands. */
const LEAST = 2;

/**
 * A plot with its title and its total. Its numbers are in a table beside it, which any user can open.
 * @param {object} what
 * @param {string} what.title
 * @param {'good' | 'bad' | 'warn' | 'plain'} what.kind
 * @param {(number | null)[]} what.counts null where there were more than are counted
 * @param {string[]} what.labels of the counts
 * @param {string} what.step what a count is of: the head of the table
 */
export function plot({ title, kind, counts, labels, step }) {
  const known = counts.filter((count) => count !== null);
  const total = known.reduce((sum, count) => sum + count, 0);
  // "0 or more" would read like none.
  const partly = known.length === 0 ? t('plot.unknown') : t('plot.at_least', { total: number(total) });
  const figure = known.length === counts.length ? number(total) : partly;
  return h(
    'figure',
    { class: 'tile' },
    h('figcaption', { class: 'label' }, title),
    h('span', { class: 'figure' }, figure),
    bars(title, kind, counts),
    h('div', { class: 'axis', 'aria-hidden': 'true' }, h('span', {}, labels[0]), h('span', {}, labels.at(-1))),
    h(
      'details',
      {},
      h('summary', { 'aria-label': t('plot.numbers_of', { title }) }, t('plot.numbers')),
      table(
        title,
        [step, title],
        labels.map((label, index) => [label, counts[index] ?? t('plot.unknown')]),
      ),
    ),
  );
}

/** @param {string} title @param {string} kind @param {(number | null)[]} counts */
function bars(title, kind, counts) {
  const most = Math.max(1, ...counts.map((count) => count ?? 0));
  const width = WIDTH / counts.length;
  const bar = (/** @type {number | null} */ count, /** @type {number} */ index) => {
    if (!count) return undefined;
    const height = Math.max(LEAST, (count / most) * HEIGHT);
    const place = { x: index * width + width * 0.1, y: HEIGHT - height, width: width * 0.8, height };
    return svg('rect', { class: `bar ${kind}`, ...place });
  };
  const label = t('plot.label', { title, most: number(most) });
  return svg(
    'svg',
    { class: 'plot', viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: 'none', role: 'img', 'aria-label': label },
    counts.map(bar),
    svg('line', { class: 'axis', x1: 0, x2: WIDTH, y1: HEIGHT, y2: HEIGHT }),
  );
}
