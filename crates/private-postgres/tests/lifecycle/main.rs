//! The private PostgreSQL, tested with a real one: first start, crashes, and unusual places.
//!
//! Run as root, these tests also cover the change to an unprivileged account. The parts that only root can run return
//! early for other accounts.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "an unexpected result should stop a test at once"
)]

mod process;
mod waits;

use std::env;
use std::fs::{self, Permissions};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use private_postgres::{Options, PrivatePostgres, PrivatePostgresError};
use rustix::process::Signal;
use tempfile::TempDir;

use crate::process::{send, timed, wait_for_end};
use crate::waits::eventually;

/// The program whose server the tests start.
const PROGRAM: &str = "tester";

/// Names the data directory that a re-run of this test program keeps open.
const HOLD: &str = "PRIVATE_POSTGRES_TEST_HOLD";

/// A temporary data directory, which is removed afterwards.
struct Place {
    data_dir: PathBuf,
    _parent: TempDir,
}

impl Place {
    /// A place that every account can access.
    fn open() -> Self {
        Self::below("data", 0o755)
    }

    fn below(inner: &str, mode: u32) -> Self {
        let parent = tempfile::Builder::new().prefix("vst").tempdir().unwrap();
        fs::set_permissions(parent.path(), Permissions::from_mode(mode)).unwrap();
        Self {
            data_dir: parent.path().join(inner),
            _parent: parent,
        }
    }

    fn options(&self) -> Options {
        Options {
            program: PROGRAM,
            data_dir: self.data_dir.clone(),
            server_settings: vec![("fsync".to_owned(), "off".to_owned())],
        }
    }

    fn start(&self) -> PrivatePostgres {
        PrivatePostgres::start(&self.options()).unwrap()
    }

    fn failure(&self) -> PrivatePostgresError {
        PrivatePostgres::start(&self.options()).unwrap_err()
    }

    fn cluster(&self) -> PathBuf {
        self.data_dir.join("postgres")
    }

    fn pid_file(&self) -> PathBuf {
        self.cluster().join("postmaster.pid")
    }

    fn server(&self) -> Option<u32> {
        let text = fs::read_to_string(self.pid_file()).ok()?;
        text.lines().next()?.parse().ok()
    }
}

/// This program, run again to start the server; killed when dropped.
struct Holder(Child);

impl Holder {
    fn spawn(place: &Place) -> Self {
        let mut program = Command::new(env::current_exe().unwrap());
        program.args(["--exact", "hold", "--ignored", "--nocapture"]);
        program
            .env(HOLD, &place.data_dir)
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        Self(program.spawn().unwrap())
    }

    /// Waits until the server runs and contains some data.
    fn holding(place: &Place) -> Self {
        let mut holder = Self::spawn(place);
        let output = BufReader::new(holder.0.stdout.take().unwrap());
        let ready = output.lines().any(|line| line.unwrap().ends_with("holding"));
        assert!(ready, "the holder did not start the server");
        holder
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(pid) = self.server()
            && fs::read_link(format!("/proc/{pid}/cwd")).ok() == fs::canonicalize(self.cluster()).ok()
        {
            send(Signal::QUIT, pid);
            wait_for_end(pid);
        }
        if let Ok(target) = fs::read_link(self.cluster())
            && target.starts_with("/var/lib/tester")
        {
            // The directory above stays: another test may be about to create its own home there.
            let _ = fs::remove_dir_all(target.parent().unwrap());
        }
    }
}

fn is_root() -> bool {
    fs::metadata("/proc/self").unwrap().uid() == 0
}

