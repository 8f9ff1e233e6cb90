//! A user of a provider whom no account knows: they get an account, or are told how to get to the one that they have.

use base32::Alphabet;

use super::identification::{Identified, Visit};
use super::linking::new_identity;
use crate::domain::account_change::AccountChange;
use crate::domain::audit_event::{AuditEvent, EventName};
use crate::domain::email::Email;
use crate::domain::federation::identity::{ClaimedAddress, Identity};
use crate::domain::federation::newcomer::{AddressHolder, Reception};
use crate::domain::federation::provider::ProviderId;
use crate::domain::ids::UserId;
use crate::domain::policy::RegistrationMode;
use crate::domain::random;
use crate::domain::registration_hook::{Applicant, HookMethod};
use crate::domain::user::{AccountNames, Identifier, User};
use crate::domain::username::Username;
use crate::flows::Fault;
use crate::flows::account::{
    Admitted, confirm_address, federation_awaits_verification, free_names, refuse_unverified, register_privately,
};
use crate::flows::tx::Tx;
use crate::store::account_names::Insertion;
use crate::store::users::{self, LoginUser, Loss};
use crate::store::{identities, passkeys};

/// What a newcomer gets.
pub(super) enum Received {
    /// An account, which may be signed in to.
    Account(Box<LoginUser>),
    /// A mail to the address; or the mail that says that another account has it.
    AwaitsVerification,
    /// An account has the address.
    LinkRequired,
    /// The provider names no address.
    AddressMissing,
    /// Only operators make accounts.
    Closed,
    /// Another request gave the identity an account at the same time.
    Overtaken,
    /// An account, if the registration hook allows it, which has to be asked. Nothing was written for them.
    Unadmitted(Applicant),
}

/// Receives a newcomer. The registration hook is asked outside of the transaction: the first one, without an admission,
/// finds out whether there is a question at all, and the next one decides again what becomes of the newcomer.
pub(super) fn receive(
    tx: &mut Tx<'_>,
    identified: &Identified,
    visit: &Visit,
    admitted: Option<&Admitted>,
) -> Result<Received, Fault> {
    let Some(address) = &identified.identity.address else {
        return Ok(Received::AddressMissing);
    };
    let mode = tx.core.settings.registration;
    if mode != RegistrationMode::Private {
        let names = AccountNames {
            email: Some(address.email.clone()),
            username: None,
        };
        free_names(tx, &names)?;
    }
    let by_address = Identifier::Email(address.email.clone());
    let found = users::find_for_login(tx.connection, &by_address)?;
    let state = state_of(tx, found.as_ref())?;
    let holder = found.map(|found| found.user);
    match (Reception::decide(state, address.is_verified, mode), admitted) {
        (Reception::LinkRequired, _) => {
            let owner = holder.map(|holder| holder.id);
            let event = AuditEvent::failure(EventName::LoginFail, "link_required", owner);
            tx.audit(&[event.at_provider(&identified.provider)])?;
            Ok(Received::LinkRequired)
        }
        (Reception::Closed, _) => Ok(Received::Closed),
        (_, None) => Ok(Received::Unadmitted(applicant(identified, address, visit))),
        (Reception::Create, Some(admitted)) => {
            let user = new_user(tx, address, visit, admitted);
            create(tx, identified, address, &user)
        }
        (Reception::Displace, Some(admitted)) => match holder {
            Some(holder) if displace(tx, &holder, &address.email)? => {
                let user = new_user(tx, address, visit, admitted);
                create(tx, identified, address, &user)
            }
            // Its owner verified the address at this moment.
            _ => Ok(Received::LinkRequired),
        },
        (Reception::AnswerByMail, Some(admitted)) => {
            let user = new_user(tx, address, visit, admitted);
            register_privately(tx, &user)?;
            Ok(Received::AwaitsVerification)
        }
    }
}

/// Returns what the registration hook is asked about.
fn applicant(identified: &Identified, address: &ClaimedAddress, visit: &Visit) -> Applicant {
    Applicant {
        names: AccountNames {
            email: Some(address.email.clone()),
            username: None,
        },
        email_verified: address.is_verified,
        method: HookMethod::Federation(identified.provider.clone()),
        locale: visit.locale,
    }
}

