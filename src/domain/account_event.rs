//! Account events: what back ends are told about accounts, and the rule by which the audit trail tells it.
//!
//! Each account event is one event of the audit trail, whose id it keeps: so a message that is sent again is known by
//! its id, and what was rolled back was never an event. A message has ids, times and fixed words. It has the names of
//! the account only if its receiver asked for them.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Serialize, Serializer};
use uuid::Uuid;

use super::account_change::AccountChange;
use super::audit_event::{AuditEvent, EventName, RecordedEvent};
use super::federation::provider::ProviderId;
use super::ids::{SessionId, UserId};
use super::names::names;
use super::session_end::ends_tokens;
use super::user::User;

/// What happened to an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum AccountEventType {
    /// An account was made.
    UserCreated,
    /// It has a verified address.
    UserVerified,
    /// Its names, its language, its roles or its claims changed.
    UserUpdated,
    /// An operator disabled it.
    UserDisabled,
    /// An operator enabled it.
    UserEnabled,
    /// It was deleted.
    UserDeleted,
    /// A session began.
    SessionStarted,
    /// A session ended.
    SessionEnded,
    /// A second factor was added.
    FactorAdded,
    /// A second factor was removed.
    FactorRemoved,
    /// The password was set, changed or removed.
    PasswordChanged,
    /// An identity at a provider was linked.
    IdentityLinked,
    /// An identity at a provider was unlinked.
    IdentityUnlinked,
    /// A credential may be in the hands of an attacker.
    CredentialSuspicious,
}

names!(AccountEventType {
    UserCreated = "user.created",
    UserVerified = "user.verified",
    UserUpdated = "user.updated",
    UserDisabled = "user.disabled",
    UserEnabled = "user.enabled",
    UserDeleted = "user.deleted",
    SessionStarted = "session.started",
    SessionEnded = "session.ended",
    FactorAdded = "factor.added",
    FactorRemoved = "factor.removed",
    PasswordChanged = "password.changed",
    IdentityLinked = "identity.linked",
    IdentityUnlinked = "identity.unlinked",
    CredentialSuspicious = "credential.suspicious",
});

/// The reason of `authn_mfa_fail` by a passkey whose counter has not risen: another authenticator may have its key.
pub const COPIED_PASSKEY: &str = "copied_passkey";
/// The reason of `user_deleted` for an account that was registered without a password, and whose passkey never came.
pub const UNFINISHED_REGISTRATION: &str = "unfinished_registration";

