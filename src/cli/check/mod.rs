//! `vestibule check`: tries everything that the settings name, before users depend on it.
//!
//! It changes nothing, creates nothing and sends nothing: a private database or a master key that does not exist yet is
//! not created.

mod certificate;
mod database;
mod environment_checks;
mod listeners;
mod passkeys;
mod providers;
mod public_url;
mod registration_hook;
mod report;

use std::sync::Arc;

use self::public_url::Here;
use self::report::{Report, State};
use super::operate::{public_url as issuer, quieter};
use super::{Failure, write_out};
use crate::app::{self, Environment};
use crate::config::source::log_filter;
use crate::config::{self, Config, MasterKeySource};
use crate::domain::message::Channel;
use crate::flows::Core;
use crate::flows::maintenance::check;
use crate::telemetry;

/// A placeholder for the master key before the first start creates one. Nothing is sealed with it.
const NO_KEY: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
/// Above the first, users wait for logins. Below the second, guessing passwords from stolen hashes is too fast.
const SLOWEST_HASH_MS: i64 = 1000;
const QUICKEST_HASH_MS: i64 = 50;

/// Whether the service is expected to run already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// It is not: what only a start creates may be missing.
    BeforeStart,
    /// It is, so nothing may be missing.
    Running,
}

/// Runs the checks, prints the report, and returns a failure if a check has failed.
pub(super) fn run(mut config: Config, stage: Stage, as_json: bool) -> Result<(), Failure> {
    telemetry::init(config.server.log_format, &without_providers(quieter(log_filter())));
    let mut report = Report::default();
    report.add("settings", State::Ok, "can be used");
    let key_is_there = environment_checks::master_key(&config, &mut report);
    environment_checks::secret_files(&config, &mut report);
    environment_checks::data_directory(&config, &mut report);
    environment_checks::proxies(&config, &mut report);
    environment_checks::outbound(&config, &mut report);
    environment_checks::metrics(&config, &mut report);
    passkeys::check(&config, &mut report);
    let found = database::reach(&config, stage, &mut report);
    if !key_is_there {
        // Only a start creates the key.
        config.master_key = MasterKeySource::Given(Box::new(config::parse_keyring(NO_KEY).map_err(Failure::of)?));
    }
    let url = found.as_ref().map_or_else(
        || "postgres://127.0.0.1:1/none".into(),
        |found| found.opened.url.clone(),
    );
    let mut own_keys = None;
    let built = app::build(&config, &url, &issuer(&config), Environment::of(config.mode));
    match built {
        Ok(state) => actix_web::rt::System::new().block_on(async {
            own_keys = keys(&config, &state.core, key_is_there, found.as_ref(), &mut report).await;
            senders(&config, &state.core, &mut report).await;
            breach_list(&state.core, &mut report).await;
            client_documents(&config, &mut report);
            providers::check(&config, &state.core, &mut report).await;
            registration_hook::check(&config, &state.core, &mut report).await;
            password_hash(&state.core, &mut report).await;
        }),
        Err(error) => report.add("program", State::Failed, error.to_string()),
    }
    certificate::look(&issuer(&config), &mut report);
    let here = match &own_keys {
        Some(keys) => Here::Keys(keys),
        None if database::is_unmade(&config) => Here::Unmade,
        None => Here::Unknown,
    };
    if stage == Stage::BeforeStart {
        listeners::try_all(&config, here, &mut report);
    }
    public_url::ask(&config, stage, here, &mut report);
    public_url::ask_link_base(&config, &mut report);
    let closed = found.map_or(Ok(()), |found| found.opened.close());
    write_out(&if as_json { report.json() } else { report.table() })?;
    closed?;
    match report.failures() {
        0 => Ok(()),
        1 => Err(Failure::of("1 check has failed")),
        failures => Err(Failure::of(format!("{failures} checks have failed"))),
    }
}

/// Leaves out the warnings of providers that cannot be used: the report says why.
fn without_providers(filter: String) -> String {
    if filter == "warn" {
        format!("{filter},vestibule::providers=off")
    } else {
        filter
    }
}

