//! What only tests of whole programs ask of a peer.

use std::io::Write;

use serde_json::Value;

use crate::support::peer::Peer;

impl Peer {
    /// Makes it continue with what it was started to wait with.
    pub(crate) fn resume(&mut self) {
        let input = self.program.stdin.as_mut().unwrap();
        input.write_all(b"\n").unwrap();
    }

    /// Ends it, and returns the reports that were not read.
    pub(crate) fn rest(mut self) -> Vec<Value> {
        drop(self.program.stdin.take());
        // Reads to the end of its output, so that no late report is missed.
        self.lines.iter().collect()
    }
}
