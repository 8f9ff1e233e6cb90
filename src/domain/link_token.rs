//! Tokens in mails: what each allows, for how long, and where its link leads.
//!
//! The token stands in the link's fragment, which browsers send neither to the page's server nor in a referrer (ASVS
//! 14.2.1). It is consumed by POST only, since mail scanners follow links.

use chrono::TimeDelta;

use super::ids::{LinkTokenId, UserId};
use super::names::names;
use super::opaque_token::TokenKind;
use super::policy::numbers::{CONFIRMATION_LIFE, MAGIC_LINK_LIFE, PASSWORD_RESET_LIFE};

/// Names a token by its user and its id: the token contains both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkKey {
    /// The account that it is for.
    pub user_id: UserId,
    /// Its id.
    pub id: LinkTokenId,
}

/// What a token in a mail is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkPurpose {
    /// A first factor, in the place of the password.
    MagicLink,
    /// Sets a new password.
    PasswordReset,
    /// Sets the first password of an account that an operator made. It allows the same as a reset. It is a purpose of
    /// its own because any client can request a reset, which must not replace a link that is valid for longer.
    Invitation,
    /// Verifies the account's own address.
    EmailVerification,
    /// Verifies another address, and makes it the account's. It is valid only while the session that requested it is
    /// active: a change that was requested in a stolen session ends with that session.
    EmailChange,
    /// Cancels a change of address, from the address that the account has. It also ends all sessions, since the
    /// attacker who requested the change may have one.
    EmailChangeCancellation,
}

/// Which older tokens a new one replaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replaced {
    /// None of them.
    None,
    /// All of its purpose.
    All,
    /// Those of its purpose that were sent to other addresses.
    ToOtherAddresses,
}

names!(LinkPurpose {
    MagicLink = "magic_link",
    PasswordReset = "password_reset",
    Invitation = "invitation",
    EmailVerification = "email_verification",
    EmailChange = "email_change",
    EmailChangeCancellation = "email_change_cancellation",
});

impl LinkPurpose {
    /// Returns which older tokens of its purpose a new token replaces.
    pub const fn replaces(self) -> Replaced {
        match self {
            Self::Invitation => Replaced::All,
            // The last requested address counts. A link that the owner already has for it stays valid, since a repeated
            // request may exceed the quota for mails.
            Self::EmailChange => Replaced::ToOtherAddresses,
            // A stranger can request these, or cause the last one by requesting a change, and must not invalidate the
            // link that the owner is about to use.
            Self::MagicLink | Self::PasswordReset | Self::EmailVerification | Self::EmailChangeCancellation => {
                Replaced::None
            }
        }
    }

    /// Returns the kind of token.
    pub const fn token_kind(self) -> TokenKind {
        match self {
            Self::MagicLink => TokenKind::MagicLink,
            Self::PasswordReset | Self::Invitation => TokenKind::PasswordReset,
            Self::EmailVerification | Self::EmailChange => TokenKind::EmailVerification,
            Self::EmailChangeCancellation => TokenKind::EmailChangeCancellation,
        }
    }

    /// Returns the names under which tokens of the same kind are stored: each allows the same as this one.
    pub fn names_of_kind(self) -> Vec<&'static str> {
        let alike = Self::ALL
            .into_iter()
            .filter(|other| other.token_kind() == self.token_kind());
        alike.map(Self::as_str).collect()
    }

    /// Returns how long the token is valid.
    pub const fn life(self) -> TimeDelta {
        match self {
            Self::MagicLink => MAGIC_LINK_LIFE,
            Self::PasswordReset => PASSWORD_RESET_LIFE,
            Self::Invitation | Self::EmailVerification | Self::EmailChange | Self::EmailChangeCancellation => {
                CONFIRMATION_LIFE
            }
        }
    }

    /// Returns the link for a mail. `base` comes from the deployment's settings, never from a request.
    pub fn link(self, base: &str, token: &str) -> String {
        let page = match self {
            Self::MagicLink => "magic-link",
            Self::PasswordReset | Self::Invitation => "reset-password",
            Self::EmailVerification | Self::EmailChange => "verify-email",
            Self::EmailChangeCancellation => "cancel-email-change",
        };
        format!("{base}/{page}#token={token}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_keeps_its_token_in_the_fragment() {
        assert_eq!(
            LinkPurpose::PasswordReset.link("https://app.example.com/account", "vpr_x"),
            "https://app.example.com/account/reset-password#token=vpr_x"
        );
    }

    #[test]
    fn each_purpose_is_read_back_from_its_name() {
        for purpose in LinkPurpose::ALL {
            assert_eq!(LinkPurpose::parse(purpose.as_str()), Some(purpose));
        }
        assert_eq!(LinkPurpose::parse("other"), None);
    }

    /// A change can be cancelled for as long as it can be confirmed.
    #[test]
    fn a_cancellation_lives_as_long_as_the_change() {
        assert_eq!(
            LinkPurpose::EmailChangeCancellation.life(),
            LinkPurpose::EmailChange.life()
        );
    }
}
