//! What the account pages and the console show and know of the deployment, prepared once at start.

use std::fmt::Write;

use url::Url;

use crate::domain::accent::{Colour, Shades, shades};
use crate::domain::factor::FactorKind;
use crate::domain::logo::Logo;
use crate::domain::password::PasswordRules;

/// The HTML document of all account pages.
const PAGE: &str = include_str!("../../web/index.html");
/// What the document of the console has in the place of something of that of the account pages.
const OF_CONSOLE: [(&str, &str); 3] = [
    ("<title>Account</title>", "<title>Console</title>"),
    (
        "<link rel=\"stylesheet\" href=\"css/brand.css\">",
        "<link rel=\"stylesheet\" href=\"css/wide.css\">\n    \
         <link rel=\"stylesheet\" href=\"css/console.css\">\n    \
         <link rel=\"stylesheet\" href=\"css/brand.css\">",
    ),
    ("src=\"js/main.js\"", "src=\"js/console/main.js\""),
];
/// The directories of the files that the document names, each with what stands before it.
const REFERENCES: [&str; 3] = ["href=\"css/", "href=\"logo", "src=\"js/"];
/// The logo of a deployment that sets none.
const ICON: &[u8] = include_bytes!("../../web/icon.svg");

/// What scripts read of the deployment in the document, because pages need it that no user is signed in to.
pub struct Facts<'a> {
    /// The name of the deployment.
    pub app_name: &'a str,
    /// The second factors that users can set up.
    pub factors: &'a [FactorKind],
    /// Which new passwords are refused.
    pub passwords: PasswordRules,
    /// Whether this is `vestibule dev`.
    pub development: bool,
    /// Whether administrators have the console.
    pub console: bool,
}

impl Facts<'_> {
    /// Writes each into the `<meta>` element of its name.
    fn write_into(&self, document: &str) -> String {
        let factors: Vec<_> = self.factors.iter().map(|kind| kind.as_str()).collect();
        let yes = |is_so| if is_so { "yes" } else { "" };
        [
            ("application-name", self.app_name),
            ("second-factors", &factors.join(" ")),
            ("password-min-length", &self.passwords.min_length.to_string()),
            ("development", yes(self.development)),
            ("console", yes(self.console)),
        ]
        .into_iter()
        .fold(document.to_owned(), |document, (name, text)| {
            let place = format!("<meta name=\"{name}\" content=\"\">");
            document.replace(&place, &place.replace("\"\"", &format!("\"{}\"", escaped(text))))
        })
    }
}

/// The files that differ between deployments.
pub struct Branding {
    /// The HTML document of all account pages.
    pub page: String,
    /// The HTML document of all pages of the console.
    pub console: String,
    /// The document of the account pages for paths where there is no page, which names its files by their whole paths.
    pub missing_page: String,
    /// The same of the console, for paths below it.
    pub missing_console: String,
    /// The colours, which override those of `css/base.css`.
    pub style: String,
    /// The logo.
    pub logo: Logo,
}

impl Branding {
    /// Prepares them. The path of the public URL is that below which browsers find the files.
    pub fn new(public_url: &str, facts: &Facts<'_>, accent: Option<Colour>, logo: Option<Logo>) -> Self {
        let page = facts.write_into(PAGE);
        let console = OF_CONSOLE
            .into_iter()
            .fold(page.clone(), |page, (account, console)| page.replace(account, console));
        Self {
            missing_page: at_any_path(public_url, "account", &page),
            missing_console: at_any_path(public_url, "console", &console),
            console,
            page,
            style: accent.map(style).unwrap_or_default(),
            logo: logo.unwrap_or_else(|| Logo {
                bytes: ICON.to_vec(),
                media_type: "image/svg+xml",
            }),
        }
    }
}

