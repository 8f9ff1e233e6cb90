//! Roles: words that operators grant, and that back ends read in tokens.
//!
//! One of them has a meaning in this service: a user with [`ADMIN`] may administer it over HTTP. The deployment gives
//! all others their meaning.
//!
//! A deployment may require a second factor of some kind for a role ([`RoleFactors`]). The account keeps such a role,
//! but a session carries it only after a factor of that kind was verified in it. Every place that reads the roles of a
//! session asks [`RoleFactors::carried`].

use super::assurance::{AuthenticationMethod, Proofs};
use super::factor::FactorKind;
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
    let mut distinct: Vec<String> = Vec::new();
    for role in roles {
        if !distinct.contains(role) {
            distinct.push(role.clone());
        }
    }
    if roles.len() > MOST_ROLES || !roles.iter().all(|role| is_role(role)) {
        return Err(
            "must be at most 32 roles, each of 1 to 64 letters a-z, digits, dots, colons, dashes or underscores",
        );
    }
    Ok(distinct)
}

/// Returns whether a text can be a role.
pub(super) fn is_role(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._:-".contains(&byte);
    (1..=ROLE_LENGTH).contains(&text.len()) && text.bytes().all(allowed)
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

/// The second factors that roles require, in pairs of a role and a kind. A role with several kinds requires one of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RoleFactors(Vec<(String, FactorKind)>);

/// A role that a session does not carry, because no factor that the role requires was verified in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WithheldRole {
    /// The role.
    pub role: String,
    /// The kinds of factors of which the role requires one.
    pub kinds: Vec<FactorKind>,
}

impl RoleFactors {
    /// Parses pairs of a role and the name of a kind, separated by a colon. A role may contain colons, a kind does not.
    ///
    /// # Errors
    ///
    /// Describes the expected list.
    pub fn parse<'a>(pairs: impl Iterator<Item = &'a str>) -> Result<Self, &'static str> {
        const WANTED: &str =
            "must be a list of a role and a second factor, each pair once, such as admin:passkey,support:totp";
        let mut parsed = Vec::new();
        for pair in pairs {
            let (role, kind) = pair.rsplit_once(':').ok_or(WANTED)?;
            let kind = FactorKind::parse(kind).filter(|kind| kind.abilities().counts);
            let entry = (role.to_owned(), kind.ok_or(WANTED)?);
            if !is_role(role) || parsed.contains(&entry) {
                return Err(WANTED);
            }
            parsed.push(entry);
        }
        Ok(Self(parsed))
    }

    /// Lists all kinds that a role requires, which the deployment has to use.
    pub fn kinds(&self) -> impl Iterator<Item = FactorKind> {
        self.0.iter().map(|(_, kind)| *kind)
    }

    /// Returns the kinds of factors of which a role requires one; none if the role requires no second factor.
    pub fn required_for(&self, role: &str) -> Vec<FactorKind> {
        let of_role = self.0.iter().filter(|(required_for, _)| required_for == role);
        of_role.map(|(_, kind)| *kind).collect()
    }

    /// Returns the methods of which a role requires one; none if it requires no second factor.
    pub fn methods_for(&self, role: &str) -> Vec<AuthenticationMethod> {
        FactorKind::methods(&self.required_for(role))
    }

    fn allows(&self, role: &str, proofs: &Proofs) -> bool {
        let methods = self.methods_for(role);
        methods.is_empty() || proofs.iter().any(|proof| methods.contains(&proof.method))
    }

    /// Returns those of an account's roles that a session with these proofs carries.
    pub fn carried(&self, roles: &[String], proofs: &Proofs) -> Vec<String> {
        let carried = roles.iter().filter(|role| self.allows(role, proofs));
        carried.cloned().collect()
    }

    /// Returns those of an account's roles that an API key carries. A key shows no second factor, so it carries no role
    /// that requires one. It never carries [`ADMIN`]: an administrator's key in a script would be the account itself.
    pub fn carried_by_keys(&self, roles: &[String]) -> Vec<String> {
        let mut carried = self.carried(roles, &Proofs::default());
        carried.retain(|role| role != ADMIN);
        carried
    }

    /// Returns those of an account's roles that a session with these proofs does not carry.
    pub fn withheld(&self, roles: &[String], proofs: &Proofs) -> Vec<WithheldRole> {
        let withheld = roles.iter().filter(|role| !self.allows(role, proofs));
        withheld
            .map(|role| WithheldRole {
                role: role.clone(),
                kinds: self.required_for(role),
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use proptest::prelude::*;

    use super::*;
    use crate::domain::assurance::Proof;

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

    fn parse(text: &str) -> Result<RoleFactors, &'static str> {
        RoleFactors::parse(text.split(',').filter(|pair| !pair.is_empty()))
    }

    #[test]
    fn a_role_may_have_colons_and_several_kinds() {
        let factors = parse("admin:passkey,shop:admin:totp,admin:totp").unwrap();
        assert_eq!(factors.required_for("admin"), [FactorKind::Passkey, FactorKind::Totp]);
        assert_eq!(factors.required_for("shop:admin"), [FactorKind::Totp]);
        assert!(factors.required_for("shop").is_empty());
        assert_eq!(parse(""), Ok(RoleFactors::default()));
        for bad in [
            "admin",
            "admin:",
            ":passkey",
            "admin:fax",
            "admin:Passkey",
            "admin: passkey",
            "admin:recovery_code",
            "a b:totp",
            "admin:totp,admin:totp",
            "admin=passkey",
            "admin:passkey|totp",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        /// For every set of proofs: a role is carried or withheld, and carried only with a proof of a required kind.
        #[test]
        fn a_role_is_carried_with_one_of_its_factors_only(
            methods in proptest::sample::subsequence(AuthenticationMethod::ALL.to_vec(), 0..AuthenticationMethod::ALL.len()),
        ) {
            let factors = parse("admin:passkey,support:totp,support:sms").unwrap();
            let roles = list(&["support", "editor", "admin"]);
            let at = DateTime::UNIX_EPOCH;
            let proofs: Proofs = methods.iter().map(|method| Proof { method: *method, at }).collect();
            let has = |kinds: &[FactorKind]| {
                methods.iter().any(|method| FactorKind::proved_by(*method).is_some_and(|kind| kinds.contains(&kind)))
            };
            let expected: Vec<String> = [
                ("support", has(&[FactorKind::Totp, FactorKind::Sms])),
                ("editor", true),
                ("admin", has(&[FactorKind::Passkey])),
            ]
            .into_iter()
            .filter(|(_, carried)| *carried)
            .map(|(role, _)| role.to_owned())
            .collect();
            prop_assert_eq!(&factors.carried(&roles, &proofs), &expected);
            let withheld = factors.withheld(&roles, &proofs);
            prop_assert_eq!(withheld.len() + expected.len(), roles.len());
            prop_assert!(withheld.iter().all(|one| !expected.contains(&one.role) && !one.kinds.is_empty()));
            prop_assert_eq!(RoleFactors::default().carried(&roles, &proofs), roles);
        }
    }
}
