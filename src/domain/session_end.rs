//! What ends sessions, and whether a cause means that an attacker may have used the account.

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
}

impl EndCause {
    /// All causes.
    pub const ALL: [Self; 20] = [
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
        Self::AccountDisabled,
        Self::FactorsReset,
        Self::PasswordChanged,
        Self::PasswordReset,
        Self::UnverifiedAccountReset,
        Self::EmailChangeCancelled,
        Self::EmailChanged,
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
            | Self::AccountDisabled
            | Self::FactorsReset
            | Self::EmailChanged => EndReason::Revoked,
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
            | Self::EmailChanged => false,
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
