//! Where files are: the data directory, its lock, and the home of the cluster.
//!
//! Usually the cluster is `DATA_DIR/postgres`. If the program is root and the server's account cannot reach the data
//! directory, the cluster is in a separate home below [`STATE`], and `DATA_DIR/postgres` is a symbolic link to it.
//! Nothing else records this, so the data directory can be moved.
//!
//! Invariant: a [`DataDirectory`] and a [`Home`] have both directories locked, even if two data directories link to one
//! home because one is a copy of the other.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, ErrorKind};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use rustix::process::geteuid;

use crate::Options;
use crate::account::Account;
use crate::error::{PrivatePostgresError, file_error};

/// Where a program of root has the clusters that cannot be in their data directories, in a directory with its name.
const STATE: &str = "/var/lib";

/// The name of a cluster inside its home.
const CLUSTER: &str = "postgres";

/// How many homes are tried for one data directory's path.
const HOMES_PER_PATH: u32 = 1000;

/// The program's data directory, open and locked.
#[derive(Debug)]
pub(crate) struct DataDirectory {
    path: PathBuf,
    _lock: Lock,
}

impl DataDirectory {
    /// Opens a data directory, creating it if it is missing, and locks it.
    ///
    /// Root creates it so that other accounts can pass through it but not list it, since the server's account must
    /// reach the cluster. Any other user closes it to other accounts.
    ///
    /// # Errors
    ///
    /// When it cannot be created or another program uses it.
    pub(crate) fn open(options: &Options) -> Result<Self, PrivatePostgresError> {
        let path = options.data_dir.as_path();
        if !path.is_dir() {
            create_closed(path, if geteuid().is_root() { 0o711 } else { 0o700 })?;
        }
        let path = fs::canonicalize(path).map_err(file_error("open", path))?;
        if path.as_os_str().as_bytes().contains(&b'\n') {
            // The server stores its paths in files that are read line by line.
            return Err(PrivatePostgresError::UnsafeDirectory {
                path,
                problem: "its path contains a line break",
            });
        }
        let lock = lock(&path, options.program)?;
        Ok(Self { path, _lock: lock })
    }

    /// Returns the canonical path.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the path of the cluster or the link to it, which may not exist yet.
    pub(crate) fn cluster(&self) -> PathBuf {
        self.path.join(CLUSTER)
    }
}

/// The directory that contains the cluster, and the socket directory if possible.
#[derive(Debug)]
pub(crate) struct Home {
    path: PathBuf,
    cluster: PathBuf,
    /// The home's lock. If the home is the data directory, that has its own.
    _lock: Option<Lock>,
}

impl Home {
    /// Finds the home of the cluster, or chooses one if there is no cluster yet.
    ///
    /// # Errors
    ///
    /// When a link is dangling, the relocated home cannot be created, or another program uses it.
    pub(crate) fn open(
        data: &DataDirectory,
        account: &Account,
        program: &'static str,
    ) -> Result<Self, PrivatePostgresError> {
        let link = data.cluster();
        let cluster = match fs::symlink_metadata(&link) {
            Ok(metadata) if metadata.is_symlink() => follow(&link)?,
            Ok(_) => link,
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(file_error("examine", &link)(error));
            }
            Err(_) if account.can_enter(&data.path)? => link,
            Err(_) => relocate(data, account, program)?,
        };
        let path = cluster.parent().unwrap_or(&data.path).to_path_buf();
        let lock = (path != data.path).then(|| lock(&path, program)).transpose()?;
        Ok(Self {
            path,
            cluster,
            _lock: lock,
        })
    }

    /// Returns the canonical path of the home.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the canonical path of the cluster, which may not exist yet.
    pub(crate) fn cluster(&self) -> &Path {
        &self.cluster
    }
}

/// Returns a short name for a path that stays the same from start to start.
///
/// This is the 64-bit FNV-1a hash, since the standard library's hashes may change. It need not be secure: the callers
/// check what exists under the name.
pub(crate) fn name_of(path: &Path) -> String {
    let hash = path
        .as_os_str()
        .as_bytes()
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
    format!("{hash:016x}")
}

