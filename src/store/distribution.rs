//! Citus: by which column each table is distributed over several servers, and the step from one server to several.
//!
//! On plain PostgreSQL nothing here has an effect. The program's statements are the same on both.

use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Bool, Integer, Nullable, Text};
use diesel::{Connection, PgConnection};
use secrecy::SecretString;

use super::error::StoreError;
use super::migrations::{self, MigrationError};
use crate::metrics::Stopwatch;

/// Where the rows of a table are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placement {
    /// Each row is on the server that follows from the hash of one of its columns.
    ByColumn {
        /// The column.
        column: &'static str,
        /// The table whose rows with the same value are on the same server; the table itself, if there is no other.
        beside: &'static str,
    },
    /// All rows are on one server, so that workers can take them in order and skip those that others have locked, which
    /// Citus refuses over many servers.
    OneShard,
    /// Each server has a copy of all rows.
    Everywhere,
}

impl Placement {
    const fn by(column: &'static str, beside: &'static str) -> Self {
        Self::ByColumn { column, beside }
    }

    /// Describes it for operators.
    pub fn describe(self) -> String {
        match self {
            Self::ByColumn { column, .. } => format!("by {column}"),
            Self::OneShard => "one shard".to_owned(),
            Self::Everywhere => "a copy on every server".to_owned(),
        }
    }
}

/// A table and the placement of its rows.
pub type Placed = (&'static str, Placement);

/// The placement of every table, in the order in which they are distributed: a table comes after those that its foreign
/// keys refer to. docs/decisions/0010 has the same table with the reasons.
pub const PLACEMENTS: [Placed; 27] = [
    (MIGRATIONS_TABLE, Placement::Everywhere),
    ("signing_keys", Placement::Everywhere),
    ("retired_keys", Placement::Everywhere),
    ("clients", Placement::Everywhere),
    ("webhooks", Placement::Everywhere),
    ("users", Placement::by("id", "users")),
    ("sessions", Placement::by("user_id", "users")),
    ("consents", Placement::by("user_id", "users")),
    ("totp_factors", Placement::by("user_id", "users")),
    ("sent_code_factors", Placement::by("user_id", "users")),
    ("sent_codes", Placement::by("user_id", "users")),
    ("passkeys", Placement::by("user_id", "users")),
    ("trusted_devices", Placement::by("user_id", "users")),
    ("api_keys", Placement::by("user_id", "users")),
    ("identities", Placement::by("user_id", "users")),
    ("spent_federation_tokens", Placement::by("user_id", "users")),
    ("recovery_codes", Placement::by("user_id", "users")),
    ("unfinished_registrations", Placement::by("user_id", "users")),
    ("link_tokens", Placement::by("user_id", "users")),
    (TRAIL, Placement::by("subject_id", "users")),
    ("account_names", Placement::by("name", "account_names")),
    ("user_handles", Placement::by("user_handle", "user_handles")),
    ("device_requests", Placement::by("id", "device_requests")),
    ("throttles", Placement::by("key", "throttles")),
    ("quotas", Placement::by("key", "throttles")),
    ("outbox", Placement::OneShard),
    ("webhook_deliveries", Placement::OneShard),
];

/// diesel's list of the migrations that were applied.
const MIGRATIONS_TABLE: &str = "__diesel_schema_migrations";
/// The partitioned table with triggers.
const TRAIL: &str = "audit_events";

/// The value of `lock_timeout` that the role needs on every server. Connections set it for themselves, but Citus does
/// not pass a connection's settings on to the workers.
pub const LOCK_TIMEOUT: &str = "2s";

/// How many rows are copied in a second at least. Measured with three servers on two busy cores: 58,000.
const ROWS_A_SECOND: u64 = 20_000;
/// What creating the shards of all tables takes at most, without a row in them.
const EMPTY: Duration = Duration::from_mins(1);

/// A server of a Citus cluster.
#[derive(Clone, Debug, PartialEq, Eq, QueryableByName)]
pub struct Server {
    /// Its number in the cluster.
    #[diesel(sql_type = Integer)]
    number: i32,
    /// Host and port, as the other servers reach it.
    #[diesel(sql_type = Text)]
    pub address: String,
    /// Whether it is the coordinator.
    #[diesel(sql_type = Bool)]
    pub is_coordinator: bool,
    /// Whether it is used, and knows the placement of all tables.
    #[diesel(sql_type = Bool)]
    pub is_active: bool,
}

/// A server's answer to a connection of this role.
#[derive(Clone, Debug, PartialEq, Eq, QueryableByName)]
pub struct Answer {
    #[diesel(sql_type = Integer)]
    number: i32,
    #[diesel(sql_type = Bool)]
    success: bool,
    #[diesel(sql_type = Nullable<Text>)]
    result: Option<String>,
}

/// A table that is distributed.
#[derive(Clone, Debug, PartialEq, Eq, QueryableByName)]
pub struct Distributed {
    #[diesel(sql_type = Text)]
    name: String,
    /// `h`: by the hash of a column. `n`: as a whole.
    #[diesel(sql_type = Text)]
    method: String,
    /// `t`: copies that change together. `s`: one copy.
    #[diesel(sql_type = Text)]
    replication: String,
    #[diesel(sql_type = Nullable<Text>)]
    column: Option<String>,
}

impl Distributed {
    fn is(&self, placement: Placement) -> bool {
        let kind = (self.method.as_str(), self.replication.as_str());
        match placement {
            Placement::ByColumn { column, .. } => kind == ("h", "s") && self.column.as_deref() == Some(column),
            Placement::OneShard => kind == ("n", "s"),
            Placement::Everywhere => kind == ("n", "t"),
        }
    }
}

/// A Citus cluster, as one of its servers knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cluster {
    /// The version of the extension.
    pub version: String,
    /// This role, quoted if necessary.
    pub role: String,
    /// Whether the connection leads to the coordinator.
    pub at_coordinator: bool,
    /// All servers.
    pub servers: Vec<Server>,
    /// What each server answered.
    pub answers: Vec<Answer>,
    /// The tables that are distributed.
    distributed: Vec<Distributed>,
}

