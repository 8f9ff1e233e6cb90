//! The lies of the provider that lies, by where they are found.

/// Lies in its configuration: no browser is sent there.
pub(crate) const IN_CONFIGURATION: &[&str] = &[
    "discovery-iss",
    "discovery-iss-slash",
    "discovery-redirect",
    "discovery-html",
    "discovery-array",
    "plain-challenge",
    "no-code",
    "hmac-only",
    "keys-metadata-service",
    "keys-file",
    "token-http",
    "authorize-script",
];

/// Lies in its keys, or in where they are.
pub(crate) const IN_KEYS: &[&str] = &[
    "keys-private",
    "keys-empty",
    "keys-symmetric",
    "keys-redirect",
    "keys-html",
];

/// Lies in the ID token: its claims, then its signature.
pub(crate) const IN_ID_TOKEN: &[&str] = &[
    "iss",
    "iss-slash",
    "no-iss",
    "aud",
    "no-aud",
    "aud-empty",
    "aud-two",
    "aud-two-azp",
    "azp",
    "nonce",
    "no-nonce",
    "expired",
    "no-exp",
    "exp-text",
    "future",
    "no-iat",
    "not-before",
    "no-sub",
    "sub-empty",
    "sub-long",
    "sub-control",
    "sub-number",
    "none",
    "hmac",
    "unknown-key",
    "key-of-wrong-type",
    "other-key",
    "crit",
    "no-signature",
    "encrypted",
];

/// Lies beside the ID token that comes with a code. An app that brings an ID token meets none of them.
pub(crate) const BESIDE_ID_TOKEN: &[&str] = &[
    "at-hash",
    "no-id-token",
    "token-private",
    "token-redirect",
    "token-html",
    "userinfo-another",
    "userinfo-redirect",
];

/// Returns all of them.
pub(crate) fn all() -> Vec<&'static str> {
    [IN_CONFIGURATION, IN_KEYS, IN_ID_TOKEN, BESIDE_ID_TOKEN].concat()
}
