//! The apps that may use passkeys: how their platforms name them, and the origin that Android gives to an app.
//!
//! Each platform lets an app use the passkeys of a domain only if the domain names the app, in a document at a well-known
//! path. Apple's platforms then sign with the origin of the domain, as a page of it would. Android signs with the
//! certificate of the app, so here the app itself is checked too.

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// The apps of a deployment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PasskeyApps {
    /// Those of Apple's platforms.
    pub apple: Vec<AppleApp>,
    /// Those of Android, one entry for each certificate.
    pub android: Vec<AndroidApp>,
}

/// An app of Apple's platforms, by its application identifier: the id of a team, a dot, and the id of the bundle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppleApp(String);

impl AppleApp {
    const TEAM_LENGTH: usize = 10;

    /// Parses an application identifier.
    ///
    /// # Errors
    ///
    /// Describes the expected form.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let is_team = |team: &str| {
            let allowed = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
            team.len() == Self::TEAM_LENGTH && team.bytes().all(allowed)
        };
        let is_part = |part: &str| {
            let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
            !part.is_empty() && part.bytes().all(allowed)
        };
        let parts = text.split_once('.');
        parts
            .filter(|(team, bundle)| is_team(team) && bundle.split('.').all(is_part))
            .map(|_| Self(text.to_owned()))
            .ok_or("must be a list of application identifiers: a team of ten capital letters and digits, and a bundle")
    }

    /// Returns the application identifier.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// An Android app, by its package and the SHA-256 fingerprint of the certificate that signs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AndroidApp {
    package: String,
    fingerprint: [u8; AndroidApp::FINGERPRINT_LENGTH],
}

impl AndroidApp {
    const FINGERPRINT_LENGTH: usize = 32;

    /// Parses a package and a fingerprint, separated by `@`. The fingerprint is written as `keytool` and Android Studio
    /// show it: 32 pairs of hexadecimal digits, separated by colons.
    ///
    /// # Errors
    ///
    /// Describes the expected form.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let parts = text.split_once('@');
        parts
            .and_then(|(package, fingerprint)| {
                Some(Self {
                    package: is_package(package).then(|| package.to_owned())?,
                    fingerprint: parse_fingerprint(fingerprint)?,
                })
            })
            .ok_or("must be a list of a package, @ and the SHA-256 fingerprint of its certificate: 32 pairs of digits")
    }

    /// Returns the package.
    pub fn package(&self) -> &str {
        &self.package
    }

    /// Returns the fingerprint as `assetlinks.json` has it: capital digits with colons.
    pub fn fingerprint(&self) -> String {
        let pairs = self.fingerprint.iter().enumerate();
        pairs.fold(String::new(), |mut text, (index, byte)| {
            let colon = if index == 0 { "" } else { ":" };
            // Writing to a string cannot fail.
            let _ = write!(text, "{colon}{byte:02X}");
            text
        })
    }

    /// Returns the origin that Android writes into what the passkeys of the app sign.
    pub fn origin(&self) -> String {
        format!("android:apk-key-hash:{}", URL_SAFE_NO_PAD.encode(self.fingerprint))
    }
}

/// Returns whether a text is a package: at least two names of letters, digits and underscores that begin with a letter.
fn is_package(text: &str) -> bool {
    let is_name = |name: &str| {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        name.starts_with(|first: char| first.is_ascii_alphabetic()) && name.bytes().all(allowed)
    };
    text.contains('.') && text.split('.').all(is_name)
}

fn parse_fingerprint(text: &str) -> Option<[u8; AndroidApp::FINGERPRINT_LENGTH]> {
    let byte = |pair: &str| {
        // `from_str_radix` alone would accept a plus sign.
        let digits = pair.len() == 2 && pair.bytes().all(|byte| byte.is_ascii_hexdigit());
        u8::from_str_radix(pair, 16).ok().filter(|_| digits)
    };
    let bytes: Option<Vec<u8>> = text.split(':').map(byte).collect();
    bytes?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The one in Google's documentation of Digital Asset Links. Python computed its base64url below.
    const FINGERPRINT: &str =
        "14:6D:E9:83:C5:73:06:50:D8:EE:B9:95:2F:34:FC:64:16:A0:83:42:E6:1D:BE:A8:8A:04:96:B2:3F:CF:44:E5";

    #[test]
    fn an_android_app_has_the_origin_of_its_certificate() {
        for fingerprint in [FINGERPRINT.to_owned(), FINGERPRINT.to_lowercase()] {
            let app = AndroidApp::parse(&format!("com.example.app_2@{fingerprint}")).unwrap();
            assert_eq!(app.package(), "com.example.app_2");
            assert_eq!(app.fingerprint(), FINGERPRINT);
            assert_eq!(
                app.origin(),
                "android:apk-key-hash:FG3pg8VzBlDY7rmVLzT8ZBagg0LmHb6oigSWsj_PROU"
            );
        }
    }

    #[test]
    fn other_forms_are_refused() {
        for text in [
            "ABCDE12345.com.example.app",
            "0123456789.app",
            "ABCDE12345.com.example-2.App",
        ] {
            assert_eq!(AppleApp::parse(text).unwrap().as_str(), text);
        }
        for text in [
            "",
            "com.example.app",
            "ABCDE1234.com.example.app",
            "abcde12345.com.example.app",
            "ABCDE12345",
            "ABCDE12345.",
            "ABCDE12345.com..app",
            "ABCDE12345.*",
            "ABCDE12345.com.example.app ",
            "ABCDE12345.com.exämple",
        ] {
            assert!(AppleApp::parse(text).is_err(), "{text:?}");
        }
        for text in [
            "com.example.app".to_owned(),
            format!("@{FINGERPRINT}"),
            format!("app@{FINGERPRINT}"),
            format!("com.1example@{FINGERPRINT}"),
            format!("com..app@{FINGERPRINT}"),
            format!("com.example.app@{}", FINGERPRINT.replace(':', "")),
            format!("com.example.app@{FINGERPRINT}:00"),
            format!("com.example.app@{}", &FINGERPRINT[3..]),
            format!("com.example.app@{}", FINGERPRINT.replace("14", "+4")),
            format!("com.example.app@{}", FINGERPRINT.replace("14", "1g")),
            format!("com.example.app@@{FINGERPRINT}"),
        ] {
            assert!(AndroidApp::parse(&text).is_err(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_shown_is_read_again(fingerprint: [u8; 32]) {
            let app = AndroidApp { package: "com.example".to_owned(), fingerprint };
            let text = format!("{}@{}", app.package(), app.fingerprint());
            prop_assert_eq!(AndroidApp::parse(&text), Ok(app));
        }

        #[test]
        fn any_text_is_classified(text in "\\PC{0,120}") {
            let _ = (AppleApp::parse(&text), AndroidApp::parse(&text));
        }
    }
}
