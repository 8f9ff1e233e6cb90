//! The closed directory that the server listens in, and whether it answers there.
//!
//! The server trusts every connection, so the directory is the only access control. Invariant: a [`Socket`] names a
//! real directory that belongs to the server's account and that no other account, except root, can enter.

use std::env;
use std::fs::{self, DirBuilder, Metadata};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::account::Account;
use crate::error::{PrivatePostgresError, file_error};
use crate::layout::name_of;

/// The port. For a Unix socket it is only part of the socket's name.
pub(crate) const PORT: u16 = 5432;

/// The longest path of a Unix socket: `sun_path` has 108 bytes on Linux and 104 elsewhere, including a terminating
/// zero.
const LONGEST_SOCKET_PATH: usize = if cfg!(target_os = "linux") { 107 } else { 103 };

/// A request for an encrypted session. The server answers it with one byte, whatever its settings are, and does not log
/// it.
const QUESTION: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];

/// How long a server may take to answer before it counts as not responding.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);

/// The server's socket and the closed directory around it.
#[derive(Debug)]
pub(crate) struct Socket {
    directory: PathBuf,
}

impl Socket {
    /// Creates and checks the socket directory: in the home or, if the path would not be usable there, in the directory
    /// for temporary files.
    ///
    /// # Errors
    ///
    /// When no directory has a suitable path, or a directory of another account is in the way.
    pub(crate) fn prepare(home: &Path, account: &Account, program: &str) -> Result<Self, PrivatePostgresError> {
        let inside = home.join("run");
        if fits(&inside) {
            return Self::closed(inside, account);
        }
        let name = format!("{program}-{}", name_of(home));
        for base in [env::temp_dir(), PathBuf::from("/tmp")] {
            let Ok(base) = fs::canonicalize(base) else {
                continue;
            };
            let directory = base.join(&name);
            if fits(&directory) && account.can_enter(&base)? {
                return Self::closed(directory, account);
            }
        }
        Err(PrivatePostgresError::NoSocketDirectory(inside))
    }

    /// Creates a directory, or checks an existing one: any account may have created it in a directory that all accounts
    /// can write to.
    fn closed(directory: PathBuf, account: &Account) -> Result<Self, PrivatePostgresError> {
        match DirBuilder::new().mode(0o700).create(&directory) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => {
                return Err(file_error("create", &directory)(error));
            }
            _ => {}
        }
        let examine = || fs::symlink_metadata(&directory).map_err(file_error("examine", &directory));
        let mut metadata = examine()?;
        if account.switches() && metadata.is_dir() && metadata.uid() == 0 {
            // Created by root: just now, or by a start that was interrupted at this point.
            account.change_owner(&directory)?;
            metadata = examine()?;
        }
        match objection(&metadata, account) {
            Some(problem) => Err(PrivatePostgresError::UnsafeDirectory {
                path: directory,
                problem,
            }),
            None => Ok(Self { directory }),
        }
    }

    /// Returns the directory that the server listens in.
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Returns the libpq URI of the program's database on this socket.
    pub(crate) fn connection_url(&self, program: &str) -> String {
        let host: String = self
            .directory
            .as_os_str()
            .as_bytes()
            .iter()
            .map(|byte| match char::from(*byte) {
                plain @ ('a'..='z' | 'A'..='Z' | '0'..='9' | '-' | '.' | '_') => plain.into(),
                _ => format!("%{byte:02X}"),
            })
            .collect();
        // Without the explicit port, PGPORT would decide.
        format!("postgresql://{program}@{host}:{PORT}/{program}")
    }

    /// Returns whether a server answers on the socket.
    pub(crate) fn answers(&self) -> bool {
        let ask = || -> io::Result<()> {
            let mut stream = UnixStream::connect(self.path())?;
            stream.set_read_timeout(Some(ANSWER_WITHIN))?;
            stream.set_write_timeout(Some(ANSWER_WITHIN))?;
            stream.write_all(&QUESTION)?;
            stream.read_exact(&mut [0])
        };
        ask().is_ok()
    }

    /// Deletes the files of a server that was killed.
    ///
    /// Only call this while no server runs: no other account can have created them, and their process number may belong
    /// to any process by now.
    ///
    /// # Errors
    ///
    /// When a file exists and cannot be deleted.
    pub(crate) fn clear(&self) -> Result<(), PrivatePostgresError> {
        let socket = self.path();
        let lock = socket.with_added_extension("lock");
        for file in [socket, lock] {
            match fs::remove_file(&file) {
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    return Err(file_error("remove", &file)(error));
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn path(&self) -> PathBuf {
        socket_in(&self.directory)
    }
}

fn socket_in(directory: &Path) -> PathBuf {
    directory.join(format!(".s.PGSQL.{PORT}"))
}

/// Returns whether a client can use the socket's path: libpq treats a comma as the end of a host, and the system limits
/// the length.
fn fits(directory: &Path) -> bool {
    let socket = socket_in(directory);
    let path = socket.as_os_str().as_bytes();
    path.len() <= LONGEST_SOCKET_PATH && !path.contains(&b',')
}

/// Returns what is wrong with a socket directory, if anything.
fn objection(metadata: &Metadata, account: &Account) -> Option<&'static str> {
    if !metadata.is_dir() {
        Some("it is not a directory; remove it")
    } else if metadata.uid() != account.uid() {
        Some("it does not belong to the account that runs PostgreSQL; remove it")
    } else if metadata.mode() & 0o7777 & !0o2000 != 0o700 {
        Some("other accounts can enter it; remove it, or make its mode 0700")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_that_clients_can_use_fit() {
        let longest = LONGEST_SOCKET_PATH - "/.s.PGSQL.5432".len();
        assert!(fits(Path::new(&format!("/{}", "x".repeat(longest - 1)))));
        assert!(!fits(Path::new(&format!("/{}", "x".repeat(longest)))));
        assert!(!fits(Path::new("/a,b")));
    }

    #[test]
    fn the_url_escapes_what_a_path_may_hold() {
        let socket = Socket {
            directory: PathBuf::from("/d a/\u{e9}%"),
        };
        assert_eq!(
            socket.connection_url("tester"),
            "postgresql://tester@%2Fd%20a%2F%C3%A9%25:5432/tester"
        );
    }
}
