//! `vestibule reference`: the pages below `docs/reference` that are generated. A test compares them.

use std::fmt::Write;
use std::time::Duration;

use clap::{Arg, Command, ValueEnum};

use crate::api::extract::json;
use crate::api::problem::Code;
use crate::client_documents;
use crate::config::settings;
use crate::domain::access_token::CLAIMS;
use crate::domain::account_event::AccountEventType;
use crate::domain::audit_event::EventName;
use crate::domain::dpop;
use crate::domain::policy::limits;
use crate::domain::registration_hook as hook;
use crate::flows::account::user_import::supported_hashes;
use crate::providers;
use crate::registration_hook;
use crate::server;
use crate::store::pool;

/// A page that is generated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Page {
    /// All settings.
    Settings,
    /// All commands.
    Commands,
    /// The codes of errors.
    Problems,
    /// The events of the audit trail.
    Events,
    /// The events that webhooks are told.
    WebhookEvents,
    /// The password hashes that can be imported.
    Hashes,
    /// The claims of access tokens.
    Claims,
    /// The limits that no setting changes.
    Limits,
}

impl Page {
    /// Returns the text of the page.
    pub(super) fn write(self, program: Command) -> String {
        let body = match self {
            Self::Settings => settings_page(),
            Self::Commands => commands_page(program),
            Self::Problems => problems_page(),
            Self::Events => events_page(),
            Self::WebhookEvents => webhook_events_page(),
            Self::Hashes => hashes_page(),
            Self::Claims => claims_page(),
            Self::Limits => limits_page(),
        };
        let name = self.to_possible_value().map(|value| value.get_name().to_owned());
        let name = name.unwrap_or_default();
        format!("<!-- Generated: cargo run -q -- reference {name} >docs/reference/{name}.md -->\n\n{body}")
    }
}

fn settings_page() -> String {
    let mut page = "# Settings\n\n\
        Each setting is an environment variable and a flag. A flag takes precedence over the environment, and the\n\
        environment over `.env` in the directory that the program is started in. A secret can also be given as a file:\n\
        `DATABASE_URL_FILE` names a file that contains it, as does `--database-url-file`.\n\
        [Configuring](../how-to/configure.md) explains the choices.\n\n"
        .to_owned();
    let rows = settings::ALL.iter().map(|setting| {
        let default = if setting.default.is_empty() {
            setting.default_note.to_owned()
        } else {
            format!("`{}`", setting.default)
        };
        let secret = if setting.secret { " Secret." } else { "" };
        let names = format!("`{}`<br>`--{}`", setting.variable, setting.flag);
        [names, default, format!("{}.{secret}", setting.help)]
    });
    table(&mut page, ["setting", "default", "meaning"], rows);
    page.push_str(
        "\n`RUST_LOG` sets the log levels, such as `warn` or `vestibule=debug`; the default is `info,actix_server=warn`.\n",
    );
    page
}

fn problems_page() -> String {
    let mut page = "# Problem codes\n\n\
        Every error is a problem document (RFC 9457) with one of these codes in `code`. The meaning of a code never\n\
        changes; later versions may add codes. A code that a client does not know means what its status means.\n\n"
        .to_owned();
    let rows = Code::ALL.iter().map(|code| {
        let status = code.status().as_u16().to_string();
        [format!("`{}`", code.as_str()), status, code.explanation().to_owned()]
    });
    table(&mut page, ["code", "status", "meaning"], rows);
    page
}

fn events_page() -> String {
    let mut page = "# Audit events\n\n\
        The names in the column `event` of `audit_events`, in `GET /me/events` and in `GET /admin/events`. Names that begin\n\
        with `authn_`, `authz_`, `sys_` or `crypto_` are those of OWASP's Logging Vocabulary. What happened at an upstream\n\
        provider has its id in `provider`.\n\n"
        .to_owned();
    let rows = EventName::ALL
        .iter()
        .map(|event| [format!("`{}`", event.as_str()), event.meaning().to_owned()]);
    table(&mut page, ["event", "meaning"], rows);
    page
}

fn webhook_events_page() -> String {
    let mut page = "# Webhook events\n\n\
        What [webhooks](../how-to/webhooks.md) are told of accounts. Each event is one of the [audit trail](events.md) and\n\
        keeps its id; the last column says of which, and with which reasons if not with all. Later versions may add types\n\
        and reasons. The OpenAPI document describes each message under `webhooks`.\n\n\
        Until the account is deleted, a message also says what the account is like when it is sent: `disabled`, and if the\n\
        endpoint includes addresses `email`, `email_verified` and `username`. `changed_at` says since when. Of two messages\n\
        about an account, that with the later `changed_at` has the newer state.\n\n"
        .to_owned();
    let rows = AccountEventType::ALL.iter().map(|told| {
        let sources = told.sources();
        let sources: Vec<_> = sources.iter().map(|(name, reasons)| source(*name, reasons)).collect();
        [
            format!("`{}`", told.as_str()),
            told.meaning().to_owned(),
            sources.join(", "),
        ]
    });
    table(&mut page, ["type", "meaning", "audit events"], rows);
    page.push_str(
        "\n## Security Event Tokens\n\n\
        An endpoint of the format `caep` gets these types of CAEP 1.0 and RISC 1.0 instead. It is not told of others.\n\n",
    );
    let rows = AccountEventType::ALL
        .iter()
        .filter(|told| !told.security_events().is_empty())
        .map(|told| {
            let types: Vec<_> = told.security_events().iter().map(|name| format!("`{name}`")).collect();
            [format!("`{}`", told.as_str()), types.join("<br>")]
        });
    table(&mut page, ["type", "event in the token"], rows);
    page
}

