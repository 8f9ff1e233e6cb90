//! Upstream sign-in.

use chrono::{DateTime, Utc};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::login::{Authenticated, EnrolmentRequired, SecondFactorRequired};
use super::{reveal, words};
use crate::domain::federation::identity::Identity;
use crate::domain::federation::provider::{Preset, Provider};
use crate::flows::factors::Linked;
use crate::flows::federation::StartedFederation;

/// A provider that users can sign in with.
#[derive(Serialize, ToSchema)]
#[schema(as = Provider)]
pub struct ProviderView {
    /// Its id, in the paths of its sign-ins.
    #[schema(example = "google")]
    id: String,
    /// Its name, for a button.
    #[schema(example = "Google")]
    name: String,
    /// Whose mark goes with it; absent for other providers.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<words::ProviderIcon>, nullable = false, example = "google")]
    icon: Option<&'static str>,
}

impl ProviderView {
    /// Shows a provider.
    pub fn new(provider: &Provider) -> Self {
        Self {
            id: provider.id.as_str().to_owned(),
            name: provider.name.clone(),
            icon: provider.preset.map(Preset::as_str),
        }
    }
}

/// The providers that users can sign in with.
#[derive(Serialize, ToSchema)]
pub struct ProvidersResponse {
    /// The providers, in the order of the operator's file; empty if there are none.
    pub providers: Vec<ProviderView>,
}

/// What a sign-in at a provider is started with.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"redirect_uri": "https://app.example.com/signed-in"}))]
pub struct StartFederationRequest {
    /// Where the browser goes with the answer: one of the redirect URIs that the operator listed for the provider.
    /// Omitted by an app that gets an ID token from the system of the phone.
    pub redirect_uri: Option<String>,
    /// Who will probably sign in, such as an address; passed on to the provider.
    pub login_hint: Option<String>,
}

/// A sign-in that was started.
#[derive(Serialize, ToSchema)]
pub struct FederationStartedResponse {
    /// Where the browser goes; absent without a redirect URI.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(
        nullable = false,
        example = "https://accounts.google.com/o/oauth2/v2/auth?client_id=…"
    )]
    authorization_url: Option<String>,
    /// Finishes the sign-in. Keep it where only this tab or this app finds it, by its state.
    #[schema(example = "vft_AQGTx…")]
    federation_token: String,
    /// The state that comes back. An answer with another one belongs to another sign-in.
    #[schema(example = "kq3Vb0…")]
    state: String,
    /// The nonce that an app passes to the sheet of its system.
    #[schema(example = "Zm9vYmFy…")]
    nonce: String,
    /// The lifetime of the federation token in seconds.
    #[schema(example = 600)]
    expires_in: u64,
}

impl FederationStartedResponse {
    /// Shows what was started.
    pub fn new(started: StartedFederation) -> Self {
        Self {
            authorization_url: started.authorization_url,
            federation_token: reveal(&started.federation_token),
            state: started.state,
            nonce: started.nonce,
            expires_in: started.expires_in,
        }
    }
}

/// What the browser brought back from a provider.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"federation_token": "vft_AQGTx…", "code": "4/0AX4…", "state": "kq3Vb0…"}))]
pub struct FinishFederationRequest {
    /// The federation token of the start.
    #[schema(value_type = String)]
    pub federation_token: SecretString,
    /// The parameter `code` of the redirect URI.
    #[schema(value_type = String)]
    pub code: SecretString,
    /// The parameter `state` of the redirect URI.
    pub state: String,
    /// The parameter `iss` of the redirect URI, if there is one (RFC 9207).
    pub iss: Option<String>,
    /// The token of a mail that verifies the address of the account.
    #[schema(value_type = Option<String>, nullable = false, example = "vev_AQGTx…")]
    pub email_token: Option<SecretString>,
    /// Where refresh tokens go if no second factor is required: `body` (the default), or `cookie` for browsers.
    #[schema(value_type = Option<words::RefreshTokenDelivery>, nullable = false, example = "body")]
    pub delivery: Option<String>,
    /// The device token of a trusted device, which spares the second factor; omitted if a cookie contains it.
    #[schema(value_type = Option<String>, nullable = false, example = "vtd_AQGTx…")]
    pub device_token: Option<SecretString>,
}

/// What the system of a phone gave an app.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"federation_token": "vft_AQGTx…", "id_token": "eyJhbGciOi…"}))]
pub struct FederationIdTokenRequest {
    /// The federation token of the start.
    #[schema(value_type = String)]
    pub federation_token: SecretString,
    /// The ID token. Its nonce is the one of the start.
    #[schema(value_type = String)]
    pub id_token: SecretString,
    /// The token of a mail that verifies the address of the account.
    #[schema(value_type = Option<String>, nullable = false, example = "vev_AQGTx…")]
    pub email_token: Option<SecretString>,
    /// Where refresh tokens go if no second factor is required: `body` (the default), or `cookie` for browsers.
    #[schema(value_type = Option<words::RefreshTokenDelivery>, nullable = false, example = "body")]
    pub delivery: Option<String>,
    /// The device token of a trusted device, which spares the second factor; omitted if a cookie contains it.
    #[schema(value_type = Option<String>, nullable = false, example = "vtd_AQGTx…")]
    pub device_token: Option<SecretString>,
}

