//! The file of providers that users may sign in with: TOML, a table for each.
//!
//! Secrets are in files of their own, so that this one can be shown and stored with other configuration. A member that is
//! not known is a fault: a misspelt `authoritative` would otherwise be believed to be set.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use secrecy::SecretString;
use toml::{Table, Value};
use zeroize::Zeroizing;

use super::reader::Reader;
use super::settings;
use super::source::SecretFile;
use super::toml_file;
use crate::crypto::client_credential::{AppleKey, ClientCredential};
use crate::domain::federation::authority::{Authority, GOOGLE_MAIL};
use crate::domain::federation::issuer::{CONSUMERS, ProviderIssuer, TENANT, Tenants};
use crate::domain::federation::provider::{Preset, Provider, ProviderId, TwoFactorClaims};
use crate::domain::oauth::redirect_uri::RedirectUri;
use crate::domain::{label, typed_text};
use crate::providers::ProviderSettings;

/// The most providers: buttons that a user can look through.
const MOST_PROVIDERS: usize = 16;
/// The most items of a list.
const MOST_ITEMS: usize = 50;
/// The longest text, such as the id of a client.
const LONGEST_TEXT: usize = 300;
/// The longest name of a provider.
const LONGEST_NAME: usize = 64;

const GOOGLE: &str = "https://accounts.google.com";
const MICROSOFT: &str = "https://login.microsoftonline.com/{tenantid}/v2.0";
const APPLE: &str = "https://appleid.apple.com";
const GITHUB: &str = "https://github.com";
const GITHUB_API: &str = "https://api.github.com";

/// The providers.
#[derive(Debug, Default)]
pub struct ProvidersConfig {
    /// In the order of their ids.
    pub providers: Vec<ProviderSettings>,
    /// The file; none without providers.
    pub file: Option<PathBuf>,
    /// The files that their secrets were read from.
    pub(super) secret_files: Vec<SecretFile>,
}

impl ProvidersConfig {
    /// Reads the section.
    pub(super) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let Some(path) = reader.text(&settings::OIDC_PROVIDERS_FILE) else {
            return Some(Self::default());
        };
        let read = toml_file::read(path).and_then(|file| parse(file, Path::new(path)));
        read.map_err(|faults| reader.faults(&settings::OIDC_PROVIDERS_FILE, faults))
            .ok()
    }
}

/// Parses the file. Paths in it are relative to its own.
fn parse(mut file: Table, path: &Path) -> Result<ProvidersConfig, Vec<String>> {
    let mut faults = Vec::new();
    let tables = if let Some(Value::Table(tables)) = file.remove("providers") {
        tables
    } else {
        faults.push("must have a table [providers.ID] for each provider".to_owned());
        Table::default()
    };
    faults.extend(file.keys().map(|name| format!("{name}: is not known here")));
    if tables.len() > MOST_PROVIDERS {
        faults.push(format!("providers: must be at most {MOST_PROVIDERS}"));
    }
    let directory = path.parent().unwrap_or(Path::new(""));
    let mut config = ProvidersConfig {
        file: Some(path.to_owned()),
        ..ProvidersConfig::default()
    };
    for (id, table) in tables {
        let mut members = Members::new(&id, table, directory);
        if let Some(provider) = read_provider(&id, &mut members) {
            config.providers.push(provider);
        }
        members.refuse_others();
        faults.append(&mut members.faults);
        config.secret_files.append(&mut members.secret_files);
    }
    config
        .providers
        .sort_by_key(|settings| settings.provider.issuer.in_configuration().to_owned());
    for (one, next) in config.providers.iter().zip(config.providers.iter().skip(1)) {
        if one.provider.issuer == next.provider.issuer {
            let (id, other) = (&next.provider.id, &one.provider.id);
            faults.push(format!(
                "providers.{id}.issuer: is that of providers.{other}, so their users could not be told apart"
            ));
        }
    }
    config
        .providers
        .sort_by(|one, other| one.provider.id.cmp(&other.provider.id));
    if faults.is_empty() { Ok(config) } else { Err(faults) }
}

