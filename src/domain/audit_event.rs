//! The vocabulary of the audit trail: what happened, to which account, from where.
//!
//! Names follow OWASP's logging vocabulary where it has one. An event never contains a password, a code or a token; it
//! is written in the same transaction as the change that it records.

use std::net::IpAddr;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::account_change::AccountChange;
use super::failed_attempts::{FROM_NETWORK, REFUSED_TO_STRANGERS};
use super::federation::provider::ProviderId;
use super::ids::{AuditEventId, RequestId, SessionId, UserId, WebhookId};
use super::oauth::client::ClientRef;

macro_rules! events {
    ($($variant:ident = $name:literal: $meaning:literal;)*) => {
        /// What happened.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum EventName {
            $(#[doc = $meaning] $variant,)*
        }

        impl EventName {
            /// All events.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// Returns the name under which the event is stored and listed.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// Parses the name under which an event is stored.
            pub fn parse(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|event| event.as_str() == name)
            }

            /// Returns what the event means, in one sentence.
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$variant => $meaning,)* }
            }
        }
    };
}

events! {
    UserCreated = "user_created": "An account was made.";
    RegistrationDenied = "registration_denied":
        "The registration hook denied an account: the reason is how its owner would have signed in.";
    RegistrationHookFailed = "registration_hook_failed":
        "The registration hook gave no answer that counts: the reason says why. One event an hour for each reason.";
    LoginSuccess = "authn_login_success": "A user signed in.";
    LoginFail = "authn_login_fail": "A password was wrong, or the account is unknown or disabled.";
    LoginSuccessAfterFail = "authn_login_successafterfail": "A password was right after wrong ones.";
    LoginLock = "authn_login_lock": "Too many consecutive passwords were wrong: none is checked for a while.";
    LoginFailMax = "authn_login_fail_max":
        "A hundred consecutive passwords were wrong: the password is disabled. With the reason refused_to_strangers, fifty of them came from networks that the owner was not known by: it is accepted from known networks only.";
    MfaSuccess = "authn_mfa_success": "A second factor was right.";
    MfaFail = "authn_mfa_fail": "A second factor was wrong or used before.";
    MfaReplay = "authn_mfa_replay": "A second factor was right, but was used before.";
    PasskeyRefused = "passkey_refused":
        "A response of a passkey was refused: the reason is the check that failed, beside the event of its use.";
    MfaEnrolStarted = "mfa_enrol_started": "A TOTP secret was made, and waits for its first code.";
    MfaEnrolConfirmed = "mfa_enrol_confirmed": "A second factor was added: the reason says which.";
    RecoveryCodesGenerated = "recovery_codes_generated": "A set of recovery codes was made.";
    RecoveryCodeUsed = "recovery_codes_used": "A recovery code was used.";
    MfaRemoved = "mfa_removed": "A second factor was removed.";
    DeviceTrusted = "device_trusted": "A user trusted a device: the reason is the second factor that was given on it.";
    DeviceRemoved = "device_removed": "Trusted devices of a user were removed.";
    MfaLock = "authn_mfa_lock": "Too many consecutive second factors were wrong.";
    MfaDisabled = "authn_mfa_disabled":
        "A hundred consecutive second factors were wrong: only recovery codes are accepted. With the reason refused_to_strangers, fifty came from networks that the owner was not known by: codes are accepted from known networks only.";
    OtpSent = "otp_sent": "A code was sent.";
    OtpSuppressed = "otp_suppressed": "A code was not sent, because too many were.";
    StepUpSuccess = "step_up_success": "A signed-in user authenticated again.";
    StepUpFail = "step_up_fail": "A signed-in user failed to authenticate again.";
    PasswordChange = "authn_password_change": "A password was changed, with the old one.";
    PasswordChangeFail = "authn_password_change_fail":
        "The old password was wrong when a signed-in user tried to change it.";
    PasswordRemoved = "password_removed": "A password was removed: by its owner, with a passkey that signs in alone, unless the reason says why.";
    PasswordSet = "password_set": "A user without a password set one.";
    PasswordResetRequested = "password_reset_requested": "A mail to set a new password was requested.";
    PasswordResetCompleted = "password_reset_completed": "A new password was set with a link from a mail.";
    EmailVerificationRequested = "email_verification_requested": "A mail to verify an address was requested.";
    MagicLinkRequested = "magic_link_requested": "A mail to sign in with was requested.";
    MagicLinkUsed = "magic_link_used": "A mail to sign in with was used.";
    FederationUsed = "federation_used": "A user of an upstream provider signed in.";
    IdentityLinked = "identity_linked": "A user of an upstream provider was linked to an account.";
    IdentityUnlinked = "identity_unlinked":
        "A user of an upstream provider was unlinked from an account: the reason says why, unless its owner did it.";
    UserUpdated = "user_updated": "An account was changed: the reason says how.";
    UserDeleted = "user_deleted": "An account was deleted.";
    UserExported = "user_exported": "A user exported all data of their account.";
    SessionCreated = "session_created": "A session became active.";
    SessionLogout = "session_logout": "A user ended their own session, and the grants in it.";
    SessionExpired = "session_expired": "A session was found to have expired when it was used.";
    TokenRevoked = "authn_token_revoked": "A session was ended from outside: the reason says why, or `pending` if it never had tokens.";
    TokenReuse = "authn_token_reuse": "A used refresh or device token was presented again.";
    ExcessSessions = "excess_sessions_exceeded": "A session ended because the account had too many.";
    GrantCreated = "grant_created": "A user allowed an application to act for them.";
    GrantRefused = "grant_refused": "A user refused an application.";
    ConsentWithdrawn = "consent_withdrawn": "What a user had allowed an application was withdrawn: the reason says why, unless the user did it.";
    ApiKeyCreated = "api_key_created": "A user made an API key.";
    ApiKeyDeleted = "api_key_deleted": "API keys of a user were deleted: the reason says why, unless its owner did it.";
    CodeReuse = "authorization_code_reuse": "An authorization code was presented again, or by a program that it was not made for.";
    AuthzFail = "authz_fail": "A signed-in user requested something that their role does not allow.";
    MaliciousDirectReference = "malicious_direct_reference": "A signed-in user named an object of another user.";
    SequenceFail = "sequence_fail": "A step was taken without those that must precede it.";
    DecryptFail = "crypto_decrypt_fail": "A sealed secret could not be decrypted.";
    Startup = "sys_startup": "An instance began to serve: the reason is its version.";
    Shutdown = "sys_shutdown": "An instance shut down in order: the reason is its version.";
    SigningKeyRotated = "signing_key_rotated": "A new key signs access tokens.";
    SecretsRewrapped = "secrets_rewrapped": "Everything sealed was sealed again with the newest master key.";
    ClientCreated = "client_created": "A client was registered.";
    ClientUpdated = "client_updated": "A client was changed.";
    ClientSecretRotated = "client_secret_rotated": "A client got a new secret.";
    ClientDeleted = "client_deleted": "A client was deleted, and its grants ended.";
    WebhookCreated = "webhook_created": "An endpoint for account events was created.";
    WebhookUpdated = "webhook_updated":
        "An endpoint was changed: with the reason gone, the service disabled it, since it answered that it is gone.";
    WebhookSecretRotated = "webhook_secret_rotated": "An endpoint got a new secret.";
    WebhookTested = "webhook_tested": "A message was sent to try an endpoint.";
    WebhookReplayed = "webhook_replayed": "Events were sent to an endpoint again.";
    WebhookDeleted = "webhook_deleted": "An endpoint was deleted, with its messages.";
    AdminAction = "authz_admin": "An operator acted on an account or on the deployment: the reason says how.";
}

