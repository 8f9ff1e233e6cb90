//! What can change about an account: the reasons of the audit event `user_updated`.

use super::names::names;

/// How an account was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccountChange {
    /// Its address was verified.
    EmailVerified,
    /// The reader of its address, which was not verified, got the account without what was set up on it.
    UnverifiedAccountReset,
    /// Its owner gave it another name or another language.
    Profile,
    /// It has another address, which is verified.
    EmailChanged,
    /// It lost an address that it had not verified, to a user of a provider that proves the address.
    UnverifiedEmailLost,
    /// An operator changed its roles.
    Roles,
    /// An operator or a service changed its claims.
    Claims,
    /// It lost its roles when the reader of its address got it.
    UnverifiedAccountRolesRemoved,
    /// It lost its claims when the reader of its address got it.
    UnverifiedAccountClaimsRemoved,
    /// An operator disabled it.
    Disabled,
    /// An operator enabled it.
    Enabled,
    /// An operator enabled its password, which was disabled after too many guesses.
    PasswordEnabled,
    /// One of its passkeys has another name.
    PasskeyRenamed,
    /// Its owner requested another address, which is not verified yet.
    EmailChangeRequested,
    /// The reader of its address cancelled such a request.
    EmailChangeCancelled,
}

names!(AccountChange {
    EmailVerified = "email_verified",
    UnverifiedAccountReset = "unverified_account_reset",
    Profile = "profile",
    EmailChanged = "email_changed",
    UnverifiedEmailLost = "unverified_email_lost",
    Roles = "roles",
    Claims = "claims",
    UnverifiedAccountRolesRemoved = "unverified_account_roles_removed",
    UnverifiedAccountClaimsRemoved = "unverified_account_claims_removed",
    Disabled = "disabled",
    Enabled = "enabled",
    PasswordEnabled = "password_enabled",
    PasskeyRenamed = "passkey_renamed",
    EmailChangeRequested = "email_change_requested",
    EmailChangeCancelled = "email_change_cancelled",
});
