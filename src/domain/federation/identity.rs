//! Who a user is at a provider.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::Value;

use super::id_token::IdTokenClaims;
use super::provider::{Preset, Provider};
use crate::domain::email::Email;
use crate::domain::ids::IdentityId;

/// Names a user of a provider (OpenID Connect Core 1.0 §5.7). An address never does: it can be given to another user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// The `iss` claim of the provider, exactly.
    pub issuer: String,
    /// The `sub` claim, which is never given to another user of that issuer.
    pub subject: String,
}

/// A user of a provider who signs in to an account.
#[derive(Clone, Debug)]
pub struct Identity {
    /// Its id.
    pub id: IdentityId,
    /// The user at the provider.
    pub subject: Subject,
    /// The address that the provider named last. For the owner to read; no decision rests on it.
    pub email_seen: Option<Email>,
    /// When it was linked.
    pub created_at: DateTime<Utc>,
    /// When it last signed its user in.
    pub last_used_at: Option<DateTime<Utc>>,
}

/// A user of a provider. Only what passed every check of the provider's answer becomes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FederatedIdentity {
    /// The user at the provider.
    pub subject: Subject,
    /// The address that the provider names, if it is one.
    pub address: Option<ClaimedAddress>,
    /// Whether the provider says that the user gave two factors, and the operator believes it.
    pub is_two_factors: bool,
}

impl FederatedIdentity {
    /// Returns the identity in the claims of an ID token that was accepted. `userinfo` has claims that are not in it.
    pub fn of(provider: &Provider, claims: &IdTokenClaims, userinfo: Option<&ClaimsOfUser>) -> Self {
        let user = userinfo.unwrap_or(&claims.user);
        let managed_by = claims.user.hd.as_ref().and_then(Value::as_str);
        Self {
            subject: Subject {
                issuer: claims.issuer().to_owned(),
                subject: claims.subject().to_owned(),
            },
            address: user.address(provider, managed_by),
            is_two_factors: provider.two_factors.are_met(claims.acr(), &claims.amr()),
        }
    }
}

/// An address that a provider names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimedAddress {
    /// The address.
    pub email: Email,
    /// Whether it counts as verified: the claim is the JSON value `true`, and the operator takes the provider's word
    /// for addresses of that domain.
    pub is_proven: bool,
}

/// What an ID token or userinfo says about a user. Values of a wrong type say nothing.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct ClaimsOfUser {
    email: Option<Value>,
    email_verified: Option<Value>,
    /// The domain that manages the account, at Google.
    hd: Option<Value>,
}

impl ClaimsOfUser {
    /// Returns whether there is an address.
    pub fn has_address(&self) -> bool {
        self.email.is_some()
    }

    fn address(&self, provider: &Provider, managed_by: Option<&str>) -> Option<ClaimedAddress> {
        let email = Email::parse(self.email.as_ref()?.as_str()?).ok()?;
        let is_verified = is_verified(provider.preset, self.email_verified.as_ref());
        Some(ClaimedAddress {
            is_proven: is_verified && provider.authority.covers(&email, managed_by),
            email,
        })
    }
}

/// Returns whether the claim `email_verified` says so. It is a JSON boolean (OpenID Connect Core 1.0 §5.1). A text is
/// not: a reader that takes each text for true takes `"false"` for it, too.
fn is_verified(preset: Option<Preset>, claim: Option<&Value>) -> bool {
    match claim {
        Some(Value::Bool(is_verified)) => *is_verified,
        Some(Value::String(text)) => preset == Some(Preset::Apple) && is_true_at_apple(text),
        _ => false,
    }
}

/// Apple documents a text or a boolean: "The value can either be a string (`"true"` or `"false"`) or a Boolean"
/// ("Authenticating users with Sign in with Apple").
fn is_true_at_apple(text: &str) -> bool {
    text == "true"
}

/// The claims of userinfo.
#[derive(Clone, Debug, Deserialize)]
pub struct Userinfo {
    sub: String,
    /// What it says about the user.
    #[serde(flatten)]
    pub user: ClaimsOfUser,
}

