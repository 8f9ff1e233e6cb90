//! Every error response: problem details (RFC 9457) with a stable `code`.
//!
//! One table assigns a status and a title to each code. Bodies of 5xx do not reveal the cause, which is logged once,
//! under the same request id; only a missing mail server is named.

use std::fmt;

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderValue};
use actix_web::{HttpResponse, ResponseError};
use chrono::TimeDelta;
use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use super::dto::work::WorkChallengeView;
use crate::domain::assurance::request_names;
use crate::domain::dpop::ALGORITHMS;
use crate::domain::factor::FactorKind;
use crate::domain::ids::RequestId;
use crate::domain::input::InvalidInput;
use crate::domain::message::Channel;
use crate::domain::password::PasswordRejection;
use crate::flows::Fault;
use crate::flows::account::NotAdmitted;
use crate::flows::dpop::ProofRefusal as ProofFault;
use crate::flows::factors::{Demand, ProofRefusal, RemovalRefusal};
use crate::flows::federation::ProviderFault;
use crate::flows::limits::Wait;

/// The media type of every error response.
pub const MEDIA_TYPE: &str = "application/problem+json";
/// What is left of a quota (draft-ietf-httpapi-ratelimit-headers-10 §4).
pub const RATE_LIMIT: header::HeaderName = header::HeaderName::from_static("ratelimit");
/// How large the quotas are (draft-ietf-httpapi-ratelimit-headers-10 §3).
pub const RATE_LIMIT_POLICY: header::HeaderName = header::HeaderName::from_static("ratelimit-policy");
/// Why a passkey beside another factor is refused. Which check failed, only the operator learns.
const REFUSED_PASSKEY: &str = "The passkey was refused: it is not one of the account, its challenge has expired or was \
                               answered before, or the response is not valid. Get another challenge and try again.";
/// The seconds after which a client may try again if the service is busy or cannot reach its database.
const RETRY_AFTER_SECONDS: u32 = 1;
/// The same for a provider that cannot be reached: it is not asked again earlier.
const PROVIDER_RETRY_AFTER_SECONDS: u32 = 5;
/// The same for a registration hook that gives no answer: a restart of it takes some seconds.
const HOOK_RETRY_AFTER_SECONDS: u32 = 5;

macro_rules! codes {
    ($($variant:ident = $code:literal, $status:ident, $title:literal, $explanation:literal;)*) => {
        /// The stable names that programs switch on.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Code {
            $(#[doc = $explanation] $variant,)*
        }

        impl Code {
            /// All codes, in the order of the contract.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// Returns the name.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $code,)* }
            }

            /// Returns the status of the code.
            pub const fn status(self) -> StatusCode {
                match self { $(Self::$variant => StatusCode::$status,)* }
            }

            /// Returns the short, constant summary.
            pub const fn title(self) -> &'static str {
                match self { $(Self::$variant => $title,)* }
            }

            /// Returns the text at the URL that `type` contains.
            pub const fn explanation(self) -> &'static str {
                match self { $(Self::$variant => $explanation,)* }
            }
        }
    };
}

