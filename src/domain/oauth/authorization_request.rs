//! The request that sends a user's browser to `/oauth/authorize` (RFC 6749 §4.1.1, OpenID Connect Core 1.0
//! §3.1.2.1).
//!
//! The client and its redirect URI are checked first. What is wrong with them is shown to the user and sent nowhere:
//! a redirect to a URI that is not registered would make this service send users, and codes, to an attacker (RFC 9700
//! §4.11). Everything else that is wrong is sent to the client.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::domain::assurance::{AssuranceLevel, Ground, Recent, Requirement};
use crate::domain::dpop::KeyThumbprint;
use crate::domain::ids::ClientId;
use crate::domain::oauth::client::{Client, ClientRef};
use crate::domain::oauth::client_url::ClientUrl;
use crate::domain::oauth::id_token::IdTokenClaims;
use crate::domain::oauth::pkce::{CodeChallenge, S256};
use crate::domain::oauth::response_mode::{Reply, ResponseMode, form_source};
use crate::domain::oauth::scope::Scopes;

/// The longest `nonce`, which travels in tokens.
const LONGEST: usize = 500;
/// The longest `state`, which travels in URLs. Some applications keep a signed token in it.
const LONGEST_STATE: usize = 2000;

/// The parameters of a request, as they were sent. A parameter that is there twice never gets here (RFC 6749 §3.1).
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct AuthorizationParameters {
    /// The client.
    pub client_id: Option<String>,
    /// Where the answer goes.
    pub redirect_uri: Option<String>,
    /// Must be `code`.
    pub response_type: Option<String>,
    /// Must be `query`, which is the default, or `form_post`.
    pub response_mode: Option<String>,
    /// Repeated in the answer.
    pub state: Option<String>,
    /// What is asked for.
    pub scope: Option<String>,
    /// The resource that access tokens are for (RFC 8707).
    pub resource: Option<String>,
    /// The challenge of PKCE.
    pub code_challenge: Option<String>,
    /// Must be `S256`.
    pub code_challenge_method: Option<String>,
    /// Repeated in the ID token.
    pub nonce: Option<String>,
    /// The thumbprint of the key that has to redeem the code (RFC 9449 §10).
    pub dpop_jkt: Option<String>,
    /// Whether and how the user is involved.
    pub prompt: Option<String>,
    /// How many seconds ago the user may have authenticated.
    pub max_age: Option<String>,
    /// The assurance level that is required.
    pub acr_values: Option<String>,
    /// An ID token of the user who has to be signed in.
    pub id_token_hint: Option<String>,
    /// The name that the user probably signs in with.
    pub login_hint: Option<String>,
    /// The languages that the user prefers.
    pub ui_locales: Option<String>,
    /// A signed request, which is not supported.
    pub request: Option<String>,
    /// A request that was pushed before (RFC 9126).
    pub request_uri: Option<String>,
}

/// The errors of an authorization endpoint (RFC 6749 §4.1.2.1, OpenID Connect Core 1.0 §3.1.2.6, RFC 8707 §2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthorizationErrorCode {
    /// A parameter is missing, or has a value that is not allowed.
    InvalidRequest,
    /// The client may not ask for codes.
    UnauthorizedClient,
    /// The user refused.
    AccessDenied,
    /// Only `code` is supported.
    UnsupportedResponseType,
    /// None of the scopes can be granted.
    InvalidScope,
    /// The client may not get tokens for the resource.
    InvalidTarget,
    /// `prompt=none`, and no user is signed in; or another user than that of `id_token_hint`.
    LoginRequired,
    /// `prompt=none`, and the user has to be asked.
    ConsentRequired,
    /// `prompt=none`, and the user has to authenticate again.
    InteractionRequired,
    /// The user cannot reach the required level.
    UnmetAuthenticationRequirements,
    /// Signed requests are not supported.
    RequestNotSupported,
    /// Only requests that were pushed here are supported.
    RequestUriNotSupported,
}

