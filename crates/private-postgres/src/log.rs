//! The server's log: a file in the data directory with limited size.
//!
//! Invariant: the file is rotated only while no server has it open, and a reported tail contains only what the server
//! of this start has written.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::error::{PrivatePostgresError, file_error};

/// The size from which a start renames the log to the one old file.
const ROTATE_AT: u64 = 4 * 1024 * 1024;

/// How much of the end of a log, or of a program's output, is reported.
const TAIL_BYTES: u64 = 8 * 1024;
const TAIL_LINES: usize = 12;

/// The file to which the server writes its messages.
#[derive(Debug)]
pub(crate) struct ServerLog {
    path: PathBuf,
}

impl ServerLog {
    /// Returns the log of a data directory.
    pub(crate) fn new(data_dir: &Path) -> Self {
        Self {
            path: data_dir.join("postgres.log"),
        }
    }

    /// Opens the log for a server that is about to start, and rotates it if it is large.
    ///
    /// # Errors
    ///
    /// When the file cannot be renamed, created or opened.
    pub(crate) fn open(&self) -> Result<File, PrivatePostgresError> {
        if self.length() > ROTATE_AT {
            fs::rename(&self.path, self.path.with_extension("log.old")).map_err(file_error("rename", &self.path))?;
        }
        OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o600)
            .open(&self.path)
            .map_err(file_error("open", &self.path))
    }

    /// Returns the log's size, which is the position of the next server's messages.
    pub(crate) fn length(&self) -> u64 {
        fs::metadata(&self.path).map_or(0, |metadata| metadata.len())
    }

    /// Returns the last lines written after a position.
    pub(crate) fn tail(&self, from: u64) -> String {
        match self.read_end(from) {
            Ok(bytes) => last_lines(&bytes),
            Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
            Err(error) => format!("(cannot read {}: {error})", self.path.display()),
        }
    }

    fn read_end(&self, from: u64) -> std::io::Result<Vec<u8>> {
        let mut file = File::open(&self.path)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(from.max(length.saturating_sub(TAIL_BYTES)).min(length)))?;
        let mut bytes = Vec::new();
        file.take(TAIL_BYTES).read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

/// Returns the last lines of a program's output.
pub(crate) fn last_lines(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    let skipped = lines.len().saturating_sub(TAIL_LINES);
    lines.get(skipped..).unwrap_or_default().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tail_begins_with_this_start() {
        let directory = tempfile::tempdir().unwrap();
        let log = ServerLog::new(directory.path());
        assert_eq!(log.tail(0), "");
        fs::write(&log.path, "old\nnew\n\nnewer\n").unwrap();
        assert_eq!(log.tail(4), "new\nnewer");
        assert_eq!(log.tail(1000), "");
    }

    #[test]
    fn a_large_log_is_put_aside() {
        let directory = tempfile::tempdir().unwrap();
        let log = ServerLog::new(directory.path());
        log.open().unwrap().set_len(ROTATE_AT + 1).unwrap();
        drop(log.open().unwrap());
        assert_eq!(log.length(), 0);
        assert!(directory.path().join("postgres.log.old").exists());
    }
}
