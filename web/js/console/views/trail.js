/** The audit trail: filters, pages, and its export. */

import { h } from '../../dom.js';
import { form } from '../../forms.js';
import { day, has, moment, number, plural, t } from '../../i18n.js';
import { go } from '../../router.js';
import { deviceName } from '../../views/device.js';
import { download, facts, link, section } from '../../views/parts.js';
import { read } from '../admin.js';
import { EVENTS } from '../events.js';
import { csv } from '../csv.js';
import { choice, searchField, timeField } from '../fields.js';
import { filters } from '../filters.js';
import { badge, code, page, pagedTable, when } from '../parts.js';
import { localTime } from '../typed.js';

/** Events of one export. More are had from the API, by a service that follows the trail. */
const MOST_EXPORTED = 10_000;
const PAGE = 100;
const FILTERS = ['user_id', 'event', 'since'];

export async function trail() {
  const query = chosen();
  const heads = [t('trail.event'), t('trail.time'), t('trail.account'), t('trail.origin'), t('trail.details')];
  return page(
    t('trail.title'),
    {},
    filters(fields(query), (values) => {
      const since = values.since && localTime(values.since);
      const given = Object.entries({ ...values, since }).filter(([, value]) => value);
      go(given.length > 0 ? `trail?${new URLSearchParams(/** @type {[string, string][]} */ (given))}` : 'trail');
    }),
    await pagedTable({
      caption: t('trail.title'),
      heads,
      cells,
      details,
      load: (cursor) => read('events', { ...query, cursor, limit: '50' }),
      none: t('trail.none'),
    }),
    section(t('trail.export'), h('p', {}, t('trail.export_what', { most: number(MOST_EXPORTED) })), exporting(query)),
  );
}

/** The filters in the URL. @returns {Record<string, string>} */
function chosen() {
  const query = new URLSearchParams(location.search);
  return Object.fromEntries(FILTERS.map((name) => [name, query.get(name) ?? '']));
}

/** @param {Record<string, string>} query */
function fields({ user_id, event, since }) {
  /** @type {[string, string][]} */
  const named = EVENTS.map((name) => [name, `${nameOf(name)} (${name})`]);
  named.sort(([, one], [, other]) => one.localeCompare(other));
  // A name that this page does not know may be of a newer release.
  const choices =
    EVENTS.includes(event) || !event ? named : [.../** @type {typeof named} */ ([[event, event]]), ...named];
  return [
    searchField({ name: 'user_id', label: t('trail.user_id'), value: user_id }),
    choice({ name: 'event', label: t('trail.event'), value: event, choices: [['', t('trail.all')], ...choices] }),
    timeField({
      name: 'since',
      label: t('trail.since'),
      hint: t('filters.own_time'),
      value: since && forField(since),
      required: false,
    }),
  ];
}

/** A time, as a field of the kind `datetime-local` takes it: in this machine's zone. @param {string} time */
function forField(time) {
  const date = new Date(time);
  if (Number.isNaN(date.getTime())) return '';
  return new Date(date.getTime() - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

/** @param {string} event */
function nameOf(event) {
  return has(`event.${event}`) ? t(`event.${event}`) : event;
}

/** @param {any} event */
function cells(event) {
  const { user_id, occurred_at, ip, user_agent, success, reason } = event;
  return [
    [
      h('span', {}, nameOf(event.event)),
      ' ',
      !success && badge('bad', t('activity.failed')),
      // A fixed word of the service, in English.
      reason && h('div', { class: 'small' }, code(reason)),
    ],
    when(occurred_at),
    user_id ? link(`user?id=${user_id}`, user_id) : '–',
    ip || user_agent ? `${ip ?? '–'} · ${deviceName(user_agent)}` : t('trail.no_origin'),
  ];
}

/** @param {any} shown an event */
function details(shown) {
  const { event, occurred_at, actor_id, client_id, client_url, session_id, request_id, provider, type } = shown;
  const given = [
    [t('trail.name'), code(event)],
    [t('trail.actor'), actor_id && link(`user?id=${actor_id}`, actor_id)],
    [t('trail.client'), client_url ? code(client_url) : client_id && link(`application?id=${client_id}`, client_id)],
    [t('trail.session'), session_id && code(session_id)],
    [t('trail.provider'), provider],
    [t('trail.type'), type && code(type)],
    [t('trail.request'), code(request_id)],
  ];
  const known = /** @type {[string, import('../../dom.js').Child][]} */ (given.filter(([, value]) => value));
  const name = t('trail.show_event', { time: moment(occurred_at), event: nameOf(event) });
  return { name, content: facts(...known) };
}

/** @param {Record<string, string>} query */
function exporting(query) {
  const save = (
    /** @type {string} */ ending,
    /** @type {string} */ type,
    /** @type {(events: any[]) => string} */ write,
  ) =>
    form({
      fields: [],
      button: t(`trail.export.${ending}`),
      primary: false,
      submit: async () => {
        const { events, isWhole } = await all(query);
        download(`trail.${ending}`, type, write(events));
        const said = plural('trail.exported', events.length);
        return isWhole
          ? said
          : `${said} ${t('trail.export_cut', { time: day(events[events.length - 1].occurred_at) })}`;
      },
    });
  return h(
    'div',
    { class: 'row' },
    save('csv', 'text/csv', csv),
    save('json', 'application/json', (events) => JSON.stringify(events, null, 2)),
  );
}

/** Reads the events, page by page, the newest first. @param {Record<string, string>} query */
async function all(query) {
  /** @type {any[]} */
  const events = [];
  /** @type {string | undefined} */
  let cursor;
  do {
    const next = await read('events', { ...query, cursor, limit: String(PAGE) });
    events.push(...next.items);
    cursor = next.next_cursor;
  } while (cursor && events.length < MOST_EXPORTED);
  return { events, isWhole: !cursor };
}
