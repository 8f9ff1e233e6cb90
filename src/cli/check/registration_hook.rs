//! Checks the registration hook: whether its server can be reached.

use super::report::{Report, State};
use crate::config::Config;
use crate::domain::policy::RegistrationMode;
use crate::domain::registration_hook::HookFailure;
use crate::flows::Core;

/// Sends a request with HEAD, and no registration. Whether the hook knows the secret shows with the first one.
pub(super) async fn check(config: &Config, core: &Core, report: &mut Report) {
    const NAME: &str = "registration hook";
    let Some(hook) = &core.registration_hook else {
        return report.add(NAME, State::Skipped, "not set");
    };
    let origin = hook.url().origin();
    let without = match hook.failure() {
        HookFailure::Open => "go on without it",
        HookFailure::Closed => "are refused without it",
    };
    match hook.probe().await {
        Err(why) => report.add(NAME, State::Failed, format!("{origin}: {why}; registrations {without}")),
        Ok(()) if config.registration == RegistrationMode::Closed => report.add(
            NAME,
            State::Warning,
            format!("{origin} can be reached, but is never asked: VESTIBULE_REGISTRATION is closed"),
        ),
        Ok(()) => report.add(
            NAME,
            State::Ok,
            format!("{origin} can be reached; registrations {without}"),
        ),
    }
}
