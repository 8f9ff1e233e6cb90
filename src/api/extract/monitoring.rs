//! Decides whether a request may see what is for operators only: metrics, and the details of health.
//!
//! It depends on the listener. The one that `METRICS_LISTEN` names shows both to every client that reaches it; the
//! public one shows neither to any client. The client address is not considered: a proxy on this machine forwards
//! requests of the whole internet, and a proxy that adds no header cannot be distinguished from an operator.
//! `vestibule dev` has one listener and shows both to clients on this machine only.

use std::convert::Infallible;

use actix_web::dev::Payload;
use actix_web::web::Data;
use actix_web::{FromRequest, HttpRequest};
use futures_util::future::{Ready, ready};

use crate::api::state::ApiState;

/// Marks the application of the listener for operators.
#[derive(Clone, Copy)]
pub struct MonitoringListener;

/// Whether metrics and details are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MonitoringAccess {
    /// Whether they are.
    pub is_granted: bool,
}

impl FromRequest for MonitoringAccess {
    type Error = Infallible;
    type Future = Ready<Result<Self, Infallible>>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        let own_listener = request.app_data::<MonitoringListener>().is_some();
        let state = request.app_data::<Data<ApiState>>();
        let in_development = state.is_some_and(|state| state.development.is_some());
        // The peer of a Unix socket has no address and is on this machine.
        let from_here = request.peer_addr().is_none_or(|peer| peer.ip().is_loopback());
        ready(Ok(Self {
            is_granted: own_listener || in_development && from_here,
        }))
    }
}
