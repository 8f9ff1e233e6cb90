//! Permissions: what the roles of a user mean to back ends, as a deployment lists it for its tokens.

use std::collections::{BTreeMap, BTreeSet};

use super::oauth::scope::is_scope;
use super::policy::numbers::{MOST_PERMISSIONS, PERMISSIONS_BYTES};
use super::roles::is_role;

/// What is wrong with the name of a role.
const ROLE: &str = "must be a role: 1 to 64 letters a-z, digits, dots, colons, dashes or underscores";
/// What is wrong with a permission.
const PERMISSION: &str =
    "must be a list of permissions, each of 1 to 100 printable ASCII characters without space, quote and backslash";

/// The permissions of each role. None by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RolePermissions(BTreeMap<String, BTreeSet<String>>);

impl RolePermissions {
    /// Checks what a deployment lists for each role. A token may carry all roles, so the bounds are those of all
    /// permissions together.
    ///
    /// # Errors
    ///
    /// Describes each fault, beginning with the role.
    pub fn check(listed: Vec<(String, Vec<String>)>) -> Result<Self, Vec<String>> {
        let mut faults = Vec::new();
        let mut roles = BTreeMap::new();
        for (role, permissions) in listed {
            if !is_role(&role) {
                faults.push(format!("{role}: {ROLE}"));
            } else if !permissions.iter().all(|permission| is_scope(permission)) {
                faults.push(format!("{role}: {PERMISSION}"));
            }
            roles.insert(role, permissions.into_iter().collect());
        }
        let made = Self(roles);
        let all = made.of(&made.0.keys().cloned().collect::<Vec<_>>());
        if all.len() > MOST_PERMISSIONS || written_length(&all) > PERMISSIONS_BYTES {
            faults.push(format!(
                "must be at most {MOST_PERMISSIONS} permissions and {PERMISSIONS_BYTES} bytes over all roles together: \
                 a token contains those of all roles of its user"
            ));
        }
        if faults.is_empty() { Ok(made) } else { Err(faults) }
    }

    /// Returns the permissions of all these roles, sorted.
    pub fn of(&self, roles: &[String]) -> Vec<String> {
        let of_roles = roles.iter().filter_map(|role| self.0.get(role)).flatten();
        let distinct: BTreeSet<&String> = of_roles.collect();
        distinct.into_iter().cloned().collect()
    }
}

/// Returns the length of a list in JSON. No permission has a character that JSON escapes.
fn written_length(permissions: &[String]) -> usize {
    permissions.iter().map(|permission| permission.len() + 3).sum()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn list(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn check(listed: &[(&str, &[&str])]) -> Result<RolePermissions, Vec<String>> {
        let owned = listed
            .iter()
            .map(|(role, permissions)| ((*role).to_owned(), list(permissions)));
        RolePermissions::check(owned.collect())
    }

    #[test]
    fn roles_have_the_union_of_their_permissions() {
        let permissions = check(&[
            ("editor", &["posts:write", "posts:read", "posts:read"]),
            ("shop:clerk", &["orders:read", "posts:read"]),
            ("empty", &[]),
        ])
        .unwrap();
        assert_eq!(
            permissions.of(&list(&["shop:clerk", "editor", "unknown"])),
            ["orders:read", "posts:read", "posts:write"]
        );
        assert!(permissions.of(&list(&["empty", "Editor"])).is_empty());
        assert!(RolePermissions::default().of(&list(&["admin"])).is_empty());
    }

    #[test]
    fn each_fault_is_named() {
        let faults = check(&[("a b", &["x"]), ("c", &["x y"]), ("d", &[""])]).unwrap_err();
        assert_eq!(faults.len(), 3, "{faults:?}");
        for (fault, role) in faults.iter().zip(["a b: ", "c: ", "d: "]) {
            assert!(fault.starts_with(role), "{fault}");
        }
        for bad in ["a\"b", "a\\b", "ä", "a\n", &"x".repeat(101)] {
            assert!(check(&[("a", &[bad])]).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn what_all_roles_have_together_fits_a_token() {
        let names: Vec<String> = (0..=MOST_PERMISSIONS).map(|number| format!("p{number}")).collect();
        let of = |names: &[String]| {
            let (one, other) = names.split_at(names.len() / 2);
            RolePermissions::check(vec![("a".to_owned(), one.to_vec()), ("b".to_owned(), other.to_vec())])
        };
        assert!(of(&names[1..]).is_ok());
        assert_eq!(of(&names).unwrap_err().len(), 1);
        let long: Vec<String> = (0..PERMISSIONS_BYTES / 100)
            .map(|number| format!("{number:0>97}"))
            .collect();
        assert!(of(&long).is_ok());
        assert!(of(&[long, vec!["x".repeat(97)]].concat()).is_err());
    }

    proptest! {
        #[test]
        fn more_roles_never_have_less(
            listed in proptest::collection::btree_map("[a-c]", proptest::collection::vec("[p-t]", 0..4), 0..4),
            (some, more) in (proptest::collection::vec("[a-d]", 0..4), proptest::collection::vec("[a-d]", 0..4)),
        ) {
            let permissions = RolePermissions::check(listed.into_iter().collect()).unwrap();
            let (fewer, all) = (permissions.of(&some), permissions.of(&[some, more].concat()));
            prop_assert!(fewer.iter().all(|permission| all.contains(permission)));
            prop_assert!(all.is_sorted() && all.windows(2).all(|pair| pair[0] != pair[1]));
        }
    }
}
