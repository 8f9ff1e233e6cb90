//! `/admin/events`: the audit trail.

use actix_web::HttpResponse;
use actix_web::web::Data;

use crate::api::dto::admin::{TrailEventView, TrailResponse};
use crate::api::extract::filter::EventFilter;
use crate::api::extract::page::{Page, Paging};
use crate::api::extract::service::{EventsRead, Reader};
use crate::api::extract::then::Then;
use crate::api::problem::Problem;
use crate::api::state::ApiState;
use crate::domain::ids::AuditEventId;
use crate::flows::admin::events;

/// Lists audit events
///
/// For administrators, and for services with an access token for the resource `{issuer}/admin` and the scope
/// `events:read`.
///
/// Newest first, in pages; `next_cursor` is the `cursor` of the next page, and absent on the last one.
///
/// With `after`, oldest first, for a reader that follows the trail: `next_cursor` is always there, and is the `after` of
/// the next request. A page with fewer than `limit` events is the last for now. It never skips an event that is committed
/// late, and therefore shows each one about ten seconds after it happened. Begin with `after=` and, if not everything is
/// needed, with `since`.
///
/// Several filters are combined with AND. What an administrator does to an account is an `authz_admin` event: its
/// `user_id` is the account, its `actor_id` the administrator.
#[utoipa::path(
    get, path = "/admin/events", operation_id = "list_events", tag = "Administration",
    params(
        ("user_id" = Option<uuid::Uuid>, Query, description = "Events of this account, which may have been deleted."),
        ("event" = Option<String>, Query, description = "Events of this name, such as `authn_login_fail`."),
        ("since" = Option<String>, Query, description = "Events since this time (RFC 3339)."),
        ("limit" = Option<u32>, Query, description = "The size of the page, 1 to 100; 50 if omitted."),
        ("cursor" = Option<String>, Query, description = "The `next_cursor` of the previous page."),
        ("after" = Option<String>, Query, description = "Oldest first: the `next_cursor` of the previous request with `after`; empty for the beginning."),
    ),
    responses((
        status = 200, description = "A page of events.", body = TrailResponse,
        example = json!({"items": [], "next_cursor": "AZorPE1ef2CKGyw9Tl9gcQ"}),
    )),
)]
pub async fn list(
    state: Data<ApiState>,
    Then(_reader, Then(paging, filter)): Then<Reader<EventsRead>, Then<Paging, EventFilter>>,
) -> Result<HttpResponse, Problem> {
    let (items, next) = match paging {
        Paging::NewestFirst(page) => {
            let before = page.after.map(AuditEventId::from_uuid);
            let found = events::list(&state.core, filter.0, before, page.limit).await?;
            (found.items, found.next)
        }
        Paging::OldestFirst(page) => {
            let after = page.after.map(AuditEventId::from_uuid);
            let found = events::follow(&state.core, filter.0, after, page.limit).await?;
            (found.items, Some(found.place))
        }
    };
    Ok(HttpResponse::Ok().json(TrailResponse {
        items: items.iter().map(TrailEventView::new).collect(),
        next_cursor: next.map(|id| Page::cursor(id.uuid())),
    }))
}
