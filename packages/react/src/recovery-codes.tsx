"use client";

/** New recovery codes, which are shown this once. */

import { type ReactElement, useState, useSyncExternalStore } from "react";

import { ActionButton, Failure, useAction } from "./actions.tsx";
import { useSession, useTexts, useVestibule } from "./context.tsx";
import { ownerOfUnstoredCodes, rememberOwner, subscribeToOwner } from "./unstored-codes.ts";

/** Returns whether the signed-in user got recovery codes in this browser without saying that they are stored. */
export function useHasUnstoredCodes(): boolean {
  const session = useSession();
  const owner = useSyncExternalStore(subscribeToOwner, ownerOfUnstoredCodes, () => null);
  if (session.status !== "signed_in") return false;
  return session.recoveryCodes.length > 0 || session.userId === owner;
}

/**
 * Shows recovery codes that the user has not confirmed yet. If a reload has lost them, it says so, and offers new ones.
 * Nothing if there are none.
 */
export function RecoveryCodes({ className }: { className?: string }): ReactElement | null {
  const client = useVestibule();
  const session = useSession();
  const texts = useTexts();
  const action = useAction();
  const isDue = useHasUnstoredCodes();
  if (session.status !== "signed_in" || !isDue) return null;
  const confirm = () => {
    client.confirmRecoveryCodes();
    // The client says nothing if it has no codes.
    rememberOwner(undefined);
  };
  return (
    <section className={className} data-vestibule="recovery-codes">
      <h2>{texts.recoveryCodes}</h2>
      {session.recoveryCodes.length > 0 ? (
        <CodeList codes={session.recoveryCodes} />
      ) : (
        <>
          <p data-part="hint">{texts.recoveryCodesLost}</p>
          <ActionButton action={action} onPress={async () => void (await client.renewRecoveryCodes())}>
            {texts.renewRecoveryCodes}
          </ActionButton>
          <Failure action={action} />
        </>
      )}
      <button type="button" onClick={confirm}>
        {texts.stored}
      </button>
    </section>
  );
}

/** Lists codes, to copy and to download. */
export function CodeList({ codes }: { codes: readonly string[] }): ReactElement {
  const texts = useTexts();
  const [isCopied, setCopied] = useState(false);
  const text = `${codes.join("\n")}\n`;
  const copy = () =>
    void navigator.clipboard.writeText(text).then(
      () => setCopied(true),
      // The page may not use the clipboard. The codes can be selected.
      () => undefined,
    );
  return (
    <>
      <p data-part="hint">{texts.recoveryCodesHint}</p>
      <ul data-part="codes">
        {codes.map((code) => (
          <li key={code}>
            <code>{code}</code>
          </li>
        ))}
      </ul>
      <button type="button" onClick={copy}>
        {isCopied ? texts.copied : texts.copy}
      </button>{" "}
      <a href={`data:text/plain;charset=utf-8,${encodeURIComponent(text)}`} download="recovery-codes.txt">
        {texts.download}
      </a>
    </>
  );
}
