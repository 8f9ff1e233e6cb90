//! The use cases, in folders by what users do: the only layer that combines domain, crypto and store. It does not
//! depend on HTTP.
//!
//! A flow reads the clock once, does slow work without holding a connection, and then decides in one transaction. A
//! refusal is an outcome, so that its failed attempt and its audit row are committed; only faults are errors.

pub mod account;
pub mod admin;
pub mod audit;
pub mod dpop;
pub mod factors;
pub mod fault;
pub mod federation;
pub mod limits;
pub mod maintenance;
pub mod notify;
pub mod oauth;
mod outcomes;
pub mod page;
mod reports;
pub mod session;
pub mod sign_in;
mod tx;
pub mod webhooks;

use std::sync::Arc;

use chrono::TimeDelta;

pub use self::fault::Fault;
use crate::breach_list::BreachList;
use crate::client_documents::ClientDocuments;
use crate::crypto::code_hash::{ClientSecretHasher, IdentifierHasher, RecoveryCodeHasher, SentCodeHasher};
use crate::crypto::hasher::PasswordHasher;
use crate::crypto::key_set::KeySet;
use crate::crypto::mac::TokenMac;
use crate::crypto::retired_keys::RetiredKeys;
use crate::crypto::sealer::Sealer;
use crate::crypto::work::WorkMac;
use crate::delivery::Senders;
use crate::delivery::templates::Templates;
use crate::domain::access_token::AccessTokenPolicy;
use crate::domain::clock::Clock;
use crate::domain::dpop::DpopPolicy;
use crate::domain::factor::{FactorKind, Factors};
use crate::domain::oauth::client_document::DocumentPolicy;
use crate::domain::passkey::UserVerification;
use crate::domain::password::PasswordRules;
use crate::domain::phone_number::SmsCountries;
use crate::domain::policy::{RegistrationMode, TwoFactorPolicy};
use crate::domain::random::Random;
use crate::domain::relying_party::RelyingParty;
use crate::domain::session::SessionLifetimes;
use crate::domain::signing_key::{PublicJwk, SigningAlgorithm};
use crate::domain::trusted_device::TrustPolicy;
use crate::outbound::OutboundCalls;
use crate::providers::Providers;
use crate::rate_limits::RateLimits;
use crate::registration_hook::RegistrationHook;
use crate::store::pool::Database;
use crate::store::recent_ends::RecentEnds;
use crate::store::session_batches::SessionBatches;

/// Everything a flow works with, built once in `app`.
pub struct Core {
    /// Stores all state.
    pub db: Database,
    /// Rotate and look up sessions, many in one statement.
    pub batches: SessionBatches,
    /// Reads which sessions ended of late, for all who ask.
    pub recent_ends: RecentEnds,
    /// Checks and hashes passwords.
    pub hasher: PasswordHasher,
    /// Detects breached passwords, if the deployment enables that.
    pub breach_list: Option<BreachList>,
    /// Fetches the documents of applications that describe themselves, if the deployment allows these.
    pub client_documents: Option<ClientDocuments>,
    /// Talks to the providers that users sign in with.
    pub providers: Providers,
    /// Asks whether an account may be made, if the deployment has such a hook.
    pub registration_hook: Option<RegistrationHook>,
    /// Posts messages to endpoints.
    pub webhook_calls: OutboundCalls,
    /// Seals secrets at rest.
    pub sealer: Sealer,
    /// Derived keys of master keys that were dropped.
    pub retired_keys: RetiredKeys,
    /// Issues and checks opaque tokens.
    pub tokens: TokenMac,
    /// Hashes recovery codes.
    pub recovery_code_hasher: RecoveryCodeHasher,
    /// Hashes sent codes.
    pub sent_code_hasher: SentCodeHasher,
    /// Hashes identifiers that failed attempts, quotas and audit rows are stored under.
    pub identifier_hasher: IdentifierHasher,
    /// Asks for work in the place of a wait, and checks it.
    pub work: WorkMac,
    /// Hashes the secrets of service clients.
    pub client_secret_hasher: ClientSecretHasher,
    /// The texts of messages.
    pub templates: Templates,
    /// Send messages, one per channel.
    pub senders: Senders,
    /// Limit how often one client address may call.
    pub rate_limits: RateLimits,
    /// Signs and checks access tokens.
    pub keys: KeySet,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// The source of randomness.
    pub random: Arc<dyn Random>,
    /// The deployment's settings.
    pub settings: Settings,
}

