//! What OAuth and OpenID Connect clients call.

mod authorize;
mod client_documents;
mod device;
mod logout;
mod par;
mod revoke;
mod token;
mod userinfo;
