//! `vestibule keys rewrap`: everything sealed moves to the newest master key, so that older ones can be dropped.
//!
//! It runs beside the service, which opens values of either key meanwhile, and can be cut off and run again: a value is
//! replaced by itself, sealed anew, or not at all. What cannot be made anew (hashes, tokens in people's hands) goes on
//! with the derived keys that are kept here; see `crypto::retired_keys`.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::{Core, Fault};
use crate::crypto::retired_keys::RetiredKey;
use crate::crypto::sealer::{SealError, SealedAt};
use crate::domain::audit_event::{AuditEvent, EventName};
use crate::store::PgConnection;
use crate::store::instances;
use crate::store::retired_keys::{self, SealedKey};
use crate::store::sealed_values::{self, Column, OlderValue, RowKey};

/// How often to look for instances where a look may miss some, and how long to wait between: three seconds, in which
/// each of them looks at the outbox thrice.
const LOOKS_BEHIND_A_POOLER: u32 = 60;
const BETWEEN_LOOKS: Duration = Duration::from_millis(50);
/// Rows in one transaction.
const BATCH: i64 = 200;

/// What became of one column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rewrapped {
    /// Which.
    pub column: Column,
    /// Values that the newest master key seals now.
    pub resealed: u64,
    /// Values that no master key at hand opens; they were left as they are.
    pub not_opened: u64,
}

/// Makes what was kept of dropped master keys known to this process.
///
/// # Errors
///
/// Returns faults of the database; of keys that do not open, when the master key is not the deployment's; and when a master
/// key bears the id of one that was dropped.
pub async fn load_retired_keys(core: &Arc<Core>) -> Result<(), Fault> {
    let kept = core
        .db
        .read("retired_keys.list", |connection| {
            retired_keys::list(connection).map_err(Fault::from)
        })
        .await?;
    let kept = kept.iter().map(|key| open(core, key)).collect::<Result<Vec<_>, _>>()?;
    Ok(core.retired_keys.take(&kept)?)
}

fn open(core: &Core, key: &SealedKey) -> Result<RetiredKey, SealError> {
    let at = SealedAt::retired_key(key.master_key_id, key.purpose);
    Ok(RetiredKey {
        master_key_id: key.master_key_id,
        purpose: key.purpose,
        bytes: core.sealer.open(&at, &key.sealed_key)?,
    })
}

/// Returns the master keys that other processes at work on this database seal new values with, unless it is this
/// process's newest one: their labels, or an empty text for a release that tells none. What they seal meanwhile would
/// need another run, and one that does not know the newest key cannot open what is sealed anew.
///
/// # Errors
///
/// Returns faults of the database only.
pub async fn other_master_keys(core: &Arc<Core>) -> Result<BTreeSet<String>, Fault> {
    let mut found = BTreeSet::new();
    // Behind a pooler a connection tells only which client it served last.
    let looks = if core.db.is_pooled() { LOOKS_BEHIND_A_POOLER } else { 1 };
    for look in 0..looks {
        if look > 0 {
            tokio::time::sleep(BETWEEN_LOOKS).await;
        }
        let labels = core
            .db
            .read("rewrap.instances", |connection| {
                instances::newest_master_keys(connection).map_err(Fault::from)
            })
            .await?;
        found.extend(labels.into_iter().filter(|label| label != core.db.master_key()));
    }
    Ok(found)
}

/// Returns how many values there are to seal anew.
///
/// # Errors
///
/// Returns faults of the database only.
pub async fn count(core: &Arc<Core>) -> Result<u64, Fault> {
    let current = core.sealer.current_key_id();
    let counted = core
        .db
        .read("rewrap.count", move |connection| {
            let count = |column| sealed_values::count_older(&mut *connection, column, current);
            let counts = Column::ALL.into_iter().map(count).collect::<Result<Vec<i64>, _>>();
            counts.map_err(Fault::from)
        })
        .await?;
    Ok(counted.into_iter().filter_map(|count| u64::try_from(count).ok()).sum())
}

/// Seals everything anew that the newest master key does not seal yet. `progress` is told of each batch.
///
/// # Errors
///
/// Returns faults; what was done until then stays done.
pub async fn rewrap(core: &Arc<Core>, progress: impl Fn(u64)) -> Result<Vec<Rewrapped>, Fault> {
    // First: while a column is under way nothing depends on it, and afterwards the old key might be dropped.
    store_retired_keys(core).await?;
    let mut report = Vec::new();
    for column in Column::ALL {
        report.push(rewrap_column(core, column, &progress).await?);
    }
    let now = core.clock.now();
    let shared = Arc::clone(core);
    core.db
        .transaction("rewrap.audit", move |connection| -> Result<(), Fault> {
            Ok(shared.audit_own(connection, AuditEvent::of_deployment(EventName::SecretsRewrapped), now)?)
        })
        .await?;
    Ok(report)
}

