//! OAuth 2.1 and OpenID Connect, as their standards write it.

use chrono::{DateTime, Utc};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::reveal;
use crate::domain::dpop::token_type;
use crate::domain::oauth::api_key::ACCESS_TOKEN_TYPE;
use crate::domain::oauth::client::{Client, NamedApplication, Ownership};
use crate::domain::oauth::id_token::UserClaims;
use crate::domain::policy::numbers::{DEVICE_POLL_INTERVAL, DEVICE_REQUEST_LIFE};
use crate::flows::oauth::ListedApplication;
use crate::flows::oauth::authorize::Question;
use crate::flows::oauth::device::{DeviceCodes, DeviceQuestion};
use crate::flows::oauth::tokens::{AccessToken, ApplicationTokens};

/// The parameters of an authorization request (RFC 6749 §4.1.1, OpenID Connect Core 1.0 §3.1.2.1).
#[derive(IntoParams, ToSchema)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes the parameters that extract::oauth reads")]
pub struct AuthorizationForm {
    /// The application: its id, or the URL of one that describes itself, where the deployment allows that.
    #[schema(example = "019a2b3c-4d5e-7f60-8a1b-2c3d4e5f6071")]
    client_id: String,
    /// Where the answer goes: one of the registered URIs, repeated exactly.
    #[param(nullable = false)]
    #[schema(nullable = false)]
    redirect_uri: Option<String>,
    /// Always `code`.
    #[param(nullable = false)]
    #[schema(nullable = false)]
    response_type: Option<String>,
    /// `query`, which is the default: the answer is in the query of the redirect URI. `form_post`: a page posts it there.
    #[param(nullable = false)]
    #[schema(nullable = false)]
    response_mode: Option<String>,
    /// Repeated in the answer.
    #[param(nullable = false)]
    #[schema(nullable = false)]
    state: Option<String>,
    /// What is asked for, separated by spaces. Scopes that the application may not get are left out.
    #[param(nullable = false)]
    #[schema(nullable = false)]
    scope: Option<String>,
    /// The resource that access tokens are for (RFC 8707).
    #[param(nullable = false)]
    #[schema(nullable = false)]
    resource: Option<String>,
    /// The SHA-256 of a secret of the application, in base64url (RFC 7636).
    #[param(nullable = false)]
    #[schema(nullable = false)]
    code_challenge: Option<String>,
    /// Always `S256`.
    #[param(nullable = false)]
    #[schema(nullable = false)]
    code_challenge_method: Option<String>,
    /// Repeated in the ID token.
    #[param(nullable = false)]
    #[schema(nullable = false)]
    nonce: Option<String>,
    /// The thumbprint of the key that has to redeem the code (RFC 9449 §10).
    #[param(nullable = false)]
    #[schema(nullable = false)]
    dpop_jkt: Option<String>,
    /// `none`: nothing is shown. `login`: the user signs in again. `consent`: the user is asked again.
    #[param(nullable = false)]
    #[schema(nullable = false)]
    prompt: Option<String>,
    /// How many seconds ago the user may have signed in.
    #[param(nullable = false)]
    #[schema(nullable = false)]
    max_age: Option<String>,
    /// `aal2`: two factors are required.
    #[param(nullable = false)]
    #[schema(nullable = false)]
    acr_values: Option<String>,
    /// An ID token of the application, also an expired one: if another user is signed in, the answer is `login_required`.
    #[param(nullable = false)]
    #[schema(nullable = false)]
    id_token_hint: Option<String>,
    /// The name that the user probably signs in with.
    #[param(nullable = false)]
    #[schema(nullable = false)]
    login_hint: Option<String>,
    /// The languages that the user prefers, separated by spaces (BCP 47).
    #[param(nullable = false)]
    #[schema(nullable = false)]
    ui_locales: Option<String>,
    /// What `POST /oauth/par` answered; the other parameters are then left out.
    #[param(nullable = false)]
    #[schema(nullable = false)]
    request_uri: Option<String>,
}

