//! The proof of a second factor: a code that a user types, recognised by the method's name or by its shape, or what a
//! passkey signed.
//!
//! A text of the wrong shape cannot be a guess: it is an input error and does not count as an attempt.

use super::assurance::AuthenticationMethod;
use super::factor::FactorKind;
use super::input::InvalidInput;
use super::message::Channel;
use super::passkey_response::Assertion;
use super::recovery_code::RecoveryCode;
use super::sent_code::SentCode;
use super::totp::TotpCode;

/// A proof that has the shape of one of the second factors.
#[derive(Clone, Debug)]
pub enum FactorProof {
    /// Six digits from an authenticator.
    Totp(TotpCode),
    /// One of the codes saved for the loss of the authenticator.
    Recovery(RecoveryCode),
    /// A sent code.
    Sent(Channel, SentCode),
    /// What a passkey signed.
    Passkey(Box<Assertion>),
}

impl FactorProof {
    /// Parses a code by the named method, or else by its shape: six digits are TOTP, 24 characters a recovery code.
    ///
    /// # Errors
    ///
    /// Names `/code` or `/method`, whichever is invalid.
    pub fn parse(text: &str, method: Option<&str>) -> Result<Self, InvalidInput> {
        let digits = || TotpCode::parse(text);
        let recovery = || RecoveryCode::parse(text);
        let parsed = match method {
            Some("totp") => digits().map(Self::Totp),
            Some("recovery_code") => recovery().map(Self::Recovery),
            Some(name) => {
                let wanted = || InvalidInput::of("/method", "must be totp, recovery_code, email or sms");
                let channel = Channel::parse(name).ok_or_else(wanted)?;
                SentCode::parse(channel, text).map(|code| Self::Sent(channel, code))
            }
            None => digits().map(Self::Totp).or_else(|no_digits| {
                let wanted = |_| format!("{no_digits}, or a recovery code");
                recovery().map(Self::Recovery).map_err(wanted)
            }),
        };
        parsed.map_err(|wanted| InvalidInput::of("/code", wanted))
    }

    /// Returns the kind of factor that the code is of.
    pub const fn kind(&self) -> FactorKind {
        match self {
            Self::Totp(_) => FactorKind::Totp,
            Self::Recovery(_) => FactorKind::RecoveryCodes,
            Self::Sent(channel, _) => FactorKind::sent_by(*channel),
            Self::Passkey(_) => FactorKind::Passkey,
        }
    }

    /// Returns the method that it is a proof of, if it is right. Whether a passkey verified its user too, the check says.
    pub const fn method(&self) -> AuthenticationMethod {
        self.kind().abilities().method
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECOVERY: &str = "0000-1111-2222-3333-4444-5555";

    #[test]
    fn the_shape_tells_the_method() {
        for text in [
            "123456",
            "123 456",
            " 123456",
            "1 2 3 4 5 6 ",
            "123-456",
            "123\t456\n",
            "\u{2066}123\u{a0}456\u{2069}",
            "١٢٣٤٥٦",
        ] {
            assert!(
                matches!(FactorProof::parse(text, None), Ok(FactorProof::Totp(_))),
                "{text:?}"
            );
        }
        assert!(matches!(
            FactorProof::parse(RECOVERY, None),
            Ok(FactorProof::Recovery(_))
        ));
    }

    #[test]
    fn a_named_method_takes_only_its_own_shape() {
        assert!(matches!(
            FactorProof::parse("123456", Some("totp")),
            Ok(FactorProof::Totp(_))
        ));
        assert!(matches!(
            FactorProof::parse("1234 5678", Some("email")),
            Ok(FactorProof::Sent(Channel::Email, _))
        ));
        assert!(matches!(
            FactorProof::parse("123456", Some("sms")),
            Ok(FactorProof::Sent(Channel::Sms, _))
        ));
        for (text, method, pointer) in [
            (RECOVERY, "totp", "/code"),
            ("123456", "recovery_code", "/code"),
            ("123456", "email", "/code"),
            ("12345678", "sms", "/code"),
            ("123456", "phone", "/method"),
            ("123456", "TOTP", "/method"),
        ] {
            let found = FactorProof::parse(text, Some(method)).unwrap_err();
            assert_eq!(found.errors.first().unwrap().pointer, pointer);
        }
    }

    #[test]
    fn other_shapes_are_input_errors() {
        for text in ["", "12345", "1234567", "12345x", "123.456", "+12345", "12345\n"] {
            assert!(FactorProof::parse(text, None).is_err(), "{text:?} was accepted");
        }
    }
}
