//! Errors of the private server, with messages for the operator.
//!
//! Every message names the file, program or version in question, and says what to do if anything can be done.

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;

/// Why the private server could not be started or stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PrivatePostgresError {
    /// No directory contains both `initdb` and `postgres`.
    #[error(
        "PostgreSQL's server programs (initdb, postgres) were not found on PATH or in the usual \
         places: install them (Debian and Ubuntu: apt-get install postgresql; Fedora: dnf install \
         postgresql-server; Alpine: apk add postgresql; macOS: brew install postgresql)"
    )]
    ProgramsNotFound,

    /// Only versions that are too old are installed.
    #[error(
        "PostgreSQL {oldest_supported} or newer is needed and only {found} was found: install a \
         newer one"
    )]
    ProgramsTooOld {
        /// The oldest supported major version.
        oldest_supported: u32,
        /// The versions that were found.
        found: String,
    },

    /// The cluster belongs to a major version that is not installed.
    #[error(
        "the database in {} was created by PostgreSQL {cluster_version} and only {found} was found: \
         install PostgreSQL {cluster_version} again, or convert the database with pg_upgrade",
        cluster.display()
    )]
    VersionMismatch {
        /// The cluster's directory.
        cluster: PathBuf,
        /// The major version that created the cluster.
        cluster_version: u32,
        /// The versions that were found.
        found: String,
    },

    /// Another program has locked the data directory.
    #[error("another {program} is using the data directory {}", data_dir.display())]
    InUse {
        /// The program's name.
        program: &'static str,
        /// The data directory, or the home of a database outside of it.
        data_dir: PathBuf,
    },

    /// The program runs as root and there is no account to run the server as.
    #[error(
        "PostgreSQL does not run as root, and there is no account `postgres` or `nobody` to run it \
         as: create one, or run this program as an ordinary user"
    )]
    NoAccount,

    /// The cluster belongs to root.
    #[error(
        "the database in {} belongs to root, and PostgreSQL does not run as root: give it to an \
         unprivileged account (chown -R)",
        .0.display()
    )]
    OwnedByRoot(PathBuf),

    /// Something that is not a cluster is in the cluster's place.
    #[error("{} is not a PostgreSQL database directory: move it away", .0.display())]
    NotACluster(PathBuf),

    /// The data directory links to a cluster that no longer exists.
    #[error(
        "the database of this data directory was in {}, which is gone: restore it from a backup, \
         or remove the link {} to begin with an empty database",
        target.display(),
        link.display()
    )]
    ClusterGone {
        /// The symbolic link in the data directory.
        link: PathBuf,
        /// Where it points.
        target: PathBuf,
    },

    /// A directory that must be closed to other accounts is not.
    #[error("refusing to use {}: {problem}", path.display())]
    UnsafeDirectory {
        /// The directory.
        path: PathBuf,
        /// What is wrong with it.
        problem: &'static str,
    },

    /// No directory has a suitable path for the socket.
    #[error(
        "no directory for the server's socket: {} and the directories for temporary files have \
         paths that are too long or contain a comma, or that the server cannot enter",
        .0.display()
    )]
    NoSocketDirectory(PathBuf),

    /// A file operation failed.
    #[error("cannot {action} {}: {source}", path.display())]
    File {
        /// The operation.
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },

    /// A program could not be run at all.
    #[error("cannot run {} in {}: {source}", program.display(), directory.display())]
    Run {
        /// The program.
        program: PathBuf,
        /// The directory it was to run in.
        directory: PathBuf,
        /// Why it failed.
        source: io::Error,
    },

    /// A program was told to stop before it was done, as by Ctrl-C at a terminal, which every program in it hears.
    #[error("making the private PostgreSQL was interrupted; the next start makes it")]
    Interrupted,

    /// A program ran and failed.
    #[error("{} failed ({status}): {output}", program.display())]
    ProgramFailed {
        /// The program.
        program: PathBuf,
        /// Its exit status.
        status: ExitStatus,
        /// The last lines of its output.
        output: String,
    },

    /// The server ended before it was ready.
    #[error("the private PostgreSQL ended while starting; the end of its log:\n{log}")]
    StartFailed {
        /// The last lines of the server's log.
        log: String,
    },

    /// The server did not become ready in time.
    #[error("the private PostgreSQL did not become ready within {seconds} s; the end of its log:\n{log}")]
    StartTimedOut {
        /// How long the program waited.
        seconds: u64,
        /// The last lines of the server's log.
        log: String,
    },

    /// The server could not be signalled or waited for.
    #[error("cannot control the private PostgreSQL (process {pid}): {source}")]
    Control {
        /// The server's process.
        pid: i32,
        /// Why it failed.
        source: io::Error,
    },

    /// The server ignored all signals to stop.
    #[error("the private PostgreSQL (process {pid}) does not stop")]
    StopTimedOut {
        /// The server's process.
        pid: i32,
    },
}

/// Returns a closure that adds the operation and its path to an I/O error.
pub(crate) fn file_error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> PrivatePostgresError {
    let path = path.to_path_buf();
    move |source| PrivatePostgresError::File { action, path, source }
}
