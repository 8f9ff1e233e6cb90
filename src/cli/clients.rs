//! `vestibule clients create|list|show|update|rotate-secret|delete`.

use std::path::PathBuf;

use chrono::TimeDelta;
use clap::{Args, Subcommand, ValueEnum};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::confirm::Consent;
use super::operate::{operate, table};
use super::setting_flags::SettingFlags;
use super::{Failure, write_out};
use crate::api::dto::client::ClientView;
use crate::config::Config;
use crate::domain::ids::ClientId;
use crate::domain::input::InvalidInput;
use crate::domain::oauth::client::{Client, ClientChanges, ClientDescription};
use crate::flows::admin::RecentOperator;
use crate::flows::admin::clients::{self, Registration, Update};

/// Clients: applications that users sign in to, and services that act for themselves
#[derive(Subcommand)]
pub(super) enum ClientsCommand {
    /// Register a client and print its credentials; a secret is not shown again
    ///
    ///   vestibule clients create "the shop's back end"
    ///   vestibule clients create Shop --kind public --redirect-uri com.example.shop:/callback
    #[command(verbatim_doc_comment)]
    Create(Box<CreateArguments>),
    /// List the clients
    ///
    ///   vestibule clients list --json
    #[command(verbatim_doc_comment)]
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        settings: SettingFlags,
    },
    /// Show a client
    ///
    ///   vestibule clients show 01a1fc08-1597-71af-b660-2afda59b0b28
    #[command(verbatim_doc_comment)]
    Show {
        /// Its id
        id: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        settings: SettingFlags,
    },
    /// Change a client; what no flag names stays as it is, and a repeated flag gives the whole list
    ///
    ///   vestibule clients update 01a1fc08-1597-71af-b660-2afda59b0b28 --name Store --scope openid --scope email
    #[command(verbatim_doc_comment)]
    Update(Box<UpdateArguments>),
    /// Make a new secret for a client; the old one is accepted for another day, or for as long as --overlap says
    ///
    ///   vestibule clients rotate-secret 01a1fc08-1597-71af-b660-2afda59b0b28 --overlap 0
    #[command(verbatim_doc_comment)]
    RotateSecret {
        /// Its id
        id: String,
        /// How many hours the old secret is still accepted, at most 720
        #[arg(long, default_value_t = 24, value_parser = clap::value_parser!(u16).range(0..=720))]
        overlap: u16,
        /// Print JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        settings: SettingFlags,
    },
    /// Delete a client; its credentials are refused at once, and users are signed out of it
    ///
    /// Asks for confirmation, unless --yes is given.
    ///
    ///   vestibule clients delete 01a1fc08-1597-71af-b660-2afda59b0b28
    #[command(verbatim_doc_comment)]
    Delete {
        /// Its id
        id: String,
        /// Do not ask for confirmation
        #[arg(long, short)]
        yes: bool,
        #[command(flatten)]
        settings: SettingFlags,
    },
}

/// What an operator says about a new client.
#[derive(Args)]
pub(super) struct CreateArguments {
    /// Its name, 1 to 100 characters; users see it where they are asked for consent
    name: String,
    /// `public`: an application that cannot keep a secret, such as a page or an app. `confidential`: one that can.
    /// `service`: a back end without users
    #[arg(long, default_value = "service", value_parser = ["public", "confidential", "service"])]
    kind: String,
    /// It belongs to you: users are not asked for consent, and it always gets refresh tokens
    #[arg(long)]
    first_party: bool,
    /// Where users are sent with an authorization code; repeat it for several
    #[arg(long = "redirect-uri", value_name = "URI")]
    redirect_uris: Vec<String>,
    /// Where users may be sent after a logout; repeat it for several
    #[arg(long = "post-logout-redirect-uri", value_name = "URI")]
    post_logout_redirect_uris: Vec<String>,
    /// A resource that it may get access tokens for; repeat it for several, the default first
    #[arg(long = "resource", value_name = "URL")]
    audiences: Vec<String>,
    /// A scope that it may get; repeat it for several
    #[arg(long = "scope", value_name = "SCOPE")]
    scopes: Vec<String>,
    /// A file with its public keys, a JWK set: it signs assertions (private_key_jwt), and has no secret
    #[arg(long, value_name = "FILE")]
    jwks_file: Option<PathBuf>,
    /// It gets only tokens that are bound to a key of its own (DPoP)
    #[arg(long)]
    dpop_bound_access_tokens: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    settings: SettingFlags,
}

/// A list of a client that may be empty.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum List {
    RedirectUri,
    PostLogoutRedirectUri,
    Resource,
    Scope,
}