fn sql(server: &PrivatePostgres, statement: &str) -> String {
    let output = Command::new("psql")
        .args(["-XAtq", "-v", "ON_ERROR_STOP=1", "-c", statement])
        .arg(server.connection_url())
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

fn write_data(server: &PrivatePostgres) {
    sql(server, "CREATE TABLE kept (n int); INSERT INTO kept VALUES (42)");
}

fn assert_data(server: &PrivatePostgres) {
    assert_eq!(sql(server, "SELECT n FROM kept"), "42");
}

/// Returns the socket directory, which the server writes into the fifth line of its file.
fn socket_directory(server: &PrivatePostgres) -> PathBuf {
    let file = sql(server, "SELECT pg_read_file('postmaster.pid')");
    file.lines().nth(4).unwrap().into()
}

/// Not a test: [`Holder`] runs it.
#[test]
#[ignore = "run by the other tests, in a process of its own"]
fn hold() {
    let Some(data_dir) = env::var_os(HOLD) else {
        return;
    };
    let options = Options {
        program: PROGRAM,
        data_dir: data_dir.into(),
        server_settings: vec![("fsync".to_owned(), "off".to_owned())],
    };
    let server = PrivatePostgres::start(&options).unwrap();
    if sql(&server, "SELECT to_regclass('kept')").is_empty() {
        write_data(&server);
    }
    writeln!(std::io::stdout(), "\nholding").unwrap();
    thread::sleep(Duration::from_mins(2));
}

#[test]
fn the_first_start_makes_a_database_and_the_second_keeps_it() {
    let place = Place::open();
    let server = place.start();
    assert!(!server.was_adopted());
    write_data(&server);
    assert_eq!(
        sql(&server, "SELECT current_user || '/' || current_database()"),
        "tester/tester"
    );
    assert_eq!(sql(&server, "SHOW server_encoding"), "UTF8");
    assert_eq!(sql(&server, "SHOW data_checksums"), "on");
    assert_eq!(sql(&server, "SHOW listen_addresses"), "");
    server.stop().unwrap();
    assert_eq!(place.server(), None);

    let server = place.start();
    assert!(!server.was_adopted());
    assert_data(&server);
    server.stop().unwrap();
}

#[test]
fn no_other_account_reaches_the_database_and_no_secret_reaches_the_server() {
    let place = Place::open();
    let server = place.start();
    let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
    assert_eq!(mode(&place.cluster()), 0o700);
    assert_eq!(mode(&place.data_dir.join("run")), 0o700);
    assert_eq!(mode(&place.data_dir.join("postgres.log")), 0o600);
    assert_eq!(mode(&place.data_dir.join("lock")), 0o600);
    assert_eq!(mode(&place.data_dir), if is_root() { 0o711 } else { 0o700 });

    let process = PathBuf::from(format!("/proc/{}", place.server().unwrap()));
    // Root in a container may not be allowed to read it.
    if let Ok(environment) = fs::read(process.join("environ")) {
        let environment = String::from_utf8_lossy(&environment);
        assert!(!environment.contains("CARGO"), "{environment}");
    }
    if is_root() {
        let status = fs::read_to_string(process.join("status")).unwrap();
        let field = |name: &str| -> Vec<String> {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            line.unwrap().split_whitespace().map(str::to_owned).collect()
        };
        assert!(!field("Uid:").contains(&"0".to_owned()));
        assert!(!field("Gid:").contains(&"0".to_owned()));
        assert_eq!(field("Groups:"), Vec::<String>::new());
    }
    server.stop().unwrap();
}

#[test]
fn a_server_left_by_a_killed_program_is_adopted() {
    let place = Place::open();
    let holder = Holder::holding(&place);
    let before = place.server();
    drop(holder);

    let server = place.start();
    assert!(server.was_adopted());
    assert_eq!(place.server(), before);
    assert_data(&server);
    server.stop().unwrap();
    wait_for_end(before.unwrap());
    assert_eq!(place.server(), None);
}

#[test]
fn dropping_leaves_the_server_to_the_next_start() {
    let place = Place::open();
    let server = place.start();
    write_data(&server);
    drop(server);
    let server = place.start();
    assert!(server.was_adopted());
    assert_data(&server);
    server.stop().unwrap();
}

#[test]
fn a_killed_server_recovers() {
    let place = Place::open();
    let holder = Holder::holding(&place);
    let killed = place.server().unwrap();
    drop(holder);
    send(Signal::KILL, killed);
    wait_for_end(killed);
    assert!(place.pid_file().exists());

    let server = place.start();
    assert!(!server.was_adopted());
    assert_data(&server);
    server.stop().unwrap();
}

#[test]
fn a_start_waits_for_the_sessions_of_a_killed_server() {
    let place = Place::open();
    let server = place.start();
    write_data(&server);
    let mut session = Command::new("psql")
        .args(["-XAtqc", "SELECT pg_sleep(60)", server.connection_url()])
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let find = "SELECT pid FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(60)'";
    let backend: u32 = eventually("the session", || sql(&server, find).parse().ok());
    send(Signal::STOP, backend);
    let postmaster = place.server().unwrap();
    drop(server);
    send(Signal::KILL, postmaster);
    wait_for_end(postmaster);
    let log = place.data_dir.join("postgres.log");
    let releaser = thread::spawn(move || {
        let refused = || fs::read_to_string(&log).is_ok_and(|log| log.contains("is still in use"));
        eventually("a refused start", || refused().then_some(()));
        send(Signal::KILL, backend);
    });

    let server = place.start();
    assert_data(&server);
    server.stop().unwrap();
    releaser.join().unwrap();
    session.wait().unwrap();
}

#[test]
fn a_process_that_took_over_the_number_is_left_alone() {
    let place = Place::open();
    let server = place.start();
    write_data(&server);
    let killed = place.server().unwrap();
    drop(server);
    send(Signal::KILL, killed);
    wait_for_end(killed);
    // Under the same account: the case in which the server is most likely to take it for its own process.
    let owner = fs::metadata(place.cluster()).unwrap();
    let mut bystander = Command::new("setpriv");
    if is_root() {
        bystander.arg(format!("--reuid={}", owner.uid()));
        bystander.arg(format!("--regid={}", owner.gid()));
        bystander.arg("--clear-groups");
    }
    let mut bystander = bystander.args(["sleep", "60"]).spawn().unwrap();
    let text = fs::read_to_string(place.pid_file()).unwrap();
    let rest = text.split_once('\n').unwrap().1;
    fs::write(place.pid_file(), format!("{}\n{rest}", bystander.id())).unwrap();

    let server = place.start();
    assert!(!server.was_adopted());
    assert_data(&server);
    server.stop().unwrap();
    assert_eq!(bystander.try_wait().unwrap(), None);
    bystander.kill().unwrap();
    bystander.wait().unwrap();
}

#[test]
fn a_server_with_other_settings_is_restarted() {
    let place = Place::open();
    let server = place.start();
    write_data(&server);
    drop(server);
    let mut options = place.options();
    options
        .server_settings
        .push(("max_connections".to_owned(), "20".to_owned()));
    let server = PrivatePostgres::start(&options).unwrap();
    assert!(!server.was_adopted());
    assert_eq!(sql(&server, "SHOW max_connections"), "20");
    assert_data(&server);
    server.stop().unwrap();
}

#[test]
fn a_second_program_is_refused() {
    let place = Place::open();
    let server = place.start();
    let error = place.failure();
    assert!(matches!(error, PrivatePostgresError::InUse { .. }), "{error}");
    assert!(error.to_string().starts_with("another tester is using"));
    assert_eq!(sql(&server, "SELECT 1"), "1");
    server.stop().unwrap();
}

#[test]
fn an_interrupted_first_start_is_made_good() {
    let place = Place::open();
    let holder = Holder::spawn(&place);
    let unfinished = |place: &Place, file: &str| {
        let entries = fs::read_dir(&place.data_dir).into_iter().flatten().flatten();
        let unfinished = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with("postgres.new-"));
        unfinished.filter(|entry| entry.path().join(file).exists()).count()
    };
    eventually("the first files", || {
        (unfinished(&place, "PG_VERSION") == 1).then_some(())
    });
    drop(holder);
    assert_eq!(unfinished(&place, ""), 1);
    assert!(!place.cluster().exists());

    let server = place.start();
    assert_eq!(unfinished(&place, ""), 0);
    assert_eq!(sql(&server, "SELECT 1"), "1");
    server.stop().unwrap();
}

