//! A provider, as the operator describes it.

use std::fmt;

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
}

impl Provider {
    /// Returns whether the browser of a user may be sent to an address with an answer.
    pub fn may_redirect_to(&self, redirect_uri: &str) -> bool {
        self.redirect_uris.iter().any(|listed| listed.is(redirect_uri))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Returns a provider with some redirect URIs.
    pub(crate) fn provider(redirect_uris: &[&str]) -> Provider {
        Provider {
            id: ProviderId::parse("example").unwrap(),
            name: "Example".to_owned(),
            preset: None,
            redirect_uris: redirect_uris
                .iter()
                .map(|uri| RedirectUri::check(uri).unwrap())
                .collect(),
        }
    }
}
