//! How old rows in tables of users are deleted.

use std::collections::BTreeMap;

use uuid::Uuid;

/// Deletes up to so many rows of a table with `user_id` and `id` that were created before an id, and returns how many
/// were deleted. Rows that another transaction has locked are left for the next run.
///
/// It is a macro because the types of such a statement for any table would be longer than the statement.
macro_rules! delete_before {
    ($table:ident, $connection:expr, $id:expr, $most:expr) => {{
        let old: Vec<(Uuid, Uuid)> = $table::table
            .filter($table::id.lt($id))
            .order($table::id)
            .limit($most)
            .select(($table::user_id, $table::id))
            .load($connection)?;
        // One user at a time: Citus skips locked rows on one server only.
        let mut deleted = 0;
        for (user_id, ids) in $crate::store::old_rows::by_user(old) {
            let of_user = $table::table.filter($table::user_id.eq(user_id));
            let free = of_user
                .filter($table::id.eq_any(ids))
                .select($table::id)
                .for_update()
                .skip_locked();
            let free: Vec<Uuid> = free.load($connection)?;
            deleted += diesel::delete(of_user.filter($table::id.eq_any(free))).execute($connection)?;
        }
        Ok(deleted)
    }};
}
pub(super) use delete_before;

/// Returns whether a table with `id` has rows that were created before an id.
macro_rules! exist_before {
    ($table:ident, $connection:expr, $id:expr) => {{
        let old = $table::table.filter($table::id.lt($id));
        Ok(diesel::select(diesel::dsl::exists(old)).get_result($connection)?)
    }};
}
pub(super) use exist_before;

/// Groups rows by their users, in the order of the users' ids, so that two deletions lock them in one order.
pub(super) fn by_user(rows: Vec<(Uuid, Uuid)>) -> BTreeMap<Uuid, Vec<Uuid>> {
    let mut grouped: BTreeMap<Uuid, Vec<Uuid>> = BTreeMap::new();
    for (user_id, id) in rows {
        grouped.entry(user_id).or_default().push(id);
    }
    grouped
}
