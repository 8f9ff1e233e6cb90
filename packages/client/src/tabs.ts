/**
 * The other tabs of the page. They share the cookie with the refresh token, which works once, so that they refresh one
 * after the other and tell each other what they got.
 */

/** How long a tab waits for the message of another one that has just refreshed, in milliseconds. */
const PATIENCE = 250;

/** What the tabs of a page tell each other. `T` passes through a structured clone. */
export class Tabs<T> {
  readonly #name: string;
  readonly #hear: (message: T) => void;
  #channel: BroadcastChannel | undefined;
  #heard = 0;
  #onHeard: (() => void) | undefined;

  /** @param hear is called with what another tab tells */
  constructor(name: string, hear: (message: T) => void) {
    this.#name = name;
    this.#hear = hear;
  }

  /** Begins to listen. On a server, where there are no tabs, it does nothing. */
  open(): void {
    if (this.#channel !== undefined || typeof window === "undefined" || typeof BroadcastChannel === "undefined") return;
    this.#channel = new BroadcastChannel(this.#name);
    this.#channel.addEventListener("message", ({ data }: MessageEvent<T>) => {
      this.#hear(data);
      this.#heard += 1;
      this.#onHeard?.();
    });
  }

  tell(message: T): void {
    this.open();
    this.#channel?.postMessage(message);
  }

  /**
   * Runs work while no other tab does the same (Web Locks). If another tab did so just before, this tab has heard what
   * it told. Without Web Locks the tabs run at the same time: the service accepts a refresh token for some seconds
   * after its use.
   */
  async alone<R>(work: () => Promise<R>): Promise<R> {
    if (typeof navigator === "undefined" || !("locks" in navigator)) return work();
    this.open();
    const heard = this.#heard;
    const free = await navigator.locks.request(this.#name, { ifAvailable: true }, async (lock) =>
      lock === null ? undefined : { result: await work() },
    );
    if (free !== undefined) return free.result;
    return navigator.locks.request(this.#name, async () => {
      if (this.#heard === heard) await this.#nextMessage();
      return work();
    }) as Promise<R>;
  }

  /** A message may arrive later than the lock of the tab that sent it. */
  #nextMessage(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, PATIENCE);
      this.#onHeard = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