/// The form of `POST /oauth/token`. Which parameters it needs depends on `grant_type`.
#[derive(ToSchema)]
#[schema(as = OAuthTokenForm)]
#[expect(dead_code, reason = "describes the form that extract::oauth reads")]
pub struct OAuthTokenForm {
    /// `authorization_code`, `refresh_token`, `client_credentials`, `urn:ietf:params:oauth:grant-type:device_code` or
    /// `urn:ietf:params:oauth:grant-type:token-exchange`.
    #[schema(example = "authorization_code")]
    grant_type: String,
    /// The client, if it does not authenticate by HTTP Basic. A token exchange needs none.
    #[schema(nullable = false)]
    client_id: Option<String>,
    /// Its secret, if it has one and does not authenticate by HTTP Basic.
    #[schema(nullable = false, format = Password)]
    client_secret: Option<String>,
    /// `urn:ietf:params:oauth:client-assertion-type:jwt-bearer`, if the client signs an assertion.
    #[schema(nullable = false)]
    client_assertion_type: Option<String>,
    /// The assertion (RFC 7523), which counts once.
    #[schema(nullable = false)]
    client_assertion: Option<String>,
    /// The authorization code.
    #[schema(nullable = false)]
    code: Option<String>,
    /// The redirect URI of the authorization request, repeated.
    #[schema(nullable = false)]
    redirect_uri: Option<String>,
    /// The secret behind the `code_challenge` of the authorization request.
    #[schema(nullable = false)]
    code_verifier: Option<String>,
    /// The refresh token.
    #[schema(nullable = false)]
    refresh_token: Option<String>,
    /// The device code.
    #[schema(nullable = false)]
    device_code: Option<String>,
    /// The API key, of a token exchange.
    #[schema(nullable = false, format = Password)]
    subject_token: Option<String>,
    /// Of a token exchange: always `urn:vestibule:params:oauth:token-type:api-key`.
    #[schema(nullable = false)]
    subject_token_type: Option<String>,
    /// Of a token exchange: `urn:ietf:params:oauth:token-type:access_token`, which is the default.
    #[schema(nullable = false)]
    requested_token_type: Option<String>,
    /// Fewer scopes than were granted, or those that a service asks for.
    #[schema(nullable = false)]
    scope: Option<String>,
    /// The resource that the access token is for (RFC 8707).
    #[schema(nullable = false)]
    resource: Option<String>,
}

/// Tokens (RFC 6749 §5.1, OpenID Connect Core 1.0 §3.1.3.3).
#[derive(Serialize, ToSchema)]
pub struct OAuthTokens {
    /// A JWT in the profile of RFC 9068, for back ends.
    #[schema(example = "eyJ0eXAiOiJhdCtqd3QiLCJhbGciOiJFUzI1NiIs…")]
    access_token: String,
    /// `DPoP` if the tokens are bound to a key of the client (RFC 9449), otherwise `Bearer`.
    #[schema(example = "Bearer")]
    token_type: &'static str,
    /// The lifetime of the access token in seconds.
    #[schema(example = 600)]
    expires_in: u64,
    /// Of a token exchange only (RFC 8693 §2.2.1): always `urn:ietf:params:oauth:token-type:access_token`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    issued_token_type: Option<&'static str>,
    /// Gets the next tokens. With the scope `offline_access`, and for applications of the deployment.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "vgr_AQGTx…")]
    refresh_token: Option<String>,
    /// Who signed in, for the application. With the scope `openid`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    id_token: Option<String>,
    /// What the access token allows. Absent if it is nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "openid email")]
    scope: Option<String>,
}

impl OAuthTokens {
    /// Shows the tokens of a grant.
    pub fn of_application(tokens: &ApplicationTokens) -> Self {
        Self {
            access_token: reveal(&tokens.grant.access_token),
            token_type: token_type(tokens.grant.session.key.is_some()),
            expires_in: tokens.grant.expires_in,
            issued_token_type: None,
            refresh_token: tokens.is_refreshable.then(|| reveal(&tokens.grant.refresh_token)),
            id_token: tokens.id_token.as_ref().map(reveal),
            scope: Some(tokens.scopes.to_text()),
        }
    }

