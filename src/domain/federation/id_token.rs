//! ID tokens of providers (OpenID Connect Core 1.0 §3.1.3.7). The signature is checked before anything here is.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::Value;
use subtle::ConstantTimeEq;

use super::identity::ClaimsOfUser;
use super::issuer::ProviderIssuer;
use super::provider::Provider;
use crate::domain::policy::numbers::ID_TOKEN_SKEW;

/// The longest ID token. One with the groups of a user has some kilobytes.
pub const LONGEST: usize = 16 * 1024;
/// The longest subject (OpenID Connect Core 1.0 §2).
const LONGEST_SUBJECT: usize = 255;

/// What an ID token may be signed with. There is no algorithm with a shared secret: the public key of a provider, taken
/// for one, would sign everything (RFC 8725 §2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdTokenAlgorithm {
    /// ECDSA with P-256 and SHA-256.
    Es256,
    /// ECDSA with P-384 and SHA-384.
    Es384,
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// RSASSA-PSS with SHA-256.
    Ps256,
    /// Ed25519.
    EdDsa,
}

crate::domain::names::names!(IdTokenAlgorithm {
    Es256 = "ES256",
    Es384 = "ES384",
    Rs256 = "RS256",
    Ps256 = "PS256",
    EdDsa = "EdDSA",
});

/// The audience: one, or several.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

impl Audience {
    fn all(&self) -> &[String] {
        match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::Several(all) => all,
        }
    }
}

/// The claims. Others are ignored. A claim that decides has the type that the standard gives it, or the token is
/// refused; one that only describes is read as it is.
#[derive(Clone, Debug, Deserialize)]
pub struct IdTokenClaims {
    iss: String,
    sub: String,
    aud: Audience,
    azp: Option<String>,
    exp: i64,
    iat: i64,
    nbf: Option<i64>,
    nonce: Option<String>,
    /// The hash of the access token that came with it.
    pub at_hash: Option<String>,
    /// The tenant, at Microsoft.
    pub tid: Option<String>,
    acr: Option<Value>,
    amr: Option<Value>,
    /// What it says about the user.
    #[serde(flatten)]
    pub user: ClaimsOfUser,
}

/// Whose ID tokens are accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// It came with a code, so it is for this service.
    Code,
    /// An app got it from a sheet of its system, so it may be for the app.
    Native,
}

impl IdTokenClaims {
    /// Returns the issuer.
    pub fn issuer(&self) -> &str {
        &self.iss
    }

    /// Returns the subject.
    pub fn subject(&self) -> &str {
        &self.sub
    }

    /// Returns the class of the authentication, if it is a text.
    pub fn acr(&self) -> Option<&str> {
        self.acr.as_ref().and_then(Value::as_str)
    }

    /// Returns the methods of the authentication.
    pub fn amr(&self) -> Vec<String> {
        let listed = self.amr.as_ref().and_then(Value::as_array);
        let texts = listed.into_iter().flatten().filter_map(Value::as_str);
        texts.map(str::to_owned).collect()
    }

