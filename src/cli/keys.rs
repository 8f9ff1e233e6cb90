//! `vestibule keys list|rotate`.

use clap::Subcommand;
use serde_json::json;

use super::operate::{operate, table};
use super::setting_flags::SettingFlags;
use super::{Failure, write_out};
use crate::config::Config;
use crate::flows::admin::Operator;
use crate::flows::signing_keys::{self, Rotation};

/// Signing keys
#[derive(Subcommand)]
pub(super) enum KeysCommand {
    /// List the signing keys
    List {
        /// As JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        settings: SettingFlags,
    },
    /// Let the next key sign, and make a new next one; running instances follow within seconds
    Rotate {
        #[command(flatten)]
        settings: SettingFlags,
    },
}

impl KeysCommand {
    /// Returns the settings given as flags.
    pub(super) const fn settings(&self) -> &SettingFlags {
        match self {
            Self::List { settings, .. } | Self::Rotate { settings } => settings,
        }
    }

    /// Runs the command.
    pub(super) fn run(&self, config: &Config) -> Result<(), Failure> {
        match self {
            Self::List { json, .. } => list(config, *json),
            Self::Rotate { .. } => rotate(config),
        }
    }
}

fn list(config: &Config, as_json: bool) -> Result<(), Failure> {
    operate(config, async |core| {
        let keys = signing_keys::load(&core).await?;
        if as_json {
            let shown: Vec<_> = keys
                .iter()
                .map(|key| {
                    json!({
                        "kid": key.kid, "algorithm": key.algorithm.as_str(), "state": key.state.as_str(),
                        "created_at": key.created_at, "activated_at": key.activated_at, "retired_at": key.retired_at,
                    })
                })
                .collect();
            return write_out(&format!("{}\n", json!(shown)));
        }
        let rows: Vec<Vec<String>> = keys
            .iter()
            .map(|key| {
                let names = [key.kid.as_str(), key.algorithm.as_str(), key.state.as_str()];
                let mut row: Vec<String> = names.map(str::to_owned).to_vec();
                row.push(key.created_at.to_rfc3339());
                row
            })
            .collect();
        write_out(&table(&["KID", "ALGORITHM", "STATE", "CREATED"], &rows))
    })
}

fn rotate(config: &Config) -> Result<(), Failure> {
    operate(config, async |core| {
        match signing_keys::rotate(&core, &Operator::command_line(&core)).await? {
            Rotation::Rotated { current } => write_out(&format!("{current} signs now\n")),
            Rotation::TooSoon { ready_at } => Err(Failure::of(format!(
                "the next key has not been published for long enough, and verifiers might not know it yet: try again after {}",
                ready_at.to_rfc3339()
            ))),
            Rotation::NoKeys => Err(Failure::of(
                "there are no signing keys yet: the service makes them at its start".to_owned(),
            )),
            Rotation::Refused(_) => Err(Failure::of("the key may not be rotated".to_owned())),
            Rotation::AlreadyRotated => Err(Failure::of(
                "the key was rotated by somebody else at this moment".to_owned(),
            )),
        }
    })
}
