//! `vestibule webhooks add|list|show|enable|disable|remove|rotate-secret|deliveries|test|replay`.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use clap::{Args, Subcommand};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::confirm::Consent;
use super::operate::{operate, table};
use super::setting_flags::SettingFlags;
use super::{Failure, write_out};
use crate::api::dto::webhook::{DeliveryView, WebhookView};
use crate::config::Config;
use crate::domain::ids::{AuditEventId, WebhookId};
use crate::domain::input::InvalidInput;
use crate::domain::webhook::{
    Delivery, DeliveryState, GONE, Webhook, WebhookChanges, WebhookDescription, WebhookState,
};
use crate::flows::Core;
use crate::flows::admin::webhooks::{self, Creation, Idle, Replay, Update};
use crate::flows::admin::{Operator, RecentOperator};

/// How long the command waits for the result of a test message, and how often it looks: a running service takes it
/// within a second, and a try takes 15 seconds at most.
const LOOKS: u32 = 40;
const BETWEEN_LOOKS: Duration = Duration::from_millis(500);

/// Endpoints of back ends that are told what happens to accounts
#[derive(Subcommand)]
pub(super) enum WebhooksCommand {
    #[expect(rustdoc::bare_urls, reason = "the help shows it as it is written")]
    /// Add an endpoint and print its secret, which is not shown again
    ///
    ///   vestibule webhooks add https://api.example.com/hooks/accounts
    ///   vestibule webhooks add https://api.example.com/hooks/accounts --event user.created --event user.deleted
    #[command(verbatim_doc_comment)]
    Add(Box<AddArguments>),
    /// List the endpoints
    ///
    ///   vestibule webhooks list --json
    #[command(verbatim_doc_comment)]
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        settings: SettingFlags,
    },
    /// Show an endpoint
    ///
    ///   vestibule webhooks show 01a1fc08-1597-71af-b660-2afda59b0b28
    #[command(verbatim_doc_comment)]
    Show(OneArguments),
    /// Send messages to an endpoint again, after it was disabled
    ///
    /// What happened in between is sent by `vestibule webhooks replay`.
    ///
    ///   vestibule webhooks enable 01a1fc08-1597-71af-b660-2afda59b0b28
    #[command(verbatim_doc_comment)]
    Enable(OneArguments),
    /// Send nothing to an endpoint for now; messages that wait are kept for three days
    ///
    ///   vestibule webhooks disable 01a1fc08-1597-71af-b660-2afda59b0b28
    #[command(verbatim_doc_comment)]
    Disable(OneArguments),
    /// Remove an endpoint, with its messages and their log
    ///
    /// Asks for confirmation, unless --yes is given.
    ///
    ///   vestibule webhooks remove 01a1fc08-1597-71af-b660-2afda59b0b28
    #[command(verbatim_doc_comment)]
    Remove {
        /// Its id
        id: String,
        /// Do not ask for confirmation
        #[arg(long, short)]
        yes: bool,
        #[command(flatten)]
        settings: SettingFlags,
    },
    /// Make a new secret for an endpoint; messages are signed with the old one as well for a day
    ///
    /// Within that day, another rotation replaces only the new secret, and the old one stays until its day ends.
    ///
    ///   vestibule webhooks rotate-secret 01a1fc08-1597-71af-b660-2afda59b0b28
    #[command(verbatim_doc_comment)]
    RotateSecret(OneArguments),
    /// List the messages to an endpoint, the newest event first
    ///
    ///   vestibule webhooks deliveries 01a1fc08-1597-71af-b660-2afda59b0b28 --state dead --limit 20
    #[command(verbatim_doc_comment)]
    Deliveries {
        /// The id of the endpoint
        id: String,
        /// Only messages that are in this state
        #[arg(long, value_parser = ["pending", "delivered", "dead"])]
        state: Option<String>,
        /// How many at most
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(i64).range(1..=1000))]
        limit: i64,
        /// Print JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        settings: SettingFlags,
    },
    /// Send one message to an endpoint to try it, and wait for the result
    ///
    /// The running service sends it.
    ///
    ///   vestibule webhooks test 01a1fc08-1597-71af-b660-2afda59b0b28
    #[command(verbatim_doc_comment)]
    Test(OneArguments),
    /// Send the events since a time to an endpoint again; messages keep their ids
    ///
    ///   vestibule webhooks replay 01a1fc08-1597-71af-b660-2afda59b0b28 --since 2026-03-01T12:00:00Z
    #[command(verbatim_doc_comment)]
    Replay {
        /// The id of the endpoint
        id: String,
        /// The time, at most a year ago: a date, which begins at midnight UTC, or a time of RFC 3339
        #[arg(long, value_name = "TIME", value_parser = parse_since)]
        since: DateTime<Utc>,
        /// Print JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        settings: SettingFlags,
    },
}

