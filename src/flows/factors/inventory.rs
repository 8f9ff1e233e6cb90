//! The state of an account's second factors.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::domain::email::Email;
use crate::domain::message::Channel;
use crate::domain::session::SessionKey;
use crate::domain::totp::TimeStep;
use crate::domain::user::{SecondFactors, User};
use crate::flows::factors::destination::open_phone_number;
use crate::flows::session::sessions::Caller;
use crate::flows::{Core, Fault};
use crate::store::sent_code_factors::StoredFactor;
use crate::store::{PgConnection, recovery_codes, sent_code_factors, totp_factors};

/// One second factor, confirmed or pending.
pub struct ListedFactor {
    /// The kind of factor.
    pub kind: FactorKind,
    /// Whether it is confirmed.
    pub active: bool,
    /// The masked phone number or address: enough for its owner to recognize it.
    pub hint: Option<String>,
    /// When its enrolment began.
    pub created_at: DateTime<Utc>,
    /// When it was confirmed.
    pub confirmed_at: Option<DateTime<Utc>>,
    /// When it was last used.
    pub last_used_at: Option<DateTime<Utc>>,
}

/// The kinds of second factors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FactorKind {
    /// An authenticator app.
    Totp,
    /// Sent codes.
    SentCode(Channel),
}

impl FactorKind {
    /// Returns the name that the API uses, which is the `method` of a code.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Totp => "totp",
            Self::SentCode(channel) => channel.as_str(),
        }
    }
}

/// Returns the state of a user's second factors.
pub async fn second_factors(core: &Arc<Core>, user: &User) -> Result<SecondFactors, Fault> {
    let (user, shared) = (user.clone(), Arc::clone(core));
    core.db
        .read("account.second_factors", move |connection| {
            load_second_factors(&shared, connection, &user)
        })
        .await
}

/// Lists the caller's second factors, with the number of recovery codes that are left. Of pending factors it lists
/// those that the caller's session began, since only they can be confirmed in it.
pub async fn list_factors(core: &Arc<Core>, caller: &Caller) -> Result<(Vec<ListedFactor>, i64), Fault> {
    let (now, user, key, shared) = (core.clock.now(), caller.user.clone(), caller.key(), Arc::clone(core));
    core.db
        .read("account.list_factors", move |connection| {
            let factors = load_factors(&shared, connection, &user, Some((key, now)))?;
            Ok((factors, recovery_codes::remaining(connection, user.id)?))
        })
        .await
}

/// Loads the state of a user's second factors inside another flow's transaction.
pub(in crate::flows) fn load_second_factors(
    core: &Core,
    connection: &mut PgConnection,
    user: &User,
) -> Result<SecondFactors, Fault> {
    let factors = load_factors(core, connection, user, None)?;
    let find = |kind: FactorKind| factors.iter().find(|factor| factor.kind == kind);
    let hint = |channel| find(FactorKind::SentCode(channel)).and_then(|factor| factor.hint.clone());
    Ok(SecondFactors {
        totp: find(FactorKind::Totp).is_some(),
        phone_hint: hint(Channel::Sms),
        email_hint: hint(Channel::Email),
        recovery_codes_remaining: recovery_codes::remaining(connection, user.id)?,
    })
}

/// Loads a user's second factors inside another flow's transaction: the confirmed ones and, if a session is given, the
/// pending ones that it began and that have not expired at a time.
pub(in crate::flows) fn load_factors(
    core: &Core,
    connection: &mut PgConnection,
    user: &User,
    begun_by: Option<(SessionKey, DateTime<Utc>)>,
) -> Result<Vec<ListedFactor>, Fault> {
    let mut apps = Vec::from_iter(totp_factors::find_active(connection, user.id)?);
    let mut sent = sent_code_factors::list_active(connection, user.id)?;
    if let Some((key, now)) = begun_by {
        apps.extend(totp_factors::find_pending(connection, key, now)?);
        sent.extend(sent_code_factors::list_pending(connection, key, now)?);
    }
    let mut factors: Vec<ListedFactor> = apps
        .into_iter()
        .map(|factor| ListedFactor {
            kind: FactorKind::Totp,
            active: factor.active,
            hint: None,
            created_at: factor.created_at,
            confirmed_at: factor.confirmed_at,
            last_used_at: factor
                .last_step
                .filter(|step| *step > TimeStep::NONE_USED)
                .map(TimeStep::begins_at),
        })
        .collect();
    for factor in sent {
        factors.extend(list_sent_code_factor(core, user, &factor)?);
    }
    Ok(factors)
}

/// Describes a factor with sent codes. Mail counts only while the account's address is verified.
fn list_sent_code_factor(core: &Core, user: &User, factor: &StoredFactor) -> Result<Option<ListedFactor>, Fault> {
    let hint = match factor.channel {
        Channel::Email => user.verified_email().map(Email::hint),
        Channel::Sms => Some(open_phone_number(core, user.id, factor)?.hint()),
    };
    Ok(hint.map(|hint| ListedFactor {
        kind: FactorKind::SentCode(factor.channel),
        active: factor.active,
        hint: Some(hint),
        created_at: factor.created_at,
        confirmed_at: factor.confirmed_at,
        last_used_at: factor.last_used_at,
    }))
}
