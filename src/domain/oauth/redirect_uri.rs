//! Redirect URIs: where a user's browser may be sent with an answer.
//!
//! A request's URI is compared with the registered ones as a text (RFC 9700 §4.1.3). It is never parsed for that: two
//! parsers that disagree about a backslash, an `@` or a dot segment have been exploited again and again. The only
//! exception is the port of a program on the user's own machine, which cannot know it in advance (RFC 8252 §7.3).

use url::Url;

/// The longest URI.
pub const LONGEST: usize = 500;
/// The hosts of programs on the user's machine.
const LOOPBACK: [&str; 3] = ["http://127.0.0.1", "http://[::1]", "http://localhost"];

/// A registered redirect URI.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RedirectUri(String);

impl RedirectUri {
    /// Checks a URI that an operator registers: `https`, `http` to the user's own machine, or a scheme of an app that
    /// contains a dot, as in a reversed domain name (RFC 8252 §7.1). A scheme without a dot may be one that browsers
    /// execute, such as `javascript`.
    ///
    /// # Errors
    ///
    /// Describes the expected URI.
    pub fn check(text: &str) -> Result<Self, &'static str> {
        let is_plain = text.len() <= LONGEST && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
        let url = Url::parse(text).ok().filter(|_| is_plain);
        let url = url.ok_or("must be an absolute URI of at most 500 ASCII characters")?;
        if url.fragment().is_some() || !url.username().is_empty() || url.password().is_some() {
            return Err("must have neither a fragment nor a user name");
        }
        // The parser corrects some texts. One that it changes would not be what the browser is sent to.
        let is_normal = url.as_str() == text || url.as_str() == format!("{text}/");
        let is_allowed = match url.scheme() {
            "https" => true,
            "http" => loopback_parts(text).is_some(),
            app => app.contains('.'),
        };
        match (is_normal, is_allowed) {
            (false, _) => Err("must be in its normal form, without dot segments, with the host in lower case"),
            (true, false) => {
                Err("must be https, http to 127.0.0.1, [::1] or localhost, or have an app's scheme with a dot")
            }
            (true, true) => Ok(Self(text.to_owned())),
        }
    }

    /// Accepts what the database contains.
    pub const fn from_stored(text: String) -> Self {
        Self(text)
    }

    /// Returns whether a request's URI is this one.
    pub fn is(&self, presented: &str) -> bool {
        self.0 == presented
            || loopback_parts(&self.0).is_some_and(|registered| Some(registered) == loopback_parts(presented))
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Splits the URI of a program on the user's machine into host and path, without the port.
fn loopback_parts(text: &str) -> Option<(&'static str, &str)> {
    let (host, rest) = LOOPBACK
        .into_iter()
        .find_map(|host| Some((host, text.strip_prefix(host)?)))?;
    let path = match rest.strip_prefix(':') {
        Some(with_port) => {
            let digits = with_port.bytes().take_while(u8::is_ascii_digit).count();
            let (port, path) = with_port.split_at_checked(digits)?;
            port.parse::<u16>().ok().filter(|port| *port > 0)?;
            path
        }
        None => rest,
    };
    (path.is_empty() || path.starts_with(['/', '?'])).then_some((host, path))
}

/// Adds parameters to the query of a URI, which may have one already (RFC 6749 §4.1.2).
pub fn with_parameters(uri: &str, parameters: &[(&str, &str)]) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(parameters);
    let separator = if uri.contains('?') { '&' } else { '?' };
    format!("{uri}{separator}{}", query.finish())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_registered_uri_leads_to_a_page_the_own_machine_or_an_app() {
        for good in [
            "https://app.example.com/callback",
            "https://app.example.com/callback?tenant=1",
            "https://app.example.com",
            "http://127.0.0.1/callback",
            "http://127.0.0.1:8400/callback",
            "http://[::1]/callback",
            "http://localhost:3000/",
            "com.example.app:/callback",
        ] {
            assert!(RedirectUri::check(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "/callback",
            "http://app.example.com/callback",
            "http://127.0.0.1.example.com/callback",
            "http://localhost.example.com/",
            "https://app.example.com/callback#fragment",
            "https://user@app.example.com/",
            "https://app.example.com\\@evil.example/",
            "https://app.example.com/a/../b",
            "https://APP.example.com/",
            "https:app.example.com/",
            "https://app.example.com:443/",
            "javascript:alert(1)",
            "data:text/html,x",
            "app:/callback",
            "https://app.example.com/ ",
            "https://*.example.com/\n",
        ] {
            assert!(RedirectUri::check(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_request_must_repeat_the_whole_text_apart_from_a_port_on_the_own_machine() {
        let page = RedirectUri::check("https://app.example.com/callback").unwrap();
        assert!(page.is("https://app.example.com/callback"));
        for other in [
            "https://app.example.com/callback/",
            "https://app.example.com/callback?x=1",
            "https://app.example.com/callback#",
            "https://app.example.com/Callback",
            "https://APP.example.com/callback",
            "https://app.example.com:443/callback",
            "https://app.example.com/x/../callback",
            "https://app.example.com/%63allback",
            "https://app.example.com@evil.example/callback",
            "https://evil.example\\@app.example.com/callback",
            "http://app.example.com/callback",
            " https://app.example.com/callback",
        ] {
            assert!(!page.is(other), "{other}");
        }
        let tool = RedirectUri::check("http://127.0.0.1/callback").unwrap();
        assert!(tool.is("http://127.0.0.1:51004/callback"));
        for other in [
            "http://127.0.0.1:51004/other",
            "http://127.0.0.1:51004/callback?x",
            "http://127.0.0.1:0/callback",
            "http://127.0.0.1:99999/callback",
            "http://127.0.0.1:/callback",
            "http://127.0.0.1:80@evil.example/callback",
            "http://127.0.0.1.evil.example/callback",
            "http://localhost:51004/callback",
            "https://127.0.0.1:51004/callback",
        ] {
            assert!(!tool.is(other), "{other}");
        }
    }

    proptest! {
        #[test]
        fn only_the_port_of_the_own_machine_may_differ(presented in "https?://(127\\.0\\.0\\.1|localhost|a\\.example)(:[0-9]{0,6})?(/[a-c@\\\\?#]{0,4})?") {
            for registered in ["https://a.example/a", "http://127.0.0.1/a", "http://localhost:81/a"] {
                let registered = RedirectUri::check(registered).unwrap();
                if registered.is(&presented) && registered.as_str() != presented {
                    let (parsed, own) = (Url::parse(&presented).unwrap(), Url::parse(registered.as_str()).unwrap());
                    prop_assert_eq!((parsed.scheme(), parsed.host_str(), parsed.path()), (own.scheme(), own.host_str(), own.path()));
                    prop_assert!(parsed.scheme() == "http" && parsed.query().is_none() && parsed.fragment().is_none());
                }
            }
        }

        #[test]
        fn parameters_are_read_back(value in "\\PC{0,20}", has_query: bool) {
            let uri = if has_query { "https://a.example/?b=1" } else { "https://a.example/" };
            let url = Url::parse(&with_parameters(uri, &[("state", &value)])).unwrap();
            let read = url.query_pairs().find(|(name, _)| name == "state").unwrap();
            prop_assert_eq!(read.1, value);
        }
    }
}
