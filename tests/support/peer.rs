//! Servers written in Python, which report what they received, one line each.

use std::io::{BufRead, BufReader};
use std::path::Path;
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
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let python = root.join("target/verifiers/python/bin/python");
        assert!(
            python.exists(),
            "{} is missing: run scripts/test, which prepares it",
            python.display()
        );
        let mut program = Command::new(python)
            .arg(root.join("tests/peers").join(script))
            .args(arguments)
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

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}
