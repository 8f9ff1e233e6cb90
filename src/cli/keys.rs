//! `vestibule keys list|rotate|rewrap`.

use clap::Subcommand;
use serde_json::json;

use super::confirm::Consent;
use super::operate::{operate, table};
use super::progress::Progress;
use super::setting_flags::SettingFlags;
use super::{Failure, write_out};
use crate::api::dto::admin::SigningKeysResponse;
use crate::config::Config;
use crate::flows::admin::Operator;
use crate::flows::maintenance::rewrap::{self, Rewrapped};
use crate::flows::maintenance::signing_keys::{self, KeyRotation};

/// Signing keys, and the master key
#[derive(Subcommand)]
pub(super) enum KeysCommand {
    /// List the signing keys
    ///
    ///   vestibule keys list --json
    #[command(verbatim_doc_comment)]
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        settings: SettingFlags,
    },
    /// Make the next key the current one, and generate a new next one; running instances follow within seconds
    ///
    ///   vestibule keys rotate
    #[command(verbatim_doc_comment)]
    Rotate {
        #[command(flatten)]
        settings: SettingFlags,
    },
    /// Seal everything again with the newest master key, the first of VESTIBULE_MASTER_KEY, while the service runs
    ///
    /// Every running instance must have the newest key first in its list before this begins; otherwise it refuses to
    /// begin. Asks for confirmation, unless --yes is given. Afterwards the older keys can be removed from the list.
    /// Can be interrupted and run again.
    ///
    ///   VESTIBULE_MASTER_KEY="2:$NEW_KEY,1:$OLD_KEY" vestibule keys rewrap
    #[command(verbatim_doc_comment)]
    Rewrap {
        /// Do not ask for confirmation
        #[arg(long, short)]
        yes: bool,
        /// Print JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        settings: SettingFlags,
    },
}

impl KeysCommand {
    /// Returns the settings given as flags.
    pub(super) const fn settings(&self) -> &SettingFlags {
        match self {
            Self::List { settings, .. } | Self::Rotate { settings } | Self::Rewrap { settings, .. } => settings,
        }
    }

    /// Runs the command.
    pub(super) fn run(&self, config: &Config) -> Result<(), Failure> {
        match self {
            Self::List { json, .. } => list(config, *json),
            Self::Rotate { .. } => rotate(config),
            Self::Rewrap { json, yes, .. } => rewrap_all(config, *json, *yes),
        }
    }
}

fn list(config: &Config, as_json: bool) -> Result<(), Failure> {
    operate(config, async |core| {
        let keys = signing_keys::load(&core).await?;
        if as_json {
            let shown = SigningKeysResponse::new(&keys);
            return write_out(&format!("{}\n", json!(shown.items)));
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
            KeyRotation::Rotated { current } => write_out(&format!("{current} signs now\n")),
            KeyRotation::TooSoon { ready_at } => Err(Failure::of(format!(
                "the next key has not been published for long enough, and verifiers might not know it yet: try again after {}",
                ready_at.to_rfc3339()
            ))),
            KeyRotation::NoKeys => Err(Failure::of(
                "there are no signing keys yet: the service generates them when it starts".to_owned(),
            )),
            KeyRotation::Refused(_) => Err(Failure::of("the key may not be rotated".to_owned())),
            KeyRotation::AlreadyRotated => Err(Failure::of(
                "another operator or instance has just rotated the key".to_owned(),
            )),
        }
    })
}

fn rewrap_all(config: &Config, as_json: bool, yes: bool) -> Result<(), Failure> {
    let consent = Consent::of(yes)?;
    operate(config, async |core| {
        let others = rewrap::other_master_keys(&core).await?;
        if let Some(other) = others.first() {
            return Err(Failure::of(lacks_newest_key(core.db.master_key(), other)));
        }
        let count = rewrap::count(&core).await?;
        let newest = core.sealer.current_key_id();
        consent.ask(&format!("Seal {count} values again with the master key {newest}?"))?;
        let progress = Progress::new("values sealed again", count);
        let outcome = rewrap::rewrap(&core, |done| progress.add(done)).await;
        progress.finish();
        let report = outcome?;
        write_out(&if as_json {
            format!("{}\n", json!(report.iter().map(as_value).collect::<Vec<_>>()))
        } else {
            table(
                &["COLUMN", "SEALED AGAIN", "NOT OPENED"],
                &report.iter().map(as_row).collect::<Vec<_>>(),
            )
        })?;
        let left: u64 = report.iter().map(|column| column.not_opened).sum();
        if left > 0 {
            return Err(Failure::of(format!(
                "{left} values cannot be opened with any of the given master keys and were left unchanged; the log names them"
            )));
        }
        Ok(())
    })
}

/// Says which master key a running instance uses instead of the newest one. A label is an id and a part of a hash.
fn lacks_newest_key(newest: &str, other: &str) -> String {
    let id = |label: &str| label.split(':').next().unwrap_or_default().to_owned();
    let (newest, other) = (id(newest), id(other));
    let lacks = match other.as_str() {
        "" => "runs an older release, which does not report its master key".to_owned(),
        same if same == newest => format!("has another master key with the id {newest}"),
        other => format!("has the master key {other} first in its list, not {newest}"),
    };
    format!(
        "an instance that uses this database {lacks}: nothing was changed; restart every instance with the same list, \
         {newest} first, and run this again"
    )
}

fn as_value(column: &Rewrapped) -> serde_json::Value {
    json!({
        "column": column.column.name(), "resealed": column.resealed, "not_opened": column.not_opened,
    })
}

fn as_row(column: &Rewrapped) -> Vec<String> {
    let counts = [column.resealed, column.not_opened].map(|count| count.to_string());
    std::iter::once(column.column.name().to_owned()).chain(counts).collect()
}
