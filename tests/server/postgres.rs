//! PostgreSQL servers that tests may stop, and databases that are dropped after the test.

use std::fs::{self, DirBuilder};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use private_postgres::{Options, PrivatePostgres};
use rustix::process::Signal;

use super::process::{eventually, send, wait_for_end};
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
        let place = self.place.path().to_owned();
        let mut command = self.server_in(&place);
        self.stop();
        let signal = place.join("postgres/standby.signal");
        fs::write(&signal, "").unwrap();
        let standby = Standby {
            process: command.spawn().unwrap(),
            signal,
        };
        wait_for_answers(&self.url);
        standby
    }

    /// Starts a standby with a copy of the server's data. Every commit waits for it from now on.
    #[cfg(target_os = "linux")]
    pub(crate) fn replicate(&self) -> Replica {
        const NAME: &str = "second";
        let place = DataDir::new();
        let account = fs::metadata(self.process()).unwrap();
        for directory in [place.path().to_owned(), place.path().join("run")] {
            DirBuilder::new().mode(0o700).create(&directory).unwrap();
            chown(&directory, Some(account.uid()), Some(account.gid())).unwrap();
        }
        let primary = format!("{}?application_name={NAME}", self.url);
        let mut copy = self.beside_server("pg_basebackup");
        copy.args(["-R", "-C", "-S", NAME, "-c", "fast", "-d", &primary, "-D"]);
        let copied = copy.arg(place.path().join("postgres")).output().unwrap();
        assert!(copied.status.success(), "{}", String::from_utf8_lossy(&copied.stderr));
        let (own, other) = (directory_name(&self.place), directory_name(&place));
        let replica = Replica {
            process: self.server_in(place.path()).spawn().unwrap(),
            url: self.url.replace(&own, &other),
            _place: place,
        };
        wait_for_answers(&replica.url);
        psql(
            &self.url,
            &format!("ALTER SYSTEM SET synchronous_standby_names = '{NAME}'"),
        );
        psql(&self.url, "SELECT pg_reload_conf()");
        eventually("the standby is waited for", || {
            (psql(&self.url, "SELECT sync_state FROM pg_stat_replication") == "sync").then_some(())
        });
        replica
    }

    /// Sends nothing more to the standby.
    #[cfg(target_os = "linux")]
    pub(crate) fn stop_sending(&self) {
        let sender = psql(&self.url, "SELECT pid FROM pg_stat_replication");
        send(Signal::STOP, sender.parse().unwrap());
    }

    /// Kills the server and its sessions at once, as if its machine lost power. Its files stay.
    #[cfg(target_os = "linux")]
    pub(crate) fn kill(&mut self) {
        let postmaster = self.postmaster();
        // While it is stopped it starts no further process.
        send(Signal::STOP, postmaster);
        for process in children(postmaster) {
            send(Signal::KILL, process);
        }
        send(Signal::KILL, postmaster);
        wait_for_end(postmaster);
        self.stop();
    }

    /// Returns the place of the server's process in the file system.
    fn process(&self) -> PathBuf {
        PathBuf::from(format!("/proc/{}", self.postmaster()))
    }

    /// Prepares a program of the same installation, under the same account.
    fn beside_server(&self, program: &str) -> Command {
        let process = self.process();
        let server = fs::read_link(process.join("exe")).unwrap();
        let account = fs::metadata(&process).unwrap();
        let mut command = Command::new(server.with_file_name(program));
        command.uid(account.uid()).gid(account.gid());
        command
    }

    /// Prepares the server with the same arguments for a data directory.
    fn server_in(&self, place: &Path) -> Command {
        let arguments = fs::read_to_string(self.process().join("cmdline")).unwrap();
        let (own, other) = (self.place.path().to_str().unwrap(), place.to_str().unwrap());
        let arguments = arguments.split('\0').skip(1).filter(|it| !it.is_empty());
        let mut command = self.beside_server("postgres");
        command.args(arguments.map(|argument| argument.replace(own, other)));
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command
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

/// Waits until a server accepts sessions.
fn wait_for_answers(url: &str) {
    eventually("the server answers", || {
        let asked = Command::new("psql").args(["-XAtqc", "SELECT 1", url]).output();
        asked.unwrap().status.success().then_some(())
    });
}

/// Returns the name of the temporary directory, which is part of the URL.
#[cfg(target_os = "linux")]
fn directory_name(place: &DataDir) -> String {
    let directory = place.path().parent().unwrap().file_name().unwrap();
    directory.to_str().unwrap().to_owned()
}

/// Returns the processes that a process has started.
#[cfg(target_os = "linux")]
fn children(process: u32) -> Vec<u32> {
    let parent_of = |child: &u32| {
        let line = fs::read_to_string(format!("/proc/{child}/stat")).ok()?;
        // After the name, which is in parentheses: the state and the parent.
        line.rsplit(") ").next()?.split(' ').nth(1)?.parse().ok()
    };
    let names = fs::read_dir("/proc").unwrap().map(|entry| entry.unwrap().file_name());
    let processes = names.filter_map(|name| name.to_str()?.parse().ok());
    processes.filter(|child| parent_of(child) == Some(process)).collect()
}

/// A standby of a [`Cluster`]; stopped when dropped.
#[cfg(target_os = "linux")]
pub(crate) struct Replica {
    process: Child,
    url: String,
    _place: DataDir,
}

#[cfg(target_os = "linux")]
impl Replica {
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Makes it a primary.
    pub(crate) fn promote(&self) {
        assert_eq!(psql(&self.url, "SELECT pg_promote()"), "t");
    }
}

#[cfg(target_os = "linux")]
impl Drop for Replica {
    fn drop(&mut self) {
        send(Signal::INT, self.process.id());
        let _ = self.process.wait();
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
