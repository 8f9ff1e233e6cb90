//! The state that every request can use.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};

use actix_web::web::Bytes;
use ipnetwork::IpNetwork;

use super::branding::Branding;
use super::origins::Origins;
use super::token_cookies::TokenCookies;
use crate::domain::clock::MovableClock;
use crate::flows::Core;
use crate::metrics::Exposition;

/// Shared by all workers; built once by `app`.
pub struct ApiState {
    /// What the use cases need.
    pub core: Arc<Core>,
    /// The base of every URL that the service hands out: the issuer. No slash at its end.
    pub public_url: String,
    /// The proxies whose forwarded client addresses are believed.
    pub trusted_proxies: Vec<IpNetwork>,
    /// The origins whose pages may call the API from a browser.
    pub origins: Origins,
    /// The cookies in which browsers store tokens.
    pub cookies: TokenCookies,
    /// Whether the account pages are served.
    pub account_pages: bool,
    /// Whether the console of administrators is served.
    pub console: bool,
    /// The name, colour and logo on them.
    pub branding: Branding,
    /// The OpenAPI document, as served, once a client has asked for it. Making it at the start would take nine MiB of
    /// the heap, which the allocator keeps, and a tenth of the time of a start.
    pub openapi: OnceLock<Bytes>,
    /// The metrics, if this process collects any.
    pub metrics: Option<Exposition>,
    /// Whether the process is about to stop: requests are still served, but connections are not kept alive.
    pub draining: AtomicBool,
    /// What the development endpoints need; absent in production.
    pub development: Option<Development>,
}

impl ApiState {
    /// Returns whether a page of an origin is one of the account pages. They need no proof of possession where others
    /// do: no script of another site runs in them, and their refresh token is in a cookie that no script reads. A client
    /// that claims to be one of them gets bearer tokens for itself, and weakens nothing but these.
    pub fn is_account_page(&self, origin: &str) -> bool {
        self.account_pages && self.origins.is_own(origin)
    }

    /// Returns whether applications and links in mails send users to the account pages. A deployment may have a front end
    /// of its own in their place.
    pub fn users_see_account_pages(&self) -> bool {
        let base = &self.core.settings.link_base_url;
        self.account_pages && base.strip_prefix(&self.public_url) == Some("/account")
    }
}

/// What only `vestibule dev` offers.
pub struct Development {
    /// The service's clock, which can be moved forward.
    pub clock: Arc<dyn MovableClock>,
}
