//! A registration hook, as a process of its own.

use std::io::Write;

use serde_json::{Value, json};

use super::app::{PUBLIC_URL, TestApp};
use super::peer::Peer;
use super::providers::all_received;

/// The secret that requests to the hook are signed with.
pub(crate) const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// A registration hook that verifies signatures with an independent library.
pub(crate) struct Hook {
    peer: Peer,
}

impl Hook {
    /// Starts one that allows every account.
    pub(crate) fn start() -> Self {
        Self {
            peer: Peer::start("registration_hook.py", &[SECRET]),
        }
    }

    /// Returns its URL.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/registrations?key=1", self.peer.port)
    }

    /// Returns the settings of a service that asks it, and follows `failure` without an answer.
    pub(crate) fn settings<'a>(url: &'a str, failure: &'a str) -> [(&'a str, &'a str); 3] {
        [
            ("REGISTRATION_HOOK_URL", url),
            ("REGISTRATION_HOOK_SECRET", SECRET),
            ("REGISTRATION_HOOK_FAILURE", failure),
        ]
    }

    /// Starts a service that asks it. Its clock shows the time of the machine, as that of the hook does.
    pub(crate) async fn app(&self, failure: &str, settings: &[(&str, &str)]) -> TestApp {
        let url = self.url();
        let all = [Self::settings(&url, failure).as_slice(), settings].concat();
        TestApp::at_the_time_of_the_machine(PUBLIC_URL, &all).await
    }

    /// Says how it answers from now on.
    pub(crate) fn answer(&mut self, how: &Value) {
        writeln!(self.peer.program.stdin.as_mut().unwrap(), "{how}").unwrap();
        loop {
            let said = self.peer.received();
            if said == *how {
                break;
            }
            // What it was asked before.
            assert!(said["good"].is_boolean(), "{said}");
        }
    }

    /// Denies every account.
    pub(crate) fn deny(&mut self, reason: &str) {
        self.answer(&json!({"body": json!({"allow": false, "reason": reason}).to_string()}));
    }

    /// Waits for the next request.
    #[track_caller]
    pub(crate) fn received(&self) -> Value {
        self.peer.received()
    }

    /// Returns the next request, if there was one.
    pub(crate) fn try_received(&self) -> Option<Value> {
        self.peer.lines.try_recv().ok()
    }

    /// Returns what it was asked since the last call.
    pub(crate) fn asked(&self) -> Vec<Value> {
        all_received(&self.peer)
    }
}
