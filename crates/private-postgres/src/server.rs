//! Running the server: adopting one that outlived its program, starting, stopping.
//!
//! Invariant: a [`Server`] is the only server of its cluster, was ready when it was returned, and runs with exactly the
//! arguments that it would be started with.

use std::ffi::OsString;
use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Child;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Pid;

use crate::account::Account;
use crate::binaries::Programs;
use crate::error::PrivatePostgresError;
use crate::log::ServerLog;
use crate::postmaster::{self, Record, Status};
use crate::process::Process;
use crate::socket::Socket;

/// How often the server's state is checked.
const POLL: Duration = Duration::from_millis(5);

/// How long a server may take to report that it is ready or replaying its log.
const START_WITHIN: Duration = Duration::from_mins(1);

/// How long a server that already runs may take to answer.
const ADOPT_WITHIN: Duration = Duration::from_secs(5);

/// How often the progress of a long start is logged.
const REPORT_EVERY: Duration = Duration::from_secs(5);

/// How long the sessions of a killed server may take to notice and end.
const ORPHANS_WITHIN: Duration = Duration::from_secs(10);
const ORPHANS_PAUSE: Duration = Duration::from_millis(100);

/// The server's message when sessions of a killed one still use its shared memory.
const ORPHANS_REMAIN: &str = "is still in use";

/// Everything that starting the server of a cluster requires.
#[derive(Debug)]
pub(crate) struct Launch<'a> {
    /// The programs to start.
    pub(crate) programs: &'a Programs,
    /// The account that runs them.
    pub(crate) account: &'a Account,
    /// The canonical path of the cluster.
    pub(crate) cluster: &'a Path,
    /// Where the server listens.
    pub(crate) socket: &'a Socket,
    /// Where its messages go.
    pub(crate) log: ServerLog,
    /// The server's arguments. A server with other arguments is not adopted.
    pub(crate) arguments: Vec<OsString>,
}

/// The running server.
#[derive(Debug)]
pub(crate) struct Server {
    process: Process,
}

impl Server {
    /// Adopts the server that runs on the cluster, or starts one.
    ///
    /// # Errors
    ///
    /// When the server does not become ready, or a running one that must be replaced does not stop.
    pub(crate) fn adopt_or_start(launch: &Launch<'_>) -> Result<Self, PrivatePostgresError> {
        let record = postmaster::read(launch.cluster)?;
        if let Some(record) = record
            && postmaster::runs(record.pid, launch.cluster, launch.account)
            && let Some(process) = launch.adopt(record)?
        {
            return Ok(Self { process });
        }
        // After a crash, any process may have the number in the file.
        let process = launch.start(record.map(|record| record.pid))?;
        Ok(Self { process })
    }

    /// Returns whether the server was already running.
    pub(crate) fn was_adopted(&self) -> bool {
        matches!(self.process, Process::Adopted { .. })
    }

    /// Stops the server and waits until it has ended.
    ///
    /// # Errors
    ///
    /// When it cannot be signalled or does not end.
    pub(crate) fn stop(mut self) -> Result<(), PrivatePostgresError> {
        let begun = Instant::now();
        self.process.stop()?;
        tracing::info!(elapsed = ?begun.elapsed(), "stopped the private PostgreSQL");
        Ok(())
    }
}

