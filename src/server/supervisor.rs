//! Tells systemd how the service fares (sd_notify(3)). Where NOTIFY_SOCKET is not set there is no systemd to tell.

use std::time::Duration;

use sd_notify::NotifyState;

/// Says why it is not ready yet; `systemctl status` shows it.
pub(super) fn waits(reason: &str) {
    // A line end would begin another assignment.
    let reason = reason.split_whitespace().collect::<Vec<_>>().join(" ");
    notify(&[NotifyState::Status(&format!("waits: {reason}"))]);
}

/// Says that it listens, and that requests are served. What is ordered after the service is started now.
pub(super) fn ready() {
    notify(&[NotifyState::Ready, NotifyState::Status("serves")]);
}

/// Says that it stops by a signal, so that its end is no failure.
pub(super) fn stopping() {
    notify(&[NotifyState::Stopping, NotifyState::Status("stops")]);
}

/// Shows that the process is not stuck, twice in each interval that the unit names (`WatchdogSec`), if it names one.
pub(super) async fn show_life() {
    let Some(interval) = sd_notify::watchdog_enabled().filter(|interval| *interval > Duration::ZERO) else {
        return;
    };
    loop {
        notify(&[NotifyState::Watchdog]);
        tokio::time::sleep(interval / 2).await;
    }
}

fn notify(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "systemd could not be told how the service fares");
    }
}
