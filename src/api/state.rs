//! What every request can reach.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use ipnetwork::IpNetwork;

use super::branding::Branding;
use super::origins::Origins;
use super::refresh_cookie::RefreshCookie;
use crate::domain::clock::MovableClock;
use crate::flows::Core;
use crate::metrics::Exposition;

/// Shared by all workers; made once by `app`.
pub struct ApiState {
    /// The use cases' tools.
    pub core: Arc<Core>,
    /// Base of every URL we tell: the issuer. No slash at its end.
    pub public_url: String,
    /// Who may say on whose behalf a request comes.
    pub trusted_proxies: Vec<IpNetwork>,
    /// Whose pages may call us from a browser.
    pub origins: Origins,
    /// Where browsers keep refresh tokens.
    pub refresh_cookie: RefreshCookie,
    /// Whether the account pages are served.
    pub account_pages: bool,
    /// What they show of this deployment.
    pub branding: Branding,
    /// The OpenAPI document, as served.
    pub openapi: String,
    /// The measures, where this process keeps any.
    pub metrics: Option<Exposition>,
    /// Whether the process is about to stop: requests are served still, connections are not kept.
    pub draining: AtomicBool,
    /// The development endpoints' tools; absent when serving for real.
    pub development: Option<Development>,
}

/// What only `vestibule dev` offers.
pub struct Development {
    /// The service's clock, which can be moved forward.
    pub clock: Arc<dyn MovableClock>,
}
