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
 * A spreadsheet computes a text that begins like a formula, and a client names its own program: `=…` (OWASP, "CSV
 * injection"). A quote in front makes it a text.
 * @param {any} value
 */
function cell(value) {
  const text = typeof value === 'object' ? JSON.stringify(value) : String(value);
  const plain = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(plain) ? `"${plain.replaceAll('"', '""')}"` : plain;
}
