//! What ends sessions, what the trail says about it, and whether a cause means that an attacker may have used the
//! account.

use super::audit_event::{AuditEvent, EventName};
use super::ids::{SessionId, UserId};
use super::session::EndReason;

/// Why a session ended, or why it was found to have ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndCause {
    /// Its user logged out.
    Logout,
    /// Its user ended it, by its id, from another session.
    EndedByOwner,
    /// A service client revoked a token of it.
    RevokedByClient,
    /// It was the least recently used, and the account had too many.
    SessionLimit,
    /// It had expired.
    Expired,
    /// Its user ended all other sessions.
    OthersEndedByOwner,
    /// One of its refresh tokens was presented again after its use.
    RefreshReuse,
    /// A used refresh token of a grant was presented again. The user's own session is not concerned.
    GrantReuse,
    /// An authorization code was presented again, or with a wrong verifier.
    CodeReuse,
    /// The user withdrew what they had allowed an application.
    ConsentWithdrawn,
    /// An operator took from the application what the grant was for.
    ClientChanged,
    /// An operator deleted the application.
    ClientDeleted,
    /// An operator ended all sessions of the account, or of all accounts.
    EndedByOperator,
    /// An operator ended one session of the account, by its id.
    OneEndedByOperator,
    /// An operator disabled the account.
    AccountDisabled,
    /// An operator removed the second factors of the account.
    FactorsReset,
    /// The owner changed the password.
    PasswordChanged,
    /// The owner set a new password with a link from a mail.
    PasswordReset,
    /// The reader of an unverified address reset the account.
    UnverifiedAccountReset,
    /// The reader of the account's address cancelled a change to another one.
    EmailChangeCancelled,
    /// The account has another address: a login that began with a mail to the old one is void.
    EmailChanged,
    /// The factor that alone had proved the user was removed or replaced.
    FactorRemoved,
    /// The account was deleted.
    AccountDeleted,
}

impl EndCause {
    /// All causes.
    pub const ALL: [Self; 23] = [
        Self::Logout,
        Self::EndedByOwner,
        Self::RevokedByClient,
        Self::SessionLimit,
        Self::Expired,
        Self::OthersEndedByOwner,
        Self::RefreshReuse,
        Self::GrantReuse,
        Self::CodeReuse,
        Self::ConsentWithdrawn,
        Self::ClientChanged,
        Self::ClientDeleted,
        Self::EndedByOperator,
        Self::OneEndedByOperator,
        Self::AccountDisabled,
        Self::FactorsReset,
        Self::PasswordChanged,
        Self::PasswordReset,
        Self::UnverifiedAccountReset,
        Self::EmailChangeCancelled,
        Self::EmailChanged,
        Self::FactorRemoved,
        Self::AccountDeleted,
    ];

    /// Returns the reason that the session's row gives.
    pub const fn reason(self) -> EndReason {
        match self {
            Self::Logout => EndReason::Logout,
            Self::SessionLimit => EndReason::SessionLimit,
            Self::Expired => EndReason::Expired,
            Self::RefreshReuse | Self::GrantReuse => EndReason::RefreshReuse,
            Self::CodeReuse => EndReason::CodeReuse,
            Self::PasswordChanged | Self::PasswordReset => EndReason::PasswordChanged,
            Self::EndedByOwner
            | Self::OthersEndedByOwner
            | Self::UnverifiedAccountReset
            | Self::EmailChangeCancelled => EndReason::Evicted,
            Self::RevokedByClient
            | Self::ConsentWithdrawn
            | Self::ClientChanged
            | Self::ClientDeleted
            | Self::EndedByOperator
            | Self::OneEndedByOperator
            | Self::AccountDisabled
            | Self::FactorsReset
            | Self::EmailChanged
            | Self::FactorRemoved
            | Self::AccountDeleted => EndReason::Revoked,
        }
    }

