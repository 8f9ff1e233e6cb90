//! The results of the checks, as a table and as JSON.

use serde_json::json;

use crate::cli::operate::table;

/// The result of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// As it should be.
    Ok,
    /// It works, but the operator should look at it.
    Warning,
    /// It does not work.
    Failed,
    /// There was nothing to check, or it could not be checked.
    Skipped,
}

impl State {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
        }
    }
}

/// The results, in the order of the checks.
#[derive(Debug, Default)]
pub(super) struct Report {
    lines: Vec<(&'static str, State, String)>,
}

impl Report {
    pub(super) fn add(&mut self, name: &'static str, state: State, detail: impl Into<String>) {
        self.lines.push((name, state, detail.into()));
    }

    /// Returns how many checks have failed.
    pub(super) fn failures(&self) -> usize {
        self.lines
            .iter()
            .filter(|(_, state, _)| *state == State::Failed)
            .count()
    }

    pub(super) fn table(&self) -> String {
        let row = |(name, state, detail): &(&str, State, String)| {
            vec![(*name).to_owned(), state.as_str().to_owned(), detail.clone()]
        };
        let rows: Vec<Vec<String>> = self.lines.iter().map(row).collect();
        table(&["CHECK", "STATE", "DETAIL"], &rows)
    }

    pub(super) fn json(&self) -> String {
        let lines: Vec<_> = self
            .lines
            .iter()
            .map(|(name, state, detail)| json!({"name": name, "state": state.as_str(), "detail": detail}))
            .collect();
        format!("{}\n", json!({"ok": self.failures() == 0, "checks": lines}))
    }
}
