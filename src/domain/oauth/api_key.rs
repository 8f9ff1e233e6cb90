//! API keys: what a user's script has in the place of a password.
//!
//! A key is an opaque token that names its row. Back ends never see it: the script exchanges it for a short-lived
//! access token (RFC 8693). What a key allows is decided when it is used, and never exceeds what its owner may do
//! without a second factor.

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::scope::{EMAIL, PROFILE, ROLES, STANDARD, Scopes};
use crate::domain::access_token::{self, AccessTokenPolicy};
use crate::domain::dpop::{Confirmation, KeyThumbprint};
use crate::domain::email::Email;
use crate::domain::ids::{ApiKeyId, UserId};
use crate::domain::input::InvalidInput;
use crate::domain::label;
use crate::domain::policy::numbers::{API_KEY_LONGEST, API_KEY_TOKEN_LONGEST};
use crate::domain::signed_claims::SignedClaims;
use crate::domain::user::User;
use crate::domain::username::Username;

/// The grant type of the exchange (RFC 8693 §2.1).
pub const TOKEN_EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
/// What a script says that it presents.
pub const API_KEY_TYPE: &str = "urn:vestibule:params:oauth:token-type:api-key";
/// What it gets (RFC 8693 §3).
pub const ACCESS_TOKEN_TYPE: &str = "urn:ietf:params:oauth:token-type:access_token";

/// The scopes of keys that are not names of roles.
const OWN_SCOPES: [&str; 3] = [PROFILE, EMAIL, ROLES];

/// Names an API key by its user and its id, as the key itself does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ApiKeyHandle {
    /// Its user.
    pub user_id: UserId,
    /// Its id.
    pub key_id: ApiKeyId,
}

/// An API key, without the key itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey {
    /// What the key names.
    pub handle: ApiKeyHandle,
    /// The name that the owner gave it.
    pub name: String,
    /// What the owner allowed it.
    pub scopes: Scopes,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// The end that use does not move.
    pub expires_at: DateTime<Utc>,
    /// When it was last used, to within a minute.
    pub last_used_at: Option<DateTime<Utc>>,
}

/// What a user asks for.
#[derive(Clone, Debug)]
pub struct ApiKeyDescription {
    /// Its name.
    pub name: String,
    /// What it may do.
    pub scopes: Vec<String>,
    /// When it ends.
    pub expires_at: String,
}

/// A description that was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewApiKey {
    /// Its name.
    pub name: String,
    /// What it may do.
    pub scopes: Scopes,
    /// When it ends.
    pub expires_at: DateTime<Utc>,
}

impl ApiKeyDescription {
    /// Checks what a user asks for, who has these roles, of which keys carry some.
    ///
    /// # Errors
    ///
    /// Lists the members that break a rule.
    pub fn check(&self, carried_by_keys: &[String], now: DateTime<Utc>) -> Result<NewApiKey, InvalidInput> {
        let mut invalid = InvalidInput::default();
        let name = invalid.keep("/name", label::name(&self.name));
        let scopes = invalid.keep("/scopes", check_scopes(&self.scopes, carried_by_keys));
        let expires_at = invalid.keep("/expires_at", check_end(&self.expires_at, now));
        match (name, scopes, expires_at) {
            (Some(name), Some(scopes), Some(expires_at)) => Ok(NewApiKey {
                name: name.to_owned(),
                scopes,
                expires_at,
            }),
            _ => Err(invalid),
        }
    }
}

fn check_scopes(scopes: &[String], carried_by_keys: &[String]) -> Result<Scopes, &'static str> {
    let scopes = Scopes::of(scopes.iter().cloned()).filter(|scopes| !scopes.is_empty());
    let scopes = scopes.filter(|scopes| allowed(carried_by_keys).cover(scopes));
    scopes.ok_or(
        "must be a list of profile, email, roles, and roles that you have; admin, and roles that require a second \
         factor, are not for keys",
    )
}

/// Whole seconds, as tokens have them: so no token outlives its key.
fn check_end(text: &str, now: DateTime<Utc>) -> Result<DateTime<Utc>, &'static str> {
    let end = DateTime::parse_from_rfc3339(text).map(|end| end.with_timezone(&Utc).trunc_subsecs(0));
    let within = end.ok().filter(|end| now < *end && *end - now <= API_KEY_LONGEST);
    within.ok_or("must be a time within a year, as in RFC 3339, such as 2030-01-31T12:00:00Z")
}

/// Returns every scope that a key of a user can have at this moment, given the roles that keys carry. A role with the
/// name of another scope is not among them: that word has its meaning already.
pub fn allowed(carried_by_keys: &[String]) -> Scopes {
    let roles = carried_by_keys
        .iter()
        .map(String::as_str)
        .filter(|role| !STANDARD.contains(role));
    Scopes::from_stored(OWN_SCOPES.into_iter().chain(roles).map(str::to_owned).collect())
}

