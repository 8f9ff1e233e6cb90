//! The command line: one file or folder for each command.
//!
//! Every setting is also a flag of the commands that use settings. Wrong usage and invalid settings end with status 2,
//! other failures with status 1.

mod check;
mod clients;
mod completions;
mod confirm;
mod distribute;
mod health;
mod keys;
mod migrate;
mod operate;
mod progress;
mod reference;
mod serve;
mod setting_flags;
mod users;
mod webhooks;

use std::fmt::Display;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use clap_complete::Shell;

use self::check::Stage;
use self::clients::ClientsCommand;
use self::keys::KeysCommand;
use self::reference::Page;
use self::setting_flags::SettingFlags;
use self::users::UsersCommand;
use self::webhooks::WebhooksCommand;
use crate::api::problem::with_causes;
use crate::config::{Config, Mode, Source};

/// An authentication service with two factors
#[derive(Parser)]
#[command(name = "vestibule", version, args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    settings: SettingFlags,
}

#[derive(Subcommand)]
enum Command {
    /// Migrate the database, then serve; the default command
    ///
    ///   vestibule serve
    ///   vestibule serve --listen 127.0.0.1:8081
    #[command(verbatim_doc_comment)]
    Serve(SettingFlags),
    /// Serve developers and test suites: on loopback only, with endpoints that move the clock and show messages
    ///
    ///   vestibule dev
    ///   vestibule dev --listen 127.0.0.1:8081 --data-dir /tmp/vestibule
    #[command(verbatim_doc_comment)]
    Dev(SettingFlags),
    /// Migrate the schema of the database
    ///
    ///   DATABASE_URL="$OWNER_URL" vestibule migrate
    #[command(verbatim_doc_comment)]
    Migrate(SettingFlags),
    /// Distribute the tables over the servers of a Citus cluster
    ///
    /// Runs on the coordinator, as the owner of the tables, in one transaction. Shows what it will do and how long that
    /// takes at most, and asks for confirmation, unless --yes is given. Meanwhile nothing can be written. Run it again
    /// after an upgrade: it distributes the tables that are new.
    ///
    ///   DATABASE_URL="$OWNER_URL" vestibule distribute --dry-run
    ///   DATABASE_URL="$OWNER_URL" vestibule distribute
    #[command(verbatim_doc_comment)]
    Distribute {
        /// Show what would be done, and change nothing
        #[arg(long, conflicts_with = "yes")]
        dry_run: bool,
        /// Do not ask for confirmation
        #[arg(long, short)]
        yes: bool,
        #[command(flatten)]
        settings: SettingFlags,
    },
    /// Check everything that the settings name, and print what is wrong
    ///
    /// Connects to the database, the mail server, the webhook and the public URL, opens sealed values, compares
    /// clocks, and measures the time of a password hash. Changes nothing and sends nothing. Ends with status 1 if a
    /// check has failed.
    ///
    ///   vestibule check --before-start
    ///   vestibule check --json
    #[command(verbatim_doc_comment)]
    Check {
        /// Assume that the service is not running yet: migrations may be missing, and the public URL need not answer
        #[arg(long)]
        before_start: bool,
        /// Print JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        settings: SettingFlags,
    },
    /// List and rotate the signing keys, and rewrap what is sealed under another master key
    ///
    ///   vestibule keys list
    ///   vestibule keys rotate
    ///   vestibule keys rewrap
    #[command(subcommand, verbatim_doc_comment)]
    Keys(KeysCommand),
    /// Register, list, change and delete applications and services
    ///
    ///   vestibule clients create "the shop"
    ///   vestibule clients list
    #[command(subcommand, verbatim_doc_comment)]
    Clients(ClientsCommand),
    #[expect(rustdoc::bare_urls, reason = "the help shows it as it is written")]
    /// Add, list, try and remove the endpoints of back ends that are told what happens to accounts
    ///
    ///   vestibule webhooks add https://api.example.com/hooks/accounts
    ///   vestibule webhooks deliveries 01a1fc08-1597-71af-b660-2afda59b0b28 --state dead
    #[command(subcommand, verbatim_doc_comment)]
    Webhooks(WebhooksCommand),
    /// Create, list, change, delete and import accounts, including the first administrator
    ///
    ///   vestibule users create root@example.com --role admin --unverified
    ///   vestibule users show root@example.com
    #[command(subcommand, verbatim_doc_comment)]
    Users(UsersCommand),
    /// Print the OpenAPI document
    ///
    ///   vestibule openapi > openapi.json
    #[command(verbatim_doc_comment)]
    Openapi,
    /// Print a script with which a shell completes commands and flags
    ///
    ///   vestibule completions bash > /usr/share/bash-completion/completions/vestibule
    #[command(verbatim_doc_comment)]
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Print the manual page
    ///
    ///   vestibule man | man -l -
    ///   vestibule man --directory /usr/local/share/man/man1
    #[command(verbatim_doc_comment)]
    Man {
        /// Write the pages of all commands to this directory instead
        #[arg(long, value_name = "DIRECTORY")]
        directory: Option<PathBuf>,
    },
    /// Print a page of the reference in Markdown, generated from the program
    ///
    ///   vestibule reference settings > docs/reference/settings.md
    #[command(verbatim_doc_comment, hide = true)]
    Reference {
        /// The page
        page: Page,
    },
    /// Check whether a running server is ready; for the health check of a container
    ///
    ///   vestibule health --listen 127.0.0.1:8081
    #[command(verbatim_doc_comment)]
    Health(SettingFlags),
}

