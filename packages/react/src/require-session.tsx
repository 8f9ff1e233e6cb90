"use client";

/** What only signed-in users see. */

import { Fragment, type ReactElement, type ReactNode } from "react";

import { useSession } from "./context.tsx";
import { RecoveryCodes, useHasUnstoredCodes } from "./recovery-codes.tsx";

/**
 * Shows its children to a signed-in user, after new recovery codes that the user has to store first. If another user
 * signs in, such as in another tab, the children are mounted again, so that they show nothing of the first.
 */
export function RequireSession(props: {
  /** Shown while no user is signed in, such as `<SignIn />`. */
  fallback: ReactNode;
  /** Shown until it is known whether a user is signed in. */
  loading?: ReactNode;
  children?: ReactNode;
}): ReactElement {
  const { fallback, loading = null, children } = props;
  const session = useSession();
  const hasUnstoredCodes = useHasUnstoredCodes();
  switch (session.status) {
    case "unknown":
      return <>{loading}</>;
    case "signed_out":
      return <>{fallback}</>;
    case "signed_in":
      if (hasUnstoredCodes) return <RecoveryCodes />;
      return <Fragment key={session.userId}>{children}</Fragment>;
  }
}