codes! {
    MalformedRequest = "malformed_request", BAD_REQUEST, "Malformed request",
        "The request is not a JSON object of the documented shape: it is not JSON, or a member is unknown, duplicate, missing or of the wrong type. The detail names it. Correct the program that sent it.";
    InvalidAuthorizationRequest = "invalid_authorization_request", BAD_REQUEST, "The application's request does not work",
        "An application sent you here with a request that this service cannot answer: the application or its redirect URI is not registered, or the request has expired or was approved before. Go back to the application and start again.";
    InvalidGrant = "invalid_grant", BAD_REQUEST, "Grant refused",
        "The authorization code or the refresh token is unknown, expired or already used, of another client, or its session has ended; or the redirect_uri or the code_verifier is not the one of the request. The response never says which. Start again with GET /oauth/authorize.";
    UnauthorizedClient = "unauthorized_client", BAD_REQUEST, "Not for this client",
        "The client is known, but is of a kind that may not use this grant: client_credentials is for services only.";
    UnsupportedGrantType = "unsupported_grant_type", BAD_REQUEST, "Unknown grant type",
        "The grant_type is none of those that grant_types_supported of the metadata lists.";
    InvalidScope = "invalid_scope", BAD_REQUEST, "Scope refused",
        "A scope is malformed, or the client asks for more than it may get or than the user allowed.";
    InvalidTarget = "invalid_target", BAD_REQUEST, "Resource refused",
        "The client may not get tokens for this resource, or there is none that it may get tokens for (RFC 8707). An operator registers them with --resource.";
    InvalidDpopProof = "invalid_dpop_proof", BAD_REQUEST, "Proof of possession refused",
        "The proof in the DPoP header is missing, malformed, for another request, or by another key than the session is bound to (RFC 9449); the detail says what is wrong. Nothing was changed. The status is 401 where the proof goes with a token in the Authorization header.";
    UseDpopNonce = "use_dpop_nonce", BAD_REQUEST, "Send the proof with this nonce",
        "The proof of possession is valid, but its nonce is missing, has expired, or was used for a change. Nothing was changed. Send the request again with a new proof that has the value of the DPoP-Nonce header of this response as nonce (RFC 9449 §8). The status is 401 where the proof goes with a token in the Authorization header.";
    AuthorizationPending = "authorization_pending", BAD_REQUEST, "The user has not decided",
        "The user has not typed the code, or has not decided. Ask again after the interval (RFC 8628 §3.5).";
    SlowDown = "slow_down", BAD_REQUEST, "Asked too early",
        "The device asked before its interval was over. The interval is five seconds longer from now on (RFC 8628 §3.5).";
    AccessDenied = "access_denied", BAD_REQUEST, "The user refused",
        "The user refused the device, or the session in which they allowed it has ended.";
    ExpiredToken = "expired_token", BAD_REQUEST, "The device code has expired",
        "The user did not decide in time, or the tokens were picked up before. Begin again.";
    InvalidApiKey = "invalid_api_key", BAD_REQUEST, "API key refused",
        "The API key is unknown, expired or deleted, or its account cannot be used. The response never says which. Make another key with POST /me/api-keys.";
    InvalidUserCode = "invalid_user_code", BAD_REQUEST, "Unknown code",
        "The code is wrong or has expired, another session has seen it before, or it was decided. Compare it with the one that the device shows.";
    InvalidLinkToken = "invalid_link_token", BAD_REQUEST, "The link does not work",
        "The token from a mail is unknown, expired, already used, or meant for something else; or what it was for has ended, such as a change of address together with the session that requested it. Request another mail.";
    InvalidCredentials = "invalid_credentials", UNAUTHORIZED, "Sign-in refused",
        "The name, the password or the passkey is wrong, or the account cannot be used. The response never says which.";
    InvalidPreAuthToken = "invalid_pre_auth_token", UNAUTHORIZED, "The login has expired",
        "The pre-auth token is unknown, expired, already used, of another kind, or has no attempts left. Log in again.";
    InvalidCode = "invalid_code", UNAUTHORIZED, "Second factor refused",
        "The code is wrong, expired or already used, or the passkey was refused. At POST /2fa/verify, attempts_remaining says how many attempts this pre-auth token has left; after the last one, log in again.";
    InvalidFederationToken = "invalid_federation_token", UNAUTHORIZED, "Start the sign-in at the provider again",
        "The federation token is unknown, expired, already used, of another provider, or was made in another session; or the state is not the one that was started with. The response never says which. Start again with POST /federation/{provider}/start.";
    ProviderRefused = "provider_refused", UNAUTHORIZED, "The provider refused",
        "The provider does not accept the code: it has expired, was used before, or is of another sign-in. Start again with POST /federation/{provider}/start.";
    InvalidIdToken = "invalid_id_token", UNAUTHORIZED, "ID token refused",
        "The ID token is not one of this provider for this deployment, has expired, or does not have the nonce of the start. The detail says what is wrong. Start again with POST /federation/{provider}/start.";
    InvalidToken = "invalid_token", UNAUTHORIZED, "Sign in again",
        "The access token is missing, expired or not issued by this service, or its session has ended.";
    InvalidRefreshToken = "invalid_refresh_token", UNAUTHORIZED, "Sign in again",
        "The refresh token is missing, unknown, expired or already used, or its session has ended. The response never says which.";
    TwoSessions = "two_sessions", UNAUTHORIZED, "Refresh the tokens",
        "The request has tokens of two sessions, so nothing was done. In a browser, another tab may have signed in: refresh the tokens, and see who is signed in now.";
    InsufficientUserAuthentication = "insufficient_user_authentication", UNAUTHORIZED, "Confirm your identity again",
        "This requires a recent proof of the user's identity: send one of accepted_methods to POST /step-up, then try again with the new access token. acr_values is the required assurance level, max_age the greatest allowed age of the proof in seconds (RFC 9470). Only the access token of the request counts, not other tokens of its session.";
    ProofRequired = "proof_required", UNAUTHORIZED, "Show that the account is yours",
        "The link from the mail is valid, and stays valid. This also requires a proof that the account is yours: an access token or a pre-auth token of that account as bearer, or its password in the body.";
    InvalidClient = "invalid_client", UNAUTHORIZED, "Unknown client",
        "This requires the credentials of a client: as HTTP Basic, as client_id and client_secret in the form, or as a client_assertion (private_key_jwt). At /token/introspect and /token/revoke these are the id and the secret of a service. An operator registers clients with `vestibule clients create`.";
    Forbidden = "forbidden", FORBIDDEN, "Not allowed",
        "The request is valid and the caller is known, but the caller is not allowed to do this.";
    InsufficientScope = "insufficient_scope", FORBIDDEN, "Scope missing",
        "The access token is valid, but the application or the service was not allowed the scope that this requires.";
    OriginNotAllowed = "origin_not_allowed", FORBIDDEN, "Origin not allowed",
        "The request comes from a web page whose origin this deployment does not list. Its operator can add the origin to VESTIBULE_CORS_ORIGINS.";
    EmailNotVerified = "email_not_verified", FORBIDDEN, "Verify your address first",
        "The password, or the provider, was right, but this deployment requires a verified e-mail address. A mail with a link is on its way.";
    RegistrationDenied = "registration_denied", FORBIDDEN, "Registration denied",
        "The operator of this deployment decides which accounts are made, and this one is not. `reason` says why, in the operator's words, if they gave any. No account was made.";
    NotFound = "not_found", NOT_FOUND, "Not found",
        "There is nothing at this path.";
    MethodNotAllowed = "method_not_allowed", METHOD_NOT_ALLOWED, "Method not allowed",
        "The path exists, but does not support this method; the Allow header lists the supported ones.";
    RequestTimeout = "request_timeout", REQUEST_TIMEOUT, "Request too slow",
        "The body of the request did not arrive in time. Send it again.";
    EmailTaken = "email_taken", CONFLICT, "Address taken",
        "Another account has this e-mail address.";
    IdentityTaken = "identity_taken", CONFLICT, "Connected with another account",
        "The user of the provider signs in to another account. Disconnect them there first.";
    UsernameTaken = "username_taken", CONFLICT, "Name taken",
        "Another account has this user name, or gave it up in the last 30 days.";
    Conflict = "conflict", CONFLICT, "Not possible now",
        "The account is in a state that does not allow this; the detail says which.";
    PayloadTooLarge = "payload_too_large", PAYLOAD_TOO_LARGE, "Request too large",
        "Request bodies may have at most 16 KiB.";
    UnsupportedMediaType = "unsupported_media_type", UNSUPPORTED_MEDIA_TYPE, "Unsupported media type",
        "Send the body as application/json, uncompressed.";
    MisdirectedRequest = "misdirected_request", MISDIRECTED_REQUEST, "Wrong host",
        "`vestibule dev` answers only requests whose Host is localhost, a loopback address or the host of the public URL. Under another name, a web page could reach the development endpoints (DNS rebinding).";
    ValidationFailed = "validation_failed", UNPROCESSABLE_ENTITY, "Check your input",
        "Some members break a rule; errors lists each with a JSON pointer. Nothing was changed and no attempt was counted.";
    AddressMissing = "address_missing", UNPROCESSABLE_ENTITY, "The provider names no address",
        "No account has this user of the provider, and the provider does not say their e-mail address, which a new account needs. The user can allow the provider to tell it and start again, or register here and connect the provider then.";
    PasswordRejected = "password_rejected", UNPROCESSABLE_ENTITY, "Choose another password",
        "The new password is too short, too long, too easy to guess, or known from a data breach; reason says which: too_short, too_long, common, breached.";
    RateLimited = "rate_limited", TOO_MANY_REQUESTS, "Too many attempts",
        "The request was not processed, because there were too many attempts before. Try again after the seconds in Retry-After; an earlier attempt does not prolong the wait. At POST /login and POST /2fa/verify there may be a challenge: a client that solves it is not made to wait.";
    InternalError = "internal_error", INTERNAL_SERVER_ERROR, "Internal error",
        "Something is wrong with the service. Report the request_id to its operator.";
    ProviderUntrusted = "provider_untrusted", BAD_GATEWAY, "The provider's answer breaks a rule",
        "The provider answered with something that must not be believed; the detail says what. Nothing was changed. Report the request_id to the operator of this service.";
    ProviderUnavailable = "provider_unavailable", SERVICE_UNAVAILABLE, "The provider cannot be reached",
        "The provider does not answer, or answers with an error. Other ways to sign in work. Try again after the seconds in Retry-After.";
    RegistrationUnavailable = "registration_unavailable", SERVICE_UNAVAILABLE, "Registration is not possible now",
        "A server of the operator that decides which accounts are made does not answer as it should. No account was made. Accounts that exist are not affected. Try again after the seconds in Retry-After.";
    ServiceUnavailable = "service_unavailable", SERVICE_UNAVAILABLE, "Try again soon",
        "The service is busy or cannot reach its database. Try again after the seconds in Retry-After.";
}

