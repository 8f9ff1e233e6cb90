"use client";

/** New recovery codes, which are shown this once. */

import { type ReactElement, useState } from "react";

import { useSession, useTexts, useVestibule } from "./context.tsx";

/** Shows recovery codes that the user has not confirmed yet; nothing if there are none. */
export function RecoveryCodes({ className }: { className?: string }): ReactElement | null {
  const client = useVestibule();
  const session = useSession();
  const texts = useTexts();
  if (session.status !== "signed_in" || session.recoveryCodes.length === 0) return null;
  return (
    <section className={className} data-vestibule="recovery-codes">
      <h2>{texts.recoveryCodes}</h2>
      <CodeList codes={session.recoveryCodes} />
      <button type="button" onClick={() => client.confirmRecoveryCodes()}>
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
