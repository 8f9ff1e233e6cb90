//! What the presented token allows now: the lower of what the token says and what its session and account say.
//!
//! Several tokens of one session are valid at the same time, and the session's row changes when one of them is used to
//! step up. A client that presents another one has not given that proof. So a token counts for what it says itself, and
//! the row can only reduce it (ASVS 8.2.4): proofs, times and roles that the row no longer has do not count, however
//! fresh the token is.

use std::sync::Arc;

use chrono::DateTime;

use super::access_token::{AccessTokenClaims, AccessTokenPolicy};
use super::app_claims::AppClaims;
use super::assurance::Proofs;
use super::email::Email;
use super::roles;
use super::session::ActiveSession;
use super::user::User;
use super::username::Username;

/// What a presented access token allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authority {
    proofs: Proofs,
    roles: Vec<String>,
    permissions: Vec<String>,
    /// The members of the token's that the account still has.
    app: AppClaims,
    /// Whether the account still has the address and the user name that the token contains.
    has_email: bool,
    has_username: bool,
}

impl Authority {
    /// Combines the claims of a token with its session and account as they are now, and with the second factors that
    /// roles require now, and their permissions now.
    pub fn of(claims: &AccessTokenClaims, session: &ActiveSession, user: &User, policy: &AccessTokenPolicy) -> Self {
        // A time beyond the calendar stands for no proof at all.
        let auth_time = DateTime::from_timestamp(claims.auth_time, 0);
        let shown = auth_time.map(|auth_time| session.proofs.shown_by(&claims.amr, auth_time));
        let proofs = shown.unwrap_or_default();
        let is_kept = |role: &String| user.roles.contains(role);
        let mut roles = policy.role_factors.carried(&claims.roles, &proofs);
        roles.retain(is_kept);
        let mut permissions = policy.role_permissions.of(&roles);
        permissions.retain(|permission| claims.permissions.contains(permission));
        Self {
            proofs,
            roles,
            permissions,
            app: claims.app.shared_with(&user.claims),
            has_email: claims.email.as_deref() == user.verified_email().map(Email::as_str),
            has_username: claims.username.as_deref() == user.username.as_ref().map(Username::as_str),
        }
    }

    /// Returns the proofs that token and session agree on, none later than the token's `auth_time`.
    pub const fn proofs(&self) -> &Proofs {
        &self.proofs
    }

    /// Returns whether token and account both have the role of administrators.
    pub fn is_administrator(&self) -> bool {
        roles::is_administrator(&self.roles)
    }

    /// Returns the claims as they apply now, for the response of an introspection. They are the token's own unless the
    /// session or the account lost something after the token was made.
    pub fn confirm(&self, claims: Arc<AccessTokenClaims>) -> Arc<AccessTokenClaims> {
        let auth_time = self.proofs.auth_time().map_or(0, |at| at.timestamp());
        let (acr, amr) = (self.proofs.level().acr(), self.proofs.amr());
        // Compared before anything is copied: gateways introspect on every request, and few tokens have lost something.
        let has_proofs = claims.auth_time == auth_time && claims.acr == acr && claims.amr == amr;
        let email = claims.email.as_ref().filter(|_| self.has_email);
        let username = claims.username.as_ref().filter(|_| self.has_username);
        let has_names = claims.email.as_ref() == email && claims.username.as_ref() == username;
        let has_rights = claims.roles == self.roles && claims.permissions == self.permissions;
        if has_proofs && has_names && has_rights && claims.app == self.app {
            return claims;
        }
        Arc::new(AccessTokenClaims {
            auth_time,
            acr: acr.to_owned(),
            amr: amr.into_iter().map(str::to_owned).collect(),
            roles: self.roles.clone(),
            permissions: self.permissions.clone(),
            app: self.app.clone(),
            email: email.cloned(),
            username: username.cloned(),
            ..(*claims).clone()
        })
    }
}