#[test]
fn a_long_path_moves_the_socket_only() {
    let place = Place::below(&format!("{}/{}", "x".repeat(90), "y".repeat(90)), 0o755);
    let server = place.start();
    write_data(&server);
    assert!(!place.data_dir.join("run").exists());
    assert!(place.cluster().join("PG_VERSION").exists());
    let directory = socket_directory(&server);
    assert!(directory.starts_with(fs::canonicalize(env::temp_dir()).unwrap()));
    drop(server);
    let server = place.start();
    assert!(server.was_adopted());
    assert_data(&server);
    server.stop().unwrap();

    // A directory of another owner in its place is not used.
    fs::remove_dir_all(&directory).unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    symlink(elsewhere.path(), &directory).unwrap();
    let error = place.failure();
    assert!(matches!(error, PrivatePostgresError::UnsafeDirectory { .. }), "{error}");
    fs::remove_file(&directory).unwrap();
    fs::create_dir(&directory).unwrap();
    fs::set_permissions(&directory, Permissions::from_mode(0o755)).unwrap();
    let error = place.failure();
    assert!(matches!(error, PrivatePostgresError::UnsafeDirectory { .. }), "{error}");
    fs::remove_dir(&directory).unwrap();
}

#[test]
fn a_path_may_hold_any_characters() {
    // libpq cannot handle a comma, so there the socket is in another place.
    for name in ["a \"b\" 'c' %d é\\", "a, b"] {
        let place = Place::below(name, 0o755);
        let server = place.start();
        write_data(&server);
        let directory = socket_directory(&server);
        assert_eq!(directory.starts_with(&place.data_dir), !name.contains(','));
        drop(server);
        let server = place.start();
        assert!(server.was_adopted());
        assert_data(&server);
        server.stop().unwrap();
        fs::remove_dir_all(directory).unwrap();
    }
}