impl Code {
    /// Returns what OAuth calls it (RFC 6749 §5.2, RFC 6750 §3.1).
    pub fn oauth_error(self) -> &'static str {
        match self {
            Self::InternalError => "server_error",
            Self::ServiceUnavailable | Self::RateLimited => "temporarily_unavailable",
            Self::InvalidGrant
            | Self::UnauthorizedClient
            | Self::UnsupportedGrantType
            | Self::InvalidScope
            | Self::InvalidTarget
            | Self::InvalidDpopProof
            | Self::UseDpopNonce
            | Self::AuthorizationPending
            | Self::SlowDown
            | Self::AccessDenied
            | Self::ExpiredToken
            | Self::InvalidClient
            | Self::InvalidToken
            | Self::InsufficientScope => self.as_str(),
            _ => "invalid_request",
        }
    }
}

/// One rule that one member of the request breaks.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = FieldProblem)]
pub struct FieldProblem {
    /// JSON Pointer (RFC 6901) to the member; empty for the whole request.
    pub pointer: &'static str,
    /// The rule that the member breaks.
    pub detail: String,
}

/// Marks a response with an error status that is a page for users, and so stays as it is.
pub struct ErrorPage;

/// An error that becomes a response.
#[derive(Clone, Debug)]
pub struct Problem {
    /// The code that programs switch on.
    pub code: Code,
    detail: String,
    members: Map<String, Value>,
    headers: Vec<(header::HeaderName, HeaderValue)>,
    /// The status, where it is not the one of the code.
    status: Option<StatusCode>,
}