impl Core {
    /// Returns the public keys that tokens are verified with.
    ///
    /// # Errors
    ///
    /// Returns [`Fault::NoSigningKey`] before they are loaded: an empty set must never be published.
    pub fn published_keys(&self) -> Result<Arc<[PublicJwk]>, Fault> {
        Ok(self.keys.published()?)
    }
}

/// The deployment's settings for the flows.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What access tokens contain.
    pub access_tokens: AccessTokenPolicy,
    /// What applications that describe themselves may have.
    pub document_policy: DocumentPolicy,
    /// How access tokens are signed.
    pub signing_algorithm: SigningAlgorithm,
    /// Whether the tokens of new sessions are bound to a key of the client.
    pub dpop: DpopPolicy,
    /// How long sessions last.
    pub lifetimes: SessionLifetimes,
    /// How long the predecessor of a refresh token gets the same successor again; zero allows no reuse.
    pub refresh_reuse_grace: TimeDelta,
    /// Most sessions of one user.
    pub max_sessions: i64,
    /// Whether and for how long devices are trusted.
    pub trusted_devices: TrustPolicy,
    /// The maximum age of the proof that a sensitive change requires.
    pub step_up_max_age: TimeDelta,
    /// The kinds of second factors that users may set up.
    pub factors: Vec<FactorKind>,
    /// The domain and the pages that passkeys are for, if passkeys are used.
    pub relying_party: Option<RelyingParty>,
    /// Whether a passkey beside another factor has to verify its user. Alone, it always has to.
    pub user_verification: UserVerification,
    /// Countries whose phones can be set up as a second factor.
    pub sms_countries: SmsCountries,
    /// The base of links in mails, without a slash at its end.
    pub link_base_url: String,
    /// Whether an account cannot be used before its address is verified.
    pub email_verification_required: bool,
    /// Which new passwords are refused.
    pub password_rules: PasswordRules,
    /// Words of the deployment that make a password guessable (ASVS 6.1.2).
    pub password_words: Vec<String>,
    /// Whether every user needs a second factor.
    pub two_factor: TwoFactorPolicy,
    /// Who may register.
    pub registration: RegistrationMode,
    /// The name that authenticator apps show.
    pub totp_issuer: String,
}

impl Settings {
    /// Returns whether the deployment uses a kind of second factor: proofs of a kind that it does not use are not
    /// accepted, and no codes are sent for it. What only replaces a lost factor is always used.
    pub fn uses(&self, kind: FactorKind) -> bool {
        !kind.abilities().counts || self.factors.contains(&kind)
    }

    /// Returns the kinds of an account's factors that are accepted now, the strongest first: those that the deployment
    /// uses and, after too many wrong codes, only those that cannot be guessed. Every answer that names methods lists
    /// these, so that no method is offered that is refused.
    pub fn accepted_kinds(&self, factors: &Factors, codes_disabled: bool) -> impl Iterator<Item = FactorKind> {
        factors
            .usable()
            .filter(move |kind| self.uses(*kind) && kind.is_enabled(codes_disabled))
    }

    /// Returns the names of the second factors that users can set up, strongest first.
    pub fn available_factors(&self) -> Vec<&'static str> {
        let kinds = FactorKind::ALL.into_iter();
        let available = kinds.filter(|kind| kind.abilities().counts && self.uses(*kind));
        available.map(FactorKind::as_str).collect()
    }

    /// Returns whether these second factors are enough for an account: under `required`, it needs one that the
    /// deployment uses.
    fn allows(&self, factors: &Factors) -> bool {
        let mut usable = factors.usable();
        self.two_factor == TwoFactorPolicy::Optional || usable.any(|kind| kind.abilities().counts && self.uses(kind))
    }
}

/// Returns a span as whole seconds, for members named `…_in`; never negative.
fn whole_seconds(span: TimeDelta) -> u64 {
    u64::try_from(span.num_seconds()).unwrap_or_default()
}
