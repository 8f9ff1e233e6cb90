//! `UPDATE`s that the server parses and plans once a connection, not once a request.
//!
//! diesel keeps every statement prepared but these: what `set` is given may leave columns out, so that one Rust type can
//! stand for several texts. Nothing here leaves any out, so as [`CachedStatement`] a statement is known by its type, as diesel knows a
//! `SELECT`, and its text is not even written again to look it up. The same goes for an `INSERT`, which diesel looks up by its
//! whole text.

use diesel::PgConnection;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};

/// A statement that stays prepared. Its type must leave one text only: columns are set with `eq`, never by a structure with
/// optional members, and nothing of it is boxed.
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
