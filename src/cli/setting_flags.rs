//! Makes a flag of every setting, from the table of settings.

use std::collections::BTreeMap;

use clap::{Arg, ArgMatches, Args, Command, Error, FromArgMatches};

use crate::config::settings::{ALL, Setting};

/// The only variable that is not a setting.
const LOG_LEVELS: &str = "Environment:\n  RUST_LOG  \
    The log levels, such as warn or vestibule=debug [default: info,actix_server=warn]";

/// The settings given as flags, by name; files with secrets have `_FILE` after the name.
#[derive(Clone, Debug, Default)]
pub(super) struct SettingFlags {
    pub(super) values: BTreeMap<String, String>,
}

impl Args for SettingFlags {
    fn augment_args(command: Command) -> Command {
        let flags = ALL.iter().flat_map(|setting| {
            let file = setting.secret.then(|| file_flag(setting));
            [Some(flag(setting)), file].into_iter().flatten()
        });
        let command = command.after_help(LOG_LEVELS);
        command.next_help_heading("Settings").args(flags)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for SettingFlags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let names = ALL
            .iter()
            .flat_map(|setting| [setting.name.to_owned(), format!("{}_FILE", setting.name)]);
        let given = |name: String| {
            let value = matches.try_get_one::<String>(&name).ok().flatten().cloned();
            value.map(|value| (name, value))
        };
        Ok(Self {
            values: names.filter_map(given).collect(),
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

fn flag(setting: &'static Setting) -> Arg {
    let default = if setting.default.is_empty() {
        setting.default_note
    } else {
        setting.default
    };
    let help = format!("{} [env: {}] [default: {default}]", setting.help, setting.variable);
    Arg::new(setting.name).long(setting.flag).value_name("VALUE").help(help)
}

fn file_flag(setting: &'static Setting) -> Arg {
    let help = format!("A file that contains it [env: {}_FILE]", setting.variable);
    Arg::new(format!("{}_FILE", setting.name))
        .long(format!("{}-file", setting.flag))
        .value_name("FILE")
        .conflicts_with(setting.name)
        .help(help)
}
