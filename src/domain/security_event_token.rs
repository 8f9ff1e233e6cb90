//! Security Event Tokens (RFC 8417): account events for receivers that speak the Shared Signals Framework.
//!
//! A token tells one event, as a type of CAEP 1.0 or RISC 1.0. Its `jti` is the id of the event in the audit trail, so
//! that a receiver knows one that it gets again. It has no `exp`: what happened does not expire (RFC 8417 §4.1). Its
//! `typ` is its own, so that it is not accepted as an access token, nor an access token as an event (RFC 8417 §4.3).

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::account_event::{AccountEvent, AccountEventType, Actor, COPIED_PASSKEY};
use super::audit_event::{EventName, RecordedEvent};
use super::signed_claims::SignedClaims;

/// The media type of a token that is pushed to a receiver (RFC 8935 §2).
pub const MEDIA_TYPE: &str = "application/secevent+jwt";

/// A session began (CAEP 1.0 §3.6).
const SESSION_ESTABLISHED: &str = "https://schemas.openid.net/secevent/caep/event-type/session-established";
/// A session ended (CAEP 1.0 §3.1).
const SESSION_REVOKED: &str = "https://schemas.openid.net/secevent/caep/event-type/session-revoked";
/// A password or a second factor was added, changed or removed (CAEP 1.0 §3.3).
const CREDENTIAL_CHANGE: &str = "https://schemas.openid.net/secevent/caep/event-type/credential-change";
/// An account was deleted (RISC 1.0 §2.2).
const ACCOUNT_PURGED: &str = "https://schemas.openid.net/secevent/risc/event-type/account-purged";
/// An account was disabled (RISC 1.0 §2.3).
const ACCOUNT_DISABLED: &str = "https://schemas.openid.net/secevent/risc/event-type/account-disabled";
/// An account was enabled (RISC 1.0 §2.4).
const ACCOUNT_ENABLED: &str = "https://schemas.openid.net/secevent/risc/event-type/account-enabled";
/// A credential was found with an attacker (RISC 1.0 §2.7).
const CREDENTIAL_COMPROMISE: &str = "https://schemas.openid.net/secevent/risc/event-type/credential-compromise";
/// A credential is not accepted until its owner sets another (RISC 1.0 §2.1): after too many guesses, which any client
/// can make, so that they say nothing about who has the credential.
const CHANGE_REQUIRED: &str = "https://schemas.openid.net/secevent/risc/event-type/account-credential-change-required";

impl AccountEventType {
    /// Returns the types of CAEP and RISC that say the same; empty if none does, and then receivers of these are not
    /// told.
    ///
    /// `user.updated` has none: `identifier-changed` (RISC 1.0 §2.5) names its subject by the old address, which a
    /// message never has.
    pub const fn security_events(self) -> &'static [&'static str] {
        match self {
            Self::SessionStarted => &[SESSION_ESTABLISHED],
            Self::SessionEnded => &[SESSION_REVOKED],
            Self::FactorAdded | Self::FactorRemoved | Self::PasswordChanged => &[CREDENTIAL_CHANGE],
            Self::UserDisabled => &[ACCOUNT_DISABLED],
            Self::UserEnabled => &[ACCOUNT_ENABLED],
            Self::UserDeleted => &[ACCOUNT_PURGED],
            Self::CredentialSuspicious => &[CREDENTIAL_COMPROMISE, CHANGE_REQUIRED],
            Self::UserCreated
            | Self::UserVerified
            | Self::UserUpdated
            | Self::IdentityLinked
            | Self::IdentityUnlinked => &[],
        }
    }
}

/// The claims of a token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecurityEventClaims {
    /// The issuer: the public URL.
    pub iss: String,
    /// The receiver: the URL that it is pushed to.
    pub aud: String,
    /// The event in the audit trail.
    pub jti: Uuid,
    /// When the token was signed.
    pub iat: i64,
    /// When it happened (RFC 8417 §2.2).
    pub toe: i64,
    /// The request that caused it, which several events may share (RFC 8417 §2.2).
    pub txn: Uuid,
    /// Whom or what it is about.
    pub sub_id: SubjectId,
    /// The event, by its type. There is one.
    pub events: BTreeMap<String, SecurityEvent>,
}

