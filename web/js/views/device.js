/** Describes a `User-Agent` header: enough for users to recognise their device. */

import { t } from '../i18n.js';

/** The order matters: browsers also name those that they are based on. @type {[RegExp, string][]} */
const BROWSERS = [
  [/\bEdg(?:A|iOS)?\//, 'Edge'],
  [/\bOPR\//, 'Opera'],
  [/\bSamsungBrowser\//, 'Samsung Internet'],
  [/\b(?:Firefox|FxiOS)\//, 'Firefox'],
  [/\b(?:Chrome|Chromium|CriOS|HeadlessChrome)\//, 'Chrome'],
  [/\bVersion\/.*Safari\//, 'Safari'],
];
/** @type {[RegExp, string][]} */
const SYSTEMS = [
  [/\b(?:iPhone|iPad|iPod)\b/, 'iOS'],
  [/\bAndroid\b/, 'Android'],
  [/\bWindows\b/, 'Windows'],
  [/\bMac OS X\b/, 'macOS'],
  [/\bCrOS\b/, 'ChromeOS'],
  [/\bLinux\b/, 'Linux'],
];

/** @param {string | null | undefined} userAgent */
export function deviceName(userAgent) {
  if (!userAgent) return t('device.unknown');
  const name = (/** @type {[RegExp, string][]} */ table) => table.find(([pattern]) => pattern.test(userAgent))?.[1];
  const [browser, system] = [name(BROWSERS), name(SYSTEMS)];
  if (browser && system) return t('device', { browser, system });
  // Programs name themselves first: "curl/8.5.0".
  return browser ?? system ?? userAgent.split(' ')[0].slice(0, 40);
}
