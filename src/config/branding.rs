//! How the deployment presents itself: its name, its colour, its logo, and the texts of its messages.

use std::fs::File;
use std::io::{self, Read};

use super::reader::Reader;
use super::settings;
use crate::delivery::templates::TextFiles;
use crate::domain::accent::Colour;
use crate::domain::label;
use crate::domain::logo::{Logo, MOST_BYTES};

/// Maximum length of a name in characters. It is shown in subjects, above pages and in the lists of authenticator apps.
const LONGEST_NAME: usize = 64;

/// Name, colour, logo and texts.
#[derive(Debug)]
pub struct BrandingConfig {
    /// The name of the deployment; `None`: the host of its public URL.
    pub app_name: Option<String>,
    /// The colour of its pages and mails; `None`: the built-in one.
    pub accent: Option<Colour>,
    /// Its logo; `None`: the built-in one.
    pub logo: Option<Logo>,
    /// Texts that replace the built-in texts of messages.
    pub texts: TextFiles,
}

impl BrandingConfig {
    /// Reads the section.
    pub(super) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let app_name = reader.parse_optional(&settings::APP_NAME, parse_name);
        let accent = reader.parse_optional(&settings::ACCENT_COLOR, |text| {
            Colour::parse(text).ok_or_else(|| "must be a colour such as #1d4f91".to_owned())
        });
        let logo = reader.parse_optional(&settings::LOGO, |path| {
            let bytes = read_logo(path).map_err(|error| format!("cannot be read from {path}: {error}"))?;
            Logo::parse(bytes)
        });
        let texts = reader.parse_optional(&settings::TEXTS_DIR, |path| TextFiles::load(path.as_ref()));
        Some(Self {
            app_name: app_name?,
            accent: accent?,
            logo: logo?,
            texts: texts?.unwrap_or_default(),
        })
    }
}

/// Reads a file up to one byte beyond the limit, which shows that it is too large. A device such as `/dev/zero` has no
/// end.
fn read_logo(path: &str) -> io::Result<Vec<u8>> {
    let most = u64::try_from(MOST_BYTES).unwrap_or(u64::MAX).saturating_add(1);
    let mut bytes = Vec::new();
    File::open(path)?.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Authenticator apps read the part before a colon as the issuer (Key URI Format, "Label"), so a name cannot contain
/// one.
fn parse_name(text: &str) -> Result<String, String> {
    if text.contains(':') || !label::is_label(text, LONGEST_NAME) {
        return Err(format!(
            "must be 1 to {LONGEST_NAME} characters, without colons, line ends and invisible characters, such as \
             marks of direction"
        ));
    }
    Ok(text.to_owned())
}
