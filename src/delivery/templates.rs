//! Renders messages: texts by language, in one layout for mail and one line for text messages.
//!
//! Texts are in `texts/*.ftl`, layouts in `layouts/`; both are compiled in. A test renders every message in every
//! language for every channel, so that a missing text is found before run time. Text that an attacker could choose
//! never gets into a message: a request's address is an [`IpAddr`](std::net::IpAddr), and its program is named from a
//! fixed list.

use std::fs;
use std::path::Path;

use askama::Template;
use chrono::{DateTime, Utc};
use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource};
use unic_langid::LanguageIdentifier;
use uuid::Uuid;

use super::Rendered;
use crate::domain::accent::{self, Colour};
use crate::domain::client_program::{ClientProgram, Program};
use crate::domain::message::{
    AdministratorChange, AdministratorChangeKind, Channel, Locale, Message, Notification, Occasion, WebhookChange,
};

/// The colour of buttons where the deployment does not set one.
const BUTTON: &str = "#1a5fb4";

/// How users recognise a deployment.
#[derive(Clone, Debug)]
pub struct Brand {
    /// The host of its URL, to which browsers bind codes.
    pub host: String,
    /// Its name.
    pub name: String,
    /// The colour of buttons; `None` means the built-in one.
    pub accent: Option<Colour>,
}

/// Renders messages.
pub struct Templates {
    brand: Brand,
    english: Texts,
    others: Vec<Texts>,
}

/// The texts of one language.
struct Texts {
    locale: Locale,
    bundle: FluentBundle<FluentResource>,
}

/// A button in a mail, with its address below it for readers whose mail program shows no buttons.
struct Link {
    label: String,
    url: String,
}

/// One line about the cause of a message.
struct Fact {
    name: String,
    value: String,
}

/// The HTML part of a mail.
#[derive(Template)]
#[template(path = "mail.html", config = "src/delivery/askama.toml")]
struct Page<'a> {
    lang: &'a str,
    service: &'a str,
    button: &'a str,
    subject: &'a str,
    lead: &'a str,
    code: Option<&'a str>,
    link: Option<&'a Link>,
    facts: &'a [Fact],
    paragraphs: &'a [String],
    footer: &'a str,
}

/// The plain-text part of a mail. Nothing is escaped: a `.txt` template is not HTML.
#[derive(Template)]
#[template(path = "mail.txt", config = "src/delivery/askama.toml")]
struct Plain<'a> {
    lead: &'a str,
    code: Option<&'a str>,
    link: Option<&'a Link>,
    facts: &'a [Fact],
    paragraphs: &'a [String],
    footer: &'a str,
}

impl Templates {
    /// Parses the built-in texts, and those that replace some of them.
    pub fn new(brand: Brand, replacements: &TextFiles) -> Self {
        let read = |locale| Texts::read(locale, replacements.of(locale));
        Self {
            brand,
            english: read(Locale::En),
            others: Locale::ALL
                .into_iter()
                .filter(|locale| *locale != Locale::En)
                .map(read)
                .collect(),
        }
    }

    /// Renders a notification for a channel.
    pub fn render(&self, channel: Channel, notification: &Notification) -> Rendered {
        match channel {
            Channel::Email => self.mail(notification),
            Channel::Sms => self.text_message(notification),
        }
    }

    fn mail(&self, notification: &Notification) -> Rendered {
        let texts = self.texts(notification.locale);
        let mut args = self.args(&notification.message);
        args.set("repeats", notification.repeats);
        let say = |text: &str| texts.say(text, &args);
        let id = text_id(&notification.message);
        let subject = say(&format!("{id}.subject")).trim_end().to_owned();
        let lead = say(&format!("{id}.lead"));
        // A first repetition reads like a first notice. Only further ones need a number.
        let repeated = (notification.repeats > 1).then_some("repeated");
        let paragraphs = repeated.iter().chain(advice(&notification.message));
        let paragraphs: Vec<String> = paragraphs.map(|text| say(text)).collect();
        let program = texts.program(notification.occasion.program);
        let facts = facts(&notification.occasion, program, notification.locale, say);
        let footer = say("automatic");
        let code = notification.message.code();
        let link = notification.message.link().map(|url| Link {
            label: say(&format!("{id}.link")),
            url: url.to_owned(),
        });
        let link = link.as_ref();
        let button = self.button();
        let page = Page {
            lang: notification.locale.as_str(),
            service: &self.brand.name,
            button: &button,
            subject: &subject,
            lead: &lead,
            code,
            link,
            facts: &facts,
            paragraphs: &paragraphs,
            footer: &footer,
        };
        let plain = Plain {
            lead: &lead,
            code,
            link,
            facts: &facts,
            paragraphs: &paragraphs,
            footer: &footer,
        };
        Rendered {
            // Writing to memory does not fail. If it did, the text without its layout would still be the message.
            text: plain
                .render()
                .unwrap_or_else(|_unwritten| format!("{lead}\n\n{}\n", code.unwrap_or_default())),
            html: page.render().ok(),
            subject,
        }
    }

