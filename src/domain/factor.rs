//! The kinds of second factors, and what each can do.
//!
//! Every rule asks this table. Another kind is a variant here, and the compiler names the places that have to know it.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::assurance::{AuthenticationMethod, Ground};
use super::message::Channel;
use super::names::names;

/// A kind of second factor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FactorKind {
    /// A passkey: a key of a device, a password manager or a security key (WebAuthn).
    Passkey,
    /// An authenticator app.
    Totp,
    /// Codes by text message.
    Sms,
    /// Codes by mail.
    Email,
    /// Codes that were saved for the loss of another factor.
    RecoveryCodes,
}

// The strongest first; the names are those of `method` beside a code.
names!(FactorKind {
    Passkey = "passkey",
    Totp = "totp",
    Sms = "sms",
    Email = "email",
    RecoveryCodes = "recovery_code",
});

/// What wrong proofs of a kind do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WrongProofs {
    /// Nothing: a signature is not a guess at anything.
    Ignored,
    /// They count towards those that are too many.
    Counted,
    /// They count, and too many disable the kind, since its proofs can be guessed.
    Disabling,
}

/// What a kind of second factor can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Abilities {
    /// The method by which its proof counts in a session.
    pub method: AuthenticationMethod,
    /// The method by which its best proof counts.
    pub at_best: AuthenticationMethod,
    /// Whether an account with it has a second factor. What only replaces a lost factor does not count.
    pub counts: bool,
    /// What its wrong proofs do.
    pub wrong_proofs: WrongProofs,
    /// How its codes are sent, if they are.
    pub channel: Option<Channel>,
    /// Whether its proof lets the user trust the device that they sign in on. A mailbox can be read from anywhere, and a
    /// code that was saved for the loss of a factor says that the account is about to change.
    pub trusts_devices: bool,
}

impl FactorKind {
    /// Returns what the kind can do.
    pub const fn abilities(self) -> Abilities {
        match self {
            // Whether its user was verified, its proof says. A signature cannot be guessed.
            Self::Passkey => Abilities {
                method: AuthenticationMethod::Passkey,
                at_best: AuthenticationMethod::VerifiedPasskey,
                counts: true,
                wrong_proofs: WrongProofs::Ignored,
                channel: None,
                trusts_devices: true,
            },
            Self::Totp => Abilities {
                method: AuthenticationMethod::Totp,
                at_best: AuthenticationMethod::Totp,
                counts: true,
                wrong_proofs: WrongProofs::Disabling,
                channel: None,
                trusts_devices: true,
            },
            Self::Sms => Abilities {
                method: AuthenticationMethod::SmsCode,
                at_best: AuthenticationMethod::SmsCode,
                counts: true,
                wrong_proofs: WrongProofs::Disabling,
                channel: Some(Channel::Sms),
                trusts_devices: true,
            },
            // Mail rests on a mailbox and never reaches `aal2`, as its method says.
            Self::Email => Abilities {
                method: AuthenticationMethod::EmailCode,
                at_best: AuthenticationMethod::EmailCode,
                counts: true,
                wrong_proofs: WrongProofs::Disabling,
                channel: Some(Channel::Email),
                trusts_devices: false,
            },
            // 120 bits, each code once: no number of guesses disables them (NIST SP 800-63B-4 §3.2.2).
            Self::RecoveryCodes => Abilities {
                method: AuthenticationMethod::RecoveryCode,
                at_best: AuthenticationMethod::RecoveryCode,
                counts: false,
                wrong_proofs: WrongProofs::Counted,
                channel: None,
                trusts_devices: false,
            },
        }
    }

    /// Returns whether its proofs are checked. After too many wrong ones, those that can be guessed are not.
    pub const fn is_enabled(self, codes_disabled: bool) -> bool {
        !(codes_disabled && matches!(self.abilities().wrong_proofs, WrongProofs::Disabling))
    }