    /// Decides whether a token with a valid signature is accepted.
    ///
    /// # Errors
    ///
    /// Says which rule it breaks.
    pub fn check(
        &self,
        provider: &Provider,
        route: Route,
        nonce: &str,
        now: DateTime<Utc>,
    ) -> Result<(), &'static str> {
        if !provider.issuer.is(&self.iss, self.tid.as_deref()) {
            return Err("The ID token is of another issuer.");
        }
        self.check_audience(provider, route)?;
        self.check_time(now)?;
        // A nonce is for this sign-in alone: a token of another one, which an attacker got or got the user to make, has
        // another nonce (§3.1.3.7 number 11).
        let given = self.nonce.as_deref().unwrap_or_default();
        if nonce.is_empty() || !bool::from(given.as_bytes().ct_eq(nonce.as_bytes())) {
            return Err("The ID token has another nonce.");
        }
        let is_long = self.sub.is_empty() || self.sub.chars().count() > LONGEST_SUBJECT;
        if is_long || self.sub.chars().any(char::is_control) {
            return Err("The ID token has no subject of 1 to 255 characters.");
        }
        Ok(())
    }

    /// A token for another client of the same provider, which its owner can get from any user of that client, must not
    /// sign in here.
    fn check_audience(&self, provider: &Provider, route: Route) -> Result<(), &'static str> {
        let is_own = |id: &String| *id == provider.client_id;
        let is_ours = |id: &String| is_own(id) || provider.native_client_ids.contains(id);
        let audiences = self.aud.all();
        let is_for_us = match route {
            Route::Code => audiences.iter().any(is_own),
            Route::Native => audiences.iter().any(is_ours),
        };
        if !is_for_us || !audiences.iter().all(is_ours) {
            return Err("The ID token is for another client.");
        }
        match &self.azp {
            None if audiences.len() > 1 => {
                Err("The ID token is for several clients, and does not say who asked for it.")
            }
            None => Ok(()),
            Some(party) if is_own(party) || (route == Route::Native && is_ours(party)) => Ok(()),
            Some(_other) => Err("Another client asked for the ID token."),
        }
    }

    fn check_time(&self, now: DateTime<Utc>) -> Result<(), &'static str> {
        let (earliest, latest) = ((now - ID_TOKEN_SKEW).timestamp(), (now + ID_TOKEN_SKEW).timestamp());
        if self.exp <= earliest {
            return Err("The ID token has expired.");
        }
        if self.iat > latest || self.nbf.is_some_and(|begin| begin > latest) {
            return Err("The ID token is from the future.");
        }
        Ok(())
    }
}

