//! The `trusted_devices` table: browsers and apps that spare their user the second factor.
//!
//! Each statement that decides compares the epoch of the device with the one of its account. So whatever raises the
//! latter ends all devices of a user, and no statement has to find them. The caller has locked the user's row.

use chrono::{DateTime, Utc};
use diesel::dsl::exists;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Inet, Nullable, Text, Timestamptz};
use diesel::{IntoSql, PgConnection, pg::Pg};
use ipnetwork::IpNetwork;
use uuid::Uuid;

use super::error::StoreError;
use super::old_rows;
use super::schema::{trusted_devices, users};
use crate::domain::audit_event::RequestOrigin;
use crate::domain::ids::{TrustedDeviceId, UserId};
use crate::domain::session::{RefreshSeries, SessionOrigin};
use crate::domain::trusted_device::{DeviceKey, TrustedDevice};
use crate::domain::user::UserStatus;

/// The moment at which devices are looked at.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// It has not expired by then.
    pub now: DateTime<Utc>,
    /// It was trusted after this.
    pub trusted_after: DateTime<Utc>,
}

/// A device counts until its end, while its account is active and what its owner signs in with is as it was.
#[diesel::dsl::auto_type]
fn live(user_id: UserId, at: Moment) -> _ {
    let usable: UserStatus = UserStatus::Active;
    let user_id: Uuid = user_id.uuid();
    let (now, trusted_after): (DateTime<Utc>, DateTime<Utc>) = (at.now, at.trusted_after);
    // Names the key of both tables: a distributed database then sends the statement to one server.
    let account = users::table
        .filter(users::id.eq(user_id))
        .filter(users::status.eq(usable))
        .filter(users::factor_epoch.eq(trusted_devices::factor_epoch));
    trusted_devices::table
        .filter(trusted_devices::user_id.eq(user_id))
        .filter(trusted_devices::expires_at.gt(now))
        .filter(trusted_devices::created_at.gt(trusted_after))
        .filter(exists(account))
}

#[diesel::dsl::auto_type]
fn of_user(user_id: UserId) -> _ {
    let user_id: Uuid = user_id.uuid();
    trusted_devices::table.filter(trusted_devices::user_id.eq(user_id))
}

/// Trusts a device in the present epoch of its account.
///
/// # Errors
///
/// Returns an error if the statement fails, or the row cannot be read.
pub fn insert(
    connection: &mut PgConnection,
    key: DeviceKey,
    origin: &RequestOrigin,
    (now, expires_at): (DateTime<Utc>, DateTime<Utc>),
) -> Result<TrustedDevice, StoreError> {
    let of_account = users::table.filter(users::id.eq(key.user_id.uuid())).select((
        users::id,
        users::factor_epoch,
        key.device_id.uuid().into_sql::<diesel::sql_types::Uuid>(),
        1_i64.into_sql::<BigInt>(),
        now.into_sql::<Timestamptz>(),
        expires_at.into_sql::<Timestamptz>(),
        origin.ip.map(IpNetwork::from).into_sql::<Nullable<Inet>>(),
        origin.user_agent.as_deref().into_sql::<Nullable<Text>>(),
    ));
    let row: DeviceRow = of_account
        .insert_into(trusted_devices::table)
        .into_columns((
            trusted_devices::user_id,
            trusted_devices::factor_epoch,
            trusted_devices::id,
            trusted_devices::counter,
            trusted_devices::created_at,
            trusted_devices::expires_at,
            trusted_devices::ip,
            trusted_devices::user_agent,
        ))
        .returning(DeviceRow::as_returning())
        .get_result(connection)?;
    row.into_device()
}

/// Deletes the devices of a user that count no longer and, of the others, the oldest beyond `most`.
///
/// # Errors
///
/// Returns an error if a statement fails.
pub fn keep_newest(connection: &mut PgConnection, user_id: UserId, most: usize, at: Moment) -> Result<(), StoreError> {
    let kept: Vec<Uuid> = live(user_id, at)
        .order(trusted_devices::id.desc())
        .limit(i64::try_from(most).unwrap_or(i64::MAX))
        .select(trusted_devices::id)
        .load(connection)?;
    diesel::delete(of_user(user_id).filter(trusted_devices::id.ne_all(kept))).execute(connection)?;
    Ok(())
}