fn source(name: EventName, reasons: &[&str]) -> String {
    let reasons: Vec<_> = reasons.iter().map(|reason| format!("`{reason}`")).collect();
    let among = if reasons.is_empty() {
        String::new()
    } else {
        format!(" ({})", reasons.join(", "))
    };
    format!("`{}`{among}", name.as_str())
}

fn hashes_page() -> String {
    let mut page = "# Password hashes that can be imported\n\n\
        `password_hash` of [`vestibule users import`](../how-to/import-users.md), as the other program stored it.\n\n"
        .to_owned();
    let rows = supported_hashes().into_iter().map(|(maker, looks)| {
        let looks: Vec<String> = looks.iter().map(|look| format!("`{look}`")).collect();
        [maker.to_owned(), looks.join(", ")]
    });
    table(&mut page, ["made by", "as stored there"], rows);
    page
}

fn claims_page() -> String {
    let mut page = "# Claims of access tokens\n\n\
        An access token is a JWT after RFC 9068. Its header has `alg`, `kid` and `typ`, which is `at+jwt`, and nothing\n\
        else. Times are seconds since 1970. Ignore claims that you do not know, since later versions may add some.\n\
        [Verifying access tokens](../VERIFYING.md) says what must be checked. The tokens of services and of users'\n\
        API keys have [fewer claims](../VERIFYING.md#applications-and-services).\n\n"
        .to_owned();
    let rows = CLAIMS.iter().map(|claim| {
        let present = claim.present.unwrap_or("always").to_owned();
        [
            format!("`{}`", claim.name),
            claim.kind.to_owned(),
            present,
            claim.meaning.to_owned(),
        ]
    });
    table(&mut page, ["claim", "type", "present", "meaning"], rows);
    page
}

fn limits_page() -> String {
    let mut page = "# Limits\n\n\
        These numbers are the same in every deployment. Where a row has two, both hold. [Settings](settings.md) lists\n\
        what an operator can change, and [SECURITY.md](../SECURITY.md) explains how the limits work together.\n"
        .to_owned();
    for group in limits::all() {
        let rows = group.limits.into_iter();
        let rows = rows.map(|limit| [limit.what.to_owned(), limit.most, limit.window, limit.reason.to_owned()]);
        limits_table(&mut page, group.title, rows);
    }
    limits_table(
        &mut page,
        "The process",
        process_limits()
            .into_iter()
            .chain(provider_limits())
            .chain(hook_limits()),
    );
    page
}

fn limits_table(page: &mut String, title: &str, rows: impl IntoIterator<Item = [String; 4]>) {
    // Writing to a string cannot fail.
    let _ = writeln!(page, "\n## {title}\n");
    table(page, ["limit", "how many", "time", "reason"], rows);
}

/// Returns what protects the process and decides nothing about accounts; each number stands where it is used.
fn process_limits() -> [[String; 4]; 9] {
    let time = |time: Duration| format!("{} s", time.as_secs());
    [
        (
            "head of a request",
            "128 KiB".to_owned(),
            time(server::HEAD_TIMEOUT),
            "the size is actix's",
        ),
        (
            "body of a request",
            format!("{} KiB", json::MAX_BYTES / 1024),
            time(json::BODY_TIMEOUT),
            "no request needs more",
        ),
        (
            "connections of one worker, of which there is one for each processor",
            server::CONNECTIONS_OF_WORKER.to_string(),
            String::new(),
            "each takes memory",
        ),
        (
            "requests that wait for each database connection",
            pool::WAITING_FOR_EACH.to_string(),
            time(pool::TURN_TIMEOUT),
            "further ones are answered 503 at once",
        ),
        (
            "one statement, and its wait for a lock",
            String::new(),
            "5 s, 2 s".to_owned(),
            "a request ends in a bounded time",
        ),
        (
            "proof of possession",
            format!("{} bytes", dpop::MAX_LENGTH),
            String::new(),
            "no key needs more",
        ),
        (
            "document of an application",
            format!("{} KiB", client_documents::MOST_BYTES / 1024),
            time(client_documents::LIMIT),
            "its server belongs to a stranger",
        ),
        (
            "documents of applications that an instance fetches at once",
            client_documents::MOST_AT_ONCE.to_string(),
            String::new(),
            "further ones are refused",
        ),
        (
            "documents of applications that an instance remembers",
            client_documents::MOST_REMEMBERED.to_string(),
            String::new(),
            "each takes memory",
        ),
    ]
    .map(|(what, most, time, reason)| [what.to_owned(), most, time, reason.to_owned()])
}

