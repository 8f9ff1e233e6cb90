//! What a verifier is made with. It is checked at once, so that a mistake stops the start and not a user.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use url::{Host, Url};

use crate::refusal::Refusal;
use crate::replays::{ReplayMemory, Shared};

/// An algorithm that the service can sign access tokens with (`VESTIBULE_SIGNING_ALG`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Algorithm {
    /// ECDSA with P-256. The default of the service.
    Es256,
    /// Ed25519.
    EdDsa,
    /// RSA with PKCS #1.
    Rs256,
}

impl Algorithm {
    pub(crate) const fn library(self) -> jsonwebtoken::Algorithm {
        match self {
            Self::Es256 => jsonwebtoken::Algorithm::ES256,
            Self::EdDsa => jsonwebtoken::Algorithm::EdDSA,
            Self::Rs256 => jsonwebtoken::Algorithm::RS256,
        }
    }
}

/// An option that cannot be what was meant. Its text says what to change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidOption(pub(crate) String);

impl fmt::Display for InvalidOption {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl std::error::Error for InvalidOption {}

/// Gets what went wrong with the service.
pub(crate) type OnFault = fn(&str);

/// What a verifier is made with. Only the issuer is needed.
#[derive(Clone, Debug)]
pub struct Options {
    pub(crate) issuer: String,
    pub(crate) audience: String,
    pub(crate) algorithms: Vec<Algorithm>,
    pub(crate) leeway: Duration,
    pub(crate) stale_after: Option<Duration>,
    pub(crate) base_url: Option<String>,
    pub(crate) replays: Option<Shared>,
    pub(crate) on_fault: OnFault,
    pub(crate) on_refusal: fn(&Refusal),
}

const LONGEST_LEEWAY: Duration = Duration::from_secs(30);
/// A healthy list is up to two seconds old.
const SHORTEST_STALE: Duration = Duration::from_secs(3);

impl Options {
    /// Takes the public URL of the service, spelled as `issuer` in `/.well-known/openid-configuration`.
    pub fn new(issuer: impl Into<String>) -> Self {
        let issuer = issuer.into();
        Self {
            audience: issuer.clone(),
            issuer,
            algorithms: vec![Algorithm::Es256],
            leeway: Duration::from_secs(5),
            stale_after: Some(Duration::from_secs(15)),
            base_url: None,
            replays: None,
            on_fault: |fault| eprintln!("vestibule: {fault}"),
            on_refusal: |_| {},
        }
    }

    /// Sets whom tokens have to be for: `VESTIBULE_AUDIENCE`, or a resource of applications. By default the issuer.
    #[must_use]
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audience = audience.into();
        self
    }

    /// Sets the algorithms that the deployment signs with; both while it changes from one to the other. By default
    /// ES256.
    #[must_use]
    pub fn algorithms(mut self, algorithms: impl IntoIterator<Item = Algorithm>) -> Self {
        self.algorithms = algorithms.into_iter().collect();
        self
    }

    /// Sets by how much the clocks may differ, in whole seconds: 30 at most, 5 by default.
    #[must_use]
    pub const fn leeway(mut self, leeway: Duration) -> Self {
        self.leeway = leeway;
        self
    }

    /// Sets after how long without the list of ended sessions requests are answered 503: 15 seconds by default; with
    /// [`Duration::MAX`] they never are. By this list, a logout counts within five seconds.
    #[must_use]
    pub const fn stale_after(mut self, stale_after: Duration) -> Self {
        self.stale_after = Some(stale_after);
        self
    }

    /// Does without the list of ended sessions: a logout counts when the token expires.
    #[must_use]
    pub const fn without_ended_sessions(mut self) -> Self {
        self.stale_after = None;
        self
    }

    /// Accepts tokens that are bound to a key (RFC 9449). `base_url`: the URL that clients know this back end by, with
    /// the path that a proxy in front removes. The `Host` header does not count: the client chooses it.
    #[must_use]
    pub fn dpop(mut self, base_url: impl Into<String>) -> Self {
        self.base_url = Some(base_url.into());
        self
    }

    /// Sets what remembers the proofs of tokens that are bound to a key, so that none counts twice. By default each
    /// process remembers those that it has seen.
    #[must_use]
    pub fn replays(mut self, memory: impl ReplayMemory + 'static) -> Self {
        self.replays = Some(Shared(Arc::new(memory)));
        self
    }

    /// Sets what gets the faults of the service: no keys, no list. By default they are written to standard error.
    #[must_use]
    pub const fn on_fault(mut self, on_fault: fn(&str)) -> Self {
        self.on_fault = on_fault;
        self
    }

