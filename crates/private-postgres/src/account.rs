//! The account that the server runs as: the current user or, under root, an unprivileged account.
//!
//! `PostgreSQL` refuses to run as root. Invariant: every server program is started through [`Account::command`], so
//! none ever runs as root, with root's groups or with this program's environment, which may contain secrets.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::{MetadataExt, lchown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::process::{getegid, geteuid};

use crate::error::{PrivatePostgresError, file_error};

/// The accounts that root can run the server as, in order of preference.
const UNPRIVILEGED: [&str; 2] = ["postgres", "nobody"];

/// The search path if none is set.
const DEFAULT_PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// The variables a server program may need to find its shared libraries.
const LIBRARY_PATHS: [&str; 2] = ["LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH"];

/// The account that owns the cluster and runs the server.
#[derive(Debug, Clone)]
pub(crate) struct Account {
    uid: u32,
    gid: u32,
    /// Whether the program is root and must switch to this account.
    switches: bool,
}

impl Account {
    /// Chooses the current user or, under root, the cluster's owner or the owner of a new cluster.
    ///
    /// # Errors
    ///
    /// When the program is root and the cluster belongs to root, or there is no account to use.
    pub(crate) fn choose(cluster: &Path) -> Result<Self, PrivatePostgresError> {
        let current = Self {
            uid: geteuid().as_raw(),
            gid: getegid().as_raw(),
            switches: false,
        };
        if current.uid != 0 {
            return Ok(current);
        }
        let version_file = cluster.join("PG_VERSION");
        match fs::metadata(&version_file) {
            Ok(metadata) if metadata.uid() == 0 => Err(PrivatePostgresError::OwnedByRoot(cluster.to_path_buf())),
            Ok(metadata) => Ok(Self::switched(metadata.uid(), metadata.gid())),
            Err(error) if error.kind() == ErrorKind::NotFound => UNPRIVILEGED
                .into_iter()
                .find_map(look_up)
                .ok_or(PrivatePostgresError::NoAccount),
            Err(error) => Err(file_error("examine", &version_file)(error)),
        }
    }

    fn switched(uid: u32, gid: u32) -> Self {
        Self {
            uid,
            gid,
            switches: true,
        }
    }

    /// Returns the user id of the server's files and processes.
    pub(crate) fn uid(&self) -> u32 {
        self.uid
    }

    /// Returns whether the program is root and this is another account.
    pub(crate) fn switches(&self) -> bool {
        self.switches
    }

    /// Prepares a program to run as this account, in a directory that it can enter.
    ///
    /// The program gets no standard input and a clean environment: this program's environment may contain secrets, and
    /// `PG…` variables would change what the server does.
    pub(crate) fn command(&self, program: &Path, directory: &Path) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(directory)
            .stdin(Stdio::null())
            .env_clear()
            .env("PATH", search_path())
            .env("LC_ALL", "C");
        for name in LIBRARY_PATHS {
            if let Some(value) = env::var_os(name) {
                command.env(name, value);
            }
        }
        if self.switches {
            // Between fork and exec, the standard library then calls setgid, setgroups(0, NULL) and setuid, in this
            // order: with `uid` set and no `groups` (which is not stable), it drops all supplementary groups itself,
            // and ignores only the lack of the right to do so. It changes the directory after that, as the new account.
            command.uid(self.uid).gid(self.gid);
        }
        command
    }

    /// Gives a file or directory to this account, if the program is root.
    ///
    /// # Errors
    ///
    /// When the file system refuses.
    pub(crate) fn change_owner(&self, path: &Path) -> Result<(), PrivatePostgresError> {
        if !self.switches {
            return Ok(());
        }
        lchown(path, Some(self.uid), Some(self.gid)).map_err(file_error("change owner of", path))
    }

    /// Returns whether this account can reach a directory and enter it.
    ///
    /// This is tried out rather than computed from modes and owners, so that access control lists and security modules
    /// are taken into account.
    ///
    /// # Errors
    ///
    /// When the attempt cannot be made.
    pub(crate) fn can_enter(&self, directory: &Path) -> Result<bool, PrivatePostgresError> {
        if !self.switches {
            return Ok(true);
        }
        let trial = self
            .command(Path::new("id"), directory)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        match trial {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == ErrorKind::PermissionDenied => Ok(false),
            Err(error) => Err(file_error("try to enter", directory)(error)),
        }
    }
}

fn search_path() -> OsString {
    env::var_os("PATH")
        .filter(|path| !path.is_empty())
        .unwrap_or_else(|| DEFAULT_PATH.into())
}

/// Asks `id`, which uses every account database that the system is configured with.
fn look_up(name: &str) -> Option<Account> {
    let uid = ask_id("-u", name).ok()??;
    let gid = ask_id("-g", name).ok()??;
    (uid != 0).then(|| Account::switched(uid, gid))
}

fn ask_id(what: &str, name: &str) -> io::Result<Option<u32>> {
    let output = Command::new("id")
        .env("PATH", search_path())
        .args([what, name])
        .stdin(Stdio::null())
        .output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text.trim().parse().ok())
}
