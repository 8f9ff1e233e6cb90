//! Which proofs make which assurance: the one place that decides `acr` and `amr`.
//!
//! Two factors are a password and something held. A mail box is neither: a link or a code sent there proves only
//! that somebody reads it (NIST SP 800-63B-4 §3.1.3.1), so mail never lifts a session to `aal2`, however often
//! it is used.

/// Something a person did to prove who they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AuthenticationMethod {
    /// A memorised secret.
    Password,
    /// A link that was sent to the account's address.
    EmailLink,
    /// A code of an authenticator app.
    Totp,
    /// One of the codes kept for the day the authenticator is lost.
    RecoveryCode,
    /// A code that was sent to the account's phone.
    SmsCode,
    /// A code that was sent to the account's address.
    EmailCode,
}

/// What a proof rests on. Two proofs are two factors only if they rest on different things.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ground {
    /// Something known.
    Knowledge,
    /// Something held.
    Possession,
    /// A mail box, which is neither.
    Mailbox,
}

impl AuthenticationMethod {
    /// All methods.
    pub const ALL: [Self; 6] = [
        Self::Password,
        Self::EmailLink,
        Self::Totp,
        Self::RecoveryCode,
        Self::SmsCode,
        Self::EmailCode,
    ];

    /// Returns the `amr` value: a name of RFC 8176 where it has one, a private one otherwise.
    pub const fn amr(self) -> &'static str {
        match self {
            Self::Password => "pwd",
            Self::Totp => "otp",
            Self::RecoveryCode => "recovery",
            Self::SmsCode => "sms",
            Self::EmailLink | Self::EmailCode => "email",
        }
    }

    /// Returns the name under which the method is stored: the `amr` value where that names it alone.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::EmailLink => "email_link",
            Self::EmailCode => "email_code",
            other => other.amr(),
        }
    }

    /// Reads the name under which a method is stored.
    pub fn from_stored(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.as_str() == name)
    }

    /// Tells whether the proof rests on something that its owner holds.
    pub const fn is_held(self) -> bool {
        matches!(self.ground(), Ground::Possession)
    }

    const fn ground(self) -> Ground {
        match self {
            Self::Password => Ground::Knowledge,
            Self::Totp | Self::RecoveryCode | Self::SmsCode => Ground::Possession,
            Self::EmailLink | Self::EmailCode => Ground::Mailbox,
        }
    }
}

/// How sure the service is of who is signed in; the `acr` of tokens, after NIST's levels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AssuranceLevel {
    /// One factor.
    Aal1,
    /// Two distinct factors.
    Aal2,
}

impl AssuranceLevel {
    /// Returns the `acr` value.
    pub const fn acr(self) -> &'static str {
        match self {
            Self::Aal1 => "aal1",
            Self::Aal2 => "aal2",
        }
    }
}

/// Returns the level that a set of proofs reaches.
pub fn level(methods: &[AuthenticationMethod]) -> AssuranceLevel {
    let rests_on = |ground| methods.iter().any(|method| method.ground() == ground);
    if rests_on(Ground::Knowledge) && rests_on(Ground::Possession) {
        AssuranceLevel::Aal2
    } else {
        AssuranceLevel::Aal1
    }
}

/// Tells whether a proof may open the second door after those that opened the first: it must rest on something else. Two
/// looks into one mail box are one look.
pub fn is_second(proven: &[AuthenticationMethod], more: AuthenticationMethod) -> bool {
    proven.iter().all(|method| method.ground() != more.ground())
}

/// Returns a session's proofs with one more: what was proven before is not forgotten, and proving it again adds nothing.
#[must_use]
pub fn with_proof(proven: &[AuthenticationMethod], more: AuthenticationMethod) -> Vec<AuthenticationMethod> {
    let mut methods = proven.to_vec();
    if !methods.contains(&more) {
        methods.push(more);
    }
    methods
}