    /// Returns the colour of buttons, on which white text is readable.
    fn button(&self) -> String {
        let accent = self.brand.accent.map(|accent| accent::shades(accent).0.accent);
        accent.map_or_else(|| BUTTON.to_owned(), |colour| colour.to_string())
    }

    /// Repeats the code in a last line that browsers fill in for this host only, so that a phishing page does not get
    /// it (WICG, origin-bound one-time codes).
    fn text_message(&self, notification: &Notification) -> Rendered {
        let args = self.args(&notification.message);
        let id = text_id(&notification.message);
        let words = self.texts(notification.locale).say(&format!("{id}.sms"), &args);
        let text = match notification.message.code() {
            Some(code) => format!("{words}\n\n@{} #{code}", self.brand.host),
            None => words,
        };
        Rendered {
            subject: String::new(),
            text,
            html: None,
        }
    }

    fn texts(&self, locale: Locale) -> &Texts {
        let other = self.others.iter().find(|texts| texts.locale == locale);
        other.unwrap_or(&self.english)
    }

    fn args<'a>(&'a self, message: &'a Message) -> FluentArgs<'a> {
        args(&self.brand.name, message)
    }
}

/// Returns the values for the placeholders in a message's texts.
#[expect(clippy::too_many_lines, reason = "a row for each message without values")]
fn args<'a>(service: &'a str, message: &'a Message) -> FluentArgs<'a> {
    let mut args = FluentArgs::new();
    args.set("service", service);
    match message {
        Message::SecondFactorCode { code, minutes } | Message::ConfirmationCode { code, minutes } => {
            args.set("code", code.as_str());
            args.set("minutes", *minutes);
        }
        Message::RecoveryCodeUsed { remaining } => args.set("remaining", *remaining),
        Message::PhoneFactorAdded { hint } => args.set("hint", hint.as_str()),
        Message::PasskeyAdded { name }
        | Message::PasskeyRemoved { name }
        | Message::PasskeyCloned { name }
        | Message::ApiKeyCreated { name } => {
            args.set("name", name.as_str());
        }
        Message::IdentityLinked { provider, account } | Message::IdentityUnlinked { provider, account } => {
            args.set("provider", provider.as_str());
            // No address is this word, which the texts select by.
            args.set("account", account.as_deref().unwrap_or("none"));
        }
        Message::MagicLink { minutes, .. }
        | Message::PasswordReset { minutes, .. }
        | Message::UnconfirmedAccount { minutes, .. }
        | Message::RegistrationStarted { minutes, .. } => {
            args.set("minutes", *minutes);
        }
        Message::Invitation { hours, .. } => args.set("hours", *hours),
        Message::DeviceTrusted { days } => args.set("days", *days),
        Message::WebhookCreated(change)
        | Message::WebhookUrlChanged(change)
        | Message::WebhookAddressesIncluded(change)
        | Message::WebhookSecretRotated(change)
        | Message::WebhookDeleted(change) => {
            args.set("site", change.site.as_str());
            args.set("addresses", if change.include_addresses { "included" } else { "none" });
            set_author(&mut args, change.author.as_deref());
        }
        Message::AdministratorChanged(change) => {
            args.set("account", change.account.as_str());
            args.set("change", change.change.as_str());
            set_author(&mut args, change.author.as_deref());
        }
        Message::AuthenticatorAdded
        | Message::AuthenticatorReplaced
        | Message::AuthenticatorRemoved
        | Message::RecoveryCodesReplaced
        | Message::EmailFactorAdded
        | Message::EmailFactorRemoved
        | Message::PhoneFactorRemoved
        | Message::RefreshTokenReused
        | Message::DeviceTokenReused
        | Message::SecondFactorFailures
        | Message::PasswordFailures
        | Message::SignInAfterFailures
        | Message::PasswordDisabled
        | Message::SecondFactorsDisabled
        | Message::PasswordRefusedToStrangers
        | Message::SecondFactorsRefusedToStrangers
        | Message::NewSignIn
        | Message::EmailVerification { .. }
        | Message::EmailChange { .. }
        | Message::EmailChangeRequested { .. }
        | Message::EmailChanged
        | Message::PasswordChanged
        | Message::PasswordWasReset
        | Message::PasswordRemoved
        | Message::PasswordSet
        | Message::UsernameChanged
        | Message::AccountExists
        | Message::AccountExported
        | Message::AccountDeleted
        | Message::SecondFactorsReset => {}
    }
    args
}

impl Texts {
    fn read(locale: Locale, replacement: Option<&str>) -> Self {
        let identifier: LanguageIdentifier = locale.as_str().parse().unwrap_or_default();
        let mut bundle = FluentBundle::new_concurrent(vec![identifier]);
        // Isolation marks around values are for mixed directions of writing, and would break a code that is copied.
        bundle.set_use_isolating(false);
        for source in [Some(language(locale).texts), replacement].into_iter().flatten() {
            // Texts that cannot be parsed are left out here. The tests find them in the built-in texts, and startup
            // finds them in an operator's.
            let resource = match FluentResource::try_new(source.to_owned()) {
                Ok(resource) | Err((resource, _)) => resource,
            };
            bundle.add_resource_overriding(resource);
        }
        Self { locale, bundle }
    }

