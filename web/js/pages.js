/**
 * The pages, by the last part of their URL. The service has the same list, and serves the same document for each.
 */

import { isForDevelopers } from './deployment.js';
import { activity } from './views/activity.js';
import { applications } from './views/applications.js';
import { authenticator } from './views/authenticator.js';
import { authorize } from './views/authorize.js';
import { cancelEmailChange } from './views/cancel-email-change.js';
import { connectDevice } from './views/connect-device.js';
import { deleted } from './views/deletion.js';
import { federation } from './views/federation.js';
import { forgotPassword } from './views/forgot-password.js';
import { login } from './views/login.js';
import { loginByMail } from './views/login-by-mail.js';
import { lostDevice } from './views/lost-device.js';
import { magicLink } from './views/magic-link.js';
import { missing } from './views/missing.js';
import { profile } from './views/profile.js';
import { recoveryCodes } from './views/recovery-codes.js';
import { register } from './views/register.js';
import { resetPassword } from './views/reset-password.js';
import { secondFactor } from './views/second-factor.js';
import { security } from './views/security.js';
import { sessions } from './views/sessions.js';
import { setUp } from './views/set-up.js';
import { signOutForApplication } from './views/sign-out.js';
import { signedOut } from './views/signed-out.js';
import { token } from './views/token.js';
import { verifyEmail } from './views/verify-email.js';

/**
 * @typedef {object} Context
 * @property {AbortSignal} signal aborted when the user leaves the page
 *
 * @typedef {object} Page
 * @property {string} title the key of its title
 * @property {(context: Context) => Node | Promise<Node>} view
 * @property {'in' | 'out' | 'any'} [who] which users see it: those who are signed in, those who are not, or all
 * @property {boolean} [tab] whether it is in the navigation
 * @property {boolean} [developers] whether it is in `vestibule dev` only
 * @property {boolean} [named] whether its heading is the name of an object, which is then the title of the window, too
 * @property {boolean} [alone] whether it asks one question, and so is shown without the navigation
 */

/** @type {Record<string, Page>} */
export const PAGES = {
  '': { title: 'profile.title', view: profile, who: 'in', tab: true },
  security: { title: 'security.title', view: security, who: 'in', tab: true },
  sessions: { title: 'sessions.title', view: sessions, who: 'in', tab: true },
  applications: { title: 'applications.title', view: applications, who: 'in', tab: true },
  activity: { title: 'activity.title', view: activity, who: 'in', tab: true },
  token: { title: 'token.title', view: token, who: 'in', tab: true, developers: true },
  authenticator: { title: 'authenticator.title', view: authenticator, who: 'in' },
  login: { title: 'login.title', view: login, who: 'out' },
  'login-by-mail': { title: 'login_by_mail.title', view: loginByMail, who: 'out' },
  'lost-device': { title: 'lost_device.title', view: lostDevice, who: 'out' },
  register: { title: 'register.title', view: register, who: 'out' },
  'set-up': { title: 'set_up.title', view: setUp, who: 'out' },
  'second-factor': { title: 'second_factor.title', view: secondFactor, who: 'out' },
  'recovery-codes': { title: 'recovery_codes.title', view: recoveryCodes, who: 'any' },
  'forgot-password': { title: 'forgot_password.title', view: forgotPassword, who: 'any' },
  'magic-link': { title: 'magic_link.title', view: magicLink, who: 'any' },
  'reset-password': { title: 'reset_password.title', view: resetPassword, who: 'any' },
  'cancel-email-change': { title: 'cancel_email_change.title', view: cancelEmailChange, who: 'any' },
  'verify-email': { title: 'verify_email.title', view: verifyEmail, who: 'any' },
  authorize: { title: 'authorize.title', view: authorize, who: 'any', alone: true },
  federation: { title: 'federation.title', view: federation, who: 'any', alone: true },
  device: { title: 'connect_device.title', view: connectDevice, who: 'any' },
  'sign-out': { title: 'sign_out.title', view: signOutForApplication, who: 'any', alone: true },
  'signed-out': { title: 'signed_out.title', view: signedOut, who: 'any' },
  deleted: { title: 'deleted.title', view: deleted, who: 'any' },
};

/** What is shown where there is no page. @type {Page} */
const MISSING = { title: 'missing.title', view: missing };

/** Returns the page of a name, or the one that says that there is none. @param {string} name @returns {Page} */
export function pageOf(name) {
  const page = Object.hasOwn(PAGES, name) ? PAGES[name] : MISSING;
  return page.developers && !isForDevelopers() ? MISSING : page;
}
