//! Where the codes of a second factor go: the verified address, or the number of the phone.

use crate::crypto::sealer::SealedAt;
use crate::domain::email::Email;
use crate::domain::factor::FactorKind;
use crate::domain::ids::{SentCodeFactorId, UserId};
use crate::domain::message::Channel;
use crate::domain::phone_number::PhoneNumber;
use crate::domain::user::User;
use crate::flows::{Core, Fault};
use crate::store::sent_code_factors::StoredDestination;
use crate::store::{PgConnection, sent_code_factors};

/// Where a code goes.
#[derive(Clone)]
pub(in crate::flows) enum Destination {
    Email(Email),
    Phone(PhoneNumber),
}

impl Destination {
    pub(in crate::flows) const fn channel(&self) -> Channel {
        match self {
            Self::Email(_) => Channel::Email,
            Self::Phone(_) => Channel::Sms,
        }
    }

    pub(in crate::flows) fn as_str(&self) -> &str {
        match self {
            Self::Email(address) => address.as_str(),
            Self::Phone(number) => number.as_str(),
        }
    }

    pub(in crate::flows) fn hint(&self) -> String {
        match self {
            Self::Email(address) => address.hint(),
            Self::Phone(number) => number.hint(),
        }
    }

    pub(in crate::flows) fn block(&self) -> Option<&str> {
        match self {
            Self::Email(_) => None,
            Self::Phone(number) => Some(number.block()),
        }
    }
}

/// Returns the confirmed phone number of a user, to be shown only to that user.
pub(in crate::flows) fn phone_number(
    core: &Core,
    connection: &mut PgConnection,
    user: &User,
) -> Result<Option<String>, Fault> {
    let factors = sent_code_factors::list_active(connection, user.id)?;
    let phone = factors.iter().find(|factor| factor.channel == Channel::Sms);
    phone
        .map(|factor| Ok(number_of(core, user.id, factor)?.as_str().to_owned()))
        .transpose()
}

fn number_of(core: &Core, user_id: UserId, factor: &StoredDestination) -> Result<PhoneNumber, Fault> {
    let sealed = factor.sealed_phone_number.as_deref().unwrap_or_default();
    open_phone_number(core, user_id, factor.id, sealed)
}

/// Opens the phone number of a factor.
pub(in crate::flows) fn open_phone_number(
    core: &Core,
    user_id: UserId,
    id: SentCodeFactorId,
    sealed: &[u8],
) -> Result<PhoneNumber, Fault> {
    let number = core.sealer.open(&SealedAt::phone_number(id, user_id), sealed)?;
    Ok(PhoneNumber::from_stored(String::from_utf8_lossy(&number).into_owned()))
}

/// Finds where the codes of a user's confirmed factor are sent. `None`: there is no such factor, or the deployment does
/// not use its kind.
pub(in crate::flows) fn confirmed_destination(
    core: &Core,
    connection: &mut PgConnection,
    user: &User,
    channel: Channel,
) -> Result<Option<Destination>, Fault> {
    if !core.settings.uses(FactorKind::sent_by(channel)) {
        return Ok(None);
    }
    let factors = sent_code_factors::list_active(connection, user.id)?;
    let Some(factor) = factors.iter().find(|factor| factor.channel == channel) else {
        return Ok(None);
    };
    destination_of(core, user, factor)
}

/// Finds where the codes of a factor go. `None`: the account's address is not verified.
pub(in crate::flows) fn destination_of(
    core: &Core,
    user: &User,
    factor: &StoredDestination,
) -> Result<Option<Destination>, Fault> {
    Ok(match factor.channel {
        Channel::Email => user.verified_email().cloned().map(Destination::Email),
        Channel::Sms => Some(Destination::Phone(number_of(core, user.id, factor)?)),
    })
}
