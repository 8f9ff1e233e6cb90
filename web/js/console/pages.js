/**
 * The pages of the console, by the last part of their URL. The service has the same list, and serves the same document
 * for each. The object of a page is in the query of its URL: `user?id=…`.
 */

import { application } from './views/application.js';
import { applications } from './views/applications.js';
import { health } from './views/health.js';
import { invite } from './views/invite.js';
import { keys } from './views/keys.js';
import { missing } from './views/missing.js';
import { newApplication } from './views/new-application.js';
import { newWebhook } from './views/new-webhook.js';
import { overview } from './views/overview.js';
import { providers } from './views/providers.js';
import { trail } from './views/trail.js';
import { user } from './views/user.js';
import { users } from './views/users.js';
import { webhook } from './views/webhook.js';
import { webhooks } from './views/webhooks.js';

/** @typedef {import('../pages.js').Page & {under?: string}} Page `under` is the page that leads to it */

/** @type {Record<string, Page>} */
export const PAGES = {
  '': { title: 'overview.title', view: overview, tab: true },
  users: { title: 'users.title', view: users, tab: true },
  user: { title: 'user.title', view: user, under: 'users', named: true },
  invite: { title: 'invite.title', view: invite, under: 'users' },
  applications: { title: 'clients.title', view: applications, tab: true },
  application: { title: 'client.title', view: application, under: 'applications', named: true },
  'new-application': { title: 'client.new', view: newApplication, under: 'applications' },
  providers: { title: 'providers.title', view: providers, tab: true },
  webhooks: { title: 'webhooks.title', view: webhooks, tab: true },
  webhook: { title: 'webhook.title', view: webhook, under: 'webhooks', named: true },
  'new-webhook': { title: 'webhook.new', view: newWebhook, under: 'webhooks' },
  trail: { title: 'trail.title', view: trail, tab: true },
  keys: { title: 'keys.title', view: keys, tab: true },
  health: { title: 'health.title', view: health, tab: true },
};

/** What is shown where there is no page, also to those who are not signed in. @type {Page} */
const MISSING = { title: 'missing.title', view: missing, who: 'any' };

/** Returns the page of a name, or the one that says that there is none. @param {string} name @returns {Page} */
export function pageOf(name) {
  return Object.hasOwn(PAGES, name) ? PAGES[name] : MISSING;
}
