//! Pages of lists. One more entry than requested is read, to see whether another page follows, so lists need not be
//! counted.

use crate::flows::Fault;

/// A page of a list, and where the next one begins.
pub struct Page<T, I> {
    /// The entries, in the list's order.
    pub items: Vec<T>,
    /// The entry after which the next page begins, if there is one.
    pub next: Option<I>,
}

impl<T, I> Page<T, I> {
    /// Reads a page of at most `limit` entries with `find`, whose argument is the maximum number to find; `id` returns
    /// the id of an entry.
    pub(in crate::flows) fn read(
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