/// The distribution failed. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum DistributionError {
    /// The database cannot be reached or read.
    #[error(transparent)]
    Database(#[from] MigrationError),
    /// The extension does not exist in the database.
    #[error(
        "the database has no extension citus: install Citus on every server, run CREATE EXTENSION citus in this \
         database on each, and add the workers on the coordinator with SELECT citus_add_node('worker', 5432)"
    )]
    NoExtension,
    /// The connection leads to a worker.
    #[error("this server is a worker: set DATABASE_URL to the coordinator, which is {0}")]
    Worker(String),
    /// The workers do not know the coordinator.
    #[error(
        "the workers do not know the coordinator: run SELECT citus_set_coordinator_host('coordinator', 5432) there"
    )]
    NoCoordinator,
    /// There is no server to distribute to.
    #[error("the cluster has no worker: run SELECT citus_add_node('worker', 5432) on the coordinator")]
    NoWorker,
    /// A server does not let this role in, or cannot be reached.
    #[error("{0}; every server must be reachable from the coordinator, with this role")]
    Unreachable(String),
    /// A table is distributed in another way.
    #[error("{0} is distributed in another way than {1}: run SELECT undistribute_table('{0}') first")]
    Elsewhere(&'static str, String),
    /// It took longer than was said.
    #[error("it took longer than {} seconds; nothing was changed: run this again while the servers do less", .0.as_secs())]
    TooSlow(Duration),
    /// Rows were lost or duplicated.
    #[error("{table} had {before} rows and has {after}; nothing was changed")]
    Miscounted {
        /// The table.
        table: &'static str,
        /// Its rows on one server.
        before: i64,
        /// Its rows on all servers.
        after: i64,
    },
    /// A statement failed.
    #[error("{0}; nothing was changed")]
    Failed(String),
}