    /// Shows the token of a service.
    pub fn of_service(token: &AccessToken) -> Self {
        Self {
            access_token: reveal(&token.access_token),
            token_type: token_type(token.is_bound),
            expires_in: u64::try_from(token.expires_in).unwrap_or_default(),
            issued_token_type: None,
            refresh_token: None,
            id_token: None,
            scope: (!token.scopes.is_empty()).then(|| token.scopes.to_text()),
        }
    }

    /// Shows the token of an API key.
    pub fn of_key(token: &AccessToken) -> Self {
        Self {
            issued_token_type: Some(ACCESS_TOKEN_TYPE),
            ..Self::of_service(token)
        }
    }
}

/// An error as OAuth clients read it (RFC 6749 §5.2).
#[derive(Serialize, ToSchema)]
pub struct OAuthError {
    /// What programs switch on.
    #[schema(example = "invalid_grant")]
    error: String,
    /// What is wrong, for the developer.
    #[schema(example = "The code is not valid.")]
    error_description: String,
    /// A page that explains it.
    #[schema(example = "https://auth.example.com/docs/problems/invalid_grant")]
    error_uri: String,
}

/// The request that an application sent the user with, and what the user decided.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AuthorizeRequest {
    /// What the fragment of the page's URL contains.
    #[schema(value_type = String)]
    pub request: SecretString,
    /// `approve`: the user allows it. `deny`: they refuse. `continue`: they were not asked, because `consent_required` was
    /// false. Without it nothing is decided.
    #[schema(nullable = false, example = "approve")]
    pub decision: Option<String>,
}

/// What a page does next: it asks the user, or sends them on.
#[derive(Serialize, ToSchema)]
pub struct AuthorizeResponse {
    /// Where the user's browser goes. The other members are absent then.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "https://app.example.com/callback?code=vac_…&state=…")]
    redirect_to: Option<String>,
    /// The application.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    client: Option<ApplicationView>,
    /// What it asks for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = json!(["openid", "email"]))]
    scopes: Option<Vec<String>>,
    /// The resource that its access tokens are for. Absent if they are good for `GET /userinfo` alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "https://api.example.com")]
    resource: Option<String>,
    /// Whether the user has to be asked. If not, a page may continue at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    consent_required: Option<bool>,
}

/// An application, as users see it.
#[derive(Serialize, ToSchema)]
#[schema(as = Application)]
pub struct ApplicationView {
    /// Its `client_id`. That of an application that describes itself is made of its URL.
    client_id: Uuid,
    /// Its name. An application that describes itself has none that can be trusted: this is the host of its document.
    #[schema(example = "Shop")]
    name: String,
    /// The URL of an application that describes itself: its `client_id` elsewhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "https://app.example.com/client.json")]
    client_url: Option<String>,
    /// What an application that describes itself calls itself. It is not checked: show it below the host only.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "Notes")]
    claimed_name: Option<String>,
    /// Whether it belongs to the deployment.
    first_party: bool,
    /// Where the answer goes.
    #[schema(example = "https://app.example.com/callback")]
    redirect_uri: String,
}

impl AuthorizeResponse {
    /// Sends the user on.
    pub const fn redirect(redirect_to: String) -> Self {
        Self {
            redirect_to: Some(redirect_to),
            client: None,
            scopes: None,
            resource: None,
            consent_required: None,
        }
    }

    /// Asks the user.
    pub fn question(question: Question) -> Self {
        Self {
            redirect_to: None,
            client: Some(ApplicationView::new(question.client, question.redirect_uri)),
            scopes: Some(question.scopes.as_slice().to_vec()),
            resource: question.resource,
            consent_required: Some(question.consent_required),
        }
    }
}

impl ApplicationView {
    fn new(client: Client, redirect_uri: String) -> Self {
        let first_party = client.is_first_party();
        let (client_url, claimed_name) = match client.ownership {
            Ownership::Described { url, claimed_name } => (Some(url.into()), claimed_name),
            Ownership::FirstParty | Ownership::ThirdParty => (None, None),
        };
        Self {
            client_id: client.id.uuid(),
            name: client.name,
            client_url,
            claimed_name,
            first_party,
            redirect_uri,
        }
    }
}

