//! Requests and responses of the administration endpoints.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::account::EventView;
use super::federation::IdentityView;
use super::passkey::PasskeyView;
use super::user::UserView;
use crate::domain::account_event::AccountEventType;
use crate::domain::app_claims::{AppClaims, GivenClaims};
use crate::domain::audit_event::RecordedEvent;
use crate::domain::factor::FactorSummary;
use crate::domain::ids::{UserId, WebhookId};
use crate::domain::input::InvalidInput;
use crate::domain::managed_user::ManagedUser;
use crate::domain::signing_key::ListedKey;
use crate::flows::admin::users::ListedAccount;

/// An account to create.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"email": "jo@example.com", "roles": ["editor"]}))]
pub struct InviteUserRequest {
    /// The address that the invitation is sent to.
    #[schema(format = Email)]
    pub email: String,
    /// The roles of the account; none if omitted. Each has 1 to 64 characters: letters, digits and `.` `:` `_` `-`.
    #[schema(max_items = 32)]
    pub roles: Option<Vec<String>>,
}

/// Changes of an account; omitted members stay unchanged.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"disabled": true}))]
pub struct UpdateUserRequest {
    /// Whether the account is disabled. Disabling ends its sessions at once.
    pub disabled: Option<bool>,
    /// The complete list of roles. Access tokens contain them from the next refresh on.
    #[schema(max_items = 32, example = json!(["editor"]))]
    pub roles: Option<Vec<String>>,
    /// All claims of the account, which access tokens contain as `app` from the next refresh on; `{}` removes them. At
    /// most 2,048 bytes of JSON without white space, 4 levels deep. Names of members match `^[A-Za-z0-9_.:/-]{1,64}$`, and
    /// `__proto__` is refused.
    #[schema(value_type = Option<Object>, example = json!({"plan": "gold"}))]
    pub claims: Option<GivenClaims>,
}

/// The claims of an account.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"claims": {"plan": "gold", "tenant": 7}}))]
pub struct SetClaimsRequest {
    /// All of them, which access tokens contain as `app` from the next refresh on; `{}` removes them. At most 2,048
    /// bytes of JSON without white space, 4 levels deep. Names of members match `^[A-Za-z0-9_.:/-]{1,64}$`, and
    /// `__proto__` is refused.
    #[schema(value_type = Object)]
    claims: GivenClaims,
}

impl SetClaimsRequest {
    /// Checks the claims.
    ///
    /// # Errors
    ///
    /// Says what is wrong with them.
    pub fn check(&self) -> Result<AppClaims, InvalidInput> {
        check_claims(&self.claims)
    }
}

/// Checks the member `claims` of a request.
///
/// # Errors
///
/// Says what is wrong with it.
pub fn check_claims(given: &GivenClaims) -> Result<AppClaims, InvalidInput> {
    AppClaims::parse(given).map_err(|wanted| InvalidInput::of("/claims", wanted))
}

/// An account as administrators see it.
#[derive(Serialize, ToSchema)]
#[schema(as = ManagedUser)]
pub struct ManagedUserView {
    /// The members that its owner sees.
    #[serde(flatten)]
    pub user: UserView,
    /// Whether the account is disabled.
    pub disabled: bool,
    /// When the hundredth consecutive wrong password disabled the password; null while it can be used. A password
    /// reset sets a new one, and enabling the account makes this one usable again.
    #[schema(required)]
    pub password_disabled_at: Option<DateTime<Utc>>,
    /// When the hundredth consecutive wrong code disabled the second factors, except recovery codes; null while they
    /// can be used. They can be used again once a second factor is confirmed again, or has been removed by `DELETE
    /// /admin/users/{id}/2fa`.
    #[schema(required)]
    pub codes_disabled_at: Option<DateTime<Utc>>,
    /// Whether the password is accepted only from networks that its owner signed in from within 30 days: the fiftieth
    /// consecutive wrong one came from elsewhere. A right password ends it, and so do a password reset and enabling the
    /// account.
    pub password_refused_to_strangers: bool,
    /// Whether codes are accepted only from such networks. A recovery code or a passkey that signs in from elsewhere
    /// ends it, and so does what ends `codes_disabled_at`.
    pub codes_refused_to_strangers: bool,
    /// The passkeys, the oldest first.
    pub passkeys: Vec<PasskeyView>,
    /// Who the owner is at upstream providers, the oldest first.
    pub identities: Vec<IdentityView>,
}

impl ManagedUserView {
    /// Shows an account.
    pub fn new(listed: &ListedAccount) -> Self {
        let identities = listed.identities.iter().cloned().map(IdentityView::new);
        Self {
            passkeys: listed.passkeys.iter().map(PasskeyView::new).collect(),
            identities: identities.collect(),
            ..Self::of(&listed.account, &listed.factors)
        }
    }

