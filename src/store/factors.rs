//! All second factors of an account, in one statement over their tables.

use chrono::{DateTime, Utc};
use diesel::dsl::{count_star, min};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Binary, Nullable, Text, Timestamptz};
use diesel::{IntoSql, PgConnection};
use uuid::Uuid;

use super::error::StoreError;
use super::schema::{passkeys, recovery_codes, sent_code_factors, totp_factors};
use crate::domain::factor::FactorState;
use crate::domain::ids::{PasskeyId, SentCodeFactorId, SessionId, UserId};
use crate::domain::message::Channel;
use crate::domain::totp::TimeStep;

/// The second factors of an account, as stored.
#[derive(Default)]
pub struct StoredFactors {
    /// Those with a row of their own.
    pub list: Vec<StoredFactor>,
    /// Unused recovery codes.
    pub recovery_codes_remaining: i64,
}

/// A factor as stored.
pub struct StoredFactor {
    /// The kind, and what it needs to be described.
    pub detail: FactorDetail,
    /// Whether it is confirmed.
    pub state: FactorState,
    /// When its enrolment began.
    pub created_at: DateTime<Utc>,
    /// When it was confirmed.
    pub confirmed_at: Option<DateTime<Utc>>,
    /// When it was last used.
    pub last_used_at: Option<DateTime<Utc>>,
}

/// What distinguishes the kinds.
pub enum FactorDetail {
    /// A passkey.
    Passkey {
        /// Its row.
        id: PasskeyId,
        /// The name that its owner gave it.
        name: String,
    },
    /// An authenticator app.
    Totp,
    /// Codes by mail.
    Email,
    /// Codes by text message.
    Sms {
        /// The row that the number is sealed to.
        id: SentCodeFactorId,
        /// The phone number.
        sealed_phone_number: Vec<u8>,
    },
}

/// The name of passkeys in the result.
const PASSKEY: &str = "passkey";
/// The name of authenticator apps in the result.
const TOTP: &str = "totp";
/// Only passkeys have names.
const NO_NAME: Option<&str> = None;
/// The name of recovery codes in the result.
const RECOVERY_CODES: &str = "recovery_codes";

type Row = (
    String,
    Uuid,
    FactorState,
    Option<Vec<u8>>,
    Option<DateTime<Utc>>,
    Option<DateTime<Utc>>,
    Option<DateTime<Utc>>,
    Option<i64>,
    Option<String>,
);

/// Loads the confirmed factors of an account and, if a session is given, the pending ones whose enrolment it began and
/// that have not expired at a time.
#[expect(clippy::too_many_lines, reason = "one statement over four tables")]
pub fn load(
    connection: &mut PgConnection,
    user_id: UserId,
    begun_by: Option<(SessionId, DateTime<Utc>)>,
) -> Result<StoredFactors, StoreError> {
    let user_id = user_id.uuid();
    // No session has the nil id.
    let (begun_by, now) = begun_by.map_or((Uuid::nil(), DateTime::UNIX_EPOCH), |(id, now)| (id.uuid(), now));
    let apps = totp_factors::table
        .filter(totp_factors::user_id.eq(user_id))
        .filter(
            totp_factors::state.eq(FactorState::Active).or(totp_factors::session_id
                .eq(begun_by)
                .and(totp_factors::expires_at.gt(now))
                .assume_not_null()),
        )
        .select((
            TOTP.into_sql::<Text>(),
            totp_factors::id,
            totp_factors::state,
            None::<Vec<u8>>.into_sql::<Nullable<Binary>>(),
            totp_factors::created_at.nullable(),
            totp_factors::confirmed_at,
            None::<DateTime<Utc>>.into_sql::<Nullable<Timestamptz>>(),
            totp_factors::last_step,
            NO_NAME.into_sql::<Nullable<Text>>(),
        ));
    let sent = sent_code_factors::table
        .filter(sent_code_factors::user_id.eq(user_id))
        .filter(
            sent_code_factors::state
                .eq(FactorState::Active)
                .or(sent_code_factors::session_id
                    .eq(begun_by)
                    .and(sent_code_factors::expires_at.gt(now))
                    .assume_not_null()),
        )
        .select((
            sent_code_factors::channel,
            sent_code_factors::id,
            sent_code_factors::state,
            sent_code_factors::sealed_phone_number,
            sent_code_factors::created_at.nullable(),
            sent_code_factors::confirmed_at,
            sent_code_factors::last_used_at,
            None::<i64>.into_sql::<Nullable<BigInt>>(),
            NO_NAME.into_sql::<Nullable<Text>>(),
        ));
    let codes = recovery_codes::table
        .filter(recovery_codes::user_id.eq(user_id))
        .filter(recovery_codes::used_at.is_null())
        .select((
            RECOVERY_CODES.into_sql::<Text>(),
            Uuid::nil().into_sql::<diesel::sql_types::Uuid>(),
            FactorState::Active.into_sql::<Text>(),
            None::<Vec<u8>>.into_sql::<Nullable<Binary>>(),
            min(recovery_codes::created_at),
            None::<DateTime<Utc>>.into_sql::<Nullable<Timestamptz>>(),
            None::<DateTime<Utc>>.into_sql::<Nullable<Timestamptz>>(),
            count_star().nullable(),
            NO_NAME.into_sql::<Nullable<Text>>(),
        ));
    // A registration is its own confirmation.
    let keys = passkeys::table.filter(passkeys::user_id.eq(user_id)).select((
        PASSKEY.into_sql::<Text>(),
        passkeys::id,
        FactorState::Active.into_sql::<Text>(),
        None::<Vec<u8>>.into_sql::<Nullable<Binary>>(),
        passkeys::created_at.nullable(),
        passkeys::created_at.nullable(),
        passkeys::last_used_at,
        None::<i64>.into_sql::<Nullable<BigInt>>(),
        passkeys::name.nullable(),
    ));
    let rows: Vec<Row> = apps.union_all(sent).union_all(codes).union_all(keys).load(connection)?;
    read(rows)
}

fn read(rows: Vec<Row>) -> Result<StoredFactors, StoreError> {
    let mut factors = StoredFactors::default();
    for (kind, id, state, sealed, created_at, confirmed_at, last_used_at, number, name) in rows {
        let (detail, last_used_at) = match kind.as_str() {
            RECOVERY_CODES => {
                factors.recovery_codes_remaining = number.unwrap_or_default();
                continue;
            }
            PASSKEY => {
                let id = PasskeyId::from_uuid(id);
                let name = name.unwrap_or_default();
                (FactorDetail::Passkey { id, name }, last_used_at)
            }
            TOTP => {
                let used = number.map(TimeStep).filter(|step| *step > TimeStep::NONE_USED);
                // The first code may be of the step before.
                let not_before = confirmed_at.unwrap_or(DateTime::UNIX_EPOCH);
                (FactorDetail::Totp, used.map(|step| step.begins_at().max(not_before)))
            }
            channel => {
                let channel = Channel::parse(channel).ok_or(StoreError::Corrupt("sent_code_factors.channel"))?;
                let detail = match channel {
                    Channel::Email => FactorDetail::Email,
                    Channel::Sms => FactorDetail::Sms {
                        id: SentCodeFactorId::from_uuid(id),
                        sealed_phone_number: sealed.unwrap_or_default(),
                    },
                };
                (detail, last_used_at)
            }
        };
        factors.list.push(StoredFactor {
            detail,
            state,
            created_at: created_at.ok_or(StoreError::Corrupt("created_at of a factor"))?,
            confirmed_at,
            last_used_at,
        });
    }
    Ok(factors)
}