crate::domain::names::names!(AuthorizationErrorCode {
    InvalidRequest = "invalid_request",
    UnauthorizedClient = "unauthorized_client",
    AccessDenied = "access_denied",
    UnsupportedResponseType = "unsupported_response_type",
    InvalidScope = "invalid_scope",
    InvalidTarget = "invalid_target",
    LoginRequired = "login_required",
    ConsentRequired = "consent_required",
    InteractionRequired = "interaction_required",
    UnmetAuthenticationRequirements = "unmet_authentication_requirements",
    RequestNotSupported = "request_not_supported",
    RequestUriNotSupported = "request_uri_not_supported",
});

/// Where the answer to a request goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReturnAddress {
    /// The redirect URI, as the request had it.
    pub redirect_uri: String,
    /// The `state` of the request.
    pub state: Option<String>,
    /// How the answer gets there.
    #[serde(default)]
    pub mode: ResponseMode,
}

impl ReturnAddress {
    /// Returns the answer with a code. `issuer` tells a client that uses several services which one answered (RFC 9207).
    pub fn with_code(&self, issuer: &str, code: &str) -> Reply {
        self.with(issuer, &[("code", code)])
    }

    /// Returns the answer with an error.
    pub fn with_error(&self, issuer: &str, error: AuthorizationErrorCode, description: &str) -> Reply {
        let parameters = [("error", error.as_str()), ("error_description", description)];
        self.with(issuer, &parameters)
    }

    fn with(&self, issuer: &str, parameters: &[(&str, &str)]) -> Reply {
        let mut all = parameters.to_vec();
        all.extend(self.state.as_deref().map(|state| ("state", state)));
        all.push(("iss", issuer));
        let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        Reply {
            redirect_uri: self.redirect_uri.clone(),
            parameters: all.into_iter().map(owned).collect(),
            mode: self.mode,
        }
    }
}

/// Why a request is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// Shown to the user: there is no address that can be trusted.
    Shown(&'static str),
    /// Sent to the client.
    Sent(ReturnAddress, AuthorizationErrorCode, &'static str),
}

/// Whether and how the user is involved (OpenID Connect Core 1.0 §3.1.2.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prompt {
    /// The user is not involved at all.
    pub none: bool,
    /// The user authenticates, even if they are signed in.
    pub login: bool,
    /// The user is asked, even if they agreed before.
    pub consent: bool,
}

/// A request that passed all checks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthorizationRequest {
    /// The id of the grant that it may become. A request can become only one.
    pub id: Uuid,
    /// The id of the client.
    pub client_id: Uuid,
    /// The URL of a client that describes itself.
    #[serde(default)]
    pub client_url: Option<ClientUrl>,
    /// Where the answer goes.
    pub return_address: ReturnAddress,
    /// What is asked for, without what the client may not get.
    pub scopes: Scopes,
    /// What access tokens are for.
    pub audience: String,
    /// The challenge that the code is bound to.
    pub challenge: CodeChallenge,
    /// Repeated in the ID token.
    pub nonce: Option<String>,
    /// The key that has to redeem the code, if the request names one.
    #[serde(default)]
    pub key: Option<KeyThumbprint>,
    /// Whether and how the user is involved.
    pub prompt: Prompt,
    /// The earliest moment at which the user may have authenticated.
    pub authenticated_since: Option<DateTime<Utc>>,
    /// Whether two factors are required.
    pub two_factors: bool,
    /// The name that the user probably signs in with.
    pub login_hint: Option<String>,
    /// The languages that the user prefers.
    #[serde(default)]
    pub ui_locales: Option<String>,
    /// The user who has to be signed in (`id_token_hint`).
    #[serde(default)]
    pub user: Option<Uuid>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
}

