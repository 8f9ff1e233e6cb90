//! `vestibule keys rewrap`: seals every sealed value with the newest master key, so that older ones can be dropped.
//!
//! It runs beside the service, which opens values of either key meanwhile, and can be interrupted and run again: a
//! value is either replaced by the same secret under the newest key, or left as it is. What cannot be made again
//! (hashes, tokens that clients and users have) keeps using the derived keys that are stored here; see
//! `crypto::retired_keys`.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use crate::crypto::retired_keys::RetiredKey;
use crate::crypto::sealer::{SealError, SealedAt};
use crate::domain::audit_event::{AuditEvent, EventName};
use crate::flows::tx::Tx;
use crate::flows::{Core, Fault};
use crate::store::instances;
use crate::store::retired_keys::{self, SealedKey};
use crate::store::sealed_values::{self, Column, OlderValue, RowKey};

/// How often to query for other instances where one query may miss some, and the pause between two queries: three
/// seconds in all, in which each instance polls the outbox three times.
const LOOKS_BEHIND_A_POOLER: u32 = 60;
const BETWEEN_LOOKS: Duration = Duration::from_millis(50);
/// Rows in one transaction.
const BATCH: i64 = 200;

/// The result for one column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rewrapped {
    /// The column.
    pub column: Column,
    /// Values that are now sealed with the newest master key.
    pub resealed: u64,
    /// Values that no available master key opens; they were left as they are.
    pub not_opened: u64,
}

/// Loads the stored derived keys of dropped master keys into this process.
///
/// # Errors
///
/// Returns faults of the database; of keys that do not open, if the master key is not the deployment's; and if a master
/// key has the id of one that was dropped.
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

/// Returns the labels of the master keys that other processes on this database seal new values with, except this
/// process's newest one. An empty label stands for a release that does not report it. Values that such a process seals
/// meanwhile would need another run, and a process that does not know the newest key cannot open rewrapped values.
pub async fn other_master_keys(core: &Arc<Core>) -> Result<BTreeSet<String>, Fault> {
    let mut found = BTreeSet::new();
    // Behind a pooler a connection only shows which client it served last.
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

/// Returns how many values have to be rewrapped.
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

/// Seals all values with the newest master key that are not yet sealed with it. `progress` is called with the size of
/// each batch.
///
/// # Errors
///
/// Returns faults; what was rewrapped before the fault stays so.
pub async fn rewrap(core: &Arc<Core>, progress: impl Fn(u64)) -> Result<Vec<Rewrapped>, Fault> {
    // First: while a column is being rewrapped nothing depends on these keys, and afterwards the old master key might
    // be dropped.
    store_retired_keys(core).await?;
    let mut report = Vec::new();
    for column in Column::ALL {
        report.push(rewrap_column(core, column, &progress).await?);
    }
    core.transaction("rewrap.audit", core.own_origin(), move |tx| {
        tx.audit(&[AuditEvent::of_deployment(EventName::SecretsRewrapped)])
    })
    .await?;
    Ok(report)
}

/// Stores the derived keys of the available older master keys, and seals those stored before with the newest one.
async fn store_retired_keys(core: &Arc<Core>) -> Result<(), Fault> {
    core.transaction("rewrap.retired_keys", core.own_origin(), move |tx| {
        let core = tx.core;
        let current = core.sealer.current_key_id();
        let mut keep = core.retired_keys.own().to_vec();
        keep.retain(|key| key.master_key_id != current);
        let listed = retired_keys::list(tx.connection)?;
        for key in &keep {
            // Keys that were stored before were compared at the start.
            if listed.iter().all(|kept| kept.master_key_id != key.master_key_id) {
                check_opens(tx, key.master_key_id)?;
            }
        }
        for kept in listed {
            let at_hand = |key: &RetiredKey| (key.master_key_id, key.purpose) == (kept.master_key_id, kept.purpose);
            if !keep.iter().any(at_hand) && kept.sealed_key.first() != Some(&current) {
                keep.push(open(core, &kept)?);
            }
        }
        for key in &keep {
            retired_keys::put(tx.connection, &seal(core, key)?, tx.now)?;
        }
        Ok(())
    })
    .await
}

/// Refuses an older master key that opens none of the values sealed under its id. The derived keys of a mistyped one
/// would be stored as those of the right one, and the right one would then be refused.
fn check_opens(tx: &mut Tx<'_>, master_key_id: u8) -> Result<(), Fault> {
    let mut refused = None;
    for column in Column::ALL {
        let older = sealed_values::load_older(tx.connection, column, tx.core.sealer.current_key_id(), None, BATCH)?;
        let made = older
            .iter()
            .filter(|value| value.sealed.first() == Some(&master_key_id));
        for value in made {
            match tx.core.sealer.open(&value.at, &value.sealed) {
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
    core.transaction("rewrap.batch", core.own_origin(), move |tx| {
        let current = tx.core.sealer.current_key_id();
        let older = sealed_values::load_older(tx.connection, column, current, after.as_ref(), BATCH)?;
        let mut batch = Batch {
            last: older.last().map(|value| value.row.clone()),
            ..Batch::default()
        };
        for value in &older {
            match reseal(tx.core, value) {
                // A value that was replaced in the meantime was written by the service, which also seals with the
                // newest key.
                Ok(sealed) => {
                    batch.resealed += u64::from(sealed_values::replace(tx.connection, column, value, &sealed)?);
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
