//! Reports the state of the service to systemd (sd_notify(3)). Does nothing if NOTIFY_SOCKET is not set.

use std::time::Duration;

use sd_notify::NotifyState;

/// Reports why the service is not ready yet; `systemctl status` shows it.
pub(super) fn waits(reason: &str) {
    // A line break would begin another assignment.
    let reason = reason.split_whitespace().collect::<Vec<_>>().join(" ");
    notify(&[NotifyState::Status(&format!("waits: {reason}"))]);
}

/// Reports that requests are served. systemd then starts the units that are ordered after this one.
pub(super) fn ready() {
    notify(&[NotifyState::Ready, NotifyState::Status("serves")]);
}

/// Reports that the service stops on a signal, so that systemd does not count its end as a failure.
pub(super) fn stopping() {
    notify(&[NotifyState::Stopping, NotifyState::Status("stops")]);
}

/// Reports that the process is not stuck, twice in each interval that the unit sets (`WatchdogSec`), if it sets one.
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
        tracing::warn!(%error, "the state of the service could not be reported to systemd");
    }
}