    /// Names the program that sent a request.
    fn program(&self, client: ClientProgram) -> String {
        let mut args = FluentArgs::new();
        let program = match client.program {
            None => self.say("program-unknown", &args),
            Some(Program::App) => self.say("program-app", &args),
            Some(named) => named.name().to_owned(),
        };
        let Some(system) = client.system else {
            return program;
        };
        args.set("program", program);
        args.set("system", system.name());
        self.say("program-on-system", &args)
    }

    /// Returns a text (`id` or `id.attribute`). A missing one is shown by its id, which is better than no message.
    fn say(&self, text: &str, args: &FluentArgs<'_>) -> String {
        self.find(text, args).unwrap_or_else(|| text.to_owned())
    }

    /// Returns a text with all its placeholders filled; `None` if the text or a value is missing.
    fn find(&self, text: &str, args: &FluentArgs<'_>) -> Option<String> {
        self.fill(text, args).ok()
    }

    /// Returns a text with all its placeholders filled.
    ///
    /// # Errors
    ///
    /// Names the text that is missing, or the placeholder that has no value.
    fn fill(&self, text: &str, args: &FluentArgs<'_>) -> Result<String, String> {
        let (id, attribute) = match text.split_once('.') {
            Some((id, attribute)) => (id, Some(attribute)),
            None => (text, None),
        };
        let missing = || format!("{text} is missing: a text that is replaced needs all its parts");
        let message = self.bundle.get_message(id).ok_or_else(missing)?;
        let pattern = match attribute {
            Some(attribute) => message.get_attribute(attribute).map(|found| found.value()),
            None => message.value(),
        };
        let mut faults = Vec::new();
        let said = self
            .bundle
            .format_pattern(pattern.ok_or_else(missing)?, Some(args), &mut faults);
        match faults.first() {
            None => Ok(said.into_owned()),
            Some(fault) => Err(format!("{text} has a placeholder that cannot be filled ({fault})")),
        }
    }

    /// Checks that every message can be rendered.
    ///
    /// # Errors
    ///
    /// Names the faulty text, and says why.
    fn check(&self) -> Result<(), String> {
        for message in every_message() {
            let mut args = args("service", &message);
            args.set("repeats", 2);
            for text in texts_of(&message) {
                let said = self.fill(&text, &args)?;
                if text.ends_with(".subject") && said.trim_end().contains(char::is_control) {
                    return Err(format!(
                        "{text} must be one line: a line end would end the mail's header"
                    ));
                }
                if let Some(code) = message.code().filter(|_| text.split('.').next_back() == Some("sms"))
                    && !said.contains(code)
                {
                    return Err(format!("{text} must contain {{ $code }}"));
                }
            }
        }
        let mut args = FluentArgs::new();
        args.set("program", "program");
        args.set("system", "system");
        self.fill("program-on-system", &args).map(|_said| ())
    }
}

/// Returns the ids of all texts of a message.
fn texts_of(message: &Message) -> Vec<String> {
    let id = text_id(message);
    // A link does not fit into a text message.
    let last = if message.link().is_some() { "link" } else { "sms" };
    let own = ["subject", "lead", last].map(|attribute| format!("{id}.{attribute}"));
    let shared = [
        "when",
        "address",
        "browser",
        "unknown",
        "automatic",
        "repeated",
        "program-unknown",
        "program-app",
    ];
    let common = shared.iter().chain(advice(message)).map(|text| (*text).to_owned());
    own.into_iter().chain(common).collect()
}

/// What is built in for a language.
struct Language {
    texts: &'static str,
    /// How a time is written, as `chrono` formats it.
    time: &'static str,
}

const fn language(locale: Locale) -> Language {
    match locale {
        Locale::En => Language {
            texts: include_str!("texts/en.ftl"),
            time: "%-d %B %Y, %H:%M UTC",
        },
        Locale::De => Language {
            texts: include_str!("texts/de.ftl"),
            time: "%d.%m.%Y, %H:%M UTC",
        },
        Locale::Fr => Language {
            texts: include_str!("texts/fr.ftl"),
            time: "%d/%m/%Y, %H:%M UTC",
        },
        Locale::Es => Language {
            texts: include_str!("texts/es.ftl"),
            time: "%d/%m/%Y, %H:%M UTC",
        },
    }
}

/// Files of an operator whose texts replace the built-in ones, named after their language, such as `en.ftl`.
#[derive(Clone, Debug, Default)]
pub struct TextFiles {
    files: Vec<(Locale, String)>,
}

