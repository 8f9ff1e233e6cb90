//! `vestibule clients create|list|delete`.

use clap::Subcommand;
use secrecy::ExposeSecret;
use serde_json::json;

use super::confirm::Consent;
use super::operate::{operate, table};
use super::setting_flags::SettingFlags;
use super::{Failure, write_out};
use crate::config::Config;
use crate::domain::ids::ServiceClientId;
use crate::flows::admin::service_clients;

/// Service clients: back ends that may introspect and revoke tokens
#[derive(Subcommand)]
pub(super) enum ClientsCommand {
    /// Create a client and print its credentials, which are not shown again
    ///
    ///   vestibule clients create "the shop"
    #[command(verbatim_doc_comment)]
    Create {
        /// Its name, 1 to 100 characters
        name: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        settings: SettingFlags,
    },
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
    /// Delete a client; its credentials are refused at once
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

impl ClientsCommand {
    /// Returns the settings given as flags.
    pub(super) const fn settings(&self) -> &SettingFlags {
        match self {
            Self::Create { settings, .. } | Self::List { settings, .. } | Self::Delete { settings, .. } => settings,
        }
    }

    /// Runs the command.
    pub(super) fn run(&self, config: &Config) -> Result<(), Failure> {
        match self {
            Self::Create { name, json, .. } => create(config, name, *json),
            Self::List { json, .. } => list(config, *json),
            Self::Delete { id, yes, .. } => delete(config, id, *yes),
        }
    }
}

fn create(config: &Config, name: &str, as_json: bool) -> Result<(), Failure> {
    if name.trim().is_empty() || name.chars().count() > 100 || name.chars().any(char::is_control) {
        return Err(Failure::of("the name must have 1 to 100 characters".to_owned()));
    }
    let name = name.trim().to_owned();
    operate(config, async |core| {
        let Some((client, secret)) = service_clients::create(&core, name).await? else {
            return Err(Failure::of("there is already a client with this name".to_owned()));
        };
        let (id, secret) = (client.id.uuid(), secret.expose_secret());
        if as_json {
            return write_out(&format!(
                "{}\n",
                json!({"id": id, "name": client.name, "secret": secret})
            ));
        }
        write_out(&format!(
            "id      {id}\nsecret  {secret}\n\nThe secret is not shown again.\n"
        ))
    })
}

fn list(config: &Config, as_json: bool) -> Result<(), Failure> {
    operate(config, async |core| {
        let clients = service_clients::list(&core).await?;
        if as_json {
            let shown: Vec<_> = clients
                .iter()
                .map(|client| json!({"id": client.id.uuid(), "name": client.name, "created_at": client.created_at}))
                .collect();
            return write_out(&format!("{}\n", json!(shown)));
        }
        let rows: Vec<Vec<String>> = clients
            .iter()
            .map(|client| {
                vec![
                    client.id.uuid().to_string(),
                    client.name.clone(),
                    client.created_at.to_rfc3339(),
                ]
            })
            .collect();
        write_out(&table(&["ID", "NAME", "CREATED"], &rows))
    })
}

fn delete(config: &Config, id: &str, yes: bool) -> Result<(), Failure> {
    let unknown = || Failure::of("there is no such client; `vestibule clients list` shows their ids".to_owned());
    let id = ServiceClientId::parse(id).ok_or_else(unknown)?;
    let consent = Consent::of(yes)?;
    operate(config, async |core| {
        consent.ask(&format!(
            "Delete the client {}? Back ends that use it are refused at once.",
            id.uuid()
        ))?;
        if service_clients::delete(&core, id).await? {
            Ok(())
        } else {
            Err(unknown())
        }
    })
}