/// A command failed; the text says why.
#[derive(Debug)]
pub(crate) struct Failure {
    status: u8,
    message: String,
}

impl Failure {
    /// The command could not do its work: status 1.
    fn of(message: impl Into<String>) -> Self {
        Self {
            status: 1,
            message: message.into(),
        }
    }

    /// The command was used in the wrong way: status 2.
    fn usage(message: impl Into<String>) -> Self {
        Self {
            status: 2,
            message: message.into(),
        }
    }
}

impl<E: std::error::Error> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::of(with_causes(&error))
    }
}

/// Runs the command that the arguments name.
pub fn run() -> ExitCode {
    let matches = Cli::command().get_matches();
    let cli = match Cli::from_arg_matches(&matches) {
        Ok(cli) => cli,
        Err(error) => error.exit(),
    };
    let outcome = match cli.command.unwrap_or(Command::Serve(cli.settings)) {
        Command::Serve(flags) => with_config(&flags, Mode::Serve, serve::run),
        Command::Dev(flags) => with_config(&flags, Mode::Development, serve::run),
        Command::Migrate(flags) => with_config(&flags, Mode::Serve, |config| migrate::run(&config)),
        Command::Distribute { dry_run, yes, settings } => with_config(&settings, Mode::Serve, |config| {
            distribute::run(&config, distribute::Run::of(dry_run, yes)?)
        }),
        Command::Check {
            before_start,
            json,
            settings,
        } => {
            let stage = if before_start {
                Stage::BeforeStart
            } else {
                Stage::Running
            };
            with_config(&settings, Mode::Serve, |config| check::run(config, stage, json))
        }
        Command::Openapi => write_out(&crate::api::openapi::document()).map_err(exit),
        Command::Completions { shell } => completions::completions(Cli::command(), shell).map_err(exit),
        Command::Man { directory } => completions::manual(Cli::command(), directory.as_deref()).map_err(exit),
        Command::Reference { page } => write_out(&page.write(Cli::command())).map_err(exit),
        Command::Keys(command) => with_config(command.settings(), Mode::Serve, |config| command.run(&config)),
        Command::Clients(command) => with_config(command.settings(), Mode::Serve, |config| command.run(&config)),
        Command::Webhooks(command) => with_config(command.settings(), Mode::Serve, |config| command.run(&config)),
        Command::Users(command) => with_config(command.settings(), Mode::Serve, |config| command.run(&config)),
        Command::Health(flags) => with_config(&flags, Mode::Serve, |config| health::run(&config)),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(Exit { status, message }) => {
            complain(&message);
            ExitCode::from(status)
        }
    }
}

struct Exit {
    status: u8,
    message: String,
}

