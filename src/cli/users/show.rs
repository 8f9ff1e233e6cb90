//! `vestibule users list|show|sessions|devices`.

use chrono::{DateTime, Utc};
use serde_json::json;

use super::unknown;
use crate::api::dto::admin::ManagedUserView;
use crate::api::dto::device::TrustedDeviceView;
use crate::api::dto::federation::IdentityView;
use crate::api::dto::passkey::PasskeyView;
use crate::cli::operate::{operate, table};
use crate::cli::{Failure, complain, write_out};
use crate::config::Config;
use crate::domain::managed_user::{UserQuery, UserSelector};
use crate::domain::session::ListedSession;
use crate::flows::admin::users;
use crate::flows::session::{sessions as session_flows, trusted_device};

/// The number of accounts that are read at once.
const PAGE: u32 = 100;

/// Lists accounts, at most `most`.
pub(super) fn list(config: &Config, query: &UserQuery, most: Option<u32>, as_json: bool) -> Result<(), Failure> {
    operate(config, async |core| {
        let mut views: Vec<ManagedUserView> = Vec::new();
        let mut left = most;
        let mut after = None;
        loop {
            let limit = left.unwrap_or(PAGE).min(PAGE);
            let page = users::list(&core, query.clone().into(), after, limit.into()).await?;
            views.extend(page.items.iter().map(ManagedUserView::new));
            left = left.map(|left| left.saturating_sub(limit));
            after = page.next;
            if after.is_none() || left == Some(0) {
                break;
            }
        }
        write_out(&if as_json {
            format!("{}\n", json!(views))
        } else {
            let rows: Vec<Vec<String>> = views.iter().map(row).collect();
            table(&["ID", "EMAIL", "USERNAME", "ROLES", "STATE", "2FA", "CREATED"], &rows)
        })?;
        if after.is_some() {
            complain("there are more accounts: --all lists all of them, --limit NUMBER lists more");
        }
        Ok(())
    })
}

fn row(view: &ManagedUserView) -> Vec<String> {
    vec![
        view.user.id.to_string(),
        view.user.email.clone().unwrap_or_default(),
        view.user.username.clone().unwrap_or_default(),
        view.user.roles.join(","),
        state(view).to_owned(),
        factors(view, |_since| "disabled".to_owned()),
        written(view.user.created_at),
    ]
}

/// Returns the state of the account in one or two words.
const fn state(view: &ManagedUserView) -> &'static str {
    if view.disabled {
        "disabled"
    } else if !view.user.has_password {
        "no password"
    } else if view.password_disabled_at.is_some() {
        "password disabled"
    } else {
        "active"
    }
}

/// Names the second factors, and says whether guessing has disabled them.
fn factors(view: &ManagedUserView, disabled: impl Fn(DateTime<Utc>) -> String) -> String {
    let known = &view.user.two_factor;
    let names = [
        ("passkey", known.passkey),
        ("totp", known.totp),
        ("sms", known.phone),
        ("email", known.email),
    ];
    let names: Vec<&str> = names.iter().filter(|(_, has)| *has).map(|(name, _)| *name).collect();
    if names.is_empty() {
        return "none".to_owned();
    }
    let strangers = view.codes_refused_to_strangers.then(|| FOR_STRANGERS.to_owned());
    let note = view.codes_disabled_at.map(disabled).or(strangers);
    let note = note.map(|note| format!(" ({note})"));
    names.join(",") + &note.unwrap_or_default()
}

/// Says whether there is a password, and since when guessing has disabled it.
fn password(view: &ManagedUserView) -> String {
    match view.password_disabled_at {
        Some(since) => disabled_by_guessing(since),
        None if view.password_refused_to_strangers => FOR_STRANGERS.to_owned(),
        None if view.user.has_password => "set".to_owned(),
        None => "none".to_owned(),
    }
}

/// What an authenticator is after many wrong proofs by strangers.
const FOR_STRANGERS: &str = "known networks only, after guessing";

fn disabled_by_guessing(since: DateTime<Utc>) -> String {
    format!("disabled by guessing, {}", written(since))
}

/// Says what an operator needs to tell a passkey from others, in the words of its owner.
fn described(passkey: &PasskeyView) -> String {
    let used = passkey.last_used_at.map(|time| format!("used {}", written(time)));
    let used = used.unwrap_or_else(|| "never used".to_owned());
    format!("{} (created {}, {used})", passkey.name, written(passkey.created_at))
}

/// Says what an operator needs to tell an identity from others.
fn linked(identity: &IdentityView) -> String {
    let email = identity.email.as_deref().unwrap_or("no address");
    let used = identity.last_used_at.map(|time| format!("used {}", written(time)));
    let used = used.unwrap_or_else(|| "never used".to_owned());
    let (name, id) = (&identity.name, identity.id);
    format!(
        "{name}, {email} (linked {}, {used}), {id}",
        written(identity.created_at)
    )
}