    /// Sets what gets each refusal of a token, with its reason. For logs: clients are not told the reason.
    #[must_use]
    pub const fn on_refusal(mut self, on_refusal: fn(&Refusal)) -> Self {
        self.on_refusal = on_refusal;
        self
    }

    pub(crate) fn check(&self) -> Result<(), InvalidOption> {
        let unless = |right, text: &str| {
            if right {
                Ok(())
            } else {
                Err(InvalidOption(text.to_owned()))
            }
        };
        check_base_url(&self.issuer, "the issuer")?;
        self.base_url
            .as_deref()
            .map_or(Ok(()), |base_url| check_base_url(base_url, "the URL for DPoP"))?;
        unless(!self.audience.is_empty(), "the audience must not be empty")?;
        unless(!self.algorithms.is_empty(), "name an algorithm")?;
        unless(self.leeway <= LONGEST_LEEWAY, "the leeway must be 30 seconds at most")?;
        let is_long = self.stale_after.is_none_or(|stale_after| stale_after >= SHORTEST_STALE);
        unless(is_long, "the list of ended sessions must count for 3 seconds or more")?;
        let has_use = self.replays.is_none() || self.base_url.is_some();
        unless(has_use, "a memory of proofs has no use without the URL for DPoP")
    }
}

/// Checks a URL without a slash at its end: `https`, or `http` on this machine.
fn check_base_url(text: &str, name: &str) -> Result<(), InvalidOption> {
    let refuse = |what: &str| Err(InvalidOption(format!("{name} {what}")));
    let Ok(url) = Url::parse(text) else {
        return refuse("must be a URL, such as https://auth.example.com");
    };
    let is_loopback = match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    if text.ends_with('/') {
        return refuse("must not end with a slash");
    }
    if !has_origin_and_path_only(text) {
        return refuse("must have an origin and a path only");
    }
    if url.scheme() == "https" || (url.scheme() == "http" && is_loopback) {
        return Ok(());
    }
    refuse("must be https, unless the host is this machine")
}

/// Looks at the text of a URL: the parser removes line breaks and blanks around it.
fn has_origin_and_path_only(text: &str) -> bool {
    let is_wrong = |character: char| character <= ' ' || "\u{7f}?#\\".contains(character);
    let authority = text.split('/').nth(2).unwrap_or_default();
    !text.contains(is_wrong) && !authority.is_empty() && !authority.contains('@')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replays::IsNew;

    struct Forgetful;

    impl ReplayMemory for Forgetful {
        fn add(&self, _: String, _: Duration) -> IsNew<'_> {
            Box::pin(async { Ok(true) })
        }
    }

    #[test]
    fn options_that_cannot_be_what_was_meant_are_refused() {
        let good = || Options::new("https://auth.example.com");
        for options in [
            good(),
            Options::new("http://[::1]:8080/auth"),
            Options::new("http://localhost:8080"),
            good().stale_after(Duration::MAX).dpop("https://api.example.com/v1"),
            good().replays(Forgetful).dpop("https://api.example.com"),
        ] {
            assert_eq!(options.check(), Ok(()), "{options:?}");
        }
        for (options, said) in [
            (Options::new(""), "must be a URL"),
            (Options::new("https://auth.example.com/"), "slash"),
            (Options::new("http://auth.example.com"), "must be https"),
            (Options::new("http://localhost.example.com"), "must be https"),
            (Options::new("https://auth.example.com?a"), "origin and a path"),
            (Options::new("https://auth.example.com?"), "origin and a path"),
            (Options::new("https://auth.example.com/#"), "origin and a path"),
            (Options::new("https://auth.example.com\n"), "origin and a path"),
            (Options::new(" https://auth.example.com"), "origin and a path"),
            (Options::new("https://auth.exa\tmple.com"), "origin and a path"),
            (Options::new("https:auth.example.com"), "origin and a path"),
            (Options::new("https://user:pw@auth.example.com"), "origin and a path"),
            (Options::new("https://:pw@auth.example.com"), "origin and a path"),
            (good().audience(""), "audience"),
            (good().algorithms([]), "algorithm"),
            (good().leeway(Duration::from_secs(31)), "leeway"),
            (good().stale_after(Duration::from_secs(1)), "3 seconds"),
            (good().dpop("api.example.com"), "must be a URL"),
            (good().replays(Forgetful), "without the URL for DPoP"),
        ] {
            let InvalidOption(text) = options.check().unwrap_err();
            assert!(text.contains(said), "{text}");
        }
    }
}
