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
    /// A code of an authenticator app.
    Totp,
    /// One of the codes kept for the day the authenticator is lost.
    RecoveryCode,
}

impl AuthenticationMethod {
    /// All methods.
    pub const ALL: [Self; 3] = [Self::Password, Self::Totp, Self::RecoveryCode];

    /// Returns the `amr` value: a name of RFC 8176 where it has one, a private one otherwise.
    pub const fn amr(self) -> &'static str {
        match self {
            Self::Password => "pwd",
            Self::Totp => "otp",
            Self::RecoveryCode => "recovery",
        }
    }

    /// Reads the name under which a method is stored, which is its `amr` value.
    pub fn from_stored(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.amr() == name)
    }

    const fn is_held(self) -> bool {
        matches!(self, Self::Totp | Self::RecoveryCode)
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
    let known = methods.contains(&AuthenticationMethod::Password);
    let held = methods.iter().any(|method| method.is_held());
    if known && held {
        AssuranceLevel::Aal2
    } else {
        AssuranceLevel::Aal1
    }
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
    use super::AuthenticationMethod::{Password, RecoveryCode, Totp};
    use super::*;

    #[test]
    fn every_set_of_proofs_has_its_level() {
        let table: [(&[AuthenticationMethod], &str, &[&str]); 8] = [
            (&[], "aal1", &[]),
            (&[Password], "aal1", &["pwd"]),
            (&[Totp], "aal1", &["otp"]),
            (&[RecoveryCode], "aal1", &["recovery"]),
            (&[Password, Totp], "aal2", &["pwd", "otp", "mfa"]),
            (&[Password, RecoveryCode], "aal2", &["pwd", "recovery", "mfa"]),
            (&[Totp, RecoveryCode], "aal1", &["otp", "recovery"]),
            (
                &[Password, Totp, RecoveryCode],
                "aal2",
                &["pwd", "otp", "recovery", "mfa"],
            ),
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
    fn proving_one_factor_twice_adds_nothing() {
        assert_eq!(amr(&[Password, Password]), ["pwd"]);
        assert_eq!(level(&[Password, Password]), AssuranceLevel::Aal1);
    }

    #[test]
    fn stored_names_are_read_back() {
        for method in AuthenticationMethod::ALL {
            assert_eq!(AuthenticationMethod::from_stored(method.amr()), Some(method));
        }
        assert_eq!(AuthenticationMethod::from_stored("mfa"), None);
    }
}
