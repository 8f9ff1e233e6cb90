"use client";

/** A sign-in, from the name to the second factor. */

import { type SignInOutcome, type WorkOptions, isVestibuleError, passkeysSupported } from "@vestibule/client";
import { type ReactElement, useEffect, useRef, useState, useSyncExternalStore } from "react";

import { type Action, ActionButton, Field, Form, textOf, useAction } from "./actions.tsx";
import { useTexts, useVestibule } from "./context.tsx";
import { EnrolmentForm } from "./enrolment.tsx";
import { SecondFactorForm } from "./second-factor.tsx";

export interface SignInProps {
  onSignedIn?: () => void;
  /** What to do if the user has no account; without it no button is shown. */
  onRegister?: () => void;
  /** Whether to offer passkeys, if the browser can use them. Say `false` if the deployment has none. */
  passkeys?: boolean;
  className?: string;
}

/**
 * Signs a user in: with a password, with a passkey alone, or by mail; then with a second factor, or with the set-up of
 * the first one. `RequireSession` shows the app afterwards.
 */
export function SignIn({ onSignedIn, onRegister, passkeys = true, className }: SignInProps): ReactElement {
  const action = useAction();
  return (
    <SignInSteps action={action} onSignedIn={onSignedIn} passkeys={passkeys} className={className}>
      {(goOn) => (
        <section className={className} data-vestibule="sign-in">
          <FirstFactor action={action} onOutcome={goOn} onRegister={onRegister} passkeys={passkeys} />
        </section>
      )}
    </SignInSteps>
  );
}

interface SignInStepsProps {
  /** The action of the first step. It shows why the user is back there. */
  action: Action;
  onSignedIn: (() => void) | undefined;
  passkeys: boolean;
  className: string | undefined;
  /** The first step, which says how it ended. */
  children: (goOn: (next: SignInOutcome) => void) => ReactElement;
}

/** A sign-in from its first step to its end: what comes next follows from how the first step ended. */
export function SignInSteps({ action, onSignedIn, passkeys, className, children }: SignInStepsProps): ReactElement {
  const [outcome, setOutcome] = useState<SignInOutcome>();
  const goOn = (next: SignInOutcome) => {
    setOutcome(next);
    if (next.status === "authenticated") onSignedIn?.();
  };
  const startAgain = (error: unknown) => {
    setOutcome(undefined);
    action.fail(error);
  };
  const shared = { onSignedIn, onExpired: startAgain, className };
  switch (outcome?.status) {
    case "second_factor_required":
      return <SecondFactorForm login={outcome} {...shared} />;
    case "enrolment_required":
      return <EnrolmentForm login={outcome} passkeys={passkeys} {...shared} />;
    default:
      return children(goOn);
  }
}

interface FirstFactorProps {
  action: Action;
  onOutcome: (outcome: SignInOutcome) => void;
  onRegister: (() => void) | undefined;
  passkeys: boolean;
}

function FirstFactor({ action, onOutcome, onRegister, passkeys }: FirstFactorProps): ReactElement {
  const client = useVestibule();
  const texts = useTexts();
  const hasPasskeys = useHasPasskeys() && passkeys;
  const [mail, askForMail] = useState<"magic-link" | "forgot-password">();
  useSuggestedPasskeys(hasPasskeys && mail === undefined, onOutcome, action.fail);
  if (mail !== undefined) return <MailForm kind={mail} onBack={() => askForMail(undefined)} />;
  const signIn = async (fields: FormData, options: WorkOptions) => {
    const name = textOf(fields, "username");
    const named = name.includes("@") ? { email: name } : { username: name };
    onOutcome(await client.signIn({ ...named, password: textOf(fields, "password") }, options));
  };
  return (
    <>
      <h2>{texts.signIn}</h2>
      <Form action={action} submit={texts.signIn} onSubmit={signIn}>
        <Field label={texts.name} name="username" autoComplete={hasPasskeys ? "username webauthn" : "username"} />
        <Field label={texts.password} name="password" type="password" autoComplete="current-password" />
      </Form>
      <div data-part="other-ways">
        {hasPasskeys && (
          <ActionButton action={action} onPress={async () => onOutcome(await client.signInWithPasskey())}>
            {texts.signInWithPasskey}
          </ActionButton>
        )}
        <button type="button" onClick={() => askForMail("magic-link")}>
          {texts.mailMeALink}
        </button>
        <button type="button" onClick={() => askForMail("forgot-password")}>
          {texts.forgotPassword}
        </button>
        {onRegister !== undefined && (
          <button type="button" onClick={onRegister}>
            {texts.toRegister}
          </button>
        )}
      </div>
    </>
  );
}

function MailForm({ kind, onBack }: { kind: "magic-link" | "forgot-password"; onBack: () => void }): ReactElement {
  const client = useVestibule();
  const texts = useTexts();
  const action = useAction();
  const [isSent, setSent] = useState(false);
  const send = async (fields: FormData) => {
    const email = textOf(fields, "email");
    await (kind === "magic-link" ? client.requestMagicLink(email) : client.forgotPassword(email));
    setSent(true);
  };
  return (
    <>
      <h2>{kind === "magic-link" ? texts.mailMeALink : texts.forgotPassword}</h2>
      {isSent ? (
        <p role="status">{texts.mailSent}</p>
      ) : (
        <Form action={action} submit={texts.continue} onSubmit={send}>
          <Field label={texts.email} name="email" type="email" autoComplete="username" />
        </Form>
      )}
      <button type="button" onClick={onBack}>
        {texts.back}
      </button>
    </>
  );
}

const never = () => () => undefined;

/** Returns whether the browser can use passkeys; `false` on a server and in the first render after it. */
export function useHasPasskeys(): boolean {
  return useSyncExternalStore(never, passkeysSupported, () => false);
}

/** Suggests passkeys in the field of the name, while the form is shown. */
function useSuggestedPasskeys(
  isOn: boolean,
  onOutcome: (outcome: SignInOutcome) => void,
  onError: (error: unknown) => void,
): void {
  const client = useVestibule();
  const latest = useRef({ onOutcome, onError });
  useEffect(() => {
    latest.current = { onOutcome, onError };
  });
  useEffect(() => {
    if (!isOn) return;
    const stopping = new AbortController();
    client.signInWithPasskey({ autofill: true, signal: stopping.signal }).then(
      (outcome) => latest.current.onOutcome(outcome),
      (error: unknown) => {
        // The form has a button for the same, which says what is wrong with this browser.
        if (isVestibuleError(error, "invalid_credentials")) latest.current.onError(error);
      },
    );
    return () => stopping.abort();
  }, [client, isOn]);
}
