//! Shows the progress of long work: a bar on a terminal, and a plain line at intervals elsewhere.

use std::cell::Cell;
use std::io::{self, IsTerminal};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::complain;

/// The interval of plain lines, and the time until the first one: shorter work needs none.
const BETWEEN_LINES: Duration = Duration::from_secs(2);

/// The progress of one piece of work, shown on standard error.
pub(super) struct Progress {
    what: &'static str,
    bar: ProgressBar,
    on_terminal: bool,
    reported_at: Cell<Duration>,
}

impl Progress {
    /// Begins work of a known length: a number of items, which `what` names in the plural.
    pub(super) fn new(what: &'static str, length: u64) -> Self {
        let style = ProgressStyle::with_template("{wide_bar} {percent:>3} % {eta:>4} {msg}");
        let bar = ProgressBar::new(length).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        Self::with(what, bar)
    }

    /// Begins work whose length becomes known later, or never.
    pub(super) fn of_unknown_length(what: &'static str) -> Self {
        let style = ProgressStyle::with_template("{spinner} {human_pos} {msg}");
        let bar = ProgressBar::no_length().with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
        Self::with(what, bar)
    }

    fn with(what: &'static str, bar: ProgressBar) -> Self {
        let on_terminal = io::stderr().is_terminal();
        if !on_terminal {
            bar.set_draw_target(ProgressDrawTarget::hidden());
        }
        bar.set_message(what);
        Self {
            what,
            bar,
            on_terminal,
            reported_at: Cell::default(),
        }
    }

    /// Records that more was done.
    pub(super) fn add(&self, done: u64) {
        self.bar.inc(done);
        self.report();
    }

    /// Records how much was done, and how much there is.
    pub(super) fn is_at(&self, done: usize, of: usize) {
        let number = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        self.bar.set_length(number(of));
        self.bar.set_position(number(done));
        self.report();
    }

    /// Shows a message beside the progress.
    pub(super) fn say(&self, message: String) {
        self.bar.set_message(message);
    }

    /// Removes the bar.
    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }

    fn report(&self) {
        let elapsed = self.bar.elapsed();
        if !self.on_terminal && elapsed.saturating_sub(self.reported_at.get()) >= BETWEEN_LINES {
            self.reported_at.set(elapsed);
            complain(&line(self.what, self.bar.position(), self.bar.length()));
        }
    }
}

fn line(what: &str, done: u64, length: Option<u64>) -> String {
    match length.filter(|length| *length > 0) {
        Some(length) => format!("{what}: {done} of {length} ({} %)", done.min(length) * 100 / length),
        None => format!("{what}: {done}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_line_tells_how_far_it_is() {
        assert_eq!(line("values", 50, Some(200)), "values: 50 of 200 (25 %)");
        assert_eq!(line("values", 3, Some(3)), "values: 3 of 3 (100 %)");
        assert_eq!(line("sessions", 1200, None), "sessions: 1200");
        assert_eq!(line("values", 0, Some(0)), "values: 0");
    }

    #[test]
    fn lines_are_written_at_intervals_only() {
        let progress = Progress {
            on_terminal: false,
            ..Progress::new("values", 3)
        };
        progress.add(1);
        assert_eq!(progress.reported_at.get(), Duration::ZERO);
        let progress = Progress {
            bar: ProgressBar::hidden().with_elapsed(Duration::from_mins(1)),
            ..progress
        };
        progress.add(1);
        let reported_at = progress.reported_at.get();
        assert!(reported_at >= Duration::from_mins(1));
        progress.add(1);
        assert_eq!(progress.reported_at.get(), reported_at);
    }
}
