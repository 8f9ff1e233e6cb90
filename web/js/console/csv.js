/**
 * Writes a list of objects as CSV (RFC 4180), for a spreadsheet.
 */

/** @param {any[]} items */
export function csv(items) {
  const names = [...new Set(items.flatMap((item) => Object.keys(item)))];
  const lines = [names, ...items.map((item) => names.map((name) => item[name] ?? ''))];
  // The mark tells spreadsheets that the text is UTF-8.
  return `\uFEFF${lines.map((line) => line.map(cell).join(',')).join('\r\n')}\r\n`;
}

/**
 * The beginning of what a spreadsheet would compute: `=…`, also in the wide characters of East Asia. It may stand inside
 * a text, because some spreadsheets split a file at semicolons or tabs, and then a quote before the whole text does not
 * keep its parts together.
 */
const FORMULA = /(^|[,;|\t\r\n])([\s"]*)(?=[=+\-@＝＋－＠])/g;
const PLAIN = /^[A-Za-z0-9 _.:@/-]*$/;

/**
 * A client names its own program, so it could write a formula into the file (OWASP, "CSV injection"). A quote in front
 * makes it a text.
 * @param {any} value
 */
function cell(value) {
  const text = typeof value === 'object' ? JSON.stringify(value) : String(value);
  const harmless = text.replace(FORMULA, "$1$2'");
  return PLAIN.test(harmless) ? harmless : `"${harmless.replaceAll('"', '""')}"`;
}