/// How to continue after a sign-in at a provider; `status` says which variant it is.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[schema(
    description = "How to continue after a sign-in at a provider; `status` says which variant it is.",
    discriminator(property_name = "status", mapping(
        ("second_factor_required" = "#/components/schemas/SecondFactorRequired"),
        ("enrolment_required" = "#/components/schemas/EnrolmentRequired"),
        ("authenticated" = "#/components/schemas/Authenticated"),
        ("link_required" = "#/components/schemas/LinkRequired"),
        ("linked" = "#/components/schemas/IdentityLinked"),
    ))
)]
#[expect(
    missing_docs,
    reason = "each struct is documented; a comment here would appear in the document beside its name"
)]
pub enum FederationResponse {
    SecondFactorRequired(SecondFactorRequired),
    EnrolmentRequired(EnrolmentRequired),
    Authenticated(Box<Authenticated>),
    LinkRequired(LinkRequired),
    Linked(Box<IdentityLinked>),
}

/// An account has the address that the provider names. An address alone never links: the user signs in to that account
/// first, and then starts again with its access token.
#[derive(Serialize, ToSchema)]
pub struct LinkRequired {
    /// Distinguishes this variant from the others.
    #[schema(schema_with = words::LinkRequiredStatus::schema)]
    pub status: words::LinkRequiredStatus,
}

/// The user of the provider signs in to the account of the session from now on.
#[derive(Serialize, ToSchema)]
pub struct IdentityLinked {
    /// Distinguishes this variant from the others.
    #[schema(schema_with = words::LinkedStatus::schema)]
    pub status: words::LinkedStatus,
    /// What was linked.
    pub identity: IdentityView,
}

impl FederationResponse {
    /// Says that the user has to sign in first.
    pub const fn link_required() -> Self {
        Self::LinkRequired(LinkRequired {
            status: words::LinkRequiredStatus,
        })
    }

    /// Shows what was linked.
    pub fn linked(linked: Linked) -> Self {
        Self::Linked(Box::new(IdentityLinked {
            status: words::LinkedStatus,
            identity: IdentityView::new(linked),
        }))
    }
}

/// A user of a provider who signs in to the account.
#[derive(Serialize, ToSchema)]
#[schema(as = Identity)]
pub struct IdentityView {
    /// Its id here.
    pub id: Uuid,
    /// The id of the provider; absent if the operator has removed it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "google")]
    pub provider: Option<String>,
    /// The name of the provider; its issuer if the operator has removed it.
    #[schema(example = "Google")]
    pub name: String,
    /// Whose mark goes with it; absent for other providers.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<words::ProviderIcon>, nullable = false, example = "google")]
    icon: Option<&'static str>,
    /// The address that the provider named last; absent if it named none. It need not be the one of the account.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "jo@gmail.com")]
    pub email: Option<String>,
    /// When it was linked.
    pub created_at: DateTime<Utc>,
    /// When it last signed its user in; absent if it never did since.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub last_used_at: Option<DateTime<Utc>>,
}

impl IdentityView {
    /// Shows an identity.
    pub fn new(linked: Linked) -> Self {
        let name = linked.provider_name().to_owned();
        let (identity, provider) = (linked.identity, linked.provider);
        Self {
            id: identity.id.uuid(),
            icon: provider
                .as_ref()
                .and_then(|provider| provider.preset)
                .map(Preset::as_str),
            provider: provider.map(|provider| provider.id.as_str().to_owned()),
            name,
            email: identity.email_seen.map(|email| email.as_str().to_owned()),
            created_at: identity.created_at,
            last_used_at: identity.last_used_at,
        }
    }
}

/// Everything that is stored of an identity.
#[derive(Serialize, ToSchema)]
#[schema(as = IdentityRecord)]
pub struct IdentityRecordView {
    /// Its id here.
    id: Uuid,
    /// The `iss` claim of the provider.
    #[schema(example = "https://accounts.google.com")]
    issuer: String,
    /// The `sub` claim: names the user at the provider.
    #[schema(example = "110169484474386276334")]
    subject: String,
    /// The address that the provider named last.
    #[schema(required, example = "jo@gmail.com")]
    email: Option<String>,
    /// When it was linked.
    created_at: DateTime<Utc>,
    /// When it last signed its user in.
    #[schema(required)]
    last_used_at: Option<DateTime<Utc>>,
}

impl IdentityRecordView {
    /// Shows a row.
    pub fn new(identity: Identity) -> Self {
        Self {
            id: identity.id.uuid(),
            issuer: identity.subject.issuer,
            subject: identity.subject.subject,
            email: identity.email_seen.map(|email| email.as_str().to_owned()),
            created_at: identity.created_at,
            last_used_at: identity.last_used_at,
        }
    }
}

/// The identities of a user.
#[derive(Serialize, ToSchema)]
pub struct IdentitiesResponse {
    /// The identities, the oldest first.
    pub identities: Vec<IdentityView>,
}

impl IdentitiesResponse {
    /// Shows identities.
    pub fn new(linked: Vec<Linked>) -> Self {
        Self {
            identities: linked.into_iter().map(IdentityView::new).collect(),
        }
    }
}

/// What a provider sends the browser back with.
#[derive(IntoParams, ToSchema)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes the parameters that the handler reads")]
pub struct ProviderCallback {
    /// The code.
    #[param(nullable = false)]
    #[schema(nullable = false)]
    code: Option<String>,
    /// The state of the start.
    #[param(nullable = false)]
    #[schema(nullable = false)]
    state: Option<String>,
    /// The issuer (RFC 9207).
    #[param(nullable = false)]
    #[schema(nullable = false)]
    iss: Option<String>,
    /// Why there is no code (RFC 6749 §4.1.2.1).
    #[param(nullable = false)]
    #[schema(nullable = false, example = "access_denied")]
    error: Option<String>,
}
