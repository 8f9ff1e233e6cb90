//! The claims of an access token (RFC 9068), and when they are accepted.
//!
//! `crypto::jwt` signs and verifies signatures; everything else about a token is decided here, against an injected
//! time. A token contains personal data only if the deployment asks for it: its claims are public.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::app_claims::AppClaims;
use super::dpop::Confirmation;
use super::email::Email;
use super::ids::{SessionId, UserId};
use super::oauth::client::OwnResources;
use super::oauth::scope;
use super::permissions::RolePermissions;
use super::roles::RoleFactors;
use super::session::{ActiveSession, SessionKey};
use super::signed_claims::SignedClaims;
use super::user::User;
use super::username::Username;

/// The `typ` of access tokens (RFC 9068 §2.1), which distinguishes them from other JWTs.
pub const TYPE: &str = "at+jwt";
/// Longest text that is parsed: no token of ours is longer. Most have about 900 characters; claims, permissions, roles
/// and scopes at all their bounds need nearly all of it.
pub const MAX_LENGTH: usize = 16_000;

/// The JOSE header: these members and no others. A token with `jku`, `x5u`, `jwk` or `crit` is not ours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccessTokenHeader {
    /// The algorithm; must be that of the key.
    pub alg: String,
    /// Always [`TYPE`].
    pub typ: String,
    /// Names the key.
    pub kid: String,
}

/// The claims. All times are whole seconds since 1970 (RFC 7519 §2, `NumericDate`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccessTokenClaims {
    /// The issuer: the public URL.
    pub iss: String,
    /// The user.
    pub sub: Uuid,
    /// The back ends that it is for.
    pub aud: String,
    /// The client it was issued to: the one of the deployment, or an application.
    pub client_id: String,
    /// From this time on it is not accepted.
    pub exp: i64,
    /// When it was issued.
    pub iat: i64,
    /// Before this time it is not accepted.
    pub nbf: i64,
    /// Names this one token.
    pub jti: Uuid,
    /// The session it belongs to.
    pub sid: Uuid,
    /// When a proof of the strongest ground among those in `amr` was last given; see
    /// [`Proofs::auth_time`](super::assurance::Proofs::auth_time).
    pub auth_time: i64,
    /// The assurance level: `aal1` or `aal2`.
    pub acr: String,
    /// The authentication methods.
    pub amr: Vec<String>,
    /// Granted by operators, without those that the session does not carry. An empty list is left out: RFC 9068
    /// §2.2.3.1 takes `roles` from RFC 7643 §4.1.2, where an attribute without values is absent (§2.5), and Authlib's
    /// validator refuses a token with an empty list.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<String>,
    /// What these roles mean, where the deployment says so. An empty list is left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub permissions: Vec<String>,
    /// What back ends keep about the user. No name in it can replace another claim of the token.
    #[serde(default, skip_serializing_if = "AppClaims::is_empty")]
    pub app: AppClaims,
    /// Only where `ACCESS_TOKEN_CLAIMS` names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// Only where `ACCESS_TOKEN_CLAIMS` names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// Only in the tokens of applications: what the user allowed (RFC 8693 §4.2).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// Only in tokens that are bound to a key of the client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cnf: Option<Confirmation>,
}

impl SignedClaims for AccessTokenClaims {
    const TYPE: &'static str = TYPE;
}

/// A claim, as the reference describes it to those who verify tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClaimDescription {
    /// Its name.
    pub name: &'static str,
    /// The type of its value in JSON.
    pub kind: &'static str,
    /// What it means, in Markdown.
    pub meaning: &'static str,
    /// When a token has it; `None` if every token does.
    pub present: Option<&'static str>,
}

const fn always(name: &'static str, kind: &'static str, meaning: &'static str) -> ClaimDescription {
    ClaimDescription {
        name,
        kind,
        meaning,
        present: None,
    }
}

