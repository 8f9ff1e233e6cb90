//! Roles: words that operators grant, and that back ends read in tokens.
//!
//! One of them has a meaning in this service: a user with [`ADMIN`] may administer it over HTTP. The deployment gives
//! all others their meaning.

use super::policy::numbers::MOST_ROLES;

/// The role of administrators.
pub const ADMIN: &str = "admin";
const ROLE_LENGTH: usize = 64;

/// Checks a list of roles and removes duplicates. Roles go into tokens, and into a header that separates them by
/// commas.
///
/// # Errors
///
/// Describes the expected list.
pub fn check(roles: &[String]) -> Result<Vec<String>, &'static str> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._:-".contains(&byte);
    let is_role = |role: &String| (1..=ROLE_LENGTH).contains(&role.len()) && role.bytes().all(allowed);
    let mut distinct: Vec<String> = Vec::new();
    for role in roles {
        if !distinct.contains(role) {
            distinct.push(role.clone());
        }
    }
    if roles.len() > MOST_ROLES || !roles.iter().all(is_role) {
        return Err(
            "must be at most 32 roles, each of 1 to 64 letters a-z, digits, dots, colons, dashes or underscores",
        );
    }
    Ok(distinct)
}

/// Returns whether the roles include that of administrators.
pub fn is_administrator(roles: &[String]) -> bool {
    roles.iter().any(|role| role == ADMIN)
}

/// A change of an account's roles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RolesChange {
    /// These, and no others.
    Set(Vec<String>),
    /// These as well.
    Grant(Vec<String>),
    /// All but these.
    Revoke(Vec<String>),
}

impl RolesChange {
    /// Returns the roles after the change.
    ///
    /// # Errors
    ///
    /// Describes the expected list.
    pub fn apply(&self, roles: &[String]) -> Result<Vec<String>, &'static str> {
        match self {
            Self::Set(new) => check(new),
            Self::Grant(more) => {
                // The new roles are checked alone first: the error is then about the request, and not about the roles
                // of the account.
                check(more)?;
                check(&[roles, more].concat())
            }
            Self::Revoke(fewer) => Ok(roles.iter().filter(|role| !fewer.contains(role)).cloned().collect()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(roles: &[&str]) -> Vec<String> {
        roles.iter().map(|role| (*role).to_owned()).collect()
    }

    #[test]
    fn roles_are_words_that_a_header_can_carry() {
        assert_eq!(
            check(&list(&["editor", "shop:admin", "editor"])),
            Ok(list(&["editor", "shop:admin"]))
        );
        for bad in ["", "a,b", "a b", "ä", "a\n", &"x".repeat(65)] {
            assert!(check(&list(&[bad])).is_err(), "{bad:?}");
        }
        assert!(check(&vec!["r".to_owned(); 33]).is_err());
    }

    #[test]
    fn only_the_whole_word_makes_an_administrator() {
        assert!(is_administrator(&list(&["x", "admin"])));
        for other in ["Admin", "shop:admin", "admins"] {
            assert!(!is_administrator(&list(&[other])), "{other}");
        }
    }

    #[test]
    fn roles_are_set_granted_and_revoked() {
        let had = list(&["a", "b"]);
        let after = |change: RolesChange| change.apply(&had).unwrap();
        assert_eq!(after(RolesChange::Set(list(&["c"]))), list(&["c"]));
        assert_eq!(after(RolesChange::Grant(list(&["b", "c"]))), list(&["a", "b", "c"]));
        assert_eq!(after(RolesChange::Revoke(list(&["a", "x"]))), list(&["b"]));
        assert!(RolesChange::Grant(list(&["b d"])).apply(&had).is_err());
    }
}