/// Where a request came from. Work of the service itself has only an id.
#[derive(Clone, Debug)]
pub struct RequestOrigin {
    /// The request's id, as in its response and its log line.
    pub request_id: RequestId,
    /// The client's address, from the connection or a trusted proxy.
    pub ip: Option<IpAddr>,
    /// The `User-Agent` header, cut to [`USER_AGENT_MAX`] characters.
    pub user_agent: Option<String>,
    /// Method and pattern of the route, never its parameters.
    pub route: Option<String>,
}

impl RequestOrigin {
    /// Returns the origin of work that no HTTP request caused.
    pub const fn of_own(request_id: RequestId) -> Self {
        Self {
            request_id,
            ip: None,
            user_agent: None,
            route: None,
        }
    }
}

/// Characters of a `User-Agent` that are stored.
pub const USER_AGENT_MAX: usize = 256;

/// One event.
#[derive(Clone, Debug)]
pub struct AuditEvent {
    /// What happened.
    pub name: EventName,
    /// Whether it succeeded.
    pub success: bool,
    /// Why it failed, or how it was done: a fixed word, never input.
    pub reason: Option<&'static str>,
    /// The account concerned, where there is one.
    pub user_id: Option<UserId>,
    /// The session concerned, where there is one.
    pub session_id: Option<SessionId>,
    /// The client that requested it, or that it is about.
    pub client: Option<ClientRef>,
    /// The upstream provider concerned, where there is one and the operator has not removed it.
    pub provider: Option<ProviderId>,
    /// The webhook that it is about.
    pub webhook_id: Option<WebhookId>,
    /// A keyed hash of the name that was given, where that may belong to no account.
    pub identifier_hash: Option<IdentifierHash>,
    /// The administrator who acted on the account.
    pub actor_id: Option<UserId>,
}