impl AccountEventType {
    /// Returns what the event means, in one sentence.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::UserCreated => "An account was made: by a registration, an invitation, an import, or a provider.",
            Self::UserVerified => "The account has a verified address, for the first time or again.",
            Self::UserUpdated => {
                "The names, the address, the language, the roles or the claims of the account changed."
            }
            Self::UserDisabled => "An operator disabled the account. Its sessions end.",
            Self::UserEnabled => "An operator enabled the account again.",
            Self::UserDeleted => "The account was deleted, with all that belonged to it.",
            Self::SessionStarted => "A user signed in, or an application got its tokens.",
            Self::SessionEnded => "A session ended, of a user or of an application. Its tokens must not be accepted.",
            Self::FactorAdded => {
                "A second factor or a passkey was added. It replaces one of its kind, except a passkey."
            }
            Self::FactorRemoved => "A second factor or a passkey was removed, or all of them: the reason says which.",
            Self::PasswordChanged => "The password was set, changed, reset or removed.",
            Self::IdentityLinked => "A user of an upstream provider was linked to the account.",
            Self::IdentityUnlinked => "Users of upstream providers were unlinked from the account.",
            Self::CredentialSuspicious => {
                "A credential may be in the hands of an attacker: a token was presented again, a passkey was copied, or \
                 too many guesses disabled the password or the codes."
            }
        }
    }

    /// Returns what a back end is told when an event is written to the trail.
    pub fn of(event: &AuditEvent) -> Option<Self> {
        let concerned = event.user_id.is_some();
        let found = Self::of_outcome(event.name, event.success, event.reason).filter(|_| concerned)?;
        found.fits(event.session_id)
    }

    /// Returns whether a back end would be told if this event were a success.
    pub fn is_told_on_success(event: &AuditEvent) -> bool {
        Self::of_outcome(event.name, true, event.reason).is_some()
    }

    /// Does the same as [`Self::of`] for a row of the trail. The row may be of a later release, whose events this one does not know.
    pub fn of_recorded(event: &RecordedEvent) -> Option<Self> {
        let name = EventName::parse(&event.event)?;
        event.user_id?;
        Self::of_outcome(name, event.success, event.reason.as_deref())?.fits(event.session_id)
    }

    /// An event about a session names it.
    fn fits(self, session: Option<SessionId>) -> Option<Self> {
        let is_named = session.is_some() || !matches!(self, Self::SessionStarted | Self::SessionEnded);
        is_named.then_some(self)
    }

    /// The whole rule. There is no wildcard for the names: a new event of the trail is either told or not, and does not
    /// compile before that is decided.
    #[expect(clippy::too_many_lines, reason = "a row for each event of the trail")]
    fn of_outcome(name: EventName, success: bool, reason: Option<&str>) -> Option<Self> {
        use EventName as Name;
        let done = |told: Self| success.then_some(told);
        let suspected = (!success).then_some(Self::CredentialSuspicious);
        match name {
            Name::UserCreated => done(Self::UserCreated),
            Name::UserUpdated => reason
                .and_then(AccountChange::parse)
                .and_then(Self::of_change)
                .and_then(done),
            Name::UserDeleted => done(Self::UserDeleted),
            Name::SessionCreated => done(Self::SessionStarted),
            Name::SessionLogout | Name::SessionExpired | Name::TokenRevoked | Name::ExcessSessions => {
                done(Self::SessionEnded).filter(|_| ends_tokens(name, reason))
            }
            Name::MfaEnrolConfirmed => done(Self::FactorAdded),
            Name::MfaRemoved => done(Self::FactorRemoved),
            Name::PasswordChange | Name::PasswordSet | Name::PasswordRemoved | Name::PasswordResetCompleted => {
                done(Self::PasswordChanged)
            }
            Name::IdentityLinked => done(Self::IdentityLinked),
            Name::IdentityUnlinked => done(Self::IdentityUnlinked),
            Name::TokenReuse | Name::CodeReuse | Name::LoginFailMax | Name::MfaDisabled => suspected,
            Name::MfaFail => suspected.filter(|_| reason == Some(COPIED_PASSKEY)),
            Name::LoginSuccess
            | Name::LoginFail
            | Name::LoginSuccessAfterFail
            | Name::LoginLock
            | Name::MfaSuccess
            | Name::MfaReplay
            | Name::PasskeyRefused
            | Name::MfaEnrolStarted
            | Name::RecoveryCodesGenerated
            | Name::RecoveryCodeUsed
            | Name::DeviceTrusted
            | Name::DeviceRemoved
            | Name::MfaLock
            | Name::OtpSent
            | Name::OtpSuppressed
            | Name::StepUpSuccess
            | Name::StepUpFail
            | Name::PasswordChangeFail
            | Name::PasswordResetRequested
            | Name::EmailVerificationRequested
            | Name::MagicLinkRequested
            | Name::MagicLinkUsed
            | Name::FederationUsed
            | Name::RegistrationDenied
            | Name::RegistrationHookFailed
            | Name::UserExported
            | Name::GrantCreated
            | Name::GrantRefused
            | Name::ConsentWithdrawn
            | Name::ApiKeyCreated
            | Name::ApiKeyDeleted
            | Name::AuthzFail
            | Name::MaliciousDirectReference
            | Name::SequenceFail
            | Name::DecryptFail
            | Name::Startup
            | Name::Shutdown
            | Name::SigningKeyRotated
            | Name::SecretsRewrapped
            | Name::ClientCreated
            | Name::ClientUpdated
            | Name::ClientSecretRotated
            | Name::ClientDeleted
            | Name::WebhookCreated
            | Name::WebhookUpdated
            | Name::WebhookSecretRotated
            | Name::WebhookTested
            | Name::WebhookReplayed
            | Name::WebhookDeleted
            | Name::AdminAction => None,
        }
    }

    const fn of_change(change: AccountChange) -> Option<Self> {
        match change {
            AccountChange::EmailVerified | AccountChange::UnverifiedAccountReset => Some(Self::UserVerified),
            AccountChange::Profile
            | AccountChange::EmailChanged
            | AccountChange::UnverifiedEmailLost
            | AccountChange::Roles
            | AccountChange::Claims
            | AccountChange::UnverifiedAccountRolesRemoved
            | AccountChange::UnverifiedAccountClaimsRemoved => Some(Self::UserUpdated),
            AccountChange::Disabled => Some(Self::UserDisabled),
            AccountChange::Enabled => Some(Self::UserEnabled),
            AccountChange::PasswordEnabled
            | AccountChange::PasskeyRenamed
            | AccountChange::EmailChangeRequested
            | AccountChange::EmailChangeCancelled => None,
        }
    }

    /// Returns the events of the trail that it comes from, each with the reasons if not all of its reasons count.
    pub fn sources(self) -> Vec<(EventName, Vec<&'static str>)> {
        let changes = AccountChange::ALL.map(AccountChange::as_str);
        let counts = |name, reason| [true, false].map(|success| Self::of_outcome(name, success, reason));
        let sources = EventName::ALL.iter().filter_map(|name| {
            if counts(*name, None).contains(&Some(self)) {
                return Some((*name, Vec::new()));
            }
            let reasons = changes.into_iter().chain([COPIED_PASSKEY]);
            let reasons: Vec<_> = reasons
                .filter(|reason| counts(*name, Some(reason)).contains(&Some(self)))
                .collect();
            (!reasons.is_empty()).then_some((*name, reasons))
        });
        sources.collect()
    }
}