/// Returns what requires mail in this deployment, if anything does. Private registration without mail is refused when
/// the settings are read, so it is not checked here.
fn needs_mail(config: &Config) -> Option<&'static str> {
    config.email_verification_required.then_some(
        "no account can be used, because VESTIBULE_EMAIL_VERIFICATION=required needs mail: set VESTIBULE_SMTP_URL and \
         VESTIBULE_MAIL_FROM",
    )
}

/// Opens the signing keys in the database, if they can be. Returns the ids of those that are stored; `None` if the
/// database cannot be used.
async fn keys(
    config: &Config,
    core: &Arc<Core>,
    key_is_there: bool,
    found: Option<&database::Found>,
    report: &mut Report,
) -> Option<Vec<String>> {
    let usable = found.is_some_and(|found| found.usable);
    if usable {
        core.db.schema_is_ready();
    }
    match database::why_not_opened(config, key_is_there, found) {
        Some(why) => report.add(database::KEYS, State::Skipped, why),
        None => database::keys(core, report).await,
    }
    if usable { check::key_ids(core).await.ok() } else { None }
}

/// Tries the mail server and the webhook for text messages.
async fn senders(config: &Config, core: &Arc<Core>, report: &mut Report) {
    for (channel, name) in [(Channel::Email, "mail server"), (Channel::Sms, "sms webhook")] {
        let lacking = config.delivery.lacking().find(|(lacking, _)| *lacking == channel);
        match (check::try_sender(core, channel).await, lacking) {
            (Some(Ok(())), _) => report.add(name, State::Ok, "answers as expected"),
            (Some(Err(why)), _) => report.add(name, State::Failed, why),
            (None, Some((_, settings))) => report.add(
                name,
                State::Failed,
                format!("VESTIBULE_SECOND_FACTORS requires sent codes, and {settings} are not set"),
            ),
            (None, None) => match needs_mail(config).filter(|_| channel == Channel::Email) {
                Some(needed) => report.add(name, State::Failed, needed),
                None => report.add(name, State::Skipped, "not set"),
            },
        }
    }
}

async fn breach_list(core: &Arc<Core>, report: &mut Report) {
    match check::try_breach_list(core).await {
        Some(Ok(())) => report.add("breach list", State::Ok, "answers"),
        Some(Err(why)) => report.add(
            "breach list",
            State::Warning,
            format!("cannot be queried, because {why}; new passwords are accepted without it"),
        ),
        None => report.add("breach list", State::Skipped, "not set"),
    }
}

/// Says what applications that describe themselves may have. Nothing is fetched: no document is known in advance.
fn client_documents(config: &Config, report: &mut Report) {
    const NAME: &str = "client documents";
    let (tokens, policy) = (&config.tokens, &config.tokens.document_policy);
    if !tokens.client_documents {
        report.add(NAME, State::Skipped, "not allowed");
    } else if policy.audiences.is_empty() {
        report.add(
            NAME,
            State::Warning,
            "applications that describe themselves get tokens for GET /userinfo alone; set \
             VESTIBULE_CLIENT_DOCUMENT_RESOURCES",
        );
    } else {
        report.add(NAME, State::Ok, format!("for {}", policy.audiences.join(", ")));
    }
}

/// Measures a password hash.
async fn password_hash(core: &Arc<Core>, report: &mut Report) {
    match check::time_a_hash(core).await.map(|took| took.num_milliseconds()) {
        Ok(millis) if millis > SLOWEST_HASH_MS => report.add(
            "password hash",
            State::Warning,
            format!("takes {millis} ms here: logins are slow; a lower VESTIBULE_BCRYPT_COST is faster"),
        ),
        Ok(millis) if millis < QUICKEST_HASH_MS => report.add(
            "password hash",
            State::Warning,
            format!("takes {millis} ms here: a higher VESTIBULE_BCRYPT_COST slows down guessing"),
        ),
        Ok(millis) => report.add("password hash", State::Ok, format!("takes {millis} ms here")),
        Err(fault) => report.add("password hash", State::Failed, fault.to_string()),
    }
}
