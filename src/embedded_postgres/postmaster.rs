//! What a server writes about itself in its cluster, and whether it still runs.
//!
//! A number in a file is not a process: after a crash or a reboot another may
//! have it. The invariant: a process counts as the server of a cluster only if
//! it belongs to the server's account and works in that cluster, so that nothing
//! else is ever adopted or signalled (where there is no `/proc`, only the
//! system's own check of who may signal whom remains).

use std::ffi::OsString;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::process::{Pid, test_kill_process};

use super::account::Account;
use super::error::{EmbeddedPostgresError, file_error};

/// The line of `postmaster.pid`, counted from zero, that holds the status.
const STATUS_LINE: usize = 7;

/// How far a server has come, by its own account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    /// It is starting, perhaps replaying its log after a crash.
    Starting,
    /// It accepts connections.
    Ready,
    /// It is stopping.
    Stopping,
    /// It has not said yet.
    Unknown,
}

/// What `postmaster.pid` says.
#[derive(Debug, Clone, Copy)]
pub(super) struct Record {
    /// The number that the server had when it wrote the file.
    pub(super) pid: Pid,
    /// What it last said about itself.
    pub(super) status: Status,
}

/// Reads `postmaster.pid`; there is none after a clean stop, or half a one for a moment.
///
/// # Errors
///
/// When the file is there and cannot be read.
pub(super) fn read(cluster: &Path) -> Result<Option<Record>, EmbeddedPostgresError> {
    let path = cluster.join("postmaster.pid");
    match fs::read(&path) {
        Ok(bytes) => Ok(parse(&String::from_utf8_lossy(&bytes))),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(file_error("read", &path)(error)),
    }
}

fn parse(text: &str) -> Option<Record> {
    let mut lines = text.lines().map(str::trim);
    // A server of one session writes its number with a minus sign.
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
pub(super) fn runs(pid: Pid, cluster: &Path, account: &Account) -> bool {
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
        // Root without the right to trace others, as in most containers.
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            fs::read(process.join("cmdline")).is_ok_and(|line| names_cluster(&line, cluster))
        }
        // A process that has ended and was not waited for has no directory.
        Err(_) => false,
    }
}

fn names_cluster(command_line: &[u8], cluster: &Path) -> bool {
    let mut arguments = command_line.split(|byte| *byte == 0);
    arguments.any(|argument| argument == b"-D") && arguments.next() == Some(cluster.as_os_str().as_bytes())
}

/// Returns whether the last server of a cluster was started with these arguments.
///
/// The server notes its command line in `postmaster.opts`.
pub(super) fn started_with(cluster: &Path, arguments: &[OsString]) -> bool {
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
    fn half_a_file_is_no_record() {
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
