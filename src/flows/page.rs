//! Pages of lists: whether another one follows is known from one entry more than was asked for, so no list is counted.

use super::Fault;

/// A page of a list, and where the next one begins.
pub struct Page<T, I> {
    /// In the list's order.
    pub items: Vec<T>,
    /// The entry after which the next page begins, if there is one.
    pub next: Option<I>,
}

impl<T, I> Page<T, I> {
    /// Reads a page of at most `limit` entries with `find`, which is told how many it may find at most; `id` names an entry.
    pub(super) fn read(
        limit: i64,
        find: impl FnOnce(i64) -> Result<Vec<T>, Fault>,
        id: impl FnOnce(&T) -> I,
    ) -> Result<Self, Fault> {
        let mut items = find(limit + 1)?;
        let most = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = items.len() > most;
        items.truncate(most);
        let next = items.last().filter(|_| more).map(id);
        Ok(Self { items, next })
    }
}