/// Makes references to files independent of the path of the document: `pages` is the path below which these are.
fn at_any_path(public_url: &str, pages: &str, page: &str) -> String {
    let path = Url::parse(public_url).map_or_else(|_unreadable| String::new(), |url| url.path().to_owned());
    let base = format!("=\"{}/{pages}/", path.trim_end_matches('/'));
    let absolute = |page: String, reference: &str| page.replace(reference, &reference.replace("=\"", &base));
    REFERENCES.into_iter().fold(page.to_owned(), absolute)
}

fn style(accent: Colour) -> String {
    let (light, dark) = shades(accent);
    format!(
        ":root {{\n{}}}\n\n@media (prefers-color-scheme: dark) {{\n:root {{\n{}}}\n}}\n",
        properties(light),
        properties(dark)
    )
}

fn properties(shades: Shades) -> String {
    let mut text = String::new();
    for (name, colour) in [
        ("accent", shades.accent),
        ("accent-strong", shades.strong),
        ("on-accent", shades.on_accent),
    ] {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "  --{name}: {colour};");
    }
    text
}

/// Escapes a text for an attribute value in double quotes.
pub fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('"', "&quot;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn branding(app_name: &str, public_url: &str, accent: Option<Colour>) -> Branding {
        let facts = Facts {
            app_name,
            factors: &[FactorKind::Totp, FactorKind::Passkey],
            passwords: PasswordRules { min_length: 12 },
            development: true,
            console: true,
        };
        Branding::new(public_url, &facts, accent, None)
    }

    #[test]
    fn the_name_is_text_whatever_is_in_it() {
        let page = branding("A&B \"><script>", "https://example.com", None).page;
        assert!(page.contains("content=\"A&amp;B &quot;&gt;&lt;script&gt;\">"), "{page}");
    }

    #[test]
    fn the_page_names_what_scripts_need_to_know() {
        let page = branding("x", "https://example.com", None).page;
        for meta in [
            "name=\"application-name\" content=\"x\"",
            "name=\"second-factors\" content=\"totp passkey\"",
            "name=\"password-min-length\" content=\"12\"",
            "name=\"development\" content=\"yes\"",
            "name=\"console\" content=\"yes\"",
        ] {
            assert!(page.contains(&format!("<meta {meta}>")), "{meta} is not in {page}");
        }
    }

    #[test]
    fn the_document_for_other_paths_finds_its_files_from_everywhere() {
        for (public_url, path) in [("https://example.com", ""), ("https://example.com/auth", "/auth")] {
            let made = branding("x", public_url, None);
            found_from_everywhere(&made.missing_page, &format!("{path}/account/"));
            found_from_everywhere(&made.missing_console, &format!("{path}/console/"));
        }
    }

    fn found_from_everywhere(page: &str, base: &str) {
        let references: Vec<&str> = page
            .split(&[' ', '>', '\n'][..])
            .filter_map(|part| part.strip_prefix("href=\"").or(part.strip_prefix("src=\"")))
            .collect();
        assert!(references.len() > 3, "{page}");
        assert!(references.iter().all(|path| path.starts_with(base)), "{references:?}");
    }

    #[test]
    fn the_console_has_scripts_and_styles_beside_those_that_it_shares() {
        let made = branding("x", "https://example.com", None);
        for (account, console) in OF_CONSOLE {
            assert_eq!(made.page.matches(account).count(), 1, "{account}");
            assert_eq!(made.console.matches(console).count(), 1, "{console}");
            assert!(!made.page.contains(console), "{console}");
        }
        assert!(!made.console.contains("<title>Account</title>"));
        assert!(!made.console.contains("\"js/main.js\""));
        assert_eq!(made.console.matches("brand.css").count(), 1);
    }

    #[test]
    fn a_colour_is_given_for_light_and_for_dark_pages() {
        assert_eq!(branding("x", "https://example.com", None).style, "");
        let style = branding("x", "https://example.com", Colour::parse("#ffee00")).style;
        assert_eq!(style.matches("--accent: #").count(), 2, "{style}");
        assert_eq!(style.matches("prefers-color-scheme: dark").count(), 1);
    }
}