impl SignedClaims for SecurityEventClaims {
    const TYPE: &'static str = "secevent+jwt";
}

/// The claims of a token that tries a receiver (Shared Signals Framework 1.0 §8.1.4).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(
    clippy::zero_sized_map_values,
    reason = "it is written as an object with an empty object in it"
)]
pub struct VerificationClaims {
    iss: String,
    aud: String,
    jti: Uuid,
    iat: i64,
    sub_id: SubjectId,
    events: BTreeMap<String, Nothing>,
}

/// What is said about a verification.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

/// A receiver is tried (Shared Signals Framework 1.0 §8.1.4.1).
const VERIFICATION: &str = "https://schemas.openid.net/secevent/ssf/event-type/verification";

impl VerificationClaims {
    /// Makes the claims for one receiver. Their subject is the stream, which here is the endpoint.
    #[expect(clippy::zero_sized_map_values, reason = "see the type")]
    pub fn of(row: &RecordedEvent, stream: Uuid, Pushed { issuer, audience, now }: Pushed<'_>) -> Self {
        Self {
            iss: issuer.to_owned(),
            aud: audience.to_owned(),
            jti: row.id.uuid(),
            iat: now.timestamp(),
            sub_id: SubjectId::Opaque { id: stream },
            events: BTreeMap::from([(VERIFICATION.to_owned(), Nothing {})]),
        }
    }
}

impl SignedClaims for VerificationClaims {
    const TYPE: &'static str = "secevent+jwt";
}

/// Names a subject (RFC 9493 §3).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "format", rename_all = "snake_case", deny_unknown_fields)]
pub enum SubjectId {
    /// A user, as in access tokens (RFC 9493 §3.2.4).
    IssSub {
        /// The issuer of access tokens.
        iss: String,
        /// The user.
        sub: Uuid,
    },
    /// A session, by the `sid` of its access tokens (RFC 9493 §3.2.5).
    Opaque {
        /// The `sid`.
        id: Uuid,
    },
    /// A session and its user (Shared Signals Framework 1.0 §3.2).
    Complex {
        /// The user.
        user: Box<Self>,
        /// The session.
        session: Box<Self>,
    },
}

/// What is said about an event (CAEP 1.0 §2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecurityEvent {
    /// When it happened.
    pub event_timestamp: i64,
    /// Who caused it: `user`, `admin`, `policy` or `system`.
    pub initiating_entity: String,
    /// Why, for administrators: by language, the fixed word that the trail has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason_admin: Option<BTreeMap<String, String>>,
    /// Which kind of credential it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential_type: Option<String>,
    /// What was done to it: `create`, `update` or `delete`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change_type: Option<String>,
}

impl SecurityEventClaims {
    /// Makes the claims about a row of the trail, for one receiver; `None` if neither CAEP nor RISC has a type for it.
    pub fn of(row: &RecordedEvent, Pushed { issuer, audience, now }: Pushed<'_>) -> Option<Self> {
        let told = AccountEvent::of(row, None)?;
        let name = EventName::parse(&row.event)?;
        let event_type = type_of(told.event_type, name)?;
        let happened = told.timestamp.timestamp();
        let said = SecurityEvent {
            event_timestamp: happened,
            initiating_entity: initiating_entity(&told.data.actor).to_owned(),
            credential_type: credential_of(name, told.data.reason.as_deref()).map(str::to_owned),
            change_type: change_of(name).map(str::to_owned),
            reason_admin: told
                .data
                .reason
                .map(|reason| BTreeMap::from([("en".to_owned(), reason)])),
        };
        Some(Self {
            iss: issuer.to_owned(),
            aud: audience.to_owned(),
            jti: told.data.id,
            iat: now.timestamp(),
            toe: happened,
            txn: told.data.request_id,
            sub_id: SubjectId::of(told.event_type, issuer, told.data.user_id, told.data.session_id),
            events: BTreeMap::from([(event_type.to_owned(), said)]),
        })
    }
}

