/**
 * Remembers that a user got recovery codes in this browser and has not said that they are stored. The service does not
 * know whether codes were read, and shows them once, so a reload would lose them without a word. Only the id of the user
 * is stored.
 */

import type { SessionState, Vestibule } from "@vestibule/client";

const NAME = "vestibule-unstored-codes";
const listeners = new Set<() => void>();

/** Returns whose codes are not stored, if any; `null` as well where the browser stores nothing. */
export function ownerOfUnstoredCodes(): string | null {
  try {
    return localStorage.getItem(NAME);
  } catch {
    return null;
  }
}

/** Stores whose codes are not stored. Without an owner, all are. */
export function rememberOwner(owner: string | undefined): void {
  try {
    if (owner === undefined) localStorage.removeItem(NAME);
    else localStorage.setItem(NAME, owner);
  } catch {
    // There is no reminder then.
  }
  for (const listener of listeners) listener();
}

/** Calls a listener after each change, also by another tab. */
export function subscribeToOwner(listener: () => void): () => void {
  listeners.add(listener);
  addEventListener("storage", listener);
  return () => {
    listeners.delete(listener);
    removeEventListener("storage", listener);
  };
}

/** Follows a client: new codes are not stored until they are confirmed. Returns what ends that. */
export function followCodes(client: Vestibule): () => void {
  let shownTo: string | undefined;
  const look = (state: SessionState) => {
    const owner = state.status === "signed_in" ? state.userId : undefined;
    const hasCodes = state.status === "signed_in" && state.recoveryCodes.length > 0;
    if (hasCodes) rememberOwner(owner);
    else if (shownTo !== undefined && shownTo === owner) rememberOwner(undefined);
    shownTo = hasCodes ? owner : undefined;
  };
  look(client.state);
  return client.subscribe(look);
}