    /// Returns the kind of factor that a method proves; `None` for what is not a second factor.
    pub const fn proved_by(method: AuthenticationMethod) -> Option<Self> {
        match method {
            AuthenticationMethod::Password
            | AuthenticationMethod::EmailLink
            | AuthenticationMethod::TrustedDevice
            | AuthenticationMethod::Federation
            | AuthenticationMethod::FederatedTwoFactors => None,
            AuthenticationMethod::Totp => Some(Self::Totp),
            AuthenticationMethod::RecoveryCode => Some(Self::RecoveryCodes),
            AuthenticationMethod::SmsCode => Some(Self::Sms),
            AuthenticationMethod::EmailCode => Some(Self::Email),
            AuthenticationMethod::Passkey | AuthenticationMethod::VerifiedPasskey => Some(Self::Passkey),
        }
    }

    /// Returns the methods that prove a factor of one of some kinds.
    pub fn methods(kinds: &[Self]) -> Vec<AuthenticationMethod> {
        let proves = |method: &AuthenticationMethod| Self::proved_by(*method).is_some_and(|kind| kinds.contains(&kind));
        AuthenticationMethod::ALL.into_iter().filter(proves).collect()
    }

    /// Returns the kind whose codes a channel sends.
    pub const fn sent_by(channel: Channel) -> Self {
        match channel {
            Channel::Email => Self::Email,
            Channel::Sms => Self::Sms,
        }
    }
}

/// The state of a second factor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FactorState {
    /// Its first code was not verified yet.
    Pending,
    /// Confirmed by a code.
    Active,
}

names!(FactorState {
    Pending = "pending",
    Active = "active",
});

/// A second factor of an account, without its secret.
#[derive(Clone, Debug)]
pub struct Factor {
    /// Its kind.
    pub kind: FactorKind,
    /// Its id, if an account may have several of the kind.
    pub id: Option<Uuid>,
    /// The name that its owner gave it.
    pub name: Option<String>,
    /// Whether it is confirmed.
    pub state: FactorState,
    /// The masked phone number or address: enough for its owner to recognize it.
    pub hint: Option<String>,
    /// When its enrolment began.
    pub created_at: DateTime<Utc>,
    /// When it was confirmed.
    pub confirmed_at: Option<DateTime<Utc>>,
    /// When it was last used.
    pub last_used_at: Option<DateTime<Utc>>,
}

/// The second factors of an account.
#[derive(Clone, Debug, Default)]
pub struct Factors {
    /// Those with a row of their own, confirmed or pending.
    pub list: Vec<Factor>,
    /// Unused recovery codes.
    pub recovery_codes_remaining: i64,
}

impl Factors {
    /// Returns a confirmed factor of a kind.
    pub fn confirmed(&self, kind: FactorKind) -> Option<&Factor> {
        let is_it = |factor: &&Factor| factor.kind == kind && factor.state == FactorState::Active;
        self.list.iter().find(is_it)
    }

    /// Returns the kinds by which the user can prove a second factor now, the strongest first.
    pub fn usable(&self) -> impl Iterator<Item = FactorKind> {
        FactorKind::ALL.into_iter().filter(|kind| match kind {
            FactorKind::RecoveryCodes => self.recovery_codes_remaining > 0,
            other => self.confirmed(*other).is_some(),
        })
    }

    /// Puts kinds in the order in which a login offers them. Recovery codes come before the weaker codes that are sent,
    /// and are offered beside another factor only.
    pub fn offer(&self, kinds: impl Iterator<Item = FactorKind>) -> Vec<FactorKind> {
        let confirmed = self.any_confirmed();
        let mut offered: Vec<FactorKind> = kinds.filter(|kind| confirmed || kind.abilities().counts).collect();
        offered.sort_by_key(|kind| match kind {
            FactorKind::Passkey => 0,
            FactorKind::Totp => 1,
            FactorKind::RecoveryCodes => 2,
            FactorKind::Sms => 3,
            FactorKind::Email => 4,
        });
        offered
    }

