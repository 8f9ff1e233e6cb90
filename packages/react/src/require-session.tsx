"use client";

/** What only signed-in users see. */

import { Fragment, type ReactElement, type ReactNode } from "react";

import { useSession } from "./context.tsx";
import { RecoveryCodes } from "./recovery-codes.tsx";

/**
 * Shows its children to a signed-in user, after new recovery codes that the user has to store first. The codes are in
 * memory, so a reload loses them, and shows the children: offer `client.renewRecoveryCodes()` there. If another user
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
  switch (session.status) {
    case "unknown":
      return <>{loading}</>;
    case "signed_out":
      return <>{fallback}</>;
    case "signed_in":
      if (session.recoveryCodes.length > 0) return <RecoveryCodes />;
      return <Fragment key={session.userId}>{children}</Fragment>;
  }
}
