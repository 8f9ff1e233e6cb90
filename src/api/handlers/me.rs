//! `/me`: the caller's own account.

use actix_web::HttpResponse;
use actix_web::web::Data;

use crate::api::dto::account::{EventView, EventsResponse, ExportResponse, UpdateMeRequest};
use crate::api::dto::user::UserView;
use crate::api::extract::bearer::{RecentlyAuthenticated, SignedIn};
use crate::api::extract::json::StrictJson;
use crate::api::extract::origin::Origin;
use crate::api::extract::page::Page;
use crate::api::extract::then::Then;
use crate::api::problem::{Code, Problem};
use crate::api::state::ApiState;
use crate::domain::ids::AuditEventId;
use crate::domain::input::InvalidInput;
use crate::domain::message::Locale;
use crate::domain::username::Username;
use crate::flows::account::profile::{self, Deletion, Update};
use crate::flows::factors::inventory;

/// Returns the caller's account
///
/// As it stands now, not as it stood when the token was made.
#[utoipa::path(
    get, path = "/me", operation_id = "get_me", tag = "Account",
    responses((status = 200, description = "The account.", body = UserView)),
    security(("access_token" = [])),
)]
pub async fn get_me(state: Data<ApiState>, caller: SignedIn) -> Result<HttpResponse, Problem> {
    let user = caller.0.user;
    let factors = inventory::second_factors(&state.core, &user).await?;
    Ok(HttpResponse::Ok().json(UserView::new(&user, &factors)))
}

/// Changes the caller's account
///
/// The name, the language of messages; what is left out stays. The name requires a recent proof, and the owner is told by
/// mail. A name that was given up rests for 30 days, in which only its former account can take it. Ten names a day may be
/// asked for. The address is changed by `POST /email/change`.
#[utoipa::path(
    patch, path = "/me", operation_id = "update_me", tag = "Account",
    request_body(content = UpdateMeRequest),
    responses((status = 200, description = "The account as it stands now.", body = UserView)),
    security(("access_token" = [])),
)]
pub async fn update_me(
    state: Data<ApiState>,
    origin: Origin,
    Then(caller, body): Then<SignedIn, StrictJson<UpdateMeRequest>>,
) -> Result<HttpResponse, Problem> {
    let mut invalid = InvalidInput::default();
    let username = body.0.username.as_deref();
    let username = username.and_then(|text| invalid.keep("/username", Username::parse(text)));
    let locale = body.0.locale.as_deref();
    let locale = locale.map(|tag| Locale::requested(Some(tag), None));
    if !invalid.errors.is_empty() {
        return Err(invalid.into());
    }
    let updated = match username {
        None => profile::set_locale(&state.core, &caller.0, locale, origin.0).await?,
        Some(username) => {
            let caller = caller.require_recent_proof(&state).await?;
            profile::rename(&state.core, &caller, (username, locale), origin.0).await?
        }
    };
    match updated {
        Update::Updated(user) => {
            let factors = inventory::second_factors(&state.core, &user).await?;
            Ok(HttpResponse::Ok().json(UserView::new(&user, &factors)))
        }
        Update::UsernameTaken => Err(Problem::of(Code::UsernameTaken)),
        Update::Wait(wait) => Err(Problem::rate_limited(wait)),
    }
}

/// Deletes the caller's account
///
/// And everything that belongs to it, at once and for good. Its id is never used again. An address that was not confirmed can
/// leave its account three times an hour, by deletion or by a change; after that the answer is 429.
#[utoipa::path(
    delete, path = "/me", operation_id = "delete_me", tag = "Account",
    responses((status = 204, description = "The account is gone.")),
    security(("access_token" = [])),
)]
pub async fn delete_me(
    state: Data<ApiState>,
    caller: RecentlyAuthenticated,
    origin: Origin,
) -> Result<HttpResponse, Problem> {
    match profile::delete(&state.core, &caller.0, origin.0).await? {
        Deletion::Deleted => Ok(HttpResponse::NoContent().finish()),
        Deletion::Wait(wait) => Err(Problem::rate_limited(wait)),
    }
}

/// Returns everything held about the caller
///
/// The account, its second factors without their secrets, sessions, and what happened to it. Requires a recent proof: the
/// whole phone number is in it. The owner is told by mail.
#[utoipa::path(
    get, path = "/me/export", operation_id = "export_me", tag = "Account",
    responses((
        status = 200, description = "Everything.", body = ExportResponse,
        example = json!({
            "exported_at": "2026-03-01T12:00:00Z", "user": {"id": "019a2b3c-4d5e-7f60-8a1b-2c3d4e5f6071"}, "factors": [],
            "phone_number": null, "released_usernames": [], "sessions": [], "events": [],
        }),
    )),
    security(("access_token" = [])),
)]
pub async fn export_me(
    state: Data<ApiState>,
    caller: RecentlyAuthenticated,
    origin: Origin,
) -> Result<HttpResponse, Problem> {
    let export = profile::export(&state.core, &caller.0, origin.0).await?;
    Ok(HttpResponse::Ok().json(ExportResponse::new(export)))
}

/// Lists what happened to the caller's account
///
/// Newest first, in pages; `next_cursor` is the `cursor` of the next one.
#[utoipa::path(
    get, path = "/me/events", operation_id = "list_my_events", tag = "Account",
    params(
        ("limit" = Option<u32>, Query, description = "Most events of the page, 1 to 100; 50 when left out."),
        ("cursor" = Option<String>, Query, description = "The `next_cursor` of the page before."),
    ),
    responses((
        status = 200, description = "A page of events.", body = EventsResponse,
        example = json!({"items": [], "next_cursor": "AZorPE1ef2CKGyw9Tl9gcQ"}),
    )),
    security(("access_token" = [])),
)]
pub async fn list_events(
    state: Data<ApiState>,
    Then(caller, page): Then<SignedIn, Page>,
) -> Result<HttpResponse, Problem> {
    let before = page.after.map(AuditEventId::from_uuid);
    let found = profile::events(&state.core, caller.0.user.id, before, page.limit).await?;
    Ok(HttpResponse::Ok().json(EventsResponse {
        items: found.items.iter().map(EventView::new).collect(),
        next_cursor: found.next.map(|id| Page::cursor(id.uuid())),
    }))
}
