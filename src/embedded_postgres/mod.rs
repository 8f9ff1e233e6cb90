//! A private `PostgreSQL`: with no `DATABASE_URL`, the program runs a server of its own.
//!
//! The cluster, its socket and its log live under the data directory, and
//! nothing but a Unix socket in a directory closed to other accounts leads to
//! it. A start goes through these steps, each in a module of its own:
//!
//! 1. `layout` opens and locks the data directory and says where the cluster is;
//! 2. `account` says who the server runs as, since `PostgreSQL` refuses root;
//! 3. `binaries` finds the installed programs of the right version;
//! 4. `cluster` makes the cluster and its database, once;
//! 5. `socket` makes the closed directory that the server listens in;
//! 6. `server` adopts a server that outlived a crash, or starts one with the
//!    `settings` that keep it small and private.
//!
//! The invariant of the whole: while an [`EmbeddedPostgres`] lives, it holds
//! the only lock on its data directory, and its server answers at
//! [`EmbeddedPostgres::connection_url`] unless something outside stopped it.

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
pub use self::error::EmbeddedPostgresError;
use self::layout::{DataDirectory, Home};
use self::log::ServerLog;
use self::server::{Launch, Server};
use self::socket::Socket;

/// The role and the database that the program uses.
const NAME: &str = "vestibule";

/// Says where the private server keeps its files and how it is tuned.
#[derive(Debug, Clone)]
pub struct Options {
    /// The program's data directory; it is created when it is missing.
    pub data_dir: PathBuf,
    /// Further server settings, as `name` and `value`; they win over the
    /// built-in ones and must not change where the server listens.
    pub server_settings: Vec<(String, String)>,
}

/// Holds a running private server and the lock on its data directory.
///
/// Dropping it without [`stop`](Self::stop) leaves the server running: the
/// next [`start`](Self::start) on the same data directory adopts it.
#[derive(Debug)]
#[must_use = "the server is left running when this is dropped without `stop`"]
pub struct EmbeddedPostgres {
    server: Server,
    connection_url: String,
    // Fields drop in order, so the locks outlive everything above them.
    _home: Home,
    _data_directory: DataDirectory,
}

impl EmbeddedPostgres {
    /// Starts the server of a data directory, making its cluster at the first start.
    ///
    /// A server that a crashed program left running is adopted instead. Returns
    /// once the server answers on its socket.
    ///
    /// # Errors
    ///
    /// When another program holds the data directory, when the server programs
    /// are missing or of another version than the cluster, when a file or
    /// directory is not as it must be, and when the server does not come up; the
    /// message then carries the last lines of the server's log.
    pub fn start(options: &Options) -> Result<Self, EmbeddedPostgresError> {
        let data_directory = DataDirectory::open(&options.data_dir)?;
        let account = Account::choose(&data_directory.cluster())?;
        let home = Home::open(&data_directory, &account)?;

        let version = cluster::version(home.cluster())?;
        let needed = version.map(|major| (major, home.cluster()));
        let places = binaries::places(env::var_os("PATH").as_deref());
        let programs = Programs::find(places, &account, needed)?;
        if version.is_none() {
            cluster::create(&home, &programs, &account, options.is_durable())?;
        }

        let socket = Socket::prepare(home.path(), &account)?;
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
            connection_url: socket.connection_url(),
            _home: home,
            _data_directory: data_directory,
        })
    }

    /// Returns the libpq URI of the program's database.
    #[must_use]
    pub fn connection_url(&self) -> &str {
        &self.connection_url
    }

    /// Returns whether the server was already running when this was started.
    #[must_use]
    pub fn was_adopted(&self) -> bool {
        self.server.was_adopted()
    }

    /// Stops the server and then releases the data directory.
    ///
    /// Open sessions are ended. A server that has not stopped after ten seconds
    /// is told to quit at once; no committed data is lost, the next start
    /// replays its write-ahead log.
    ///
    /// # Errors
    ///
    /// When the server cannot be signalled or does not end even then.
    pub fn stop(self) -> Result<(), EmbeddedPostgresError> {
        self.server.stop()
    }
}

impl Options {
    /// Returns whether what the server writes has to survive a power failure.
    fn is_durable(&self) -> bool {
        !self
            .server_settings
            .iter()
            .any(|(name, value)| name == "fsync" && value == "off")
    }
}
