//! `/oauth/`: what OAuth and OpenID Connect clients call, and the pages where users decide.

pub mod authorize;
pub mod device;
pub mod form_post;
pub mod logout;
pub mod par;
pub mod revoke;
pub mod token;
pub mod userinfo;