fn read_provider(id: &str, members: &mut Members<'_>) -> Option<ProviderSettings> {
    let parsed = ProviderId::parse(id);
    let parsed = parsed.map_err(|wanted| members.fault_of_id(wanted)).ok();
    let preset = members.parse("preset", |text| {
        let names = Preset::ALL.map(Preset::as_str).join(", ");
        Preset::parse(text).ok_or_else(|| format!("must be one of {names}"))
    });
    let Some(preset) = preset else {
        // What else may be there depends on it.
        members.table.clear();
        return None;
    };
    // Each member is read, so that each fault is found.
    let name = read_name(preset, members);
    let issuer = read_issuer(preset, members);
    let api = read_api(preset, issuer.as_ref(), members);
    let client_id = members.required("client_id", |text| Ok(text.to_owned()));
    let credential = read_credential(preset, members);
    let scopes = read_scopes(preset, members);
    let redirect_uris = members.list("redirect_uris", RedirectUri::check);
    let authority = read_authority(preset, issuer.as_ref(), members);
    let [native_client_ids, acr, amr] =
        ["native_client_ids", "trusted_acr", "trusted_amr"].map(|member| read_of_id_tokens(preset, member, members));
    Some(ProviderSettings {
        provider: Provider {
            id: parsed?,
            name: name?,
            preset,
            redirect_uris: redirect_uris?.unwrap_or_default(),
            issuer: issuer?,
            api: api?,
            client_id: client_id?,
            native_client_ids: native_client_ids?,
            scopes: scopes?,
            authority: authority?,
            two_factors: TwoFactorClaims { acr: acr?, amr: amr? },
        },
        credential: credential?,
    })
}

/// Reads a list that is compared with ID tokens. GitHub has none, so an operator who sets it expects what does not
/// happen.
fn read_of_id_tokens(preset: Option<Preset>, member: &str, members: &mut Members<'_>) -> Option<Vec<String>> {
    let given = members.list(member, |text| Ok(text.to_owned()))?;
    if preset == Some(Preset::GitHub) && given.is_some() {
        return members.fault(member, "has no effect: GitHub has no ID tokens");
    }
    Some(given.unwrap_or_default())
}

fn read_name(preset: Option<Preset>, members: &mut Members<'_>) -> Option<String> {
    let check = |text: &str| {
        let wanted = || format!("must be 1 to {LONGEST_NAME} characters, without line ends and invisible characters");
        let is_good = label::is_label(text, LONGEST_NAME);
        is_good.then(|| text.to_owned()).ok_or_else(wanted)
    };
    match preset {
        None => members.required("name", check),
        Some(preset) => {
            let usual = match preset {
                Preset::Google => "Google",
                Preset::Microsoft => "Microsoft",
                Preset::Apple => "Apple",
                Preset::GitHub => "GitHub",
            };
            Some(members.parse("name", check)?.unwrap_or_else(|| usual.to_owned()))
        }
    }
}

fn read_issuer(preset: Option<Preset>, members: &mut Members<'_>) -> Option<ProviderIssuer> {
    let check = |text: &str| ProviderIssuer::check(text).map(str::to_owned).map_err(str::to_owned);
    let usual = match preset {
        None => return members.required("issuer", check).map(ProviderIssuer::One),
        Some(Preset::Google) => GOOGLE,
        Some(Preset::Microsoft) => MICROSOFT,
        Some(Preset::Apple) => APPLE,
        Some(Preset::GitHub) => GITHUB,
    };
    let issuer = members.parse("issuer", check);
    if preset != Some(Preset::Microsoft) {
        return Some(ProviderIssuer::One(issuer?.unwrap_or_else(|| usual.to_owned())));
    }
    let tenant = members.required("tenant", |text| Ok(text.to_owned()));
    let template = issuer?.unwrap_or_else(|| usual.to_owned());
    if !template.contains(TENANT) {
        return members.fault("issuer", format!("must have {TENANT} in the place of the tenant's id"));
    }
    let of = |id: &str| ProviderIssuer::One(template.replace(TENANT, id));
    match tenant?.as_str() {
        "consumers" => Some(of(CONSUMERS)),
        id if uuid::Uuid::try_parse(id).is_ok_and(|uuid| uuid.to_string() == id) => Some(of(id)),
        word => match Tenants::parse(word) {
            Some(tenants) => Some(ProviderIssuer::OfTenant { template, tenants }),
            None => members.fault(
                "tenant",
                "must be the id of a tenant, a UUID in lower case, or organizations, consumers or common",
            ),
        },
    }
}

/// Reads where GitHub's API is. A GitHub Enterprise Server has it below its own URL.
#[expect(
    clippy::option_option,
    reason = "a faulty member differs from one that does not apply"
)]
fn read_api(
    preset: Option<Preset>,
    issuer: Option<&ProviderIssuer>,
    members: &mut Members<'_>,
) -> Option<Option<String>> {
    if preset != Some(Preset::GitHub) {
        return Some(None);
    }
    let given = members.parse("api", |text| {
        let checked = ProviderIssuer::check(text).map_err(str::to_owned)?;
        Ok(checked.trim_end_matches('/').to_owned())
    })?;
    Some(given.or_else(|| match issuer?.base() {
        base if base == GITHUB => Some(GITHUB_API.to_owned()),
        base => Some(format!("{base}/api/v3")),
    }))
}