/// What a key allows at the moment of its use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyAuthority {
    /// The scopes that still count.
    pub scopes: Scopes,
    /// The roles that they let through.
    pub roles: Vec<String>,
}

impl KeyAuthority {
    /// Decides what scopes of a key allow its owner's script now, given the roles that keys carry. `None` if it is
    /// nothing.
    pub fn of(scopes: &Scopes, carried_by_keys: &[String]) -> Option<Self> {
        let scopes = scopes.within(&allowed(carried_by_keys));
        let is_let_through =
            |role: &&String| scopes.has(ROLES) || (scopes.has(role) && !STANDARD.contains(&role.as_str()));
        let roles = carried_by_keys.iter().filter(is_let_through).cloned().collect();
        (!scopes.is_empty()).then_some(Self { scopes, roles })
    }
}

/// The claims of the access token that an API key is exchanged for.
///
/// There is no session, and so no level, no method and no `sid`: nothing of this service accepts such a token, and a
/// back end tells it from a user's by that. It has a `sub` that is not its `client_id`, which a service's token never
/// has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyTokenClaims {
    /// The issuer: the public URL.
    pub iss: String,
    /// The user.
    pub sub: Uuid,
    /// The back ends that it is for.
    pub aud: String,
    /// The key.
    pub client_id: Uuid,
    /// From this time on it is not accepted.
    pub exp: i64,
    /// When it was issued.
    pub iat: i64,
    /// Before this time it is not accepted.
    pub nbf: i64,
    /// Names this one token.
    pub jti: Uuid,
    /// What it allows (RFC 8693 §4.2).
    pub scope: String,
    /// The roles that its scopes let through.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<String>,
    /// With the scope `email`, where `ACCESS_TOKEN_CLAIMS` names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// With the scope `profile`, where `ACCESS_TOKEN_CLAIMS` names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// The key of the client that the token is bound to, if it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cnf: Option<Confirmation>,
}

impl SignedClaims for KeyTokenClaims {
    const TYPE: &'static str = access_token::TYPE;
}

impl KeyTokenClaims {
    /// Makes the claims of a new token, which never outlives its key.
    pub fn new(
        policy: &AccessTokenPolicy,
        (key, user): (&ApiKey, &User),
        authority: KeyAuthority,
        (now, jti): (DateTime<Utc>, Uuid),
    ) -> Self {
        let life: TimeDelta = policy.ttl.min(API_KEY_TOKEN_LONGEST);
        let KeyAuthority { scopes, roles } = authority;
        // An unverified address may be a stranger's, and back ends would take the claim for the user's.
        let email = user.verified_email().filter(|_| policy.with_email && scopes.has(EMAIL));
        let username = user.username.as_ref();
        let username = username.filter(|_| policy.with_username && scopes.has(PROFILE));
        Self {
            iss: policy.issuer.clone(),
            sub: user.id.uuid(),
            aud: policy.audience.clone(),
            client_id: key.handle.key_id.uuid(),
            exp: (now + life).min(key.expires_at).timestamp(),
            iat: now.timestamp(),
            nbf: now.timestamp(),
            jti,
            scope: scopes.to_text(),
            roles,
            email: email.map(Email::as_str).map(str::to_owned),
            username: username.map(Username::as_str).map(str::to_owned),
            cnf: None,
        }
    }

    /// Binds the token to a key, if the client has shown one.
    #[must_use]
    pub fn bound_to(self, key: Option<KeyThumbprint>) -> Self {
        Self {
            cnf: key.map(Confirmation::of),
            ..self
        }
    }

    /// Returns the key that claims with a valid signature belong to, at any time. `None` if they are not of a key.
    pub fn key(&self, issuer: &str) -> Option<ApiKeyHandle> {
        let handle = ApiKeyHandle {
            user_id: UserId::from_uuid(self.sub),
            key_id: ApiKeyId::from_uuid(self.client_id),
        };
        (self.iss == issuer && self.sub != self.client_id).then_some(handle)
    }

    /// Decides whether claims with a valid signature are accepted `now`.
    pub fn are_valid(&self, issuer: &str, now: DateTime<Utc>) -> bool {
        self.key(issuer).is_some() && access_token::is_current((self.nbf, self.exp), now)
    }