impl AuthorizationRequest {
    /// Checks a request of a known client.
    ///
    /// # Errors
    ///
    /// Returns where the user or the client is told what is wrong.
    pub fn check(
        parameters: &AuthorizationParameters,
        client: &Client,
        (id, now): (Uuid, DateTime<Utc>),
    ) -> Result<Self, Refused> {
        let return_address = return_address(parameters, client)?;
        let sent = |(error, description)| Refused::Sent(return_address.clone(), error, description);
        check_kind(parameters, client, &return_address).map_err(sent)?;
        let (prompt, max_age) = (prompt(parameters).map_err(sent)?, max_age(parameters).map_err(sent)?);
        let authenticated_since = if prompt.login {
            Some(now)
        } else {
            max_age.map(|age| now - age)
        };
        Ok(Self {
            id,
            client_id: client.id.uuid(),
            client_url: client.reference().url,
            scopes: scopes(parameters, client).map_err(sent)?,
            audience: audience(parameters, client).map_err(sent)?,
            challenge: challenge(parameters).map_err(sent)?,
            nonce: short(parameters.nonce.as_ref()).map_err(sent)?,
            key: key(parameters).map_err(sent)?,
            prompt,
            authenticated_since,
            two_factors: parameters.acr_values.as_deref().is_some_and(is_two_factors),
            login_hint: hint(parameters.login_hint.as_ref()),
            ui_locales: hint(parameters.ui_locales.as_ref()),
            user: None,
            created_at: now,
            return_address,
        })
    }

    /// Lets only the user of an ID token decide (OpenID Connect Core 1.0 §3.1.2.1). `hint` has its claims if this service
    /// signed it. It may have expired, and must be one of this client.
    ///
    /// # Errors
    ///
    /// Returns that the client is told so.
    pub fn for_user_of(self, hint: Option<&IdTokenClaims>, issuer: &str) -> Result<Self, Refused> {
        let own = hint.filter(|hint| hint.iss == issuer && hint.aud == self.client().client_id());
        match own {
            Some(hint) => Ok(Self {
                user: Some(hint.sub),
                ..self
            }),
            None => Err(Refused::Sent(
                self.return_address,
                AuthorizationErrorCode::InvalidRequest,
                "The id_token_hint is not an ID token of this application.",
            )),
        }
    }

    /// Returns whether a user may decide.
    pub fn is_for(&self, user: Uuid) -> bool {
        self.user.is_none_or(|hinted| hinted == user)
    }

    /// Returns what remains of a request after the operator has changed the client. `None`: its redirect URI, its
    /// resource or all of its scopes are gone.
    pub fn remaining(self, client: &Client, userinfo: &str) -> Option<Self> {
        let scopes = client.remaining(&self.scopes, &self.audience, userinfo)?;
        let is_kept = client.has_redirect_uri(&self.return_address.redirect_uri);
        is_kept.then_some(Self { scopes, ..self })
    }

    /// Returns the client.
    pub fn client(&self) -> ClientRef {
        ClientRef {
            id: ClientId::from_uuid(self.client_id),
            url: self.client_url.clone(),
        }
    }

    /// Returns what the request requires of the proofs behind the token of the user who decides.
    pub fn requirement(&self, now: DateTime<Utc>) -> Requirement {
        // Claims have whole seconds, so the second in which the request was made counts as a whole.
        let recent = self.authenticated_since.map(|since| Recent {
            least: Ground::EarlierLogin,
            max_age: TimeDelta::seconds(now.timestamp() - since.timestamp() + 1),
        });
        Requirement {
            level: if self.two_factors {
                AssuranceLevel::Aal2
            } else {
                AssuranceLevel::Aal1
            },
            one_of: Vec::new(),
            recent,
            or_recovery: false,
        }
    }
}

