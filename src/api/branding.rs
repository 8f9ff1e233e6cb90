//! What the account pages and the console show of the deployment, prepared once at start: its name, colour and logo, and the second
//! factors that it offers.

use std::fmt::Write;

use crate::domain::accent::{Colour, Shades, shades};
use crate::domain::factor::FactorKind;
use crate::domain::logo::Logo;

/// The HTML document of all account pages.
const PAGE: &str = include_str!("../../web/index.html");
/// The HTML document of all pages of the console.
const CONSOLE: &str = include_str!("../../web/console.html");
/// The place of the name in a document; scripts read it too.
const NAME_PLACE: &str = "<meta name=\"application-name\" content=\"\">";
/// The place of the second factors: pages that no user is signed in to read them here.
const FACTORS_PLACE: &str = "<meta name=\"second-factors\" content=\"\">";
/// The logo of a deployment that sets none.
const ICON: &[u8] = include_bytes!("../../web/icon.svg");

/// The files that differ between deployments.
pub struct Branding {
    /// The HTML document of all account pages.
    pub page: String,
    /// The HTML document of all pages of the console.
    pub console: String,
    /// The colours, which override those of `css/base.css`.
    pub style: String,
    /// The logo.
    pub logo: Logo,
}

impl Branding {
    /// Prepares them.
    pub fn new(app_name: &str, factors: &[FactorKind], accent: Option<Colour>, logo: Option<Logo>) -> Self {
        let factors: Vec<_> = factors.iter().map(|kind| kind.as_str()).collect();
        let named = |document: &str| document.replace(NAME_PLACE, &filled(NAME_PLACE, app_name));
        Self {
            page: named(&PAGE.replace(FACTORS_PLACE, &filled(FACTORS_PLACE, &factors.join(" ")))),
            console: named(CONSOLE),
            style: accent.map(style).unwrap_or_default(),
            logo: logo.unwrap_or_else(|| Logo {
                bytes: ICON.to_vec(),
                media_type: "image/svg+xml",
            }),
        }
    }
}

/// Writes a text into the empty attribute of a place.
fn filled(place: &str, text: &str) -> String {
    place.replace("\"\"", &format!("\"{}\"", escaped(text)))
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

    #[test]
    fn the_name_is_text_whatever_is_in_it() {
        let page = Branding::new("A&B \"><script>", &[], None, None).page;
        assert!(page.contains("content=\"A&amp;B &quot;&gt;&lt;script&gt;\">"), "{page}");
    }

    #[test]
    fn the_page_names_the_second_factors() {
        let page = Branding::new("x", &[FactorKind::Totp, FactorKind::Passkey], None, None).page;
        assert!(
            page.contains("<meta name=\"second-factors\" content=\"totp passkey\">"),
            "{page}"
        );
    }

    #[test]
    fn a_colour_is_given_for_light_and_for_dark_pages() {
        assert_eq!(Branding::new("x", &[], None, None).style, "");
        let style = Branding::new("x", &[], Colour::parse("#ffee00"), None).style;
        assert_eq!(style.matches("--accent: #").count(), 2, "{style}");
        assert_eq!(style.matches("prefers-color-scheme: dark").count(), 1);
    }
}
