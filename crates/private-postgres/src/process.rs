//! The server's process: a child of this program, or a process that an earlier program started.
//!
//! Invariant: a child is always waited for when it ends here, and a process that is not a child is checked again before
//! each signal, so that no signal reaches another process that has got its number since.

use std::path::PathBuf;
use std::process::Child;
use std::time::{Duration, Instant};
use std::{io, thread};

use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process};

use crate::account::Account;
use crate::error::PrivatePostgresError;
use crate::postmaster;

/// How often a stopping server is checked.
const POLL: Duration = Duration::from_millis(2);

/// How long a server may take to stop in order, and then again to quit.
const STOP_WITHIN: Duration = Duration::from_secs(10);

/// The process of a server.
#[derive(Debug)]
pub(crate) enum Process {
    /// A child of this program, which must wait for it.
    Child(Child),
    /// A process that an earlier program started; the system waits for it now.
    Adopted {
        /// Its process number.
        pid: Pid,
        /// The cluster by which it is recognized.
        cluster: PathBuf,
        /// The account by which it is recognized.
        account: Account,
    },
}

impl Process {
    /// Returns the process number.
    pub(crate) fn number(&self) -> i32 {
        self.pid().as_raw_nonzero().get()
    }

    /// Returns whether the process has ended, and waits for it if it is a child.
    ///
    /// # Errors
    ///
    /// When the system does not report it.
    pub(crate) fn has_ended(&mut self) -> Result<bool, PrivatePostgresError> {
        match self {
            Self::Child(child) => match child.try_wait() {
                Ok(status) => Ok(status.is_some()),
                Err(source) => Err(self.out_of_control(source)),
            },
            Self::Adopted { pid, cluster, account } => Ok(!postmaster::runs(*pid, cluster, account)),
        }
    }

    /// Stops the server in order or, if that takes too long, immediately.
    ///
    /// # Errors
    ///
    /// When the process cannot be signalled or does not end.
    pub(crate) fn stop(&mut self) -> Result<(), PrivatePostgresError> {
        // SIGINT ends the sessions and writes a checkpoint. SIGQUIT does neither, and the next start replays the log.
        for signal in [Signal::INT, Signal::QUIT] {
            if self.has_ended()? {
                return Ok(());
            }
            match kill_process(self.pid(), signal) {
                Ok(()) | Err(Errno::SRCH) => {}
                Err(errno) => return Err(self.out_of_control(errno.into())),
            }
            if self.ends_within(STOP_WITHIN)? {
                return Ok(());
            }
            tracing::warn!(pid = self.number(), ?signal, "the private PostgreSQL does not stop");
        }
        Err(PrivatePostgresError::StopTimedOut { pid: self.number() })
    }

    fn ends_within(&mut self, limit: Duration) -> Result<bool, PrivatePostgresError> {
        let begun = Instant::now();
        while !self.has_ended()? {
            if begun.elapsed() > limit {
                return Ok(false);
            }
            thread::sleep(POLL);
        }
        Ok(true)
    }

    fn pid(&self) -> Pid {
        match self {
            Self::Child(child) => Pid::from_child(child),
            Self::Adopted { pid, .. } => *pid,
        }
    }

    fn out_of_control(&self, source: io::Error) -> PrivatePostgresError {
        PrivatePostgresError::Control {
            pid: self.number(),
            source,
        }
    }
}