    /// Returns the claims without what the account has lost since they were made. `None` if nothing is left.
    pub fn confirm(mut self, carried_by_keys: &[String]) -> Option<Self> {
        let left = KeyAuthority::of(&Scopes::parse(&self.scope)?, carried_by_keys)?;
        self.scope = left.scopes.to_text();
        self.roles.retain(|role| left.roles.contains(role));
        Some(self)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::access_token::AccessTokenClaims;
    use crate::domain::app_claims::AppClaims;
    use crate::domain::message::Locale;
    use crate::domain::oauth::service_token::ServiceTokenClaims;
    use crate::domain::permissions::RolePermissions;
    use crate::domain::roles::{ADMIN, RoleFactors};

    const ISSUER: &str = "https://auth.example.com";

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, 0).unwrap()
    }

    fn list(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    fn description(scopes: &[&str], expires_at: DateTime<Utc>) -> ApiKeyDescription {
        ApiKeyDescription {
            name: " Backup ".into(),
            scopes: list(scopes),
            expires_at: expires_at.to_rfc3339(),
        }
    }

    #[test]
    fn a_description_is_checked_member_by_member() {
        let roles = list(&["editor", "email"]);
        let good = description(&["editor", "roles", "editor"], at(2000)).check(&roles, at(1000));
        let good = good.unwrap();
        assert_eq!(
            (good.name.as_str(), good.scopes.to_text()),
            ("Backup", "editor roles".into())
        );
        for scopes in [
            &[][..],
            &["openid"],
            &["offline_access"],
            &["author"],
            &["admin"],
            &["a b"],
        ] {
            let invalid = description(scopes, at(2000)).check(&roles, at(1000)).unwrap_err();
            assert_eq!(invalid.errors[0].pointer, "/scopes", "{scopes:?}");
        }
        let year = API_KEY_LONGEST.num_seconds();
        for (end, is_good) in [(1000, false), (1001, true), (1000 + year, true), (1001 + year, false)] {
            let checked = description(&["roles"], at(end)).check(&roles, at(1000));
            assert_eq!(checked.is_ok(), is_good, "{end}");
        }
        let wrong = ApiKeyDescription {
            name: String::new(),
            scopes: Vec::new(),
            expires_at: "tomorrow".into(),
        };
        let pointers = wrong.check(&roles, at(1000)).unwrap_err().errors;
        let pointers: Vec<_> = pointers.iter().map(|error| error.pointer).collect();
        assert_eq!(pointers, ["/name", "/scopes", "/expires_at"]);
    }

    #[test]
    fn a_key_that_would_end_in_this_second_is_refused() {
        let wanted = ApiKeyDescription {
            expires_at: "1970-01-01T00:16:40.9Z".into(),
            ..description(&["email"], at(0))
        };
        let now = at(1000) + TimeDelta::milliseconds(100);
        assert!(wanted.check(&[], now).is_err());
    }

    fn key(scopes: &Scopes, expires_at: i64) -> ApiKey {
        ApiKey {
            handle: ApiKeyHandle {
                user_id: user().id,
                key_id: ApiKeyId::from_uuid(Uuid::from_u128(7)),
            },
            name: "Backup".into(),
            scopes: scopes.clone(),
            created_at: at(0),
            expires_at: at(expires_at),
            last_used_at: None,
        }
    }

    fn user() -> User {
        User {
            id: UserId::from_uuid(Uuid::from_u128(2)),
            email: Some(Email::parse("jo@example.com").unwrap()),
            email_verified_at: Some(at(0)),
            username: Username::parse("jo.doe").ok(),
            roles: list(&["editor"]),
            claims: AppClaims::default(),
            created_at: at(0),
            locale: Locale::En,
            has_password: true,
        }
    }

    fn policy(ttl: i64) -> AccessTokenPolicy {
        AccessTokenPolicy {
            issuer: ISSUER.into(),
            audience: "https://api.example.com".into(),
            client_id: "app".into(),
            ttl: TimeDelta::seconds(ttl),
            with_email: true,
            with_username: true,
            role_permissions: RolePermissions::default(),
            role_factors: RoleFactors::default(),
        }
    }

    fn claims(scopes: &str, policy: &AccessTokenPolicy, user: &User) -> KeyTokenClaims {
        let scopes = Scopes::parse(scopes).unwrap();
        let authority = KeyAuthority::of(&scopes, &user.roles).unwrap();
        KeyTokenClaims::new(policy, (&key(&scopes, 5000), user), authority, (at(1000), Uuid::nil()))
    }

    #[test]
    fn the_token_of_a_key_passes_for_no_other_and_no_other_for_it() {
        let of_key = claims("editor", &policy(600), &user());
        let written = serde_json::to_value(&of_key).unwrap();
        assert!(serde_json::from_value::<AccessTokenClaims>(written.clone()).is_err());
        for member in ["sid", "acr", "amr", "auth_time"] {
            assert_eq!(written.get(member), None, "{member}");
        }
        let mut bare = written;
        bare.as_object_mut().unwrap().remove("roles");
        let as_service: ServiceTokenClaims = serde_json::from_value(bare.clone()).unwrap();
        assert!(!as_service.are_valid(ISSUER, at(1000)));
        bare["sub"] = bare["client_id"].clone();
        let of_service: KeyTokenClaims = serde_json::from_value(bare).unwrap();
        assert!(!of_service.are_valid(ISSUER, at(1000)) && of_service.key(ISSUER).is_none());
        assert_eq!(of_key.key("https://other.example.com"), None);
    }

    #[test]
    fn names_need_their_scope_the_deployment_and_a_verified_address() {
        let told = |scopes: &str, policy: &AccessTokenPolicy, user: &User| {
            let claims = claims(scopes, policy, user);
            (claims.email.is_some(), claims.username.is_some())
        };
        let (open, closed) = (
            policy(600),
            AccessTokenPolicy {
                with_email: false,
                with_username: false,
                ..policy(600)
            },
        );
        assert_eq!(told("email profile", &open, &user()), (true, true));
        assert_eq!(told("email", &open, &user()), (true, false));
        assert_eq!(told("profile", &open, &user()), (false, true));
        assert_eq!(told("roles editor", &open, &user()), (false, false));
        assert_eq!(told("email profile", &closed, &user()), (false, false));
        let unverified = User {
            email_verified_at: None,
            ..user()
        };
        assert_eq!(told("email profile", &open, &unverified), (false, true));
    }

    #[test]
    fn what_the_account_lost_is_not_confirmed() {
        let issued = claims("email editor", &policy(600), &user());
        let confirmed = issued.clone().confirm(&list(&["editor", "author"])).unwrap();
        assert_eq!(confirmed, issued);
        let confirmed = issued.confirm(&list(&["author"])).unwrap();
        assert_eq!((confirmed.scope.as_str(), confirmed.roles.len()), ("email", 0));
        assert_eq!(claims("editor", &policy(600), &user()).confirm(&[]), None);
        let all = claims("roles", &policy(600), &user());
        let later = all.clone().confirm(&list(&["author", "editor"])).unwrap();
        assert_eq!(later, all, "a role that came later is not in the token");
    }

    fn words() -> impl Strategy<Value = Vec<String>> {
        let word = prop_oneof![
            Just("profile"),
            Just("email"),
            Just("roles"),
            Just("openid"),
            Just("admin"),
            Just("editor"),
            Just("a:b"),
        ];
        proptest::collection::vec(word.prop_map(str::to_owned), 0..7)
    }

    proptest! {
        #[test]
        fn a_key_carries_nothing_beyond_its_scopes_and_the_roles_of_its_owner(
            scopes in words(), fewer in words(), roles in words(),
        ) {
            let factors = RoleFactors::parse(["a:b:totp"].into_iter()).unwrap();
            let carried = factors.carried_by_keys(&roles);
            let scopes = Scopes::of(scopes).unwrap();
            let Some(found) = KeyAuthority::of(&scopes, &carried) else {
                prop_assert!(scopes.within(&allowed(&carried)).is_empty());
                return Ok(());
            };
            prop_assert!(scopes.cover(&found.scopes));
            for role in &found.roles {
                prop_assert!(roles.contains(role) && role != ADMIN && role != "a:b");
                prop_assert!(scopes.has(ROLES) || scopes.has(role));
            }
            for scope in found.scopes.as_slice() {
                prop_assert!(OWN_SCOPES.contains(&scope.as_str()) || found.roles.contains(scope));
            }
            if !scopes.has(ROLES) {
                prop_assert!(!found.roles.iter().any(|role| STANDARD.contains(&role.as_str())));
            }
            if let Some(less) = KeyAuthority::of(&Scopes::of(fewer).unwrap().within(&scopes), &carried) {
                prop_assert!(found.scopes.cover(&less.scopes));
                prop_assert!(less.roles.iter().all(|role| found.roles.contains(role)));
            }
        }

        #[test]
        fn a_token_lives_for_ten_minutes_at_most_and_within_its_key(
            ttl in 60_i64..3600, left in 1_i64..2000, later in -10_i64..4000,
        ) {
            let scopes = Scopes::parse("roles").unwrap();
            let authority = KeyAuthority::of(&scopes, &[]).unwrap();
            let key = key(&scopes, 1000 + left);
            let claims = KeyTokenClaims::new(&policy(ttl), (&key, &user()), authority, (at(1000), Uuid::nil()));
            let expected = later >= 0 && later < ttl.min(600).min(left);
            prop_assert_eq!(claims.are_valid(ISSUER, at(1000 + later)), expected);
        }
    }
}
