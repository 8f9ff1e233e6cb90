//! What ends sessions, and what each end says about who was there.

use super::session::EndReason;

/// What ended a session before its time, or took notice that its time was over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndCause {
    /// Its user logged out.
    Logout,
    /// Its user ended it, by its id, from another session.
    EndedByOwner,
    /// A service client revoked a token of it.
    RevokedByClient,
    /// It was the least recently used of too many.
    SessionLimit,
    /// Its time was over.
    Expired,
    /// Its user ended all sessions but their own.
    OthersEndedByOwner,
    /// A refresh token of it was presented that had been used before.
    RefreshReuse,
    /// An operator ended all sessions of the account, or those of everybody.
    EndedByOperator,
    /// An operator disabled the account.
    AccountDisabled,
    /// An operator removed the second factors of the account.
    FactorsReset,
    /// The owner changed the password.
    PasswordChanged,
    /// The owner set a new password through a mail.
    PasswordReset,
    /// The reader of an address that had never been proven took the account over.
    UnverifiedAccountReset,
    /// The reader of the account's address stopped a change to another one.
    EmailChangeCancelled,
    /// The account has another address: a login that a mail to the old one began is worth nothing.
    EmailChanged,
}

impl EndCause {
    /// All causes.
    pub const ALL: [Self; 15] = [
        Self::Logout,
        Self::EndedByOwner,
        Self::RevokedByClient,
        Self::SessionLimit,
        Self::Expired,
        Self::OthersEndedByOwner,
        Self::RefreshReuse,
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
            Self::RefreshReuse => EndReason::RefreshReuse,
            Self::PasswordChanged | Self::PasswordReset => EndReason::PasswordChanged,
            Self::EndedByOwner
            | Self::OthersEndedByOwner
            | Self::UnverifiedAccountReset
            | Self::EmailChangeCancelled => EndReason::Evicted,
            Self::RevokedByClient
            | Self::EndedByOperator
            | Self::AccountDisabled
            | Self::FactorsReset
            | Self::EmailChanged => EndReason::Revoked,
        }
    }

    /// Tells whether a session of the account can bring it about. Where the account's address was never proven, the session
    /// may be a stranger's, and the mailed links are its reader's only way in: they stay then, or the stranger could end
    /// them again and again.
    pub const fn is_caused_in_a_session(self) -> bool {
        matches!(
            self,
            Self::OthersEndedByOwner | Self::RefreshReuse | Self::PasswordChanged
        )
    }

    /// Tells whether somebody else may have used the account. Everything that waits on it is then removed with the sessions:
    /// mailed tokens and factors that were never confirmed. Otherwise an attacker who asked for another address in a stolen
    /// session would get the account after its owner had thrown them out.
    pub const fn is_against_an_intruder(self) -> bool {
        match self {
            Self::Logout
            | Self::EndedByOwner
            | Self::RevokedByClient
            | Self::SessionLimit
            | Self::Expired
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