impl From<diesel::result::Error> for DistributionError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Failed(error.to_string())
    }
}

/// Returns the version of the extension in the database, if it is there.
fn version(connection: &mut PgConnection) -> QueryResult<Option<String>> {
    #[derive(QueryableByName)]
    struct Version {
        #[diesel(sql_type = Text)]
        version: String,
    }
    let found: Option<Version> =
        diesel::sql_query("SELECT extversion AS version FROM pg_extension WHERE extname = 'citus'")
            .get_result(connection)
            .optional()?;
    Ok(found.map(|found| found.version))
}

/// Returns the role of a connection, and whether it leads to the coordinator.
fn role_and_place(connection: &mut PgConnection) -> QueryResult<(String, bool)> {
    #[derive(QueryableByName)]
    struct Here {
        #[diesel(sql_type = Text)]
        role: String,
        #[diesel(sql_type = Bool)]
        at_coordinator: bool,
    }
    let here: Here = diesel::sql_query(
        "SELECT quote_ident(current_user) AS role, groupid = 0 AS at_coordinator FROM pg_dist_local_group",
    )
    .get_result(connection)?;
    Ok((here.role, here.at_coordinator))
}

impl Cluster {
    /// Reads the cluster that a connection leads to. `None`: the database has no extension.
    pub(super) fn read(connection: &mut PgConnection) -> QueryResult<Option<Self>> {
        let Some(version) = version(connection)? else {
            return Ok(None);
        };
        let (role, at_coordinator) = role_and_place(connection)?;
        let servers = diesel::sql_query(
            "SELECT nodeid AS number, nodename || ':' || nodeport AS address, groupid = 0 AS is_coordinator, \
             isactive AND metadatasynced AS is_active FROM pg_dist_node WHERE noderole = 'primary' ORDER BY nodeid",
        )
        .load(connection)?;
        let names = PLACEMENTS.map(|(name, _)| name);
        let distributed = diesel::sql_query(
            "SELECT relname::text AS name, partmethod::text AS method, repmodel::text AS replication, \
             column_to_column_name(logicalrelid, partkey::text) AS column \
             FROM pg_dist_partition JOIN pg_class ON pg_class.oid = logicalrelid \
             WHERE relnamespace = current_schema()::regnamespace AND relname = ANY ($1) ORDER BY 1",
        )
        .bind::<Array<Text>, _>(names.as_slice())
        .load(connection)?;
        Ok(Some(Self {
            version,
            role,
            at_coordinator,
            servers,
            answers: ask(connection)?,
            distributed,
        }))
    }

    /// Returns the workers.
    pub fn workers(&self) -> impl Iterator<Item = &Server> {
        self.servers.iter().filter(|server| !server.is_coordinator)
    }

    /// Returns the tables that are still on the coordinator only.
    pub fn missing(&self) -> Vec<Placed> {
        let is_missing = |(name, _): &Placed| self.distributed.iter().all(|found| found.name != *name);
        PLACEMENTS.into_iter().filter(is_missing).collect()
    }

    /// Returns the tables that are distributed in another way than the program needs.
    pub fn misplaced(&self) -> Vec<Placed> {
        let is_misplaced = |(name, placement): &Placed| {
            let found = self.distributed.iter().find(|found| found.name == *name);
            found.is_some_and(|found| !found.is(*placement))
        };
        PLACEMENTS.into_iter().filter(is_misplaced).collect()
    }

    /// Returns what is wrong with each server, if anything is.
    pub fn faults(&self) -> Vec<String> {
        self.servers.iter().filter_map(|server| self.fault(server)).collect()
    }

