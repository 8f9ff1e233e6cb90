//! The registration hook: a server of the operator that is asked before an account is made, and what its answer means.

use serde::Deserialize;

use super::app_claims::{AppClaims, GivenClaims};
use super::federation::provider::ProviderId;
use super::label::is_label;
use super::message::Locale;
use super::user::AccountNames;

/// The longest answer in bytes.
pub const MOST_BYTES: u64 = 16 * 1024;
/// The longest reason of a denial in characters.
const LONGEST_REASON: usize = 200;

/// What becomes of a registration if the hook gives no answer that counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HookFailure {
    /// It goes on, without claims.
    Open,
    /// It is refused, and may be tried again.
    Closed,
}

/// How the owner of the account would sign in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HookMethod {
    /// With a password.
    Password,
    /// With a passkey, and without a password.
    Passkey,
    /// As a user of an upstream provider.
    Federation(ProviderId),
}

impl HookMethod {
    /// Returns the name in requests to the hook.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::Passkey => "passkey",
            Self::Federation(_) => "federation",
        }
    }

    /// Returns the provider, if one brings the user.
    pub const fn provider(&self) -> Option<&ProviderId> {
        match self {
            Self::Federation(provider) => Some(provider),
            Self::Password | Self::Passkey => None,
        }
    }
}

/// What the hook is asked about. It has no place for a password: the hook must not see one.
#[derive(Clone, Debug)]
pub struct Applicant {
    /// The names of the account.
    pub names: AccountNames,
    /// Whether a provider that is believed for the address proves it.
    pub email_verified: bool,
    /// How its owner would sign in.
    pub method: HookMethod,
    /// The language of messages.
    pub locale: Locale,
}

/// Why the hook denies a registration, for the user: 1 to 200 characters that are what they look like. They are shown on
/// pages of the deployment, so no control character, line break or character that is not seen may change how these look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DenialReason(String);

