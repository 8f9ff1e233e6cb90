/** What the components say, in English. `VestibuleProvider` takes other texts in the place of any of these. */

import type { ErrorCode, ProofMethod } from "@vestibule/client";

export interface Texts {
  name: string;
  email: string;
  password: string;
  newPassword: string;
  signIn: string;
  register: string;
  signInWithPasskey: string;
  toRegister: string;
  toSignIn: string;
  forgotPassword: string;
  mailMeALink: string;
  /** After a request for a mail. It must not say whether the address has an account. */
  mailSent: string;
  registerWithPasskey: string;
  back: string;
  cancel: string;
  secondFactor: string;
  /** Before the way to prove who one is, where it is the only one or was chosen. */
  methods: Record<ProofMethod, string>;
  otherMethods: string;
  code: string;
  recoveryCode: string;
  continue: string;
  sendCode: string;
  codeSentTo: (hint: string) => string;
  usePasskey: string;
  trustDevice: (days: number) => string;
  noMethods: string;
  setUp: string;
  setUpHint: string;
  qrCode: string;
  openApp: string;
  secret: string;
  firstCode: string;
  createPasskey: string;
  passkeyMade: string;
  useAuthenticatorApp: string;
  recoveryCodes: string;
  recoveryCodesHint: string;
  copy: string;
  copied: string;
  download: string;
  stored: string;
  /** After a reload that lost the codes. The user may have stored them before. */
  recoveryCodesLost: string;
  renewRecoveryCodes: string;
  verifyEmail: string;
  emailVerified: string;
  /** Before the password that proves whose address it is. */
  passwordOfAccount: string;
  resetPassword: string;
  passwordSet: string;
  magicLink: string;
  cancelEmailChange: string;
  emailChangeCancelled: string;
  stepUp: string;
  sessions: string;
  thisSession: string;
  lastUsed: (time: Date) => string;
  unknownDevice: string;
  endSession: string;
  endOtherSessions: string;
  working: (seconds: number) => string;
  wait: (seconds: number) => string;
  problems: Partial<Record<ErrorCode, string>>;
  /** For a code without a text. */
  unknownProblem: string;
}

export const ENGLISH: Texts = {
  name: "E-mail address or user name",
  email: "E-mail address",
  password: "Password",
  newPassword: "Password",
  signIn: "Sign in",
  register: "Create an account",
  signInWithPasskey: "Sign in with a passkey",
  toRegister: "Create an account",
  toSignIn: "Sign in instead",
  forgotPassword: "Forgot your password?",
  mailMeALink: "Mail me a link to sign in",
  mailSent: "Look at your mail, and follow the link in it.",
  registerWithPasskey: "Use a passkey instead",
  back: "Back",
  cancel: "Cancel",
  secondFactor: "Confirm that it is you",
  methods: {
    passkey: "Passkey",
    totp: "Authenticator app",
    sms: "Code by text message",
    email: "Code by e-mail",
    recovery_code: "Recovery code",
    password: "Password",
  },
  otherMethods: "Other ways",
  code: "Code",
  recoveryCode: "Recovery code",
  continue: "Continue",
  sendCode: "Send a code",
  codeSentTo: (hint) => `A code was sent to ${hint}.`,
  usePasskey: "Use the passkey",
  trustDevice: (days) => `Do not ask again on this device for ${days} days`,
  noMethods: "None of the ways to confirm that it is you works here. Ask the operator for help.",
  setUp: "Set up your second factor",
  setUpHint: "Scan the picture with an authenticator app, and type the code that the app shows.",
  qrCode: "QR code for your authenticator app",
  openApp: "Open an authenticator app on this device",
  secret: "Key to type into the app",
  firstCode: "Code that the app shows",
  createPasskey: "Create a passkey",
  passkeyMade: "The passkey is ready. Use it to sign in.",
  useAuthenticatorApp: "Use an authenticator app instead",
  recoveryCodes: "Recovery codes",
  recoveryCodesHint:
    "Each of these codes signs you in once without your second factor. Keep them in a safe place: they are shown once.",
  copy: "Copy",
  copied: "Copied",
  download: "Download",
  stored: "I have stored the codes",
  recoveryCodesLost:
    "Recovery codes were made for you in this browser. If you have not stored them, make new ones: without them you may " +
    "lose your account together with your device.",
  renewRecoveryCodes: "Make new codes",
  verifyEmail: "Confirm your e-mail address",
  emailVerified: "Your e-mail address is confirmed.",
  passwordOfAccount: "Enter the password of the account, to show that it is yours.",
  resetPassword: "Set a new password",
  passwordSet: "The new password is set. Sign in with it.",
  magicLink: "Sign in by e-mail",
  cancelEmailChange: "Keep your e-mail address",
  emailChangeCancelled: "Your e-mail address stays as it is, and you are signed out everywhere. Change your password.",
  stepUp: "Confirm that it is you",
  sessions: "Where you are signed in",
  thisSession: "This session",
  lastUsed: (time) => `Last used ${time.toLocaleString()}`,
  unknownDevice: "Unknown device",
  endSession: "Sign out there",
  endOtherSessions: "Sign out everywhere else",
  working: (seconds) =>
    `Many wrong passwords were tried for this account. Your device computes for about ${seconds} seconds to go on.`,
  wait: (seconds) => `Too many attempts. Try again in ${seconds} seconds.`,
  problems: {
    invalid_credentials: "The name or the password is wrong.",
    invalid_code: "The code is wrong, too old, or was used already.",
    invalid_link_token: "This link does not work: it is too old, was used, or was replaced by a newer one.",
    invalid_pre_auth_token: "That took too long. Sign in again.",
    invalid_refresh_token: "You are signed out. Sign in again.",
    password_rejected: "This password is too short or too easy to guess.",
    validation_failed: "Something is missing or is not valid.",
    email_taken: "There is an account with this address already.",
    username_taken: "This name is taken. Choose another one.",
    registration_denied: "No account is made for you here.",
    registration_unavailable: "No account can be made at the moment. Try again later.",
    forbidden: "This is not allowed here.",
    conflict: "That is not possible now.",
    rate_limited: "Too many attempts. Wait a while.",
    service_unavailable: "The service is busy. Try again in a moment.",
    no_answer: "The service cannot be reached. Try again.",
    user_changed: "Another user has signed in in this browser. Nothing was changed.",
    passkey_unsupported: "This browser cannot use passkeys.",
    passkey_cancelled: "No passkey was used.",
    passkey_exists: "This device has a passkey of your account already.",
    passkey_failed: "The passkey could not be used.",
  },
  unknownProblem: "That did not work. Try again.",
};

/** Texts in the place of some of the English ones. */
export type OwnTexts = Partial<Omit<Texts, "methods" | "problems">> & {
  methods?: Partial<Texts["methods"]>;
  problems?: Texts["problems"];
};

/** Returns all texts. Of the methods and the problems, each has its own. */
export function textsWith(own: OwnTexts = {}): Texts {
  return {
    ...ENGLISH,
    ...own,
    methods: { ...ENGLISH.methods, ...own.methods },
    problems: { ...ENGLISH.problems, ...own.problems },
  };
}
