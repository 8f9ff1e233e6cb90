//! The composition root: builds every concrete part once and passes it down.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use private_postgres::{Options, PrivatePostgres, PrivatePostgresError};
use secrecy::SecretString;
use url::Url;
use zeroize::Zeroizing;

use crate::api::branding::{Branding, Facts};
use crate::api::origins::Origins;
use crate::api::state::{ApiState, Development};
use crate::api::token_cookies::TokenCookies;
use crate::breach_list::BreachList;
use crate::client_documents::ClientDocuments;
use crate::config::{self, Config, DatabaseLocation, MasterKeySource, Mode};
use crate::crypto::code_hash::{ClientSecretHasher, IdentifierHasher, RecoveryCodeHasher, SentCodeHasher};
use crate::crypto::hasher::PasswordHasher;
use crate::crypto::key_set::KeySet;
use crate::crypto::keyring::{Keyring, MASTER_KEY_LENGTH};
use crate::crypto::mac::TokenMac;
use crate::crypto::sealer::Sealer;
use crate::crypto::stored_password::HashError;
use crate::crypto::work::WorkMac;
use crate::delivery::sms::{self, SmsWebhook};
use crate::delivery::smtp::{self, NoTls, SmtpTransport};
use crate::delivery::templates::{Brand, Templates};
use crate::delivery::{Sender, Senders};
use crate::domain::access_token::AccessTokenPolicy;
use crate::domain::clock::Clock;
use crate::domain::factor::FactorKind;
use crate::domain::network::AllowedNetworks;
use crate::domain::oauth::client_document::DocumentPolicy;
use crate::domain::oauth::client_url::Reach;
use crate::domain::oauth::redirect_uri::RedirectUri;
use crate::domain::policy::numbers::{MOST_WEBHOOKS, SHARED_DELIVERIES};
use crate::domain::random::{self, Random};
use crate::domain::relying_party::RelyingParty;
use crate::domain::trusted_device::TrustPolicy;
use crate::domain::typed_text;
use crate::flows::{Core, Settings};
use crate::outbound::{Network, OutboundCalls, SystemNetwork};
use crate::providers::{ProviderSettings, Providers};
use crate::rate_limits::RateLimits;
use crate::registration_hook::{self, RegistrationHook};
use crate::store::pool::Database;
use crate::store::recent_ends::RecentEnds;
use crate::store::session_batches::SessionBatches;
use crate::system::{ShiftedClock, SystemClock, SystemRandomness};

/// The name of the master key's file in the data directory.
pub(crate) const MASTER_KEY_FILE: &str = "master.key";

/// What the private PostgreSQL's role, database and messages call this program.
const PROGRAM: &str = "vestibule";

/// The directory of the private PostgreSQL in the data directory.
const PRIVATE_POSTGRES: &str = "postgres";

/// The name of the file in the data directory that contains the URL of the private PostgreSQL.
const DATABASE_URL_FILE: &str = "database.url";

/// How many times to try to lock the data directory while a short-lived process has it locked, and the pause between
/// two attempts: five seconds in all.
const HOLDER_ATTEMPTS: u32 = 50;
const HOLDER_PAUSE: Duration = Duration::from_millis(100);

