//! Creating the cluster once, and reading the version of an existing one.
//!
//! Invariant: a cluster under its final name is complete and contains the program's database. It is created under a
//! temporary name next to that and then renamed, so an interrupted start only leaves something to delete.

use std::ffi::OsStr;
use std::fs::{self, DirBuilder};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use std::{io, thread};

use rustix::process::Signal;

use crate::Options;
use crate::account::Account;
use crate::binaries::Programs;
use crate::error::{PrivatePostgresError, file_error};
use crate::layout::{Home, sync_directory};
use crate::log::last_lines;

/// The prefix of an unfinished cluster's temporary name.
const UNFINISHED: &str = "postgres.new-";

/// How often deleting an unfinished cluster is tried, and the pause between.
const REMOVAL_ATTEMPTS: u32 = 20;
const REMOVAL_PAUSE: Duration = Duration::from_millis(100);

/// Returns the major version that created a cluster, or `None` if there is no cluster yet.
///
/// # Errors
///
/// When it cannot be read, or something else is in its place.
pub(crate) fn version(cluster: &Path) -> Result<Option<u32>, PrivatePostgresError> {
    let file = cluster.join("PG_VERSION");
    match fs::read_to_string(&file) {
        Ok(text) => match text.trim().parse() {
            Ok(version) => Ok(Some(version)),
            Err(_) => Err(PrivatePostgresError::NotACluster(cluster.to_path_buf())),
        },
        Err(error) if error.kind() == ErrorKind::NotFound && is_vacant(cluster)? => Ok(None),
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::InvalidData
            ) =>
        {
            Err(PrivatePostgresError::NotACluster(cluster.to_path_buf()))
        }
        Err(error) => Err(file_error("read", &file)(error)),
    }
}

/// Creates the cluster with the program's database in it.
///
/// # Errors
///
/// When a server program or a file operation fails.
pub(crate) fn create(
    home: &Home,
    programs: &Programs,
    account: &Account,
    options: &Options,
) -> Result<(), PrivatePostgresError> {
    remove_unfinished(home.path())?;
    let unfinished = unfinished_name(home.path());
    DirBuilder::new()
        .mode(0o700)
        .create(&unfinished)
        .map_err(file_error("create", &unfinished))?;

    let made = account
        .change_owner(&unfinished)
        .and_then(|()| run_initdb(&unfinished, programs, account, options))
        .and_then(|()| create_database(&unfinished, programs, account, options))
        .and_then(|()| fs::rename(&unfinished, home.cluster()).map_err(file_error("rename", &unfinished)));
    if let Err(error) = made {
        // The first error matters more than leftover files, which the next start deletes.
        let _ = fs::remove_dir_all(&unfinished);
        return Err(error);
    }
    sync_directory(home.path())?;
    tracing::info!(
        cluster = %home.cluster().display(),
        version = programs.version(),
        uid = account.uid(),
        "created a private PostgreSQL"
    );
    Ok(())
}

/// Returns whether a path does not exist or is an empty directory.
fn is_vacant(path: &Path) -> Result<bool, PrivatePostgresError> {
    match fs::read_dir(path) {
        Ok(mut entries) => Ok(entries.next().is_none()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(true),
        Err(error) => Err(file_error("examine", path)(error)),
    }
}

/// Every attempt uses a different name, since the `initdb` of an attempt that was killed may still be running.
fn unfinished_name(home: &Path) -> PathBuf {
    let nanoseconds = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |age| age.as_nanos());
    home.join(format!("{UNFINISHED}{nanoseconds}"))
}

fn remove_unfinished(home: &Path) -> Result<(), PrivatePostgresError> {
    for entry in fs::read_dir(home).map_err(file_error("list", home))? {
        let entry = entry.map_err(file_error("list", home))?;
        if entry.file_name().to_string_lossy().starts_with(UNFINISHED) {
            let path = entry.path();
            tracing::info!(path = %path.display(), "removing an unfinished database");
            remove_tree(&path).map_err(file_error("remove", &path))?;
        }
    }
    Ok(())
}

