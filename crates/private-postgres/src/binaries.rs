//! Finding the installed server programs.
//!
//! Invariant: a [`Programs`] names one directory that contains both `initdb` and `postgres` of the same supported
//! version, and the account that runs the server can execute them.

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::account::Account;
use crate::error::PrivatePostgresError;

/// The oldest supported major version.
const OLDEST_SUPPORTED: u32 = 14;

/// Where packages install the programs if they are not on the search path.
///
/// Each entry is a directory, the prefix of the relevant names in it, and the directory inside such a match.
const USUAL_PLACES: [(&str, &str, &str); 11] = [
    ("/usr/lib/postgresql", "", "bin"),         // Debian, Ubuntu
    ("/usr", "pgsql-", "bin"),                  // postgresql.org's RPMs
    ("/usr/lib", "postgresql", "bin"),          // openSUSE
    ("/usr/lib64", "postgresql-", "bin"),       // Gentoo
    ("/usr/libexec", "postgresql", ""),         // Alpine
    ("/opt/homebrew/opt", "postgresql", "bin"), // Homebrew, Apple silicon
    ("/usr/local/opt", "postgresql", "bin"),    // Homebrew, Intel
    ("/home/linuxbrew/.linuxbrew/opt", "postgresql", "bin"),
    ("/Applications/Postgres.app/Contents/Versions", "", "bin"),
    ("/Library/PostgreSQL", "", "bin"), // EnterpriseDB's installer
    ("/usr/local", "pgsql", "bin"),     // built from source
];

/// The server programs of one `PostgreSQL` version.
#[derive(Debug)]
pub(crate) struct Programs {
    directory: PathBuf,
    version: u32,
}

impl Programs {
    /// Finds the first directory with programs of a suitable version.
    ///
    /// `needed` is the major version of an existing cluster, and the cluster.
    ///
    /// # Errors
    ///
    /// When no directory contains the programs, or none in a suitable version; the message lists the versions found.
    pub(crate) fn find(
        places: Vec<PathBuf>,
        account: &Account,
        needed: Option<(u32, &Path)>,
    ) -> Result<Self, PrivatePostgresError> {
        let mut found = Vec::new();
        for directory in places {
            let Some(version) = version_in(&directory, account) else {
                continue;
            };
            let fits = match needed {
                Some((major, _)) => version == major,
                None => version >= OLDEST_SUPPORTED,
            };
            if fits {
                return Ok(Self { directory, version });
            }
            found.push(version);
        }
        Err(not_found(&mut found, needed))
    }

    /// Returns the path of the program that creates clusters.
    pub(crate) fn initdb(&self) -> PathBuf {
        self.directory.join("initdb")
    }

    /// Returns the path of the server program.
    pub(crate) fn postgres(&self) -> PathBuf {
        self.directory.join("postgres")
    }

    /// Returns the major version of the programs.
    pub(crate) fn version(&self) -> u32 {
        self.version
    }
}

/// Lists the directories to search: those of the search path, then the usual ones.
pub(crate) fn places(search_path: Option<&OsStr>) -> Vec<PathBuf> {
    let mut places: Vec<PathBuf> = search_path
        .into_iter()
        .flat_map(env::split_paths)
        .flat_map(|directory| [directory.join("postgres"), directory.join("initdb")])
        .filter_map(|program| real_directory(&program))
        .collect();
    for (parent, prefix, inner) in USUAL_PLACES {
        places.extend(versions_below(Path::new(parent), prefix, inner));
    }
    let mut unique = Vec::new();
    for place in places {
        if !unique.contains(&place) {
            unique.push(place);
        }
    }
    unique
}

/// A program on the search path is often a link into the directory of its version.
fn real_directory(program: &Path) -> Option<PathBuf> {
    let program = fs::canonicalize(program).ok()?;
    program.parent().map(Path::to_path_buf)
}

/// Lists the version directories in one of the usual places, newest first.
fn versions_below(parent: &Path, prefix: &str, inner: &str) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(parent) else {
        return Vec::new();
    };
    let mut versions: Vec<(u32, PathBuf)> = entries
        .filter_map(Result::ok)
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let rest = name.strip_prefix(prefix)?;
            let version = leading_number(rest.trim_start_matches(['-', '@'])).unwrap_or(0);
            let directory = fs::canonicalize(entry.path().join(inner)).ok()?;
            Some((version, directory))
        })
        .collect();
    versions.sort_by(|a, b| b.cmp(a));
    versions.into_iter().map(|(_, path)| path).collect()
}

