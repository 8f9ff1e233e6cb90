//! A private `PostgreSQL`: a program runs its own server, from the server programs that are installed.
//!
//! The cluster, its socket and its log are in the data directory, and the only way to connect is a Unix socket in a
//! directory that is closed to other accounts. A start takes these steps, each in a module:
//!
//! 1. `layout` opens and locks the data directory and locates the cluster;
//! 2. `account` chooses the account that the server runs as, since `PostgreSQL` refuses root;
//! 3. `binaries` finds the installed programs in the right version;
//! 4. `cluster` creates the cluster and its database, once;
//! 5. `socket` creates the closed directory that the server listens in;
//! 6. `server` adopts a server that outlived a crash, or starts one with the `settings` that limit its size and access.
//!
//! Invariant: as long as an [`PrivatePostgres`] exists, it has the only lock on its data directory, and its server
//! answers at [`PrivatePostgres::connection_url`] unless something outside has stopped it.

#![expect(
    clippy::disallowed_methods,
    reason = "waiting for a server process to start or stop is measured in the machine's time, not the service's"
)]

mod account;
mod binaries;
mod cluster;
mod error;
mod layout;
mod log;
mod postmaster;
mod process;
mod server;
mod settings;
mod socket;

use std::env;
use std::path::PathBuf;

use self::account::Account;
use self::binaries::Programs;
pub use self::error::PrivatePostgresError;
use self::layout::{DataDirectory, Home};
use self::log::ServerLog;
use self::server::{Launch, Server};
use self::socket::Socket;

/// Where the private server stores its files and how it is configured.
#[derive(Debug, Clone)]
pub struct Options {
    /// The program's name, of lower-case ASCII letters, digits and `_`. Its role and its database have it, and so do
    /// the directories outside of the data directory; messages call the program by it.
    pub program: &'static str,
    /// The program's data directory; created if it is missing.
    pub data_dir: PathBuf,
    /// Further server settings, as `name` and `value`. They override the built-in ones and must not change where the
    /// server listens.
    pub server_settings: Vec<(String, String)>,
}

/// A running private server and the lock on its data directory.
///
/// If it is dropped without [`stop`](Self::stop), the server continues to run, and the next [`start`](Self::start) on
/// the same data directory adopts it.
#[derive(Debug)]
#[must_use = "the server is left running when this is dropped without `stop`"]
pub struct PrivatePostgres {
    server: Server,
    connection_url: String,
    // Fields are dropped in order, so the locks outlive everything above them.
    _home: Home,
    _data_directory: DataDirectory,
}

impl PrivatePostgres {
    /// Starts the server of a data directory, creating its cluster at the first start.
    ///
    /// If a crashed program left a server running, that one is adopted instead. Returns once the server answers on its
    /// socket.
    ///
    /// # Errors
    ///
    /// When another program has locked the data directory, when the server programs are missing or do not have the
    /// cluster's version, when a file or directory is not as required, and when the server does not become ready; the
    /// message then contains the last lines of the server's log.
    pub fn start(options: &Options) -> Result<Self, PrivatePostgresError> {
        let data_directory = DataDirectory::open(options)?;
        let account = Account::choose(&data_directory.cluster())?;
        let home = Home::open(&data_directory, &account, options.program)?;

        let version = cluster::version(home.cluster())?;
        let needed = version.map(|major| (major, home.cluster()));
        let places = binaries::places(env::var_os("PATH").as_deref());
        let programs = Programs::find(places, &account, needed)?;
        if version.is_none() {
            cluster::create(&home, &programs, &account, options)?;
        }

        let socket = Socket::prepare(home.path(), &account, options.program)?;
        let launch = Launch {
            programs: &programs,
            account: &account,
            cluster: home.cluster(),
            socket: &socket,
            log: ServerLog::new(data_directory.path()),
            arguments: settings::arguments(home.cluster(), &socket, &options.server_settings),
        };
        Ok(Self {
            server: Server::adopt_or_start(&launch)?,
            connection_url: socket.connection_url(options.program),
            _home: home,
            _data_directory: data_directory,
        })
    }

    /// Returns the libpq URI of the program's database.
    #[must_use]
    pub fn connection_url(&self) -> &str {
        &self.connection_url
    }

    /// Returns whether the server was already running.
    #[must_use]
    pub fn was_adopted(&self) -> bool {
        self.server.was_adopted()
    }

    /// Stops the server and then releases the data directory.
    ///
    /// Open sessions are ended. A server that has not stopped after ten seconds is told to quit immediately. No
    /// committed data is lost, since the next start replays the write-ahead log.
    ///
    /// # Errors
    ///
    /// When the server cannot be signalled, or does not end even then.
    pub fn stop(self) -> Result<(), PrivatePostgresError> {
        self.server.stop()
    }
}

impl Options {
    /// Returns whether the server's data must survive a power failure.
    fn is_durable(&self) -> bool {
        !self
            .server_settings
            .iter()
            .any(|(name, value)| name == "fsync" && value == "off")
    }
}
