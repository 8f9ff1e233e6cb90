//! The query of a URL, checked like the members of a body. Each extractor reads its own parameters and ignores the
//! others, so that the query of a list is read by its filter and by its page.

use actix_web::{HttpRequest, web};
use futures_util::future::{Ready, ready};
use serde::de::DeserializeOwned;

use crate::api::problem::Problem;
use crate::domain::input::InvalidInput;

/// Reads parameters and checks them.
pub(super) fn read<G: DeserializeOwned, T>(
    request: &HttpRequest,
    check: impl FnOnce(&G) -> Result<T, InvalidInput>,
) -> Ready<Result<T, Problem>> {
    // A malformed query does not count as an empty one: a client that sends two cursors would always get the first
    // page.
    let given = web::Query::<G>::from_query(request.query_string())
        .map_err(|_unreadable| InvalidInput::of("", "the query has a parameter twice, or cannot be read"));
    ready(given.and_then(|given| check(&given)).map_err(Problem::from))
}
