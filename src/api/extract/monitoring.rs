//! Whether a request may see what is for operators only: measures, and the details of health.
//!
//! The listener decides. The one that `METRICS_LISTEN` names shows both to everyone who reaches it; the public one shows
//! neither to anyone. Where a request seems to come from is not asked: a proxy on this machine asks for the whole world,
//! and one that adds no header cannot be told from an operator. `vestibule dev` has one listener, for this machine only.

use std::convert::Infallible;

use actix_web::dev::Payload;
use actix_web::web::Data;
use actix_web::{FromRequest, HttpRequest};
use futures_util::future::{Ready, ready};

use crate::api::state::ApiState;

/// Marks the application that is served on the listener for operators.
#[derive(Clone, Copy)]
pub struct MonitoringListener;

/// Whether measures and details are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MonitoringAccess {
    /// They are.
    pub is_granted: bool,
}

impl FromRequest for MonitoringAccess {
    type Error = Infallible;
    type Future = Ready<Result<Self, Infallible>>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        let own_listener = request.app_data::<MonitoringListener>().is_some();
        let state = request.app_data::<Data<ApiState>>();
        let in_development = state.is_some_and(|state| state.development.is_some());
        // The peer on a Unix socket has no address, and is on this machine.
        let from_here = request.peer_addr().is_none_or(|peer| peer.ip().is_loopback());
        ready(Ok(Self {
            is_granted: own_listener || in_development && from_here,
        }))
    }
}