/// What an operator changes of a client.
#[derive(Args)]
pub(super) struct UpdateArguments {
    /// Its id
    id: String,
    /// Its name, 1 to 100 characters
    #[arg(long)]
    name: Option<String>,
    /// Where users are sent with an authorization code; requests and codes for those that are left out are refused
    #[arg(long = "redirect-uri", value_name = "URI")]
    redirect_uris: Vec<String>,
    /// Where users may be sent after a logout
    #[arg(long = "post-logout-redirect-uri", value_name = "URI")]
    post_logout_redirect_uris: Vec<String>,
    /// A resource that it may get access tokens for, the default first; grants for those that are left out end
    #[arg(long = "resource", value_name = "URL")]
    audiences: Vec<String>,
    /// A scope that it may get; grants lose those that are left out
    #[arg(long = "scope", value_name = "SCOPE")]
    scopes: Vec<String>,
    /// A list that is to be empty
    #[arg(long, value_name = "LIST")]
    clear: Vec<List>,
    /// A file with its public keys, a JWK set; they take the place of its secret, which is refused at once
    #[arg(long, value_name = "FILE")]
    jwks_file: Option<PathBuf>,
    /// Whether it gets only tokens that are bound to a key of its own (DPoP), from the next ones on
    #[arg(long, value_name = "true|false")]
    dpop_bound_access_tokens: Option<bool>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    settings: SettingFlags,
}

impl UpdateArguments {
    fn changes(&self) -> Result<ClientChanges, Failure> {
        let list = |given: &Vec<String>, list: List| match (given.is_empty(), self.clear.contains(&list)) {
            (true, false) => Ok(None),
            (true, true) => Ok(Some(Vec::new())),
            (false, false) => Ok(Some(given.clone())),
            (false, true) => Err(Failure::of("a list cannot both be given and be cleared".to_owned())),
        };
        Ok(ClientChanges {
            name: self.name.clone(),
            redirect_uris: list(&self.redirect_uris, List::RedirectUri)?,
            post_logout_redirect_uris: list(&self.post_logout_redirect_uris, List::PostLogoutRedirectUri)?,
            audiences: list(&self.audiences, List::Resource)?,
            scopes: list(&self.scopes, List::Scope)?,
            jwks: self.jwks_file.as_ref().map(read).transpose()?,
            dpop_bound_access_tokens: self.dpop_bound_access_tokens,
        })
    }
}

fn read(file: &PathBuf) -> Result<String, Failure> {
    std::fs::read_to_string(file).map_err(|error| Failure::of(format!("{} cannot be read: {error}", file.display())))
}

impl CreateArguments {
    fn description(&self) -> Result<ClientDescription, Failure> {
        Ok(ClientDescription {
            name: self.name.clone(),
            kind: self.kind.clone(),
            first_party: self.first_party,
            redirect_uris: self.redirect_uris.clone(),
            post_logout_redirect_uris: self.post_logout_redirect_uris.clone(),
            audiences: self.audiences.clone(),
            scopes: self.scopes.clone(),
            jwks: self.jwks_file.as_ref().map(read).transpose()?,
            dpop_bound_access_tokens: self.dpop_bound_access_tokens,
        })
    }
}

impl ClientsCommand {
    /// Returns the settings given as flags.
    pub(super) const fn settings(&self) -> &SettingFlags {
        match self {
            Self::Create(arguments) => &arguments.settings,
            Self::Update(arguments) => &arguments.settings,
            Self::List { settings, .. }
            | Self::Show { settings, .. }
            | Self::RotateSecret { settings, .. }
            | Self::Delete { settings, .. } => settings,
        }
    }

    /// Runs the command.
    pub(super) fn run(&self, config: &Config) -> Result<(), Failure> {
        match self {
            Self::Create(arguments) => create(config, arguments),
            Self::Update(arguments) => update(config, arguments),
            Self::List { json, .. } => list(config, *json),
            Self::Show { id, json, .. } => show(config, id, *json),
            Self::RotateSecret { id, overlap, json, .. } => rotate_secret(config, (id, *overlap), *json),
            Self::Delete { id, yes, .. } => delete(config, id, *yes),
        }
    }
}

fn create(config: &Config, arguments: &CreateArguments) -> Result<(), Failure> {
    operate(config, async |core| {
        let operator = RecentOperator::command_line(&core);
        let (client, secret) = match clients::create(&core, &operator, arguments.description()?).await? {
            Registration::Registered(client, secret) => (client, secret),
            Registration::NameTaken => return Err(name_taken()),
            Registration::Invalid(invalid) => return Err(Failure::of(faults(&invalid))),
            Registration::Refused(_never) => return Err(refused()),
        };
        let secret = secret.as_ref().map(ExposeSecret::expose_secret);
        if arguments.json {
            let mut shown = described(&client);
            if let (Some(secret), Value::Object(members)) = (secret, &mut shown) {
                members.insert("secret".to_owned(), secret.into());
            }
            return write_out(&format!("{shown}\n"));
        }
        let id = client.id.uuid();
        write_out(&match secret {
            Some(secret) => format!("id      {id}\nsecret  {secret}\n\nThe secret is not shown again.\n"),
            None => format!("id      {id}\n"),
        })
    })
}

