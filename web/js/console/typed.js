/**
 * Lists and JSON that an administrator types.
 */

/** The entries of a list: no URL, no scope and no role contains a space or a comma. @param {string} text */
export function entries(text) {
  return text.split(/[\s,]+/).filter(Boolean);
}

/** Parses an object. Returns nothing for any other text. @param {string} text @returns {object | undefined} */
export function parseObject(text) {
  try {
    const value = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/**
 * The time that a field of the kind `datetime-local` has, as the API takes it. The field has the time of this machine's
 * zone. Returns nothing for any other text.
 * @param {string} text
 * @returns {string | undefined}
 */
export function localTime(text) {
  const time = new Date(text);
  return Number.isNaN(time.getTime()) ? undefined : time.toISOString();
}