impl Problem {
    /// Makes a problem with an explanation, which must not repeat input or reveal internals.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        let mut problem = Self {
            code,
            detail: detail.into(),
            members: Map::new(),
            headers: Vec::new(),
            status: None,
        };
        match code.status() {
            // RFC 9110 §15.5.2: every 401 says how to authenticate.
            StatusCode::UNAUTHORIZED => {
                problem
                    .headers
                    .push((header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer")));
            }
            StatusCode::SERVICE_UNAVAILABLE => {
                problem.headers.push((header::RETRY_AFTER, RETRY_AFTER_SECONDS.into()));
            }
            _ => {}
        }
        problem
    }

    /// Makes a problem whose detail is its code's explanation.
    pub fn of(code: Code) -> Self {
        let problem = Self::new(code, code.explanation());
        match code {
            // OAuth libraries look for this member (RFC 6749 §5.2).
            Code::InvalidRefreshToken => problem.with("error", "invalid_grant"),
            Code::InvalidClient => problem.with("error", "invalid_client").header(
                header::WWW_AUTHENTICATE,
                HeaderValue::from_static("Basic realm=\"vestibule\", charset=\"UTF-8\""),
            ),
            _ => problem,
        }
    }

    /// Adds an extension member.
    #[must_use]
    pub fn with(mut self, member: &str, value: impl Into<Value>) -> Self {
        self.members.insert(member.to_owned(), value.into());
        self
    }

    /// Replaces a header.
    #[must_use]
    pub fn header(mut self, name: header::HeaderName, value: HeaderValue) -> Self {
        self.headers.retain(|(present, _)| *present != name);
        self.headers.push((name, value));
        self
    }

    /// The refusal of a proof of some kind. A passkey has no code that could be wrong.
    pub fn refused_proof(refusal: ProofRefusal, given: Option<FactorKind>) -> Self {
        let refused = Self::from(refusal);
        match (refused.code, given) {
            (Code::InvalidCode, Some(FactorKind::Passkey)) => Self {
                detail: REFUSED_PASSKEY.to_owned(),
                ..refused
            },
            _ => refused,
        }
    }

    /// `invalid_credentials`: a passkey alone was refused, or its account cannot be used.
    pub fn refused_sign_in_by_passkey() -> Self {
        let detail = "The passkey is unknown here or its response was refused, or the account cannot be used. The \
                      answer never says which.";
        Self::new(Code::InvalidCredentials, detail)
    }

    /// `invalid_credentials`: the account of an identity at a provider cannot be used.
    pub fn refused_sign_in_by_provider() -> Self {
        let detail = "The account that this user of the provider signs in to cannot be used.";
        Self::new(Code::InvalidCredentials, detail)
    }

    /// `forbidden`: no account has the identity, and only operators make accounts.
    pub fn no_registration() -> Self {
        let detail = "No account here has this user of the provider, and only operators make accounts.";
        Self::new(Code::Forbidden, detail)
    }

    /// A provider that cannot be used for this request, or an ID token that the client brought.
    pub fn of_provider(fault: &ProviderFault) -> Self {
        match fault {
            ProviderFault::Unavailable(why) => {
                let retry_after = HeaderValue::from(PROVIDER_RETRY_AFTER_SECONDS);
                Self::new(Code::ProviderUnavailable, *why).header(header::RETRY_AFTER, retry_after)
            }
            ProviderFault::Refused(_) => Self::of(Code::ProviderRefused),
            ProviderFault::Untrusted(why) => Self::new(Code::ProviderUntrusted, *why),
            ProviderFault::WrongToken(why) => Self::new(Code::InvalidIdToken, *why),
        }
    }

    /// `forbidden`: the deployment does not use passkeys.
    pub fn no_passkeys() -> Self {
        Self::new(Code::Forbidden, "Passkeys are not offered here.")
    }

    /// The passkey is the last way to sign in of an account without a password.
    fn last_way_in() -> Self {
        Self::new(
            Code::Conflict,
            "You have no password, and no other passkey has shown that it signs in alone. Use another one, or set a password \
             first.",
        )
    }

    /// The last second factor cannot be removed where every user needs one.
    fn last_factor() -> Self {
        Self::new(
            Code::Conflict,
            "This is your last second factor, and this deployment requires one; set up another one first.",
        )
    }

    /// Says that the deployment sends no messages on a channel.
    fn no_sender(channel: &str) -> Self {
        let detail = match Channel::parse(channel) {
            Some(Channel::Sms) => {
                "This deployment sends no text messages; its operator can set VESTIBULE_SMS_WEBHOOK_URL."
            }
            Some(Channel::Email) | None => "This deployment sends no mail; its operator can set VESTIBULE_SMTP_URL.",
        };
        Self::new(Code::ServiceUnavailable, detail)
    }

    /// Says how long the client must wait.
    pub fn rate_limited(wait: TimeDelta) -> Self {
        // Rounded up: a client that tries again after that many seconds is not too early.
        let seconds = (wait + TimeDelta::milliseconds(999)).num_seconds().max(1);
        let problem = Self::of(Code::RateLimited).header(header::RETRY_AFTER, seconds.into());
        // The count applies to the identifier in the request, whether or not such an account exists, so this reveals
        // nothing about accounts.
        match HeaderValue::try_from(format!("\"account\";r=0;t={seconds}")) {
            Ok(limit) => problem.header(RATE_LIMIT, limit),
            Err(_not_ascii) => problem,
        }
    }

    /// Says how long the client must wait, and what it may compute in the place of that.
    pub fn must_wait(wait: &Wait) -> Self {
        let problem = Self::rate_limited(wait.remaining);
        match &wait.challenge {
            Some(challenge) => problem.with("challenge", json!(WorkChallengeView::new(challenge))),
            None => problem,
        }
    }

    /// Says what must be verified first, in the parameters of RFC 9470 §3.
    pub fn insufficient_user_authentication(demand: &Demand) -> Self {
        let (acr, max_age) = (demand.level.acr(), demand.max_age.num_seconds());
        let challenge =
            format!("Bearer error=\"insufficient_user_authentication\", acr_values=\"{acr}\", max_age=\"{max_age}\"");
        let accepted = request_names(&demand.accepted);
        let problem = Self::of(Code::InsufficientUserAuthentication)
            .with("acr_values", acr)
            .with("max_age", max_age)
            .with("accepted_methods", accepted);
        match HeaderValue::try_from(challenge) {
            Ok(challenge) => problem.header(header::WWW_AUTHENTICATE, challenge),
            Err(_not_ascii) => problem,
        }
    }

    /// Says that the presented bearer token is not valid (RFC 6750 §3.1).
    #[must_use]
    pub fn bearer_error(self) -> Self {
        self.header(
            header::WWW_AUTHENTICATE,
            HeaderValue::from_static("Bearer error=\"invalid_token\""),
        )
    }

    /// The request presents tokens of two sessions. After a refresh a client has the tokens of one.
    pub fn two_sessions() -> Self {
        Self::of(Code::TwoSessions).bearer_error()
    }

    /// Says why a proof of possession is refused (RFC 9449 §5, §8).
    pub fn dpop(refusal: ProofFault) -> Self {
        let problem = match refusal {
            ProofFault::Invalid(why) => Self::new(Code::InvalidDpopProof, why),
            ProofFault::NonceNeeded => Self::of(Code::UseDpopNonce),
        };
        let error = problem.code.as_str();
        problem.with("error", error)
    }

    /// The key of a proof of possession is not the one that the session is bound to.
    pub fn wrong_key() -> Self {
        Self::dpop(ProofFault::Invalid(
            "The proof is not by the key of the session. If the session began with a proof, send one by the same key; \
             otherwise send none.",
        ))
    }

    /// Says the same of a proof beside a token in the `Authorization` header (RFC 9449 §7.1, §9).
    #[must_use]
    pub fn at_resource(self) -> Self {
        let parameters = format!(" error=\"{}\"", self.code.as_str());
        let problem = Self {
            status: Some(StatusCode::UNAUTHORIZED),
            ..self
        };
        match Self::dpop_challenge(&parameters) {
            Some(challenge) => problem.header(header::WWW_AUTHENTICATE, challenge),
            None => problem,
        }
    }

    /// Writes a challenge of the scheme `DPoP` with the parameters of another one.
    pub fn dpop_challenge(parameters: &str) -> Option<HeaderValue> {
        let comma = if parameters.is_empty() { "" } else { "," };
        HeaderValue::try_from(format!("DPoP{parameters}{comma} algs=\"{}\"", ALGORITHMS.join(" "))).ok()
    }

    /// Returns the status.
    fn status(&self) -> StatusCode {
        self.status.unwrap_or_else(|| self.code.status())
    }

    /// Writes the body.
    pub fn body(&self, public_url: &str, request_id: Option<RequestId>) -> Value {
        let mut body = json!({
            "type": type_uri(public_url, self.code),
            "title": self.code.title(),
            "status": self.status().as_u16(),
            "detail": self.detail,
            "code": self.code.as_str(),
        });
        if let Value::Object(members) = &mut body {
            members.extend(self.members.clone());
            if let Some(id) = request_id {
                members.insert("request_id".to_owned(), id.uuid().to_string().into());
            }
        }
        body
    }

    /// Writes the body as OAuth clients read it (RFC 6749 §5.2).
    fn oauth_body(&self, public_url: &str) -> Value {
        let named = self.members.get("error").and_then(Value::as_str);
        json!({
            "error": named.unwrap_or_else(|| self.code.oauth_error()),
            "error_description": self.detail,
            "error_uri": type_uri(public_url, self.code),
        })
    }

    /// Writes the whole response for an OAuth client.
    pub fn oauth_response(&self, public_url: &str) -> HttpResponse {
        let mut response = HttpResponse::build(self.status());
        response.content_type("application/json");
        for (name, value) in &self.headers {
            response.insert_header((name.clone(), value.clone()));
        }
        response.body(self.oauth_body(public_url).to_string())
    }

    /// Writes the whole response.
    pub fn response(&self, public_url: &str, request_id: Option<RequestId>) -> HttpResponse {
        let mut response = HttpResponse::build(self.status());
        response.content_type(MEDIA_TYPE);
        for (name, value) in &self.headers {
            response.insert_header((name.clone(), value.clone()));
        }
        response.body(self.body(public_url, request_id).to_string())
    }
}