    fn fault(&self, server: &Server) -> Option<String> {
        let address = &server.address;
        if !server.is_active {
            return Some(format!(
                "{address} is not in use: run SELECT citus_activate_node there from the coordinator"
            ));
        }
        match self.answers.iter().find(|answer| answer.number == server.number) {
            Some(Answer { success: true, .. }) => None,
            Some(Answer { result: Some(why), .. }) => Some(format!("{address} does not answer: {}", one_line(why))),
            _ => Some(format!("{address} does not answer")),
        }
    }

    /// Returns the servers on which this role has no time limit for locks.
    pub fn without_lock_timeout(&self) -> Vec<&str> {
        let has_none = |server: &&Server| {
            let answer = self.answers.iter().find(|answer| answer.number == server.number);
            answer.is_some_and(|answer| answer.success && answer.result.as_deref() == Some("0"))
        };
        self.servers
            .iter()
            .filter(has_none)
            .map(|server| server.address.as_str())
            .collect()
    }

    /// Refuses a cluster that tables cannot be distributed over.
    fn check(&self) -> Result<(), DistributionError> {
        let coordinator = self.servers.iter().find(|server| server.is_coordinator);
        if !self.at_coordinator {
            let address = coordinator.map_or("not known here", |server| &server.address);
            return Err(DistributionError::Worker(address.to_owned()));
        }
        if coordinator.is_none() {
            return Err(DistributionError::NoCoordinator);
        }
        if self.workers().next().is_none() {
            return Err(DistributionError::NoWorker);
        }
        if let Some(fault) = self.faults().into_iter().next() {
            return Err(DistributionError::Unreachable(fault));
        }
        match self.misplaced().first() {
            Some((name, placement)) => Err(DistributionError::Elsewhere(name, placement.describe())),
            None => Ok(()),
        }
    }
}

/// Asks every server, as this role, for its time limit of locks.
fn ask(connection: &mut PgConnection) -> QueryResult<Vec<Answer>> {
    diesel::sql_query(
        "SELECT nodeid AS number, success, result \
         FROM run_command_on_all_nodes('SELECT current_setting(''lock_timeout'')', true, true)",
    )
    .load(connection)
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What a distribution would do.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The cluster.
    pub cluster: Cluster,
    /// The tables to distribute, in order, each with the estimated number of its rows.
    pub tables: Vec<(Placed, u64)>,
}

impl Plan {
    /// Reads what is missing.
    ///
    /// # Errors
    ///
    /// Returns why the tables cannot be distributed.
    pub fn read(url: &SecretString) -> Result<Self, DistributionError> {
        let mut connection = migrations::connect(url)?;
        let cluster = Cluster::read(&mut connection)?.ok_or(DistributionError::NoExtension)?;
        cluster.check()?;
        let mut tables = Vec::new();
        for placed in cluster.missing() {
            tables.push((placed, estimate(&mut connection, placed.0)?));
        }
        Ok(Self { cluster, tables })
    }

    /// Returns the number of rows to copy, as the server estimates it.
    pub fn rows(&self) -> u64 {
        self.tables.iter().map(|(_, rows)| rows).sum()
    }

    /// Returns how long the distribution takes at most; it gives up then.
    pub fn limit(&self) -> Duration {
        EMPTY + Duration::from_secs(self.rows() / ROWS_A_SECOND)
    }

    /// Returns the statements that distribute the tables.
    pub fn statements(&self) -> Vec<String> {
        self.tables
            .iter()
            .map(|((name, placement), _)| statement(name, *placement))
            .collect()
    }

