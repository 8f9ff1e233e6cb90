//! What GitHub's API says about a user. GitHub is OAuth 2.0 without OpenID Connect: there is no ID token, and what its API
//! answers to an access token that it has just issued for a code is the proof.

use serde::Deserialize;
use serde_json::Value;

use super::identity::{ClaimedAddress, FederatedIdentity, Subject};
use super::provider::Provider;
use crate::domain::email::Email;

/// `GET /user`.
#[derive(Deserialize)]
struct User {
    /// The number of the account. Its name, `login`, can be given to another user.
    id: u64,
}

/// A row of `GET /user/emails`.
#[derive(Deserialize)]
struct Address {
    email: String,
    primary: Option<Value>,
    verified: Option<Value>,
}

/// Returns the identity. Without `emails` the user has not shown any address.
///
/// # Errors
///
/// Says what is wrong with the answers.
pub fn identity(provider: &Provider, user: &[u8], emails: Option<&[u8]>) -> Result<FederatedIdentity, &'static str> {
    let user: Option<User> = serde_json::from_slice(user).ok();
    let user = user.filter(|user| user.id > 0);
    let user = user.ok_or("The API of the provider does not say who the user is.")?;
    let address = emails.map(|emails| primary(provider, emails)).transpose()?;
    Ok(FederatedIdentity {
        subject: Subject {
            issuer: provider.issuer.in_configuration().to_owned(),
            subject: user.id.to_string(),
        },
        address: address.flatten(),
        is_two_factors: false,
    })
}

/// Returns the primary address. GitHub lets its owner choose it among those whose mail they have answered, and says so
/// in `verified`.
fn primary(provider: &Provider, written: &[u8]) -> Result<Option<ClaimedAddress>, &'static str> {
    let listed: Option<Vec<Address>> = serde_json::from_slice(written).ok();
    let listed = listed.ok_or("The API of the provider does not list the addresses of the user.")?;
    let is_true = |value: &Option<Value>| *value == Some(Value::Bool(true));
    let primary = listed.iter().find(|address| is_true(&address.primary));
    Ok(primary.and_then(|primary| {
        let email = Email::parse(&primary.email).ok()?;
        Some(ClaimedAddress {
            is_verified: is_true(&primary.verified) && provider.authority.covers(&email, None),
            email,
        })
    }))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::federation::identity::tests::provider;
    use crate::domain::federation::provider::Preset;

    fn read(emails: Option<&Value>) -> Result<FederatedIdentity, &'static str> {
        let emails = emails.map(|emails| emails.to_string().into_bytes());
        identity(
            &provider(Some(Preset::GitHub)),
            br#"{"id": 583231, "login": "octocat"}"#,
            emails.as_deref(),
        )
    }

    fn primary_of(emails: &Value) -> Option<(String, bool)> {
        let address = read(Some(emails)).unwrap().address?;
        Some((address.email.as_str().to_owned(), address.is_verified))
    }

    #[test]
    fn the_number_of_an_account_names_its_user() {
        let found = read(None).unwrap();
        assert_eq!(
            (found.subject.issuer.as_str(), found.subject.subject.as_str()),
            ("https://id.example.com", "583231")
        );
        assert_eq!((found.address, found.is_two_factors), (None, false));
        for user in [
            "",
            "{}",
            r#"{"id": 0}"#,
            r#"{"id": "1"}"#,
            r#"{"id": -1}"#,
            r#"{"login": "octocat"}"#,
            "[]",
        ] {
            assert!(
                identity(&provider(Some(Preset::GitHub)), user.as_bytes(), None).is_err(),
                "{user}"
            );
        }
    }

    #[test]
    fn the_primary_address_counts_if_it_is_verified() {
        let jo = "jo@example.com";
        let other = json!({"email": "other@example.com", "primary": false, "verified": true});
        let list =
            |primary: Value, verified: Value| json!([other, {"email": jo, "primary": primary, "verified": verified}]);
        assert_eq!(primary_of(&list(json!(true), json!(true))), Some((jo.to_owned(), true)));
        for verified in [json!(false), json!("true"), json!(1), json!(null)] {
            assert_eq!(
                primary_of(&list(json!(true), verified.clone())),
                Some((jo.to_owned(), false)),
                "{verified}"
            );
        }
        assert_eq!(primary_of(&list(json!(false), json!(true))), None);
        assert_eq!(primary_of(&json!([])), None);
        assert!(read(Some(&json!({"message": "Not Found"}))).is_err());
    }
}
