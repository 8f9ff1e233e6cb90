//! Preconditions on the database: its encoding, and what this role may do in it.

use diesel::prelude::*;
use diesel::sql_types::{Bool, Text};

use super::error::StoreError;
use super::schema::signing_keys;

/// The only encoding that can store all text that users enter. With others, statements fail in the middle of a
/// migration, and names are cut in the middle of a multi-byte character.
const ENCODING: &str = "UTF8";

/// A database, as this role sees it.
#[derive(Clone, Debug, QueryableByName)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "a row of answers that do not depend on each other"
)]
pub struct Conditions {
    /// Its encoding, as PostgreSQL names it.
    #[diesel(sql_type = Text)]
    encoding: String,
    /// Whether it is read-only: a standby, or a database or role with that setting.
    #[diesel(sql_type = Bool)]
    pub read_only: bool,
    /// The schema in which tables are created, quoted if necessary.
    #[diesel(sql_type = Text)]
    schema: String,
    /// This role, quoted if necessary.
    #[diesel(sql_type = Text)]
    role: String,
    /// Whether this role has `USAGE` on the schema.
    #[diesel(sql_type = Bool)]
    may_use: bool,
    /// Whether this role may create tables.
    #[diesel(sql_type = Bool)]
    pub may_create: bool,
    /// Whether the tables have been created there before, by this role or another.
    #[diesel(sql_type = Bool)]
    pub is_made: bool,
}

// If a role may not use any schema of its search path, `current_schema()` is null. PostgreSQL then only says that no
// schema was selected, which does not help the operator.
const CONDITIONS: &str = "SELECT current_setting('server_encoding') AS encoding, \
     current_setting('transaction_read_only')::bool AS read_only, \
     quote_ident(schema) AS schema, quote_ident(current_user) AS role, \
     coalesce(has_schema_privilege(to_regnamespace(quote_ident(schema))::oid, 'USAGE'), false) AS may_use, \
     coalesce(has_schema_privilege(to_regnamespace(quote_ident(schema))::oid, 'CREATE'), false) AS may_create, \
     EXISTS (SELECT FROM pg_class WHERE relname = '__diesel_schema_migrations' \
             AND relnamespace = to_regnamespace(quote_ident(schema))::oid) AS is_made \
     FROM coalesce(current_schema()::text, 'public') AS schema";

impl Conditions {
    /// Returns the conditions of a database without problems.
    #[cfg(test)]
    pub(crate) fn good() -> Self {
        Self {
            encoding: ENCODING.to_owned(),
            read_only: false,
            schema: "public".to_owned(),
            role: "vestibule".to_owned(),
            may_use: true,
            may_create: true,
            is_made: false,
        }
    }

    /// Reads the conditions; changes nothing.
    pub fn read(connection: &mut PgConnection) -> QueryResult<Self> {
        diesel::sql_query(CONDITIONS).get_result(connection)
    }

    /// Returns this role's name, quoted if necessary.
    pub fn role(&self) -> &str {
        &self.role
    }

    /// Returns the encoding if it is not usable.
    pub fn unfit_encoding(&self) -> Option<&str> {
        (self.encoding != ENCODING).then_some(&self.encoding)
    }

    /// Returns the statement that the owner of the schema must run before this role can create the tables there, or use
    /// those that another role created. `None` if no right is missing.
    pub fn missing_grant(&self) -> Option<String> {
        let rights = match (self.may_use, self.may_create) {
            (false, _) if self.is_made => "USAGE",
            // Another role creates the tables.
            (true, _) if self.is_made => return None,
            (true, true) => return None,
            _ => "USAGE, CREATE",
        };
        Some(format!("GRANT {rights} ON SCHEMA {} TO {}", self.schema, self.role))
    }
}

/// Checks with a minimal query that the database works and accepts changes, without which nothing can be served. It
/// reads a table that a distributed database has on every server, so that readiness does not depend on any one of them.
///
/// # Errors
///
/// Returns [`StoreError::Unavailable`] also for a read-only database.
pub fn probe(connection: &mut PgConnection) -> Result<(), StoreError> {
    let none = signing_keys::table.select(signing_keys::kid).limit(0);
    none.load::<String>(connection)?;
    let setting = diesel::dsl::sql::<Bool>("current_setting('transaction_read_only')::bool");
    if diesel::select(setting).get_result(connection)? {
        let why = "it takes no changes, for it is a standby or set to read only";
        return Err(StoreError::Unavailable(why.to_owned()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grant_that_is_missing_depends_on_who_makes_the_tables() {
        for (is_made, may_use, may_create, rights) in [
            (false, true, true, None),
            (false, true, false, Some("USAGE, CREATE")),
            (false, false, false, Some("USAGE, CREATE")),
            (true, true, false, None),
            (true, false, false, Some("USAGE")),
            (true, false, true, Some("USAGE")),
        ] {
            let conditions = Conditions {
                may_use,
                may_create,
                is_made,
                ..Conditions::good()
            };
            let expected = rights.map(|rights| format!("GRANT {rights} ON SCHEMA public TO vestibule"));
            assert_eq!(conditions.missing_grant(), expected, "{is_made} {may_use} {may_create}");
        }
    }
}
