//! The second factors of an account.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::destination::open_phone_number;
use crate::domain::email::Email;
use crate::domain::factor::{Factor, FactorKind, Factors};
use crate::domain::federation::identity::Identity;
use crate::domain::ids::UserId;
use crate::domain::session::SessionKey;
use crate::domain::user::User;
use crate::flows::session::Caller;
use crate::flows::{Core, Fault};
use crate::store::factors::{self, FactorDetail, StoredFactor};
use crate::store::{PgConnection, identities};

/// Returns the confirmed second factors of a user.
pub async fn confirmed_factors(core: &Arc<Core>, user: &User) -> Result<Factors, Fault> {
    let (user, shared) = (user.clone(), Arc::clone(core));
    core.db
        .read("account.confirmed_factors", move |connection| {
            load_factors(&shared, connection, &user, None)
        })
        .await
}

/// Returns the caller's second factors, with the number of recovery codes that are left. Of pending factors it returns
/// those that the caller's session began, since only they can be confirmed in it.
pub async fn list_factors(core: &Arc<Core>, caller: &Caller) -> Result<Factors, Fault> {
    let (now, user, key, shared) = (core.clock.now(), caller.user.clone(), caller.key(), Arc::clone(core));
    core.db
        .read("account.list_factors", move |connection| {
            load_factors(&shared, connection, &user, Some((key, now)))
        })
        .await
}

/// Returns whether an account has an identity at a provider that the deployment uses. Without its provider an identity
/// proves nothing, and must not be asked for.
pub(in crate::flows) fn signs_in_by_provider(
    core: &Core,
    connection: &mut PgConnection,
    user_id: UserId,
) -> Result<bool, Fault> {
    let identities = identities::list(connection, user_id)?;
    let is_usable = |identity: &Identity| core.providers.of_issuer(&identity.subject.issuer).is_some();
    Ok(identities.iter().any(is_usable))
}

/// Loads a user's second factors inside another flow's transaction: the confirmed ones and, if a session is given, the
/// pending ones that it began and that are valid at the given time.
pub(in crate::flows) fn load_factors(
    core: &Core,
    connection: &mut PgConnection,
    user: &User,
    begun_by: Option<(SessionKey, DateTime<Utc>)>,
) -> Result<Factors, Fault> {
    let begun_by = begun_by.map(|(key, now)| (key.session_id, now));
    let stored = factors::load(connection, user.id, begun_by)?;
    let mut list = Vec::with_capacity(stored.list.len());
    for factor in stored.list {
        list.extend(describe(core, user, factor)?);
    }
    // The statement over several tables returns the rows of a table in any order.
    list.sort_by_key(|factor| {
        let kind = FactorKind::ALL.iter().position(|kind| *kind == factor.kind);
        (kind, factor.created_at, factor.id)
    });
    Ok(Factors {
        list,
        recovery_codes_remaining: stored.recovery_codes_remaining,
    })
}

/// Describes a factor. Mail counts only while the account's address is verified.
fn describe(core: &Core, user: &User, factor: StoredFactor) -> Result<Option<Factor>, Fault> {
    let (mut id, mut name) = (None, None);
    let (kind, hint) = match factor.detail {
        FactorDetail::Passkey {
            id: passkey,
            name: given,
        } => {
            (id, name) = (Some(passkey.uuid()), Some(given));
            (FactorKind::Passkey, None)
        }
        FactorDetail::Totp => (FactorKind::Totp, None),
        FactorDetail::Email => match user.verified_email() {
            Some(address) => (FactorKind::Email, Some(Email::hint(address))),
            None => return Ok(None),
        },
        FactorDetail::Sms {
            id: row,
            sealed_phone_number,
        } => {
            let number = open_phone_number(core, user.id, row, &sealed_phone_number)?;
            (FactorKind::Sms, Some(number.hint()))
        }
    };
    Ok(Some(Factor {
        kind,
        id,
        name,
        state: factor.state,
        hint,
        created_at: factor.created_at,
        confirmed_at: factor.confirmed_at,
        last_used_at: factor.last_used_at,
    }))
}