/// Who is told what, and when.
#[derive(Clone, Copy, Debug)]
pub struct Pushed<'a> {
    /// The issuer of access tokens.
    pub issuer: &'a str,
    /// The URL of the endpoint.
    pub audience: &'a str,
    /// When the token is signed.
    pub now: DateTime<Utc>,
}

impl SubjectId {
    fn of(event_type: AccountEventType, issuer: &str, user_id: Uuid, session_id: Option<Uuid>) -> Self {
        let user = Self::IssSub {
            iss: issuer.to_owned(),
            sub: user_id,
        };
        let is_of_session = matches!(
            event_type,
            AccountEventType::SessionStarted | AccountEventType::SessionEnded
        );
        match session_id.filter(|_| is_of_session) {
            Some(id) => Self::Complex {
                user: Box::new(user),
                session: Box::new(Self::Opaque { id }),
            },
            None => user,
        }
    }
}

fn type_of(event_type: AccountEventType, name: EventName) -> Option<&'static str> {
    let is_guessed = matches!(name, EventName::LoginFailMax | EventName::MfaDisabled);
    let types = event_type.security_events();
    if is_guessed { types.last() } else { types.first() }.copied()
}

/// Says it in the words of CAEP 1.0 §2.
const fn initiating_entity(actor: &Actor) -> &'static str {
    match actor {
        Actor::User { .. } => "user",
        Actor::Administrator { .. } | Actor::Operator => "admin",
        Actor::Client { .. } => "system",
        Actor::Service => "policy",
    }
}

/// Says it in the words of CAEP 1.0 §3.3.1 where it has one. It allows others, for what it has no word for: codes by
/// mail, passkeys of which it is not known whether they leave their device, tokens, and all factors at once.
fn credential_of(name: EventName, reason: Option<&str>) -> Option<&'static str> {
    match name {
        EventName::PasswordChange
        | EventName::PasswordSet
        | EventName::PasswordRemoved
        | EventName::PasswordResetCompleted
        | EventName::LoginFailMax => Some("password"),
        EventName::MfaEnrolConfirmed | EventName::MfaRemoved => Some(match reason {
            Some("totp") => "app",
            Some("sms") => "phone-sms",
            Some("email") => "email",
            Some("passkey") => "passkey",
            _ => "all",
        }),
        EventName::MfaDisabled => Some("all"),
        EventName::MfaFail if reason == Some(COPIED_PASSKEY) => Some("passkey"),
        EventName::TokenReuse | EventName::CodeReuse => Some("token"),
        _ => None,
    }
}