    /// Distributes the tables in one transaction. Reports each table that is done, with the number of its rows.
    ///
    /// # Errors
    ///
    /// Returns [`DistributionError`] after a rollback.
    pub fn carry_out(
        &self,
        url: &SecretString,
        mut progress: impl FnMut(&'static str, u64),
    ) -> Result<(), DistributionError> {
        let mut connection = migrations::connect(url)?;
        let begun = Stopwatch::start();
        let done = connection.transaction(|connection| self.distribute(connection, begun, &mut progress));
        match done {
            Err(DistributionError::Failed(_)) if begun.elapsed() >= self.limit() => {
                Err(DistributionError::TooSlow(self.limit()))
            }
            done => done,
        }
    }

    fn distribute(
        &self,
        connection: &mut PgConnection,
        begun: Stopwatch,
        progress: &mut impl FnMut(&'static str, u64),
    ) -> Result<(), DistributionError> {
        connection.batch_execute(SETTINGS)?;
        migrations::take_turn(connection)?;
        let names: Vec<&str> = self.tables.iter().map(|((name, _), _)| *name).collect();
        // All at once, and nothing is written until the end: a row that is written after its table was counted would
        // not be counted.
        connection.batch_execute(&format!("LOCK TABLE {} IN EXCLUSIVE MODE", names.join(", ")))?;
        let mut counts = Vec::new();
        for name in &names {
            counts.push(count(connection, name)?);
        }
        for (((name, placement), _), before) in self.tables.iter().zip(&counts) {
            self.limit_statement(connection, begun)?;
            connection.batch_execute(&statement(name, *placement))?;
            progress(name, u64::try_from(*before).unwrap_or_default());
        }
        self.limit_statement(connection, begun)?;
        for name in &names {
            remove_local_rows(connection, name)?;
        }
        for (((table, _), _), before) in self.tables.iter().zip(counts) {
            let after = count(connection, table)?;
            if before != after {
                return Err(DistributionError::Miscounted { table, before, after });
            }
        }
        Ok(())
    }

    /// Ends the next statement when the time is over.
    fn limit_statement(&self, connection: &mut PgConnection, begun: Stopwatch) -> QueryResult<()> {
        let left = self.limit().saturating_sub(begun.elapsed()).as_millis().max(1);
        connection.batch_execute(&format!("SET LOCAL statement_timeout = {left}"))
    }
}

// Citus refuses a table with triggers unless it is told that they only need the rows of one server, which is true for
// those of the audit trail. The copying of a table would repeat its hint about local rows for each of them.
const SETTINGS: &str = "SET LOCAL lock_timeout = '10s'; SET LOCAL citus.enable_unsafe_triggers = on; \
     SET LOCAL client_min_messages = error";

/// Returns the statement that distributes a table.
fn statement(name: &str, placement: Placement) -> String {
    match placement {
        Placement::ByColumn { column, beside } => {
            let beside = if beside == name { "none" } else { beside };
            format!("SELECT create_distributed_table('{name}', '{column}', colocate_with := '{beside}')")
        }
        Placement::OneShard => format!("SELECT create_distributed_table('{name}', NULL, colocate_with := 'none')"),
        Placement::Everywhere => format!("SELECT create_reference_table('{name}')"),
    }
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

fn count(connection: &mut PgConnection, table: &str) -> QueryResult<i64> {
    let row: Count = diesel::sql_query(format!("SELECT count(*) AS count FROM {table}")).get_result(connection)?;
    Ok(row.count)
}

/// Estimates the rows of a table with its partitions: as the server counted them last, or, if it never has, from its
/// size and the shortest row of any table.
fn estimate(connection: &mut PgConnection, table: &str) -> QueryResult<u64> {
    let row: Count = diesel::sql_query(
        "SELECT coalesce(sum(CASE WHEN reltuples >= 0 THEN reltuples ELSE pg_relation_size(oid) / 100 END), 0)::int8 \
         AS count FROM pg_class WHERE relkind = 'r' AND oid IN ( \
         SELECT $1::regclass UNION SELECT inhrelid FROM pg_inherits WHERE inhparent = $1::regclass)",
    )
    .bind::<Text, _>(table)
    .get_result(connection)?;
    Ok(u64::try_from(row.count).unwrap_or_default())
}

/// Removes the rows that a table keeps on the coordinator after they were copied to the workers. No statement sees them,
/// but they would stay on disk and in physical backups for ever.
fn remove_local_rows(connection: &mut PgConnection, table: &str) -> QueryResult<()> {
    let remove = format!("SELECT truncate_local_data_after_distributing_table('{table}')");
    if table != TRAIL {
        return connection.batch_execute(&remove);
    }
    // Its triggers refuse that. They are switched off here only, not on the workers, and for this transaction only.
    let switch = |state: &str| {
        format!(
            "SET LOCAL citus.enable_ddl_propagation = off; \
             DO $$ DECLARE part regclass; BEGIN \
             FOR part IN SELECT '{TRAIL}'::regclass UNION SELECT inhrelid FROM pg_inherits \
                         WHERE inhparent = '{TRAIL}'::regclass LOOP \
             EXECUTE format('ALTER TABLE %s {state} TRIGGER audit_events_no_truncate', part); \
             END LOOP; END $$; SET LOCAL citus.enable_ddl_propagation = on"
        )
    };
    connection.batch_execute(&switch("DISABLE"))?;
    connection.batch_execute(&remove)?;
    connection.batch_execute(&switch("ENABLE"))
}

#[derive(QueryableByName)]
struct Yes {
    #[diesel(sql_type = Bool)]
    yes: bool,
}

/// Returns whether the database has the extension.
pub(super) fn has_citus(connection: &mut PgConnection) -> QueryResult<bool> {
    let row: Yes = diesel::sql_query("SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'citus') AS yes")
        .get_result(connection)?;
    Ok(row.yes)
}

/// Returns whether the connection leads to a worker of a Citus cluster.
pub(super) fn is_worker(connection: &mut PgConnection) -> QueryResult<bool> {
    if !has_citus(connection)? {
        return Ok(false);
    }
    let row: Yes = diesel::sql_query("SELECT groupid <> 0 AS yes FROM pg_dist_local_group").get_result(connection)?;
    Ok(row.yes)
}

/// Has the coordinator run a statement as this role, and returns the value that it returns.
pub(super) fn on_coordinator(connection: &mut PgConnection, statement: &str) -> Result<String, StoreError> {
    let answer: Answer =
        diesel::sql_query("SELECT nodeid AS number, success, result FROM run_command_on_coordinator($1)")
            .bind::<Text, _>(statement)
            .get_result(connection)?;
    let result = answer.result.unwrap_or_default();
    if answer.success {
        Ok(result)
    } else {
        Err(StoreError::Unavailable(format!("the coordinator refused: {result}")))
    }
}

#[cfg(test)]
impl Cluster {
    /// Returns a cluster of a coordinator and two workers, without faults, over which some tables are distributed.
    pub(crate) fn example(tables: &[Placed]) -> Self {
        let server = |number, address: &str| Server {
            number,
            address: address.to_owned(),
            is_coordinator: number == 1,
            is_active: true,
        };
        let servers = vec![server(1, "c:5432"), server(2, "w1:5432"), server(3, "w2:5432")];
        let answer = |server: &Server| Answer {
            number: server.number,
            success: true,
            result: Some(LOCK_TIMEOUT.to_owned()),
        };
        let distributed = |(name, placement): &Placed| {
            let (method, replication, column) = match placement {
                Placement::ByColumn { column, .. } => ("h", "s", Some((*column).to_owned())),
                Placement::OneShard => ("n", "s", None),
                Placement::Everywhere => ("n", "t", None),
            };
            Distributed {
                name: (*name).to_owned(),
                method: method.to_owned(),
                replication: replication.to_owned(),
                column,
            }
        };
        Self {
            version: "13.2-1".to_owned(),
            role: "vestibule".to_owned(),
            at_coordinator: true,
            answers: servers.iter().map(answer).collect(),
            servers,
            distributed: tables.iter().map(distributed).collect(),
        }
    }

    /// Changes what one server answers.
    pub(crate) fn answering(mut self, address: &str, result: Result<&str, &str>) -> Self {
        let number = self
            .servers
            .iter()
            .find(|server| server.address == address)
            .map(|server| server.number);
        for answer in self.answers.iter_mut().filter(|answer| Some(answer.number) == number) {
            answer.success = result.is_ok();
            answer.result = Some(result.unwrap_or_else(|why| why).to_owned());
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(cluster: &Cluster) -> String {
        cluster
            .check()
            .map_or_else(|error| error.to_string(), |()| "none".to_owned())
    }

    #[test]
    fn only_what_is_missing_is_distributed_and_after_what_it_refers_to() {
        let names = |tables: &[Placed]| tables.iter().map(|(name, _)| *name).collect::<Vec<_>>();
        assert_eq!(Cluster::example(&PLACEMENTS).missing(), []);
        let place = |table| PLACEMENTS.iter().position(|(name, _)| *name == table).unwrap();
        assert_eq!(
            names(&Cluster::example(&PLACEMENTS[..place("throttles")]).missing()),
            ["throttles", "quotas", "outbox", "webhook_deliveries"]
        );
        assert!(place("users") < place("sessions") && place("sessions") < place("sent_codes"));
        for (place, (name, placement)) in PLACEMENTS.iter().enumerate() {
            if let Placement::ByColumn { beside, .. } = placement {
                assert!(names(&PLACEMENTS[..=place]).contains(beside), "{name}");
            }
        }
    }

    #[test]
    fn the_statements_are_those_of_citus() {
        let placed = |table| *PLACEMENTS.iter().find(|(name, _)| *name == table).unwrap();
        let plan = Plan {
            cluster: Cluster::example(&[]),
            tables: ["signing_keys", "users", "sessions", "outbox"]
                .map(|table| (placed(table), 0))
                .to_vec(),
        };
        assert_eq!(
            plan.statements(),
            [
                "SELECT create_reference_table('signing_keys')",
                "SELECT create_distributed_table('users', 'id', colocate_with := 'none')",
                "SELECT create_distributed_table('sessions', 'user_id', colocate_with := 'users')",
                "SELECT create_distributed_table('outbox', NULL, colocate_with := 'none')",
            ]
        );
    }

    #[test]
    fn the_limit_follows_from_the_rows() {
        for (rows, seconds) in [(0, 60), (1_000_000, 110), (100_000_000, 5_060)] {
            let plan = Plan {
                cluster: Cluster::example(&[]),
                tables: vec![(PLACEMENTS[4], rows)],
            };
            assert_eq!(plan.limit(), Duration::from_secs(seconds), "{rows}");
        }
    }

    #[test]
    fn a_cluster_that_is_not_ready_is_refused_with_what_to_do() {
        let good = Cluster::example(&[]);
        assert_eq!(refusal(&good), "none");
        let with = |change: &dyn Fn(&mut Cluster)| {
            let mut cluster = good.clone();
            change(&mut cluster);
            refusal(&cluster)
        };
        for (refused, expected) in [
            (
                with(&|it| it.at_coordinator = false),
                "set DATABASE_URL to the coordinator, which is c:5432",
            ),
            (with(&|it| drop(it.servers.remove(0))), "citus_set_coordinator_host"),
            (with(&|it| it.servers.truncate(1)), "citus_add_node"),
            (with(&|it| it.servers[2].is_active = false), "w2:5432 is not in use"),
            (
                with(&|it| it.answers.truncate(1)),
                "w1:5432 does not answer; every server must be reachable",
            ),
            (
                refusal(&good.clone().answering("w2:5432", Err("timeout"))),
                "w2:5432 does not answer: timeout",
            ),
            (
                refusal(&Cluster::example(&[("users", Placement::Everywhere)])),
                "undistribute_table('users')",
            ),
        ] {
            assert!(refused.contains(expected), "{refused}");
        }
    }
}
