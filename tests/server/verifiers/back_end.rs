//! A back end of the documentation, run as a program.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::server::http::Client;
use crate::server::process::PATIENCE;

/// A back end, which ends with the test.
pub(super) struct BackEnd {
    program: Child,
    pub(super) client: Client,
    _code: TempDir,
}

impl Drop for BackEnd {
    fn drop(&mut self) {
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}

impl BackEnd {
    /// Starts a program in the directory of its code on a free port, which the command gets, and waits until it listens.
    #[track_caller]
    pub(super) fn start(code: TempDir, command: impl FnOnce(&str) -> Command) -> Self {
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mut command = command(&free.port().to_string());
        let log = fs::File::create(code.path().join("log")).unwrap();
        command.current_dir(code.path()).stdout(Stdio::null()).stderr(log);
        let mut program = command.spawn().unwrap();
        let begun = Instant::now();
        while TcpStream::connect(free).is_err() {
            let ended = program.try_wait().unwrap();
            let said = || fs::read_to_string(code.path().join("log")).unwrap_or_default();
            assert!(ended.is_none() && begun.elapsed() < PATIENCE, "{command:?}: {}", said());
            thread::sleep(Duration::from_millis(20));
        }
        Self {
            program,
            client: Client::new(&free.to_string()),
            _code: code,
        }
    }
}