/// What an operator says about a new endpoint.
#[derive(Args)]
pub(super) struct AddArguments {
    /// Where messages are posted to: https, on the public internet unless VESTIBULE_OUTBOUND_ALLOW has the address
    url: String,
    /// A type of events that it is told, such as user.created; repeat it for several. All, if there is none
    #[arg(long = "event", value_name = "TYPE")]
    events: Vec<String>,
    /// Messages have the address and the name of the account
    #[arg(long)]
    include_addresses: bool,
    /// `standard`: JSON, as Standard Webhooks describes it. `caep`: Security Event Tokens of CAEP and RISC
    #[arg(long, default_value = "standard", value_parser = ["standard", "caep"])]
    format: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    settings: SettingFlags,
}

/// Names one endpoint.
#[derive(Args)]
pub(super) struct OneArguments {
    /// Its id
    id: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    settings: SettingFlags,
}

impl OneArguments {
    fn id(&self) -> Result<WebhookId, Failure> {
        parse_id(&self.id)
    }
}

impl WebhooksCommand {
    /// Returns the settings given as flags.
    pub(super) const fn settings(&self) -> &SettingFlags {
        match self {
            Self::Add(arguments) => &arguments.settings,
            Self::Show(one) | Self::Enable(one) | Self::Disable(one) | Self::RotateSecret(one) | Self::Test(one) => {
                &one.settings
            }
            Self::List { settings, .. }
            | Self::Remove { settings, .. }
            | Self::Deliveries { settings, .. }
            | Self::Replay { settings, .. } => settings,
        }
    }

    /// Runs the command.
    pub(super) fn run(&self, config: &Config) -> Result<(), Failure> {
        match self {
            Self::Add(arguments) => add(config, arguments),
            Self::List { json, .. } => list(config, *json),
            Self::Show(one) => show(config, one),
            Self::Enable(one) => set_state(config, one, WebhookState::Enabled),
            Self::Disable(one) => set_state(config, one, WebhookState::Disabled),
            Self::Remove { id, yes, .. } => remove(config, id, *yes),
            Self::RotateSecret(one) => rotate_secret(config, one),
            Self::Deliveries {
                id, state, limit, json, ..
            } => deliveries(config, (id, state.as_deref(), *limit), *json),
            Self::Test(one) => test(config, one),
            Self::Replay { id, since, json, .. } => replay(config, (id, *since), *json),
        }
    }
}

fn parse_since(text: &str) -> Result<DateTime<Utc>, &'static str> {
    let midnight = || {
        text.parse()
            .ok()
            .map(|date: NaiveDate| date.and_time(NaiveTime::MIN).and_utc())
    };
    let time = DateTime::parse_from_rfc3339(text).map(|time| time.to_utc());
    time.ok()
        .or_else(midnight)
        .ok_or("must be a date or a time, such as 2026-03-01 or 2026-03-01T12:00:00Z")
}

fn parse_id(text: &str) -> Result<WebhookId, Failure> {
    WebhookId::parse(text).ok_or_else(unknown)
}