/// Returns the URL that identifies a code and leads to its explanation.
pub fn type_uri(public_url: &str, code: Code) -> String {
    format!("{public_url}/docs/problems/{}", code.as_str())
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.code.as_str())
    }
}

/// The response without public URL and request id; `middleware::problems` writes it again with both.
impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.status()
    }

    fn error_response(&self) -> HttpResponse {
        self.response("", None)
    }
}

impl From<InvalidInput> for Problem {
    fn from(invalid: InvalidInput) -> Self {
        let errors: Vec<Value> = invalid
            .errors
            .iter()
            .map(|error| json!({"pointer": error.pointer, "detail": error.detail}))
            .collect();
        Self::of(Code::ValidationFailed).with("errors", errors)
    }
}

impl From<PasswordRejection> for Problem {
    fn from(rejection: PasswordRejection) -> Self {
        let detail = match rejection {
            PasswordRejection::TooShort => "The password is too short.",
            PasswordRejection::TooLong => "The password is longer than 128 characters.",
            PasswordRejection::Common => "The password is too easy to guess.",
            PasswordRejection::Breached => "The password is on a list of breached passwords.",
        };
        Self::new(Code::PasswordRejected, detail).with("reason", rejection.reason())
    }
}

impl From<NotAdmitted> for Problem {
    fn from(refused: NotAdmitted) -> Self {
        match refused {
            NotAdmitted::Denied(None) => Self::of(Code::RegistrationDenied),
            NotAdmitted::Denied(Some(reason)) => Self::of(Code::RegistrationDenied).with("reason", reason.as_str()),
            NotAdmitted::NoAnswer => {
                let retry_after = HeaderValue::from(HOOK_RETRY_AFTER_SECONDS);
                Self::of(Code::RegistrationUnavailable).header(header::RETRY_AFTER, retry_after)
            }
        }
    }
}