#[test]
fn under_root_a_closed_place_keeps_the_database_elsewhere() {
    if !is_root() {
        return;
    }
    let mut place = Place::below("data", 0o700);
    let server = place.start();
    write_data(&server);
    let target = fs::read_link(place.cluster()).unwrap();
    assert!(target.starts_with("/var/lib/tester"));
    server.stop().unwrap();

    let moved = place.data_dir.with_file_name("moved");
    fs::rename(&place.data_dir, &moved).unwrap();
    let old = std::mem::replace(&mut place.data_dir, moved);
    let server = place.start();
    assert_data(&server);
    assert_eq!(fs::read_link(place.cluster()).unwrap(), target);

    // A copy of the link does not lead to a second use of the database, ...
    fs::create_dir(&old).unwrap();
    symlink(&target, old.join("postgres")).unwrap();
    let mut options = place.options();
    options.data_dir.clone_from(&old);
    let error = PrivatePostgres::start(&options).unwrap_err();
    assert!(matches!(error, PrivatePostgresError::InUse { .. }), "{error}");
    // ... and a new data directory at the old path gets a new one.
    fs::remove_dir_all(&old).unwrap();
    let second = PrivatePostgres::start(&options).unwrap();
    assert_eq!(sql(&second, "SELECT to_regclass('kept')"), "");
    second.stop().unwrap();
    let second_home = fs::read_link(old.join("postgres")).unwrap();
    assert_ne!(second_home, target);
    fs::remove_dir_all(second_home.parent().unwrap()).unwrap();
    server.stop().unwrap();

    let error = PrivatePostgres::start(&options).unwrap_err();
    assert!(matches!(error, PrivatePostgresError::ClusterGone { .. }), "{error}");
}

#[test]
fn under_root_an_adopted_server_may_be_elsewhere_too() {
    if !is_root() {
        return;
    }
    let place = Place::below("data", 0o700);
    let holder = Holder::holding(&place);
    drop(holder);
    let server = place.start();
    assert!(server.was_adopted());
    assert_data(&server);
    server.stop().unwrap();
}

#[test]
fn under_root_an_ordinary_user_needs_no_change_of_account() {
    if !is_root() {
        return;
    }
    let name = "the_first_start_makes_a_database_and_the_second_keeps_it";
    // Outside the build directory, which the user may be unable to read.
    let directory = tempfile::Builder::new().prefix("vst").tempdir().unwrap();
    fs::set_permissions(directory.path(), Permissions::from_mode(0o755)).unwrap();
    let program = directory.path().join("program");
    fs::copy(env::current_exe().unwrap(), &program).unwrap();
    let output = Command::new("setpriv")
        .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
        .arg(program)
        .args(["--exact", name, "--nocapture"])
        .current_dir("/")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(text.contains("1 passed"), "{text}");
}

#[test]
fn a_database_of_another_version_is_refused() {
    let place = Place::open();
    place.start().stop().unwrap();
    let version_file = place.cluster().join("PG_VERSION");
    let version = fs::read_to_string(&version_file).unwrap();
    fs::write(&version_file, "9\n").unwrap();
    let error = place.failure();
    let message = error.to_string();
    assert!(
        matches!(error, PrivatePostgresError::VersionMismatch { .. }),
        "{message}"
    );
    assert!(message.contains("PostgreSQL 9 and only"), "{message}");
    assert!(message.contains(version.trim()), "{message}");
}

#[test]
fn something_else_in_the_place_of_the_database_is_left_alone() {
    let place = Place::open();
    fs::create_dir_all(place.cluster()).unwrap();
    let file = place.cluster().join("precious");
    fs::write(&file, "").unwrap();
    let error = place.failure();
    assert!(matches!(error, PrivatePostgresError::NotACluster(_)), "{error}");
    assert!(file.exists());
    // An empty directory, such as one created beforehand, does not prevent the start.
    fs::remove_file(&file).unwrap();
    let server = place.start();
    assert_eq!(sql(&server, "SELECT 1"), "1");
    server.stop().unwrap();
}

#[test]
fn a_failed_start_says_why() {
    let place = Place::open();
    let mut options = place.options();
    options
        .server_settings
        .push(("shared_buffers".to_owned(), "nonsense".to_owned()));
    let (failed, took) = timed(|| PrivatePostgres::start(&options));
    let error = failed.unwrap_err();
    assert!(took < Duration::from_secs(30), "{took:?}");
    let message = error.to_string();
    assert!(matches!(error, PrivatePostgresError::StartFailed { .. }), "{message}");
    assert!(message.contains("nonsense"), "{message}");
    // The lock was released and nothing is broken.
    place.start().stop().unwrap();
}
