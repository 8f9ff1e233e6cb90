//! Claims of tokens, and lifetimes of tokens and sessions.

use chrono::TimeDelta;

use super::reader::Reader;
use super::{permissions, settings};
use crate::domain::dpop::DpopPolicy;
use crate::domain::oauth::client::is_audience;
use crate::domain::oauth::client_document::DocumentPolicy;
use crate::domain::oauth::scope::Scopes;
use crate::domain::permissions::RolePermissions;
use crate::domain::policy::numbers::{
    ACCESS_TOKEN_LONGEST_SECONDS, SESSION_LONGEST_SECONDS, TRUSTED_DEVICE_LONGEST_SECONDS,
};
use crate::domain::session::SessionLifetimes;
use crate::domain::signing_key::SigningAlgorithm;

/// The settings of tokens and sessions.
#[derive(Debug)]
pub struct TokensConfig {
    /// `aud`; `None`: the public URL.
    pub audience: Option<String>,
    /// `client_id`.
    pub client_id: String,
    /// Whether applications may describe themselves.
    pub client_documents: bool,
    /// What these may have.
    pub document_policy: DocumentPolicy,
    /// How access tokens are signed.
    pub signing_algorithm: SigningAlgorithm,
    /// Whether the tokens of new sessions are bound to a key of the client.
    pub dpop: DpopPolicy,
    /// Lifetime of an access token.
    pub access_token_ttl: TimeDelta,
    /// Whether access tokens contain the address.
    pub with_email: bool,
    /// Whether access tokens contain the user name.
    pub with_username: bool,
    /// The permissions of roles, which access tokens contain.
    pub role_permissions: RolePermissions,
    /// Lifetimes of sessions.
    pub lifetimes: SessionLifetimes,
    /// How long the previous refresh token, presented again, returns the same successor.
    pub refresh_reuse_grace: TimeDelta,
    /// How recent a proof must be for a sensitive change.
    pub step_up_max_age: TimeDelta,
    /// Maximum number of sessions of a user.
    pub max_sessions: i64,
    /// How long a device is trusted; zero if none is.
    pub trusted_device_ttl: TimeDelta,
}

impl TokensConfig {
    /// Reads the section.
    pub(super) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let audience = reader.parse_optional(&settings::AUDIENCE, parse_name);
        let client_id = reader.parse(&settings::CLIENT_ID, parse_name);
        let algorithms = SigningAlgorithm::ALL.map(|algorithm| (algorithm.as_str(), algorithm));
        let signing_algorithm = reader.one_of(&settings::SIGNING_ALG, &algorithms);
        let policies = DpopPolicy::ALL.map(|policy| (policy.as_str(), policy));
        let dpop = reader.one_of(&settings::DPOP, &policies);
        let access_token_ttl = reader.number(&settings::ACCESS_TOKEN_TTL, 60..=ACCESS_TOKEN_LONGEST_SECONDS);
        let claims = reader.list(&settings::ACCESS_TOKEN_CLAIMS, |text| match text {
            "email" | "username" => Ok(text.to_owned()),
            _ => Err("must be a list of email, username".to_owned()),
        });
        let role_permissions = permissions::read(reader);
        let lifetimes = read_lifetimes(reader);
        let grace = reader.number(&settings::REFRESH_REUSE_GRACE, 0..=60);
        let step_up_max_age = reader.number(&settings::STEP_UP_MAX_AGE, 60..=900);
        let max_sessions = reader.number(&settings::MAX_SESSIONS, 1..=1000);
        let trusted_device_ttl = reader.number(&settings::TRUSTED_DEVICE_TTL, 0..=TRUSTED_DEVICE_LONGEST_SECONDS);
        let client_documents = reader.one_of(&settings::CLIENT_DOCUMENTS, &[("off", false), ("on", true)]);
        let document_policy = read_document_policy(reader);
        let claims = claims?;
        Some(Self {
            audience: audience?,
            client_id: client_id?,
            client_documents: client_documents?,
            document_policy: document_policy?,
            signing_algorithm: signing_algorithm?,
            dpop: dpop?,
            access_token_ttl: seconds(access_token_ttl?),
            with_email: claims.iter().any(|claim| claim == "email"),
            with_username: claims.iter().any(|claim| claim == "username"),
            role_permissions: role_permissions?,
            lifetimes: lifetimes?,
            refresh_reuse_grace: seconds(grace?),
            step_up_max_age: seconds(step_up_max_age?),
            max_sessions: max_sessions?.into(),
            trusted_device_ttl: seconds(trusted_device_ttl?),
        })
    }
}

fn read_document_policy(reader: &mut Reader<'_>) -> Option<DocumentPolicy> {
    let audiences = reader.list(&settings::CLIENT_DOCUMENT_RESOURCES, |text| {
        let is_good = is_audience(text).then(|| text.to_owned());
        is_good.ok_or_else(|| "must be a list of resources, of 1 to 200 printable ASCII characters".to_owned())
    });
    let scopes = reader.parse(&settings::CLIENT_DOCUMENT_SCOPES, |text| {
        let listed = text.split(',').map(|scope| scope.trim().to_owned());
        Scopes::of(listed).ok_or_else(|| "must be a list of at most 32 scopes".to_owned())
    });
    Some(DocumentPolicy {
        audiences: audiences?,
        scopes: scopes?,
    })
}

fn read_lifetimes(reader: &mut Reader<'_>) -> Option<SessionLifetimes> {
    let pre_auth = reader.number(&settings::PRE_AUTH_TTL, 30..=600);
    let idle = reader.number(&settings::SESSION_IDLE_TTL, 60..=SESSION_LONGEST_SECONDS);
    let absolute = reader.number(&settings::SESSION_ABSOLUTE_TTL, 60..=SESSION_LONGEST_SECONDS);
    let (pre_auth, idle, absolute) = (pre_auth?, idle?, absolute?);
    if idle > absolute {
        reader.fault(
            &settings::SESSION_IDLE_TTL,
            "must not be longer than VESTIBULE_SESSION_ABSOLUTE_TTL",
        );
    }
    Some(SessionLifetimes {
        pre_auth: seconds(pre_auth),
        idle: seconds(idle),
        absolute: seconds(absolute),
    })
}

fn parse_name(text: &str) -> Result<String, String> {
    if text.is_empty() || text.len() > 256 || text.chars().any(char::is_control) {
        return Err("must be 1 to 256 characters".to_owned());
    }
    Ok(text.to_owned())
}

fn seconds(number: u32) -> TimeDelta {
    TimeDelta::seconds(number.into())
}