impl From<RemovalRefusal> for Problem {
    fn from(refusal: RemovalRefusal) -> Self {
        match refusal {
            RemovalRefusal::Needed => Self::last_factor(),
            RemovalRefusal::LastWayIn => Self::last_way_in(),
            RemovalRefusal::Proof(refusal) => refusal.into(),
        }
    }
}

impl From<ProofRefusal> for Problem {
    fn from(refusal: ProofRefusal) -> Self {
        match refusal {
            ProofRefusal::InvalidCredentials => Self::of(Code::InvalidCredentials),
            ProofRefusal::InvalidCode(None) => Self::of(Code::InvalidCode),
            ProofRefusal::InvalidCode(Some(left)) => Self::of(Code::InvalidCode).with("attempts_remaining", left),
            ProofRefusal::Locked(wait) => Self::must_wait(&wait),
        }
    }
}

/// The only place where a fault is logged, with its whole chain of causes.
impl From<Fault> for Problem {
    fn from(fault: Fault) -> Self {
        if matches!(fault, Fault::SessionEnded) {
            return Self::of(Code::InvalidToken).bearer_error();
        }
        let causes = with_causes(&fault);
        if let Fault::NoSender(channel) = fault {
            tracing::warn!(error = causes, "a request was rejected");
            return Self::no_sender(channel);
        }
        if fault.is_temporary() {
            tracing::warn!(error = causes, "a request was rejected");
            Self::of(Code::ServiceUnavailable)
        } else {
            tracing::error!(error = causes, "a request failed");
            Self::of(Code::InternalError)
        }
    }
}