fn update(config: &Config, arguments: &UpdateArguments) -> Result<(), Failure> {
    let id = ClientId::parse(&arguments.id).ok_or_else(unknown)?;
    let changes = arguments.changes()?;
    operate(config, async |core| {
        let operator = RecentOperator::command_line(&core);
        match clients::update(&core, &operator, id, changes).await? {
            Update::Updated(client) => print(&client, arguments.json),
            Update::Unknown => Err(unknown()),
            Update::NameTaken => Err(name_taken()),
            Update::Invalid(invalid) => Err(Failure::of(faults(&invalid))),
            Update::Refused(_never) => Err(refused()),
        }
    })
}

fn name_taken() -> Failure {
    Failure::of("there is already a client with this name".to_owned())
}

/// Names each fault by the flag that it is about.
fn faults(invalid: &InvalidInput) -> String {
    let named = |pointer: &str| match pointer {
        "/redirect_uris" => "--redirect-uri",
        "/post_logout_redirect_uris" => "--post-logout-redirect-uri",
        "/audiences" => "--resource",
        "/scopes" => "--scope",
        "/kind" => "--kind",
        "/jwks" => "--jwks-file",
        _ => "the name",
    };
    invalid.in_lines(named)
}

/// The command line may change everything.
fn refused() -> Failure {
    Failure::of("the change was refused".to_owned())
}

fn described(client: &Client) -> Value {
    json!(ClientView::new(client))
}

fn list(config: &Config, as_json: bool) -> Result<(), Failure> {
    operate(config, async |core| {
        let clients = clients::list(&core).await?;
        if as_json {
            let shown: Vec<Value> = clients.iter().map(described).collect();
            return write_out(&format!("{}\n", json!(shown)));
        }
        let row = |client: &Client| {
            vec![
                client.id.uuid().to_string(),
                client.kind.as_str().to_owned(),
                client.name.clone(),
                client.created_at.to_rfc3339(),
            ]
        };
        let rows: Vec<Vec<String>> = clients.iter().map(row).collect();
        write_out(&table(&["ID", "KIND", "NAME", "CREATED"], &rows))
    })
}

fn unknown() -> Failure {
    Failure::of("there is no such client; `vestibule clients list` shows their ids".to_owned())
}

fn show(config: &Config, id: &str, as_json: bool) -> Result<(), Failure> {
    let id = ClientId::parse(id).ok_or_else(unknown)?;
    operate(config, async |core| {
        let client = clients::find(&core, id).await?.ok_or_else(unknown)?;
        print(&client, as_json)
    })
}

fn print(client: &Client, as_json: bool) -> Result<(), Failure> {
    let shown = described(client);
    if as_json {
        return write_out(&format!("{shown}\n"));
    }
    let members = shown.as_object().into_iter().flatten();
    let lines = members.map(|(name, value)| format!("{name:26} {}\n", in_words(value)));
    write_out(&lines.collect::<String>())
}

fn in_words(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(in_words).collect::<Vec<_>>().join(" "),
        other => other.to_string(),
    }
}

fn rotate_secret(config: &Config, (id, overlap): (&str, u16), as_json: bool) -> Result<(), Failure> {
    let id = ClientId::parse(id).ok_or_else(unknown)?;
    operate(config, async |core| {
        let operator = RecentOperator::command_line(&core);
        let overlap = TimeDelta::hours(i64::from(overlap));
        let secret = clients::rotate_secret(&core, &operator, id, overlap).await?;
        let secret = secret.map_err(|_never| refused())?;
        let no_secret = || Failure::of("there is no such client, or it has no secret".to_owned());
        let secret = secret.ok_or_else(no_secret)?;
        let secret = secret.expose_secret();
        if as_json {
            return write_out(&format!("{}\n", json!({"id": id.uuid(), "secret": secret})));
        }
        write_out(&format!("secret  {secret}\n\nThe secret is not shown again.\n"))
    })
}

fn delete(config: &Config, id: &str, yes: bool) -> Result<(), Failure> {
    let id = ClientId::parse(id).ok_or_else(unknown)?;
    let consent = Consent::of(yes)?;
    operate(config, async |core| {
        consent.ask(&format!(
            "Delete the client {}? Programs that use it are refused at once, and users are signed out of it.",
            id.uuid()
        ))?;
        let deleted = clients::delete(&core, &RecentOperator::command_line(&core), id).await?;
        if deleted.map_err(|_never| refused())? {
            Ok(())
        } else {
            Err(unknown())
        }
    })
}
