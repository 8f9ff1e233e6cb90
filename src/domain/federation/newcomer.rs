//! What becomes of a user of a provider whom no account knows.
//!
//! An address never links an identity to an account: the provider may be wrong about it, and may have given it to
//! another user. An account that exists is signed in to first, in the ways that it has.

use crate::domain::policy::RegistrationMode;

/// The account that has the address which a provider names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressHolder {
    /// There is none.
    None,
    /// Its owner has verified the address, or an operator disabled the account, which must not lose it.
    Verified,
    /// The address is not verified, and the account can be signed in to: an attacker may have registered it.
    Unverified,
    /// The address is not verified, and nothing was set up on the account: it was imported, or an invitation waits for
    /// its owner. A link from a mail signs its reader in.
    Unclaimed,
}

/// What is done for a newcomer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reception {
    /// They get an account.
    Create,
    /// They get an account with the address, which another account loses: it never showed that the address is its own,
    /// and it may be the trap of an attacker who registered first.
    Displace,
    /// They are asked to sign in to the account that has the address, and to link the identity there.
    LinkRequired,
    /// They are answered as one who registers, and only a mail says what came of it. The identity is not linked.
    AnswerByMail,
    /// Only operators make accounts.
    Closed,
}

impl Reception {
    /// Decides, by the account that has the address, whether the provider proves the address, and who may register.
    pub const fn decide(holder: AddressHolder, is_verified: bool, mode: RegistrationMode) -> Self {
        match (holder, is_verified, mode) {
            // The client must not learn whether the address has an account: neither now, nor later by what became of it.
            (_, false, RegistrationMode::Private) => Self::AnswerByMail,
            (AddressHolder::None, _, RegistrationMode::Closed) => Self::Closed,
            (AddressHolder::None, _, _) => Self::Create,
            (AddressHolder::Unverified, true, RegistrationMode::Explicit | RegistrationMode::Private) => Self::Displace,
            // Who can read the mailbox may know that there is an account.
            (_, true, _) | (_, false, RegistrationMode::Explicit) => Self::LinkRequired,
            (_, false, RegistrationMode::Closed) => Self::Closed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOLDERS: [AddressHolder; 4] = [
        AddressHolder::None,
        AddressHolder::Verified,
        AddressHolder::Unverified,
        AddressHolder::Unclaimed,
    ];
    const MODES: [RegistrationMode; 3] = [
        RegistrationMode::Explicit,
        RegistrationMode::Private,
        RegistrationMode::Closed,
    ];

    fn every_case() -> impl Iterator<Item = (AddressHolder, bool, RegistrationMode)> {
        let proofs = [true, false].into_iter();
        let of_modes = proofs.flat_map(|proof| MODES.into_iter().map(move |mode| (proof, mode)));
        of_modes.flat_map(|(proof, mode)| HOLDERS.into_iter().map(move |holder| (holder, proof, mode)))
    }

    #[test]
    fn where_only_operators_make_accounts_none_is_made() {
        for (holder, is_verified, mode) in every_case() {
            let reception = Reception::decide(holder, is_verified, mode);
            let makes = matches!(reception, Reception::Create | Reception::Displace);
            assert!(!makes || mode != RegistrationMode::Closed, "{holder:?} {is_verified}");
        }
    }

    #[test]
    fn only_a_proof_takes_an_address_and_only_from_an_account_that_has_none() {
        for (holder, is_verified, mode) in every_case() {
            let displaces = Reception::decide(holder, is_verified, mode) == Reception::Displace;
            assert!(
                !displaces || (is_verified && holder == AddressHolder::Unverified),
                "{mode:?}"
            );
            let creates = Reception::decide(holder, is_verified, mode) == Reception::Create;
            assert!(!creates || holder == AddressHolder::None, "{mode:?}");
        }
    }

    /// A stranger with an account at a provider that proves nothing must not learn which addresses have accounts.
    #[test]
    fn unless_registration_is_explicit_an_unproven_address_reveals_nothing() {
        for holder in HOLDERS {
            let closed = Reception::decide(holder, false, RegistrationMode::Closed);
            assert_eq!(closed, Reception::Closed, "{holder:?}");
            let private = Reception::decide(holder, false, RegistrationMode::Private);
            assert_eq!(private, Reception::AnswerByMail, "{holder:?}");
        }
    }
}