impl TextFiles {
    /// Reads the files of a directory.
    ///
    /// # Errors
    ///
    /// Names the file and the text in it that cannot be used.
    pub fn load(directory: &Path) -> Result<Self, String> {
        let shown = directory.display();
        let entries = fs::read_dir(directory).map_err(|error| format!("cannot be read from {shown}: {error}"))?;
        let mut files = Vec::new();
        for entry in entries {
            let path = entry
                .map_err(|error| format!("cannot be read from {shown}: {error}"))?
                .path();
            if path.extension().is_none_or(|extension| extension != "ftl") {
                continue;
            }
            let name = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
            let locale = Locale::parse(name).ok_or_else(|| {
                let known = Locale::ALL.map(|locale| format!("{}.ftl", locale.as_str())).join(", ");
                format!("has the file {name}.ftl, and the languages are {known}")
            })?;
            let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
            // Some editors begin a file in UTF-8 with a byte order mark.
            let text = text.trim_start_matches('\u{feff}').to_owned();
            check(locale, &text).map_err(|fault| format!("{}: {fault}", path.display()))?;
            files.push((locale, text));
        }
        if files.is_empty() {
            return Err(format!("has no file of texts in {shown}, such as en.ftl"));
        }
        Ok(Self { files })
    }

    fn of(&self, locale: Locale) -> Option<&str> {
        let file = self.files.iter().find(|(language, _)| *language == locale);
        file.map(|(_, text)| text.as_str())
    }
}

/// Checks a file of texts.
fn check(locale: Locale, text: &str) -> Result<(), String> {
    if let Err((_, faults)) = FluentResource::try_new(text.to_owned()) {
        let fault = faults.first();
        let read = fault.and_then(|fault| text.get(..fault.pos.start)).unwrap_or_default();
        let reason = fault.map(ToString::to_string).unwrap_or_default();
        return Err(format!("line {}: {reason}", read.lines().count().max(1)));
    }
    let known: Vec<&str> = ids(language(locale).texts).collect();
    if let Some(unknown) = ids(text).find(|id| !known.contains(id)) {
        return Err(format!("{unknown} is not the name of a text"));
    }
    Texts::read(locale, Some(text)).check()
}

/// Names the operator. Who it was is apart from the name, which an account chooses, so that none can be taken for the
/// command line.
fn set_author<'a>(args: &mut FluentArgs<'a>, author: Option<&'a str>) {
    args.set("by", author.map_or("operator", |_named| "administrator"));
    args.set("author", author.unwrap_or_default());
}

/// Returns the ids of the texts in a file. They stand at the beginning of a line.
fn ids(source: &str) -> impl Iterator<Item = &str> {
    let named = source
        .lines()
        .filter(|line| line.starts_with(|first: char| first.is_ascii_alphabetic()));
    named
        .filter_map(|line| line.split_once('='))
        .map(|(id, _)| id.trim_end())
}

/// The id of a text is the kind of its message, with hyphens, as is usual in Fluent.
fn text_id(message: &Message) -> String {
    message.kind().replace('_', "-")
}

/// Returns the ids of the texts that follow the lead: what to do, and what never to do.
const fn advice(message: &Message) -> &'static [&'static str] {
    match message {
        Message::SecondFactorCode { .. } => &["lasts", "never-share", "code-not-you"],
        Message::ConfirmationCode { .. } => &["lasts", "never-share", "confirmation-not-you"],
        Message::EmailVerification { .. } => &["verification-not-you"],
        Message::EmailChange { .. } => &["email-change-not-you"],
        Message::EmailChangeRequested { .. } => &["email-change-requested-advice", "never-forward"],
        Message::MagicLink { .. } | Message::PasswordReset { .. } => &["link-lasts", "never-forward", "link-not-you"],
        Message::AccountExists => &["account-exists-advice"],
        Message::UnconfirmedAccount { .. } | Message::RegistrationStarted { .. } => {
            &["link-lasts", "never-forward", "unconfirmed-account-not-you"]
        }
        Message::PasswordDisabled
        | Message::SecondFactorsDisabled
        | Message::PasswordRefusedToStrangers
        | Message::SecondFactorsRefusedToStrangers => &["disabled-advice"],
        Message::Invitation { .. } => &["invitation-lasts", "never-forward", "invitation-not-you"],
        Message::SecondFactorsReset => &["second-factors-reset-advice", "second-factors-reset-not-you"],
        Message::AccountDeleted => &[],
        Message::WebhookCreated(_)
        | Message::WebhookUrlChanged(_)
        | Message::WebhookAddressesIncluded(_)
        | Message::WebhookSecretRotated(_) => &["webhook-not-meant"],
        Message::WebhookDeleted(_) | Message::AdministratorChanged(_) => &["administrator-not-meant"],
        _ => &["notice-not-you"],
    }
}

fn facts(occasion: &Occasion, program: String, locale: Locale, say: impl Fn(&str) -> String) -> Vec<Fact> {
    let address = occasion.ip.map(|ip| ip.to_canonical().to_string());
    let fact = |name: &str, value: Option<String>| Fact {
        name: say(name),
        value: value.unwrap_or_else(|| say("unknown")),
    };
    vec![
        fact("when", Some(written(occasion.at, locale))),
        fact("address", address),
        fact("browser", Some(program)),
    ]
}

