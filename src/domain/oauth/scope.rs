//! Scopes (RFC 6749 §3.3): what an application may do, and which claims it learns.

use serde::{Deserialize, Serialize};

/// Asks for an ID token (OpenID Connect Core 1.0 §3.1.2.1).
pub const OPENID: &str = "openid";
/// The user name and the language (OpenID Connect Core 1.0 §5.4).
pub const PROFILE: &str = "profile";
/// The address (OpenID Connect Core 1.0 §5.4).
pub const EMAIL: &str = "email";
/// The roles that the session carries.
pub const ROLES: &str = "roles";
/// What back ends keep about the user.
pub const CLAIMS: &str = "claims";
/// A refresh token (OpenID Connect Core 1.0 §11).
pub const OFFLINE_ACCESS: &str = "offline_access";
/// The scopes with a meaning in this service. The deployment gives all others theirs.
pub const STANDARD: [&str; 6] = [OPENID, PROFILE, EMAIL, ROLES, CLAIMS, OFFLINE_ACCESS];
/// Of services: sets the claims of users.
pub const CLAIMS_WRITE: &str = "claims:write";
/// Of services: reads the audit trail.
pub const EVENTS_READ: &str = "events:read";
/// Of services: reads accounts.
pub const USERS_READ: &str = "users:read";
/// All scopes of the resource of administration.
pub const ADMINISTRATION: [&str; 3] = [CLAIMS_WRITE, EVENTS_READ, USERS_READ];

/// The most scopes of a client or a request.
pub const MOST_SCOPES: usize = 32;
const LONGEST: usize = 100;

/// Distinct scopes, in the order in which they were asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scopes(Vec<String>);

impl Scopes {
    /// Parses a list that is separated by single spaces. `None` if one of them is not a scope, or if there are too
    /// many.
    pub fn parse(text: &str) -> Option<Self> {
        Self::of(text.split(' ').map(str::to_owned))
    }

    /// Takes a list, and removes duplicates. `None` if one of them is not a scope, or if there are too many.
    pub fn of(scopes: impl IntoIterator<Item = String>) -> Option<Self> {
        let mut distinct = Vec::new();
        for scope in scopes {
            if !is_scope(&scope) {
                return None;
            }
            if !distinct.contains(&scope) {
                distinct.push(scope);
            }
        }
        (distinct.len() <= MOST_SCOPES).then_some(Self(distinct))
    }

    /// Accepts what the database contains.
    pub const fn from_stored(scopes: Vec<String>) -> Self {
        Self(scopes)
    }

    /// Returns whether a scope is among them.
    pub fn has(&self, scope: &str) -> bool {
        self.0.iter().any(|one| one == scope)
    }

    /// Returns whether all of `others` are among them.
    pub fn cover(&self, others: &Self) -> bool {
        others.0.iter().all(|scope| self.has(scope))
    }

    /// Returns those that are also among `allowed`.
    #[must_use]
    pub fn within(&self, allowed: &Self) -> Self {
        Self(self.0.iter().filter(|scope| allowed.has(scope)).cloned().collect())
    }

    /// Reads which of these a request asks for: everything, if it does not say. The list may name others as well. `None`
    /// if it is not a list of scopes.
    pub fn requested(&self, scope: Option<&str>) -> Option<Self> {
        scope.map_or_else(|| Some(self.clone()), Self::parse)
    }

    /// Returns these without one scope.
    #[must_use]
    pub fn without(&self, scope: &str) -> Self {
        Self(self.0.iter().filter(|one| *one != scope).cloned().collect())
    }

    /// Returns these and `others`.
    #[must_use]
    pub fn and(&self, others: &Self) -> Self {
        let more = others.0.iter().filter(|scope| !self.has(scope));
        Self(self.0.iter().chain(more).cloned().collect())
    }

    /// Returns whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns them as a list.
    pub fn as_slice(&self) -> &[String] {
        &self.0
    }

    /// Returns them separated by spaces.
    pub fn to_text(&self) -> String {
        self.0.join(" ")
    }
}

/// RFC 6749 §3.3: printable ASCII without the space, the double quote and the backslash.
pub(in crate::domain) fn is_scope(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\';
    (1..=LONGEST).contains(&text.len()) && text.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_list_has_single_spaces_and_no_quotes() {
        assert_eq!(Scopes::parse("openid email openid").unwrap().to_text(), "openid email");
        for text in [
            "",
            " ",
            "openid ",
            " openid",
            "openid  email",
            "a\"b",
            "a\\b",
            "a\tb",
            "é",
        ] {
            assert_eq!(Scopes::parse(text), None, "{text:?}");
        }
        let many: Vec<String> = (0..=MOST_SCOPES).map(|number| format!("s{number}")).collect();
        assert_eq!(Scopes::of(many), None);
    }

    fn scopes() -> impl Strategy<Value = Scopes> {
        proptest::collection::vec("[a-e]", 0..6).prop_map(|list| Scopes::of(list).unwrap())
    }

    proptest! {
        #[test]
        fn a_list_is_read_back(list in proptest::collection::vec("[!#-\\[\\]-~]{1,9}", 1..9)) {
            let scopes = Scopes::of(list).unwrap();
            prop_assert_eq!(Scopes::parse(&scopes.to_text()), Some(scopes));
        }

        #[test]
        fn nothing_is_granted_beyond_what_is_allowed(wanted in scopes(), allowed in scopes(), more in scopes()) {
            let granted = wanted.within(&allowed);
            prop_assert!(allowed.cover(&granted) && wanted.cover(&granted));
            prop_assert!(allowed.and(&more).cover(&allowed) && allowed.and(&more).cover(&more));
            prop_assert_eq!(wanted.cover(&more), more.within(&wanted) == more);
        }
    }
}
