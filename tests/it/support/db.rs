//! A database for each test, copied from a migrated template.
//!
//! The server is the one that `DATABASE_URL` names, or a private one under `target/`, which the first test starts and
//! the next run adopts. Each test's database is dropped at its end, and those of killed runs at the next start.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::Text;
use private_postgres::{Options, PrivatePostgres};
use secrecy::SecretString;
use url::Url;
use vestibule::store::migrations;

/// An arbitrary constant that names the advisory lock of the tests.
const LOCK: i64 = 7_310_579_640;

/// A database that is dropped with its value.
pub(crate) struct TestDatabase {
    name: String,
    /// The URL with which the program connects.
    pub(crate) url: SecretString,
}

impl TestDatabase {
    /// Makes a migrated database.
    pub(crate) fn migrated() -> Self {
        Self::copy_of(template())
    }

    /// Makes a database without tables.
    pub(crate) fn empty() -> Self {
        Self::copy_of("template0")
    }

    /// Opens a connection besides the program's.
    pub(crate) fn connect(&self) -> PgConnection {
        PgConnection::establish(&url_of(&self.name)).unwrap()
    }

    fn copy_of(template: &str) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!(
            "vestibule_test_{}_{}",
            std::process::id(),
            NUMBER.fetch_add(1, Ordering::Relaxed)
        );
        // Without durability, copying files needs no checkpoint, and is faster than writing each block to the log.
        let statement = format!("CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY");
        admin().batch_execute(&statement).unwrap();
        let url = url_of(&name).into();
        Self { name, url }
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        if let Ok(mut connection) = PgConnection::establish(&url_of("postgres")) {
            let _ = connection.batch_execute(&format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name));
        }
    }
}

fn url_of(database: &str) -> String {
    // libpq accepts URLs without a host, which the url crate does not, so the path is replaced by hand.
    let server = server_url();
    let (rest, query) = server
        .split_once('?')
        .map_or((server, ""), |(rest, query)| (rest, query));
    let authority_end = rest.find("://").unwrap() + 3;
    let path_start = rest[authority_end..]
        .find('/')
        .map_or(rest.len(), |at| authority_end + at);
    let base = &rest[..path_start];
    if query.is_empty() {
        format!("{base}/{database}")
    } else {
        format!("{base}/{database}?{query}")
    }
}

fn server_url() -> &'static str {
    static SERVER: OnceLock<(String, Option<PrivatePostgres>)> = OnceLock::new();
    let (url, _kept_running) = SERVER.get_or_init(|| match std::env::var("DATABASE_URL") {
        Ok(url) if !url.is_empty() => {
            assert!(Url::parse(&url).is_ok() || url.contains("://"), "DATABASE_URL is a URL");
            (url, None)
        }
        _ => {
            let data_dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/test-postgres");
            let fast = [
                ("fsync", "off"),
                ("synchronous_commit", "off"),
                ("full_page_writes", "off"),
                ("max_connections", "200"),
            ];
            let server_settings = fast.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
            let server = PrivatePostgres::start(&Options {
                program: "vestibule",
                data_dir,
                server_settings,
            })
            .unwrap();
            (server.connection_url().to_owned(), Some(server))
        }
    });
    url
}

fn admin() -> PgConnection {
    PgConnection::establish(&url_of("postgres")).unwrap()
}

/// Returns the name of the migrated template, which the first process makes.
fn template() -> &'static str {
    static TEMPLATE: OnceLock<String> = OnceLock::new();
    TEMPLATE.get_or_init(|| {
        let name = format!("vestibule_template_{:016x}", migrations_hash());
        let mut connection = admin();
        connection
            .batch_execute(&format!("SELECT pg_advisory_lock({LOCK})"))
            .unwrap();
        let databases =
            diesel::sql_query("SELECT datname AS name FROM pg_database WHERE datname LIKE 'vestibule\\_t%'")
                .load::<Database>(&mut connection)
                .unwrap();
        for database in databases
            .iter()
            .filter(|database| database.name != name && is_stale(&database.name))
        {
            let _ = connection.batch_execute(&format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", database.name));
        }
        if !databases.iter().any(|database| database.name == name) {
            // Made under another name first, so that an existing template is complete.
            let draft = format!("vestibule_draft_{}", std::process::id());
            connection
                .batch_execute(&format!("DROP DATABASE IF EXISTS {draft}"))
                .unwrap();
            connection
                .batch_execute(&format!("CREATE DATABASE {draft} TEMPLATE template0"))
                .unwrap();
            migrations::apply(&url_of(&draft).into(), false).unwrap();
            connection
                .batch_execute(&format!("ALTER DATABASE {draft} RENAME TO {name}"))
                .unwrap();
        }
        name
    })
}

#[derive(QueryableByName)]
struct Database {
    #[diesel(sql_type = Text)]
    name: String,
}

/// A template with other migrations is stale, and so is a test's database whose process, named in it, has ended.
fn is_stale(name: &str) -> bool {
    let Some(rest) = name.strip_prefix("vestibule_test_") else {
        return true;
    };
    let process = rest.split('_').next().unwrap_or_default();
    !Path::new("/proc").join(process).exists()
}

fn migrations_hash() -> u64 {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
    let mut files: Vec<_> = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path().join("up.sql"))
        .filter(|path| path.exists())
        .collect();
    files.sort();
    let mut hasher = DefaultHasher::new();
    for file in files {
        std::fs::read(file).unwrap().hash(&mut hasher);
    }
    hasher.finish()
}