/// Keeps the derived keys of the older master keys at hand, and seals those that were kept before under the newest one.
async fn store_retired_keys(core: &Arc<Core>) -> Result<(), Fault> {
    let now = core.clock.now();
    let shared = Arc::clone(core);
    core.db
        .transaction("rewrap.retired_keys", move |connection| -> Result<(), Fault> {
            let core = &shared;
            let current = core.sealer.current_key_id();
            let mut keep = core.retired_keys.own().to_vec();
            keep.retain(|key| key.master_key_id != current);
            let listed = retired_keys::list(connection)?;
            for key in &keep {
                // What was kept before was compared at the start.
                if listed.iter().all(|kept| kept.master_key_id != key.master_key_id) {
                    check_opens(core, connection, key.master_key_id)?;
                }
            }
            for kept in listed {
                let at_hand = |key: &RetiredKey| (key.master_key_id, key.purpose) == (kept.master_key_id, kept.purpose);
                if !keep.iter().any(at_hand) && kept.sealed_key.first() != Some(&current) {
                    keep.push(open(core, &kept)?);
                }
            }
            for key in &keep {
                retired_keys::put(connection, &seal(core, key)?, now)?;
            }
            Ok(())
        })
        .await
}

/// Refuses an older master key that opens nothing of what bears its id: what is kept of a mistyped one would be taken for
/// the right one's, and keep that one out.
fn check_opens(core: &Core, connection: &mut PgConnection, master_key_id: u8) -> Result<(), Fault> {
    let mut refused = None;
    for column in Column::ALL {
        let older = sealed_values::load_older(connection, column, core.sealer.current_key_id(), None, BATCH)?;
        let made = older
            .iter()
            .filter(|value| value.sealed.first() == Some(&master_key_id));
        for value in made {
            match core.sealer.open(&value.at, &value.sealed) {
                Ok(_secret) => return Ok(()),
                Err(error) => refused = Some(error),
            }
        }
    }
    refused.map_or(Ok(()), |error| Err(error.into()))
}

fn seal(core: &Core, key: &RetiredKey) -> Result<SealedKey, SealError> {
    let at = SealedAt::retired_key(key.master_key_id, key.purpose);
    Ok(SealedKey {
        master_key_id: key.master_key_id,
        purpose: key.purpose,
        sealed_key: core.sealer.seal(&at, &key.bytes)?,
    })
}

async fn rewrap_column(core: &Arc<Core>, column: Column, progress: &impl Fn(u64)) -> Result<Rewrapped, Fault> {
    let mut report = Rewrapped {
        column,
        resealed: 0,
        not_opened: 0,
    };
    let mut after = None;
    loop {
        let batch = rewrap_batch(core, column, after.clone()).await?;
        let Some(last) = batch.last else {
            return Ok(report);
        };
        report.resealed += batch.resealed;
        report.not_opened += batch.not_opened;
        progress(batch.resealed + batch.not_opened);
        after = Some(last);
    }
}

#[derive(Default)]
struct Batch {
    resealed: u64,
    not_opened: u64,
    last: Option<RowKey>,
}

async fn rewrap_batch(core: &Arc<Core>, column: Column, after: Option<RowKey>) -> Result<Batch, Fault> {
    let shared = Arc::clone(core);
    core.db
        .transaction("rewrap.batch", move |connection| -> Result<_, Fault> {
            let current = shared.sealer.current_key_id();
            let older = sealed_values::load_older(connection, column, current, after.as_ref(), BATCH)?;
            let mut batch = Batch {
                last: older.last().map(|value| value.row.clone()),
                ..Batch::default()
            };
            for value in &older {
                match reseal(&shared, value) {
                    // One that was replaced in the meantime is the service's, which seals under the newest key as well.
                    Ok(sealed) => {
                        batch.resealed += u64::from(sealed_values::replace(connection, column, value, &sealed)?);
                    }
                    Err(error) => {
                        tracing::error!(%error, row = ?value.row, "a sealed value is left as it is");
                        batch.not_opened += 1;
                    }
                }
            }
            Ok(batch)
        })
        .await
}

fn reseal(core: &Core, value: &OlderValue) -> Result<Vec<u8>, SealError> {
    let secret = core.sealer.open(&value.at, &value.sealed)?;
    core.sealer.seal(&value.at, &secret)
}
