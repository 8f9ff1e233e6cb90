/** Passkeys: what the browser makes and signs. The options of the API and the answers of the browser pass unchanged. */

import { type LocalCode, VestibuleError } from "./errors.ts";
import type { Shape } from "./types.ts";

/** Returns whether this browser can use passkeys. Offer none where it cannot. */
export function passkeysSupported(): boolean {
  return (
    typeof navigator !== "undefined" &&
    "credentials" in navigator &&
    typeof PublicKeyCredential !== "undefined" &&
    "parseCreationOptionsFromJSON" in PublicKeyCredential
  );
}

/** Returns whether the browser suggests passkeys in a field with `autocomplete="username webauthn"`. */
export async function passkeyAutofillSupported(): Promise<boolean> {
  return passkeysSupported() && ((await PublicKeyCredential.isConditionalMediationAvailable?.()) ?? false);
}

/** A browser serves one request at a time. The one that waits in a field ends when another begins. */
let waiting = new AbortController();

/** Makes a passkey, after the user has pressed a button. */
export async function createPasskey(
  options: Shape<"PasskeyCreationOptions">,
  signal?: AbortSignal,
): Promise<Shape<"RegistrationCredential">> {
  const json = options as PublicKeyCredentialCreationOptionsJSON;
  return ask<Shape<"RegistrationCredential">>(() =>
    navigator.credentials.create({
      publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(json),
      ...(signal !== undefined && { signal }),
    }),
  );
}

/** Signs a challenge with a passkey, after the user has pressed a button. */
export async function usePasskey(
  options: Shape<"PasskeyRequestOptions">,
  signal?: AbortSignal,
): Promise<Shape<"AssertionCredential">> {
  return ask<Shape<"AssertionCredential">>(() => get(options, signal, "optional"));
}

/**
 * Waits until the user chooses a passkey among the suggestions of a field. Gets new options when the last ones have
 * expired. Ends with `passkey_cancelled` when the signal is aborted or another request for a passkey begins.
 */
export async function suggestPasskeys(
  getOptions: () => Promise<{ options: Shape<"PasskeyRequestOptions">; expires_in: number }>,
  signal?: AbortSignal,
): Promise<Shape<"AssertionCredential">> {
  if (!(await passkeyAutofillSupported())) throw problem("passkey_unsupported");
  waiting.abort();
  waiting = new AbortController();
  const stopped = signal === undefined ? waiting.signal : AbortSignal.any([waiting.signal, signal]);
  for (;;) {
    if (stopped.aborted) throw problem("passkey_cancelled");
    const { options, expires_in } = await getOptions();
    const expiry = AbortSignal.timeout(expires_in * 1000);
    try {
      const credential = await get(options, AbortSignal.any([stopped, expiry]), "conditional");
      return (credential as PublicKeyCredential).toJSON() as Shape<"AssertionCredential">;
    } catch (error) {
      if (!expiry.aborted || stopped.aborted) throw reason(error);
    }
  }
}

function get(
  options: Shape<"PasskeyRequestOptions">,
  signal: AbortSignal | undefined,
  mediation: CredentialMediationRequirement,
): Promise<Credential | null> {
  const json = options as PublicKeyCredentialRequestOptionsJSON;
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(json);
  return navigator.credentials.get({ publicKey, mediation, ...(signal !== undefined && { signal }) });
}

async function ask<T>(request: () => Promise<Credential | null>): Promise<T> {
  if (!passkeysSupported()) throw problem("passkey_unsupported");
  waiting.abort();
  try {
    return ((await request()) as PublicKeyCredential).toJSON() as T;
  } catch (error) {
    throw reason(error);
  }
}

/** The browser's errors for a user who cancelled, has no passkey that fits, or has made one already (WebAuthn §5.1). */
const CODES: Record<string, LocalCode> = {
  NotAllowedError: "passkey_cancelled",
  AbortError: "passkey_cancelled",
  InvalidStateError: "passkey_exists",
};

function reason(error: unknown): VestibuleError {
  return problem(CODES[error instanceof Error ? error.name : ""] ?? "passkey_failed", error);
}

function problem(code: LocalCode, cause?: unknown): VestibuleError {
  const said = cause instanceof Error ? cause.message : "the browser gave no passkey";
  return new VestibuleError(code, said, { cause });
}