/// Writes an error with its causes, each after a colon. A cause that the text already contains is not repeated: some
/// errors say their cause themselves.
pub(crate) fn with_causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| (*cause).source());
    causes.fold(error.to_string(), |text, cause| {
        let cause = cause.to_string();
        if text.contains(&cause) {
            text
        } else {
            format!("{text}: {cause}")
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::stored_password::HashError;
    use crate::store::error::StoreError;

    /// The contract: a change of a row here breaks programs.
    const STATUSES: [(&str, u16); 52] = [
        ("malformed_request", 400),
        ("invalid_authorization_request", 400),
        ("invalid_grant", 400),
        ("unauthorized_client", 400),
        ("unsupported_grant_type", 400),
        ("invalid_scope", 400),
        ("invalid_target", 400),
        ("invalid_dpop_proof", 400),
        ("use_dpop_nonce", 400),
        ("authorization_pending", 400),
        ("slow_down", 400),
        ("access_denied", 400),
        ("expired_token", 400),
        ("invalid_api_key", 400),
        ("invalid_user_code", 400),
        ("invalid_link_token", 400),
        ("invalid_credentials", 401),
        ("invalid_pre_auth_token", 401),
        ("invalid_code", 401),
        ("invalid_federation_token", 401),
        ("provider_refused", 401),
        ("invalid_id_token", 401),
        ("invalid_token", 401),
        ("invalid_refresh_token", 401),
        ("two_sessions", 401),
        ("insufficient_user_authentication", 401),
        ("proof_required", 401),
        ("invalid_client", 401),
        ("forbidden", 403),
        ("insufficient_scope", 403),
        ("origin_not_allowed", 403),
        ("email_not_verified", 403),
        ("registration_denied", 403),
        ("not_found", 404),
        ("method_not_allowed", 405),
        ("request_timeout", 408),
        ("email_taken", 409),
        ("identity_taken", 409),
        ("username_taken", 409),
        ("conflict", 409),
        ("payload_too_large", 413),
        ("unsupported_media_type", 415),
        ("misdirected_request", 421),
        ("validation_failed", 422),
        ("address_missing", 422),
        ("password_rejected", 422),
        ("rate_limited", 429),
        ("internal_error", 500),
        ("provider_untrusted", 502),
        ("provider_unavailable", 503),
        ("registration_unavailable", 503),
        ("service_unavailable", 503),
    ];

    #[test]
    fn each_code_has_its_status() {
        let table: Vec<(&str, u16)> = Code::ALL
            .iter()
            .map(|code| (code.as_str(), code.status().as_u16()))
            .collect();
        assert_eq!(table, STATUSES);
    }

    #[test]
    fn a_body_has_the_members_of_the_contract() {
        let problem = Problem::of(Code::InvalidCode).with("attempts_remaining", 3);
        let body = problem.body("https://auth.example.com", None);
        assert_eq!(body["type"], "https://auth.example.com/docs/problems/invalid_code");
        assert_eq!(
            (&body["status"], &body["code"], &body["attempts_remaining"]),
            (&json!(401), &json!("invalid_code"), &json!(3))
        );
    }

    #[test]
    fn causes_are_written_once_each() {
        let failed = StoreError::Failed(diesel::result::Error::NotFound);
        assert_eq!(
            with_causes(&Fault::Store(failed)),
            "a statement failed: Record not found"
        );
        let (bare, telling) = (
            std::io::Error::other("the disk is full"),
            std::io::Error::other("nothing"),
        );
        assert_eq!(
            with_causes(&StartErrorLike::Telling(bare)),
            "no start: the disk is full"
        );
        assert_eq!(with_causes(&StartErrorLike::Silent(telling)), "no start: nothing");
    }

    /// Errors with a cause, of which one says it itself.
    #[derive(Debug, thiserror::Error)]
    enum StartErrorLike {
        #[error("no start: {0}")]
        Telling(#[source] std::io::Error),
        #[error("no start")]
        Silent(#[source] std::io::Error),
    }

    #[test]
    fn a_wait_is_told_in_whole_seconds_rounded_up() {
        for (millis, seconds) in [
            (1, "1"),
            (999, "1"),
            (1000, "1"),
            (1001, "2"),
            (30_000, "30"),
            (-5, "1"),
        ] {
            let problem = Problem::rate_limited(TimeDelta::milliseconds(millis));
            let retry_after = problem.headers.iter().find(|(name, _)| *name == header::RETRY_AFTER);
            assert_eq!(retry_after.unwrap().1, seconds, "{millis}");
        }
    }

    #[test]
    fn faults_tell_nothing_of_their_cause() {
        for fault in [
            Fault::from(StoreError::Corrupt("users.secret_column")),
            Fault::from(StoreError::Unavailable("password of db".into())),
            Fault::from(HashError::Failed("inner text".into())),
        ] {
            let body = Problem::from(fault).body("", None).to_string();
            for internal in ["secret_column", "password of db", "inner text"] {
                assert!(!body.contains(internal), "{body}");
            }
        }
    }

    #[test]
    fn only_what_may_pass_soon_is_503() {
        assert_eq!(
            Problem::from(Fault::Hash(HashError::Busy)).code,
            Code::ServiceUnavailable
        );
        assert_eq!(
            Problem::from(Fault::NoSigningKey(crate::crypto::key_set::NoSigningKey)).code,
            Code::ServiceUnavailable
        );
        assert_eq!(
            Problem::from(Fault::Store(StoreError::Corrupt("x"))).code,
            Code::InternalError
        );
    }
}
