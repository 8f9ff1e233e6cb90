//! Checks the providers that users may sign in with: their configuration, their keys, and what this service shows them.

use super::report::{Report, State};
use crate::cli::operate::public_url;
use crate::config::Config;
use crate::flows::Core;

/// Tries each. Whether a provider knows the client and its secret shows only when a user signs in.
pub(super) async fn check(config: &Config, core: &Core, report: &mut Report) {
    const NAME: &str = "providers";
    let issuer = public_url(config);
    let mut providers = core.providers.list().peekable();
    if providers.peek().is_none() {
        return report.add(NAME, State::Skipped, "not set");
    }
    for provider in providers {
        let id = &provider.id;
        let callback = format!("{issuer}/federation/{id}/callback");
        match core.providers.try_out(id).await {
            Ok(()) => report.add(NAME, State::Ok, format!("{id}: register {callback} there")),
            Err(why) => report.add(
                NAME,
                State::Failed,
                format!("{id}: {why} Its issuer is {}", provider.issuer.base()),
            ),
        }
    }
}