fn written(at: DateTime<Utc>, locale: Locale) -> String {
    at.format(language(locale).time).to_string()
}

/// Returns every message, with a value for each placeholder.
fn every_message() -> Vec<Message> {
    let all = [
        messages_about_factors(),
        messages_about_accounts(),
        messages_to_administrators(),
    ]
    .concat();
    all.iter().for_each(is_among_them);
    all
}

fn messages_about_factors() -> Vec<Message> {
    let code = "12345678".to_owned();
    let name = || "Blue key".to_owned();
    let provider = || "Example".to_owned();
    vec![
        Message::SecondFactorCode {
            code: code.clone(),
            minutes: 10,
        },
        Message::ConfirmationCode { code, minutes: 1 },
        Message::PasskeyAdded { name: name() },
        Message::PasskeyRemoved { name: name() },
        Message::PasskeyCloned { name: name() },
        Message::AuthenticatorAdded,
        Message::AuthenticatorReplaced,
        Message::AuthenticatorRemoved,
        Message::RecoveryCodesReplaced,
        Message::RecoveryCodeUsed { remaining: 0 },
        Message::RecoveryCodeUsed { remaining: 1 },
        Message::RecoveryCodeUsed { remaining: 9 },
        Message::EmailFactorAdded,
        Message::EmailFactorRemoved,
        Message::PhoneFactorAdded { hint: "89".to_owned() },
        Message::PhoneFactorRemoved,
        Message::RefreshTokenReused,
        Message::DeviceTrusted { days: 1 },
        Message::DeviceTrusted { days: 30 },
        Message::ApiKeyCreated { name: name() },
        Message::IdentityLinked {
            provider: provider(),
            account: Some("jo@example.com".to_owned()),
        },
        Message::IdentityLinked {
            provider: provider(),
            account: None,
        },
        Message::IdentityUnlinked {
            provider: provider(),
            account: Some("jo@example.com".to_owned()),
        },
        Message::IdentityUnlinked {
            provider: provider(),
            account: None,
        },
        Message::DeviceTokenReused,
        Message::SecondFactorFailures,
        Message::PasswordFailures,
        Message::SignInAfterFailures,
        Message::PasswordDisabled,
        Message::SecondFactorsDisabled,
        Message::PasswordRefusedToStrangers,
        Message::SecondFactorsRefusedToStrangers,
    ]
}

fn messages_about_accounts() -> Vec<Message> {
    vec![
        Message::NewSignIn,
        Message::EmailVerification { link: link() },
        Message::EmailChange { link: link() },
        Message::EmailChangeRequested { link: link() },
        Message::EmailChanged,
        Message::MagicLink {
            link: link(),
            minutes: 10,
        },
        Message::PasswordReset {
            link: link(),
            minutes: 15,
        },
        Message::PasswordChanged,
        Message::PasswordWasReset,
        Message::PasswordRemoved,
        Message::PasswordSet,
        Message::UsernameChanged,
        Message::AccountExists,
        Message::AccountExported,
        Message::UnconfirmedAccount {
            link: link(),
            minutes: 15,
        },
        Message::RegistrationStarted {
            link: link(),
            minutes: 15,
        },
        Message::AccountDeleted,
        Message::Invitation {
            link: link(),
            hours: 24,
        },
        Message::SecondFactorsReset,
    ]
}

fn messages_to_administrators() -> Vec<Message> {
    let authors = [None, Some("root@example.com".to_owned())];
    let webhooks = authors.iter().cloned().map(|author| WebhookChange {
        site: "https://hooks.example.com".to_owned(),
        id: None,
        include_addresses: author.is_some(),
        author,
    });
    let kinds = [
        Message::WebhookCreated,
        Message::WebhookUrlChanged,
        Message::WebhookAddressesIncluded,
        Message::WebhookSecretRotated,
        Message::WebhookDeleted,
    ];
    let of_kind = |kind: fn(WebhookChange) -> Message| webhooks.clone().map(kind);
    let of_change = |change| {
        let named = authors.iter().cloned().map(move |author| AdministratorChange {
            account: "jo@example.com".to_owned(),
            id: Uuid::nil(),
            change,
            author,
        });
        named.map(Message::AdministratorChanged)
    };
    let about_webhooks = kinds.into_iter().flat_map(of_kind);
    about_webhooks
        .chain(AdministratorChangeKind::ALL.into_iter().flat_map(of_change))
        .collect()
}

