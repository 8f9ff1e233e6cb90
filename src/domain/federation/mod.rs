//! Upstream sign-in: an OpenID provider, or GitHub, says who a user is.
//!
//! A provider is one factor. The pair of its issuer and a subject identifies a user; an address never does.
//!
//! What is here decides about texts that others wrote, without a network: which issuer and which endpoints count
//! ([`issuer`], [`metadata`]), what a browser is sent with ([`exchange`]), and what an ID token or an answer of GitHub
//! has to say before it is believed ([`id_token`], [`github`], [`identity`]).

pub mod authority;
pub mod callback;
pub mod exchange;
pub mod github;
pub mod id_token;
pub mod identity;
pub mod issuer;
pub mod metadata;
pub mod newcomer;
pub mod provider;
