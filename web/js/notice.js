/**
 * What has just happened, said on top of the page that follows, as long as that page is shown.
 */

import { h } from './dom.js';
import { t } from './i18n.js';

/** @type {{key: string, kind: 'good' | 'warn', values?: Record<string, string>, page?: string} | undefined} */
let notice;

/**
 * Says something on the next page that is shown.
 * @param {string} key of the text @param {'good' | 'warn'} kind @param {Record<string, string>} [values] of the text
 */
export function announce(key, kind, values) {
  notice = { key, kind, values };
}

/** Makes what there is to say. It belongs to the first page that asks. @param {string} page the name of the page */
export function noticeOn(page) {
  if (notice) notice.page ??= page;
  if (notice?.page !== page) {
    notice = undefined;
    return false;
  }
  return h('p', { id: 'notice', class: `notice ${notice.kind} narrow`, role: 'status' }, t(notice.key, notice.values));
}