/// Limits of what providers that users sign in with are asked.
fn provider_limits() -> [[String; 4]; 2] {
    [
        (
            "answer of a provider, and all answers for one request",
            format!("{} KiB", providers::MOST_BYTES / 1024),
            format!("{} s", providers::LIMIT.as_secs()),
            "a user waits for it",
        ),
        (
            "requests that wait for one provider in an instance",
            providers::MOST_AT_ONCE.to_string(),
            String::new(),
            "further ones are refused, so that a slow provider costs no other request anything",
        ),
    ]
    .map(|(what, most, time, reason)| [what.to_owned(), most, time, reason.to_owned()])
}

/// Limits of what the registration hook is asked.
fn hook_limits() -> [[String; 4]; 2] {
    [
        (
            "answer of the registration hook",
            format!("{} KiB", hook::MOST_BYTES / 1024),
            format!("{} s", registration_hook::LIMIT.as_secs()),
            "a user waits for it",
        ),
        (
            "requests that wait for the registration hook in an instance",
            registration_hook::MOST_AT_ONCE.to_string(),
            String::new(),
            "further ones count as failures of the hook, so that a slow one costs no other request anything",
        ),
    ]
    .map(|(what, most, time, reason)| [what.to_owned(), most, time, reason.to_owned()])
}

fn commands_page(program: Command) -> String {
    let mut page = "# Commands\n\n\
        `vestibule help COMMAND` and `man vestibule-COMMAND` show the same. All commands but `openapi`, `completions` and\n\
        `man` also take the [settings](settings.md) as flags.\n\n\
        The exit status is 0 after success, also after SIGTERM or SIGINT; 1 after a failure, whose reason is printed; 2 after\n\
        wrong usage or unusable settings. All unusable settings are listed at once, each by its variable.\n\n\
        Commands that list or show something take `--json`. Commands that cannot be undone ask for confirmation on a\n\
        terminal; elsewhere they require `--yes`. Long-running commands show their progress on standard error.\n\n\
        Where a command takes a USER, that is an e-mail address, a user name or an id.\n"
        .to_owned();
    // Sets the usage of every command.
    let mut program = program.disable_help_subcommand(true);
    program.build();
    for command in program.get_subcommands() {
        write_command(&mut page, command, "vestibule");
    }
    page
}

fn write_command(page: &mut String, command: &Command, above: &str) {
    if command.is_hide_set() {
        return;
    }
    let name = format!("{above} {}", command.get_name());
    // Writing to a string cannot fail.
    let _ = writeln!(page, "\n## {name}\n");
    let about = command.get_long_about().or_else(|| command.get_about());
    let about = about.map(ToString::to_string).unwrap_or_default();
    write_about(page, &about);
    let arguments: Vec<&Arg> = command.get_arguments().filter(|argument| is_own(argument)).collect();
    if !arguments.is_empty() {
        page.push('\n');
        table(page, ["argument", "meaning"], arguments.into_iter().map(argument_row));
    }
    for below in command.get_subcommands() {
        write_command(page, below, &name);
    }
}

/// Writes paragraphs as they are, and lines that are indented as a block of commands.
fn write_about(page: &mut String, about: &str) {
    let mut inside = false;
    for line in about.trim_end().lines() {
        let example = line.strip_prefix("  ").map(str::trim);
        match (inside, example) {
            (false, Some(_)) => page.push_str("```sh\n"),
            (true, None) => page.push_str("```\n"),
            _ => {}
        }
        inside = example.is_some();
        let _ = writeln!(page, "{}", example.unwrap_or(line));
    }
    if inside {
        page.push_str("```\n");
    }
}

/// Whether an argument is the command's own, not a setting or what every command has.
fn is_own(argument: &Arg) -> bool {
    let is_general = ["help", "version"].contains(&argument.get_id().as_str());
    !is_general && argument.get_help_heading() != Some("Settings") && !argument.is_hide_set()
}

fn argument_row(argument: &Arg) -> [String; 2] {
    let value = argument.get_value_names().and_then(|names| names.first());
    let value = value.map(ToString::to_string).unwrap_or_default();
    let takes_value = argument.get_action().takes_values();
    let name = match argument.get_long() {
        Some(long) if takes_value => format!("`--{long} {value}`"),
        Some(long) => format!("`--{long}`"),
        None => format!("`{value}`"),
    };
    let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
    [name, help]
}

fn table<const COLUMNS: usize>(
    page: &mut String,
    heads: [&str; COLUMNS],
    rows: impl IntoIterator<Item = [String; COLUMNS]>,
) {
    let _ = writeln!(page, "| {} |\n|{}", heads.join(" | "), "---|".repeat(COLUMNS));
    for row in rows {
        let cells = row.map(|cell| cell.replace('|', "\\|"));
        let _ = writeln!(page, "| {} |", cells.join(" | "));
    }
}
