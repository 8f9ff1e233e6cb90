//! Tokens in mails: what each opens, for how long, and where its link leads.
//!
//! The token stands in the link's fragment, which browsers send to nobody: not to the page's server, not in a referrer
//! (ASVS 14.2.1). It is consumed by POST only, since mail scanners follow links.

use chrono::TimeDelta;

use super::ids::{LinkTokenId, UserId};
use super::opaque_token::TokenKind;

/// Names a token by its user and its id: both are in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkKey {
    /// Whose account it is for.
    pub user_id: UserId,
    /// Its id.
    pub id: LinkTokenId,
}

/// What a token in a mail is for. A user has one of each purpose at most: the one in the newest mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkPurpose {
    /// A first factor, instead of the password.
    MagicLink,
    /// Sets a new password.
    PasswordReset,
    /// Sets the first password of an account that an operator made. It opens what a reset opens, and is another purpose
    /// because anybody can ask for a reset: what they get must not take the place of what lasts longer.
    Invitation,
    /// Proves that an address is its reader's.
    EmailVerification,
}

impl LinkPurpose {
    const ALL: [Self; 4] = [
        Self::MagicLink,
        Self::PasswordReset,
        Self::Invitation,
        Self::EmailVerification,
    ];

    /// Returns the name under which the purpose is stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::MagicLink => "magic_link",
            Self::PasswordReset => "password_reset",
            Self::Invitation => "invitation",
            Self::EmailVerification => "email_verification",
        }
    }

    /// Returns the kind of token.
    pub const fn token_kind(self) -> TokenKind {
        match self {
            Self::MagicLink => TokenKind::MagicLink,
            Self::PasswordReset | Self::Invitation => TokenKind::PasswordReset,
            Self::EmailVerification => TokenKind::EmailVerification,
        }
    }

    /// Returns the names under which tokens of the same kind are stored: each opens what this one does.
    pub fn names_of_kind(self) -> Vec<&'static str> {
        let alike = Self::ALL
            .into_iter()
            .filter(|other| other.token_kind() == self.token_kind());
        alike.map(Self::as_str).collect()
    }

    /// Returns how long the token counts (NIST SP 800-63B-4 §4.2.1.2: a day at most by mail).
    pub const fn life(self) -> TimeDelta {
        match self {
            Self::MagicLink => TimeDelta::minutes(10),
            Self::PasswordReset => TimeDelta::minutes(15),
            // Its reader may look into their mail the next morning.
            Self::Invitation | Self::EmailVerification => TimeDelta::hours(24),
        }
    }

    /// Returns the link that a mail carries. `base` is the deployment's, never anything taken from a request.
    pub fn link(self, base: &str, token: &str) -> String {
        let page = match self {
            Self::MagicLink => "magic-link",
            Self::PasswordReset | Self::Invitation => "reset-password",
            Self::EmailVerification => "verify-email",
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
}