fn read_credential(preset: Option<Preset>, members: &mut Members<'_>) -> Option<ClientCredential> {
    if members.table.remove("client_secret").is_some() {
        members.fault::<()>(
            "client_secret",
            "must not be in this file: put it into a file of its own, and name that in client_secret_file",
        );
    }
    if preset == Some(Preset::Apple) {
        let team = members.required("team_id", |text| Ok(text.to_owned()));
        let id = members.required("key_id", |text| Ok(text.to_owned()));
        let pem = members.secret("private_key_file")?;
        let Some(pem) = pem else {
            return members.fault("private_key_file", "is missing");
        };
        return match AppleKey::parse(&team?, &id?, &pem) {
            Ok(key) => Some(ClientCredential::Apple(Arc::new(key))),
            Err(wanted) => members.fault("private_key_file", wanted),
        };
    }
    match (members.secret("client_secret_file")?, preset) {
        (Some(secret), _) if secret.is_empty() => members.fault("client_secret_file", "names an empty file"),
        (Some(secret), _) => Some(ClientCredential::Secret(SecretString::from(secret.as_str()))),
        // A company's own provider may have public clients, which the code verifier protects.
        (None, None) => Some(ClientCredential::Nothing),
        (None, Some(_)) => members.fault("client_secret_file", "is missing"),
    }
}

fn read_scopes(preset: Option<Preset>, members: &mut Members<'_>) -> Option<Vec<String>> {
    let given = members.list("scopes", |text| {
        let is_scope = |byte: u8| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\';
        let is_good = text.bytes().all(is_scope);
        is_good.then(|| text.to_owned()).ok_or("must be a list of scopes")
    })?;
    let is_github = preset == Some(Preset::GitHub);
    let usual: &[&str] = if is_github {
        &["user:email"]
    } else {
        &["openid", "email"]
    };
    let scopes = given.unwrap_or_else(|| usual.iter().map(|&scope| scope.to_owned()).collect());
    if is_github || scopes.iter().any(|scope| scope == "openid") {
        Some(scopes)
    } else {
        members.fault("scopes", "must have openid")
    }
}

/// Reads which addresses the provider is believed for. What is given replaces what the preset has.
fn read_authority(
    preset: Option<Preset>,
    issuer: Option<&ProviderIssuer>,
    members: &mut Members<'_>,
) -> Option<Authority> {
    const ALL: &str = "*";
    let given = members.list("authoritative", |text| match text {
        ALL => Ok(ALL.to_owned()),
        domain => Authority::domain(domain),
    })?;
    let is_usual = issuer.is_some_and(|issuer| [APPLE, GITHUB].contains(&issuer.base().as_str()));
    let Some(given) = given else {
        return Some(match preset {
            Some(Preset::Google) => Authority::ManagedDomains(GOOGLE_MAIL.map(str::to_owned).into()),
            // Both send a mail to an address, which its reader has to answer, before they call it verified.
            Some(Preset::Apple | Preset::GitHub) if is_usual => Authority::Everything,
            // A server of a company: its administrator decides about addresses.
            Some(Preset::Apple | Preset::GitHub | Preset::Microsoft) | None => Authority::Domains(Vec::new()),
        });
    };
    if given.len() > 1 && given.iter().any(|one| one == ALL) {
        return members.fault("authoritative", "must be [\"*\"] alone, or a list of domains");
    }
    if matches!(issuer, Some(ProviderIssuer::OfTenant { .. })) && !given.is_empty() {
        return members.fault(
            "authoritative",
            "must be empty for several tenants: the administrator of any tenant chooses addresses",
        );
    }
    match (given.iter().any(|one| one == ALL), preset) {
        (true, Some(Preset::Google | Preset::Microsoft)) => members.fault(
            "authoritative",
            "must be a list of domains: this provider does not prove all addresses",
        ),
        (true, _) => Some(Authority::Everything),
        (false, Some(Preset::Google)) => Some(Authority::ManagedDomains(given)),
        (false, _) => Some(Authority::Domains(given)),
    }
}

/// The members of a table. Each that is read is taken out, so that those that are left are not known.
struct Members<'a> {
    id: &'a str,
    table: Table,
    directory: &'a Path,
    faults: Vec<String>,
    secret_files: Vec<SecretFile>,
}