type Fault = (AuthorizationErrorCode, &'static str);

fn return_address(parameters: &AuthorizationParameters, client: &Client) -> Result<ReturnAddress, Refused> {
    let wanted = parameters.redirect_uri.as_deref();
    let redirect_uri = match (wanted, client.redirect_uris.as_slice()) {
        (Some(wanted), _) if client.has_redirect_uri(wanted) => wanted,
        // RFC 6749 §3.1.2.3: it may be left out if only one is registered. OpenID Connect requires it always.
        _ => {
            return Err(Refused::Shown(
                "The redirect_uri is missing, or not registered for this application.",
            ));
        }
    };
    let state = parameters.state.clone();
    let is_unfit = |state: &String| state.len() > LONGEST_STATE || state.contains(char::is_control);
    if state.as_ref().is_some_and(is_unfit) {
        return Err(Refused::Shown(
            "The state is longer than 2000 bytes, or has control characters.",
        ));
    }
    // A fault is told in the mode of the request, unless that is the fault.
    let mode = parameters.response_mode.as_deref().and_then(ResponseMode::parse);
    let mode = mode.filter(|mode| *mode == ResponseMode::Query || form_source(redirect_uri).is_some());
    Ok(ReturnAddress {
        redirect_uri: redirect_uri.to_owned(),
        state,
        mode: mode.unwrap_or_default(),
    })
}

fn short(text: Option<&String>) -> Result<Option<String>, Fault> {
    match text {
        Some(text) if text.len() > LONGEST || text.contains(char::is_control) => Err((
            AuthorizationErrorCode::InvalidRequest,
            "A parameter is longer than 500 bytes, or has control characters.",
        )),
        other => Ok(other.cloned()),
    }
}

/// A hint that cannot be used is as good as none.
fn hint(text: Option<&String>) -> Option<String> {
    text.filter(|text| text.len() <= LONGEST && !text.contains(char::is_control))
        .cloned()
}

fn check_kind(parameters: &AuthorizationParameters, client: &Client, address: &ReturnAddress) -> Result<(), Fault> {
    use AuthorizationErrorCode as Code;
    if !client.kind.is_application() {
        return Err((Code::UnauthorizedClient, "A service has no users."));
    }
    if parameters.request.is_some() {
        return Err((Code::RequestNotSupported, "Push the request to /oauth/par instead."));
    }
    if parameters.request_uri.is_some() {
        return Err((
            Code::RequestUriNotSupported,
            "The request_uri was not made by /oauth/par.",
        ));
    }
    match parameters.response_type.as_deref() {
        Some("code") => {}
        Some(_) => return Err((Code::UnsupportedResponseType, "The response_type must be code.")),
        None => return Err((Code::InvalidRequest, "The response_type is missing; it must be code.")),
    }
    match parameters.response_mode.as_deref() {
        Some(mode) if mode != address.mode.as_str() => Err((
            Code::InvalidRequest,
            "The response_mode must be query, or form_post for a redirect_uri on the web.",
        )),
        _ => Ok(()),
    }
}

fn challenge(parameters: &AuthorizationParameters) -> Result<CodeChallenge, Fault> {
    let invalid = |description| (AuthorizationErrorCode::InvalidRequest, description);
    // A request without a method asks for `plain` (RFC 7636 §4.3).
    if parameters.code_challenge_method.as_deref() != Some(S256) {
        return Err(invalid(
            "The code_challenge_method must be S256: every application uses PKCE.",
        ));
    }
    let challenge = parameters.code_challenge.as_deref().and_then(CodeChallenge::parse);
    challenge.ok_or_else(|| invalid("The code_challenge must be a SHA-256 in base64url, 43 characters."))
}

/// The key that the code is bound to (RFC 9449 §10).
fn key(parameters: &AuthorizationParameters) -> Result<Option<KeyThumbprint>, Fault> {
    let Some(text) = parameters.dpop_jkt.as_deref() else {
        return Ok(None);
    };
    let key = KeyThumbprint::parse(text).ok_or((
        AuthorizationErrorCode::InvalidRequest,
        "The dpop_jkt must be a SHA-256 in base64url, 43 characters.",
    ))?;
    Ok(Some(key))
}

/// Unknown scopes are left out (OpenID Connect Core 1.0 §3.1.2.1); the answer says what was granted.
fn scopes(parameters: &AuthorizationParameters, client: &Client) -> Result<Scopes, Fault> {
    let invalid = |description| (AuthorizationErrorCode::InvalidScope, description);
    let Some(wanted) = parameters.scope.as_deref() else {
        return Ok(client.scopes.clone());
    };
    let wanted = Scopes::parse(wanted).ok_or_else(|| invalid("The scope is not a list of scopes."))?;
    let granted = wanted.within(&client.scopes);
    if granted.is_empty() {
        return Err(invalid("The application may get none of these scopes."));
    }
    Ok(granted)
}

fn audience(parameters: &AuthorizationParameters, client: &Client) -> Result<String, Fault> {
    let audience = client.audience(parameters.resource.as_deref()).map(str::to_owned);
    audience.ok_or((
        AuthorizationErrorCode::InvalidTarget,
        "The application may not get tokens for this resource.",
    ))
}

fn prompt(parameters: &AuthorizationParameters) -> Result<Prompt, Fault> {
    let mut prompt = Prompt::default();
    let words = parameters.prompt.as_deref().unwrap_or_default();
    for word in words.split(' ').filter(|word| !word.is_empty()) {
        match word {
            "none" => prompt.none = true,
            "login" => prompt.login = true,
            // The page that asks says who is signed in, and offers another account.
            "select_account" | "consent" => prompt.consent = true,
            _ => return Err((AuthorizationErrorCode::InvalidRequest, "The prompt is not known.")),
        }
    }
    if prompt.none && (prompt.login || prompt.consent) {
        return Err((AuthorizationErrorCode::InvalidRequest, "The prompt none stands alone."));
    }
    Ok(prompt)
}

fn max_age(parameters: &AuthorizationParameters) -> Result<Option<TimeDelta>, Fault> {
    let Some(text) = parameters.max_age.as_deref() else {
        return Ok(None);
    };
    // Longer than any session lasts is as good as no limit.
    let seconds = text
        .parse::<u32>()
        .ok()
        .map(|seconds| TimeDelta::seconds(i64::from(seconds)));
    seconds.map(Some).ok_or((
        AuthorizationErrorCode::InvalidRequest,
        "The max_age must be a number of seconds.",
    ))
}

/// Returns whether two factors are the least of the levels that the client takes. Levels of other services are left
/// out.
fn is_two_factors(acr_values: &str) -> bool {
    let mut values = acr_values
        .split(' ')
        .filter(|value| ["aal1", "aal2"].contains(value))
        .peekable();
    values.peek().is_some() && values.all(|value| value == "aal2")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::assurance::{AuthenticationMethod, Proof, Proofs};
    use crate::domain::oauth::client::{ClientDescription, OwnResources};
    use crate::domain::oauth::id_token::UserClaims;
    use crate::domain::oauth::redirect_uri::RedirectUri;

    const CALLBACK: &str = "https://app.example.com/callback";
    const ISSUER: &str = "https://auth.example.com";

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, 0).unwrap()
    }

    fn client() -> Client {
        let described = ClientDescription {
            name: "Shop".into(),
            kind: "public".into(),
            redirect_uris: vec![CALLBACK.into()],
            audiences: vec!["https://api.example.com".into()],
            scopes: vec!["openid".into(), "email".into(), "orders:read".into()],
            ..ClientDescription::default()
        };
        let own = OwnResources {
            deployment: ISSUER.into(),
            administration: format!("{ISSUER}/admin"),
        };
        described
            .check(ClientId::from_uuid(Uuid::from_u128(1)), &own, at(0))
            .unwrap()
    }

    fn good() -> AuthorizationParameters {
        AuthorizationParameters {
            redirect_uri: Some(CALLBACK.into()),
            response_type: Some("code".into()),
            state: Some("s t&".into()),
            scope: Some("openid unknown orders:read".into()),
            code_challenge: Some("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM".into()),
            code_challenge_method: Some(S256.into()),
            ..AuthorizationParameters::default()
        }
    }

    fn check(parameters: &AuthorizationParameters) -> Result<AuthorizationRequest, Refused> {
        AuthorizationRequest::check(parameters, &client(), (Uuid::from_u128(7), at(1000)))
    }

    #[test]
    fn a_good_request_asks_for_what_the_client_may_get() {
        let request = check(&good()).unwrap();
        assert_eq!(request.scopes.to_text(), "openid orders:read");
        assert_eq!(request.audience, "https://api.example.com");
        assert_eq!((request.two_factors, request.authenticated_since), (false, None));
        let everything = AuthorizationParameters { scope: None, ..good() };
        assert_eq!(check(&everything).unwrap().scopes.to_text(), "openid email orders:read");
    }

    #[test]
    fn nothing_is_sent_to_an_address_that_is_not_registered() {
        for redirect_uri in [
            None,
            Some(""),
            Some("https://evil.example/"),
            Some("https://app.example.com/callback/../x"),
        ] {
            let request = AuthorizationParameters {
                redirect_uri: redirect_uri.map(str::to_owned),
                response_type: Some("token".into()),
                ..good()
            };
            assert!(matches!(check(&request), Err(Refused::Shown(_))), "{redirect_uri:?}");
        }
    }

    #[test]
    fn each_other_fault_is_sent_to_the_client_by_its_name() {
        type Change = fn(&mut AuthorizationParameters);
        let faults: [(Change, &str); 17] = [
            (|request| request.response_type = None, "invalid_request"),
            (
                |request| request.response_type = Some("token".into()),
                "unsupported_response_type",
            ),
            (
                |request| request.response_type = Some("code id_token".into()),
                "unsupported_response_type",
            ),
            (
                |request| request.response_mode = Some("fragment".into()),
                "invalid_request",
            ),
            (|request| request.code_challenge = None, "invalid_request"),
            (|request| request.code_challenge = Some("a".into()), "invalid_request"),
            (|request| request.code_challenge_method = None, "invalid_request"),
            (
                |request| request.code_challenge_method = Some("plain".into()),
                "invalid_request",
            ),
            (|request| request.scope = Some("admin".into()), "invalid_scope"),
            (|request| request.scope = Some(String::new()), "invalid_scope"),
            (
                |request| request.resource = Some("https://other.example.com".into()),
                "invalid_target",
            ),
            (|request| request.prompt = Some("none login".into()), "invalid_request"),
            (|request| request.max_age = Some("-1".into()), "invalid_request"),
            (|request| request.nonce = Some("n".repeat(501)), "invalid_request"),
            (|request| request.nonce = Some("a\0b".into()), "invalid_request"),
            (|request| request.request = Some("eyJ".into()), "request_not_supported"),
            (
                |request| request.request_uri = Some("https://evil.example/".into()),
                "request_uri_not_supported",
            ),
        ];
        for (change, expected) in faults {
            let mut request = good();
            change(&mut request);
            let Err(Refused::Sent(address, error, description)) = check(&request) else {
                panic!("{request:?} is accepted");
            };
            assert_eq!(error.as_str(), expected, "{description}");
            let url = address.with_error(ISSUER, error, "Why.").url();
            let sent = format!(
                "{CALLBACK}?error={expected}&error_description=Why.&state=s+t%26&iss=https%3A%2F%2Fauth.example.com"
            );
            assert_eq!(url, sent);
        }
    }

    #[test]
    fn the_answer_goes_by_the_mode_of_the_request_also_if_it_is_an_error() {
        let posted = AuthorizationParameters {
            response_mode: Some("form_post".into()),
            ..good()
        };
        let reply = check(&posted).unwrap().return_address.with_code(ISSUER, "c");
        let fields = [("code", "c"), ("state", "s t&"), ("iss", ISSUER)];
        let fields = fields.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(
            (reply.mode, reply.parameters),
            (ResponseMode::FormPost, fields.to_vec())
        );
        let faulty = AuthorizationParameters {
            scope: Some("admin".into()),
            ..posted.clone()
        };
        let Err(Refused::Sent(address, ..)) = check(&faulty) else {
            panic!("it is accepted");
        };
        assert_eq!(address.mode, ResponseMode::FormPost);
        let named = AuthorizationParameters {
            response_mode: Some("query".into()),
            ..good()
        };
        assert_eq!(check(&named), check(&good()));
    }

    #[test]
    fn no_form_is_posted_to_an_app() {
        let app = "com.example.app:/callback";
        let mut client = client();
        client.redirect_uris.push(RedirectUri::check(app).unwrap());
        let request = AuthorizationParameters {
            redirect_uri: Some(app.into()),
            response_mode: Some("form_post".into()),
            ..good()
        };
        let refused = AuthorizationRequest::check(&request, &client, (Uuid::nil(), at(0)));
        let Err(Refused::Sent(address, AuthorizationErrorCode::InvalidRequest, _)) = refused else {
            panic!("{refused:?}");
        };
        assert_eq!(address.mode, ResponseMode::Query);
    }

    fn hint(iss: &str, aud: Uuid) -> IdTokenClaims {
        IdTokenClaims {
            iss: iss.into(),
            sub: Uuid::from_u128(5),
            aud: aud.to_string(),
            azp: aud.to_string(),
            exp: 1,
            iat: 0,
            auth_time: 0,
            nonce: None,
            acr: "aal1".into(),
            amr: Vec::new(),
            at_hash: String::new(),
            sid: Uuid::nil(),
            user: UserClaims::default(),
        }
    }

    #[test]
    fn a_hint_ties_a_request_to_its_user_and_only_one_of_this_client_is_taken() {
        let request = check(&good()).unwrap();
        assert!(request.is_for(Uuid::from_u128(5)) && request.is_for(Uuid::from_u128(6)));
        let tied = request
            .clone()
            .for_user_of(Some(&hint(ISSUER, request.client_id)), ISSUER);
        let tied = tied.unwrap();
        assert!(tied.is_for(Uuid::from_u128(5)) && !tied.is_for(Uuid::from_u128(6)));
        for other in [
            None,
            Some(hint("https://evil.example", request.client_id)),
            Some(hint(ISSUER, Uuid::from_u128(2))),
        ] {
            let refused = request.clone().for_user_of(other.as_ref(), ISSUER).unwrap_err();
            assert!(
                matches!(refused, Refused::Sent(_, AuthorizationErrorCode::InvalidRequest, _)),
                "{other:?}"
            );
        }
    }

    #[test]
    fn a_request_ends_with_its_redirect_uri_and_loses_the_scopes_that_its_client_loses() {
        let request = check(&good()).unwrap();
        let mut changed = client();
        assert_eq!(request.clone().remaining(&changed, "https://x"), Some(request.clone()));
        changed.scopes = Scopes::parse("email orders:read").unwrap();
        let remaining = request.clone().remaining(&changed, "https://x").unwrap();
        assert_eq!(remaining.scopes.to_text(), "orders:read");
        changed.redirect_uris.clear();
        assert_eq!(request.remaining(&changed, "https://x"), None);
    }

    #[test]
    fn two_factors_are_required_if_the_client_takes_nothing_less() {
        for (values, expected) in [
            ("aal2", true),
            ("aal1 aal2", false),
            ("aal2 aal1", false),
            ("other", false),
            ("other aal2", true),
        ] {
            assert_eq!(is_two_factors(values), expected, "{values}");
        }
    }

    proptest! {
        /// The requirement is about the moment of the request: a user who takes their time is not asked twice.
        #[test]
        fn a_login_after_the_request_is_recent_and_one_too_long_before_is_not(
            max_age in 0_i64..5000, login in 0_i64..20_000, decided in 0_i64..10_000, by_prompt: bool,
        ) {
            let asked = 10_000;
            let request = AuthorizationParameters {
                prompt: by_prompt.then(|| "login".into()),
                max_age: Some(max_age.to_string()),
                ..good()
            };
            let request = AuthorizationRequest::check(&request, &client(), (Uuid::nil(), at(asked))).unwrap();
            let decided = asked + decided;
            prop_assume!(login <= decided);
            let proofs: Proofs = [Proof { method: AuthenticationMethod::Password, at: at(login) }].into_iter().collect();
            let earliest = if by_prompt { asked } else { asked - max_age };
            let is_met = request.requirement(at(decided)).is_met_by(&proofs, at(decided));
            prop_assert_eq!(is_met, login >= earliest - 1);
        }
    }
}