    /// Shows an account that was just created.
    pub fn invited(account: &ManagedUser) -> Self {
        Self::of(account, &FactorSummary::default())
    }

    fn of(account: &ManagedUser, factors: &FactorSummary) -> Self {
        Self {
            user: UserView::new(&account.user, factors),
            disabled: account.disabled,
            password_disabled_at: account.password_disabled_at,
            codes_disabled_at: account.codes_disabled_at,
            password_refused_to_strangers: account.password_refused_to_strangers,
            codes_refused_to_strangers: account.codes_refused_to_strangers,
            passkeys: Vec::new(),
            identities: Vec::new(),
        }
    }
}

/// A page of accounts, newest first.
#[derive(Serialize, ToSchema)]
pub struct ManagedUsersResponse {
    /// The accounts.
    pub items: Vec<ManagedUserView>,
    /// The `cursor` of the next page, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    #[schema(example = "AZorPE1ef2CKGyw9Tl9gcQ")]
    pub next_cursor: Option<String>,
}

/// An audit event, as administrators see it.
#[derive(Serialize, ToSchema)]
#[schema(as = AuditEvent)]
pub struct TrailEventView {
    /// The members that the owner of the account sees.
    #[serde(flatten)]
    pub event: EventView,
    /// The account concerned.
    #[schema(required)]
    pub user_id: Option<Uuid>,
    /// The administrator who did it to the account; null if its owner, the service or the command line did it.
    #[schema(required)]
    pub actor_id: Option<Uuid>,
    /// The client that requested it, or that it is about.
    #[schema(required)]
    pub client_id: Option<Uuid>,
    /// The URL of a client that describes itself: its `client_id` elsewhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "https://app.example.com/client.json")]
    pub client_url: Option<String>,
    /// The webhook that it is about; absent if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub webhook_id: Option<Uuid>,
    /// The `X-Request-Id` of the response, which is also in the log.
    pub request_id: Uuid,
    /// The type of the message that webhooks get about it; absent if they get none.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "session.ended")]
    pub account_event: Option<&'static str>,
}

impl TrailEventView {
    /// Shows an event.
    pub fn new(trail: &RecordedEvent) -> Self {
        Self {
            event: EventView::new(trail),
            user_id: trail.user_id.map(UserId::uuid),
            actor_id: trail.actor_id.map(UserId::uuid),
            client_id: trail.client.as_ref().map(|client| client.id.uuid()),
            client_url: trail
                .client
                .as_ref()
                .and_then(|client| client.url.clone())
                .map(String::from),
            webhook_id: trail.webhook_id.map(WebhookId::uuid),
            request_id: trail.request_id.uuid(),
            account_event: AccountEventType::of_recorded(trail).map(AccountEventType::as_str),
        }
    }
}

/// A page of the audit trail, newest first, or with `after` oldest first.
#[derive(Serialize, ToSchema)]
pub struct TrailResponse {
    /// The events.
    pub items: Vec<TrailEventView>,
    /// The `cursor` of the next page, if there is one; with `after`, the `after` of the next request.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    #[schema(example = "AZorPE1ef2CKGyw9Tl9gcQ")]
    pub next_cursor: Option<String>,
}

/// A key that signs access tokens, will sign them or has signed them; without its private part.
#[derive(Serialize, ToSchema)]
#[schema(as = SigningKey)]
pub struct SigningKeyView {
    /// The thumbprint of the key (RFC 7638), as in the header of tokens.
    #[schema(example = "mNbqGiC3yJGsFMqQxvDeOHgVoK0mj5Kq0v9p4yWYzZE")]
    pub kid: String,
    /// The algorithm that it signs with.
    #[schema(example = "ES256")]
    pub algorithm: &'static str,
    /// `next`, `current` or `retired`.
    #[schema(example = "current")]
    pub state: &'static str,
    /// When it was generated.
    pub created_at: DateTime<Utc>,
    /// When it began to sign.
    #[schema(required)]
    pub activated_at: Option<DateTime<Utc>>,
    /// When it stopped signing.
    #[schema(required)]
    pub retired_at: Option<DateTime<Utc>>,
}

/// The signing keys, oldest first.
#[derive(Serialize, ToSchema)]
pub struct SigningKeysResponse {
    /// All published keys.
    pub items: Vec<SigningKeyView>,
}

impl SigningKeysResponse {
    /// Shows the keys.
    pub fn new(keys: &[ListedKey]) -> Self {
        let show = |key: &ListedKey| SigningKeyView {
            kid: key.kid.clone(),
            algorithm: key.algorithm.as_str(),
            state: key.state.as_str(),
            created_at: key.created_at,
            activated_at: key.activated_at,
            retired_at: key.retired_at,
        };
        Self {
            items: keys.iter().map(show).collect(),
        }
    }
}