impl DenialReason {
    fn parse(text: String) -> Result<Self, &'static str> {
        let wrong = "its reason is not 1 to 200 characters of plain text";
        is_label(&text, LONGEST_REASON).then_some(Self(text)).ok_or(wrong)
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What the hook decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HookAnswer {
    /// The account may be made, with these claims.
    Allowed(AppClaims),
    /// It may not.
    Denied(Option<DenialReason>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    allow: bool,
    reason: Option<String>,
    claims: Option<GivenClaims>,
}

impl HookAnswer {
    /// Reads the body of an answer with 200. A member that is not known could be one that is misspelled, and a denial
    /// must not become permission by a slip: what is not exactly an answer is none.
    ///
    /// # Errors
    ///
    /// Says what is wrong with it, for the operator.
    pub fn parse(body: &[u8]) -> Result<Self, &'static str> {
        let written: Written = serde_json::from_slice(body)
            .map_err(|_unreadable| "its answer is not {allow, reason?, claims?} as JSON")?;
        let reason = written.reason.map(DenialReason::parse).transpose()?;
        let claims = written.claims.as_ref().map(AppClaims::parse).transpose();
        let claims =
            claims.map_err(|_refused| "its claims are not a JSON object of at most 2048 bytes that may be stored")?;
        Ok(if written.allow {
            Self::Allowed(claims.unwrap_or_default())
        } else {
            Self::Denied(reason)
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::domain::label::is_plain;

    fn parse(text: &str) -> Result<HookAnswer, &'static str> {
        HookAnswer::parse(text.as_bytes())
    }

    #[test]
    fn an_answer_allows_or_denies() {
        let none = HookAnswer::Allowed(AppClaims::default());
        let reason = |text: &str| HookAnswer::Denied(Some(DenialReason(text.to_owned())));
        for (text, expected) in [
            (r#"{"allow":true}"#, none.clone()),
            (r#"{"allow":true,"reason":null,"claims":null}"#, none.clone()),
            (r#"{"allow":true,"reason":"counts for denials only","claims":{}}"#, none),
            (r#"{"allow":false}"#, HookAnswer::Denied(None)),
            (
                r#"{"allow":false,"reason":"Nur für Gäste 👩‍👩‍👧."}"#,
                reason("Nur für Gäste 👩‍👩‍👧."),
            ),
            (
                r#"{"allow":false,"reason":"<b>no</b>","claims":{"a":1}}"#,
                reason("<b>no</b>"),
            ),
        ] {
            assert_eq!(parse(text), Ok(expected), "{text}");
        }
        let Ok(HookAnswer::Allowed(claims)) = parse(r#"{"allow":true,"claims":{"plan":"gold"}}"#) else {
            panic!("it is allowed");
        };
        assert_eq!(claims.to_text(), r#"{"plan":"gold"}"#);
    }

    #[test]
    fn what_is_not_exactly_an_answer_is_none() {
        let long = json!({"allow": false, "reason": "a".repeat(LONGEST_REASON + 1)}).to_string();
        let marks = json!({"allow": false, "reason": format!("a{}", "\u{301}".repeat(199))}).to_string();
        let claims = json!({"allow": true, "claims": {"a": "b".repeat(2048)}}).to_string();
        for text in [
            "",
            "true",
            "[]",
            "{}",
            "null",
            r#"{"allow":"true"}"#,
            r#"{"allow":1}"#,
            r#"{"allow":null}"#,
            r#"{"allow":true} {"allow":false}"#,
            r#"{"allow":true,"allow":false}"#,
            r#"{"allow":true,"Reason":"a"}"#,
            r#"{"allow":false,"reason":""}"#,
            r#"{"allow":false,"reason":"  "}"#,
            r#"{"allow":false,"reason":5}"#,
            r#"{"allow":false,"reason":"a\nb"}"#,
            r#"{"allow":false,"reason":"a\u0000"}"#,
            r#"{"allow":false,"reason":"\u001b[31mred"}"#,
            r#"{"allow":false,"reason":"\u202egnirts"}"#,
            r#"{"allow":false,"reason":"a\u2028b"}"#,
            r#"{"allow":false,"reason":"\ufeffa"}"#,
            r#"{"allow":false,"reason":"\u3164"}"#,
            r#"{"allow":false,"reason":"a\u2800b"}"#,
            r#"{"allow":false,"reason":"\u200d"}"#,
            "{\"allow\":false,\"reason\":\"\u{1d159}\"}",
            r#"{"allow":false,"reason":"full\u200d"}"#,
            &marks,
            r#"{"allow":true,"reason":"a\u0007"}"#,
            r#"{"allow":true,"claims":[]}"#,
            r#"{"allow":true,"claims":"a"}"#,
            r#"{"allow":true,"claims":{"a":1,"a":2}}"#,
            r#"{"allow":true,"claims":{"a":"b\nc"}}"#,
            r#"{"allow":false,"claims":{"__proto__":{}}}"#,
            &long,
            &claims,
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
        assert!(HookAnswer::parse(b"{\"allow\":true,\"reason\":\"\xff\"}").is_err());
    }

    proptest! {
        /// A reason that is shown is one line, and shows what it has.
        #[test]
        fn a_reason_is_one_line_of_text(reason in "\\PC{0,210}|[ -~\\x00-\\x1f\\x7f-\\u{9f}\u{200e}\u{202a}-\u{202e}\u{2028}\u{2800}\u{3164}\u{feff}]{1,8}") {
            let text = json!({"allow": false, "reason": reason}).to_string();
            match parse(&text) {
                Ok(HookAnswer::Denied(Some(read))) => {
                    prop_assert_eq!(read.as_str(), &reason);
                    prop_assert!(reason.chars().count() <= LONGEST_REASON && reason.lines().count() == 1);
                    prop_assert!(is_plain(&reason) && reason.chars().any(|character| !character.is_whitespace()));
                }
                Ok(other) => prop_assert!(false, "{other:?}"),
                Err(_refused) => {}
            }
        }

        /// No other text than an object that says so allows anything.
        #[test]
        fn nothing_is_allowed_by_chance(text in "\\PC{0,40}|[{}\\[\\]\":,a-z ]{0,40}") {
            if let Ok(HookAnswer::Allowed(_)) = parse(&text) {
                let value: serde_json::Value = serde_json::from_str(&text).unwrap();
                prop_assert_eq!(&value["allow"], &json!(true));
            }
        }
    }
}