/// Makes a change to a directory's entries survive a power failure.
///
/// # Errors
///
/// When the file system reports an error.
pub(crate) fn sync_directory(path: &Path) -> Result<(), PrivatePostgresError> {
    File::open(path)
        .and_then(|directory| directory.sync_all())
        .map_err(file_error("sync", path))
}

fn create_closed(path: &Path, mode: u32) -> Result<(), PrivatePostgresError> {
    let create = || -> io::Result<()> {
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        DirBuilder::new().mode(0o700).create(path)?;
        // Set separately, since the umask restricts the mode at creation.
        fs::set_permissions(path, Permissions::from_mode(mode))
    };
    create().map_err(file_error("create", path))
}

/// A locked file.
#[derive(Debug)]
struct Lock(File);

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing is not enough: a child process inherits the open file until it executes its program.
        let _ = self.0.unlock();
    }
}

fn lock(directory: &Path, program: &'static str) -> Result<Lock, PrivatePostgresError> {
    let path = directory.join("lock");
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .map_err(file_error("open", &path))?;
    match file.try_lock() {
        Ok(()) => Ok(Lock(file)),
        Err(TryLockError::WouldBlock) => Err(PrivatePostgresError::InUse {
            program,
            data_dir: directory.to_path_buf(),
        }),
        Err(TryLockError::Error(error)) => Err(file_error("lock", &path)(error)),
    }
}

/// Follows the link to a relocated cluster, which may not exist yet.
fn follow(link: &Path) -> Result<PathBuf, PrivatePostgresError> {
    match fs::canonicalize(link) {
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        result => return result.map_err(file_error("follow", link)),
    }
    // If a first start was interrupted, the home exists without a cluster. If the home is gone too, so is the data, and
    // creating an empty database in its place would only hide that.
    let target = fs::read_link(link).map_err(file_error("read", link))?;
    let target = link.parent().map_or(target.clone(), |base| base.join(&target));
    let home = target.parent().and_then(|home| fs::canonicalize(home).ok());
    match (home, target.file_name()) {
        (Some(home), Some(name)) => Ok(home.join(name)),
        _ => Err(PrivatePostgresError::ClusterGone {
            link: link.to_path_buf(),
            target,
        }),
    }
}

/// Creates a home outside the data directory and the link to it.
fn relocate(data: &DataDirectory, account: &Account, program: &str) -> Result<PathBuf, PrivatePostgresError> {
    let base = relocation_base(program)?;
    let home = claim_home(&base, &name_of(&data.path))?;
    let cluster = home.join(CLUSTER);
    let link = data.cluster();
    symlink(&cluster, &link).map_err(file_error("create link", &link))?;
    sync_directory(&data.path)?;
    tracing::info!(
        data_dir = %data.path.display(),
        cluster = %cluster.display(),
        uid = account.uid(),
        "the database is stored outside the data directory, which the account that runs \
         PostgreSQL cannot reach"
    );
    Ok(cluster)
}

fn relocation_base(program: &str) -> Result<PathBuf, PrivatePostgresError> {
    let base = Path::new(STATE).join(program);
    if !base.is_dir() {
        create_closed(&base, 0o711)?;
    }
    let base = fs::canonicalize(&base).map_err(file_error("open", &base))?;
    let metadata = fs::metadata(&base).map_err(file_error("examine", &base))?;
    if metadata.uid() != 0 || metadata.mode() & 0o022 != 0 {
        return Err(PrivatePostgresError::UnsafeDirectory {
            path: base,
            problem: "only root may own it and write to it",
        });
    }
    Ok(base)
}

/// Creates a new home. An existing one may belong to a data directory that was moved away and still links to it.
fn claim_home(base: &Path, name: &str) -> Result<PathBuf, PrivatePostgresError> {
    for attempt in 1..=HOMES_PER_PATH {
        let home = match attempt {
            1 => base.join(name),
            _ => base.join(format!("{name}-{attempt}")),
        };
        if !home.exists() {
            create_closed(&home, 0o711)?;
            sync_directory(base)?;
            return Ok(home);
        }
    }
    Err(PrivatePostgresError::UnsafeDirectory {
        path: base.join(name),
        problem: "there are already too many databases with this name",
    })
}
