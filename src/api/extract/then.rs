//! Runs two extractors in order.
//!
//! actix polls all extractors of a handler at once and responds with the first error. Whether a malformed request
//! without a valid token is answered 401 or 400 would then depend on the speed of the database. With this extractor
//! the caller is authenticated first, and a caller who may not call at all learns nothing else.

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;

use crate::api::problem::Problem;

/// The caller first, and then the body or the query.
pub struct Then<A, B>(pub A, pub B);

impl<A, B> FromRequest for Then<A, B>
where
    A: FromRequest<Error = Problem> + 'static,
    B: FromRequest<Error = Problem> + 'static,
{
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let first = A::from_request(request, payload);
        let second = B::from_request(request, payload);
        async move { Ok(Self(first.await?, second.await?)) }.boxed_local()
    }
}