/// Why the program could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The private PostgreSQL.
    #[error("{source}{}", alternative_to(.source))]
    Postgres {
        /// Why it cannot be had.
        #[from]
        source: PrivatePostgresError,
    },
    /// A command for a deployment that there is not, which would have made an empty one.
    #[error(
        "there is no database in {data_dir}: run this in the directory of the service, or set VESTIBULE_DATA_DIR; `vestibule migrate` makes a new one"
    )]
    NoDatabase {
        /// The data directory.
        data_dir: String,
    },
    /// The generated master key.
    #[error("the master key in {path} cannot be used: {reason}")]
    MasterKey {
        /// The file.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The address to listen on.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: String,
        /// Why not.
        source: io::Error,
    },
    /// The sockets that the supervisor passed to the process.
    #[error("the inherited sockets cannot be used: {0}")]
    Inherited(io::Error),
    /// The domain or the origins of passkeys.
    #[error(
        "passkeys cannot be used here: {0}; set VESTIBULE_PASSKEY_RP_ID and VESTIBULE_PASSKEY_ORIGINS, or leave passkey out of VESTIBULE_SECOND_FACTORS"
    )]
    Passkeys(String),
    /// A second factor that a role requires, where it is off.
    #[error(
        "VESTIBULE_SECOND_FACTORS_FOR requires passkeys, which are off: the host of the public URL is an IP address, and browsers make passkeys for domains only; set VESTIBULE_PUBLIC_URL"
    )]
    RoleFactors,
    /// The resources of applications that describe themselves.
    #[error(
        "VESTIBULE_CLIENT_DOCUMENT_RESOURCES must not have the audience of the deployment's own client, whose back ends would take the tokens of every application for their users'"
    )]
    DocumentResources,
    /// The connection to the mail server.
    #[error(transparent)]
    Mail(#[from] NoTls),
    /// The threads that wait for the database.
    #[error("the threads for the database cannot be started: {0}")]
    DatabaseThreads(io::Error),
    /// The hashing threads.
    #[error(transparent)]
    Hashing(#[from] HashError),
    /// The schema.
    #[error(transparent)]
    Migration(#[from] crate::store::migrations::MigrationError),
    /// The signing keys, or other stored data that cannot be read.
    #[error("cannot use the data in the database: {0}")]
    Stored(#[from] crate::flows::Fault),
    /// The server.
    #[error("the server failed: {0}")]
    Server(#[source] io::Error),
}

/// Returns what else the operator can do, where no private PostgreSQL can be had.
fn alternative_to(error: &PrivatePostgresError) -> &'static str {
    match error {
        PrivatePostgresError::ProgramsNotFound
        | PrivatePostgresError::ProgramsTooOld { .. }
        | PrivatePostgresError::NoAccount => ", or set DATABASE_URL",
        _ => "",
    }
}

/// A database to connect to, and its server process if this process started it.
pub struct OpenedDatabase {
    /// A libpq URL.
    pub url: SecretString,
    /// The server, if this process started it.
    server: Option<PrivatePostgres>,
    /// The file in which commands find the URL of that server.
    url_file: Option<PathBuf>,
}

impl OpenedDatabase {
    /// A database whose server this process did not start and must not stop.
    const fn of_others(url: SecretString) -> Self {
        Self {
            url,
            server: None,
            url_file: None,
        }
    }

    /// Stops the database server, if this process started it. The caller must report an error of the use before an
    /// error of the stop.
    pub fn close(self) -> Result<(), StartError> {
        if let Some(url_file) = self.url_file {
            // A file that remains is harmless: no server answers at its URL, and the next start overwrites it.
            let _ = fs::remove_file(url_file);
        }
        Ok(self.server.map_or(Ok(()), PrivatePostgres::stop)?)
    }
}

/// Starts the private PostgreSQL for a server, unless the settings name another database, and writes its URL where
/// commands find it.
pub fn open_database(config: &Config) -> Result<OpenedDatabase, StartError> {
    let data_dir = &config.database.data_dir;
    match &config.database.location {
        DatabaseLocation::Url(url) => Ok(OpenedDatabase::of_others(url.clone())),
        DatabaseLocation::Private => match take_private(data_dir)? {
            Private::Served(_) => Err(PrivatePostgresError::InUse {
                program: PROGRAM,
                data_dir: data_dir.clone(),
            }
            .into()),
            Private::Ours(server) => {
                // The URL is not a secret: the permissions of the socket's directory decide who may connect.
                let url_file = data_dir.join(DATABASE_URL_FILE);
                if let Err(error) = fs::write(&url_file, server.connection_url()) {
                    tracing::warn!(%error, path = %url_file.display(), "commands beside this server will not find its database");
                }
                Ok(OpenedDatabase {
                    url: server.connection_url().into(),
                    server: Some(server),
                    url_file: Some(url_file),
                })
            }
        },
    }
}

/// Reaches the database for a command that works on what is there. In a wrong directory it would otherwise make a new
/// database, of which the service knows nothing.
pub fn reach_existing_database(config: &Config) -> Result<OpenedDatabase, StartError> {
    let data_dir = &config.database.data_dir;
    if matches!(config.database.location, DatabaseLocation::Private) && !data_dir.join(PRIVATE_POSTGRES).exists() {
        let data_dir = data_dir.display().to_string();
        return Err(StartError::NoDatabase { data_dir });
    }
    reach_database(config)
}

/// Starts the private PostgreSQL for a command, or uses the one of a running server.
pub fn reach_database(config: &Config) -> Result<OpenedDatabase, StartError> {
    let data_dir = &config.database.data_dir;
    match &config.database.location {
        DatabaseLocation::Url(url) => Ok(OpenedDatabase::of_others(url.clone())),
        DatabaseLocation::Private => match take_private(data_dir)? {
            Private::Served(url) => Ok(OpenedDatabase::of_others(url)),
            Private::Ours(server) => {
                // A killed server left this file. Another command must not rely on a database that this one stops.
                let _ = fs::remove_file(data_dir.join(DATABASE_URL_FILE));
                Ok(OpenedDatabase {
                    url: server.connection_url().into(),
                    server: Some(server),
                    url_file: None,
                })
            }
        },
    }
}

/// The process that runs the private PostgreSQL.
enum Private {
    /// This process.
    Ours(PrivatePostgres),
    /// A running server; this is its URL.
    Served(SecretString),
}

/// Starts the private PostgreSQL, or finds the running server that has it. A process that has the data directory
/// locked and has not written the URL of its database is a command, or a server that is starting or stopping. Each of
/// them ends or becomes ready soon, so this function waits for it.
fn take_private(data_dir: &Path) -> Result<Private, StartError> {
    let options = Options {
        program: PROGRAM,
        data_dir: data_dir.to_path_buf(),
        server_settings: Vec::new(),
    };
    let mut attempts_left = HOLDER_ATTEMPTS;
    loop {
        let held = match PrivatePostgres::start(&options) {
            Err(error @ PrivatePostgresError::InUse { .. }) => error,
            started => return Ok(Private::Ours(started?)),
        };
        let url = fs::read_to_string(data_dir.join(DATABASE_URL_FILE)).unwrap_or_default();
        if !url.is_empty() {
            return Ok(Private::Served(url.into()));
        }
        if attempts_left == 0 {
            return Err(held.into());
        }
        if attempts_left == HOLDER_ATTEMPTS {
            tracing::info!("another vestibule is using the data directory; waiting for it");
        }
        attempts_left -= 1;
        thread::sleep(HOLDER_PAUSE);
    }
}

/// The external sources of the service; tests inject their own.
pub struct Environment {
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The randomness.
    pub random: Arc<dyn Random>,
    /// What only `vestibule dev` offers.
    pub development: Option<Development>,
}

impl Environment {
    /// Returns the machine's clock and randomness; in development, a clock that can be moved.
    pub fn of(mode: Mode) -> Self {
        let random = Arc::new(SystemRandomness);
        match mode {
            Mode::Serve => Self {
                clock: Arc::new(SystemClock),
                random,
                development: None,
            },
            Mode::Development => {
                let clock = Arc::new(ShiftedClock::default());
                Self {
                    clock: clock.clone(),
                    random,
                    development: Some(Development { clock }),
                }
            }
        }
    }
}

/// Builds everything that requests need. Does not connect to anything yet.
pub fn build(
    config: &Config,
    database_url: &SecretString,
    public_url: &str,
    environment: Environment,
) -> Result<ApiState, StartError> {
    let made;
    let keyring = match &config.master_key {
        MasterKeySource::Given(keyring) => keyring.as_ref(),
        MasterKeySource::DataDirectory => {
            made = load_or_make_master_key(&config.database.data_dir, environment.random.as_ref())?;
            &made
        }
    };
    let server = &config.server;
    if !server.account_pages && server.link_base_url.is_none() && config.delivery.mail.is_some() {
        tracing::warn!("links in mails lead to the account pages, which are switched off: set VESTIBULE_LINK_BASE_URL");
    }
    let database = &config.database;
    let db = Database::new(database_url, database.pool_size, database.pooled, &keyring.label())
        .map_err(StartError::DatabaseThreads)?;
    let core = Arc::new(core(config, public_url, db, keyring, &environment)?);
    Ok(ApiState {
        public_url: public_url.to_owned(),
        trusted_proxies: server.trusted_proxies.clone(),
        origins: Origins::new(
            public_url,
            server.cors_origins.clone(),
            environment.development.is_some(),
        ),
        cookies: TokenCookies::of(public_url),
        account_pages: server.account_pages,
        console: server.console,
        branding: Branding::new(
            public_url,
            &Facts {
                app_name: &app_name(config, public_url),
                factors: &core.settings.factors,
                passwords: core.settings.password_rules,
                development: environment.development.is_some(),
                console: server.console,
            },
            config.branding.accent,
            config.branding.logo.clone(),
        ),
        core,
        openapi: OnceLock::new(),
        metrics: None,
        draining: AtomicBool::new(false),
        development: environment.development,
    })
}

/// Builds what the use cases need.
fn core(
    config: &Config,
    public_url: &str,
    db: Database,
    keyring: &Keyring,
    environment: &Environment,
) -> Result<Core, StartError> {
    let (clock, random) = (Arc::clone(&environment.clock), Arc::clone(&environment.random));
    let (limits, develops) = (&config.limits, environment.development.is_some());
    let network: Arc<dyn Network> = Arc::new(SystemNetwork);
    let allowed = allowed_networks(config, develops);
    Ok(Core {
        batches: SessionBatches::new(&db),
        recent_ends: RecentEnds::new(&db),
        db,
        hasher: PasswordHasher::new(keyring, limits.bcrypt_cost, limits.hash_threads, Arc::clone(&random))?,
        breach_list: limits.breach_check_url.as_ref().map(BreachList::new),
        client_documents: config.tokens.client_documents.then(|| {
            let reach = if develops {
                Reach::OwnMachineToo
            } else {
                Reach::Internet
            };
            ClientDocuments::new(Arc::clone(&network), allowed.clone(), reach, Arc::clone(&clock))
        }),
        providers: Providers::new(&providers(config, public_url), &allowed, &network, &clock),
        registration_hook: config.registration_hook.clone().map(|hook| {
            let calls = OutboundCalls::new(&network, &allowed, registration_hook::MOST_AT_ONCE);
            RegistrationHook::new(hook, calls, Arc::clone(&clock))
        }),
        webhook_calls: OutboundCalls::new(&network, &allowed, MOST_WEBHOOKS + SHARED_DELIVERIES),
        sealer: Sealer::new(keyring, Arc::clone(&random)),
        retired_keys: keyring.retired_keys(),
        tokens: TokenMac::new(keyring),
        recovery_code_hasher: RecoveryCodeHasher::new(keyring),
        sent_code_hasher: SentCodeHasher::new(keyring),
        identifier_hasher: IdentifierHasher::new(keyring),
        client_secret_hasher: ClientSecretHasher::new(keyring),
        work: WorkMac::new(keyring),
        templates: templates(config, public_url),
        senders: senders(config, &clock, develops)?,
        keys: KeySet::default(),
        rate_limits: RateLimits::new(&clock, config.server.ip_limits, develops),
        clock,
        random,
        settings: settings(config, public_url)?,
    })
}

/// Returns the networks that calls to servers of others may reach beside the public internet.
fn allowed_networks(config: &Config, develops: bool) -> AllowedNetworks {
    let allowed = AllowedNetworks::new(config.server.outbound_allow.clone());
    if develops { allowed.and_loopback() } else { allowed }
}

fn settings(config: &Config, public_url: &str) -> Result<Settings, StartError> {
    let host = service_name(public_url);
    let tokens = &config.tokens;
    let (factors, relying_party) = second_factors(config, public_url)?;
    Ok(Settings {
        access_tokens: AccessTokenPolicy {
            issuer: public_url.to_owned(),
            audience: tokens.audience.clone().unwrap_or_else(|| public_url.to_owned()),
            client_id: tokens.client_id.clone(),
            ttl: tokens.access_token_ttl,
            with_email: tokens.with_email,
            with_username: tokens.with_username,
            role_factors: config.delivery.role_factors.clone(),
            role_permissions: tokens.role_permissions.clone(),
        },
        document_policy: document_policy(config, public_url)?,
        signing_algorithm: tokens.signing_algorithm,
        dpop: tokens.dpop,
        lifetimes: tokens.lifetimes,
        refresh_reuse_grace: tokens.refresh_reuse_grace,
        max_sessions: tokens.max_sessions,
        trusted_devices: TrustPolicy {
            ttl: tokens.trusted_device_ttl,
        },
        step_up_max_age: tokens.step_up_max_age,
        factors,
        relying_party,
        user_verification: config.delivery.passkeys.user_verification,
        sms_countries: config.delivery.sms_countries.clone(),
        link_base_url: link_base_url(config, public_url),
        email_verification_required: config.email_verification_required,
        password_rules: config.limits.password_rules,
        password_words: host
            .split('.')
            .map(str::to_owned)
            .chain(app_name(config, public_url).split_whitespace().map(str::to_owned))
            .chain(["vestibule".to_owned(), host.clone()])
            .collect(),
        two_factor: config.two_factor,
        registration: config.registration,
        totp_issuer: app_name(config, public_url),
    })
}

/// Returns the providers that users sign in with. The account pages, or the front end in their place, are always among
/// the pages that their answers go to.
fn providers(config: &Config, public_url: &str) -> Vec<ProviderSettings> {
    let page = format!("{}/federation", link_base_url(config, public_url));
    let own = RedirectUri::from_stored(page);
    let mut providers = config.providers.providers.clone();
    for settings in &mut providers {
        settings.provider.redirect_uris.push(own.clone());
    }
    providers
}

/// Returns where the pages are that links in mails lead to, without a slash at its end.
fn link_base_url(config: &Config, public_url: &str) -> String {
    let given = config.server.link_base_url.clone();
    given.unwrap_or_else(|| format!("{public_url}/account"))
}

/// Returns what applications that describe themselves may have: never tokens that the deployment's own back ends would
/// take for their users'.
fn document_policy(config: &Config, public_url: &str) -> Result<DocumentPolicy, StartError> {
    let policy = config.tokens.document_policy.clone();
    let own = config.tokens.audience.as_deref().unwrap_or(public_url);
    if policy.audiences.iter().any(|audience| audience == own) {
        return Err(StartError::DocumentResources);
    }
    Ok(policy)
}

/// Returns the kinds of second factors that are in use, and what passkeys are for. Without a domain there are none.
pub(crate) fn second_factors(
    config: &Config,
    public_url: &str,
) -> Result<(Vec<FactorKind>, Option<RelyingParty>), StartError> {
    let delivery = &config.delivery;
    let mut factors = delivery.second_factors.clone();
    let relying_party = if factors.contains(&FactorKind::Passkey) {
        let party = delivery.passkeys.relying_party(public_url);
        party.map_err(StartError::Passkeys)?
    } else {
        None
    };
    factors.retain(|kind| *kind != FactorKind::Passkey || relying_party.is_some());
    if delivery.role_factors.kinds().all(|kind| factors.contains(&kind)) {
        Ok((factors, relying_party))
    } else {
        Err(StartError::RoleFactors)
    }
}

/// Returns the name that users see: the one that the operator set, or the host of the deployment.
fn app_name(config: &Config, public_url: &str) -> String {
    let given = config.branding.app_name.clone();
    given.unwrap_or_else(|| service_name(public_url))
}

fn templates(config: &Config, public_url: &str) -> Templates {
    let brand = Brand {
        host: service_name(public_url),
        name: app_name(config, public_url),
        accent: config.branding.accent,
    };
    Templates::new(brand, &config.branding.texts)
}

/// Returns the host of the deployment.
fn service_name(public_url: &str) -> String {
    let host = Url::parse(public_url).ok();
    host.and_then(|url| url.host_str().map(str::to_owned))
        .unwrap_or_default()
}

/// Builds the sender of each channel. Development captures the messages of a channel that has no transport.
fn senders(config: &Config, clock: &Arc<dyn Clock>, development: bool) -> Result<Senders, StartError> {
    let without = || if development { Sender::Captured } else { Sender::Absent };
    let delivery = &config.delivery;
    let email = match &delivery.mail {
        Some(mail) => {
            let transport = SmtpTransport::new(&mail.server, mail.from.clone(), Arc::clone(clock), smtp::LIMIT)?;
            Sender::Transport(Arc::new(transport))
        }
        None => without(),
    };
    let sms = match &delivery.sms {
        Some(webhook) => {
            let (url, signer) = (&webhook.url, webhook.signer.clone());
            Sender::Transport(Arc::new(SmsWebhook::new(url, signer, Arc::clone(clock), sms::LIMIT)))
        }
        None => without(),
    };
    Ok(Senders { email, sms })
}

/// Loads the master key from the data directory. The first start generates it, in a file that only its owner can read.
fn load_or_make_master_key(data_dir: &Path, random: &dyn Random) -> Result<Keyring, StartError> {
    let path = data_dir.join(MASTER_KEY_FILE);
    let failed = |reason: String| StartError::MasterKey {
        path: path.display().to_string(),
        reason,
    };
    if !path.exists() {
        make_master_key(&path, random).map_err(|error| failed(error.to_string()))?;
    }
    let text = Zeroizing::new(fs::read_to_string(&path).map_err(|error| failed(error.to_string()))?);
    config::parse_keyring(typed_text::trim(&text)).map_err(failed)
}

/// Generates a master key. It is written under another name first: a crash could truncate the file, and whatever was
/// sealed with the lost key could never be read again.
fn make_master_key(path: &Path, random: &dyn Random) -> io::Result<()> {
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory)?;
    }
    let key = Zeroizing::new(random::bytes::<MASTER_KEY_LENGTH>(random));
    let text = Zeroizing::new(format!("{}\n", STANDARD.encode(key.as_slice())));
    let draft = path.with_extension("key.new");
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&draft)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&draft, path)?;
    tracing::info!(path = %path.display(), "generated a master key; store a copy with the backups of the database");
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn where_no_private_postgres_can_be_had_the_operator_learns_of_the_other_way() {
        let without = [
            PrivatePostgresError::ProgramsNotFound,
            PrivatePostgresError::ProgramsTooOld {
                oldest_supported: 14,
                found: "13".to_owned(),
            },
            PrivatePostgresError::NoAccount,
        ];
        for error in without {
            let message = StartError::from(error).to_string();
            assert!(message.ends_with(", or set DATABASE_URL"), "{message}");
        }
        let interrupted = PrivatePostgresError::Interrupted;
        let message = interrupted.to_string();
        assert_eq!(StartError::from(interrupted).to_string(), message);
    }

    #[test]
    fn the_master_key_is_made_once_for_its_owner_only() {
        let directory = tempfile::tempdir().unwrap();
        load_or_make_master_key(directory.path(), &SystemRandomness).unwrap();
        let path = directory.path().join(MASTER_KEY_FILE);
        let made = fs::read_to_string(&path).unwrap();
        load_or_make_master_key(directory.path(), &SystemRandomness).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), made);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_damaged_master_key_is_refused_and_kept() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(MASTER_KEY_FILE);
        fs::write(&path, "AAEC").unwrap();
        assert!(matches!(
            load_or_make_master_key(directory.path(), &SystemRandomness),
            Err(StartError::MasterKey { .. })
        ));
        assert_eq!(fs::read_to_string(&path).unwrap(), "AAEC");
    }
}