    /// Returns whether the account has a second factor.
    pub fn any_confirmed(&self) -> bool {
        self.usable().any(|kind| kind.abilities().counts)
    }

    /// Returns the strongest ground of an account with these factors.
    ///
    /// Unused recovery codes are something that the user has, also beside codes by mail: an attacker who reads the
    /// mailbox can reset the password and sign in, but not change how the owner signs in.
    pub fn strongest_ground(&self, has_password: bool) -> Ground {
        let of_factors = self.usable().map(|kind| kind.abilities().method.ground()).max();
        let of_password = has_password.then_some(Ground::Knowledge);
        of_factors.max(of_password).unwrap_or(Ground::Mailbox)
    }

    /// Returns these factors as they are after the removal of some.
    #[must_use]
    pub fn without(&self, is_removed: impl Fn(&Factor) -> bool) -> Self {
        let mut left = self.clone();
        left.list.retain(|factor| !is_removed(factor));
        left
    }

    /// Returns which kinds are confirmed.
    pub fn summary(&self) -> FactorSummary {
        FactorSummary {
            confirmed: self.usable().filter(|kind| kind.abilities().counts).collect(),
            recovery_codes_remaining: self.recovery_codes_remaining,
        }
    }

    /// Returns the hint of the confirmed factor of a kind.
    pub fn hint(&self, kind: FactorKind) -> Option<&str> {
        self.confirmed(kind)?.hint.as_deref()
    }
}

/// Returns the kind to ask for first: a recovery code only if there is nothing else.
pub fn first_choice(offered: &[FactorKind]) -> Option<FactorKind> {
    let other = offered.iter().find(|kind| kind.abilities().counts);
    other.or_else(|| offered.first()).copied()
}

/// Which second factors an account has confirmed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FactorSummary {
    /// The kinds.
    pub confirmed: Vec<FactorKind>,
    /// Unused recovery codes.
    pub recovery_codes_remaining: i64,
}

impl FactorSummary {
    /// Returns whether a kind is confirmed.
    pub fn has(&self, kind: FactorKind) -> bool {
        self.confirmed.contains(&kind)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn factor(kind: FactorKind, state: FactorState) -> Factor {
        Factor {
            kind,
            id: None,
            name: None,
            state,
            hint: None,
            created_at: DateTime::UNIX_EPOCH,
            confirmed_at: None,
            last_used_at: None,
        }
    }

    #[test]
    fn each_kind_has_a_name_and_a_method_of_its_own() {
        for kind in FactorKind::ALL {
            let same = |other: &&FactorKind| {
                other.as_str() == kind.as_str() || other.abilities().method == kind.abilities().method
            };
            assert_eq!(FactorKind::ALL.iter().filter(same).count(), 1, "{kind:?}");
            assert_eq!(kind.as_str(), kind.abilities().method.request_name());
            assert_eq!(FactorKind::proved_by(kind.abilities().method), Some(kind));
            let channel = kind.abilities().channel;
            assert!(channel.is_none_or(|channel| FactorKind::sent_by(channel) == kind));
        }
    }

    proptest! {
        #[test]
        fn pending_factors_and_used_up_codes_count_for_nothing(
            states in proptest::collection::vec((0..4_usize, any::<bool>()), 0..6),
            remaining in 0..3_i64,
        ) {
            let state = |active| if active { FactorState::Active } else { FactorState::Pending };
            let factors = Factors {
                list: states.iter().map(|(kind, active)| factor(FactorKind::ALL[*kind], state(*active))).collect(),
                recovery_codes_remaining: remaining,
            };
            let has = |kind: usize| states.contains(&(kind, true));
            prop_assert_eq!(factors.any_confirmed(), has(0) || has(1) || has(2) || has(3));
            let held = has(0) || has(1) || has(2) || remaining > 0;
            for (password, without) in [(true, Ground::Knowledge), (false, Ground::Mailbox)] {
                let strongest = if held { Ground::Possession } else { without };
                prop_assert_eq!(factors.strongest_ground(password), strongest);
            }
        }
    }
}
