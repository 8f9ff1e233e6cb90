// Work that several requests need at the same moment, and that is done once.

/**
 * The work and those who wait for it. On edge runtimes, work may end without a result: with the request that began it.
 * So the request that begins it waits for it, all wait for a bounded time, and then it may begin again.
 */
export class SharedWork {
  readonly #longest: number;
  #work: Promise<void> | undefined;
  #begunAt = -Infinity;

  /** `longest`: milliseconds after which the work is lost. */
  constructor(longest: number) {
    this.#longest = longest;
  }

  get isUnderWay(): boolean {
    return this.#work !== undefined && this.#left() > 0;
  }

  /** Begins the work, which must not fail. */
  begin(work: () => Promise<void>): void {
    this.#begunAt = performance.now();
    const own = work().finally(() => {
      if (this.#work === own) this.#work = undefined;
    });
    this.#work = own;
  }

  /** Waits until the work that is under way has ended, or is lost. */
  async wait(): Promise<void> {
    if (this.#work === undefined) return;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const lost = new Promise<void>((resolve) => {
      // Timers have whole milliseconds, and may be early by a part of one.
      timer = setTimeout(resolve, this.#left() + 1);
    });
    await Promise.race([this.#work, lost]);
    clearTimeout(timer);
  }

  #left(): number {
    return Math.max(0, this.#begunAt + this.#longest - performance.now());
  }
}
