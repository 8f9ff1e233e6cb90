/**
 * What TypeScript must accept of the types of @vestibule/client, and what it must refuse: a line below
 * `@ts-expect-error` that compiles is an error.
 */

import { type ErrorCode, type SessionState, Vestibule, VestibuleError, isVestibuleError } from "@vestibule/client";

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
const same = <A, B>(_: Equal<A, B>): void => undefined;

const vestibule = new Vestibule("https://auth.example.com", { backEnds: ["https://api.example.com"] });

export async function outcomes(): Promise<void> {
  const login = await vestibule.signIn({ email: "jo@example.com", password: "a b c" });
  same<typeof login.status, "authenticated" | "second_factor_required" | "enrolment_required">(true);
  // @ts-expect-error what is needed is not known yet
  await login.verify("123456");
  switch (login.status) {
    case "second_factor_required":
      await login.verify("123456", { trustDevice: login.trustedDeviceTtl !== undefined });
      // @ts-expect-error an authenticator app sends no code
      await login.sendCode("totp");
      return;
    case "enrolment_required":
      await login.confirm((await login.createAuthenticator()).secret);
      return;
    case "authenticated":
      same<typeof login.recoveryCodes, readonly string[]>(true);
      return;
    default:
      same<typeof login, never>(true);
  }
}

export async function registrations(): Promise<void> {
  await vestibule.register({ email: "jo@example.com", passkey: true });
  const made = await vestibule.register({ username: "jo", password: "a b c" });
  same<typeof made.status, "mail_sent" | "enrolment_required">(true);
  // @ts-expect-error a password or a passkey
  await vestibule.register({ email: "jo@example.com" });
  // @ts-expect-error a name
  await vestibule.signIn({ password: "a b c" });
}

export async function requests(): Promise<void> {
  const events = await vestibule.authorized("get", "/me/events", { query: { limit: 2 } });
  same<(typeof events.items)[number]["event"], string>(true);
  same<Awaited<ReturnType<typeof rename>>, undefined>(true);
  // @ts-expect-error the path has no such method
  await vestibule.authorized("put", "/me");
  // @ts-expect-error there is no such path
  await vestibule.call("get", "/users");
  // @ts-expect-error the body is required
  await vestibule.authorized("patch", "/2fa/passkeys/{id}", { path: { id: "1" } });
  // @ts-expect-error the id is required
  await vestibule.authorized("delete", "/sessions/{id}");
  // @ts-expect-error the query has no such member
  await vestibule.authorized("get", "/me/events", { query: { page: 2 } });
}

function rename() {
  return vestibule.authorized("patch", "/2fa/passkeys/{id}", { path: { id: "1" }, body: { name: "Phone" } });
}

export function errors(error: unknown): ErrorCode | undefined {
  if (isVestibuleError(error, "invalid_code", "passkey_cancelled")) return error.code;
  // @ts-expect-error no such code
  if (isVestibuleError(error, "wrong_code")) return undefined;
  // @ts-expect-error the codes are a closed list
  return new VestibuleError("wrong_code", "").code;
}

export function userOf(state: SessionState): string | undefined {
  // @ts-expect-error no user may be signed in
  state.userId;
  return state.status === "signed_in" ? state.userId : undefined;
}
