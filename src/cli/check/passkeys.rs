//! Checks what passkeys are for: the domain, the pages, and the document that browsers look for.

use serde_json::Value;
use url::Url;

use super::public_url::fetch;
use super::report::{Report, State};
use crate::app;
use crate::cli::operate::public_url;
use crate::config::Config;
use crate::domain::factor::FactorKind;
use crate::domain::relying_party::RelyingParty;

/// Checks it. Settings with which the program does not start are reported with the program.
pub(super) fn check(config: &Config, report: &mut Report) {
    const NAME: &str = "passkeys";
    let issuer = public_url(config);
    let Ok((_, party)) = app::second_factors(config, &issuer) else {
        return;
    };
    let (state, detail) = match party {
        Some(party) => assess(config, &party, &issuer),
        None if config.delivery.second_factors.contains(&FactorKind::Passkey) => (
            State::Skipped,
            "off: the host of the public URL is an IP address, and browsers make passkeys for domains only; set \
             VESTIBULE_PUBLIC_URL"
                .to_owned(),
        ),
        None => (
            State::Skipped,
            "off: VESTIBULE_SECOND_FACTORS does not name passkey".to_owned(),
        ),
    };
    report.add(NAME, state, detail);
}

fn assess(config: &Config, party: &RelyingParty, issuer: &str) -> (State, String) {
    let id = party.id();
    let own = Url::parse(issuer).map_or_else(|_| String::new(), |url| url.origin().ascii_serialization());
    if config.server.account_pages && !party.origins().contains(&own) {
        let detail = format!(
            "for {id}, but the account pages cannot use them: add {own} to VESTIBULE_PASSKEY_ORIGINS, or set \
             VESTIBULE_ACCOUNT_PAGES=off"
        );
        return (State::Failed, detail);
    }
    let related = party.related_origins();
    let document = format!("https://{id}/.well-known/webauthn");
    if related.is_empty() {
        (State::Ok, format!("for {id}"))
    } else if lists(&document, &related) {
        (State::Ok, format!("for {id} and its related origins"))
    } else {
        let related = related.join(", ");
        let detail = format!(
            "for {id}, but {document} does not list {related}: let that path lead to this service, or correct \
             VESTIBULE_PASSKEY_RP_ID and VESTIBULE_PASSKEY_ORIGINS"
        );
        (State::Warning, detail)
    }
}

/// Returns whether the document of related origins lists all of them.
fn lists(document: &str, related: &[&str]) -> bool {
    let served = fetch(document).ok().filter(|(status, _)| *status == 200);
    let listed = served.and_then(|(_, body)| serde_json::from_str::<Value>(&body).ok());
    let origins = listed.as_ref().and_then(|listed| listed.get("origins")?.as_array());
    origins.is_some_and(|origins| {
        related
            .iter()
            .all(|origin| origins.iter().any(|listed| listed == origin))
    })
}