fn state_of(tx: &mut Tx<'_>, found: Option<&LoginUser>) -> Result<AddressHolder, Fault> {
    let Some(LoginUser {
        user: holder, active, ..
    }) = found
    else {
        return Ok(AddressHolder::None);
    };
    if holder.email_verified_at.is_some() || !active {
        return Ok(AddressHolder::Verified);
    }
    let is_set_up = holder.has_password
        || identities::exist(tx.connection, holder.id)?
        || !passkeys::list(tx.connection, holder.id)?.is_empty();
    Ok(if is_set_up {
        AddressHolder::Unverified
    } else {
        AddressHolder::Unclaimed
    })
}

/// Takes an address from an account that never verified it. The account stays as it is otherwise: its sessions and what
/// was set up on it may belong to a user who mistyped their address. Without a user name it gets a random one, by which
/// its owner still signs in; sessions show it. One that follows from the account could be taken by its owner before, to
/// stay in the way. Links that were mailed to the address verify nothing any longer. Returns whether the account still
/// had the address, and had not verified it.
fn displace(tx: &mut Tx<'_>, holder: &User, email: &Email) -> Result<bool, Fault> {
    let lost = loop {
        let random: [u8; 10] = random::bytes(tx.core.random.as_ref());
        let digits = base32::encode(Alphabet::Rfc4648Lower { padding: false }, &random);
        let spare = Username::from_stored(format!("user-{digits}"));
        match users::lose_email(tx.connection, holder.id, email, &spare, tx.now)? {
            // 80 random bits: this does not happen twice.
            Loss::NameTaken => {}
            Loss::Lost => break true,
            Loss::Kept => break false,
        }
    };
    if lost {
        let event = AuditEvent::account_changed(AccountChange::UnverifiedEmailLost, holder.id);
        tx.audit(&[event])?;
    }
    Ok(lost)
}

fn create(tx: &mut Tx<'_>, identified: &Identified, address: &ClaimedAddress, user: &User) -> Result<Received, Fault> {
    if users::insert(tx.connection, user, None, tx.now)? != Insertion::Inserted {
        // Another registration took the address at this moment.
        return Ok(Received::Overtaken);
    }
    let linked = Identity {
        last_used_at: Some(tx.now),
        ..new_identity(tx, &identified.identity)
    };
    if !identities::insert(tx.connection, user.id, &linked)? {
        let _deleted = users::delete_without_way_in(tx.connection, user.id)?;
        return Ok(Received::Overtaken);
    }
    let events = [EventName::UserCreated, EventName::IdentityLinked];
    let event = |name| AuditEvent::success(name, user.id).because("federation");
    tx.audit(&events.map(|name| event(name).at_provider(&identified.provider)))?;
    if address.is_verified {
        confirm_address(tx, user, &address.email)?;
    }
    admit(tx, user, &identified.provider)
}

fn new_user(tx: &Tx<'_>, address: &ClaimedAddress, visit: &Visit, admitted: &Admitted) -> User {
    User {
        id: UserId::new(tx.now, tx.core.random.as_ref()),
        email: Some(address.email.clone()),
        email_verified_at: address.is_verified.then_some(tx.now),
        username: None,
        roles: Vec::new(),
        claims: admitted.claims.clone(),
        created_at: tx.now,
        locale: visit.locale,
        has_password: false,
    }
}

/// Lets the owner of a new account in, unless the address has to be verified first.
fn admit(tx: &mut Tx<'_>, user: &User, provider: &ProviderId) -> Result<Received, Fault> {
    if federation_awaits_verification(tx.core, user) {
        refuse_unverified(tx, user, Some(provider))?;
        return Ok(Received::AwaitsVerification);
    }
    let account = users::find_login(tx.connection, user.id)?;
    Ok(account.map_or(Received::Overtaken, |account| Received::Account(Box::new(account))))
}