/// Advances the counter of a device's tokens. Of several concurrent calls with the same token one succeeds.
///
/// # Errors
///
/// Returns an error if the statement fails, or the row cannot be read.
pub fn rotate(
    connection: &mut PgConnection,
    key: DeviceKey,
    presented: u64,
    at: Moment,
) -> Result<Option<TrustedDevice>, StoreError> {
    let Ok(presented) = i64::try_from(presented) else {
        return Ok(None);
    };
    let named = live(key.user_id, at)
        .filter(trusted_devices::id.eq(key.device_id.uuid()))
        .filter(trusted_devices::counter.eq(presented));
    let row: Option<DeviceRow> = diesel::update(named)
        .set((
            trusted_devices::counter.eq(trusted_devices::counter + 1),
            trusted_devices::rotated_at.eq(at.now),
            trusted_devices::last_used_at.eq(at.now),
        ))
        .returning(DeviceRow::as_returning())
        .get_result(connection)
        .optional()?;
    row.map(DeviceRow::into_device).transpose()
}

/// Finds a device that counts.
///
/// # Errors
///
/// Returns an error if the statement fails, or the row cannot be read.
pub fn find(connection: &mut PgConnection, key: DeviceKey, at: Moment) -> Result<Option<TrustedDevice>, StoreError> {
    let row: Option<DeviceRow> = live(key.user_id, at)
        .filter(trusted_devices::id.eq(key.device_id.uuid()))
        .select(DeviceRow::as_select())
        .first(connection)
        .optional()?;
    row.map(DeviceRow::into_device).transpose()
}

/// Lists the devices of a user that count, newest first.
///
/// # Errors
///
/// Returns an error if the statement fails, or a row cannot be read.
pub fn list(connection: &mut PgConnection, user_id: UserId, at: Moment) -> Result<Vec<TrustedDevice>, StoreError> {
    let rows: Vec<DeviceRow> = live(user_id, at)
        .order(trusted_devices::id.desc())
        .select(DeviceRow::as_select())
        .load(connection)?;
    rows.into_iter().map(DeviceRow::into_device).collect()
}

/// Lists everything that is stored about a user's devices, newest first.
///
/// # Errors
///
/// Returns an error if the statement fails, or a row cannot be read.
pub fn list_records(connection: &mut PgConnection, user_id: UserId) -> Result<Vec<TrustedDevice>, StoreError> {
    let rows: Vec<DeviceRow> = of_user(user_id)
        .order(trusted_devices::id.desc())
        .select(DeviceRow::as_select())
        .load(connection)?;
    rows.into_iter().map(DeviceRow::into_device).collect()
}

/// Deletes a device that counts. Returns whether there was one.
///
/// # Errors
///
/// Returns an error if the statement fails.
pub fn remove(connection: &mut PgConnection, key: DeviceKey, at: Moment) -> Result<bool, StoreError> {
    let named = live(key.user_id, at).filter(trusted_devices::id.eq(key.device_id.uuid()));
    Ok(diesel::delete(named).execute(connection)? == 1)
}

/// Deletes all devices of a user, and returns how many counted.
///
/// # Errors
///
/// Returns an error if a statement fails.
pub fn remove_all(connection: &mut PgConnection, user_id: UserId, at: Moment) -> Result<usize, StoreError> {
    let counted = diesel::delete(live(user_id, at)).execute(connection)?;
    diesel::delete(of_user(user_id)).execute(connection)?;
    Ok(counted)
}

/// Deletes up to `most` rows that were created before an id. Rows that another transaction has locked are left for the
/// next run. Returns how many were deleted.
///
/// # Errors
///
/// Returns an error if a statement fails.
pub fn delete_before(connection: &mut PgConnection, id: Uuid, most: i64) -> Result<usize, StoreError> {
    old_rows::delete_before!(trusted_devices, connection, id, most)
}

/// Returns whether there are devices that were made before an id.
///
/// # Errors
///
/// Returns an error if the statement fails.
pub fn exist_before(connection: &mut PgConnection, id: Uuid) -> Result<bool, StoreError> {
    old_rows::exist_before!(trusted_devices, connection, id)
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = trusted_devices, check_for_backend(Pg))]
struct DeviceRow {
    id: Uuid,
    user_id: Uuid,
    counter: i64,
    rotated_at: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
    last_used_at: Option<DateTime<Utc>>,
    ip: Option<IpNetwork>,
    user_agent: Option<String>,
}

impl DeviceRow {
    fn into_device(self) -> Result<TrustedDevice, StoreError> {
        Ok(TrustedDevice {
            key: DeviceKey {
                user_id: UserId::from_uuid(self.user_id),
                device_id: TrustedDeviceId::from_uuid(self.id),
            },
            tokens: RefreshSeries {
                live: u64::try_from(self.counter)
                    .map_err(|_negative| StoreError::Corrupt("trusted_devices.counter"))?,
                rotated_at: self.rotated_at,
                step_up: None,
            },
            created_at: self.created_at,
            expires_at: self.expires_at,
            last_used_at: self.last_used_at,
            origin: SessionOrigin {
                ip: self.ip.map(|network| network.ip()),
                user_agent: self.user_agent,
            },
        })
    }
}