/// The parameters of a logout.
#[derive(IntoParams, ToSchema)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes the parameters that the handler reads")]
pub struct LogoutForm {
    /// An ID token of the application, also an expired one: it says which sign-in ends.
    #[param(nullable = false)]
    #[schema(nullable = false)]
    id_token_hint: Option<String>,
    /// The application, if there is no ID token.
    #[param(nullable = false)]
    #[schema(nullable = false, example = "019a2b3c-4d5e-7f60-8a1b-2c3d4e5f6071")]
    client_id: Option<String>,
    /// Where the user goes afterwards: one of the registered URIs.
    #[param(nullable = false)]
    #[schema(nullable = false)]
    post_logout_redirect_uri: Option<String>,
    /// Repeated there.
    #[param(nullable = false)]
    #[schema(nullable = false)]
    state: Option<String>,
    /// `true`: the page that asks has signed the user out.
    #[param(nullable = false)]
    #[schema(nullable = false)]
    signed_out: Option<String>,
}

/// The form of `POST /oauth/device_authorization` (RFC 8628 §3.1).
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the form that extract::oauth reads")]
pub struct DeviceAuthorizationForm {
    /// The application, if it does not authenticate by HTTP Basic.
    #[schema(nullable = false, example = "019a2b3c-4d5e-7f60-8a1b-2c3d4e5f6071")]
    client_id: Option<String>,
    /// What is asked for, separated by spaces. Scopes that the application may not get are left out.
    #[schema(nullable = false)]
    scope: Option<String>,
    /// The resource that access tokens are for (RFC 8707).
    #[schema(nullable = false)]
    resource: Option<String>,
}

/// What a device shows, and what it asks with (RFC 8628 §3.2).
#[derive(Serialize, ToSchema)]
pub struct DeviceAuthorization {
    /// What the device asks with.
    #[schema(example = "vdc_AQGTx…")]
    device_code: String,
    /// What it shows.
    #[schema(example = "WDJB-MJHT")]
    user_code: String,
    /// Where the user types it.
    #[schema(example = "https://auth.example.com/account/device")]
    verification_uri: String,
    /// The same page with the code in it, for a QR code.
    #[schema(example = "https://auth.example.com/account/device#user_code=WDJB-MJHT")]
    verification_uri_complete: String,
    /// How many seconds the codes count.
    #[schema(example = 600)]
    expires_in: i64,
    /// How many seconds the device waits between two questions.
    #[schema(example = 5)]
    interval: i64,
}

impl DeviceAuthorization {
    /// Shows the codes.
    pub fn new(codes: &DeviceCodes) -> Self {
        Self {
            device_code: reveal(&codes.device_code),
            user_code: codes.user_code.clone(),
            verification_uri: codes.verification_uri.clone(),
            verification_uri_complete: format!("{}#user_code={}", codes.verification_uri, codes.user_code),
            expires_in: DEVICE_REQUEST_LIFE.num_seconds(),
            interval: DEVICE_POLL_INTERVAL.num_seconds(),
        }
    }
}

/// The code that a device shows, and what its user decided.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = DeviceDecisionRequest)]
pub struct DeviceRequest {
    /// The code. Case and dashes do not matter.
    #[schema(example = "WDJB-MJHT")]
    pub user_code: String,
    /// `approve` or `deny`. Without it nothing is decided.
    #[schema(nullable = false, example = "approve")]
    pub decision: Option<String>,
}

/// What the application on a device asks for.
#[derive(Serialize, ToSchema)]
pub struct DeviceResponse {
    /// The application's `client_id`.
    client_id: Uuid,
    /// Its name.
    #[schema(example = "TV")]
    name: String,
    /// Whether it belongs to the deployment.
    first_party: bool,
    /// What it asks for.
    #[schema(example = json!(["openid", "email"]))]
    scopes: Vec<String>,
    /// The resource that its access tokens are for. Absent if they are good for `GET /userinfo` alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "https://api.example.com")]
    resource: Option<String>,
}

impl DeviceResponse {
    /// Asks the user.
    pub fn new(question: DeviceQuestion) -> Self {
        Self {
            client_id: question.client.id.uuid(),
            first_party: question.client.is_first_party(),
            name: question.client.name,
            scopes: question.scopes.as_slice().to_vec(),
            resource: question.resource,
        }
    }
}