/// Returns the major version of the programs in a directory, if both exist and run.
fn version_in(directory: &Path, account: &Account) -> Option<u32> {
    let initdb = directory.join("initdb");
    let postgres = directory.join("postgres");
    if !initdb.is_file() || !postgres.is_file() {
        return None;
    }
    match version_of(&postgres, directory, account) {
        Ok(version) => version,
        Err(error) => {
            tracing::debug!(program = %postgres.display(), %error, "skipped: it does not run");
            None
        }
    }
}

/// Parses output such as `postgres (PostgreSQL) 15.13 (Debian 15.13-0+deb12u1)`.
fn version_of(postgres: &Path, directory: &Path, account: &Account) -> io::Result<Option<u32>> {
    let output = account.command(postgres, directory).arg("--version").output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text.split_whitespace().find_map(leading_number))
}

fn leading_number(text: &str) -> Option<u32> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text.get(..end)?.parse().ok()
}

fn not_found(found: &mut Vec<u32>, needed: Option<(u32, &Path)>) -> PrivatePostgresError {
    if found.is_empty() {
        return PrivatePostgresError::ProgramsNotFound;
    }
    found.sort_unstable();
    found.dedup();
    let names: Vec<String> = found.iter().map(ToString::to_string).collect();
    let found = names.join(", ");
    match needed {
        Some((cluster_version, cluster)) => PrivatePostgresError::VersionMismatch {
            cluster: cluster.to_path_buf(),
            cluster_version,
            found,
        },
        None => PrivatePostgresError::ProgramsTooOld {
            oldest_supported: OLDEST_SUPPORTED,
            found,
        },
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn account() -> Account {
        Account::choose(Path::new("/nonexistent")).unwrap()
    }

    /// Creates programs that only print their version, in a place where any account can run them.
    fn install(root: &Path, name: &str, version: &str) -> PathBuf {
        let directory = root.join(name);
        fs::create_dir_all(&directory).unwrap();
        for program in ["initdb", "postgres"] {
            let path = directory.join(program);
            fs::write(&path, format!("#!/bin/sh\necho '{version}'\n")).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        fs::canonicalize(directory).unwrap()
    }

    fn open_directory() -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        fs::set_permissions(root.path(), fs::Permissions::from_mode(0o755)).unwrap();
        root
    }

    #[test]
    fn nothing_installed_says_what_to_install() {
        let error = Programs::find(vec!["/nonexistent".into()], &account(), None).unwrap_err();
        let message = error.to_string();
        assert!(message.contains("apt-get install postgresql"), "{message}");
    }

    #[test]
    fn the_first_fitting_version_is_chosen() {
        let root = open_directory();
        let old = install(root.path(), "13", "postgres (PostgreSQL) 13.9");
        let new = install(root.path(), "17", "postgres (PostgreSQL) 17beta1 (Debian 17)");
        let other = install(root.path(), "16", "postgres (PostgreSQL) 16.4");
        let places = vec![old.clone(), new.clone(), other.clone()];

        let programs = Programs::find(places.clone(), &account(), None).unwrap();
        assert_eq!((programs.version(), programs.directory), (17, new));
        let cluster = Path::new("/data/postgres");
        let programs = Programs::find(places.clone(), &account(), Some((16, cluster))).unwrap();
        assert_eq!((programs.version(), programs.directory), (16, other));
        let error = Programs::find(places, &account(), Some((15, cluster))).unwrap_err();
        let message = error.to_string();
        assert!(message.contains("PostgreSQL 15 and only 13, 16, 17"), "{message}");
        let error = Programs::find(vec![old], &account(), None).unwrap_err();
        let message = error.to_string();
        assert!(message.contains("14 or newer") && message.contains("13"), "{message}");
    }

    #[test]
    fn links_on_the_search_path_lead_to_the_programs() {
        let root = open_directory();
        let real = install(root.path(), "16", "postgres (PostgreSQL) 16.4");
        let links = root.path().join("links");
        fs::create_dir(&links).unwrap();
        symlink(real.join("postgres"), links.join("postgres")).unwrap();
        assert_eq!(places(Some(links.as_os_str())).first(), Some(&real));
    }

    #[test]
    fn versions_are_tried_newest_first() {
        let root = open_directory();
        let nine = install(root.path(), "pgsql-9.6/bin", "");
        let fourteen = install(root.path(), "pgsql-14/bin", "");
        let hundred = install(root.path(), "pgsql-100/bin", "");
        let found = versions_below(root.path(), "pgsql-", "bin");
        assert_eq!(found, [hundred, fourteen, nine]);
    }
}