const fn change_of(name: EventName) -> Option<&'static str> {
    match name {
        EventName::MfaEnrolConfirmed | EventName::PasswordSet => Some("create"),
        EventName::PasswordChange | EventName::PasswordResetCompleted => Some("update"),
        EventName::MfaRemoved | EventName::PasswordRemoved => Some("delete"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::domain::access_token::AccessTokenClaims;
    use crate::domain::ids::{AuditEventId, RequestId, SessionId, UserId};

    fn row(event: &str, success: bool, reason: Option<&str>) -> RecordedEvent {
        RecordedEvent {
            id: AuditEventId::from_uuid(Uuid::from_u128(1)),
            occurred_at: DateTime::from_timestamp(1000, 0).unwrap(),
            event: event.to_owned(),
            success,
            reason: reason.map(str::to_owned),
            user_id: Some(UserId::from_uuid(Uuid::from_u128(2))),
            session_id: Some(SessionId::from_uuid(Uuid::from_u128(3))),
            client: None,
            provider: None,
            webhook_id: None,
            actor_id: None,
            request_id: RequestId::from_uuid(Uuid::from_u128(4)),
            route: Some("POST /logout".to_owned()),
            ip: None,
            user_agent: None,
        }
    }

    fn claims(event: &str, success: bool, reason: Option<&str>) -> Option<Value> {
        let claims = SecurityEventClaims::of(&row(event, success, reason), pushed())?;
        Some(serde_json::to_value(claims).unwrap())
    }

    fn pushed() -> Pushed<'static> {
        Pushed {
            issuer: "https://auth.example.com",
            audience: "https://api.example.com/events",
            now: DateTime::from_timestamp(2000, 0).unwrap(),
        }
    }

    #[test]
    fn a_logout_names_the_session_and_its_user() {
        let id = |number| Uuid::from_u128(number);
        let expected = json!({
            "iss": "https://auth.example.com", "aud": "https://api.example.com/events", "jti": id(1), "txn": id(4),
            "iat": 2000, "toe": 1000,
            "sub_id": {
                "format": "complex",
                "user": {"format": "iss_sub", "iss": "https://auth.example.com", "sub": id(2)},
                "session": {"format": "opaque", "id": id(3)},
            },
            "events": {SESSION_REVOKED: {"event_timestamp": 1000, "initiating_entity": "user"}},
        });
        assert_eq!(claims("session_logout", true, None), Some(expected));
    }

    #[test]
    fn changes_of_credentials_say_which_and_how() {
        for (event, reason, credential, change) in [
            ("authn_password_change", None, "password", "update"),
            ("password_set", None, "password", "create"),
            ("password_removed", None, "password", "delete"),
            ("mfa_enrol_confirmed", Some("totp"), "app", "create"),
            ("mfa_enrol_confirmed", Some("sms"), "phone-sms", "create"),
            ("mfa_removed", Some("passkey"), "passkey", "delete"),
            ("mfa_removed", Some("by_operator"), "all", "delete"),
        ] {
            let claims = claims(event, true, reason).unwrap();
            let said = &claims["events"][CREDENTIAL_CHANGE];
            assert_eq!(
                (&said["credential_type"], &said["change_type"]),
                (&json!(credential), &json!(change)),
                "{event}"
            );
            assert_eq!(claims["sub_id"]["format"], "iss_sub");
        }
    }

    #[test]
    fn guesses_that_any_client_can_make_do_not_say_that_a_credential_was_compromised() {
        for (event, reason, expected) in [
            ("authn_login_fail_max", "password_disabled", CHANGE_REQUIRED),
            ("authn_mfa_disabled", "failed_attempts", CHANGE_REQUIRED),
            ("authn_token_reuse", "refresh_reuse", CREDENTIAL_COMPROMISE),
            ("authorization_code_reuse", "authorization_code", CREDENTIAL_COMPROMISE),
            ("authn_mfa_fail", COPIED_PASSKEY, CREDENTIAL_COMPROMISE),
        ] {
            let claims = claims(event, false, Some(reason)).unwrap();
            let said = &claims["events"][expected];
            assert_eq!(said["reason_admin"], json!({"en": reason}), "{claims}");
            // RISC 1.0 §2.7 requires it.
            assert!(said["credential_type"].is_string(), "{claims}");
        }
    }

    #[test]
    fn exactly_the_events_with_a_type_of_their_own_become_tokens() {
        for told in AccountEventType::ALL {
            for (name, reasons) in told.sources() {
                let success = told != AccountEventType::CredentialSuspicious;
                let reason = reasons.first().copied();
                let claims = claims(name.as_str(), success, reason);
                assert_eq!(
                    claims.is_some(),
                    !told.security_events().is_empty(),
                    "{}",
                    name.as_str()
                );
                let Some(claims) = claims else { continue };
                let events = claims["events"].as_object().unwrap();
                assert_eq!(events.len(), 1);
                assert!(
                    events
                        .keys()
                        .all(|event| told.security_events().contains(&event.as_str()))
                );
            }
        }
        assert_eq!(claims("user_created", true, None), None);
        assert_eq!(claims("authn_login_fail", false, Some("invalid_credentials")), None);
    }

    #[test]
    fn claims_are_read_back_and_are_never_those_of_an_access_token() {
        let written = claims("session_logout", true, None).unwrap();
        let read: SecurityEventClaims = serde_json::from_value(written.clone()).unwrap();
        assert_eq!(serde_json::to_value(read).unwrap(), written);
        assert!(serde_json::from_value::<AccessTokenClaims>(written).is_err());
        assert_ne!(SecurityEventClaims::TYPE, AccessTokenClaims::TYPE);
    }
}