/// Does not compile until a message that is added here is added above, too.
fn is_among_them(message: &Message) {
    match message {
        Message::SecondFactorCode { .. }
        | Message::ConfirmationCode { .. }
        | Message::PasskeyAdded { .. }
        | Message::PasskeyRemoved { .. }
        | Message::PasskeyCloned { .. }
        | Message::AuthenticatorAdded
        | Message::AuthenticatorReplaced
        | Message::AuthenticatorRemoved
        | Message::RecoveryCodesReplaced
        | Message::RecoveryCodeUsed { .. }
        | Message::EmailFactorAdded
        | Message::EmailFactorRemoved
        | Message::PhoneFactorAdded { .. }
        | Message::PhoneFactorRemoved
        | Message::RefreshTokenReused
        | Message::DeviceTrusted { .. }
        | Message::ApiKeyCreated { .. }
        | Message::IdentityLinked { .. }
        | Message::IdentityUnlinked { .. }
        | Message::DeviceTokenReused
        | Message::SecondFactorFailures
        | Message::PasswordFailures
        | Message::SignInAfterFailures
        | Message::PasswordDisabled
        | Message::SecondFactorsDisabled
        | Message::PasswordRefusedToStrangers
        | Message::SecondFactorsRefusedToStrangers
        | Message::NewSignIn
        | Message::EmailVerification { .. }
        | Message::EmailChange { .. }
        | Message::EmailChangeRequested { .. }
        | Message::EmailChanged
        | Message::MagicLink { .. }
        | Message::PasswordReset { .. }
        | Message::PasswordChanged
        | Message::PasswordWasReset
        | Message::PasswordRemoved
        | Message::PasswordSet
        | Message::UsernameChanged
        | Message::AccountExists
        | Message::AccountExported
        | Message::UnconfirmedAccount { .. }
        | Message::RegistrationStarted { .. }
        | Message::AccountDeleted
        | Message::Invitation { .. }
        | Message::SecondFactorsReset
        | Message::WebhookCreated(_)
        | Message::WebhookUrlChanged(_)
        | Message::WebhookAddressesIncluded(_)
        | Message::WebhookSecretRotated(_)
        | Message::WebhookDeleted(_)
        | Message::AdministratorChanged(_) => {}
    }
}

