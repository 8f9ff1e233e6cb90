//! An account and its names.

use chrono::{DateTime, Utc};

use super::app_claims::AppClaims;
use super::email::Email;
use super::ids::UserId;
use super::input::InvalidInput;
use super::message::Locale;
use super::names::names;
use super::username::Username;

/// A user's account, without secrets.
#[derive(Clone, Debug)]
pub struct User {
    /// The `sub` of tokens.
    pub id: UserId,
    /// The address, if the account has one.
    pub email: Option<Email>,
    /// When the address was verified.
    pub email_verified_at: Option<DateTime<Utc>>,
    /// The name, if the account has one.
    pub username: Option<Username>,
    /// Granted by operators; empty by default.
    pub roles: Vec<String>,
    /// Set by back ends and operators; empty by default.
    pub claims: AppClaims,
    /// When the account was made.
    pub created_at: DateTime<Utc>,
    /// The language of messages to the user.
    pub locale: Locale,
    /// Whether the account has a password. Without one it signs in with a passkey, or by mail.
    pub has_password: bool,
}

impl User {
    /// Returns the address if it is verified.
    pub fn verified_email(&self) -> Option<&Email> {
        self.email.as_ref().filter(|_| self.email_verified_at.is_some())
    }

    /// Returns the address if it is not verified: it may be a stranger's mailbox.
    pub fn unverified_email(&self) -> Option<&Email> {
        self.email.as_ref().filter(|_| self.email_verified_at.is_none())
    }

    /// Returns whether roles may be granted: the address is verified, or there is none. An unverified address may be a
    /// stranger's mailbox, and its reader can reset the account.
    pub fn may_have_roles(&self) -> bool {
        self.unverified_email().is_none()
    }

    /// Returns the words that the owner might build a password from.
    pub fn words(&self) -> Vec<String> {
        let email = self.email.iter().flat_map(Email::words);
        let username = self.username.iter().map(Username::as_str);
        email.chain(username).map(str::to_owned).collect()
    }

    /// Returns whether this is one of the account's names.
    pub fn has_name(&self, identifier: &Identifier) -> bool {
        match identifier {
            Identifier::Email(email) => self.email.as_ref() == Some(email),
            Identifier::Username(username) => self.username.as_ref() == Some(username),
        }
    }

    /// Returns the name to show in an authenticator app.
    pub fn account_name(&self) -> &str {
        let email = self.email.as_ref().map(Email::as_str);
        email
            .or(self.username.as_ref().map(Username::as_str))
            .unwrap_or("account")
    }
}

/// Whether an account can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserStatus {
    /// It can.
    Active,
    /// An operator disabled it: its sessions are ended, and no login succeeds.
    Disabled,
}

names!(UserStatus {
    Active = "active",
    Disabled = "disabled",
});

/// The identifier that a user signs in with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Identifier {
    /// The address.
    Email(Email),
    /// The user name.
    Username(Username),
}

impl Identifier {
    /// Parses the one identifier of a login.
    ///
    /// # Errors
    ///
    /// Names the faulty member, or says that exactly one is required.
    pub fn parse(email: Option<&str>, username: Option<&str>) -> Result<Self, InvalidInput> {
        match (email, username) {
            (Some(email), None) => Email::parse(email)
                .map(Self::Email)
                .map_err(|wanted| InvalidInput::of("/email", wanted)),
            (None, Some(username)) => Username::parse(username)
                .map(Self::Username)
                .map_err(|wanted| InvalidInput::of("/username", wanted)),
            _ => Err(InvalidInput::of("", "give either email or username")),
        }
    }
}

/// The names of a new account: at least one.
#[derive(Clone, Debug)]
pub struct AccountNames {
    /// The address, if given.
    pub email: Option<Email>,
    /// The name, if given.
    pub username: Option<Username>,
}

impl AccountNames {
    /// Parses the names of a registration and collects all their faults.
    ///
    /// # Errors
    ///
    /// Names each faulty member, or says that at least one is required.
    pub fn parse(email: Option<&str>, username: Option<&str>) -> Result<Self, InvalidInput> {
        let mut invalid = InvalidInput::default();
        if email.is_none() && username.is_none() {
            invalid.push("", "give an email, a username, or both");
        }
        let names = Self {
            email: email.and_then(|text| invalid.keep("/email", Email::parse(text))),
            username: username.and_then(|text| invalid.keep("/username", Username::parse(text))),
        };
        if invalid.errors.is_empty() {
            Ok(names)
        } else {
            Err(invalid)
        }
    }

    /// Lists the names in canonical form.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        let email = self.email.iter().map(Email::as_str);
        email.chain(self.username.iter().map(Username::as_str))
    }

    /// Lists the names, each as an identifier.
    pub fn identifiers(&self) -> impl Iterator<Item = Identifier> {
        let email = self.email.clone().map(Identifier::Email);
        email.into_iter().chain(self.username.clone().map(Identifier::Username))
    }

    /// Returns the words that the owner might build a password from.
    pub fn words(&self) -> Vec<String> {
        let email = self.email.iter().flat_map(Email::words);
        let username = self.username.iter().map(Username::as_str);
        email.chain(username).map(str::to_owned).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pointers(invalid: &InvalidInput) -> Vec<&str> {
        invalid.errors.iter().map(|error| error.pointer).collect()
    }

    #[test]
    fn a_login_names_exactly_one_identifier() {
        assert!(Identifier::parse(Some("jo@example.com"), None).is_ok());
        assert!(Identifier::parse(None, Some("jo.doe")).is_ok());
        assert_eq!(pointers(&Identifier::parse(None, None).unwrap_err()), [""]);
        assert_eq!(
            pointers(&Identifier::parse(Some("jo@example.com"), Some("jo.doe")).unwrap_err()),
            [""]
        );
        assert_eq!(pointers(&Identifier::parse(Some("jo"), None).unwrap_err()), ["/email"]);
    }

    #[test]
    fn a_registration_collects_all_faults() {
        assert_eq!(
            pointers(&AccountNames::parse(Some("jo"), Some("j")).unwrap_err()),
            ["/email", "/username"]
        );
        assert_eq!(pointers(&AccountNames::parse(None, None).unwrap_err()), [""]);
        assert!(AccountNames::parse(None, Some("jo.doe")).is_ok());
    }
}
