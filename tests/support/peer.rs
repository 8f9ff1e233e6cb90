//! Servers written in Python or JavaScript, which report what they received, one line each.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use serde_json::Value;

use super::waits::PATIENCE;

/// A server that runs until this is dropped.
pub(crate) struct Peer {
    pub(crate) program: Child,
    pub(crate) lines: Receiver<Value>,
    pub(crate) port: u64,
}

impl Peer {
    /// Starts a script of `tests/peers` and waits until it listens.
    pub(crate) fn start(script: &str, arguments: &[&str]) -> Self {
        let mut program = Command::new(interpreter(script))
            .arg(placed(script))
            .args(arguments)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(program.stdout.take().unwrap());
        let (sender, lines) = channel();
        thread::spawn(move || {
            for line in output.lines() {
                if sender.send(serde_json::from_str(&line.unwrap()).unwrap()).is_err() {
                    break;
                }
            }
        });
        let mut peer = Self {
            program,
            lines,
            port: 0,
        };
        peer.port = peer.received().as_u64().unwrap();
        peer
    }

    /// Waits for the next report.
    #[track_caller]
    pub(crate) fn received(&self) -> Value {
        self.lines.recv_timeout(PATIENCE).unwrap()
    }

    /// Returns the URL of the mail server, for a client without TLS.
    pub(crate) fn smtp_url(&self) -> String {
        format!("smtp://127.0.0.1:{}?tls=none", self.port)
    }

    /// Asserts that nothing more was received. Only meaningful while no message is being sent.
    #[track_caller]
    pub(crate) fn assert_nothing_received(&self) {
        assert_eq!(self.lines.try_recv().ok(), None);
    }
}

fn is_javascript(script: &str) -> bool {
    Path::new(script).extension().is_some_and(|kind| kind == "mjs")
}

fn interpreter(script: &str) -> PathBuf {
    if is_javascript(script) {
        return "node".into();
    }
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/verifiers/python/bin/python");
    assert!(
        python.exists(),
        "{} is missing: run scripts/test, which prepares it",
        python.display()
    );
    python
}

/// Returns where a script is run. Node finds the modules of one only in the folders above it, so it is copied beside them.
fn placed(script: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let source = root.join("tests/peers").join(script);
    if !is_javascript(script) {
        return source;
    }
    let target = root.join("target/verifiers/node").join(script);
    let text = fs::read(&source).unwrap();
    if fs::read(&target).ok().as_ref() != Some(&text) {
        // Renamed into place: another test may be about to run it.
        let draft = tempfile::NamedTempFile::new_in(target.parent().unwrap()).unwrap();
        fs::write(draft.path(), text).unwrap();
        draft.persist(&target).unwrap();
    }
    target
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}
