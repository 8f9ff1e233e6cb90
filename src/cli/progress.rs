//! Bars that tell people how far long work is. They draw on standard error, and nothing where that is no terminal.

use indicatif::{ProgressBar, ProgressStyle};

/// Makes a bar for work of a known length, with room for a message.
pub(super) fn bar(length: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{wide_bar} {percent:>3} % {eta:>4} {msg}");
    ProgressBar::new(length).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}
