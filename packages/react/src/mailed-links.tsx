"use client";

/** The pages that links of mails lead to. Mail scanners load pages, so nothing is used before a button is pressed. */

import { isVestibuleError } from "@vestibule/client";
import { type ReactElement, type ReactNode, useEffect, useState } from "react";

import { ActionButton, Failure, Field, Form, textOf, useAction } from "./actions.tsx";
import { useSession, useTexts, useVestibule } from "./context.tsx";
import { SignInSteps } from "./sign-in.tsx";

export interface MailedLinkProps {
  /** The token of the link. By default it is taken from the fragment of the address. */
  token?: string;
  /** It is done. */
  onDone?: () => void;
  /** What to do if the user would rather sign in; without it no button is shown. */
  onSignIn?: () => void;
  className?: string;
}

/**
 * Takes the token of a mailed link from the address (`#token=…`), and removes it there, so that it is not in the history.
 * Returns `undefined` until the page is mounted, and `null` if there is none.
 */
export function useLinkToken(): string | null | undefined {
  const [token, setToken] = useState<string | null>();
  useEffect(() => {
    const take = () => {
      const found = new URLSearchParams(location.hash.slice(1)).get("token");
      // React runs this twice in strict mode, and the first time has removed it.
      setToken((known) => found ?? known ?? null);
      if (found !== null) history.replaceState(history.state, "", location.pathname + location.search);
    };
    take();
    addEventListener("hashchange", take);
    return () => removeEventListener("hashchange", take);
  }, []);
  return token;
}

/** Asks whether a link works, without using it. Says no only if the service does. */
function useIsDead(token: string | null | undefined, ask?: (token: string) => Promise<unknown>): boolean {
  const [isDead, setDead] = useState(false);
  useEffect(() => {
    setDead(false);
    if (typeof token !== "string" || ask === undefined) return;
    let isCurrent = true;
    ask(token).catch((error: unknown) => {
      if (isCurrent && isVestibuleError(error, "invalid_link_token")) setDead(true);
    });
    return () => {
      isCurrent = false;
    };
    // The question is the same at each render.
  }, [token]);
  return isDead;
}

/** The frame of these pages. */
function LinkPage(props: {
  name: string;
  title: string;
  link: MailedLinkProps;
  /** Asks whether the link works, without using it. */
  ask?: (token: string) => Promise<unknown>;
  /** What to say when it is done. */
  done: string | undefined;
  children: (token: string) => ReactNode;
}): ReactElement {
  const { name, title, link, ask, done, children } = props;
  const texts = useTexts();
  const fromAddress = useLinkToken();
  const token = link.token ?? fromAddress;
  const isDead = useIsDead(token, ask);
  const content = () => {
    if (done !== undefined) return <p role="status">{done}</p>;
    if (token === undefined) return null;
    if (token !== null && !isDead) return children(token);
    return (
      <p role="alert" data-part="problem">
        {texts.problems.invalid_link_token ?? texts.unknownProblem}
      </p>
    );
  };
  return (
    <section className={link.className} data-vestibule={name}>
      <h2>{title}</h2>
      {content()}
      {link.onSignIn !== undefined && (
        <button type="button" onClick={link.onSignIn}>
          {texts.toSignIn}
        </button>
      )}
    </section>
  );
}

/** Verifies an address: the page `verify-email`. Asks for the password if no user of the account is signed in. */
export function VerifyEmail(link: MailedLinkProps): ReactElement {
  const client = useVestibule();
  const session = useSession();
  const texts = useTexts();
  const action = useAction();
  const [needsPassword, setNeedsPassword] = useState(false);
  const [isDone, setDone] = useState(false);
  const verify = async (token: string, password?: string) => {
    try {
      await client.verifyEmail(token, password);
    } catch (error) {
      if (!isVestibuleError(error, "proof_required") || password !== undefined) throw error;
      setNeedsPassword(true);
      return;
    }
    setDone(true);
    link.onDone?.();
  };
  return (
    <LinkPage
      name="verify-email"
      title={texts.verifyEmail}
      link={link}
      // Without a proof nothing is verified.
      ask={(token) => client.call("post", "/email/verify", { body: { token } })}
      done={isDone ? texts.emailVerified : undefined}
    >
      {(token) =>
        needsPassword ? (
          <>
            <p data-part="hint">{texts.passwordOfAccount}</p>
            <Form
              action={action}
              submit={texts.verifyEmail}
              onSubmit={(fields) => verify(token, textOf(fields, "password"))}
            >
              <Field label={texts.password} name="password" type="password" autoComplete="current-password" autoFocus />
            </Form>
          </>
        ) : (
          <>
            {session.status !== "unknown" && (
              <ActionButton action={action} onPress={() => verify(token)}>
                {texts.verifyEmail}
              </ActionButton>
            )}
            <Failure action={action} />
          </>
        )
      }
    </LinkPage>
  );
}

/** Sets a new password: the page `reset-password`. All sessions of the account end. */
export function ResetPassword(link: MailedLinkProps): ReactElement {
  const client = useVestibule();
  const texts = useTexts();
  const action = useAction();
  const [isDone, setDone] = useState(false);
  const set = async (token: string, password: string) => {
    await client.resetPassword(token, password);
    setDone(true);
    link.onDone?.();
  };
  return (
    <LinkPage
      name="reset-password"
      title={texts.resetPassword}
      link={link}
      // An empty password is refused, if the link works.
      ask={(token) => client.resetPassword(token, "")}
      done={isDone ? texts.passwordSet : undefined}
    >
      {(token) => (
        <Form
          action={action}
          submit={texts.resetPassword}
          onSubmit={(fields) => set(token, textOf(fields, "password"))}
        >
          <Field label={texts.newPassword} name="password" type="password" autoComplete="new-password" autoFocus />
        </Form>
      )}
    </LinkPage>
  );
}

/**
 * Signs in by a mailed link: the page `magic-link`. A second factor is asked for as usual. `onDone` is called when the
 * user is signed in.
 */
export function MagicLink(props: MailedLinkProps & { passkeys?: boolean }): ReactElement {
  const { passkeys = true, ...link } = props;
  const client = useVestibule();
  const texts = useTexts();
  const action = useAction();
  return (
    <SignInSteps action={action} onSignedIn={link.onDone} passkeys={passkeys} className={link.className}>
      {(goOn) => (
        <LinkPage name="magic-link" title={texts.magicLink} link={link} done={undefined}>
          {(token) => (
            <>
              <ActionButton action={action} onPress={async () => goOn(await client.signInWithMagicLink(token))}>
                {texts.signIn}
              </ActionButton>
              <Failure action={action} />
            </>
          )}
        </LinkPage>
      )}
    </SignInSteps>
  );
}

/** Cancels a change of the address: the page `cancel-email-change`. All sessions of the account end. */
export function CancelEmailChange(link: MailedLinkProps): ReactElement {
  const client = useVestibule();
  const texts = useTexts();
  const action = useAction();
  const [isDone, setDone] = useState(false);
  const cancel = async (token: string) => {
    await client.call("post", "/email/change/cancel", { body: { token } });
    setDone(true);
    link.onDone?.();
  };
  return (
    <LinkPage
      name="cancel-email-change"
      title={texts.cancelEmailChange}
      link={link}
      done={isDone ? texts.emailChangeCancelled : undefined}
    >
      {(token) => (
        <>
          <ActionButton action={action} onPress={() => cancel(token)}>
            {texts.cancelEmailChange}
          </ActionButton>
          <Failure action={action} />
        </>
      )}
    </LinkPage>
  );
}
