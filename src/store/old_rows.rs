//! What the deletions of old rows in tables of users share.

use std::collections::BTreeMap;

use uuid::Uuid;

/// Groups rows by their users, in the order of the users' ids, so that two deletions lock them in one order.
pub(super) fn by_user(rows: Vec<(Uuid, Uuid)>) -> BTreeMap<Uuid, Vec<Uuid>> {
    let mut grouped: BTreeMap<Uuid, Vec<Uuid>> = BTreeMap::new();
    for (user_id, id) in rows {
        grouped.entry(user_id).or_default().push(id);
    }
    grouped
}