#[cfg(test)]
mod tests {
    use chrono::{TimeDelta, Utc};
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;
    use crate::domain::app_claims::tests::any_claims;
    use crate::domain::assurance::{AuthenticationMethod, Proof};
    use crate::domain::ids::{SessionId, UserId};
    use crate::domain::message::Locale;
    use crate::domain::permissions::RolePermissions;
    use crate::domain::roles::RoleFactors;
    use crate::domain::session::{RefreshSeries, RefreshTokenTransport, SessionEnds};

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, 0).unwrap()
    }

    fn session(proofs: Proofs) -> ActiveSession {
        let end = at(1_000_000);
        ActiveSession {
            id: SessionId::from_uuid(Uuid::from_u128(1)),
            user_id: UserId::from_uuid(Uuid::from_u128(2)),
            proofs,
            created_at: at(0),
            ends: SessionEnds {
                absolute: end,
                idle: end,
            },
            refresh: RefreshSeries::begun(),
            delivery: RefreshTokenTransport::Body,
            grant: None,
            key: None,
        }
    }

    fn user(roles: &[&str]) -> User {
        User {
            id: UserId::from_uuid(Uuid::from_u128(2)),
            email: None,
            email_verified_at: None,
            username: None,
            roles: roles.iter().map(|role| (*role).to_owned()).collect(),
            claims: AppClaims::default(),
            created_at: at(0),
            locale: Locale::En,
            has_password: true,
        }
    }

    fn token(session: &ActiveSession, user: &User) -> Arc<AccessTokenClaims> {
        Arc::new(policy().claims(session, user, at(0), Uuid::nil()))
    }

    /// Administrators require a passkey here, and clerks may do what editors may.
    fn policy() -> AccessTokenPolicy {
        let lists = [("editor", &["read", "write"][..]), ("clerk", &["read"])];
        let permissions =
            lists.map(|(role, list)| (role.to_owned(), list.iter().map(|&name| name.to_owned()).collect()));
        AccessTokenPolicy {
            issuer: "https://auth.example.com".into(),
            audience: "https://api.example.com".into(),
            client_id: "app".into(),
            ttl: TimeDelta::seconds(600),
            with_email: false,
            with_username: false,
            role_factors: RoleFactors::parse(std::iter::once("admin:passkey")).unwrap(),
            role_permissions: RolePermissions::check(permissions.to_vec()).unwrap(),
        }
    }

    fn any_proofs() -> impl Strategy<Value = Proofs> {
        let method = (0..AuthenticationMethod::ALL.len()).prop_map(|index| AuthenticationMethod::ALL[index]);
        let proof = (method, 0_i64..1000).prop_map(|(method, seconds)| Proof {
            method,
            at: at(seconds),
        });
        proptest::collection::vec(proof, 1..8).prop_map(Proofs::from_iter)
    }

    fn any_roles() -> impl Strategy<Value = Vec<&'static str>> {
        proptest::sample::subsequence(vec!["admin", "editor", "clerk"], 0..=3)
    }

    #[test]
    fn a_role_counts_while_token_and_account_have_it() {
        let session = session(Proofs::first(AuthenticationMethod::VerifiedPasskey, at(0)));
        for (in_token, in_row, counts) in [
            (&["admin"][..], &["admin"][..], true),
            (&["admin"], &["editor"], false),
            (&["editor"], &["admin", "editor"], false),
        ] {
            let claims = token(&session, &user(in_token));
            let authority = Authority::of(&claims, &session, &user(in_row), &policy());
            assert_eq!(authority.is_administrator(), counts, "{in_token:?} {in_row:?}");
        }
    }

    /// Whatever the token says: its row may have lost the proof, and the deployment may have begun to require it.
    #[test]
    fn a_role_counts_with_a_proof_of_its_factor_only() {
        let with_passkey = session(Proofs::first(AuthenticationMethod::VerifiedPasskey, at(0)));
        let without = session(Proofs::first(AuthenticationMethod::Password, at(0)));
        let claims = token(&with_passkey, &user(&["admin", "editor"]));
        assert_eq!(claims.roles, ["admin", "editor"]);
        for (row, counts) in [(&with_passkey, true), (&without, false)] {
            let authority = Authority::of(&claims, row, &user(&["admin", "editor"]), &policy());
            assert_eq!(authority.is_administrator(), counts);
            assert!(
                authority
                    .confirm(Arc::clone(&claims))
                    .roles
                    .contains(&"editor".to_owned())
            );
        }
        let old = Arc::new(AccessTokenClaims {
            roles: vec!["admin".to_owned()],
            ..(*token(&without, &user(&[]))).clone()
        });
        let authority = Authority::of(&old, &without, &user(&["admin"]), &policy());
        assert!(!authority.is_administrator());
        let open = AccessTokenPolicy {
            role_factors: RoleFactors::default(),
            ..policy()
        };
        assert!(Authority::of(&old, &without, &user(&["admin"]), &open).is_administrator());
    }

    proptest! {
        /// For any row, when the token was made and now.
        #[test]
        fn nothing_counts_that_not_both_token_and_row_say(
            (then, now) in (any_proofs(), any_proofs()), (had, has) in (any_roles(), any_roles()),
            (claimed, claims) in (any_claims(), any_claims()),
        ) {
            let then_user = User { claims: claimed.clone(), ..user(&had) };
            let now_user = User { claims: claims.clone(), ..user(&has) };
            let claims = token(&session(then), &then_user);
            let row = session(now);
            let authority = Authority::of(&claims, &row, &now_user, &policy());
            let of_row = token(&row, &now_user);
            let counts = authority.confirm(Arc::clone(&claims));
            for limit in [&claims, &of_row] {
                prop_assert!(counts.acr <= limit.acr);
                prop_assert!(counts.roles.iter().all(|role| limit.roles.contains(role)));
                prop_assert!(counts.permissions.iter().all(|one| limit.permissions.contains(one)));
                prop_assert_eq!(&counts.app.shared_with(&limit.app), &counts.app);
                prop_assert!(counts.amr.iter().all(|name| limit.amr.contains(name)));
            }
            prop_assert!(counts.auth_time <= claims.auth_time);
            for proof in authority.proofs().iter() {
                let in_row = row.proofs.iter().find(|of_row| of_row.method == proof.method);
                prop_assert!(in_row.is_some_and(|of_row| proof.at <= of_row.at));
            }
        }

        #[test]
        fn a_token_of_the_row_as_it_is_counts_in_full(
            proofs in any_proofs(), roles in any_roles(), claims in any_claims(),
        ) {
            let (row, user) = (session(proofs), User { claims, ..user(&roles) });
            let claims = token(&row, &user);
            let counts = Authority::of(&claims, &row, &user, &policy()).confirm(Arc::clone(&claims));
            prop_assert!(Arc::ptr_eq(&counts, &claims));
        }
    }
}