fn unknown() -> Failure {
    Failure::of("there is no such webhook; `vestibule webhooks list` shows their ids".to_owned())
}

fn idle(why: Idle) -> Failure {
    match why {
        Idle::Unknown => unknown(),
        Idle::Disabled => Failure::of("the webhook is disabled; `vestibule webhooks enable` enables it".to_owned()),
    }
}

/// The command line may change everything.
fn refused() -> Failure {
    Failure::of("the change was refused".to_owned())
}

/// Names each fault by the argument that it is about.
fn faults(invalid: &InvalidInput) -> Failure {
    let named = |pointer: &str| match pointer {
        "/url" => "the URL",
        "/events" => "--event",
        "/since" => "--since",
        _ => "--format",
    };
    Failure::of(invalid.in_lines(named))
}

fn add(config: &Config, arguments: &AddArguments) -> Result<(), Failure> {
    operate(config, async |core| {
        let description = WebhookDescription {
            url: arguments.url.clone(),
            events: arguments.events.clone(),
            include_addresses: arguments.include_addresses,
            format: Some(arguments.format.clone()),
        };
        match webhooks::create(&core, &RecentOperator::command_line(&core), description).await? {
            Creation::Created(webhook, secret) if arguments.json => {
                write_out(&format!("{}\n", json!(WebhookView::created(&webhook, &secret))))
            }
            Creation::Created(webhook, secret) => write_out(&format!(
                "id      {}\nsecret  {}\n\nThe secret is not shown again.\n",
                webhook.id.uuid(),
                secret.expose_secret()
            )),
            Creation::TooMany => Err(Failure::of(
                "there are as many webhooks as there may be; remove one first".to_owned(),
            )),
            Creation::Invalid(invalid) => Err(faults(&invalid)),
            Creation::Refused(_never) => Err(refused()),
        }
    })
}

fn list(config: &Config, as_json: bool) -> Result<(), Failure> {
    operate(config, async |core| {
        let webhooks = webhooks::list(&core).await?;
        if as_json {
            let shown: Vec<Value> = webhooks
                .iter()
                .map(|webhook| json!(WebhookView::new(webhook)))
                .collect();
            return write_out(&format!("{}\n", json!(shown)));
        }
        let row = |webhook: &Webhook| {
            vec![
                webhook.id.uuid().to_string(),
                state_in_words(webhook),
                webhook.format.as_str().to_owned(),
                webhook.url.as_str().to_owned(),
                in_words(&webhook.events),
            ]
        };
        let rows: Vec<Vec<String>> = webhooks.iter().map(row).collect();
        write_out(&table(&["ID", "STATE", "FORMAT", "URL", "EVENTS"], &rows))
    })
}

/// Says why an endpoint is disabled, if no operator did it.
fn state_in_words(webhook: &Webhook) -> String {
    let state = webhook.state.as_str();
    if webhook.gone_at.is_some() {
        format!("{state} (answered {GONE})")
    } else {
        state.to_owned()
    }
}

fn in_words(events: &[String]) -> String {
    if events.is_empty() {
        "all".to_owned()
    } else {
        events.join(" ")
    }
}

fn show(config: &Config, one: &OneArguments) -> Result<(), Failure> {
    let id = one.id()?;
    operate(config, async |core| {
        let webhook = webhooks::find(&core, id).await?.ok_or_else(unknown)?;
        print(&webhook, one.json)
    })
}

