//! `/me`: the account of the caller.

use actix_web::HttpResponse;
use actix_web::web::Data;

use crate::api::dto::account::{EventsResponse, ExportResponse, OwnEventView, UpdateMeRequest};
use crate::api::dto::user::MeView;
use crate::api::extract::bearer::{RecentlyAuthenticated, SignedIn};
use crate::api::extract::json::StrictJson;
use crate::api::extract::origin::Origin;
use crate::api::extract::page::Page;
use crate::api::extract::then::Then;
use crate::api::problem::{Code, Problem};
use crate::api::state::ApiState;
use crate::domain::authority::Authority;
use crate::domain::ids::AuditEventId;
use crate::domain::input::InvalidInput;
use crate::domain::message::Locale;
use crate::domain::user::User;
use crate::domain::username::Username;
use crate::flows::account::profile::{self, Deletion, ProfileUpdate};
use crate::flows::factors;

/// Returns the caller's account
///
/// As it is now, not as it was when the token was issued. `roles` are those that the session carries, by the proofs that
/// the token shows; `withheld_roles` names the others, and the second factor that each requires.
#[utoipa::path(
    get, path = "/me", operation_id = "get_me", tag = "Account",
    responses((status = 200, description = "The account.", body = MeView)),
)]
pub async fn get_me(state: Data<ApiState>, caller: SignedIn) -> Result<HttpResponse, Problem> {
    Ok(HttpResponse::Ok().json(show(&state, &caller.0.user, &caller.0.authority).await?))
}

/// Shows an account, and which of its roles a caller's session carries.
async fn show(state: &ApiState, user: &User, authority: &Authority) -> Result<MeView, Problem> {
    let factors = factors::confirmed_factors(&state.core, user).await?;
    let (required, proofs) = (&state.core.settings.access_tokens.role_factors, authority.proofs());
    let (carried, withheld) = (
        required.carried(&user.roles, proofs),
        required.withheld(&user.roles, proofs),
    );
    Ok(MeView::new(user, &factors.summary(), carried, withheld))
}

/// Changes the caller's account
///
/// The user name and the language of messages; omitted members stay unchanged. A change of the user name requires a
/// recent proof, and the owner is notified by mail. For 30 days a user name that was given up can only be taken by its
/// former account. Ten changes of the user name are allowed per day. The address is changed by `POST /email/change`.
#[utoipa::path(
    patch, path = "/me", operation_id = "update_me", tag = "Account",
    request_body(content = UpdateMeRequest),
    responses((status = 200, description = "The account after the change.", body = MeView)),
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
    let authority = caller.0.authority.clone();
    let updated = match username {
        None => profile::set_locale(&state.core, &caller.0, locale, origin.0).await?,
        Some(username) => {
            let caller = caller.require_recent_proof(&state).await?;
            profile::rename(&state.core, &caller, (username, locale), origin.0).await?
        }
    };
    match updated {
        ProfileUpdate::Updated(user) => Ok(HttpResponse::Ok().json(show(&state, &user, &authority).await?)),
        ProfileUpdate::UsernameTaken => Err(Problem::of(Code::UsernameTaken)),
        ProfileUpdate::Wait(wait) => Err(Problem::rate_limited(wait)),
    }
}

/// Deletes the caller's account
///
/// And everything that belongs to it, immediately and permanently. Its id is never reused. An unverified address can
/// be removed from its account three times an hour, by deletion or by a change; after that the response is 429.
#[utoipa::path(
    delete, path = "/me", operation_id = "delete_me", tag = "Account",
    responses((status = 204, description = "The account was deleted.")),
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

/// Returns everything that is stored about the caller
///
/// The account, its second factors without their secrets, its sessions and its events. Requires a recent proof, since
/// it contains the whole phone number. The owner is notified by mail.
#[utoipa::path(
    get, path = "/me/export", operation_id = "export_me", tag = "Account",
    responses((
        status = 200, description = "The data.", body = ExportResponse,
        example = json!({
            "exported_at": "2026-03-01T12:00:00Z", "user": {"id": "019a2b3c-4d5e-7f60-8a1b-2c3d4e5f6071"}, "factors": [],
            "applications": [], "passkeys": [], "phone_number": null, "released_usernames": [], "sessions": [],
            "trusted_devices": [], "api_keys": [], "identities": [], "events": [],
        }),
    )),
)]
pub async fn export_me(
    state: Data<ApiState>,
    caller: RecentlyAuthenticated,
    origin: Origin,
) -> Result<HttpResponse, Problem> {
    let export = profile::export(&state.core, &caller.0, origin.0).await?;
    Ok(HttpResponse::Ok().json(ExportResponse::new(export)))
}

/// Lists the events of the caller's account
///
/// Newest first, in pages; `next_cursor` is the `cursor` of the next page.
#[utoipa::path(
    get, path = "/me/events", operation_id = "list_my_events", tag = "Account",
    params(
        ("limit" = Option<u32>, Query, description = "The size of the page, 1 to 100; 50 if omitted."),
        ("cursor" = Option<String>, Query, description = "The `next_cursor` of the previous page."),
    ),
    responses((
        status = 200, description = "A page of events.", body = EventsResponse,
        example = json!({"items": [], "next_cursor": "AZorPE1ef2CKGyw9Tl9gcQ"}),
    )),
)]
pub async fn list_events(
    state: Data<ApiState>,
    Then(caller, page): Then<SignedIn, Page>,
) -> Result<HttpResponse, Problem> {
    let before = page.after.map(AuditEventId::from_uuid);
    let found = profile::events(&state.core, caller.0.user.id, before, page.limit).await?;
    Ok(HttpResponse::Ok().json(EventsResponse {
        items: found.items.iter().map(OwnEventView::new).collect(),
        next_cursor: found.next.map(|id| Page::cursor(id.uuid())),
    }))
}