/// All claims, in the order of [`AccessTokenClaims`].
pub const CLAIMS: [ClaimDescription; 19] = [
    always("iss", "URL", "the issuer: the public URL of the service"),
    always(
        "sub",
        "UUID",
        "the user's id, which never changes and is never reused. Store this",
    ),
    always(
        "aud",
        "text",
        "the audience: `VESTIBULE_AUDIENCE`, or the issuer's URL if that is not set. In the token of an application, the \
         resource that it is for",
    ),
    always(
        "client_id",
        "text",
        "`VESTIBULE_CLIENT_ID`, `vestibule` by default. In the token of an application, its id, or the URL of \
         its document",
    ),
    always(
        "exp",
        "time",
        "the token is valid until then; never longer than its session",
    ),
    always("iat", "time", "when it was issued"),
    always("nbf", "time", "the token is valid from then on; the same as `iat`"),
    always("jti", "UUID", "this one token"),
    always("sid", "UUID", "the session; the same after every refresh"),
    always(
        "auth_time",
        "time",
        "when the strongest kind of proof in `amr` was last given. A possession factor ranks above a password, and a \
         password above mail. A refresh does not change it, nor does a password in a session with a possession factor. \
         Compare it with the clock where an operation requires a fresh proof",
    ),
    always(
        "acr",
        "text",
        "`aal1`: one factor was verified. `aal2`: two different ones. Require `aal2` where a password alone is not \
         enough",
    ),
    always(
        "amr",
        "list of texts",
        "which factors: `pwd` password, `otp` authenticator app, `recovery` recovery code, `sms` a text message, \
         `email` a mailed link or code, `pop` a passkey, `fed` an account at a provider, `tdv` a trusted device, which \
         spared a second factor and is none. `mfa` is added if there were two, if a passkey verified its user, or if a \
         provider that the operator trusts for this asked for two",
    ),
    ClaimDescription {
        name: "roles",
        kind: "list of texts",
        meaning: "granted by operators, as of the time of issue: a change appears after the next refresh. A role that \
                  requires a second factor (`VESTIBULE_SECOND_FACTORS_FOR`) is missing until such a factor was \
                  verified in the session. Read a missing claim as an empty list (RFC 9068 §2.2.3.1)",
        present: Some("if the session carries any"),
    },
    ClaimDescription {
        name: "permissions",
        kind: "list of texts",
        meaning: "what the roles of the token mean, as `VESTIBULE_ROLE_PERMISSIONS_FILE` lists it, sorted. Read a \
                  missing claim as an empty list",
        present: Some("if one of the roles has any"),
    },
    ClaimDescription {
        name: "app",
        kind: "object",
        meaning: "the claims of the user that back ends and operators have set, as of the time of issue: a change \
                  appears after the next refresh. At most 2,048 bytes. The deployment gives the members their meaning; none of \
                  them is one of the claims of this table, whatever its name",
        present: Some("if the user has any. In the tokens of applications, only with the scope `claims`"),
    },
    ClaimDescription {
        name: "email",
        kind: "text",
        meaning: "the address of the account. Not an identity: users change it",
        present: Some("if `VESTIBULE_ACCESS_TOKEN_CLAIMS` names it, and the address was verified"),
    },
    ClaimDescription {
        name: "username",
        kind: "text",
        meaning: "the user name of the account. Not an identity: users change it",
        present: Some("if `VESTIBULE_ACCESS_TOKEN_CLAIMS` names it, and the account has one"),
    },
    ClaimDescription {
        name: "scope",
        kind: "text",
        meaning: "what the user allowed the application, separated by spaces. A back end that serves applications checks \
                  it before everything else: such a token allows nothing but this",
        present: Some("in the tokens of applications"),
    },
    ClaimDescription {
        name: "cnf",
        kind: "object",
        meaning: "its member `jkt` is the thumbprint of the key that the token is bound to (RFC 9449 §6.1, RFC 7638). Such \
                  a token counts with a proof by that key only, under the scheme `DPoP`. Refuse it as a bearer token",
        present: Some("if the client sent a proof when the session began"),
    },
];

/// Decides whether `now` is within the `nbf` and `exp` of a token, without leeway.
pub(super) const fn is_current((nbf, exp): (i64, i64), now: DateTime<Utc>) -> bool {
    let now = now.timestamp();
    nbf <= now && now < exp
}

/// What one deployment writes into its tokens and requires of them.
#[derive(Clone, Debug)]
pub struct AccessTokenPolicy {
    /// `iss`, the public URL.
    pub issuer: String,
    /// `aud`.
    pub audience: String,
    /// `client_id`.
    pub client_id: String,
    /// Lifetime.
    pub ttl: TimeDelta,
    /// Whether tokens contain the address, once it is verified.
    pub with_email: bool,
    /// Whether tokens contain the user name.
    pub with_username: bool,
    /// The second factors that roles require.
    pub role_factors: RoleFactors,
    /// The permissions of roles.
    pub role_permissions: RolePermissions,
}

