//! The name, the colour and the logo of the deployment on the account pages, prepared once at start.

use std::fmt::Write;

use crate::domain::accent::{Colour, Shades, shades};
use crate::domain::logo::Logo;

/// The HTML document of all pages.
const PAGE: &str = include_str!("../../web/index.html");
/// The place of the name in the document; scripts read it too.
const NAME_PLACE: &str = "<meta name=\"application-name\" content=\"\">";
/// The logo of a deployment that sets none.
const ICON: &[u8] = include_bytes!("../../web/icon.svg");

/// The files that differ between deployments.
pub struct Branding {
    /// The HTML document of all pages.
    pub page: String,
    /// The colours, which override those of `css/base.css`.
    pub style: String,
    /// The logo.
    pub logo: Logo,
}

impl Branding {
    /// Prepares them.
    pub fn new(app_name: &str, accent: Option<Colour>, logo: Option<Logo>) -> Self {
        let place = NAME_PLACE.replace("\"\"", &format!("\"{}\"", escaped(app_name)));
        Self {
            page: PAGE.replace(NAME_PLACE, &place),
            style: accent.map(style).unwrap_or_default(),
            logo: logo.unwrap_or_else(|| Logo {
                bytes: ICON.to_vec(),
                media_type: "image/svg+xml",
            }),
        }
    }
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
fn escaped(text: &str) -> String {
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
        let page = Branding::new("A&B \"><script>", None, None).page;
        assert!(page.contains("content=\"A&amp;B &quot;&gt;&lt;script&gt;\">"), "{page}");
    }

    #[test]
    fn a_colour_is_given_for_light_and_for_dark_pages() {
        assert_eq!(Branding::new("x", None, None).style, "");
        let style = Branding::new("x", Colour::parse("#ffee00"), None).style;
        assert_eq!(style.matches("--accent: #").count(), 2, "{style}");
        assert_eq!(style.matches("prefers-color-scheme: dark").count(), 1);
    }
}