fn print(webhook: &Webhook, as_json: bool) -> Result<(), Failure> {
    if as_json {
        return write_out(&format!("{}\n", json!(WebhookView::new(webhook))));
    }
    let lines = [
        ("id", webhook.id.uuid().to_string()),
        ("url", webhook.url.as_str().to_owned()),
        ("events", in_words(&webhook.events)),
        ("include_addresses", webhook.include_addresses.to_string()),
        ("format", webhook.format.as_str().to_owned()),
        ("state", webhook.state.as_str().to_owned()),
        ("gone_at", time_or_none(webhook.gone_at)),
        (
            "previous_secret_expires_at",
            time_or_none(webhook.previous_secret_expires_at),
        ),
        ("created_at", webhook.created_at.to_rfc3339()),
    ];
    let lines = lines.iter().map(|(name, value)| format!("{name:26} {value}\n"));
    write_out(&lines.collect::<String>())
}

fn time_or_none(time: Option<DateTime<Utc>>) -> String {
    time.map_or_else(|| "none".to_owned(), |time| time.to_rfc3339())
}

fn set_state(config: &Config, one: &OneArguments, state: WebhookState) -> Result<(), Failure> {
    let id = one.id()?;
    operate(config, async |core| {
        let changes = WebhookChanges {
            state: Some(state.as_str().to_owned()),
            ..WebhookChanges::default()
        };
        match webhooks::update(&core, &RecentOperator::command_line(&core), id, changes).await? {
            Update::Updated(webhook) => print(&webhook, one.json),
            Update::Unknown => Err(unknown()),
            Update::Invalid(invalid) => Err(faults(&invalid)),
            Update::Refused(_never) => Err(refused()),
        }
    })
}

fn remove(config: &Config, id: &str, yes: bool) -> Result<(), Failure> {
    let id = parse_id(id)?;
    let consent = Consent::of(yes)?;
    operate(config, async |core| {
        consent.ask(&format!("Remove the webhook {}, with its messages?", id.uuid()))?;
        let deleted = webhooks::delete(&core, &RecentOperator::command_line(&core), id).await?;
        if deleted.map_err(|_never| refused())? {
            Ok(())
        } else {
            Err(unknown())
        }
    })
}

fn rotate_secret(config: &Config, one: &OneArguments) -> Result<(), Failure> {
    let id = one.id()?;
    operate(config, async |core| {
        let rotated = webhooks::rotate_secret(&core, &RecentOperator::command_line(&core), id).await?;
        let rotated = rotated.map_err(|_never| refused())?.ok_or_else(unknown)?;
        let (secret, until) = (rotated.secret.expose_secret(), rotated.previous_expires_at);
        if one.json {
            let shown = json!({"id": id.uuid(), "secret": secret, "previous_secret_expires_at": until});
            return write_out(&format!("{shown}\n"));
        }
        write_out(&format!(
            "secret  {secret}\n\nThe secret is not shown again. The one before signs along until {}.\n",
            until.to_rfc3339()
        ))
    })
}

fn deliveries(config: &Config, (id, state, limit): (&str, Option<&str>, i64), as_json: bool) -> Result<(), Failure> {
    let id = parse_id(id)?;
    let state = state.and_then(DeliveryState::parse);
    operate(config, async |core| {
        let webhook = webhooks::find(&core, id).await?.ok_or_else(unknown)?;
        let page = webhooks::deliveries(&core, id, state, None, limit).await?;
        let deliveries = page.ok_or_else(unknown)?.items;
        if as_json {
            let shown: Vec<Value> = deliveries.iter().map(|one| json!(DeliveryView::new(one))).collect();
            return write_out(&format!("{}\n", json!(shown)));
        }
        let rows: Vec<Vec<String>> = deliveries.iter().map(|one| row(&webhook, one)).collect();
        let headings = ["ID", "TYPE", "STATE", "ATTEMPTS", "OCCURRED", "NEXT TRY", "LAST"];
        write_out(&table(&headings, &rows))
    })
}