/// Deletes a tree to which an orphaned `initdb` may still add files for a moment.
fn remove_tree(path: &Path) -> io::Result<()> {
    let mut result = fs::remove_dir_all(path);
    for _ in 1..REMOVAL_ATTEMPTS {
        match &result {
            Err(error) if error.kind() == ErrorKind::DirectoryNotEmpty => {}
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            _ => break,
        }
        thread::sleep(REMOVAL_PAUSE);
        result = fs::remove_dir_all(path);
    }
    result
}

fn run_initdb(
    directory: &Path,
    programs: &Programs,
    account: &Account,
    options: &Options,
) -> Result<(), PrivatePostgresError> {
    let program = programs.initdb();
    let mut command = account.command(&program, directory);
    command
        .args([OsStr::new("-D"), directory.as_os_str()])
        .args(["-U", options.program])
        // The C locale sorts by code point, identically on every system and for ever; the order of others changes with
        // the C library, which corrupts indexes.
        .args(["--encoding=UTF8", "--locale=C"])
        // The closed socket directory controls access; TCP is rejected in any case.
        .args(["--auth-local=trust", "--auth-host=reject"])
        .args(["--data-checksums", "--no-instructions"]);
    if !options.is_durable() {
        command.arg("--no-sync");
    }
    run(command, &program, directory, "")
}

/// Creates the program's database with a single-user server, since `psql` may not be installed.
fn create_database(
    directory: &Path,
    programs: &Programs,
    account: &Account,
    options: &Options,
) -> Result<(), PrivatePostgresError> {
    let program = programs.postgres();
    let mut command = account.command(&program, directory);
    command
        .args([OsStr::new("--single"), OsStr::new("-D"), directory.as_os_str()])
        // Without this, the statement could fail and the program still exit successfully.
        .args(["-c", "exit_on_error=on"]);
    if !options.is_durable() {
        command.args(["-c", "fsync=off"]);
    }
    command.arg("postgres");
    let statement = format!("CREATE DATABASE {};\n", options.program);
    run(command, &program, directory, &statement)
}

fn run(mut command: Command, program: &Path, directory: &Path, input: &str) -> Result<(), PrivatePostgresError> {
    let output = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .and_then(|mut child| {
            if let Some(mut stdin) = child.stdin.take() {
                // A program that ends before it reads the input gives the reason in its output.
                let _ = stdin.write_all(input.as_bytes());
            }
            child.wait_with_output()
        })
        .map_err(|source| PrivatePostgresError::Run {
            program: program.to_path_buf(),
            directory: directory.to_path_buf(),
            source,
        })?;
    if output.status.success() {
        return Ok(());
    }
    if was_interrupted(output.status, &output.stderr) || was_interrupted(output.status, &output.stdout) {
        return Err(PrivatePostgresError::Interrupted);
    }
    Err(PrivatePostgresError::ProgramFailed {
        program: program.to_path_buf(),
        status: output.status,
        output: last_lines(&[output.stdout, output.stderr].concat()),
    })
}

/// Tells whether a signal ended a program. `initdb` catches it, tidies up, and ends as if it had failed.
fn was_interrupted(status: ExitStatus, output: &[u8]) -> bool {
    let is_asked_to_end = |signal: i32| {
        [Signal::INT, Signal::TERM, Signal::HUP]
            .iter()
            .any(|it| it.as_raw() == signal)
    };
    status.signal().is_some_and(is_asked_to_end) || String::from_utf8_lossy(output).contains("caught signal")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_was_interrupted_is_not_said_to_have_failed() {
        let run_script = |script: &str| {
            let mut command = Command::new("sh");
            command.args(["-c", script]);
            run(command, Path::new("initdb"), Path::new("/"), "")
                .unwrap_err()
                .to_string()
        };
        // Not SIGINT: a script that was started in the background ignores it.
        for script in [
            "echo a wall of output; kill -TERM $$",
            "echo 'creating directory ...'; echo 'caught signal'; exit 1",
            "echo 'caught signal' >&2; exit 1",
        ] {
            let said = run_script(script);
            assert_eq!(
                said, "making the private PostgreSQL was interrupted; the next start makes it",
                "{script}"
            );
        }
        for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
            assert!(was_interrupted(ExitStatus::from_raw(signal.as_raw()), b""));
        }
        for script in ["echo out of space >&2; exit 1", "echo out of space; kill -SEGV $$"] {
            let said = run_script(script);
            assert!(
                said.contains("initdb failed") && said.contains("out of space"),
                "{said}"
            );
        }
    }
}