impl Serialize for AccountEventType {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// The body of a message to a back end, in the form that Standard Webhooks recommends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AccountEvent {
    /// What happened.
    #[serde(rename = "type")]
    pub event_type: AccountEventType,
    /// When it happened, not when the message was sent: messages may come in any order.
    pub timestamp: DateTime<Utc>,
    /// The rest.
    pub data: AccountEventData,
}

/// What a message says about an event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AccountEventData {
    /// The id of the event in the audit trail, which is also the id of the message.
    pub id: Uuid,
    /// The account.
    pub user_id: Uuid,
    /// The session that began or ended, or in which it happened.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_id: Option<Uuid>,
    /// The `client_id` of the client that did it, or whose session it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// The upstream provider concerned, by the id that the operator gave it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// Who did it.
    pub actor: Actor,
    /// How or why: a fixed word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The `X-Request-Id` of the response, which is also in the log.
    pub request_id: Uuid,
    /// What the account is like, if it exists.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub account: Option<ToldAccount>,
}

/// What an account is like when a message is sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ToldAccount {
    /// Whether it is disabled.
    pub disabled: bool,
    /// Since when it is disabled or enabled and has its names. Of two messages about an account, that with the later time
    /// has the newer state, in whatever order they were sent and arrive.
    #[serde(serialize_with = "in_microseconds")]
    pub changed_at: DateTime<Utc>,
    /// The names, if the receiver asked for them.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub names: Option<ToldNames>,
}

/// The names of an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ToldNames {
    /// The address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// Whether the address is verified.
    pub email_verified: bool,
    /// The user name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
}

/// Writes a time with all six digits of its microseconds, so that the texts of two times compare like the times.
fn in_microseconds<S: Serializer>(time: &DateTime<Utc>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&time.to_rfc3339_opts(SecondsFormat::Micros, true))
}

impl ToldAccount {
    /// Returns the same without the names.
    #[must_use]
    pub fn without_names(self) -> Self {
        Self { names: None, ..self }
    }
}

impl From<&User> for ToldNames {
    fn from(user: &User) -> Self {
        Self {
            email: user.email.as_ref().map(|email| email.as_str().to_owned()),
            email_verified: user.email_verified_at.is_some(),
            username: user.username.as_ref().map(|username| username.as_str().to_owned()),
        }
    }
}

/// Who caused an event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Actor {
    /// The owner of the account, or who has its credentials.
    User {
        /// The account.
        id: Uuid,
    },
    /// An administrator, on another account or on their own.
    Administrator {
        /// The account of the administrator.
        id: Uuid,
    },
    /// An application or a back end.
    Client {
        /// Its `client_id`.
        id: String,
    },
    /// The service, by a rule: a limit, an expiry, a check that failed.
    Service,
    /// An operator, on the command line.
    Operator,
}

