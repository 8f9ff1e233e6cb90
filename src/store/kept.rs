//! `UPDATE`s that the server parses and plans once a connection, not once a request.
//!
//! diesel keeps every statement prepared but these: what `set` is given may leave columns out, so that one Rust type can
//! stand for several texts. As [`Kept`] a statement is looked up by its whole text instead, so that another text is another
//! statement. Only statements of few texts may be kept: each text is kept for the life of the connection.

use diesel::PgConnection;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};

/// A statement that stays prepared.
pub(super) struct Kept<U>(pub(super) U);

impl<U: QueryFragment<Pg>> QueryFragment<Pg> for Kept<U> {
    fn walk_ast<'b>(&'b self, out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        self.0.walk_ast(out)
    }

    fn is_safe_to_cache_prepared(&self, _backend: &Pg) -> QueryResult<bool> {
        Ok(true)
    }
}

impl<U> QueryId for Kept<U> {
    type QueryId = ();

    // The text tells statements apart, not the type.
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<U: Query> Query for Kept<U> {
    type SqlType = U::SqlType;
}

impl<U> RunQueryDsl<PgConnection> for Kept<U> {}
