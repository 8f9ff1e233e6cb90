//! Starts the program with a clean environment, reads its logs, and never leaves it running.

use std::ffi::OsStr;
use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};

use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;

use super::http::Client;
use super::process::{eventually, runs, send, wait_for_end};
use super::quiet;

/// A data directory that leaves neither files nor a database server behind.
pub(crate) struct DataDir {
    path: PathBuf,
    _parent: TempDir,
}

impl DataDir {
    /// Names a directory that does not exist yet, in a place that every account can access.
    pub(crate) fn new() -> Self {
        let parent = open_directory();
        Self {
            path: parent.path().join("data"),
            _parent: parent,
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the process id of the private PostgreSQL that runs there.
    pub(crate) fn postmaster(&self) -> Option<u32> {
        let text = fs::read_to_string(self.path.join("postgres/postmaster.pid")).ok()?;
        let pid = text.lines().next()?.parse().ok()?;
        runs(pid).then_some(pid)
    }
}

impl Drop for DataDir {
    fn drop(&mut self) {
        if let Some(pid) = self.postmaster() {
            send(Signal::INT, pid);
            wait_for_end(pid);
        }
    }
}

/// Makes a directory that every account can access, since PostgreSQL does not run as root.
pub(crate) fn open_directory() -> TempDir {
    let directory = tempfile::Builder::new().prefix("vst").tempdir().unwrap();
    fs::set_permissions(directory.path(), Permissions::from_mode(0o755)).unwrap();
    directory
}

/// A command line and its environment.
pub(crate) struct Launch {
    command: Command,
    workplace: TempDir,
}

impl Launch {
    /// Runs a command of the program, with no environment but `PATH`.
    pub(crate) fn of(command: &str) -> Self {
        let workplace = open_directory();
        let mut program = Command::new(env!("CARGO_BIN_EXE_vestibule"));
        program
            .arg(command)
            .env_clear()
            .env("PATH", path())
            .current_dir(workplace.path())
            .stdin(Stdio::null());
        Self {
            command: program,
            workplace,
        }
    }

    /// `vestibule serve` on a free port, without the listener for metrics, whose default port all instances share.
    pub(crate) fn serve() -> Self {
        let launch = Self::of("serve").env("VESTIBULE_LISTEN", "127.0.0.1:0");
        launch.env("VESTIBULE_METRICS_LISTEN", "off")
    }

    /// `vestibule dev` on a free port, with the cheapest hashing.
    pub(crate) fn dev() -> Self {
        let launch = Self::of("dev").env("VESTIBULE_LISTEN", "127.0.0.1:0");
        launch.env("VESTIBULE_BCRYPT_COST", "4")
    }

    pub(crate) fn data_dir(self, directory: &DataDir) -> Self {
        self.env("VESTIBULE_DATA_DIR", directory.path())
    }

    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Removes a setting.
    pub(crate) fn without(mut self, name: &str) -> Self {
        self.command.env_remove(name);
        self
    }

    pub(crate) fn args<S: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = S>) -> Self {
        self.command.args(arguments);
        self
    }

    /// Makes it read from a pipe; [`Program::stdin`] returns the other end.
    pub(crate) fn piped(mut self) -> Self {
        self.command.stdin(Stdio::piped());
        self
    }

    /// Starts it through another program, which takes the program and its arguments as its last ones.
    pub(crate) fn by(mut self, starter: &[&str]) -> Self {
        let mut command = Command::new(starter[0]);
        command.args(&starter[1..]).arg(self.command.get_program());
        command.args(self.command.get_args()).env_clear();
        command.envs(self.command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command.current_dir(self.workplace.path()).stdin(Stdio::null());
        self.command = command;
        self
    }

    /// Writes a file into its working directory.
    pub(crate) fn file(self, name: &str, text: &str) -> Self {
        fs::write(self.workplace.path().join(name), text).unwrap();
        self
    }

    /// Starts it in the background.
    pub(crate) fn start(mut self) -> Program {
        quiet::join_others();
        let output = |name: &str| File::create(self.workplace.path().join(name)).unwrap();
        self.command.stdout(output("stdout")).stderr(output("stderr"));
        Program {
            child: self.command.spawn().unwrap(),
            workplace: self.workplace,
        }
    }

    /// Runs it to its end.
    pub(crate) fn run(self) -> Ended {
        self.start().wait()
    }
}

/// The running program; killed when dropped.
pub(crate) struct Program {
    child: Child,
    workplace: TempDir,
}

/// How the program ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    /// Asserts the exit code.
    #[track_caller]
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(self.status.code(), Some(code), "{}: {}", self.status, self.stderr);
        self
    }

    /// Asserts that a text is in its standard error.
    #[track_caller]
    pub(crate) fn saying(self, text: &str) -> Self {
        assert!(self.stderr.contains(text), "not said: {text}\n{}", self.stderr);
        self
    }
}

impl Program {
    /// Returns the writing end of its standard input.
    pub(crate) fn stdin(&mut self) -> ChildStdin {
        self.child.stdin.take().unwrap()
    }

    /// Returns what it has logged so far.
    pub(crate) fn log(&self) -> String {
        self.output("stderr")
    }

    /// Waits for a log line that begins with a message, and returns it.
    #[track_caller]
    pub(crate) fn wait_for_message(&self, message: &str) -> Value {
        eventually(message, || {
            let log = self.log();
            let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
            let mut found = lines.filter(|line| line["message"].as_str().is_some_and(|text| text.starts_with(message)));
            let found = found.next();
            assert!(found.is_some() || self.is_running(), "it ended");
            found
        })
    }

    /// Returns the address that it listens on, from its log.
    #[track_caller]
    pub(crate) fn address(&self) -> String {
        self.wait_for_message("listening")["address"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    /// Returns a client, whether the program is ready or not.
    #[track_caller]
    pub(crate) fn client(&self) -> Client {
        Client::new(&self.address())
    }

    /// Waits until it is ready.
    #[track_caller]
    pub(crate) fn ready(&self) -> Client {
        let client = self.client();
        eventually("readiness", || {
            assert!(self.is_running(), "it ended");
            (client.get("/health/ready").status == 200).then_some(())
        });
        client
    }

    pub(crate) fn send(&self, signal: Signal) {
        send(signal, self.child.id());
    }

    /// Waits for its end.
    #[track_caller]
    pub(crate) fn wait(mut self) -> Ended {
        let status = eventually("the program's end", || self.child.try_wait().unwrap());
        Ended {
            status,
            stdout: self.output("stdout"),
            stderr: self.output("stderr"),
        }
    }

    /// Asks it to end, and waits for that.
    #[track_caller]
    pub(crate) fn stop(self) -> Ended {
        self.send(Signal::TERM);
        self.wait()
    }

    /// Kills it, so that it cannot clean up.
    pub(crate) fn kill(self) {
        drop(self);
    }

    /// Returns its process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    fn is_running(&self) -> bool {
        runs(self.child.id())
    }

    fn output(&self, name: &str) -> String {
        let bytes = fs::read(self.workplace.path().join(name)).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("the program's log:\n{}", self.log());
        }
    }
}

/// Returns the search path with which the program finds PostgreSQL.
pub(crate) fn path() -> String {
    std::env::var("PATH").unwrap_or_else(|_| panic!("PATH is not set"))
}