impl AccessTokenPolicy {
    /// Makes the claims of a new token, which never outlives its session (ASVS 7.6.1).
    pub fn claims(&self, session: &ActiveSession, user: &User, now: DateTime<Utc>, jti: Uuid) -> AccessTokenClaims {
        let expires_at = (now + self.ttl).min(session.ends.absolute);
        let amr = session.proofs.amr();
        let grant = session.grant.as_ref();
        // An application learns what its scopes allow. The deployment's own client has none, and learns everything.
        let tells = |scope| grant.is_none_or(|grant| grant.scopes.has(scope));
        // An unverified address may be a stranger's, and back ends would take the claim for the user's.
        let email = user.verified_email().filter(|_| self.with_email && tells(scope::EMAIL));
        let username = user.username.as_ref();
        let username = username.filter(|_| self.with_username && tells(scope::PROFILE));
        let roles = tells(scope::ROLES).then(|| self.role_factors.carried(&user.roles, &session.proofs));
        let roles = roles.unwrap_or_default();
        let app = Some(&user.claims).filter(|_| tells(scope::CLAIMS));
        AccessTokenClaims {
            iss: self.issuer.clone(),
            sub: user.id.uuid(),
            aud: grant.map_or(&self.audience, |grant| &grant.audience).clone(),
            client_id: grant.map_or_else(|| self.client_id.clone(), |grant| grant.client.client_id()),
            exp: expires_at.timestamp(),
            iat: now.timestamp(),
            nbf: now.timestamp(),
            jti,
            sid: session.id.uuid(),
            auth_time: session.auth_time().timestamp(),
            acr: session.proofs.level().acr().to_owned(),
            amr: amr.into_iter().map(str::to_owned).collect(),
            permissions: self.role_permissions.of(&roles),
            roles,
            app: app.cloned().unwrap_or_default(),
            email: email.map(Email::as_str).map(str::to_owned),
            username: username.map(Username::as_str).map(str::to_owned),
            scope: grant.map(|grant| grant.scopes.to_text()),
            cnf: session.key.map(Confirmation::of),
        }
    }

    /// Returns the audience of applications that have no resource: their access tokens are for `GET /userinfo` alone.
    pub fn userinfo(&self) -> String {
        format!("{}/userinfo", self.issuer)
    }

    /// Returns the resource of services that administer accounts here. No back end takes such a token for one of its
    /// own, and none that gets a service's token can use it here.
    pub fn administration(&self) -> String {
        format!("{}/admin", self.issuer)
    }

    /// Returns the resources that clients are registered with and that have a meaning here.
    pub fn own_resources(&self) -> OwnResources {
        OwnResources {
            deployment: self.audience.clone(),
            administration: self.administration(),
        }
    }

    /// Decides whether claims with a valid signature are accepted `now`, without leeway.
    pub fn accepts(&self, claims: &AccessTokenClaims, now: DateTime<Utc>) -> bool {
        self.is_ours(claims) && is_current((claims.nbf, claims.exp), now)
    }

    /// Decides whether claims with a valid signature were issued to the deployment's own client, at any time.
    pub fn is_ours(&self, claims: &AccessTokenClaims) -> bool {
        let is_own_client = claims.aud == self.audience && claims.client_id == self.client_id;
        claims.iss == self.issuer && is_own_client && claims.scope.is_none()
    }

    /// Decides whether claims with a valid signature were issued to an application, at any time. They allow nothing
    /// here but to read what their scopes tell.
    pub fn is_of_application(&self, claims: &AccessTokenClaims) -> bool {
        claims.iss == self.issuer && claims.scope.is_some()
    }

    /// Decides whether the claims of an application are accepted `now`.
    pub fn accepts_of_application(&self, claims: &AccessTokenClaims, now: DateTime<Utc>) -> bool {
        self.is_of_application(claims) && is_current((claims.nbf, claims.exp), now)
    }
}

impl AccessTokenClaims {
    /// Returns the user it is about.
    pub const fn user_id(&self) -> UserId {
        UserId::from_uuid(self.sub)
    }

