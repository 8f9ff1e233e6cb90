//! OAuth 2.1 and OpenID Connect: what clients are, what they may ask for, and what they get.
//!
//! A grant to an application is a session of its own, a child of the session that its user granted it in.

pub mod api_key;
pub mod authorization_request;
pub mod client;
pub mod client_assertion;
pub mod client_document;
pub mod client_secret;
pub mod client_url;
pub mod device;
pub mod grant;
pub mod id_token;
pub mod pkce;
pub mod redirect_uri;
pub mod response_mode;
pub mod scope;
pub mod service_token;