/// A keyed hash of a name.
pub type IdentifierHash = [u8; 32];

impl AuditEvent {
    /// Returns the label in metrics of the wait that the event records, or of the authenticator that it disables.
    pub fn throttle(&self) -> Option<&'static str> {
        match (self.name, self.reason) {
            (EventName::LoginLock, Some(FROM_NETWORK)) => Some("password_from_network"),
            (EventName::LoginLock, _) => Some("password_from_anywhere"),
            (EventName::MfaLock, _) => Some("second_factor"),
            (EventName::LoginFailMax, Some(REFUSED_TO_STRANGERS)) => Some("password_refused_to_strangers"),
            (EventName::LoginFailMax, _) => Some("password_disabled"),
            (EventName::MfaDisabled, Some(REFUSED_TO_STRANGERS)) => Some("second_factors_refused_to_strangers"),
            (EventName::MfaDisabled, _) => Some("second_factors_disabled"),
            _ => None,
        }
    }

    /// Returns an event that succeeded.
    pub const fn success(name: EventName, user_id: UserId) -> Self {
        Self::new(name, true, None, Some(user_id))
    }

    /// Returns an event about a change of an account. Each change has a word of its own, since it decides what back ends
    /// are told.
    pub const fn account_changed(change: AccountChange, user_id: UserId) -> Self {
        Self::success(EventName::UserUpdated, user_id).because(change.as_str())
    }

    /// Returns an event of the deployment itself, which concerns no account.
    pub const fn of_deployment(name: EventName) -> Self {
        Self::new(name, true, None, None)
    }

    /// Returns an event that failed, with its reason.
    pub const fn failure(name: EventName, reason: &'static str, user_id: Option<UserId>) -> Self {
        Self::new(name, false, Some(reason), user_id)
    }

    const fn new(name: EventName, success: bool, reason: Option<&'static str>, user_id: Option<UserId>) -> Self {
        Self {
            name,
            success,
            reason,
            user_id,
            session_id: None,
            client: None,
            provider: None,
            webhook_id: None,
            identifier_hash: None,
            actor_id: None,
        }
    }

    /// Returns the first column of the key of the trail: the account concerned or, without one, the event itself.
    pub fn subject(&self, id: AuditEventId) -> Uuid {
        self.user_id.map_or_else(|| id.uuid(), UserId::uuid)
    }

    /// Adds the session concerned.
    #[must_use]
    pub const fn in_session(mut self, session_id: SessionId) -> Self {
        self.session_id = Some(session_id);
        self
    }

    /// Adds the client that requested it, or that it is about.
    #[must_use]
    pub fn with_client(mut self, client: impl Into<ClientRef>) -> Self {
        self.client = Some(client.into());
        self
    }

    /// Adds the upstream provider concerned.
    #[must_use]
    pub fn at_provider<'a>(mut self, provider: impl Into<Option<&'a ProviderId>>) -> Self {
        self.provider = provider.into().cloned();
        self
    }

    /// Adds the webhook that it is about.
    #[must_use]
    pub const fn about_webhook(mut self, webhook_id: WebhookId) -> Self {
        self.webhook_id = Some(webhook_id);
        self
    }

    /// Adds the name that was given.
    #[must_use]
    pub const fn with_identifier(mut self, hash: IdentifierHash) -> Self {
        self.identifier_hash = Some(hash);
        self
    }

    /// Adds the administrator who acted; none if it was the command line.
    #[must_use]
    pub const fn by(mut self, actor_id: Option<UserId>) -> Self {
        self.actor_id = actor_id;
        self
    }

    /// Adds the reason.
    #[must_use]
    pub const fn because(mut self, reason: &'static str) -> Self {
        self.reason = Some(reason);
        self
    }
}

