/** The public API of `@vestibule/react`. */

export { describeError } from "./actions.tsx";
export { VestibuleProvider, useSession, useTexts, useUser, useVestibule } from "./context.tsx";
export { EnrolmentForm } from "./enrolment.tsx";
export {
  CancelEmailChange,
  MagicLink,
  type MailedLinkProps,
  ResetPassword,
  VerifyEmail,
  useLinkToken,
} from "./mailed-links.tsx";
export { RecoveryCodes } from "./recovery-codes.tsx";
export { Register, type RegisterProps } from "./register.tsx";
export { RequireSession } from "./require-session.tsx";
export { SecondFactorForm } from "./second-factor.tsx";
export { Sessions } from "./sessions.tsx";
export { SignIn, type SignInProps } from "./sign-in.tsx";
export { StepUpDialog } from "./step-up-dialog.tsx";
export { ENGLISH, type OwnTexts, type Texts } from "./texts.ts";
