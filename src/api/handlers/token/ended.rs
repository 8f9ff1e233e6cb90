//! `GET /token/ended`.

use actix_web::http::header::{CACHE_CONTROL, ETag, EntityTag};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};

use crate::api::entity_tag::is_known;
use crate::api::extract::after::After;
use crate::api::problem::Problem;
use crate::api::state::ApiState;
use crate::domain::ended_sessions::may_be_cursor;
use crate::domain::input::InvalidInput;
use crate::domain::policy::numbers::ENDED_MAX_AGE;
use crate::flows::session::ended;

/// Lists the sessions that ended lately
///
/// For back ends that verify access tokens by themselves and have to see a logout within seconds: a JWT of the type
/// `ended+jwt`, signed like access tokens, with the `sid` of every session and grant that ended while a token of it may
/// still seem valid. Its claims are `iss`; `iat`, when the list was read; `exp`, until when its ids have to be
/// remembered; `ended`, a list of ids; `after`, what the request sent as such, and otherwise empty; `cursor`, to be sent as
/// `after` in the next request; and `more`, which is true if the list goes on at that cursor at once. With `after`, the
/// list has only what may have been added since. A cursor that is unknown, too old or of the future gives the whole list.
/// What is longer than 64 characters, or has others than small letters, digits, `.` and `-`, is refused with 422.
/// Ids may be listed again. A verifier refuses a list whose `after` is not the one that it sent: a cache answered with the
/// list after another cursor.
#[utoipa::path(
    get, path = "/token/ended", operation_id = "list_ended_sessions", tag = "Verification",
    params(("after" = Option<String>, Query, description = "The `cursor` of the previous answer.")),
    responses(
        (
            status = 200, description = "The list, as a JWT; may be cached for a second.",
            body = String, content_type = "application/jwt",
            example = "eyJhbGciOiJFUzI1NiIsImtpZCI6ImsxIiwidHlwIjoiZW5kZWQrand0In0.eyJlbmRlZCI6W119.c2lnbmF0dXJl",
        ),
        (status = 304, description = "The list is the one that the client has, by `If-None-Match`."),
    ),
)]
pub async fn list_ended(request: HttpRequest, state: Data<ApiState>, after: After) -> Result<HttpResponse, Problem> {
    let after = after.0.unwrap_or_default();
    if !may_be_cursor(&after) {
        return Err(InvalidInput::of("", "`after` must be the `cursor` of an answer").into());
    }
    let list = ended::list(&state.core, &after).await?;
    // Weak: the same list may be signed twice, and a signature differs each time.
    let tag = EntityTag::new_weak(list.tag.clone());
    let known = is_known(&request, &tag);
    let mut response = if known {
        HttpResponse::NotModified()
    } else {
        HttpResponse::Ok()
    };
    let max_age = ENDED_MAX_AGE.num_seconds();
    response
        .insert_header((CACHE_CONTROL, format!("public, max-age={max_age}")))
        .insert_header(ETag(tag));
    Ok(if known {
        response.finish()
    } else {
        response.content_type("application/jwt").body(list.token.clone())
    })
}