impl Actor {
    /// The words for each kind.
    pub const TYPES: [&'static str; 5] = ["user", "administrator", "client", "service", "operator"];

    fn of(event_type: AccountEventType, event: &RecordedEvent, user_id: UserId) -> Self {
        if let Some(actor_id) = event.actor_id {
            return Self::Administrator { id: actor_id.uuid() };
        }
        if is_by_rule(event_type, event) {
            return Self::Service;
        }
        // What no request caused, and no rule, was done on the command line.
        if event.route.is_none() {
            return Self::Operator;
        }
        match &event.client {
            Some(client) => Self::Client { id: client.client_id() },
            None => Self::User { id: user_id.uuid() },
        }
    }
}

fn is_by_rule(event_type: AccountEventType, event: &RecordedEvent) -> bool {
    let by_event = [EventName::SessionExpired, EventName::ExcessSessions];
    let by_reason = [
        UNFINISHED_REGISTRATION,
        AccountChange::UnverifiedEmailLost.as_str(),
        AccountChange::UnverifiedAccountRolesRemoved.as_str(),
        AccountChange::UnverifiedAccountClaimsRemoved.as_str(),
    ];
    event_type == AccountEventType::CredentialSuspicious
        || by_event.iter().any(|name| name.as_str() == event.event)
        || event
            .reason
            .as_deref()
            .is_some_and(|reason| by_reason.contains(&reason))
}

impl AccountEvent {
    /// Makes the message about a row of the trail; `None` if back ends are not told of it. `account` is what the
    /// account is like, if it exists.
    pub fn of(event: &RecordedEvent, account: Option<ToldAccount>) -> Option<Self> {
        let event_type = AccountEventType::of_recorded(event)?;
        let user_id = event.user_id?;
        Some(Self {
            event_type,
            timestamp: event.occurred_at,
            data: AccountEventData {
                id: event.id.uuid(),
                user_id: user_id.uuid(),
                session_id: event.session_id.map(SessionId::uuid),
                client_id: event.client.as_ref().map(super::oauth::client::ClientRef::client_id),
                provider: event.provider.clone().filter(|id| ProviderId::parse(id).is_ok()),
                actor: Actor::of(event_type, event, user_id),
                reason: event.reason.clone().filter(|reason| is_fixed_word(reason)),
                request_id: event.request_id.uuid(),
                account,
            },
        })
    }
}

/// The trail has fixed words as reasons. A row that another program wrote may not, and then the message has none.
fn is_fixed_word(reason: &str) -> bool {
    (1..=64).contains(&reason.len()) && reason.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::net::IpAddr;

    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;
    use crate::domain::app_claims::AppClaims;
    use crate::domain::email::Email;
    use crate::domain::ids::{AuditEventId, RequestId};
    use crate::domain::message::Locale;
    use crate::domain::oauth::client::ClientRef;
    use crate::domain::username::Username;

    #[test]
    fn each_type_has_a_source_and_no_event_of_the_trail_is_two_types() {
        let mut seen = BTreeSet::new();
        for told in AccountEventType::ALL {
            let sources = told.sources();
            assert!(!sources.is_empty(), "{}", told.as_str());
            for (name, reasons) in sources {
                for reason in if reasons.is_empty() { vec![""] } else { reasons } {
                    assert!(seen.insert((name.as_str(), reason)), "{} {reason}", name.as_str());
                }
            }
        }
    }

    #[test]
    fn what_failed_changed_nothing_and_only_failures_are_suspicious() {
        for name in EventName::ALL.iter().copied() {
            for reason in AccountChange::ALL
                .map(AccountChange::as_str)
                .into_iter()
                .chain([COPIED_PASSKEY])
            {
                let outcomes = [true, false].map(|success| AccountEventType::of_outcome(name, success, Some(reason)));
                assert_ne!(
                    outcomes[0],
                    Some(AccountEventType::CredentialSuspicious),
                    "{}",
                    name.as_str()
                );
                let failed = outcomes[1].is_none_or(|told| told == AccountEventType::CredentialSuspicious);
                assert!(failed, "{}", name.as_str());
            }
        }
    }

    #[test]
    fn the_events_of_ends_are_those_of_sessions() {
        let user = UserId::from_uuid(Uuid::from_u128(1));
        let session = SessionId::from_uuid(Uuid::from_u128(2));
        for name in [
            "session_logout",
            "authn_token_revoked",
            "excess_sessions_exceeded",
            "session_expired",
        ] {
            let event = AuditEvent::success(EventName::parse(name).unwrap(), user);
            assert_eq!(AccountEventType::of(&event), None, "{name} without a session");
            let event = event.in_session(session);
            assert_eq!(
                AccountEventType::of(&event),
                Some(AccountEventType::SessionEnded),
                "{name}"
            );
        }
    }

    #[test]
    fn the_actor_is_told_by_the_row() {
        let row = |name: EventName, reason: Option<&str>| RecordedEvent {
            reason: reason.map(str::to_owned),
            ..row_of(name, true)
        };
        let actor = |row: &RecordedEvent| AccountEvent::of(row, None).unwrap().data.actor;
        let user = Uuid::from_u128(2);
        let changed = row(EventName::PasswordChange, None);
        assert_eq!(actor(&changed), Actor::User { id: user });
        let by = RecordedEvent {
            actor_id: Some(UserId::from_uuid(Uuid::from_u128(9))),
            ..row(EventName::UserUpdated, Some("disabled"))
        };
        assert_eq!(actor(&by), Actor::Administrator { id: Uuid::from_u128(9) });
        let command = RecordedEvent {
            route: None,
            ..row(EventName::UserDeleted, None)
        };
        assert_eq!(actor(&command), Actor::Operator);
        let retention = RecordedEvent {
            route: None,
            ..row(EventName::UserDeleted, Some(UNFINISHED_REGISTRATION))
        };
        assert_eq!(actor(&retention), Actor::Service);
        assert_eq!(actor(&row(EventName::ExcessSessions, None)), Actor::Service);
        let client = ClientRef::from_stored(Uuid::from_u128(7), None);
        let revoked = RecordedEvent {
            client: Some(client),
            ..row(EventName::TokenRevoked, None)
        };
        assert_eq!(
            actor(&revoked),
            Actor::Client {
                id: Uuid::from_u128(7).to_string()
            }
        );
    }

    fn row_of(name: EventName, success: bool) -> RecordedEvent {
        RecordedEvent {
            id: AuditEventId::from_uuid(Uuid::from_u128(1)),
            occurred_at: DateTime::UNIX_EPOCH,
            event: name.as_str().to_owned(),
            success,
            reason: None,
            user_id: Some(UserId::from_uuid(Uuid::from_u128(2))),
            session_id: Some(SessionId::from_uuid(Uuid::from_u128(3))),
            client: None,
            provider: None,
            webhook_id: None,
            actor_id: None,
            request_id: RequestId::from_uuid(Uuid::from_u128(4)),
            route: Some("POST /login".to_owned()),
            ip: Some(IpAddr::from([203, 0, 113, 7])),
            user_agent: Some("curl/8".to_owned()),
        }
    }

    /// Any row, also one that no release writes.
    fn any_row() -> impl Strategy<Value = RecordedEvent> {
        let name = prop_oneof![
            (0..EventName::ALL.len()).prop_map(|place| EventName::ALL[place].as_str().to_owned()),
            "[a-z_]{1,20}"
        ];
        let reason = prop_oneof![
            Just(None),
            (0..AccountChange::ALL.len()).prop_map(|place| Some(AccountChange::ALL[place].as_str().to_owned())),
            ".{0,80}".prop_map(Some)
        ];
        let ids = any::<[Option<u128>; 4]>();
        (
            name,
            any::<bool>(),
            reason,
            ids,
            any::<Option<String>>(),
            ".{0,40}",
            any::<[u8; 4]>(),
        )
            .prop_map(
                |(event, success, reason, [user, session, client, actor], route, user_agent, ip)| RecordedEvent {
                    event,
                    reason,
                    user_id: user.map(|id| UserId::from_uuid(Uuid::from_u128(id))),
                    session_id: session.map(|id| SessionId::from_uuid(Uuid::from_u128(id))),
                    client: client.map(|id| ClientRef::from_stored(Uuid::from_u128(id), None)),
                    actor_id: actor.map(|id| UserId::from_uuid(Uuid::from_u128(id))),
                    provider: route.clone(),
                    route,
                    ip: Some(IpAddr::from(ip)),
                    user_agent: Some(user_agent),
                    ..row_of(EventName::UserCreated, success)
                },
            )
    }

    /// Whether a text is an id, a time or a fixed word.
    fn is_harmless(text: &str) -> bool {
        Uuid::try_parse(text).is_ok()
            || DateTime::parse_from_rfc3339(text).is_ok()
            || is_fixed_word(text)
            || ProviderId::parse(text).is_ok()
            || AccountEventType::parse(text).is_some()
    }

    fn texts(value: &Value) -> Vec<String> {
        match value {
            Value::String(text) => vec![text.clone()],
            Value::Object(members) => members.values().flat_map(texts).collect(),
            Value::Array(items) => items.iter().flat_map(texts).collect(),
            _ => Vec::new(),
        }
    }

    proptest! {
        #[test]
        fn a_message_has_ids_times_and_fixed_words_only(row in any_row()) {
            let Some(message) = AccountEvent::of(&row, None) else { return Ok(()) };
            let json = serde_json::to_value(&message).unwrap();
            for text in texts(&json) {
                prop_assert!(is_harmless(&text), "{text}");
            }
            for member in ["email", "email_verified", "username", "disabled", "changed_at", "ip", "user_agent", "route"] {
                prop_assert!(json["data"].get(member).is_none(), "{member}");
            }
        }

        #[test]
        fn names_are_told_to_receivers_that_asked_and_are_all_that_they_are_told_more(
            row in any_row(), verified: bool, disabled: bool, changed_at in 0_i64..4_000_000_000_000_000,
        ) {
            let changed_at = DateTime::from_timestamp_micros(changed_at).unwrap();
            let user = User {
                id: UserId::from_uuid(Uuid::from_u128(2)),
                email: Some(Email::from_stored("jo@example.com".to_owned())),
                email_verified_at: verified.then_some(DateTime::UNIX_EPOCH),
                username: Some(Username::from_stored("jo".to_owned())),
                roles: vec!["admin".to_owned()],
                claims: AppClaims::default(),
                created_at: DateTime::UNIX_EPOCH,
                locale: Locale::default(),
                has_password: true,
            };
            let account = ToldAccount { disabled, changed_at, names: Some(ToldNames::from(&user)) };
            let told = [None, Some(account.clone().without_names()), Some(account)].map(|account| {
                AccountEvent::of(&row, account).map(|message| serde_json::to_value(&message).unwrap())
            });
            let [Some(gone), Some(mut bare), Some(mut named)] = told else { return Ok(()) };
            let data = named["data"].as_object_mut().unwrap();
            prop_assert_eq!(data.remove("email"), Some(Value::from("jo@example.com")));
            prop_assert_eq!(data.remove("email_verified"), Some(Value::from(verified)));
            prop_assert_eq!(data.remove("username"), Some(Value::from("jo")));
            prop_assert_eq!(&bare, &named);
            let data = bare["data"].as_object_mut().unwrap();
            prop_assert_eq!(data.remove("disabled"), Some(Value::from(disabled)));
            let told: DateTime<Utc> = serde_json::from_value(data.remove("changed_at").unwrap()).unwrap();
            prop_assert_eq!(told, changed_at);
            prop_assert_eq!(bare, gone);
        }

        /// So receivers may store and compare the text.
        #[test]
        fn the_texts_of_two_times_compare_like_the_times(pair: (u32, u32), micros in (0_i64..1_000_000, 0_i64..1_000_000)) {
            let time = |seconds: u32, micros| DateTime::from_timestamp_micros(i64::from(seconds) * 1_000_000 + micros).unwrap();
            let times = [time(pair.0, micros.0), time(pair.0, micros.1), time(pair.1, micros.1)];
            let texts = times.map(|time| in_microseconds(&time, serde_json::value::Serializer).unwrap().to_string());
            for (one, other) in [(0, 1), (1, 2), (0, 2)] {
                prop_assert_eq!(texts[one].cmp(&texts[other]), times[one].cmp(&times[other]));
            }
        }

        #[test]
        fn a_message_keeps_the_id_of_its_row_and_its_time(row in any_row()) {
            let told = AccountEvent::of(&row, None);
            prop_assert_eq!(told.is_some(), AccountEventType::of_recorded(&row).is_some());
            if let Some(message) = told {
                prop_assert_eq!(message.data.id, row.id.uuid());
                prop_assert_eq!(message.timestamp, row.occurred_at);
                prop_assert_eq!(Some(message.data.user_id), row.user_id.map(UserId::uuid));
            }
        }
    }
}
