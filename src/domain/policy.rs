//! What a deployment decides about registration and second factors, and the numbers of all policies with their table.

pub mod limits;
pub mod numbers;

use super::input::InvalidInput;
use super::user::AccountNames;

/// Whether every user needs a second factor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TwoFactorPolicy {
    /// Every user does. Without one, a password permits only the enrolment of one.
    Required,
    /// Only users who have set one up.
    Optional,
}

impl TwoFactorPolicy {
    /// Returns the policy's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Required => "required",
            Self::Optional => "optional",
        }
    }
}

/// Who may register, and what the answer reveals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RegistrationMode {
    /// Any client; the answer says when an address or a name is taken.
    Explicit,
    /// Any client; only a mail says whether the address was taken.
    Private,
    /// Only operators make accounts.
    Closed,
}

impl RegistrationMode {
    /// Returns whether an answer may say that an address belongs to another account. If not, only a mail to that
    /// address says so.
    pub const fn reveals_taken_addresses(self) -> bool {
        matches!(self, Self::Explicit)
    }

    /// Checks which names a registration has.
    ///
    /// # Errors
    ///
    /// Requires an address where accounts are used only after it is verified. Refuses a user name beside an address in
    /// private mode: whether the name is taken afterwards would tell whether the address was taken before.
    pub fn check(self, names: &AccountNames, email_verification_required: bool) -> Result<(), InvalidInput> {
        if email_verification_required && names.email.is_none() {
            return Err(InvalidInput::of("/email", "is required here, and must be confirmed"));
        }
        if self == Self::Private && names.email.is_some() && names.username.is_some() {
            let detail = "cannot be combined with an address here; choose it after signing in";
            return Err(InvalidInput::of("/username", detail));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_mode_accepts_only_names_that_reveal_nothing() {
        let (email, username) = (Some("jo@example.com"), Some("jo.doe"));
        for (mode, names, required, refused) in [
            (RegistrationMode::Explicit, (email, username), true, None),
            (RegistrationMode::Explicit, (None, username), false, None),
            (RegistrationMode::Explicit, (None, username), true, Some("/email")),
            (RegistrationMode::Private, (email, username), false, Some("/username")),
            (RegistrationMode::Private, (email, None), true, None),
            (RegistrationMode::Private, (None, username), false, None),
            (RegistrationMode::Private, (None, username), true, Some("/email")),
        ] {
            let given = AccountNames::parse(names.0, names.1).unwrap();
            let checked = mode.check(&given, required);
            let pointer = checked.err().map(|invalid| invalid.errors[0].pointer);
            assert_eq!(pointer, refused, "{mode:?} {names:?} {required}");
        }
    }
}