fn written(time: DateTime<Utc>) -> String {
    time.format("%Y-%m-%d %H:%M").to_string()
}

/// Shows an account.
pub(super) fn show(config: &Config, user: &UserSelector, as_json: bool) -> Result<(), Failure> {
    operate(config, async |core| {
        let found = users::find(&core, user.clone()).await?.ok_or_else(unknown)?;
        let view = ManagedUserView::new(&found);
        if as_json {
            return write_out(&format!("{}\n", json!(view)));
        }
        let sessions = session_flows::list(&core, found.account.user.id).await?.len();
        let account = &view.user;
        let address = match (&account.email, account.email_verified) {
            (Some(email), true) => format!("{email} (verified)"),
            (Some(email), false) => format!("{email} (not verified)"),
            (None, _) => String::new(),
        };
        let lines = [
            ("id", account.id.to_string()),
            ("email", address),
            ("username", account.username.clone().unwrap_or_default()),
            (
                "roles",
                super::written_roles(&account.roles, &core.settings.access_tokens.role_factors),
            ),
            ("claims", account.claims.to_text()),
            ("state", state(&view).to_owned()),
            ("password", password(&view)),
            ("second factors", factors(&view, disabled_by_guessing)),
            (
                "recovery codes",
                account.two_factor.recovery_codes_remaining.to_string(),
            ),
            ("sessions", sessions.to_string()),
            ("language", account.locale.to_owned()),
            ("created", written(account.created_at)),
        ];
        let passkeys = view.passkeys.iter().map(|passkey| ("passkey", described(passkey)));
        let identities = view.identities.iter().map(|identity| ("identity", linked(identity)));
        let lines: Vec<String> = lines
            .into_iter()
            .chain(passkeys)
            .chain(identities)
            .map(|(name, value)| format!("{name:<16}{value}").trim_end().to_owned() + "\n")
            .collect();
        write_out(&lines.concat())
    })
}

/// Lists the sessions of an account.
pub(super) fn sessions(config: &Config, user: &UserSelector, as_json: bool) -> Result<(), Failure> {
    operate(config, async |core| {
        let found = users::find(&core, user.clone()).await?.ok_or_else(unknown)?;
        let listed = session_flows::list(&core, found.account.user.id).await?;
        if as_json {
            let shown: Vec<_> = listed.iter().map(|own| session_value(&own.session)).collect();
            return write_out(&format!("{}\n", json!(shown)));
        }
        let rows: Vec<Vec<String>> = listed.iter().map(|own| session_row(&own.session)).collect();
        write_out(&table(
            &["ID", "CREATED", "LAST USED", "ACR", "ADDRESS", "BROWSER"],
            &rows,
        ))
    })
}

fn session_value(listed: &ListedSession) -> serde_json::Value {
    let session = &listed.session;
    json!({
        "id": session.id.uuid(), "created_at": session.created_at, "last_used_at": listed.last_used_at,
        "acr": session.proofs.level().acr(), "amr": session.proofs.amr(),
        "ip": listed.ip, "user_agent": listed.user_agent,
    })
}

fn session_row(listed: &ListedSession) -> Vec<String> {
    let session = &listed.session;
    vec![
        session.id.uuid().to_string(),
        written(session.created_at),
        written(listed.last_used_at),
        session.proofs.level().acr().to_owned(),
        listed.ip.map(|ip| ip.to_string()).unwrap_or_default(),
        printable(listed.user_agent.as_deref()),
    ]
}

/// Removes control characters, which could manipulate the operator's terminal: the client of the login chose this text.
fn printable(user_agent: Option<&str>) -> String {
    let characters = user_agent.unwrap_or_default().chars();
    characters.filter(|character| !character.is_control()).collect()
}

/// Lists the trusted devices of an account.
pub(super) fn devices(config: &Config, user: &UserSelector, as_json: bool) -> Result<(), Failure> {
    operate(config, async |core| {
        let found = users::find(&core, user.clone()).await?.ok_or_else(unknown)?;
        let listed = trusted_device::list(&core, found.account.user.id).await?;
        let views: Vec<_> = listed.into_iter().map(TrustedDeviceView::new).collect();
        if as_json {
            return write_out(&format!("{}\n", json!(views)));
        }
        let rows: Vec<Vec<String>> = views.iter().map(device_row).collect();
        write_out(&table(
            &["ID", "TRUSTED", "UNTIL", "LAST USED", "ADDRESS", "BROWSER"],
            &rows,
        ))
    })
}

fn device_row(view: &TrustedDeviceView) -> Vec<String> {
    vec![
        view.id.to_string(),
        written(view.created_at),
        written(view.expires_at),
        view.last_used_at.map(written).unwrap_or_default(),
        view.ip.clone().unwrap_or_default(),
        printable(view.user_agent.as_deref()),
    ]
}
