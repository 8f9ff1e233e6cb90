// Remembers proofs of possession, so that a copy of one is recognised (RFC 9449 §11.1).

/** Remembers which proofs were used. Back ends of several processes can share one. */
export interface ReplayMemory {
  /**
   * Adds the id of a proof, a short text, and returns whether it is new. `until`: from when on it may be forgotten, in
   * seconds since 1970. If it throws, the request is answered 503.
   */
  add(id: string, until: number): boolean | Promise<boolean>;
}

/** Seconds from the first use of a proof to the last moment at which its `iat` is accepted, at most. */
export const LONGEST_USE = 120;
/** More than one process can verify in the time that they are remembered for; some 100 bytes each. */
const MOST = 300_000;

/**
 * Remembers proofs in the memory of this process. Two sets take turns: what is in the older one is past its time when
 * the newer one is as old as a proof may be used for.
 */
export class LocalReplayMemory implements ReplayMemory {
  readonly #most: number;
  #newer = new Set<string>();
  #older = new Set<string>();
  #turnsAt = 0;

  constructor(most = MOST) {
    this.#most = most;
  }

  add(id: string, until: number): boolean {
    const now = Date.now() / 1000;
    if (now >= this.#turnsAt) {
      [this.#older, this.#newer] = [this.#newer, new Set()];
      this.#turnsAt = now + LONGEST_USE;
    }
    if (this.#newer.has(id) || this.#older.has(id)) return false;
    // To forget one would let it count twice.
    if (this.#newer.size >= this.#most) throw new Error('too many proofs of possession to remember');
    if (until > now) this.#newer.add(id);
    return true;
  }
}