    /// Returns the event and the reason that the trail has for each session that it ends.
    const fn event(self) -> (EventName, Option<&'static str>) {
        match self {
            Self::Logout => (EventName::SessionLogout, None),
            Self::SessionLimit => (EventName::ExcessSessions, None),
            Self::Expired => (EventName::SessionExpired, Some("refresh")),
            Self::EndedByOwner | Self::OthersEndedByOwner => (EventName::TokenRevoked, Some("by_owner")),
            Self::RevokedByClient => (EventName::TokenRevoked, Some("by_client")),
            Self::RefreshReuse | Self::GrantReuse => (EventName::TokenRevoked, Some("refresh_reuse")),
            Self::CodeReuse => (EventName::TokenRevoked, Some("code_reuse")),
            Self::ConsentWithdrawn => (EventName::TokenRevoked, Some("consent_withdrawn")),
            Self::ClientChanged => (EventName::TokenRevoked, Some("client_changed")),
            Self::ClientDeleted => (EventName::TokenRevoked, Some("client_deleted")),
            Self::EndedByOperator | Self::OneEndedByOperator => (EventName::TokenRevoked, Some("by_operator")),
            Self::AccountDisabled => (EventName::TokenRevoked, Some("account_disabled")),
            Self::FactorsReset => (EventName::TokenRevoked, Some("factors_reset")),
            Self::PasswordChanged => (EventName::TokenRevoked, Some("password_changed")),
            Self::PasswordReset => (EventName::TokenRevoked, Some("password_reset")),
            Self::UnverifiedAccountReset => (EventName::TokenRevoked, Some("unverified_account_reset")),
            Self::EmailChangeCancelled => (EventName::TokenRevoked, Some("email_change_cancelled")),
            Self::EmailChanged => (EventName::TokenRevoked, Some("email_changed")),
            Self::FactorRemoved => (EventName::TokenRevoked, Some("factor_removed")),
            Self::AccountDeleted => (EventName::TokenRevoked, Some("account_deleted")),
        }
    }

    /// Returns whether a session of the account can cause it. If the account's address was never verified, the session
    /// may be a stranger's, and the mailed links are the only way in for the reader of the address. They remain valid
    /// then, or the stranger could invalidate them again and again.
    pub const fn is_caused_in_a_session(self) -> bool {
        matches!(
            self,
            Self::OthersEndedByOwner | Self::RefreshReuse | Self::PasswordChanged
        )
    }

    /// Returns whether an attacker may have used the account. In that case, everything that is pending on it is removed
    /// with the sessions: mailed tokens and unconfirmed factors. Its trusted devices, its API keys and what it allowed
    /// applications end, too.
    /// Otherwise, an attacker who requested another address in a stolen session would get the account after its owner
    /// ended that session.
    pub const fn is_against_an_intruder(self) -> bool {
        match self {
            Self::Logout
            | Self::EndedByOwner
            | Self::RevokedByClient
            | Self::SessionLimit
            | Self::Expired
            | Self::GrantReuse
            | Self::CodeReuse
            | Self::ConsentWithdrawn
            | Self::ClientChanged
            | Self::ClientDeleted
            | Self::EmailChanged
            | Self::FactorRemoved
            // To shut an intruder out, the operator ends all of them.
            | Self::OneEndedByOperator
            // Its rows go with it.
            | Self::AccountDeleted => false,
            Self::OthersEndedByOwner
            | Self::RefreshReuse
            | Self::EndedByOperator
            | Self::AccountDisabled
            | Self::FactorsReset
            | Self::PasswordChanged
            | Self::PasswordReset
            | Self::UnverifiedAccountReset
            | Self::EmailChangeCancelled => true,
        }
    }
}

/// A session or grant that a statement has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EndedSession {
    /// Its id.
    pub id: SessionId,
    /// Whether it was active. A login that waits for its second factor, and a grant that waits for its code, never had
    /// tokens.
    pub had_tokens: bool,
}

impl EndedSession {
    /// Returns the event that records its end.
    pub fn event(self, user_id: UserId, cause: EndCause) -> AuditEvent {
        let (name, reason) = cause.event();
        let event = AuditEvent::success(name, user_id).in_session(self.id);
        AuditEvent {
            reason: if self.had_tokens { reason } else { Some(PENDING) },
            ..event
        }
    }
}

/// The reason that the trail has for a session that ended without ever having had tokens.
pub const PENDING: &str = "pending";

/// The events that record the end of a session.
pub const END_EVENTS: [EventName; 4] = [
    EventName::SessionLogout,
    EventName::TokenRevoked,
    EventName::ExcessSessions,
    EventName::SessionExpired,
];

/// Returns whether an event records the end of a session that had tokens.
pub fn ends_tokens(name: EventName, reason: Option<&str>) -> bool {
    END_EVENTS.contains(&name) && reason != Some(PENDING)
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn each_end_is_recorded_and_only_that_of_a_session_with_tokens_counts() {
        let (user_id, id) = (
            UserId::from_uuid(Uuid::from_u128(1)),
            SessionId::from_uuid(Uuid::from_u128(2)),
        );
        for cause in EndCause::ALL {
            for had_tokens in [true, false] {
                let event = EndedSession { id, had_tokens }.event(user_id, cause);
                assert_eq!(
                    (event.user_id, event.session_id),
                    (Some(user_id), Some(id)),
                    "{cause:?}"
                );
                assert!(END_EVENTS.contains(&event.name), "{cause:?}");
                assert_eq!(ends_tokens(event.name, event.reason), had_tokens, "{cause:?}");
            }
        }
    }

    #[test]
    fn events_that_end_nothing_do_not_count() {
        for name in EventName::ALL.iter().filter(|name| !END_EVENTS.contains(name)) {
            assert!(!ends_tokens(*name, None), "{}", name.as_str());
        }
    }
}
