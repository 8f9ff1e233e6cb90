//! One extractor after the other.
//!
//! actix polls all of a handler's extractors at once and answers with the first error, so that whether a stranger's faulty
//! request is 401 or 400 would depend on the database's speed. Who may not call at all is told that, and nothing else.

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;

use crate::api::problem::Problem;

/// Who is calling, and then what they send.
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
