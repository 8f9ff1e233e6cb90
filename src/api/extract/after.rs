//! The parameter `after`: where a reader of a list that only grows goes on.

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use futures_util::future::Ready;
use serde::Deserialize;

use super::query;
use crate::api::problem::Problem;

/// The cursor of the previous answer. What it means is decided by the list.
pub struct After(pub Option<String>);

#[derive(Deserialize)]
struct Parameters {
    after: Option<String>,
}

impl FromRequest for After {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        query::read(request, |given: &Parameters| Ok(Self(given.after.clone())))
    }
}
