//! `/admin/users`: all accounts.

use actix_web::HttpResponse;
use actix_web::web::Data;

use crate::api::dto::admin::{InviteUserRequest, ManagedUserView, ManagedUsersResponse};
use crate::api::extract::administrator::{RecentAdministrator, refused};
use crate::api::extract::filter::UserFilter;
use crate::api::extract::json::StrictJson;
use crate::api::extract::page::Page;
use crate::api::extract::service::{Reader, UsersRead};
use crate::api::extract::then::Then;
use crate::api::problem::{Code, Problem};
use crate::api::state::ApiState;
use crate::domain::email::Email;
use crate::domain::ids::UserId;
use crate::domain::input::InvalidInput;
use crate::domain::message::Locale;
use crate::domain::roles;
use crate::flows::admin::invitation::{self, Invitation, InvitedAccount, Way};
use crate::flows::admin::users;

/// Lists accounts
///
/// Newest first, in pages; `next_cursor` is the `cursor` of the next page. `query` is the beginning of an address or
/// of a user name, or a whole id. Several filters are combined with AND.
///
/// For administrators, and for services with an access token for the resource `{issuer}/admin` and the scope
/// `users:read`.
#[utoipa::path(
    get, path = "/admin/users", operation_id = "list_users", tag = "Administration",
    params(
        ("query" = Option<String>, Query, description = "The beginning of an address or a user name, or an id; case does not matter."),
        ("role" = Option<String>, Query, description = "`admin`: the accounts of administrators only. Accounts cannot be searched by other roles."),
        ("state" = Option<String>, Query, description = "`disabled`: accounts that an operator disabled; `password_disabled` or `codes_disabled`: those whose password or second factors too many wrong guesses disabled; `unverified`: those with an address that is not verified."),
        ("limit" = Option<u32>, Query, description = "The size of the page, 1 to 100; 50 if omitted."),
        ("cursor" = Option<String>, Query, description = "The `next_cursor` of the previous page."),
    ),
    responses((
        status = 200, description = "A page of accounts.", body = ManagedUsersResponse,
        example = json!({"items": [], "next_cursor": "AZorPE1ef2CKGyw9Tl9gcQ"}),
    )),
)]
pub async fn list(
    state: Data<ApiState>,
    Then(_reader, Then(page, filter)): Then<Reader<UsersRead>, Then<Page, UserFilter>>,
) -> Result<HttpResponse, Problem> {
    let after = page.after.map(UserId::from_uuid);
    let found = users::list(&state.core, filter.0, after, page.limit).await?;
    Ok(HttpResponse::Ok().json(ManagedUsersResponse {
        items: found.items.iter().map(ManagedUserView::new).collect(),
        next_cursor: found.next.map(|id| Page::cursor(id.uuid())),
    }))
}

/// Creates an account and invites its owner
///
/// The mail has a link that is valid for a day and sets the password, as `POST /password/reset` does; until then the
/// account has no password. After that day the owner requests another link with `POST /password/forgot`. Without a
/// mail server the response is 503, and `vestibule users create` prints the link instead.
///
/// Roles cannot be granted yet (409), because the address is not verified: invite the owner first, and grant roles
/// with `PATCH /admin/users/{id}` once the owner has set the password. Requires a recent proof.
#[utoipa::path(
    post, path = "/admin/users", operation_id = "invite_user", tag = "Administration",
    request_body(content = InviteUserRequest),
    responses((status = 201, description = "The account; the invitation is on its way.", body = ManagedUserView)),
)]
pub async fn invite(
    state: Data<ApiState>,
    Then(administrator, body): Then<RecentAdministrator, StrictJson<InviteUserRequest>>,
) -> Result<HttpResponse, Problem> {
    let mut invalid = InvalidInput::default();
    let email = invalid.keep("/email", Email::parse(&body.0.email));
    let roles = invalid.keep("/roles", roles::check(body.0.roles.as_deref().unwrap_or_default()));
    let (Some(email), Some(roles)) = (email, roles) else {
        return Err(invalid.into());
    };
    let new = InvitedAccount {
        email,
        username: None,
        roles,
        unverified: false,
        locale: Locale::default(),
        way: Way::Mail,
    };
    match invitation::create(&state.core, &administrator.0, new).await? {
        Invitation::Made { account, .. } => Ok(HttpResponse::Created().json(ManagedUserView::invited(&account))),
        Invitation::EmailTaken => Err(Problem::of(Code::EmailTaken)),
        Invitation::UsernameTaken => Err(Problem::of(Code::UsernameTaken)),
        Invitation::Refused(refusal) => Err(refused(refusal)),
    }
}
