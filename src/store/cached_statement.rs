//! Statements that the server parses and plans once per connection instead of once per request.
//!
//! diesel does not cache `UPDATE`s as prepared statements: `set` may leave columns out, so one Rust type can have
//! several texts. The statements here never leave a column out. Wrapped in [`CachedStatement`], a statement is
//! identified by its type, like a `SELECT`, and its text need not be built again to look it up. The same applies to an
//! `INSERT`, which diesel looks up by its whole text.

use diesel::PgConnection;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};

/// A statement that stays prepared. Its type must determine its text: columns are set with `eq`, never by a struct with
/// optional fields, and nothing in it is boxed.
pub(super) struct CachedStatement<U>(pub(super) U);

impl<U: QueryFragment<Pg>> QueryFragment<Pg> for CachedStatement<U> {
    fn walk_ast<'b>(&'b self, out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        self.0.walk_ast(out)
    }

    fn is_safe_to_cache_prepared(&self, _backend: &Pg) -> QueryResult<bool> {
        Ok(true)
    }
}

impl<U: 'static> QueryId for CachedStatement<U> {
    type QueryId = Self;

    const HAS_STATIC_QUERY_ID: bool = true;
}

impl<U: Query> Query for CachedStatement<U> {
    type SqlType = U::SqlType;
}

impl<U> RunQueryDsl<PgConnection> for CachedStatement<U> {}