    /// Returns the session it belongs to.
    pub const fn session(&self) -> SessionKey {
        SessionKey {
            user_id: UserId::from_uuid(self.sub),
            session_id: SessionId::from_uuid(self.sid),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::app_claims::tests::any_claims;
    use crate::domain::assurance::{AuthenticationMethod, Proof};
    use crate::domain::dpop::KeyThumbprint;
    use crate::domain::ids::ClientId;
    use crate::domain::oauth::grant::Grant;
    use crate::domain::oauth::scope::Scopes;
    use crate::domain::session::{RefreshSeries, SessionEnds};

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, 0).unwrap()
    }

    fn policy() -> AccessTokenPolicy {
        AccessTokenPolicy {
            issuer: "https://auth.example.com".into(),
            audience: "https://api.example.com".into(),
            client_id: "app".into(),
            ttl: TimeDelta::seconds(600),
            with_email: false,
            with_username: false,
            role_factors: RoleFactors::default(),
            role_permissions: RolePermissions::default(),
        }
    }

    fn session(now: i64, lifetime: i64) -> ActiveSession {
        ActiveSession {
            id: SessionId::from_uuid(Uuid::from_u128(1)),
            user_id: UserId::from_uuid(Uuid::from_u128(2)),
            proofs: [AuthenticationMethod::Password, AuthenticationMethod::Totp]
                .map(|method| Proof { method, at: at(now) })
                .into_iter()
                .collect(),
            created_at: at(now),
            ends: SessionEnds {
                absolute: at(now + lifetime),
                idle: at(now + lifetime),
            },
            refresh: RefreshSeries::begun(),
            delivery: crate::domain::session::RefreshTokenTransport::Body,
            grant: None,
            key: None,
        }
    }

    fn user() -> User {
        User {
            locale: crate::domain::message::Locale::En,
            id: UserId::from_uuid(Uuid::from_u128(2)),
            email: Some(Email::parse("jo@example.com").unwrap()),
            email_verified_at: None,
            username: None,
            roles: vec!["editor".into()],
            claims: AppClaims::default(),
            created_at: at(0),
            has_password: true,
        }
    }

