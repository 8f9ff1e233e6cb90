//! An account as operators see it, and the ways to name one.

use chrono::{DateTime, Utc};

use super::email::Email;
use super::ids::UserId;
use super::typed_text;
use super::user::User;
use super::username::Username;

/// Most characters of a search: those of the longest address.
const LONGEST_QUERY: usize = 254;

/// An account, enabled or not.
#[derive(Clone, Debug)]
pub struct ManagedUser {
    /// The account.
    pub user: User,
    /// Whether the account is disabled.
    pub disabled: bool,
    /// When too many wrong guesses disabled the password; `None` while it is accepted.
    pub password_disabled_at: Option<DateTime<Utc>>,
    /// When too many wrong guesses disabled all second factors but recovery codes; `None` while they are accepted.
    pub codes_disabled_at: Option<DateTime<Utc>>,
    /// Whether the password is accepted from known networks only.
    pub password_refused_to_strangers: bool,
    /// Whether second factors but recovery codes and passkeys are accepted from known networks only.
    pub codes_refused_to_strangers: bool,
}

/// Names one account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UserSelector {
    /// By id.
    Id(UserId),
    /// By address.
    Email(Email),
    /// By name.
    Username(Username),
}

impl UserSelector {
    /// Parses an id, an address or a user name: no text is two of them.
    ///
    /// # Errors
    ///
    /// Describes the expected form.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        if let Some(id) = UserId::parse(typed_text::trim(text)) {
            return Ok(Self::Id(id));
        }
        if text.contains('@') {
            return Email::parse(text).map(Self::Email);
        }
        Username::parse(text)
            .map(Self::Username)
            .map_err(|_wanted| "must be the id, the e-mail address or the user name of an account")
    }
}

/// Selects accounts: those that match all of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserFilter {
    /// What was searched for.
    pub query: UserQuery,
    /// Whether they are those of administrators only. An index has these, and no other role.
    pub administrators: bool,
    /// The state that they are in, if one is wanted.
    pub state: Option<AccountState>,
}

/// A state of accounts that operators search for. Each has an index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccountState {
    /// An operator disabled it.
    Disabled,
    /// Too many wrong guesses disabled its password.
    PasswordDisabled,
    /// Too many wrong guesses disabled its second factors but recovery codes.
    CodesDisabled,
    /// Its address is not verified.
    Unverified,
}

impl AccountState {
    /// All states.
    pub const ALL: [Self; 4] = [
        Self::Disabled,
        Self::PasswordDisabled,
        Self::CodesDisabled,
        Self::Unverified,
    ];

    /// Returns its name in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Disabled => "disabled",
            Self::PasswordDisabled => "password_disabled",
            Self::CodesDisabled => "codes_disabled",
            Self::Unverified => "unverified",
        }
    }

    /// Parses a name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

impl From<UserQuery> for UserFilter {
    fn from(query: UserQuery) -> Self {
        Self {
            query,
            ..Self::default()
        }
    }
}

/// Which accounts an operator searches for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum UserQuery {
    /// All.
    #[default]
    All,
    /// The one with this id.
    Id(UserId),
    /// Those whose address or user name begins with this.
    Prefix(String),
}

impl UserQuery {
    /// Parses an operator's search: an id, or the beginning of an address or a user name.
    ///
    /// # Errors
    ///
    /// Describes the expected form if no address and no user name could begin with the text.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let text = typed_text::trim(text).to_ascii_lowercase();
        if text.is_empty() {
            return Ok(Self::All);
        }
        if let Some(id) = UserId::parse(&text) {
            return Ok(Self::Id(id));
        }
        if text.len() > LONGEST_QUERY || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err("must be an id, or the beginning of an e-mail address or a user name");
        }
        Ok(Self::Prefix(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "019a2b3c-4d5e-7f60-8a1b-2c3d4e5f6071";

    #[test]
    fn an_account_is_named_in_three_ways() {
        assert!(matches!(UserSelector::parse(ID), Ok(UserSelector::Id(_))));
        assert!(matches!(
            UserSelector::parse(&ID.to_uppercase()),
            Ok(UserSelector::Id(_))
        ));
        assert!(matches!(
            UserSelector::parse("Jo@Example.com"),
            Ok(UserSelector::Email(_))
        ));
        assert!(matches!(UserSelector::parse("Jo.Doe"), Ok(UserSelector::Username(_))));
        for bad in ["", "jo", "jo@", "jo doe"] {
            assert!(UserSelector::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_search_is_an_id_or_a_beginning() {
        assert_eq!(UserQuery::parse("  "), Ok(UserQuery::All));
        assert!(matches!(UserQuery::parse(ID), Ok(UserQuery::Id(_))));
        assert_eq!(UserQuery::parse(" Jo@ "), Ok(UserQuery::Prefix("jo@".to_owned())));
        for bad in ["jö", "a\0", "a b", &"x".repeat(255)] {
            assert!(UserQuery::parse(bad).is_err(), "{bad:?}");
        }
    }
}