fn row(webhook: &Webhook, delivery: &Delivery) -> Vec<String> {
    let next_try = match (delivery.state, webhook.state) {
        (DeliveryState::Pending, WebhookState::Enabled) => delivery.next_try_at.to_rfc3339(),
        (DeliveryState::Pending, WebhookState::Disabled) => "when enabled".to_owned(),
        _ => String::new(),
    };
    vec![
        delivery.named.event_id.uuid().to_string(),
        delivery.named.event_type.clone(),
        delivery.state.as_str().to_owned(),
        delivery.attempts.to_string(),
        delivery.named.occurred_at.to_rfc3339(),
        next_try,
        last(delivery),
    ]
}

fn last(delivery: &Delivery) -> String {
    let status = delivery.last_status.map(|status| status.to_string());
    delivery.last_error.clone().or(status).unwrap_or_default()
}

fn test(config: &Config, one: &OneArguments) -> Result<(), Failure> {
    let id = one.id()?;
    operate(config, async |core| {
        let written = webhooks::test(&core, &Operator::command_line(&core), id).await?;
        let written = written.map_err(|_never| refused())?.map_err(idle)?;
        let tried = wait_for_try(&core, id, written.named.event_id).await?;
        if one.json {
            write_out(&format!("{}\n", json!(DeliveryView::new(&tried))))?;
        } else {
            write_out(&format!(
                "{}  {}  {}\n",
                tried.named.event_id.uuid(),
                tried.state.as_str(),
                last(&tried)
            ))?;
        }
        let webhook = webhooks::find(&core, id).await?.ok_or_else(unknown)?;
        outcome(&webhook, &tried)
    })
}

/// Says what a try came to, and what happens next.
fn outcome(webhook: &Webhook, tried: &Delivery) -> Result<(), Failure> {
    let why = match (tried.state, webhook.state) {
        (DeliveryState::Delivered, _) => return Ok(()),
        (DeliveryState::Dead, _) => "the receiver has not taken it, and it was given up",
        (DeliveryState::Pending, WebhookState::Disabled) if webhook.gone_at.is_some() => {
            "the receiver answered that it is gone, and the webhook was disabled; once it takes messages, \
             `vestibule webhooks enable` enables the webhook"
        }
        (DeliveryState::Pending, WebhookState::Disabled) => {
            "the webhook was disabled meanwhile; `vestibule webhooks enable` enables it"
        }
        (DeliveryState::Pending, WebhookState::Enabled) if tried.attempts == 0 => "no running service has sent it yet",
        (DeliveryState::Pending, WebhookState::Enabled) => "the receiver has not taken it; it is tried again",
    };
    Err(Failure::of(why.to_owned()))
}

/// Waits until a message was delivered, or a try has failed.
async fn wait_for_try(core: &Arc<Core>, id: WebhookId, event_id: AuditEventId) -> Result<Delivery, Failure> {
    let mut looks_left = LOOKS;
    loop {
        let delivery = webhooks::delivery(core, id, event_id).await?.ok_or_else(unknown)?;
        let is_tried = delivery.state != DeliveryState::Pending || delivery.last_error.is_some();
        if is_tried || looks_left == 0 {
            return Ok(delivery);
        }
        looks_left -= 1;
        actix_web::rt::time::sleep(BETWEEN_LOOKS).await;
    }
}

fn replay(config: &Config, (id, since): (&str, DateTime<Utc>), as_json: bool) -> Result<(), Failure> {
    let id = parse_id(id)?;
    operate(config, async |core| {
        let operator = RecentOperator::command_line(&core);
        let (mut messages, mut next) = (0, Some(since));
        while let Some(since) = next {
            match webhooks::replay(&core, &operator, id, since).await? {
                Replay::Begun(replayed) => {
                    messages += replayed.messages;
                    next = replayed.continue_since.filter(|next| *next > since);
                }
                Replay::Idle(why) => return Err(idle(why)),
                Replay::Invalid(invalid) => return Err(faults(&invalid)),
                Replay::Refused(_never) => return Err(refused()),
            }
        }
        if as_json {
            return write_out(&format!("{}\n", json!({"replayed": messages})));
        }
        write_out(&format!("{messages} messages are sent again.\n"))
    })
}
