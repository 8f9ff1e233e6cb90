//! Checks the providers that users may sign in with: their file, their configuration, their keys, and what this service
//! shows them.

use std::fs;

use super::environment_checks::writers;
use super::report::{Report, State};
use crate::cli::operate::public_url;
use crate::config::Config;
use crate::domain::federation::provider::Provider;
use crate::flows::Core;
use crate::providers::TrialFault;

/// How much of an issuer is shown.
const LONGEST_NAMED: usize = 300;

/// Checks which other accounts can write the file of providers: it says whose addresses are believed.
fn file(config: &Config, report: &mut Report) {
    const NAME: &str = "providers file";
    let Some(path) = &config.providers.file else {
        return report.add(NAME, State::Skipped, "not set");
    };
    let shown = path.display();
    let (state, detail) = match fs::metadata(path) {
        Ok(metadata) => writers(path, &metadata).unwrap_or((State::Ok, "only its owner can write it".to_owned())),
        Err(error) => (State::Failed, format!("{shown}: {error}")),
    };
    report.add(NAME, state, detail);
}

fn described(trial: &TrialFault, provider: &Provider) -> String {
    let fault = trial.fault;
    match &trial.named_issuer {
        // Quoted, since the provider wrote it: it could have characters that control a terminal.
        Some(named) => {
            let named: String = named.chars().take(LONGEST_NAMED).collect();
            format!(
                "{fault} It names {named:?}, and the file has {:?}",
                provider.issuer.in_configuration()
            )
        }
        None => format!("{fault} Its issuer is {}", provider.issuer.base()),
    }
}

/// Tries each. Whether an OpenID provider knows the client and its secret shows only when a user signs in.
pub(super) async fn check(config: &Config, core: &Core, report: &mut Report) {
    const NAME: &str = "providers";
    file(config, report);
    let issuer = public_url(config);
    let mut providers = core.providers.list().peekable();
    if providers.peek().is_none() {
        return report.add(NAME, State::Skipped, "not set");
    }
    for provider in providers {
        let id = &provider.id;
        let callback = format!("{issuer}/federation/{id}/callback");
        let (state, detail) = match core.providers.try_out(id).await {
            Ok(()) => (State::Ok, format!("register {callback} there")),
            Err(trial) => (State::Failed, described(&trial, provider)),
        };
        report.add(NAME, state, format!("{id}: {detail}"));
    }
}