impl Launch<'_> {
    /// Adopts a running server, or stops it if it is not usable.
    fn adopt(&self, record: Record) -> Result<Option<Process>, PrivatePostgresError> {
        let mut process = Process::Adopted {
            pid: record.pid,
            cluster: self.cluster.to_path_buf(),
            account: self.account.clone(),
        };
        let reason = if record.status == Status::Stopping {
            "it is stopping".to_owned()
        } else if !postmaster::started_with(self.cluster, &self.arguments) {
            "it runs with other settings".to_owned()
        } else {
            match self.wait_until_ready(&mut process, ADOPT_WITHIN, 0) {
                Ok(()) => {
                    tracing::info!(pid = %record.pid, "adopted the running private PostgreSQL");
                    return Ok(Some(process));
                }
                Err(error) => error.to_string(),
            }
        };
        tracing::warn!(pid = %record.pid, reason, "stopping the running private PostgreSQL");
        process.stop()?;
        Ok(None)
    }

    /// Starts the server, waiting for the sessions that a killed one may have left behind.
    fn start(&self, stale: Option<Pid>) -> Result<Process, PrivatePostgresError> {
        let begun = Instant::now();
        loop {
            match self.start_once(stale) {
                Err(PrivatePostgresError::StartFailed { log })
                    if log.contains(ORPHANS_REMAIN) && begun.elapsed() < ORPHANS_WITHIN =>
                {
                    tracing::debug!("sessions of a killed server remain, trying again");
                    thread::sleep(ORPHANS_PAUSE);
                }
                result => return result,
            }
        }
    }

    fn start_once(&self, stale: Option<Pid>) -> Result<Process, PrivatePostgresError> {
        let begun = Instant::now();
        self.socket.clear()?;
        let log = self.log.open()?;
        let log_begins = self.log.length();
        let mut process = Process::Child(self.spawn(stale, log)?);
        if let Err(error) = self.wait_until_ready(&mut process, START_WITHIN, log_begins) {
            // It has ended or is of no use; the first error is the one to report.
            let _ = process.stop();
            return Err(error);
        }
        tracing::info!(
            pid = process.number(),
            version = self.programs.version(),
            elapsed = ?begun.elapsed(),
            "started the private PostgreSQL"
        );
        Ok(process)
    }

    fn spawn(&self, stale: Option<Pid>, log: File) -> Result<Child, PrivatePostgresError> {
        let program = self.programs.postgres();
        let mut command = self.account.command(&program, self.cluster);
        if let Some(pid) = stale {
            // The server does not start while the process in its old `postmaster.pid` runs, unless that is an ancestor.
            // By now, that is some other process. Deleting the file would have the same effect, but the file also says
            // which shared memory to check for remaining sessions.
            command.env("PG_GRANDPARENT_PID", pid.as_raw_nonzero().to_string());
        }
        log.try_clone()
            .and_then(|output| {
                command
                    .args(&self.arguments)
                    .stdout(output)
                    .stderr(log)
                    // A separate process group: Ctrl-C at the terminal is meant for the program, which then stops the
                    // server in order.
                    .process_group(0)
                    .spawn()
            })
            .map_err(|source| PrivatePostgresError::Run {
                program,
                directory: self.cluster.to_path_buf(),
                source,
            })
    }

    /// Waits until the server reports that it is ready and answers on its socket.
    ///
    /// There is no time limit while it replays its log after a crash.
    fn wait_until_ready(
        &self,
        process: &mut Process,
        within: Duration,
        log_begins: u64,
    ) -> Result<(), PrivatePostgresError> {
        let begun = Instant::now();
        let mut reported = Duration::ZERO;
        loop {
            if process.has_ended()? {
                let log = self.log.tail(log_begins);
                return Err(PrivatePostgresError::StartFailed { log });
            }
            let status = self.status_of(process)?;
            // The file of a killed server can contain the same process number and `ready`, but only a running server
            // answers.
            if status == Status::Ready && self.socket.answers() {
                return Ok(());
            }
            let elapsed = begun.elapsed();
            if elapsed > within && status != Status::Starting {
                return Err(PrivatePostgresError::StartTimedOut {
                    seconds: within.as_secs(),
                    log: self.log.tail(log_begins),
                });
            }
            if elapsed > reported + REPORT_EVERY {
                reported = elapsed;
                tracing::info!(?elapsed, ?status, "waiting for the private PostgreSQL");
            }
            thread::sleep(POLL);
        }
    }

    fn status_of(&self, process: &Process) -> Result<Status, PrivatePostgresError> {
        let record = postmaster::read(self.cluster)?;
        let own = record.filter(|record| record.pid.as_raw_nonzero().get() == process.number());
        Ok(own.map_or(Status::Unknown, |record| record.status))
    }
}
