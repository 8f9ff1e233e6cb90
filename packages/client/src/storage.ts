/** Where the long-lived tokens of a client are. The access token is in memory, whatever the choice. */

/** What a client stores: the refresh token of its session, and the token of a device that its user trusts. */
export type StoredName = "refresh-token" | "device-token";

/**
 * A store of the app's own: the keystore of a phone, or the session of a server-rendered app. `localStorage` does not
 * do: every script of the page reads it.
 */
export interface SecureStorage {
  load(name: StoredName): Promise<string | undefined>;
  /** Stores a value; deletes it if it is `undefined`. Resolves when the value is safe. */
  save(name: StoredName, value: string | undefined): Promise<void>;
}

/**
 * - `"cookie"`, for pages of the same site as the service: the tokens are in cookies that no script can read.
 * - `"memory"`: a reload signs the user out.
 * - a {@link SecureStorage}, for apps and servers.
 */
export type Storage = "cookie" | "memory" | SecureStorage;

/** Makes a storage that forgets everything with the page. */
export function memoryStorage(): SecureStorage {
  const stored = new Map<StoredName, string>();
  return {
    load: async (name) => stored.get(name),
    save: async (name, value) => {
      if (value === undefined) stored.delete(name);
      else stored.set(name, value);
    },
  };
}