/// A link such as mails contain.
fn link() -> String {
    "https://auth.example.com/account/x#token=vev_A-_1".to_owned()
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    fn notification(message: Message, locale: Locale) -> Notification {
        Notification {
            to: "jo@example.com".to_owned(),
            locale,
            message,
            occasion: Occasion {
                at: DateTime::from_timestamp(1_700_000_000, 0).unwrap(),
                ip: Some(IpAddr::from([192, 0, 2, 7])),
                program: ClientProgram::of("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Firefox/140.0"),
            },
            repeats: 0,
        }
    }

    fn brand(name: &str) -> Brand {
        Brand {
            host: "auth.example.com".to_owned(),
            name: name.to_owned(),
            accent: None,
        }
    }

    fn templates() -> Templates {
        Templates::new(brand("auth.example.com"), &TextFiles::default())
    }

    #[test]
    fn every_text_of_every_message_is_there_in_every_language_with_all_places_filled() {
        let templates = templates();
        for locale in Locale::ALL {
            let texts = templates.texts(locale);
            for message in every_message() {
                let mut args = templates.args(&message);
                args.set("repeats", 2);
                for text in texts_of(&message) {
                    let said = texts.find(&text, &args);
                    let said = said.unwrap_or_else(|| panic!("{text} in {}", locale.as_str()));
                    assert!(!said.trim().is_empty() && !said.contains(['{', '}']), "{text}: {said}");
                }
            }
        }
    }

    #[test]
    fn all_languages_have_the_same_texts_and_can_be_read_without_fault() {
        let [english, others @ ..] = Locale::ALL.map(|locale| {
            let source = language(locale).texts;
            assert!(FluentResource::try_new(source.to_owned()).is_ok());
            ids(source).map(str::to_owned).collect::<Vec<_>>()
        });
        for (locale, other) in Locale::ALL.into_iter().skip(1).zip(others) {
            assert_eq!(english, other, "{locale:?}");
        }
        let files = fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/src/delivery/texts")).unwrap();
        assert_eq!(files.count(), Locale::ALL.len(), "each file is of a language");
    }

    /// A sentence that was left in English says the same in two languages.
    #[test]
    fn nothing_is_left_in_english() {
        let templates = templates();
        for message in every_message() {
            let mut args = templates.args(&message);
            args.set("repeats", 2);
            // One word, such as the label of a fact, may be the same.
            for text in texts_of(&message) {
                let said = templates.english.find(&text, &args).unwrap();
                for other in templates.others.iter().filter(|_| said.split(' ').count() > 2) {
                    assert_ne!(said, other.find(&text, &args).unwrap(), "{text} in {:?}", other.locale);
                }
            }
        }
    }

    /// French uses the singular for zero, too. The number zero has a text of its own where it matters.
    #[test]
    fn numbers_have_the_forms_of_the_language() {
        for (locale, minutes, words) in [
            (Locale::En, 0, "0 minutes"),
            (Locale::En, 1, "one minute"),
            (Locale::Fr, 0, "une minute"),
            (Locale::Fr, 2, "2 minutes"),
            (Locale::Es, 0, "0 minutos"),
            (Locale::Es, 1, "un minuto"),
        ] {
            let message = Message::MagicLink { link: link(), minutes };
            let mail = templates().render(Channel::Email, &notification(message, locale));
            assert!(mail.text.contains(words), "{words}: {}", mail.text);
        }
    }

    #[test]
    fn a_mail_tells_when_and_from_where_in_its_language() {
        for (locale, at) in [
            (Locale::En, "14 November 2023, 22:13 UTC"),
            (Locale::De, "14.11.2023, 22:13 UTC"),
            (Locale::Fr, "14/11/2023, 22:13 UTC"),
            (Locale::Es, "14/11/2023, 22:13 UTC"),
        ] {
            for message in every_message() {
                let code = message.code().map(str::to_owned);
                let link = message.link().map(str::to_owned);
                let mail = templates().render(Channel::Email, &notification(message, locale));
                let html = mail.html.unwrap();
                assert!(html.contains(&format!("<html lang=\"{}\">", locale.as_str())));
                for body in [&html, &mail.text] {
                    for part in [at, "192.0.2.7", "Firefox", "Linux", "auth.example.com"] {
                        assert!(body.contains(part), "{part}: {body}");
                    }
                    assert!(code.as_ref().is_none_or(|code| body.contains(code)));
                    assert!(link.as_ref().is_none_or(|link| body.contains(link)));
                }
                assert!(!mail.subject.contains(['\r', '\n']) && mail.subject.chars().count() <= 78);
            }
        }
    }

    #[test]
    fn a_text_message_fits_into_one_and_binds_its_code_to_the_host() {
        // Of the alphabet (3GPP TS 23.038 §6.2.1), what these languages use beside ASCII.
        const GSM: &str = "äöüÄÖÜßàèéùìòÇÉÑñ¿¡\n";
        for locale in Locale::ALL {
            for message in every_message().into_iter().filter(|message| message.link().is_none()) {
                let code = message.code().map(str::to_owned);
                let text = templates().render(Channel::Sms, &notification(message, locale)).text;
                let plain =
                    |character: char| character.is_ascii_graphic() || character == ' ' || GSM.contains(character);
                assert!(text.chars().all(plain), "{text}");
                assert!(text.chars().count() <= 160, "{}: {text}", text.chars().count());
                assert!(text.contains("auth.example.com"));
                if let Some(code) = code {
                    assert!(text.ends_with(&format!("\n@auth.example.com #{code}")), "{text}");
                }
            }
        }
    }

    #[test]
    fn a_repeated_notice_says_how_often() {
        for (locale, words) in [
            (Locale::En, "59 more times"),
            (Locale::De, "59 weitere Male"),
            (Locale::Fr, "59 fois. Les détails"),
            (Locale::Es, "59 veces más"),
        ] {
            let mut notification = notification(Message::RecoveryCodesReplaced, locale);
            for repeats in [0, 1] {
                notification.repeats = repeats;
                let mail = templates().render(Channel::Email, &notification);
                assert!(!mail.text.contains(words.split_once(' ').unwrap().1), "{}", mail.text);
            }
            notification.repeats = 59;
            let mail = templates().render(Channel::Email, &notification);
            assert!(
                mail.text.contains(words) && mail.html.unwrap().contains(words),
                "{}",
                mail.text
            );
        }
    }

    #[test]
    fn programs_are_named_in_the_language_of_the_mail() {
        for (locale, user_agent, expected) in [
            (Locale::En, "curl/8.14.1", "With: curl\n"),
            (
                Locale::En,
                "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Firefox/140.0",
                "With: Firefox on Linux\n",
            ),
            (
                Locale::De,
                "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Firefox/140.0",
                "Mit: Firefox unter Linux\n",
            ),
            (
                Locale::De,
                "Dalvik/2.1.0 (Linux; U; Android 15)",
                "Mit: einer App unter Android\n",
            ),
            (
                Locale::En,
                "Your account is locked: call 0301234567",
                "With: an unknown program\n",
            ),
            (
                Locale::Fr,
                "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Firefox/140.0",
                "Avec: Firefox sur Linux\n",
            ),
            (
                Locale::Es,
                "Dalvik/2.1.0 (Linux; U; Android 15)",
                "Con: una aplicación en Android\n",
            ),
            (
                Locale::De,
                "Bot (Windows)",
                "Mit: einem unbekannten Programm unter Windows\n",
            ),
        ] {
            let mut notification = notification(Message::AuthenticatorRemoved, locale);
            notification.occasion.program = ClientProgram::of(user_agent);
            let mail = templates().render(Channel::Email, &notification);
            assert!(mail.text.contains(expected), "{expected}{}", mail.text);
        }
    }

    #[test]
    fn what_is_not_known_is_said_to_be_unknown() {
        let mut notification = notification(Message::RefreshTokenReused, Locale::De);
        notification.occasion.ip = None;
        notification.occasion.program = ClientProgram::default();
        let mail = templates().render(Channel::Email, &notification);
        assert!(
            mail.text
                .contains("Von der Adresse: unbekannt\nMit: einem unbekannten Programm\n"),
            "{}",
            mail.text
        );
    }

    fn replaced(files: &[(&str, &str)]) -> Result<TextFiles, String> {
        let directory = tempfile::tempdir().unwrap();
        for (name, text) in files {
            fs::write(directory.path().join(name), text).unwrap();
        }
        TextFiles::load(directory.path())
    }

    #[test]
    fn the_deployment_has_its_name_colour_and_words() {
        let code = "second-factor-code =\n    .subject = Hello from { $service }\n    .lead = Type this:\n    \
                    .sms = { $code } for { $service }\n";
        let files = replaced(&[("en.ftl", code), ("notes.txt", "anything")]).unwrap();
        // What stands after the last word of a subject is dropped.
        let ends = code.replace("{ $service }\n    .lead", "{ $service }{ \"\\u000A\" }\n    .lead");
        let files_with_end = replaced(&[("en.ftl", &ends)]).unwrap();
        let mail = Templates::new(brand("x"), &files_with_end);
        let first = notification(every_message().remove(0), Locale::En);
        assert_eq!(mail.render(Channel::Email, &first).subject, "Hello from x");
        let brand = Brand {
            accent: Colour::parse("#ffcc00"),
            ..brand("Fox & Friends")
        };
        let templates = Templates::new(brand, &files);
        let notification = |locale, message| notification(message, locale);
        let message = || every_message().remove(0);
        let mail = templates.render(Channel::Email, &notification(Locale::En, message()));
        assert_eq!(mail.subject, "Hello from Fox & Friends");
        assert!(mail.html.unwrap().contains("Fox &#38; Friends"));
        let text = templates
            .render(Channel::Sms, &notification(Locale::En, message()))
            .text;
        assert_eq!(text, "12345678 for Fox & Friends\n\n@auth.example.com #12345678");
        // Other texts, and the other language, are the built-in ones.
        let mail = templates.render(Channel::Email, &notification(Locale::De, message()));
        assert!(mail.subject.contains("Fox & Friends") && !mail.subject.contains("Hello"));
        let reset = Message::PasswordReset {
            link: link(),
            minutes: 15,
        };
        let html = templates
            .render(Channel::Email, &notification(Locale::En, reset))
            .html
            .unwrap();
        let colour = html
            .split("background-color:")
            .nth(1)
            .and_then(|rest| rest.get(..7))
            .unwrap();
        assert!(
            colour != BUTTON && colour != "#ffcc00",
            "white is not read on yellow: {colour}"
        );
    }

    #[test]
    fn texts_that_cannot_be_used_are_named_with_file_and_placeholder() {
        let whole = |sms: &str| format!("second-factor-code =\n    .subject = a\n    .lead = b\n    .sms = {sms}\n");
        for (file, text, says) in [
            ("en.ftl", "when = { $wehn }\n".to_owned(), "$wehn"),
            ("de.ftl", whole("{ $coed }"), "$coed"),
            (
                "de.ftl",
                whole("a code"),
                "second-factor-code.sms must contain { $code }",
            ),
            (
                "en.ftl",
                "magic-link =\n    .subject = Sign in\n".to_owned(),
                "magic-link.lead is missing",
            ),
            (
                "en.ftl",
                "when = When\n\nmagik-link = x\n".to_owned(),
                "magik-link is not the name of a text",
            ),
            ("en.ftl", "when = When\naddress = { $a\n".to_owned(), "line 2"),
            (
                "it.ftl",
                "when = Quando\n".to_owned(),
                "it.ftl, and the languages are en.ftl, de.ftl, fr.ftl, es.ftl",
            ),
            ("en.txt", "when = When\n".to_owned(), "no file of texts"),
            (
                "de.ftl",
                "magic-link =\n    .subject = Sign in\n        now\n    .lead = b\n    .link = c\n".to_owned(),
                "magic-link.subject must be one line",
            ),
            (
                "en.ftl",
                "magic-link =\n    .subject = a{ \"\\u000D\" }b\n    .lead = b\n    .link = c\n".to_owned(),
                "magic-link.subject must be one line",
            ),
        ] {
            let refused = replaced(&[(file, &text)]).unwrap_err();
            assert!(refused.contains(says), "{says}: {refused}");
            assert!(!file.contains(".ftl") || refused.contains(file), "{refused}");
        }
        assert!(TextFiles::load(Path::new("/does/not/exist")).is_err());
    }

    #[test]
    fn a_link_is_a_button_and_a_line() {
        let link = Link {
            label: "Go".to_owned(),
            url: "https://auth.example.com/?a=1&b=2".to_owned(),
        };
        let plain = Plain {
            lead: "",
            code: None,
            link: Some(&link),
            facts: &[],
            paragraphs: &[],
            footer: "",
        };
        assert!(
            plain
                .render()
                .unwrap()
                .contains("Go: https://auth.example.com/?a=1&b=2\n")
        );
    }
}