impl<'a> Members<'a> {
    fn new(id: &'a str, table: Value, directory: &'a Path) -> Self {
        let mut members = Self {
            id,
            table: Table::default(),
            directory,
            faults: Vec::new(),
            secret_files: Vec::new(),
        };
        match table {
            Value::Table(table) => members.table = table,
            _ => members.faults.push(format!("providers.{id}: must be a table")),
        }
        members
    }

    /// Adds a fault, and returns nothing.
    fn fault<T>(&mut self, member: &str, wanted: impl AsRef<str>) -> Option<T> {
        self.faults
            .push(format!("providers.{}.{member}: {}", self.id, wanted.as_ref()));
        None
    }

    /// Adds the fault of the name of the table.
    fn fault_of_id(&mut self, wanted: &str) {
        self.faults.push(format!("providers.{}: the id {wanted}", self.id));
    }

    fn refuse_others(&mut self) {
        let others: Vec<String> = self.table.keys().cloned().collect();
        for member in others {
            self.fault::<()>(&member, "is not known here");
        }
    }

    /// Takes a text that may be absent: `None` is a fault, `Some(None)` an absent one.
    #[expect(clippy::option_option, reason = "a faulty member differs from an absent one")]
    fn text(&mut self, member: &str) -> Option<Option<String>> {
        match self.table.remove(member) {
            None => Some(None),
            Some(Value::String(text)) => match checked(&text) {
                Ok(text) => Some(Some(text)),
                Err(wanted) => self.fault(member, wanted),
            },
            Some(_) => self.fault(member, "must be a text"),
        }
    }

    #[expect(clippy::option_option, reason = "a faulty member differs from an absent one")]
    fn parse<T>(&mut self, member: &str, parse: impl Fn(&str) -> Result<T, String>) -> Option<Option<T>> {
        match self.text(member)? {
            None => Some(None),
            Some(text) => match parse(&text) {
                Ok(parsed) => Some(Some(parsed)),
                Err(wanted) => self.fault(member, wanted),
            },
        }
    }

    fn required<T>(&mut self, member: &str, parse: impl Fn(&str) -> Result<T, String>) -> Option<T> {
        match self.parse(member, parse)? {
            Some(parsed) => Some(parsed),
            None => self.fault(member, "is missing"),
        }
    }

    /// Takes a list of texts. Each item with a fault is named by its place.
    #[expect(clippy::option_option, reason = "a faulty member differs from an absent one")]
    fn list<T>(&mut self, member: &str, parse: impl Fn(&str) -> Result<T, &'static str>) -> Option<Option<Vec<T>>> {
        let items = match self.table.remove(member) {
            None => return Some(None),
            Some(Value::Array(items)) if items.len() <= MOST_ITEMS => items,
            Some(_) => return self.fault(member, format!("must be a list of at most {MOST_ITEMS} texts")),
        };
        let before = self.faults.len();
        let mut parsed = Vec::new();
        for (place, item) in items.iter().enumerate() {
            let text = item.as_str().ok_or("must be a text");
            let item = text.and_then(checked).and_then(|text| parse(&text));
            match item {
                Ok(item) => parsed.push(item),
                Err(wanted) => {
                    self.fault::<()>(&format!("{member}[{place}]"), wanted);
                }
            }
        }
        (self.faults.len() == before).then_some(Some(parsed))
    }

    /// Reads the secret in the file that a member names.
    #[expect(clippy::option_option, reason = "a faulty member differs from an absent one")]
    fn secret(&mut self, member: &str) -> Option<Option<Zeroizing<String>>> {
        let Some(name) = self.text(member)? else {
            return Some(None);
        };
        let path: PathBuf = self.directory.join(name);
        self.secret_files.push(SecretFile {
            variable: settings::OIDC_PROVIDERS_FILE.variable,
            path: path.clone(),
        });
        match std::fs::read_to_string(&path) {
            Ok(text) => Some(Some(Zeroizing::new(typed_text::trim(&Zeroizing::new(text)).to_owned()))),
            Err(error) => self.fault(member, format!("cannot be read from {}: {error}", path.display())),
        }
    }
}

/// Trims a text, and returns it if it is neither empty nor very long.
fn checked(text: &str) -> Result<String, &'static str> {
    let text = typed_text::trim(text);
    let is_good = !text.is_empty() && text.len() <= LONGEST_TEXT && !text.chars().any(char::is_control);
    let wanted = "must be 1 to 300 characters, without line ends";
    is_good.then(|| text.to_owned()).ok_or(wanted)
}
