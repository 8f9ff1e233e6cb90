//! The rules of Vestibule, independent of HTTP and of storage.
//!
//! Pure: no HTTP, no SQL, no files, no clock and no randomness. Time and random bytes come in as arguments, so every
//! rule here can be tested over all its inputs.

pub mod accent;
pub mod access_token;
pub mod account_change;
pub mod account_event;
pub mod app_claims;
pub mod assurance;
pub mod audit_event;
pub mod authority;
pub mod breach_range;
pub mod client_program;
pub mod clock;
pub mod dpop;
pub mod email;
pub mod factor;
pub mod factor_proof;
pub mod failed_attempts;
pub mod federation;
pub mod ids;
pub mod imported_passkey;
pub mod imported_user;
pub mod input;
pub mod issuer;
pub mod link_token;
pub mod logo;
pub mod managed_user;
pub mod message;
pub(crate) mod names;
pub mod network;
pub mod numbering_plan;
pub mod oauth;
pub mod opaque_token;
pub mod outbound_url;
pub mod passkey;
pub mod passkey_apps;
pub mod passkey_response;
pub mod password;
pub mod phone_number;
pub mod policy;
pub mod random;
pub mod recovery_code;
pub mod relying_party;
pub mod roles;
pub mod sending;
pub mod sent_code;
pub mod session;
pub mod session_end;
pub mod signed_claims;
pub mod signing_key;
pub mod totp;
pub mod trusted_device;
pub mod typed_text;
pub mod user;
pub mod username;
