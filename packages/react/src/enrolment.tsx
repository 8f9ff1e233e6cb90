"use client";

/** The first second factor of an account: an authenticator app, or a passkey. */

import {
  type EnrolmentRequired,
  type PasskeyAdded,
  type Shape,
  isVestibuleError,
  passkeysSupported,
} from "@vestibule/client";
import { type ReactElement, useEffect, useState } from "react";

import { type Action, ActionButton, Failure, Field, Form, textOf, useAction } from "./actions.tsx";
import { useTexts } from "./context.tsx";
import { CodeList } from "./recovery-codes.tsx";

/** Sets up a second factor, and signs in with it. */
export function EnrolmentForm(props: {
  login: EnrolmentRequired;
  onSignedIn?: (() => void) | undefined;
  /** The login is over: the user took too long. */
  onExpired?: ((error: unknown) => void) | undefined;
  /** Whether to offer a passkey beside the authenticator app. Say `false` if the deployment has none. */
  passkeys?: boolean;
  className?: string | undefined;
}): ReactElement {
  const { login, onSignedIn, onExpired, passkeys = true, className } = props;
  const texts = useTexts();
  const [kind, choose] = useState(login.kinds[0] ?? "totp");
  const guard = async (work: Promise<unknown>, isLast = true) => {
    try {
      await work;
    } catch (error) {
      if (isVestibuleError(error, "invalid_pre_auth_token")) onExpired?.(error);
      throw error;
    }
    if (isLast) onSignedIn?.();
  };
  const hasPasskeys = passkeys && passkeysSupported();
  const other = login.kinds.find((known) => known !== kind && (known !== "passkey" || hasPasskeys));
  return (
    <section className={className} data-vestibule="enrolment">
      <h2>{texts.setUp}</h2>
      {kind === "totp" ? <AuthenticatorApp login={login} guard={guard} /> : <Passkey login={login} guard={guard} />}
      {other !== undefined && (
        <button type="button" onClick={() => choose(other)}>
          {other === "totp" ? texts.useAuthenticatorApp : texts.createPasskey}
        </button>
      )}
    </section>
  );
}

interface WayProps {
  login: EnrolmentRequired;
  /** Waits for work. The last step signs in. */
  guard: (work: Promise<unknown>, isLast?: boolean) => Promise<void>;
}

function AuthenticatorApp({ login, guard }: WayProps): ReactElement {
  const texts = useTexts();
  const action = useAction();
  const totp = useAuthenticator(login, action);
  if (totp === undefined) return <Failure action={action} />;
  return (
    <>
      <p data-part="hint">{texts.setUpHint}</p>
      <img src={totp.qr_code} alt={texts.qrCode} data-part="qr-code" />
      <p>
        <a href={totp.otpauth_uri}>{texts.openApp}</a>
      </p>
      <p>
        {texts.secret}: <code data-part="secret">{totp.secret.replace(/.{4}(?=.)/g, "$& ")}</code>
      </p>
      <Form
        action={action}
        submit={texts.continue}
        onSubmit={(fields, options) => guard(login.confirm(textOf(fields, "code"), options))}
      >
        <Field label={texts.firstCode} name="code" autoComplete="one-time-code" digits={totp.digits} />
      </Form>
    </>
  );
}

function useAuthenticator(login: EnrolmentRequired, { fail }: Action): Shape<"TotpEnrolment"> | undefined {
  const [totp, setTotp] = useState<Shape<"TotpEnrolment">>();
  useEffect(() => {
    login.createAuthenticator().then(setTotp, fail);
  }, [login, fail]);
  return totp;
}

/** The new passkey signs in, with another press of a button: browsers demand one for each dialog. */
function Passkey({ login, guard }: WayProps): ReactElement {
  const texts = useTexts();
  const action = useAction();
  const [made, setMade] = useState<PasskeyAdded>();
  const make = () => guard(login.addPasskey().then(setMade), false);
  return (
    <>
      {made === undefined ? (
        <ActionButton action={action} onPress={make}>
          {texts.createPasskey}
        </ActionButton>
      ) : (
        <>
          <p role="status">{texts.passkeyMade}</p>
          {made.recoveryCodes.length > 0 && <CodeList codes={made.recoveryCodes} />}
          <ActionButton action={action} onPress={() => guard(made.signIn())}>
            {made.recoveryCodes.length > 0 ? texts.stored : texts.usePasskey}
          </ActionButton>
        </>
      )}
      <Failure action={action} />
    </>
  );
}