impl Userinfo {
    /// Checks an answer of userinfo. It must be about the user of the ID token: with an access token of another user,
    /// an attacker would give that one's address to an account (OpenID Connect Core 1.0 §5.3.2).
    ///
    /// # Errors
    ///
    /// Says what is wrong.
    pub fn check(written: &[u8], subject: &str) -> Result<Self, &'static str> {
        let read: Option<Self> = serde_json::from_slice(written).ok();
        let read = read.ok_or("Its userinfo is not a JSON object with a subject.")?;
        if read.sub == subject {
            Ok(read)
        } else {
            Err("Its userinfo is about another user than the ID token.")
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::federation::authority::Authority;
    use crate::domain::federation::issuer::ProviderIssuer;
    use crate::domain::federation::provider::{ProviderId, TwoFactorClaims};

    /// A provider that is believed for addresses of `example.com`, and whose owner has an app.
    pub(crate) fn provider(preset: Option<Preset>) -> Provider {
        Provider {
            id: ProviderId::parse("company").unwrap(),
            name: "Company".to_owned(),
            preset,
            redirect_uris: Vec::new(),
            issuer: ProviderIssuer::One("https://id.example.com".to_owned()),
            api: None,
            client_id: "vestibule".to_owned(),
            native_client_ids: vec!["com.example.app".to_owned()],
            scopes: vec!["openid".to_owned(), "email".to_owned()],
            authority: Authority::Domains(vec!["example.com".to_owned()]),
            two_factors: TwoFactorClaims {
                acr: Vec::new(),
                amr: vec!["mfa".to_owned()],
            },
        }
    }

    fn identity(preset: Option<Preset>, more: &Value) -> FederatedIdentity {
        let mut claims =
            json!({"iss": "https://id.example.com", "sub": "alice", "aud": "vestibule", "exp": 2, "iat": 1});
        claims
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        FederatedIdentity::of(&provider(preset), &serde_json::from_value(claims).unwrap(), None)
    }

    fn is_proven(preset: Option<Preset>, verified: &Value) -> bool {
        let claims = json!({"email": "jo@example.com", "email_verified": verified});
        identity(preset, &claims).address.unwrap().is_proven
    }

    #[test]
    fn an_address_is_proven_by_true_alone() {
        assert!(is_proven(None, &json!(true)));
        for verified in [
            json!(false),
            json!("true"),
            json!("false"),
            json!("True"),
            json!(1),
            json!("1"),
            json!(null),
            json!([true]),
            json!({"value": true}),
        ] {
            for preset in [None, Some(Preset::Google), Some(Preset::Microsoft)] {
                assert!(!is_proven(preset, &verified), "{preset:?} {verified}");
            }
        }
        assert!(
            !identity(None, &json!({"email": "jo@example.com"}))
                .address
                .unwrap()
                .is_proven
        );
    }

    #[test]
    fn apple_may_say_true_in_a_text() {
        let apple = Some(Preset::Apple);
        assert!(is_proven(apple, &json!(true)) && is_proven(apple, &json!("true")));
        for verified in [
            json!("false"),
            json!("True"),
            json!("TRUE"),
            json!("1"),
            json!(1),
            json!(""),
            json!(null),
        ] {
            assert!(!is_proven(apple, &verified), "{verified}");
        }
    }

    #[test]
    fn an_address_of_another_domain_is_not_proven() {
        let claims = json!({"email": "jo@evil.example", "email_verified": true});
        assert!(!identity(None, &claims).address.unwrap().is_proven);
    }

    #[test]
    fn what_is_not_an_address_is_none() {
        for email in [
            json!("none"),
            json!(""),
            json!(1),
            json!(["jo@example.com"]),
            json!("Jo <jo@example.com>"),
        ] {
            assert_eq!(
                identity(None, &json!({"email": email, "email_verified": true})).address,
                None,
                "{email}"
            );
        }
        assert_eq!(identity(None, &json!({})).address, None);
    }

    #[test]
    fn two_factors_come_from_the_id_token() {
        assert!(identity(None, &json!({"amr": ["pwd", "mfa"]})).is_two_factors);
        for amr in [json!(["pwd"]), json!("mfa"), json!([["mfa"]]), json!(null)] {
            assert!(!identity(None, &json!({"amr": amr})).is_two_factors, "{amr}");
        }
    }

    #[test]
    fn userinfo_is_about_the_same_user() {
        let check = |text: &str| Userinfo::check(text.as_bytes(), "alice");
        assert!(
            check(r#"{"sub": "alice", "email": "jo@example.com"}"#)
                .unwrap()
                .user
                .has_address()
        );
        for text in [
            "",
            "[]",
            "{}",
            r#"{"sub": "bob"}"#,
            r#"{"sub": "Alice"}"#,
            r#"{"sub": ["alice"]}"#,
            "<html>",
        ] {
            assert!(check(text).is_err(), "{text}");
        }
    }
}