/// Returns whether the parameter `iss` of an answer is as it has to be, before its code is sent anywhere: otherwise a
/// code of one provider could be sent to another one, which would then have it (RFC 9207 §2.4).
///
/// # Errors
///
/// Says which rule it breaks.
pub fn check_issuer_of_answer(
    issuer: &ProviderIssuer,
    names_itself: bool,
    given: Option<&str>,
) -> Result<(), &'static str> {
    match given {
        Some(given) if issuer.may_be(given) => Ok(()),
        Some(_other) => Err("The answer is of another issuer."),
        None if names_itself => Err("The answer does not name its issuer."),
        None => Ok(()),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::domain::federation::identity::tests::provider;

    const NOW: i64 = 2_000_000_000;
    const NONCE: &str = "n-0S6_WzA2Mj";

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(NOW, 0).unwrap()
    }

    fn written() -> Value {
        json!({
            "iss": "https://id.example.com", "sub": "alice", "aud": "vestibule", "exp": NOW + 300, "iat": NOW,
            "nonce": NONCE,
        })
    }

    /// Replaces claims, or leaves those out whose value is null, and checks the token.
    fn check(route: Route, changes: &Value) -> Result<(), &'static str> {
        let mut written = written();
        for (name, value) in changes.as_object().unwrap() {
            written[name] = value.clone();
        }
        written.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        let claims: IdTokenClaims = serde_json::from_value(written).map_err(|_unreadable| "unreadable")?;
        claims.check(&provider(None), route, NONCE, now())
    }

    #[test]
    fn an_honest_token_is_accepted() {
        for changes in [
            json!({}),
            json!({"aud": ["vestibule"]}),
            json!({"azp": "vestibule"}),
            json!({"aud": ["vestibule", "com.example.app"], "azp": "vestibule"}),
            json!({"exp": NOW - 59}),
            json!({"iat": NOW + 60, "nbf": NOW + 60}),
            json!({"sub": "a".repeat(255)}),
            json!({"amr": "mfa", "acr": 1, "email": 1, "email_verified": "yes", "hd": []}),
        ] {
            assert_eq!(check(Route::Code, &changes), Ok(()), "{changes}");
            assert_eq!(check(Route::Native, &changes), Ok(()), "{changes}");
        }
    }

    #[test]
    fn every_lie_is_found() {
        for changes in [
            json!({"iss": "https://evil.example"}),
            json!({"iss": "https://id.example.com/"}),
            json!({"iss": null}),
            json!({"aud": "another"}),
            json!({"aud": []}),
            json!({"aud": null}),
            json!({"aud": ["vestibule", "another"]}),
            json!({"aud": ["vestibule", "another"], "azp": "vestibule"}),
            json!({"aud": ["vestibule", "com.example.app"]}),
            json!({"azp": "another"}),
            json!({"azp": ""}),
            json!({"nonce": "another"}),
            json!({"nonce": ""}),
            json!({"nonce": null}),
            json!({"nonce": [NONCE]}),
            json!({"exp": NOW - 60}),
            json!({"exp": null}),
            json!({"exp": (NOW + 300).to_string()}),
            json!({"iat": NOW + 61}),
            json!({"iat": null}),
            json!({"nbf": NOW + 61}),
            json!({"sub": ""}),
            json!({"sub": null}),
            json!({"sub": 1}),
            json!({"sub": "a".repeat(256)}),
            json!({"sub": "a\nb"}),
            json!({"sub": "a\u{0}"}),
        ] {
            assert!(check(Route::Code, &changes).is_err(), "{changes}");
            assert!(check(Route::Native, &changes).is_err(), "{changes}");
        }
    }

    #[test]
    fn an_app_of_the_owner_may_be_the_audience_of_a_sheet_only() {
        for changes in [
            json!({"aud": "com.example.app"}),
            json!({"aud": "com.example.app", "azp": "com.example.app"}),
            json!({"azp": "com.example.app"}),
            json!({"aud": ["com.example.app", "vestibule"], "azp": "com.example.app"}),
        ] {
            assert_eq!(check(Route::Native, &changes), Ok(()), "{changes}");
            assert!(check(Route::Code, &changes).is_err(), "{changes}");
        }
    }

    #[test]
    fn a_sign_in_without_a_nonce_accepts_nothing() {
        let mut written = written();
        written["nonce"] = json!("");
        let claims: IdTokenClaims = serde_json::from_value(written).unwrap();
        assert!(claims.check(&provider(None), Route::Code, "", now()).is_err());
    }

    #[test]
    fn an_answer_names_its_issuer_where_the_provider_says_so() {
        let issuer = ProviderIssuer::One("https://id.example.com".to_owned());
        let check = |names_itself, given| check_issuer_of_answer(&issuer, names_itself, given).is_ok();
        assert!(check(true, Some("https://id.example.com")) && check(false, Some("https://id.example.com")));
        assert!(check(false, None) && !check(true, None));
        assert!(!check(false, Some("https://evil.example")) && !check(true, Some("https://id.example.com/")));
    }

    proptest! {
        #[test]
        fn a_token_counts_for_its_time_and_no_other(exp in -400_i64..400, iat in -400_i64..400) {
            let changes = json!({"exp": NOW + exp, "iat": NOW + iat});
            prop_assert_eq!(check(Route::Code, &changes).is_ok(), exp > -60 && iat <= 60);
        }

        #[test]
        fn no_other_client_gets_in(audience in proptest::collection::vec("vestibule|com\\.example\\.app|[a-z]{1,9}", 0..4)) {
            let changes = json!({"aud": audience, "azp": "vestibule"});
            let own = ["vestibule", "com.example.app"];
            let expected = audience.contains(&"vestibule".to_owned())
                && audience.iter().all(|one| own.contains(&one.as_str()));
            prop_assert_eq!(check(Route::Code, &changes).is_ok(), expected);
        }

        #[test]
        fn only_the_nonce_itself_will_do(nonce in ".{0,20}") {
            prop_assert_eq!(check(Route::Code, &json!({"nonce": nonce})).is_ok(), nonce == NONCE);
        }

        #[test]
        fn garbage_is_read_without_a_fault(text in "\\PC{0,60}") {
            let _ = serde_json::from_str::<IdTokenClaims>(&text);
        }
    }
}