fn with_config(
    flags: &SettingFlags,
    mode: Mode,
    command: impl FnOnce(Config) -> Result<(), Failure>,
) -> Result<(), Exit> {
    let source = Source::collect(&flags.values);
    for name in &source.unknown {
        complain(&format!(
            "warning: {name} is not a setting of this version and has no effect"
        ));
    }
    let config = Config::read(&source, mode).map_err(|faults| {
        let lines: Vec<String> = faults.iter().map(|fault| format!("  {fault}")).collect();
        Exit {
            status: 2,
            message: format!("some settings cannot be used:\n{}", lines.join("\n")),
        }
    })?;
    command(config).map_err(exit)
}

/// Writes the result of a command.
fn write_out(text: &str) -> Result<(), Failure> {
    match io::stdout().write_all(text.as_bytes()) {
        // The reader has closed the pipe, as `head` does.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => Ok(written?),
    }
}

/// Returns a number with what it counts: `1 line`, `2 lines`.
fn counted<N: Copy + Display + PartialEq + From<u8>>(number: N, noun: &str) -> String {
    let ending = if number == N::from(1) { "" } else { "s" };
    format!("{number} {noun}{ending}")
}

fn exit(Failure { status, message }: Failure) -> Exit {
    Exit {
        status,
        message: format!("vestibule: {message}"),
    }
}

/// Writes to standard error. If that fails too, there is no place left to report it.
fn complain(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns a command and all its subcommands, each with the words that call it.
    fn with_all_below(command: &clap::Command, words: &str) -> Vec<(String, clap::Command)> {
        let below = command.get_subcommands().filter(|below| below.get_name() != "help");
        let below = below.flat_map(|below| with_all_below(below, &format!("{words} {}", below.get_name())));
        std::iter::once((words.to_owned(), command.clone()))
            .chain(below)
            .collect()
    }

    /// Returns the examples in the help of a command: lines that call the program, possibly with variables before it.
    fn examples(command: &clap::Command) -> Vec<String> {
        let help = command.get_long_about().map(ToString::to_string).unwrap_or_default();
        let lines = help.lines().filter_map(|line| line.strip_prefix("  "));
        let calls = |line: &&str| line.contains("vestibule ");
        lines.filter(calls).map(|line| line.trim().to_owned()).collect()
    }

    /// Splits a line as a shell does, as far as the examples need it: quotes and redirections.
    fn words(line: &str) -> Vec<String> {
        let mut words = vec![String::new()];
        let mut quote = None;
        for character in line.chars() {
            match (character, words.last_mut()) {
                ('"' | '\'', _) if quote.is_none() => quote = Some(character),
                (end, _) if quote == Some(end) => quote = None,
                (' ', _) if quote.is_none() => words.push(String::new()),
                (_, Some(word)) => word.push(character),
                (_, None) => {}
            }
        }
        let is_variable = |word: &String| word.split('=').next().is_some_and(|name| name.to_uppercase() == name);
        let is_redirection = |word: &String| word == ">" || word == "|";
        let called = words
            .into_iter()
            .skip_while(|word| word.contains('=') && is_variable(word));
        called.take_while(|word| !is_redirection(word)).collect()
    }

    #[test]
    fn every_command_has_an_example_that_it_takes() {
        let program = Cli::command();
        let all = with_all_below(&program, "vestibule");
        assert!(all.len() > 20, "{}", all.len());
        for (called, command) in all.iter().skip(1) {
            let examples = examples(command);
            assert!(!examples.is_empty(), "{called} has no example");
            for example in examples {
                let words = words(&example);
                assert!(words.join(" ").starts_with(called), "{called}: {example}");
                let taken = Cli::command().try_get_matches_from(&words);
                assert!(taken.is_ok(), "{example}: {}", taken.unwrap_err());
            }
        }
    }

    #[test]
    fn examples_are_read_as_a_shell_reads_them() {
        for (line, expected) in [
            ("vestibule keys list", vec!["vestibule", "keys", "list"]),
            (
                "A=\"b c\" vestibule clients create \"the shop\" > file",
                vec!["vestibule", "clients", "create", "the shop"],
            ),
            ("vestibule man | man -l -", vec!["vestibule", "man"]),
            ("vestibule x '{\"a\": 1}'", vec!["vestibule", "x", "{\"a\": 1}"]),
        ] {
            assert_eq!(words(line), expected);
        }
    }
}
