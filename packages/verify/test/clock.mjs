// The clock of this process, which tests advance instead of waiting.

const performanceNow = performance.now.bind(performance);
let ahead = 0;

globalThis.Date = class extends Date {
  constructor(...given) {
    super(...(given.length > 0 ? given : [new.target.now()]));
  }

  static now() {
    return super.now() + ahead;
  }
};
performance.now = () => performanceNow() + ahead;

/** Advances the clock, in seconds. */
export function advance(seconds) {
  ahead += seconds * 1000;
}

/** Returns the time in seconds since 1970. */
export const seconds = () => Math.floor(Date.now() / 1000);
