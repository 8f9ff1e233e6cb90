//! What a server records about itself in its cluster, and whether it still runs.
//!
//! A process number in a file proves nothing: after a crash or a reboot another process may have that number.
//! Invariant: a process counts as the server of a cluster only if it belongs to the server's account and its working
//! directory is that cluster, so that no other process is ever adopted or signalled. (Without `/proc`, only the
//! system's check of who may signal whom remains.)

use std::ffi::OsString;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::process::{Pid, test_kill_process};

use crate::account::Account;
use crate::error::{PrivatePostgresError, file_error};

/// The index of the line of `postmaster.pid` that contains the status.
const STATUS_LINE: usize = 7;

/// The state of a server as it reports it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    /// It is starting, and perhaps replaying its log after a crash.
    Starting,
    /// It accepts connections.
    Ready,
    /// It is stopping.
    Stopping,
    /// It has not reported a state yet.
    Unknown,
}

/// The content of `postmaster.pid`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Record {
    /// The process number of the server when it wrote the file.
    pub(crate) pid: Pid,
    /// Its last reported state.
    pub(crate) status: Status,
}

/// Reads `postmaster.pid`. It does not exist after a clean stop, and may be incomplete for a moment.
///
/// # Errors
///
/// When the file exists and cannot be read.
pub(crate) fn read(cluster: &Path) -> Result<Option<Record>, PrivatePostgresError> {
    let path = cluster.join("postmaster.pid");
    match fs::read(&path) {
        Ok(bytes) => Ok(parse(&String::from_utf8_lossy(&bytes))),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(file_error("read", &path)(error)),
    }
}

fn parse(text: &str) -> Option<Record> {
    let mut lines = text.lines().map(str::trim);
    // A single-user server writes its process number with a minus sign.
    let number: i32 = lines.next()?.parse().ok()?;
    let pid = Pid::from_raw(number.checked_abs()?)?;
    let status = match lines.nth(STATUS_LINE - 1) {
        Some("starting") => Status::Starting,
        Some("ready") => Status::Ready,
        Some("stopping") => Status::Stopping,
        _ => Status::Unknown,
    };
    Some(Record { pid, status })
}

/// Returns whether a process is the running server of a cluster.
pub(crate) fn runs(pid: Pid, cluster: &Path, account: &Account) -> bool {
    if !Path::new("/proc/self").exists() {
        return test_kill_process(pid).is_ok();
    }
    let process = Path::new("/proc").join(pid.as_raw_nonzero().to_string());
    match fs::metadata(&process) {
        Ok(metadata) if metadata.uid() == account.uid() => {}
        _ => return false,
    }
    match fs::read_link(process.join("cwd")) {
        Ok(directory) => directory == cluster,
        // The program is root without the right to trace others, as in most containers.
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            fs::read(process.join("cmdline")).is_ok_and(|line| names_cluster(&line, cluster))
        }
        // A process that has ended but was not waited for has no working directory.
        Err(_) => false,
    }
}

fn names_cluster(command_line: &[u8], cluster: &Path) -> bool {
    let mut arguments = command_line.split(|byte| *byte == 0);
    arguments.any(|argument| argument == b"-D") && arguments.next() == Some(cluster.as_os_str().as_bytes())
}

/// Returns whether the last server of a cluster was started with these arguments.
///
/// The server records its command line in `postmaster.opts`.
pub(crate) fn started_with(cluster: &Path, arguments: &[OsString]) -> bool {
    let Ok(noted) = fs::read(cluster.join("postmaster.opts")) else {
        return false;
    };
    let mut expected = Vec::new();
    for argument in arguments {
        expected.extend_from_slice(b" \"");
        expected.extend_from_slice(argument.as_bytes());
        expected.push(b'"');
    }
    expected.push(b'\n');
    noted.ends_with(&expected)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_a_file_is_not_a_record() {
        assert!(parse("").is_none());
        assert!(parse("0\n").is_none());
        assert!(parse("not a number\n").is_none());
    }

    #[test]
    fn the_status_is_on_the_eighth_line() {
        let record = |status: &str| {
            let text = format!("77\n/d\n1\n5432\n/run\n\n 1 2\n{status}");
            parse(&text).map(|record| (record.pid.as_raw_nonzero().get(), record.status))
        };
        assert_eq!(record("ready   \n"), Some((77, Status::Ready)));
        assert_eq!(record("starting\n"), Some((77, Status::Starting)));
        assert_eq!(record("stopping\n"), Some((77, Status::Stopping)));
        assert_eq!(record(""), Some((77, Status::Unknown)));
    }

    #[test]
    fn a_command_line_names_its_cluster() {
        let line = b"/usr/bin/postgres\0-D\0/d/postgres\0-c\0port=1\0";
        assert!(names_cluster(line, Path::new("/d/postgres")));
        assert!(!names_cluster(line, Path::new("/d")));
        assert!(!names_cluster(b"", Path::new("/d")));
    }
}