/// A request that was pushed (RFC 9126 §2.2).
#[derive(Serialize, ToSchema)]
pub struct PushedRequest {
    /// What the application sends the browser with.
    #[schema(example = "urn:ietf:params:oauth:request_uri:AQ…")]
    pub request_uri: String,
    /// How many seconds it waits.
    #[schema(example = 90)]
    pub expires_in: i64,
}

/// What the scopes of an access token tell about its user (OpenID Connect Core 1.0 §5.3.2).
#[derive(Serialize, ToSchema)]
pub struct UserInfo {
    /// The user's id, as in the ID token.
    pub sub: Uuid,
    /// The user name, with the scope `profile`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "jo.doe")]
    preferred_username: Option<String>,
    /// The language of messages, with the scope `profile`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "en")]
    locale: Option<String>,
    /// The address, with the scope `email`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "jo@example.com")]
    email: Option<String>,
    /// Whether the address was verified, with the scope `email`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    email_verified: Option<bool>,
    /// The roles that the session carries, with the scope `roles`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = json!(["editor"]))]
    roles: Option<Vec<String>>,
}

impl UserInfo {
    /// Shows what is told.
    pub fn new(sub: Uuid, told: UserClaims) -> Self {
        Self {
            sub,
            preferred_username: told.preferred_username,
            locale: told.locale,
            email: told.email,
            email_verified: told.email_verified,
            roles: told.roles,
        }
    }
}

/// What users know an application by.
#[derive(Serialize, ToSchema)]
#[schema(as = NamedApplication)]
pub struct NamedApplicationView {
    /// Its `client_id`.
    client_id: Uuid,
    /// Its name.
    #[schema(example = "Shop")]
    name: String,
}

impl NamedApplicationView {
    /// Shows an application.
    pub fn new(application: &NamedApplication) -> Self {
        Self {
            client_id: application.client_id.uuid(),
            name: application.name.clone(),
        }
    }
}

/// The applications of a user.
#[derive(Serialize, ToSchema)]
pub struct ApplicationsResponse {
    /// In the order in which they were registered.
    items: Vec<ListedApplicationView>,
}

/// An application that a user allowed something, or that is signed in.
#[derive(Serialize, ToSchema)]
#[schema(as = ListedApplication)]
pub struct ListedApplicationView {
    /// Its `client_id`. That of an application that describes itself is made of its URL.
    client_id: Uuid,
    /// Its name; the host of an application that describes itself.
    #[schema(example = "Shop")]
    name: String,
    /// The URL of an application that describes itself: its `client_id` elsewhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "https://app.example.com/client.json")]
    client_url: Option<String>,
    /// Whether it belongs to the deployment.
    first_party: bool,
    /// What it was allowed.
    #[schema(example = json!(["openid", "email"]))]
    scopes: Vec<String>,
    /// The resources that it was allowed this for. Empty if its access tokens are good for `GET /userinfo` alone.
    #[schema(example = json!(["https://api.example.com"]))]
    resources: Vec<String>,
    /// When it was last allowed something; null for applications of the deployment, which need not ask.
    #[schema(required)]
    granted_at: Option<DateTime<Utc>>,
    /// When it last got tokens; null if it is not signed in now.
    #[schema(required)]
    last_used_at: Option<DateTime<Utc>>,
}

impl ApplicationsResponse {
    /// Shows a list.
    pub fn new(applications: Vec<ListedApplication>) -> Self {
        Self {
            items: applications.into_iter().map(ListedApplicationView::new).collect(),
        }
    }
}

impl ListedApplicationView {
    /// Shows one of them.
    pub fn new(application: ListedApplication) -> Self {
        Self {
            client_id: application.client_id.uuid(),
            name: application.name,
            client_url: application.url.map(String::from),
            first_party: application.first_party,
            scopes: application.scopes.as_slice().to_vec(),
            resources: application.resources,
            granted_at: application.granted_at,
            last_used_at: application.last_used_at,
        }
    }
}