/// Selects events: those that match all fields that are set.
#[derive(Clone, Debug, Default)]
pub struct EventFilter {
    /// The account.
    pub user_id: Option<UserId>,
    /// The name.
    pub event: Option<String>,
    /// The earliest time.
    pub since: Option<DateTime<Utc>>,
}

/// An event as it is listed.
#[derive(Clone, Debug)]
pub struct RecordedEvent {
    /// The id of its row.
    pub id: AuditEventId,
    /// When it happened.
    pub occurred_at: DateTime<Utc>,
    /// What happened.
    pub event: String,
    /// Whether it succeeded.
    pub success: bool,
    /// Why it failed, or how it was done.
    pub reason: Option<String>,
    /// The account concerned.
    pub user_id: Option<UserId>,
    /// The session concerned.
    pub session_id: Option<SessionId>,
    /// The client that requested it, or that it is about.
    pub client: Option<ClientRef>,
    /// The upstream provider concerned. The operator may have removed it since.
    pub provider: Option<String>,
    /// The webhook that it is about. It may have been deleted since.
    pub webhook_id: Option<WebhookId>,
    /// The administrator who acted on the account.
    pub actor_id: Option<UserId>,
    /// The `X-Request-Id` of the response.
    pub request_id: RequestId,
    /// The route of the request.
    pub route: Option<String>,
    /// Where the request came from.
    pub ip: Option<IpAddr>,
    /// The `User-Agent` of the request.
    pub user_agent: Option<String>,
}

/// What an owner decides about an application. Other events that name a client were caused by that client.
const DECIDED_BY_OWNER: [EventName; 3] = [
    EventName::GrantCreated,
    EventName::GrantRefused,
    EventName::ConsentWithdrawn,
];

impl RecordedEvent {
    /// Removes the origin of an administrator, a back end or an application: the owner of the account learns what they
    /// did, but not from where.
    #[must_use]
    pub fn for_owner(self) -> Self {
        let is_decision = DECIDED_BY_OWNER.iter().any(|name| name.as_str() == self.event);
        let by_client = self.client.is_some() && !is_decision;
        let by_owner = !by_client && self.actor_id.is_none_or(|actor| Some(actor) == self.user_id);
        if by_owner {
            return self;
        }
        Self {
            ip: None,
            user_agent: None,
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recorded(event: EventName, client: Option<u128>, actor: Option<u128>) -> RecordedEvent {
        RecordedEvent {
            id: AuditEventId::from_uuid(Uuid::from_u128(1)),
            occurred_at: DateTime::UNIX_EPOCH,
            event: event.as_str().to_owned(),
            success: true,
            reason: None,
            user_id: Some(UserId::from_uuid(Uuid::from_u128(2))),
            session_id: None,
            client: client.map(|id| ClientRef::from_stored(Uuid::from_u128(id), None)),
            provider: None,
            webhook_id: None,
            actor_id: actor.map(|id| UserId::from_uuid(Uuid::from_u128(id))),
            request_id: RequestId::from_uuid(Uuid::from_u128(3)),
            route: None,
            ip: Some(IpAddr::from([203, 0, 113, 7])),
            user_agent: Some("curl/8".to_owned()),
        }
    }

    #[test]
    fn owners_learn_the_origin_of_what_they_did_themselves_and_no_other() {
        for event in EventName::ALL.iter().copied() {
            let is_told = |client, actor| {
                let shown = recorded(event, client, actor).for_owner();
                assert_eq!(shown.ip.is_some(), shown.user_agent.is_some());
                shown.ip.is_some()
            };
            let name = event.as_str();
            assert!(is_told(None, None) && is_told(None, Some(2)), "{name}");
            assert!(!is_told(None, Some(9)) && !is_told(Some(7), Some(9)), "{name}");
            let is_decision = ["grant_created", "grant_refused", "consent_withdrawn"].contains(&name);
            assert_eq!(is_told(Some(7), None), is_decision, "{name}");
        }
    }
}