    fn gold() -> AppClaims {
        AppClaims::from_stored(r#"{"plan":"gold"}"#).unwrap()
    }

    #[test]
    fn claims_tell_nothing_personal_unless_asked_to() {
        let claims = policy().claims(&session(1000, 3600), &user(), at(1000), Uuid::nil());
        assert!(!serde_json::to_string(&claims).unwrap().contains("jo@example.com"));
        assert_eq!(
            (claims.acr.as_str(), claims.amr.join(" ")),
            ("aal2", "pwd otp mfa".to_owned())
        );
        let open = AccessTokenPolicy {
            with_email: true,
            ..policy()
        };
        let claims = open.claims(&session(1000, 3600), &user(), at(1000), Uuid::nil());
        assert_eq!(claims.email, None, "it was not verified");
        let verified = User {
            email_verified_at: Some(at(900)),
            ..user()
        };
        let claims = open.claims(&session(1000, 3600), &verified, at(1000), Uuid::nil());
        assert_eq!(claims.email.as_deref(), Some("jo@example.com"));
    }

    #[test]
    fn an_application_learns_what_its_scopes_allow_and_passes_for_no_other_client() {
        let owner = User {
            email_verified_at: Some(at(900)),
            username: Username::parse("jo.doe").ok(),
            claims: gold(),
            ..user()
        };
        let open = AccessTokenPolicy {
            with_email: true,
            with_username: true,
            role_permissions: RolePermissions::check(vec![("editor".to_owned(), vec!["posts:write".to_owned()])])
                .unwrap(),
            ..policy()
        };
        for (scopes, email, username, roles) in [
            ("orders:read", false, false, 0),
            ("email", true, false, 0),
            ("profile openid", false, true, 0),
            ("roles", false, false, 1),
            ("claims", false, false, 0),
        ] {
            let granted = ActiveSession {
                grant: Some(Grant {
                    parent: SessionId::from_uuid(Uuid::from_u128(9)),
                    client: ClientId::from_uuid(Uuid::from_u128(8)).into(),
                    scopes: Scopes::parse(scopes).unwrap(),
                    // The deployment's own: the client alone tells the two apart.
                    audience: open.audience.clone(),
                    nonce: None,
                }),
                ..session(1000, 3600)
            };
            let claims = open.claims(&granted, &owner, at(1000), Uuid::nil());
            assert_eq!(
                (claims.email.is_some(), claims.username.is_some()),
                (email, username),
                "{scopes}"
            );
            assert_eq!((claims.roles.len(), claims.scope.as_deref()), (roles, Some(scopes)));
            assert_eq!(
                (claims.permissions.len(), claims.app.is_empty()),
                (roles, scopes != "claims")
            );
            assert!(open.is_of_application(&claims) && !open.is_ours(&claims) && !open.accepts(&claims, at(1000)));
            assert!(open.accepts_of_application(&claims, at(1000)) && !open.accepts_of_application(&claims, at(1600)));
            let forged = AccessTokenClaims {
                client_id: open.client_id.clone(),
                ..claims
            };
            assert!(
                !open.is_ours(&forged),
                "a deployment may call its own client like an application"
            );
        }
    }

    #[test]
    fn an_empty_list_of_roles_is_left_out_and_read_either_way() {
        let written = |roles: &[&str]| {
            let owner = User {
                roles: roles.iter().map(|role| (*role).to_owned()).collect(),
                ..user()
            };
            let claims = policy().claims(&session(1000, 3600), &owner, at(1000), Uuid::nil());
            (serde_json::to_value(&claims).unwrap(), claims)
        };
        let (mut without, claims) = written(&[]);
        assert_eq!(without.get("roles"), None);
        assert_eq!(
            serde_json::from_value::<AccessTokenClaims>(without.clone()).unwrap(),
            claims
        );
        without["roles"] = serde_json::json!([]);
        assert_eq!(serde_json::from_value::<AccessTokenClaims>(without).unwrap(), claims);
        assert_eq!(written(&["editor"]).0["roles"], serde_json::json!(["editor"]));
    }

    /// Returns the names of the claims of a token with everything, or with as little as possible.
    fn names(has_everything: bool) -> Vec<String> {
        let owner = User {
            email_verified_at: has_everything.then_some(at(900)),
            username: Username::parse("jo.doe").ok().filter(|_| has_everything),
            roles: if has_everything { user().roles } else { Vec::new() },
            claims: if has_everything { gold() } else { AppClaims::default() },
            ..user()
        };
        let open = AccessTokenPolicy {
            with_email: true,
            with_username: true,
            role_permissions: RolePermissions::check(vec![("editor".to_owned(), vec!["posts:write".to_owned()])])
                .unwrap(),
            ..policy()
        };
        let grant = Grant {
            parent: SessionId::from_uuid(Uuid::from_u128(9)),
            client: ClientId::from_uuid(Uuid::from_u128(8)).into(),
            scopes: Scopes::parse("profile email roles claims").unwrap(),
            audience: "https://files.example.com".into(),
            nonce: None,
        };
        let session = ActiveSession {
            grant: has_everything.then_some(grant),
            key: KeyThumbprint::from_bytes(&[7; 32]).filter(|_| has_everything),
            ..session(1000, 3600)
        };
        let claims = open.claims(&session, &owner, at(1000), Uuid::nil());
        let written = serde_json::to_value(claims).unwrap();
        written.as_object().unwrap().keys().cloned().collect()
    }

    #[test]
    fn the_list_has_every_claim_and_says_which_may_be_missing() {
        let listed = |is_listed: fn(&&ClaimDescription) -> bool| {
            let mut names: Vec<String> = CLAIMS
                .iter()
                .filter(is_listed)
                .map(|claim| claim.name.to_owned())
                .collect();
            names.sort();
            names
        };
        let sorted = |mut names: Vec<String>| {
            names.sort();
            names
        };
        assert_eq!(sorted(names(true)), listed(|_| true));
        assert_eq!(sorted(names(false)), listed(|claim| claim.present.is_none()));
    }

    #[test]
    fn the_header_takes_no_other_members() {
        let header = r#"{"alg":"ES256","typ":"at+jwt","kid":"k"}"#;
        assert!(serde_json::from_str::<AccessTokenHeader>(header).is_ok());
        for extra in ["jku", "x5u", "jwk", "crit", "b64", "zip", "alg"] {
            let header = format!(r#"{{"alg":"ES256","typ":"at+jwt","kid":"k","{extra}":"x"}}"#);
            assert!(serde_json::from_str::<AccessTokenHeader>(&header).is_err(), "{extra}");
        }
    }

    #[test]
    fn times_of_another_type_are_not_claims() {
        let claims = policy().claims(&session(1000, 3600), &user(), at(1000), Uuid::nil());
        let good = serde_json::to_value(claims).unwrap();
        for (member, value) in [
            ("exp", "\"1600\""),
            ("exp", "1600.5"),
            ("exp", "null"),
            ("nbf", "\"1000\""),
            ("aud", "[\"https://api.example.com\"]"),
        ] {
            let mut bad = good.clone();
            bad[member] = serde_json::from_str(value).unwrap();
            assert!(
                serde_json::from_value::<AccessTokenClaims>(bad).is_err(),
                "{member} {value}"
            );
        }
    }

    #[test]
    fn another_deployments_tokens_are_refused() {
        let claims = policy().claims(&session(1000, 3600), &user(), at(1000), Uuid::nil());
        assert!(policy().accepts(&claims, at(1000)));
        for other in [
            AccessTokenPolicy {
                issuer: "https://other.example".into(),
                ..policy()
            },
            AccessTokenPolicy {
                audience: "https://auth.example.com".into(),
                ..policy()
            },
            AccessTokenPolicy {
                client_id: "other".into(),
                ..policy()
            },
        ] {
            assert!(!other.accepts(&claims, at(1000)));
        }
    }

    /// Every bound at once: a token that the service makes and does not accept would lock its user out.
    #[test]
    fn the_longest_token_is_accepted() {
        let words = |count: usize, length: usize| {
            (0..count)
                .map(|number| format!("{number:x>length$}"))
                .collect::<Vec<_>>()
        };
        let owner = User {
            email: Some(Email::parse(&format!("{}@{}.example.com", "x".repeat(64), "y".repeat(60))).unwrap()),
            email_verified_at: Some(at(900)),
            username: Username::parse(&"u".repeat(32)).ok(),
            roles: words(32, 64),
            claims: AppClaims::from_stored(&format!(r#"{{"a":"{}"}}"#, "x".repeat(2040))).unwrap(),
            ..user()
        };
        assert_eq!(owner.claims.to_text().len(), 2048);
        let open = AccessTokenPolicy {
            with_email: true,
            with_username: true,
            role_permissions: RolePermissions::check(vec![(owner.roles[0].clone(), words(20, 99))]).unwrap(),
            ..policy()
        };
        let grant = Grant {
            parent: SessionId::from_uuid(Uuid::from_u128(9)),
            client: ClientId::from_uuid(Uuid::from_u128(8)).into(),
            scopes: Scopes::of([words(29, 100), ["roles", "claims", "email"].map(str::to_owned).to_vec()].concat())
                .unwrap(),
            audience: "x".repeat(200),
            nonce: None,
        };
        let session = ActiveSession {
            grant: Some(grant),
            key: KeyThumbprint::from_bytes(&[7; 32]),
            ..session(1000, 3600)
        };
        let claims = open.claims(&session, &owner, at(1000), Uuid::nil());
        let written = serde_json::to_string(&claims).unwrap();
        // The header with a thumbprint as `kid`, and a signature by RSA with 2048 bits, are the longest.
        let length = (written.len() * 4).div_ceil(3) + 130 + 342 + 2;
        assert!(length <= MAX_LENGTH, "{length}");
    }

    proptest! {
        /// Whatever the claims of a user are called, all else in the token stays as it is without them.
        #[test]
        fn no_claim_of_a_user_is_one_of_the_token(claims in any_claims(), roles in 0..2_usize) {
            let owner = User { roles: user().roles.into_iter().take(roles).collect(), ..user() };
            let written = |claims: AppClaims| {
                let owner = User { claims, ..owner.clone() };
                let claims = policy().claims(&session(1000, 3600), &owner, at(1000), Uuid::nil());
                serde_json::to_value(claims).unwrap()
            };
            let (without, mut with) = (written(AppClaims::default()), written(claims.clone()));
            let app = with.as_object_mut().unwrap().remove("app");
            prop_assert_eq!(&with, &without);
            prop_assert_eq!(app, (!claims.is_empty()).then(|| serde_json::to_value(&claims).unwrap()));
            let read: AccessTokenClaims = serde_json::from_str(&written(claims.clone()).to_string()).unwrap();
            prop_assert_eq!(read.app, claims);
        }

        #[test]
        fn a_token_is_believed_from_its_issue_to_its_expiry_and_within_its_session(
            lifetime in 1_i64..5000, later in -100_i64..6000,
        ) {
            let claims = policy().claims(&session(1000, lifetime), &user(), at(1000), Uuid::nil());
            let expected = later >= 0 && later < lifetime.min(600);
            prop_assert_eq!(policy().accepts(&claims, at(1000 + later)), expected);
        }
    }
}
