/** Sign-ins at a provider, such as Google: the browser goes there, and comes back with an answer. */

import type { Core } from "./core.ts";
import { VestibuleError } from "./errors.ts";
import { type SignInOutcome, outcomeOf } from "./sign-in.ts";
import type { Shape } from "./types.ts";

/** How a sign-in at a provider is started. */
export interface ProviderOptions {
  /** Where the browser comes back: one of the redirect URIs that the operator lists for the provider. */
  redirectUri: string;
  /** Who will probably sign in, such as an address; passed on to the provider. */
  loginHint?: string;
  /** Connects the provider with the account of the signed-in user, in the place of a sign-in. */
  link?: boolean;
}

/** What a sign-in at a provider comes to. */
export type ProviderOutcome =
  | SignInOutcome
  /** An account has the address that the provider names: sign in to it as usual, and connect the provider then. */
  | { readonly status: "link_required" }
  /** The provider is connected with the account of the signed-in user. */
  | { readonly status: "linked"; readonly identity: Shape<"Identity"> };

/** What this tab remembers while the browser is at the provider. */
interface Started {
  provider: string;
  token: string;
  link: boolean;
}

/** Only the tab that started a sign-in finishes it: an answer that another one brings is an attacker's. */
const place = (state: string) => `vestibule.provider.${state}`;

/** Starts a sign-in. Returns the URL for the browser to go to. */
export async function startProviderSignIn(
  core: Core,
  provider: string,
  { redirectUri, loginHint, link = false }: ProviderOptions,
): Promise<string> {
  const body = { redirect_uri: redirectUri, ...(loginHint !== undefined && { login_hint: loginHint }) };
  const request = { path: { provider }, body };
  const started = await (link
    ? core.authorized("post", "/federation/{provider}/start", request)
    : core.call("post", "/federation/{provider}/start", request));
  const remembered: Started = { provider, token: started.federation_token, link };
  sessionStorage.setItem(place(started.state), JSON.stringify(remembered));
  if (started.authorization_url === undefined) throw new VestibuleError("no_answer", "there is no authorization_url");
  return started.authorization_url;
}

/**
 * Finishes a sign-in with the URL that the browser came back to, and removes the answer from the address bar.
 * @param emailToken the token of a mail, if the user comes back by one
 */
export async function finishProviderSignIn(core: Core, url: string, emailToken?: string): Promise<ProviderOutcome> {
  const answer = new URL(url).searchParams;
  if (url === location.href) history.replaceState(history.state, "", withoutAnswer(url));
  const state = answer.get("state") ?? "";
  const remembered = sessionStorage.getItem(place(state));
  if (remembered === null) throw new VestibuleError("unknown_sign_in", "this tab did not start the sign-in");
  sessionStorage.removeItem(place(state));
  const code = answer.get("code");
  if (code === null) throw new VestibuleError("provider_cancelled", answer.get("error") ?? "the provider gave no code");
  const { provider, token, link } = JSON.parse(remembered) as Started;
  const iss = answer.get("iss");
  const body: Shape<"FinishFederationRequest"> = {
    federation_token: token,
    state,
    code,
    delivery: core.delivery,
    ...(iss !== null && { iss }),
    ...(emailToken !== undefined && { email_token: emailToken }),
    ...(await deviceToken(core)),
  };
  const request = { path: { provider }, body };
  const finished = await (link
    ? core.authorized("post", "/federation/{provider}/finish", request)
    : core.call("post", "/federation/{provider}/finish", request));
  if (finished.status === "link_required") return { status: finished.status };
  if (finished.status === "linked") return { status: finished.status, identity: finished.identity };
  return outcomeOf(core, finished);
}

/** Returns the device token as a member of a body, if this device is trusted and has no cookie for it. */
export async function deviceToken(core: Core): Promise<{ device_token?: string }> {
  const token = await core.storage?.load("device-token");
  return token === undefined ? {} : { device_token: token };
}

function withoutAnswer(url: string): string {
  const cleaned = new URL(url);
  for (const name of ["state", "code", "iss", "error", "error_description", "error_uri"]) {
    cleaned.searchParams.delete(name);
  }
  return cleaned.href;
}