/// Returns the `amr` values of a set of proofs, in order, with `mfa` where two factors were proven (RFC 8176 §2).
pub fn amr(methods: &[AuthenticationMethod]) -> Vec<&'static str> {
    let mut names: Vec<&'static str> = Vec::new();
    for method in methods {
        if !names.contains(&method.amr()) {
            names.push(method.amr());
        }
    }
    if level(methods) == AssuranceLevel::Aal2 {
        names.push("mfa");
    }
    names
}

#[cfg(test)]
mod tests {
    use super::AuthenticationMethod::{EmailCode, EmailLink, Password, RecoveryCode, SmsCode, Totp};
    use super::*;

    /// Every set of methods, by the bits of a number.
    fn every_set() -> impl Iterator<Item = Vec<AuthenticationMethod>> {
        (0_u32..1 << AuthenticationMethod::ALL.len()).map(|bits| {
            let in_set = |(index, _): &(usize, AuthenticationMethod)| bits & (1 << index) != 0;
            let methods = AuthenticationMethod::ALL.into_iter().enumerate().filter(in_set);
            methods.map(|(_, method)| method).collect()
        })
    }

    #[test]
    fn of_all_sets_of_proofs_those_with_the_password_and_something_held_reach_aal2() {
        for methods in every_set() {
            let held = [Totp, RecoveryCode, SmsCode].iter().any(|held| methods.contains(held));
            let two_factors = methods.contains(&Password) && held;
            assert_eq!(level(&methods) == AssuranceLevel::Aal2, two_factors, "{methods:?}");
            assert_eq!(amr(&methods).contains(&"mfa"), two_factors, "{methods:?}");
        }
    }

    #[test]
    fn mail_never_adds_a_factor_however_often_it_is_used() {
        for methods in every_set() {
            let without_mail: Vec<_> = methods
                .iter()
                .copied()
                .filter(|method| !matches!(method, EmailLink | EmailCode))
                .collect();
            assert_eq!(level(&methods), level(&without_mail), "{methods:?}");
        }
        assert_eq!(amr(&[EmailLink, EmailCode]), ["email"]);
        assert_eq!(level(&[EmailLink, EmailCode]), AssuranceLevel::Aal1);
    }

    #[test]
    fn each_way_in_has_its_values() {
        let table: [(&[AuthenticationMethod], &str, &[&str]); 10] = [
            (&[], "aal1", &[]),
            (&[Password], "aal1", &["pwd"]),
            (&[Password, Totp], "aal2", &["pwd", "otp", "mfa"]),
            (&[Password, RecoveryCode], "aal2", &["pwd", "recovery", "mfa"]),
            (&[Password, SmsCode], "aal2", &["pwd", "sms", "mfa"]),
            (&[Password, EmailCode], "aal1", &["pwd", "email"]),
            (&[EmailLink, Totp], "aal1", &["email", "otp"]),
            (&[EmailLink, SmsCode], "aal1", &["email", "sms"]),
            (&[Password, EmailCode, Totp], "aal2", &["pwd", "email", "otp", "mfa"]),
            (&[Password, Password], "aal1", &["pwd"]),
        ];
        for (methods, acr, names) in table {
            assert_eq!(
                (level(methods).acr(), amr(methods).as_slice()),
                (acr, names),
                "{methods:?}"
            );
        }
    }

    #[test]
    fn the_second_door_wants_something_else_than_the_first() {
        assert!(is_second(&[Password], Totp) && is_second(&[Password], EmailCode) && is_second(&[EmailLink], Totp));
        assert!(!is_second(&[EmailLink], EmailCode) && !is_second(&[Password], Password));
    }

    #[test]
    fn a_further_proof_never_lowers_the_level() {
        for methods in every_set() {
            for more in AuthenticationMethod::ALL {
                let after = with_proof(&methods, more);
                assert!(level(&after) >= level(&methods) && after.contains(&more));
                assert_eq!(with_proof(&after, more), after);
            }
        }
    }

    #[test]
    fn stored_names_are_read_back() {
        for method in AuthenticationMethod::ALL {
            assert_eq!(AuthenticationMethod::from_stored(method.as_str()), Some(method));
        }
        assert_eq!(AuthenticationMethod::from_stored("mfa"), None);
        assert_eq!(AuthenticationMethod::from_stored("email"), None);
    }
}
