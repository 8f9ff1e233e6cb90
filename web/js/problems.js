/**
 * Explains errors to users, by the problem's code. The service's own texts are in English, and for developers.
 */

import { passwordMinimum } from './deployment.js';
import { duration, has, plural, t } from './i18n.js';

/** @typedef {import('./api.js').Problem} Problem */

/** Returns the text of a problem. @param {Problem} problem */
export function problemText(problem) {
  const key = `problem.${problem.code}`;
  const text = has(key) ? t(key) : t('problem.internal_error');
  return [text, addition(problem)].filter(Boolean).join(' ');
}

/** @param {Problem} problem */
function addition({ code, members, retryAfter }) {
  // The operator's own words, whose language the service does not know.
  if (code === 'registration_denied') return members.reason ?? '';
  if (code === 'rate_limited') return t('wait.told', { time: duration(retryAfter) });
  if (code === 'invalid_code' && members.attempts_remaining !== undefined) {
    return plural('attempts', members.attempts_remaining);
  }
  if (code === 'insufficient_user_authentication' && members.accepted_methods?.length === 0) {
    return t('step_up.impossible');
  }
  if (code === 'internal_error' && members.request_id) return t('problem.request', { id: members.request_id });
  return '';
}

/**
 * Returns what is wrong with a field, or `undefined`.
 * @param {Problem} problem
 * @param {string} name of the field
 * @param {Record<string, string>} values as they were sent
 * @returns {string | undefined}
 */
export function fieldText(problem, name, values) {
  if (problem.code === 'password_rejected' && /^(new_)?password$/.test(name)) {
    return t(`password.${problem.members.reason}`, { least: passwordMinimum() });
  }
  if (problem.code === 'email_taken' && name === 'email') return t('problem.email_taken');
  if (problem.code === 'username_taken' && name === 'username') return t('problem.username_taken');
  if (!problem.errors.some(({ pointer }) => pointer === `/${name}`)) return undefined;
  // Where registration does not reveal taken addresses, a user name cannot be sent together with an address.
  if (name === 'username' && values.email && /^[a-z0-9][a-z0-9._-]{2,31}$/i.test(values.username)) {
    return t('field.username_later');
  }
  return has(`field.${name}`) ? t(`field.${name}`) : t('problem.validation_failed');
}
