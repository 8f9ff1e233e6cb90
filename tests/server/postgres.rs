//! PostgreSQL servers that tests may stop, and databases that are dropped after the test.

use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use private_postgres::{Options, PrivatePostgres};
use rustix::process::Signal;

use super::process::{eventually, send};
use super::program::DataDir;

/// A server for one test.
pub(crate) struct Cluster {
    running: Option<PrivatePostgres>,
    options: Options,
    url: String,
    place: DataDir,
}

impl Cluster {
    pub(crate) fn start() -> Self {
        let place = DataDir::new();
        let setting = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let options = Options {
            program: "vestibule",
            data_dir: place.path().to_owned(),
            server_settings: vec![setting("fsync", "off"), setting("max_connections", "150")],
        };
        let running = PrivatePostgres::start(&options).unwrap();
        Self {
            url: running.connection_url().to_owned(),
            running: Some(running),
            options,
            place,
        }
    }

    /// Stops the server; its files stay.
    pub(crate) fn stop(&mut self) {
        self.running.take().unwrap().stop().unwrap();
    }

    /// Starts it again with the same files.
    pub(crate) fn start_again(&mut self) {
        self.running = Some(PrivatePostgres::start(&self.options).unwrap());
    }

    /// Stops what may be left of it, and starts it again.
    pub(crate) fn restart(&mut self) {
        let _ = self.running.take().map(PrivatePostgres::stop);
        self.start_again();
    }

    /// Stops the server and starts it in the same place as a standby that waits for its primary.
    pub(crate) fn become_standby(&mut self) -> Standby {
        // With the same program, arguments and account as before.
        let process = PathBuf::from(format!("/proc/{}", self.postmaster()));
        let program = fs::read_link(process.join("exe")).unwrap();
        let arguments = fs::read(process.join("cmdline")).unwrap();
        let arguments = arguments.split(|byte| *byte == 0).skip(1).filter(|it| !it.is_empty());
        let account = fs::metadata(&process).unwrap();
        let mut command = Command::new(program);
        command.args(arguments.map(OsStr::from_bytes));
        command.uid(account.uid()).gid(account.gid());
        command.stdout(Stdio::null()).stderr(Stdio::null());

        self.stop();
        let signal = self.place.path().join("postgres/standby.signal");
        fs::write(&signal, "").unwrap();
        let standby = Standby {
            process: command.spawn().unwrap(),
            signal,
        };
        eventually("the standby answers", || {
            let asked = Command::new("psql").args(["-XAtqc", "SELECT 1", &self.url]).output();
            asked.unwrap().status.success().then_some(())
        });
        standby
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Returns what the server has logged so far.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.place.path().join("postgres.log")).unwrap()
    }

    /// Returns the server's process.
    pub(crate) fn postmaster(&self) -> u32 {
        self.place.postmaster().unwrap()
    }
}

/// A server that is a standby until this is dropped.
pub(crate) struct Standby {
    process: Child,
    signal: PathBuf,
}

impl Drop for Standby {
    fn drop(&mut self) {
        send(Signal::INT, self.process.id());
        let _ = self.process.wait();
        let _ = fs::remove_file(&self.signal);
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if let Some(running) = self.running.take() {
            let _ = running.stop();
        }
    }
}

/// An empty database on the server that `DATABASE_URL` names, or else on a private one.
pub(crate) struct Database {
    url: String,
    name: String,
    server_url: String,
    _cluster: Option<Arc<Cluster>>,
}

impl Database {
    pub(crate) fn create() -> Self {
        Self::create_with("")
    }

    /// Creates one with options of `CREATE DATABASE`.
    pub(crate) fn create_with(options: &str) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(1);
        let named = std::env::var("DATABASE_URL").ok();
        let cluster = named.is_none().then(shared_cluster);
        let server_url = named.or_else(|| cluster.as_ref().map(|cluster| cluster.url().to_owned()));
        let server_url = server_url.unwrap();
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("vestibule_it_{}_{number}", std::process::id());
        psql(&server_url, &format!("CREATE DATABASE {name} {options}"));
        Self {
            url: on_database(&server_url, &name),
            name,
            server_url,
            _cluster: cluster,
        }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Runs a statement and returns its result.
    #[track_caller]
    pub(crate) fn sql(&self, statement: &str) -> String {
        psql(&self.url, statement)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let drop = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        // Errors are ignored, so that a failed test shows its own reason.
        let _ = Command::new("psql").args(["-XAtqc", &drop, &self.server_url]).output();
    }
}

/// Starts the server that concurrent tests share; it ends with the last of them.
fn shared_cluster() -> Arc<Cluster> {
    static SHARED: Mutex<Weak<Cluster>> = Mutex::new(Weak::new());
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    shared.upgrade().unwrap_or_else(|| {
        let started = Arc::new(Cluster::start());
        *shared = Arc::downgrade(&started);
        started
    })
}

/// Replaces the database in a libpq URL.
fn on_database(url: &str, name: &str) -> String {
    let (place, options) = url
        .split_once('?')
        .map_or((url, None), |(place, options)| (place, Some(options)));
    let authority = place.find("://").map_or(0, |at| at + 3);
    let end = place
        .get(authority..)
        .unwrap()
        .find('/')
        .map_or(place.len(), |at| authority + at);
    let options = options.map(|options| format!("?{options}")).unwrap_or_default();
    format!("{}/{name}{options}", place.get(..end).unwrap())
}

/// Runs a statement with `psql`.
#[track_caller]
pub(crate) fn psql(url: &str, statement: &str) -> String {
    let output = Command::new("psql")
        .args(["-XAtq", "-v", "ON_ERROR_STOP=1", "-c", statement, url])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// A database session that has executed statements and stays open, with the locks that it holds. It ends when this is
/// dropped.
pub(crate) struct OpenSession {
    psql: Child,
    statements: Option<ChildStdin>,
}

impl OpenSession {
    /// Executes statements in a new session; returns when they are done.
    #[track_caller]
    pub(crate) fn begin(url: &str, statements: &str) -> Self {
        let mut psql = Command::new("psql")
            .args(["-XAtq", "-v", "ON_ERROR_STOP=1", "-o", "/dev/null", url])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (mut input, output) = (psql.stdin.take().unwrap(), psql.stdout.take().unwrap());
        // psql may buffer what it writes itself. If a statement fails, it ends without the line.
        writeln!(input, "{statements};\n\\! echo done").unwrap();
        let said = BufReader::new(output).lines().next();
        assert_eq!(
            said.unwrap_or_else(|| Ok(String::new())).unwrap(),
            "done",
            "{statements}"
        );
        Self {
            psql,
            statements: Some(input),
        }
    }
}

impl Drop for OpenSession {
    fn drop(&mut self) {
        // psql ends at the end of its input.
        drop(self.statements.take());
        let _ = self.psql.wait();
    }
}

#[test]
fn another_database_goes_into_any_url() {
    for (url, expected) in [
        ("postgres://u:p@h:1/a?b=/c", "postgres://u:p@h:1/x?b=/c"),
        ("postgresql://u@%2Frun:5432/a", "postgresql://u@%2Frun:5432/x"),
        ("postgres://u@h", "postgres://u@h/x"),
    ] {
        assert_eq!(on_database(url, "x"), expected);
    }
}
