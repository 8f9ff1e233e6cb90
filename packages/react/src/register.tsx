"use client";

/** A registration, from the address to the second factor. */

import type { RegisterOutcome } from "@vestibule/client";
import { type ReactElement, useState } from "react";

import { Field, Form, textOf, useAction } from "./actions.tsx";
import { useTexts, useVestibule } from "./context.tsx";
import { EnrolmentForm } from "./enrolment.tsx";
import { useHasPasskeys } from "./sign-in.tsx";

export interface RegisterProps {
  onRegistered?: () => void;
  /** What to do if the user has an account; without it no button is shown. */
  onSignIn?: () => void;
  /** Whether to offer passkeys, in the place of a password or beside it. Say `false` if the deployment has none. */
  passkeys?: boolean;
  className?: string;
}

/** Creates an account, and sets up its second factor. */
export function Register({ onRegistered, onSignIn, passkeys = true, className }: RegisterProps): ReactElement {
  const client = useVestibule();
  const texts = useTexts();
  const action = useAction();
  const hasPasskeys = useHasPasskeys() && passkeys;
  const [outcome, setOutcome] = useState<RegisterOutcome>();
  const [isPasswordless, setPasswordless] = useState(false);
  const startAgain = (error: unknown) => {
    setOutcome(undefined);
    action.fail(error);
  };
  if (outcome?.status === "enrolment_required") {
    const shared = { onExpired: startAgain, passkeys, className };
    return <EnrolmentForm login={outcome} onSignedIn={onRegistered} {...shared} />;
  }
  const register = async (fields: FormData) => {
    const email = textOf(fields, "email");
    const proof = isPasswordless ? { passkey: true as const } : { password: textOf(fields, "password") };
    setOutcome(await client.register({ email, ...proof }));
  };
  return (
    <section className={className} data-vestibule="register">
      <h2>{texts.register}</h2>
      {outcome?.status === "mail_sent" ? (
        <p role="status">{texts.mailSent}</p>
      ) : (
        <Form action={action} submit={texts.register} onSubmit={register}>
          <Field label={texts.email} name="email" type="email" autoComplete="username" />
          {!isPasswordless && (
            <Field label={texts.newPassword} name="password" type="password" autoComplete="new-password" />
          )}
          {hasPasskeys && (
            <label>
              <input
                type="checkbox"
                checked={isPasswordless}
                onChange={(event) => setPasswordless(event.currentTarget.checked)}
              />{" "}
              {texts.registerWithPasskey}
            </label>
          )}
        </Form>
      )}
      {onSignIn !== undefined && (
        <button type="button" onClick={onSignIn}>
          {texts.toSignIn}
        </button>
      )}
    </section>
  );
}
