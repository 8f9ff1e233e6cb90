//! A provider, as the operator describes it.

use std::fmt;

use super::authority::Authority;
use super::issuer::ProviderIssuer;
use crate::domain::oauth::redirect_uri::RedirectUri;

/// The longest id of a provider.
const LONGEST_ID: usize = 32;

/// Names a provider in settings and in paths.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ProviderId(String);

impl ProviderId {
    /// Parses an id: a lower-case letter, then letters, digits and hyphens, at most 32 characters.
    ///
    /// # Errors
    ///
    /// Describes the expected id.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let starts = text.starts_with(|first: char| first.is_ascii_lowercase());
        if starts && text.len() <= LONGEST_ID && text.bytes().all(is_plain) {
            Ok(Self(text.to_owned()))
        } else {
            Err("must be a lower-case letter, then letters, digits and hyphens, at most 32 characters")
        }
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ProviderId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// A provider whose rules are known, so that an operator need not describe them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preset {
    /// Google.
    Google,
    /// Microsoft Entra ID and Microsoft accounts.
    Microsoft,
    /// Sign in with Apple.
    Apple,
    /// GitHub, which is OAuth 2.0 without OpenID Connect.
    GitHub,
}

crate::domain::names::names!(Preset {
    Google = "google",
    Microsoft = "microsoft",
    Apple = "apple",
    GitHub = "github",
});

/// A provider, as far as its sign-ins are concerned.
#[derive(Clone, Debug)]
pub struct Provider {
    /// Its id.
    pub id: ProviderId,
    /// Its name on buttons and in messages.
    pub name: String,
    /// The preset that describes it, if one does.
    pub preset: Option<Preset>,
    /// Where the browser of a user may be sent with its answers.
    pub redirect_uris: Vec<RedirectUri>,
    /// What its answers are compared with.
    pub issuer: ProviderIssuer,
    /// The base of GitHub's API, without a slash at its end. An OpenID provider has none.
    pub api: Option<String>,
    /// What this service is registered as.
    pub client_id: String,
    /// What apps of the same owner are registered as, whose ID tokens count too.
    pub native_client_ids: Vec<String>,
    /// What is asked for.
    pub scopes: Vec<String>,
    /// The addresses that it is believed for.
    pub authority: Authority,
    /// What in its ID tokens counts as two factors.
    pub two_factors: TwoFactorClaims,
}

impl Provider {
    /// Returns whether the browser of a user may be sent to an address with an answer.
    pub fn may_redirect_to(&self, redirect_uri: &str) -> bool {
        self.redirect_uris.iter().any(|listed| listed.is(redirect_uri))
    }

    /// Returns whether it answers with a form that the browser posts. Apple does so if it is asked for an address or a
    /// name, and refuses any other way ("Request an authorization to the Sign in with Apple server").
    pub fn answers_by_post(&self) -> bool {
        let is_personal = |scope: &String| scope == "email" || scope == "name";
        self.preset == Some(Preset::Apple) && self.scopes.iter().any(is_personal)
    }
}

/// What in an ID token counts as two factors, because the operator says so. Without it nothing does: the values have no
/// meaning that all providers share (OpenID Connect Core 1.0 §2).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TwoFactorClaims {
    /// Values of `acr`.
    pub acr: Vec<String>,
    /// Values of `amr`, one of which is enough (RFC 8176).
    pub amr: Vec<String>,
}

impl TwoFactorClaims {
    /// Returns whether one of the values is there.
    pub fn are_met(&self, acr: Option<&str>, amr: &[String]) -> bool {
        let has_acr = acr.is_some_and(|acr| self.acr.iter().any(|trusted| trusted == acr));
        has_acr || amr.iter().any(|method| self.amr.contains(method))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_factors_are_what_the_operator_names() {
        let amr = |values: &[&str]| values.iter().map(|value| (*value).to_owned()).collect::<Vec<_>>();
        let nothing = TwoFactorClaims::default();
        assert!(!nothing.are_met(Some("urn:two"), &amr(&["pwd", "otp", "mfa"])));
        let named = TwoFactorClaims {
            acr: amr(&["urn:two"]),
            amr: amr(&["mfa"]),
        };
        assert!(named.are_met(Some("urn:two"), &[]));
        assert!(named.are_met(None, &amr(&["pwd", "mfa"])));
        assert!(!named.are_met(Some("urn:TWO"), &amr(&["pwd", "otp"])));
        assert!(
            !named.are_met(Some("mfa"), &amr(&["urn:two"])),
            "each claim has values of its own"
        );
    }

    #[test]
    fn ids_are_plain() {
        for good in ["google", "a", "company-2"] {
            assert!(ProviderId::parse(good).is_ok(), "{good}");
        }
        for bad in ["", "Google", "2nd", "-a", "a_b", "a/b", "a.b", &"a".repeat(33)] {
            assert!(ProviderId::parse(bad).is_err(), "{bad}");
        }
    }
}
